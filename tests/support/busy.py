"""How much slower a busy machine may be, so that its other work fails no test of real time."""

SLACK = 8.0
"""Seconds added to the bounds of real time; a real fault takes longer than any bound with them."""
