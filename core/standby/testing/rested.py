"""Forgets what is known of models' health: it is the process's own, so one test's failures would rest the next one's models."""

from collections.abc import Generator
from contextlib import contextmanager

from standby.resilience import health


@contextmanager
def rested() -> Generator[None, None, None]:
    """Let every client of the process know no model's failures, and forget at the end what they learn."""
    health.forget()
    try:
        yield
    finally:
        health.forget()
