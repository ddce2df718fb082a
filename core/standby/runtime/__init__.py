"""Threads, the background loop, its watchdog, and what keeps a plugin's faults its own."""
