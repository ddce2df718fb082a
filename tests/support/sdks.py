"""Marks for the tests that need a new SDK: the distribution allows older ones."""

import pytest

from standby.runtime.versions import version_mismatch

needs_openai_3 = pytest.mark.skipif(
    bool(version_mismatch("openai>=3.0")), reason="requires openai>=3: older types have less"
)
