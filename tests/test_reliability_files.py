"""Bad file systems: what cannot be read or written is named, and all else is done."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iachygiene import engine, files, fix
from iachygiene.discover import Discovered
from iachygiene.files import Tree
from tests.reliability import FINDING, NEIGHBOUR, Scanner

BAD = "FROM debian\nUSER 1000\n"
UNFORMATTED = "locals {\na=1\n}\n"
FORMATTED = "locals {\n  a = 1\n}\n"


def refuse(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    """Let the operating system refuse to open files of a name."""
    really = os.open

    def opened(path: Any, *rest: Any, **more: Any) -> int:
        if os.fspath(path).endswith(name):
            raise OSError(number, os.strerror(number))
        return really(path, *rest, **more)

    monkeypatch.setattr(os, "open", opened)


def after_discovery(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something between the listing of the files and their reading."""
    really = engine.discover

    def discovered(*given: Any, **more: Any) -> Discovered:
        found = really(*given, **more)
        act()
        return found

    monkeypatch.setattr(engine, "discover", discovered)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EACCES, "permission denied"),
        (errno.EIO, "input/output error"),
        (errno.EDQUOT, "disk quota exceeded"),
        (errno.ENAMETOOLONG, "the path is too long"),
    ],
)
@pytest.mark.parametrize("named", [(), ("bad.tf", "near")])
def test_unreadable_file_is_named_found_or_given(
    number: int,
    message: str,
    named: tuple[str, ...],
    scanner: Scanner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scanner.write("bad.tf", UNFORMATTED)
    scanner.write("good.tf", UNFORMATTED)
    refuse(monkeypatch, "bad.tf", number)
    said = scanner.judged(*named)
    assert said.code == 1
    assert said.only("bad.tf", "HYG003")["message"] == message
    assert bool(said.of("good.tf", "TF001")) == (not named)


@pytest.mark.parametrize("path", ["Dockerfile", "compose.yaml", "pod.yaml", "package.json"])
def test_unreadable_file_of_any_kind_is_named(
    path: str, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner.write(path, "")
    refuse(monkeypatch, f"root/{path}", errno.EACCES)
    said = scanner.judged()
    assert (said.code, said.only(path, "HYG003")["message"]) == (1, "permission denied")


def test_unreadable_directory_is_named(scanner: Scanner, monkeypatch: pytest.MonkeyPatch) -> None:
    scanner.write("closed/Dockerfile", BAD)
    really = os.scandir

    def listed(path: Any) -> Any:
        if os.fspath(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return really(path)

    monkeypatch.setattr(os, "scandir", listed)
    said = scanner.judged()
    finding = said.only("closed", "HYG003")
    assert (said.code, finding["message"]) == (1, "the directory is not listed: permission denied")


@pytest.mark.parametrize("path", ["gone.tf", "Gone.Dockerfile", "compose.yaml", "package.json"])
def test_file_that_vanishes_is_dropped_unless_it_was_named(
    path: str, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = scanner.write(path, "")
    after_discovery(monkeypatch, lambda: file.unlink(missing_ok=True))
    assert scanner.judged().of(path) == []
    file.write_text("")
    said = scanner.judged(path, "near")
    assert (said.code, said.only(path, "HYG003")["message"]) == (1, "no such file")


def test_pipes_sockets_and_devices_are_never_opened(scanner: Scanner) -> None:
    import socket

    os.mkfifo(scanner.root / "pipe.tf")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.tf")
        (scanner.root / "device.tf").symlink_to("/dev/zero")
        found = scanner.judged()
        named = scanner.judged("pipe.tf", "socket.tf", "device.tf", "near")
    for path in ("pipe.tf", "socket.tf", "device.tf"):
        assert named.only(path, "HYG003")["message"] == "not a regular file"
    assert found.only("pipe.tf", "HYG003")["message"] == "not a regular file"
    assert not found.of("device.tf"), "the link leads out of the root"


def test_link_inside_the_root_is_judged_once(scanner: Scanner) -> None:
    scanner.write("real/Dockerfile", BAD)
    (scanner.root / "Dockerfile").symlink_to("real/Dockerfile")
    for named in ((), ("Dockerfile", "real/Dockerfile", "near")):
        said = scanner.judged(*named)
        assert len(said.of("real/Dockerfile", "DF3006")) == 1
        assert said.of("Dockerfile") == []


def test_link_out_of_the_root_is_followed_only_when_named(scanner: Scanner) -> None:
    (scanner.root.parent / "Dockerfile").write_text(BAD)
    (scanner.root / "Dockerfile").symlink_to("../Dockerfile")
    said = scanner.judged()
    assert said.of("Dockerfile") == []
    assert [one["why"] for one in said.report["files"]["skipped"]] == ["link"]
    assert scanner.judged("Dockerfile", "near").of("Dockerfile", "DF3006")


def test_links_to_directories_are_not_entered_and_loops_end(scanner: Scanner) -> None:
    scanner.write("a/Dockerfile", BAD)
    (scanner.root / "a" / "up").symlink_to("..")
    (scanner.root / "b").symlink_to("a")
    (scanner.root / "loop.tf").symlink_to("loop.tf")
    said = scanner.judged()
    assert {path for path, _ in said.found} == {NEIGHBOUR, "a/Dockerfile", "loop.tf"}
    named = scanner.judged("loop.tf", "near")
    assert named.only("loop.tf", "HYG003")["message"] == "too many levels of links"


def test_hard_links_are_each_judged(scanner: Scanner) -> None:
    os.link(scanner.write("a/Dockerfile", BAD), scanner.root / "Dockerfile")
    said = scanner.judged()
    assert said.of("a/Dockerfile", "DF3006")
    assert said.of("Dockerfile", "DF3006")


NAMES = {
    "new\nline": "new\\x0aline",
    "tab\there": "tab\\x09here",
    "esc\x1b[2J": "esc\\x1b[2J",
    "\udc80": "\\x80",
    "a\u202eb": "a\\u{202e}b",
    "-rf": "-rf",
    "con": "con",
    "n" * 240: "n" * 240,
}


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_any_name_is_scanned_and_printed_escaped(name: str, scanner: Scanner) -> None:
    path = f"{name}.Dockerfile"
    (scanner.root / path).write_bytes(BAD.encode())
    said = scanner.judged()
    assert len([one for one in said.report["findings"] if one["rule"] == "DF3006"]) == 2
    for words in ((), (f"./{path}",)):
        _, out, err = scanner.plain("scan", "--no-cache", "--format", "concise", *words)
        printed = [line for line in (out + err).splitlines() if "DF3006" in line]
        assert len(printed) == (1 if words else 2)
        shown = out.encode().decode()
        for character in "\x1b\t\u202e\udc80":
            assert character not in shown
        if name.isascii() and name.isprintable():
            assert f"{NAMES[name]}.Dockerfile:1:" in out


def test_path_that_is_too_long_is_named(scanner: Scanner) -> None:
    path = "a" * 300 + ".tf"
    said = scanner.judged(path, "near")
    assert (said.code, said.only(path, "HYG003")["message"]) == (1, "the path is too long")


def test_read_only_file_system_is_scanned_and_cannot_be_fixed(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner.write("a.tf", UNFORMATTED)
    scanner.write("b.tf", UNFORMATTED)
    really = os.open

    def opened(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return really(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", opened)
    assert scanner.judged().code == 1
    code, _, err = scanner.plain("scan", "--engine", "builtin")
    assert (code, err) == (1, ""), "the cache is off without a word"
    said = scanner.scan("--fix")
    assert said.code == 4
    for name in ("a.tf", "b.tf"):
        assert f"error: not fixed: '{name}': read-only file system" in said.stderr
        assert (scanner.root / name).read_text() == UNFORMATTED


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_report_on_a_full_disk_gives_4_and_others_are_written(
    number: int, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.replace

    def replaced(source: str, target: str) -> None:
        if target.endswith("full.xml"):
            raise OSError(number, os.strerror(number))
        really(source, target)

    monkeypatch.setattr(os, "replace", replaced)
    said = scanner.scan("--report", "junit=full.xml", "--report", "sarif=out.sarif")
    assert said.code == 4
    assert FINDING in said.found
    assert os.strerror(number).lower() in said.stderr.lower()
    assert (scanner.root / "out.sarif").stat().st_size > 100
    assert {path.name for path in scanner.root.iterdir()} == {"near", "out.sarif"}


@pytest.mark.parametrize("home", ["", "/nowhere/at/all", "/dev/null"])
def test_no_home_directory_is_needed(
    home: str, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("TMPDIR", "/nowhere/at/all")
    code, out, err = scanner.plain("scan", "--engine", "builtin", "--format", "concise")
    assert code == 1
    assert "DF3006" in out
    assert err == ""
    file = scanner.write("a.tf", UNFORMATTED)
    scanner.scan("--fix")
    assert file.read_text() == FORMATTED


def test_file_that_changed_since_it_was_judged_is_left_alone(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = scanner.write("a.tf", UNFORMATTED)
    other = scanner.write("b.tf", UNFORMATTED)
    really = fix.write_all

    def late(tree: Tree) -> Any:
        changed.write_text("locals {}\n")
        return really(tree)

    monkeypatch.setattr(fix, "write_all", late)
    said = scanner.scan("--fix")
    assert said.code == 4
    assert said.stderr == "error: not fixed: 'a.tf': it changed meanwhile\n"
    assert (changed.read_text(), other.read_text()) == ("locals {}\n", FORMATTED)


def test_files_of_tools_and_generated_ones_are_never_written(scanner: Scanner) -> None:
    header = "# Code generated by gen. DO NOT EDIT.\n"
    kept = {
        "generated.tf": header + UNFORMATTED,
        "marked.tf": "# @generated\n" + UNFORMATTED,
        "node_modules/a/a.tf": UNFORMATTED,
        ".terraform/modules/a/a.tf": UNFORMATTED,
        "conflict.tf": UNFORMATTED + "<<<<<<< a\n=======\n>>>>>>> b\n",
        "broken.tf": UNFORMATTED + "}\n",
        "latin.tf": UNFORMATTED.encode() + b"# \xfc\n",
    }
    for path, contents in kept.items():
        scanner.write(path, contents)
    fixed = scanner.write("own.tf", UNFORMATTED)
    said = scanner.scan("--fix", ".", "node_modules/a/a.tf")
    assert fixed.read_text() == FORMATTED
    assert said.of("generated.tf", "TF001"), "what is wrong with it is said all the same"
    for path, contents in kept.items():
        data = contents if isinstance(contents, bytes) else contents.encode()
        assert (scanner.root / path).read_bytes() == data, path


def test_form_of_a_file_is_kept(scanner: Scanner) -> None:
    text = "FROM debian:12.5\nMAINTAINER me\nUSER 1000"
    file = scanner.write("Dockerfile", "\ufeff" + text.replace("\n", "\r\n"))
    file.chmod(0o750)
    scanner.scan("--fix", "--ignore", "DF5801,DF5802,HYG010")
    after = file.read_bytes()
    assert b"LABEL" in after
    assert after.startswith(b"\xef\xbb\xbfFROM debian:12.5\r\n")
    assert after.endswith(b"\r\nUSER 1000")
    assert file.stat().st_mode & 0o777 == 0o750


def test_fix_twice_is_fix_once(scanner: Scanner) -> None:
    scanner.write("a.tf", UNFORMATTED)
    scanner.write("Dockerfile", "FROM debian\nMAINTAINER me\nRUN cd /a\n")
    scanner.scan("--fix")
    once = {path: path.read_bytes() for path in scanner.root.rglob("*") if path.is_file()}
    scanner.scan("--fix")
    assert once == {path: path.read_bytes() for path in scanner.root.rglob("*") if path.is_file()}


class Failing:
    """The module `os`, whose calls that touch the disk fail at the k-th of them."""

    CALLS = frozenset(
        (
            *("lstat", "open", "fchmod", "fdopen", "fsync", "stat", "chown"),
            *("listxattr", "getxattr", "setxattr", "replace"),
        )
    )

    def __init__(self, error: Callable[[], BaseException], at: int) -> None:
        self._error = error
        self._left = at
        self.failed = False

    def count(self) -> None:
        """One call more; raises at the chosen one."""
        self._left -= 1
        if self._left == 0:
            self.failed = True
            raise self._error()

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """A call that is counted, and so is writing to the file it gives."""

        def counting(*given: Any, **more: Any) -> Any:
            self.count()
            result = call(*given, **more)
            return _File(result, self) if hasattr(result, "fileno") else result

        return counting

    def __getattr__(self, name: str) -> Any:
        found = getattr(os, name)
        return self.counted(found) if name in self.CALLS else found


class _File:
    """A file whose writing is counted; half of what fails is on the disk."""

    def __init__(self, file: Any, failing: Failing) -> None:
        self._file = file
        self._failing = failing

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, data: bytes) -> None:
        try:
            self._failing.count()
        except BaseException:
            self._file.write(data[: len(data) // 2])
            raise
        self._file.write(data)

    def truncate(self) -> None:
        self._failing.count()
        self._file.truncate()

    def flush(self) -> None:
        self._failing.count()
        self._file.flush()


def inject(monkeypatch: pytest.MonkeyPatch, error: Callable[[], BaseException], at: int) -> Failing:
    failing = Failing(error, at)
    monkeypatch.setattr(fix, "os", failing)
    monkeypatch.setattr(fix, "open", failing.counted(open), raising=False)
    return failing


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.ENOENT])
def test_every_failing_call_of_a_fix_leaves_files_old_or_new(
    number: int, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [scanner.write(name, UNFORMATTED) for name in ("a.tf", "b.tf")]
    os.link(paths[1], scanner.root / "c.txt")
    names = {path.name for path in scanner.root.iterdir()}
    for at in range(1, 100):
        for path in paths:
            path.write_text(UNFORMATTED)
        with monkeypatch.context() as patch:
            failing = inject(patch, lambda: OSError(number, os.strerror(number)), at)
            said = scanner.scan("--fix", "--select", "TF001,DF3006")
        assert FINDING in said.found
        texts = [path.read_text() for path in paths]
        assert set(texts) <= {UNFORMATTED, FORMATTED}, at
        assert texts.count(UNFORMATTED) <= 1, at
        assert said.code == (4 if UNFORMATTED in texts else 1), at
        assert (os.strerror(number).lower() in said.stderr) == (UNFORMATTED in texts), at
        assert {path.name for path in scanner.root.iterdir()} == names, at
        if not failing.failed:
            break
    assert 15 < at < 99
    assert scanner.scan("--fix", "--select", "TF001").code == 0
    assert [path.read_text() for path in paths] == [FORMATTED, FORMATTED]


@pytest.mark.parametrize("links", [1, 2])
def test_temporary_file_that_cannot_be_removed_is_no_crash(
    links: int, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = scanner.write("a.tf", UNFORMATTED)
    if links == 2:
        os.link(file, scanner.root / "b.txt")

    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "unlink", refused)
    if links == 1:
        monkeypatch.setattr(os, "replace", refused)
    said = scanner.scan("--fix")
    assert said.code == (4 if links == 1 else 1)
    assert ("error: not fixed: 'a.tf': permission denied" in said.stderr) == (links == 1)
    assert file.read_text() == (UNFORMATTED if links == 1 else FORMATTED)


@pytest.mark.parametrize("form", ["html", "json", "sarif"])
def test_reports_that_tell_of_secrets_are_for_their_owner_alone(
    form: str, scanner: Scanner
) -> None:
    os.umask(0o022)
    scanner.scan("--report", f"{form}=plain.out")
    assert (scanner.root / "plain.out").stat().st_mode & 0o777 == 0o644
    scanner.write("Dockerfile", "FROM debian:12.5\nENV TOKEN=ghp_" + "a1B2" * 9 + "\nUSER 1000\n")
    said = scanner.scan("--report", f"{form}=secret.out")
    assert said.of("Dockerfile", "DF5402")
    assert (scanner.root / "secret.out").stat().st_mode & 0o777 == 0o600


def test_interrupt_at_any_call_of_a_fix_leaves_the_file_old_or_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / "a.tf", tmp_path / "b.tf"]
    paths[1].write_text("")
    os.link(paths[1], tmp_path / "c.tf")
    for at in range(1, 60):
        paths[0].write_text(UNFORMATTED)
        paths[1].write_text(UNFORMATTED)
        failing = Failing(KeyboardInterrupt, 0)
        for path in paths:
            with monkeypatch.context() as patch:
                failing = inject(patch, KeyboardInterrupt, at)
                try:
                    fix.write(str(tmp_path), path.name, UNFORMATTED.encode(), FORMATTED.encode())
                except KeyboardInterrupt:
                    assert path.read_text() == UNFORMATTED, at
                else:
                    assert path.read_text() == FORMATTED, at
            assert {one.name for one in tmp_path.iterdir()} == {"a.tf", "b.tf", "c.tf"}, at
        if not failing.failed:
            break
    assert 5 < at < 59


def test_limit_of_reading_is_kept_when_a_file_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is endless though it says that it is not, like files of `/proc`."""
    (tmp_path / "a.tf").write_bytes(b"#" * 5000)
    tree = Tree(str(tmp_path), max_size=1000)
    really = os.fstat
    monkeypatch.setattr(
        os, "fstat", lambda number: os.stat_result((*really(number)[:6], 0, *really(number)[7:]))
    )
    assert len(files.Tree.raw(tree, "a.tf")) <= 1001
