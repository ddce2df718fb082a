"""What a busy machine may cost: bounds of real time are no failure of what is tested where the machine has other work."""

SLACK = 8.0
"""Seconds that may be added before something wakes, begins or ends; what is wrong takes longer than any bound with them."""
