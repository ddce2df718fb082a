"""The self-test of a chain: its own adapters against servers on this machine that fail."""
