"""An outage simulated in virtual time, on the dispatch code that production uses."""
