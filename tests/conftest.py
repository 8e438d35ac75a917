"""What every test may count on: hypothesis looks as hard on every machine, and in CI always at the same examples."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests.postgres import _shared, any_database, database_url, postgres

__all__ = ["_shared", "any_database", "database_url", "postgres"]

# no deadline: a busy machine is not a bug
settings.register_profile("here", deadline=None, max_examples=60)
settings.register_profile(
    "ci", deadline=None, max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if os.environ.get("CI") else "here")
