"""No command opens a connection."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
CALL = re.compile(r"(?:socket|connect)\(.*")


def test_tests_cannot_reach_the_network() -> None:
    with pytest.raises(RuntimeError, match="in a test"):
        socket.create_connection(("198.51.100.7", 443), timeout=0.1)
    with pytest.raises(RuntimeError, match="in a test"), socket.socket() as opened:
        opened.connect(("198.51.100.7", 443))


COMMANDS = [
    ("scan", "--no-cache", "--jobs", "2", "--report", "html=out.html", "--report", "sarif=o.sarif"),
    ("scan", "--fix", "--select", "ALL"),
    ("doctor",),
    ("init", "--yes"),
    ("version",),
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_processes_of_a_run_open_no_sockets(words: tuple[str, ...], tmp_path: Path) -> None:
    """Ours, watched by the interpreter; those of programs too where the system can trace them."""
    root = tmp_path / "shop"
    shutil.copytree(EXAMPLES / "shop", root)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    home = tmp_path / "home"
    home.mkdir()
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    watched = (
        "import sys\n"
        "def watch(event, arguments):\n"
        "    if event.startswith('socket.'): print('SOCKET', event, arguments, file=sys.stderr)\n"
        "sys.addaudithook(watch)\n"
        "from iachygiene.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-I", "-c", watched, *words]
    trace = tmp_path / "trace"
    if shutil.which("strace"):
        command = ["strace", "-f", "-qq", "-e", "trace=connect,socket", "-o", str(trace), *command]
    done = subprocess.run(
        command,
        cwd=root,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 1, 3), done.stderr
    assert "SOCKET" not in done.stderr
    calls = CALL.findall(trace.read_text()) if trace.exists() else []
    # Asking the system's own name service who the user is goes no further than this machine.
    assert [call for call in calls if "AF_UNIX" not in call and "AF_NETLINK" not in call] == []
