"""Threads, the background loop and its watchdog, forks, and the isolation of a plugin's faults."""
