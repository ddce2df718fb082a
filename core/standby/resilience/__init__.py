"""Breakers, budgets, bulkheads, time-outs and triggers: told the time, they know no provider."""
