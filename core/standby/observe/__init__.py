"""Sinks: folds over the events, one a file."""
