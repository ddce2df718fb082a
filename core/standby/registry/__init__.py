"""Discover and load plugins, and keep the adapters that are made from them."""
