"""Fixtures and the `--update` option that renews what is generated."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# In a job the same examples come every time: a change must not fail for what it did not do.
settings.register_profile("here", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("here")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update", action="store_true", help="write snapshots and reference pages anew"
    )


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update"))
