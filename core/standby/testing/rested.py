"""Forgets what is known of models' health: it is the process's own, so one test's failures would rest the next one's models."""

from collections.abc import Generator
from contextlib import contextmanager

from standby import health


@contextmanager
def rested() -> Generator[None, None, None]:
    """Let clients that are made inside know no model's failures, and forget what they learn."""
    health.forget()
    try:
        yield
    finally:
        health.forget()
