"""Carry one request down one chain."""
