"""Plugins, discovered and loaded, and the adapters that are made of them."""
