"""Warnings about a valid file: what `standby validate` checks beyond errors, a topic a module."""
