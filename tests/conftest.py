"""Fixtures and the `--update` option that renews what is generated."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.reliability import Scanner

# In a job the same examples come every time: a change must not fail for what it did not do.
settings.register_profile("here", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("here")

# Who starts us in the background may have signals ignored, which the programs of tests inherit.
for _number, _usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)


def _no_network(event: str, arguments: tuple[Any, ...]) -> None:
    """Nothing here talks to another machine; sockets of this one are for browsers in tests."""
    if event == "socket.connect":
        address = arguments[1]
        here = not isinstance(address, tuple) or address[0] in ("127.0.0.1", "::1", "localhost")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        here = arguments[0] in ("127.0.0.1", "::1", "localhost", None)
    else:
        return
    if not here:
        raise RuntimeError(f"{event} in a test: {arguments[1:]}")


sys.addaudithook(_no_network)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update", action="store_true", help="write snapshots and reference pages anew"
    )


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update"))


@pytest.fixture
def scanner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Scanner:
    """Scans a directory of its own, where nothing of this machine's git or home is seen."""
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "home").mkdir()
    for name in [name for name in os.environ if name.startswith(("GIT_", "TF_", "IACHYGIENE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / ".cache"))
    monkeypatch.chdir(root)
    return Scanner(root, capsys)
