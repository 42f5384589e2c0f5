"""Settings shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from mpmath import mp

dev = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", parent=dev)
settings.register_profile("ci", parent=dev, derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(autouse=True)
def _digits() -> Iterator[None]:
    """Every test begins with mpmath's own 15 digits, whatever ran before it."""
    with mp.workdps(15):
        yield
