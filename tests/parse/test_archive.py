"""Archives that attack, and archives that are damaged: nothing is ever unpacked to disk."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iachygiene.files import Tree
from iachygiene.model import Trouble
from iachygiene.parse import archive as module
from iachygiene.parse.archive import Archive, Budget, Reader, Stopped
from iachygiene.parse.npm import NpmPackage
from iachygiene.parse.npm_archive import load_archive

MANIFEST = b'{"name": "widget", "version": "1.0.0"}'
MAP = b'{"version":3,"sources":["../src/a.ts"],"sourcesContent":["secret()"],"mappings":""}'


def entry(name: str, size: int = 0, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def packed(
    *members: tuple[tarfile.TarInfo, bytes], compress: bool = True, manifest: bool = True
) -> bytes:
    """An archive of a package with some members more."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        if manifest:
            archive.addfile(entry("package/package.json", len(MANIFEST)), io.BytesIO(MANIFEST))
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0) if compress else buffer.getvalue()


class Seen:
    """What loading an archive gave, and that nothing was written meanwhile."""

    def __init__(self, root: Path, data: bytes) -> None:
        (root / "x.tgz").write_bytes(data)
        units = list(load_archive("x.tgz", Tree(str(root)), {}))
        assert [path.name for path in root.iterdir()] == ["x.tgz"]
        self.troubles = [unit for unit in units if isinstance(unit, Trouble)]
        self.archive = next(unit for unit in units if isinstance(unit, Archive))
        self.package = next((unit for unit in units if isinstance(unit, NpmPackage)), None)
        self.problems = [(one.kind, one.member) for one in self.archive.problems]


def file(name: str, data: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, len(data)), data


def test_an_archive_of_npm_is_read_whole_and_has_no_problems(tmp_path: Path) -> None:
    data = packed(file("package/a.js"), file("package/dist/a.js.map", MAP))
    seen = Seen(tmp_path, data)
    assert (seen.troubles, seen.problems) == ([], [])
    assert list(seen.archive.names) == ["package.json", "a.js", "dist/a.js.map"]
    assert seen.package is not None
    assert [(one.name, one.own) for one in seen.package.maps] == [("dist/a.js.map", 1)]
    assert seen.package.maps[0].location.path == "x.tgz/package/dist/a.js.map"


@pytest.mark.parametrize(
    "name",
    [
        *("/etc/passwd", "package/../../x", "C:/x", "package/a\\..\\b", "package/a\x07b"),
        *("../x", "package/a/../../../x"),
    ],
)
def test_a_path_that_leads_out_is_told_and_skipped(name: str, tmp_path: Path) -> None:
    seen = Seen(tmp_path, packed(file(name)))
    assert seen.problems == [("path", name)]
    assert list(seen.archive.names) == ["package.json"]


@pytest.mark.parametrize(
    ("target", "kind"),
    [("a.js", "link"), ("../x", "outer link"), ("/etc/passwd", "outer link"), ("", "outer link")],
)
def test_a_symbolic_link_is_told_and_not_followed(target: str, kind: str, tmp_path: Path) -> None:
    link = entry("package/l", type=tarfile.SYMTYPE, linkname=target)
    seen = Seen(tmp_path, packed(file("package/a.js"), (link, b"")))
    assert seen.problems == [(kind, "package/l")]


def test_a_hard_link_to_an_earlier_member_leaks_under_both_names(tmp_path: Path) -> None:
    link = entry("package/b.js.map", type=tarfile.LNKTYPE, linkname="package/a.js.map")
    seen = Seen(tmp_path, packed(file("package/a.js.map", MAP), (link, b"")))
    assert seen.problems == []
    assert seen.package is not None
    assert [one.name for one in seen.package.maps] == ["a.js.map", "b.js.map"]


@pytest.mark.parametrize("target", ["package/later.js", "../../etc/passwd", "other/none"])
def test_a_hard_link_to_nothing_before_it_is_told(target: str, tmp_path: Path) -> None:
    link = entry("package/l", type=tarfile.LNKTYPE, linkname=target)
    seen = Seen(tmp_path, packed((link, b""), file("package/later.js")))
    assert seen.problems == [("outer link", "package/l")]


@pytest.mark.parametrize(
    "kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Z", tarfile.GNUTYPE_SPARSE]
)
def test_devices_pipes_and_unknown_types_are_told(kind: bytes, tmp_path: Path) -> None:
    seen = Seen(tmp_path, packed((entry("package/d", type=kind), b"")))
    assert seen.problems == [("special", "package/d")]


def test_a_sparse_file_by_extended_header_is_told(tmp_path: Path) -> None:
    sparse = entry("package/s", 1, pax_headers={"GNU.sparse.major": "1"})
    seen = Seen(tmp_path, packed((sparse, b"x"), file("package/after.js")))
    assert seen.problems == [("special", "package/s")]
    assert "after.js" in seen.archive.names


def test_a_member_with_two_sizes_is_told(tmp_path: Path) -> None:
    two = entry("package/two", 512, pax_headers={"size": "1024"})
    seen = Seen(tmp_path, packed((two, b"y" * 512)))
    assert ("special", "package/two") in seen.problems or seen.troubles


def test_the_last_of_two_members_of_one_name_wins(tmp_path: Path) -> None:
    data = packed(file("package/a.js.map", MAP), file("package/a.js.map", b"{}"))
    seen = Seen(tmp_path, data)
    assert seen.problems == [("duplicate", "package/a.js.map")]
    assert seen.package is not None
    assert seen.package.maps == []


@pytest.mark.parametrize(("one", "other"), [("A.js", "a.js"), ("\u00e4.js", "a\u0308.js")])
def test_names_that_are_one_on_some_systems_are_told(one: str, other: str, tmp_path: Path) -> None:
    seen = Seen(tmp_path, packed(file(f"package/{one}"), file(f"package/{other}")))
    assert seen.problems == [("duplicate", f"package/{other}")]
    assert {one, other} <= seen.archive.names.keys()


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o666])
def test_modes_that_give_rights_away_are_told(mode: int, tmp_path: Path) -> None:
    seen = Seen(tmp_path, packed((entry("package/x", 1, mode=mode), b"x")))
    assert seen.problems == [("mode", "package/x")]


def test_first_directories_are_counted_and_files_of_all_are_judged(tmp_path: Path) -> None:
    seen = Seen(tmp_path, packed(file("other/a.js.map", MAP), file("alone")))
    assert list(seen.archive.tops) == ["package", "other", ""]
    assert list(seen.archive.names) == ["package.json", "a.js.map"]


def test_without_a_manifest_there_is_no_package(tmp_path: Path) -> None:
    seen = Seen(tmp_path, packed(file("package/a.js"), manifest=False))
    assert seen.package is None
    assert list(seen.archive.names) == ["a.js"]


def trouble(root: Path, data: bytes) -> tuple[str, str]:
    (found,) = Seen(root, data).troubles
    return found.kind, found.message


WHOLE = packed(file("package/a.js", random.Random(1).randbytes(4000)))


@pytest.mark.parametrize(
    "data",
    [
        *(
            WHOLE[:-9],
            WHOLE[: len(WHOLE) // 2],
            WHOLE + b"garbage",
            WHOLE[:900] + bytes([WHOLE[900] ^ 255]) + WHOLE[901:],
        ),
        *(gzip.decompress(WHOLE)[:1500], gzip.decompress(WHOLE)[:4000], b"no tar file" * 100, b""),
        gzip.decompress(WHOLE) + b"x" * 512,
    ],
)
def test_a_damaged_archive_never_looks_clean(data: bytes, tmp_path: Path) -> None:
    kind, _ = trouble(tmp_path, data)
    assert kind == "syntax"


def test_what_came_before_the_damage_is_judged(tmp_path: Path) -> None:
    data = packed(file("package/a.js.map", MAP), file("package/z", b"z" * 5000), compress=False)
    seen = Seen(tmp_path, data[:4000])
    assert seen.troubles
    assert seen.package is not None
    assert [one.name for one in seen.package.maps] == ["a.js.map"]


def test_gzip_members_one_after_the_other_are_read_all(tmp_path: Path) -> None:
    plain = gzip.decompress(WHOLE)
    seen = Seen(tmp_path, gzip.compress(plain[:700]) + gzip.compress(plain[700:]))
    assert seen.troubles == []
    assert "a.js" in seen.archive.names


def test_a_bomb_stops_at_the_ratio_and_takes_no_memory(tmp_path: Path) -> None:
    bomb = packed(file("package/zeros", b"\0" * (40 << 20)))
    kind, message = trouble(tmp_path, bomb)
    assert (kind, message) == (
        "over-limit",
        "it unpacks to over 200 times its size (tarball-bomb)",
    )


@pytest.mark.parametrize(
    ("limit", "value", "name"),
    [
        ("MAX_UNPACKED", 1000, "tarball-bomb"),
        ("MAX_COMPRESSED", 100, "tarball-too-large"),
        ("MAX_MEMBERS", 1, "tarball-too-many-files"),
        ("MAX_SECONDS", -1, "tarball-timeout"),
    ],
)
def test_over_a_limit_is_told_with_its_name(
    limit: str, value: int, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, limit, value)
    kind, message = trouble(tmp_path, WHOLE)
    assert kind == "over-limit"
    assert name in message


@pytest.mark.parametrize("name", ["package/" + "a/" * 120 + "x", "package/" + "a" * 300])
def test_a_path_that_is_too_long_or_deep_is_told(name: str, tmp_path: Path) -> None:
    kind, message = trouble(tmp_path, packed(file(name)))
    assert (kind, "tarball-bad-path" in message) == ("over-limit", True)


def test_an_extended_header_that_is_too_large_is_told(tmp_path: Path) -> None:
    huge = entry("package/x", 1, pax_headers={"comment": "c" * (2 << 20)})
    kind, message = trouble(tmp_path, packed((huge, b"x")))
    assert (kind, "tarball-malformed" in message) == ("over-limit", True)


def raw_header(size: bytes, kind: bytes = b"0") -> bytes:
    block = bytearray(512)
    block[:11] = b"package/a.x"
    block[100:108] = b"0000644\0"
    block[124:136] = size.ljust(12, b"\0")
    block[156:157] = kind
    block[257:263] = b"ustar\0"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    "size", [b"\xff" * 12, b"\x80" + b"\xff" * 11, b"77777777777\0", b"12x", b"-1"]
)
def test_sizes_that_lie_end_in_a_trouble(size: bytes, tmp_path: Path) -> None:
    seen = Seen(tmp_path, raw_header(size) + b"x" * 2048)
    assert seen.troubles[0].kind == "syntax" or "not inspected" in seen.troubles[1].message


def test_a_member_over_the_limit_is_said_not_to_be_inspected(tmp_path: Path) -> None:
    (tmp_path / "x.tgz").write_bytes(packed(file("package/a.js", b"a" * 5000)))
    units = list(load_archive("x.tgz", Tree(str(tmp_path)), {"max-map-size": 4500}))
    (told,) = [unit for unit in units if isinstance(unit, Trouble)]
    assert told.kind == "over-limit"
    assert "package/a.js" in told.message
    assert "not inspected" in told.message


def test_a_map_in_an_archive_in_the_archive_is_counted(tmp_path: Path) -> None:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("dist/a.js.map", MAP)
    data = packed(
        file("package/old.tgz", packed(file("package/a.js.map", MAP))),
        file("package/old.zip", zipped.getvalue()),
    )
    seen = Seen(tmp_path, data)
    assert seen.package is not None
    marks = seen.package.marks["archive"]
    assert [(mark.name, mark.number) for mark in marks] == [("old.tgz", 1), ("old.zip", 1)]


def test_a_file_that_a_comment_names_is_looked_at_in_a_second_pass(tmp_path: Path) -> None:
    data = packed(
        file("package/hidden.txt", MAP),
        file("package/a.js", b"f()\n//# sourceMappingURL=hidden.txt"),
    )
    seen = Seen(tmp_path, data)
    assert seen.package is not None
    assert [one.name for one in seen.package.maps] == ["hidden.txt"]


@given(st.binary(max_size=3000))
def test_any_bytes_end_in_members_or_in_one_reason(data: bytes) -> None:
    try:
        for member in Reader(io.BytesIO(data), Budget()).members():
            assert member.size >= 0
    except Stopped as stopped:
        assert str(stopped)


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_changed_byte_ends_in_members_or_in_one_reason(at: int, byte: int) -> None:
    data = WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :]
    try:
        for member in Reader(io.BytesIO(data), Budget()).members():
            assert member.size >= 0
    except Stopped as stopped:
        assert str(stopped)
