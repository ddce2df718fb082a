"""Breakers, budgets, bulkheads, time-outs and triggers; they get the time and know no provider."""
