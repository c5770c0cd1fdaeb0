"""What a terminal sees, and what a pipe must not: colour, progress, width, questions."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

STANDINS = Path(__file__).parent / "standins"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
PROGRESS = "\r\x1b[K"
SLOW = """\
#!/bin/sh
case "$1" in version) echo '{"terraform_version": "1.9.0"}'; exit 0 ;; esac
sleep 1.2
printf '\\033[31mit broke\\033[0m\\n' >&2
exit 7
"""


class Terminal:
    """Runs the program with some of its streams on a terminal of 80 columns."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        self.environment = {"PATH": f"{home}:{os.environ['PATH']}", "HOME": str(home)}
        self.environment["TERM"] = "xterm-256color"
        self.code = 0

    def run(
        self, *words: str, streams: str = "oe", answers: str = "", **environment: str
    ) -> tuple[str, str]:
        """What was shown on the terminal, and what went into pipes.

        `streams` are those on the terminal: "i"nput, "o"utput, "e"rrors.
        """
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", "iachygiene", *words],
            cwd=self.root,
            env={**self.environment, **environment},
            stdin=slave if "i" in streams else subprocess.DEVNULL,
            stdout=slave if "o" in streams else subprocess.PIPE,
            stderr=slave
            if "e" in streams
            else subprocess.STDOUT
            if "o" not in streams
            else subprocess.PIPE,
        )
        os.close(slave)
        if answers:
            os.write(master, answers.encode())
        shown = bytearray()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            ready, _, _ = select.select([master], [], [], 0.1)
            try:
                piece = os.read(master, 65536) if ready else b""
            except OSError:  # nobody holds the other end any more
                break
            shown += piece
            if not piece and process.poll() is not None:
                break
        out, err = process.communicate(timeout=30)
        os.close(master)
        self.code = process.returncode
        return shown.decode(), ((out or b"") + (err or b"")).decode()


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    root, home = tmp_path / "root", tmp_path / "home"
    root.mkdir()
    home.mkdir()
    (root / "Dockerfile").write_text("FROM debian\nRUN echo \x1b[31mred\n")
    (root / "main.tf").write_text('variable "a" {}\n')
    program = home / "terraform"
    program.write_text(SLOW)
    program.chmod(0o755)
    return Terminal(root, home)


@pytest.mark.parametrize(
    ("environment", "words", "coloured"),
    [
        ({}, (), True),
        ({"NO_COLOR": "1"}, (), False),
        ({"NO_COLOR": ""}, (), True),
        ({"TERM": "dumb"}, (), False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, (), True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, (), True),
        ({"FORCE_COLOR": "0"}, (), True),
        ({"GITHUB_ACTIONS": "true"}, (), False),
        ({"FORCE_COLOR": "1"}, ("--color", "never"), False),
        ({"NO_COLOR": "1"}, ("--color", "always"), True),
    ],
)
def test_a_terminal_has_colour_unless_told_otherwise(
    environment: dict[str, str], words: tuple[str, ...], coloured: bool, terminal: Terminal
) -> None:
    shown, _ = terminal.run(*words, "scan", "--engine", "builtin", streams="o", **environment)
    assert "DF3006" in shown
    assert bool(COLOUR.search(shown)) == coloured
    # What files hold is never passed on.
    assert "\x1b[31mred" not in shown
    assert "\\x1b[31mred" in COLOUR.sub("", shown)


@pytest.mark.parametrize("streams", ["", "e", "i"])
def test_no_escape_reaches_a_pipe_from_us_or_from_programs(
    streams: str, terminal: Terminal
) -> None:
    _, piped = terminal.run("scan", streams=streams)
    assert "DF3006" in piped
    assert "it broke" in piped
    assert "\x1b" not in piped


def test_a_pipe_is_coloured_where_that_is_forced(terminal: Terminal) -> None:
    _, piped = terminal.run("scan", streams="", FORCE_COLOR="1")
    assert COLOUR.search(piped)
    assert "\x1b" not in COLOUR.sub("", piped)


def test_progress_is_shown_on_a_terminal_and_taken_away(terminal: Terminal) -> None:
    shown, piped = terminal.run("scan", streams="e")
    assert f"{PROGRESS}waiting for terraform, " in shown
    assert shown.endswith(PROGRESS)
    assert "DF3006" in piped
    # At most ten times a second.
    assert shown.count("waiting for") < 30


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (("-q", "scan"), {}),
        (("scan", "--hook", "iachygiene", "Dockerfile", "main.tf"), {}),
        (("scan",), {"CI": "true"}),
        (("scan",), {"TERM": "dumb"}),
    ],
)
def test_nobody_who_wants_none_is_shown_progress(
    words: tuple[str, ...], environment: dict[str, str], terminal: Terminal
) -> None:
    shown, _ = terminal.run(*words, streams="e", **environment)
    assert shown == ""


def test_a_quick_scan_shows_no_progress(terminal: Terminal) -> None:
    shown, _ = terminal.run("scan", "--engine", "builtin", streams="e")
    assert "checking" not in shown


@pytest.mark.parametrize("command", ["scan --engine builtin", "explain TF105", "--help"])
def test_lines_fit_a_terminal_of_80_columns(command: str, terminal: Terminal) -> None:
    shown, _ = terminal.run(*command.split(), streams="o", COLUMNS="")
    lines = COLOUR.sub("", shown).replace("\r", "").splitlines()
    assert len(lines) > 5
    # What cannot be broken, such as an address, may be longer.
    assert [line for line in lines if len(line) > 80 and " " in line.strip()[:70]] == []


@pytest.mark.parametrize("term", ["linux", "xterm"])
def test_a_terminal_without_unicode_gets_ascii(term: str, terminal: Terminal) -> None:
    (terminal.root / "Dockerfile").write_text("FROM debian # größe\n", encoding="utf-8")
    environment = {"TERM": term, "PYTHONIOENCODING": "ascii" if term == "xterm" else "utf-8"}
    if term == "xterm":  # python -I does not look at the variable; the locale decides
        environment |= {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    shown, _ = terminal.run("scan", "--engine", "builtin", streams="oe", **environment)
    assert "DF3006" in shown
    if term == "linux":
        assert shown.isascii()


def test_init_asks_and_writes_what_is_agreed_to(terminal: Terminal) -> None:
    (terminal.root / "main.tf").unlink()
    shown, _ = terminal.run("init", streams="ioe", answers="n\n")
    assert "Write .iachygiene.toml" in shown
    assert terminal.code == 1
    assert not (terminal.root / ".iachygiene.toml").exists()
    shown, _ = terminal.run("init", streams="ioe", answers="y\ny\n")
    assert "Set them aside in a baseline?" in shown
    assert terminal.code == 0
    assert (terminal.root / ".iachygiene.toml").exists()
    assert (terminal.root / ".iachygiene-baseline.json").exists()
    shown, _ = terminal.run("init", streams="ioe")
    assert "nothing to do" in shown
