"""The self-test: a chain's own adapters against servers on this machine that fail on demand, then are well again."""
