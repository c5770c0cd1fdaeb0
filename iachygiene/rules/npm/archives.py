"""Packed archives: members that npm never writes, and what differs from the directory."""

from __future__ import annotations

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.archive import Archive
from iachygiene.rule import rule
from iachygiene.rules.npm.wording import counted

_TOLD = 20
"""Members of an archive that findings of one rule name one by one."""


def _told(archive: Archive, kind: str, what: str, severity: Severity | None = None) -> Findings:
    found = [one for one in archive.problems if one.kind == kind]
    for one in found[:_TOLD]:
        yield at(archive, f'{what} "{one.member}": {one.detail}', severity=severity)
    if len(found) > _TOLD:
        yield at(archive, f"{what} in {len(found) - _TOLD:,} more members", severity=severity)


@rule("NPM601", Archive, Severity.ERROR, security=True)
def tar_path_traversal(archive: Archive) -> Findings:
    """A member of the archive has a path that leads out of the package, or a hostile one.

    Unpacked by a careless tool, `../../x` and `/etc/x` write outside of the directory they are
    meant for. npm never makes such a path, so somebody made this archive by other means.

    Bad:
        -- widget-1.0.0.tgz/package/package.json --
        {"name": "widget", "version": "1.0.0"}
        -- widget-1.0.0.tgz/package/../../x.js --
        console.log(1)
    Good: two dots in a name lead nowhere
        -- widget-1.0.0.tgz/package/package.json --
        {"name": "widget", "version": "1.0.0"}
        -- widget-1.0.0.tgz/package/a..b.js --
        console.log(1)
    """
    yield from _told(archive, "path", "the path of the member")


@rule("NPM602", Archive, Severity.ERROR, security=True)
def tar_link(archive: Archive) -> Findings:
    """A member of the archive is a link.

    A link that leaves the package lets what is unpacked after it write elsewhere, or shows
    what lies there. npm never packs symbolic links, and hard links only to files of the same
    archive.

    A warning for a symbolic link within the package.

    Bad:
        -- widget-1.0.0.tgz/package/package.json --
        {"name": "widget", "version": "1.0.0"}
        -- widget-1.0.0.tgz/package/lib -> ../../../etc --
    Bad: a warning
        -- widget-1.0.0.tgz/package/package.json --
        {"name": "widget", "version": "1.0.0"}
        -- widget-1.0.0.tgz/package/lib/b.js -> a.js --
    Good:
        -- widget-1.0.0.tgz/package/package.json --
        {"name": "widget", "version": "1.0.0"}
    """
    yield from _told(archive, "outer link", "the member")
    yield from _told(archive, "link", "the member", Severity.WARNING)


@rule("NPM603", Archive, Severity.ERROR, security=True)
def tar_special(archive: Archive) -> Findings:
    """A member of the archive is neither a file, nor a directory, nor a link.

    Devices, pipes, sparse files, unknown types and members with two sizes have no place in a
    package; different tools read them differently, which is how one tool is shown a harmless
    archive and another a harmful one.

    Bad:
        -- widget-1.0.0.tgz/package/package.json --
        {"name": "widget", "version": "1.0.0"}
        -- widget-1.0.0.tgz/package/queue (pipe) --
    Good:
        -- widget-1.0.0.tgz/package/package.json --
        {"name": "widget", "version": "1.0.0"}
    """
    yield from _told(archive, "special", "the member")


@rule("NPM604", Archive, Severity.WARNING)
def tar_duplicate(archive: Archive) -> Findings:
    """Two members of the archive are one file after unpacking.

    The last one wins. Where names differ only in the case of letters, or in how an accent is
    written, that depends on the system. A review of the one says nothing of the other.

    Bad:
        -- widget-1.0.0.tgz/package/package.json --
        {"name": "widget", "version": "1.0.0"}
        -- widget-1.0.0.tgz/package/Index.js --
        console.log(1)
        -- widget-1.0.0.tgz/package/index.js --
        console.log(2)
    Good:
        -- widget-1.0.0.tgz/package/package.json --
        {"name": "widget", "version": "1.0.0"}
        -- widget-1.0.0.tgz/package/lib/index.js --
        console.log(1)
        -- widget-1.0.0.tgz/package/index.js --
        console.log(2)
    """
    yield from _told(archive, "duplicate", "the member")


@rule("NPM605", Archive, Severity.INFO)
def tar_not_npm(archive: Archive) -> Findings:
    """The archive holds no npm package.

    There is no `package.json` below its first directory, so nothing but the archive itself was
    judged. Perhaps it is another kind of archive.

    Bad:
        -- notes.tgz/notes/today.txt --
        nothing happened
    Good:
        -- widget-1.0.0.tgz/package/package.json --
        {"name": "widget", "version": "1.0.0"}
    """
    if archive.names and "package.json" not in archive.names:
        yield at(archive, "no package.json below the first directory: this is no npm package")


@rule("NPM606", Archive, Severity.WARNING)
def tar_mixed_root(archive: Archive) -> Findings:
    """The members of the archive do not stand in one directory.

    npm puts everything into `package/` and drops the first directory on install, whatever its
    name. With several, files of one come to lie over those of another; what stands in none
    gets lost.

    Bad:
        -- widget-1.0.0.tgz/package/package.json --
        {"name": "widget", "version": "1.0.0"}
        -- widget-1.0.0.tgz/other/index.js --
        console.log(1)
    Good: the name does not matter
        -- widget-1.0.0.tgz/widget/package.json --
        {"name": "widget", "version": "1.0.0"}
        -- widget-1.0.0.tgz/widget/index.js --
        console.log(1)
    """
    if len(archive.tops) > 1:
        names = ", ".join(f'"{name}"' if name else "none" for name in list(archive.tops)[:5])
        yield at(archive, f"members stand in {len(archive.tops):,} first directories: {names}")


@rule("NPM607", Archive, Severity.WARNING, security=True)
def tar_setuid(archive: Archive) -> Findings:
    """A member of the archive has set-uid or set-gid bits, or may be written by everybody.

    npm clears such modes when it packs. Unpacked by root with its modes kept, a set-uid file
    runs as root for everybody, and a file that all may write is one that all may replace.

    Bad:
        -- widget-1.0.0.tgz/package/package.json --
        {"name": "widget", "version": "1.0.0"}
        -- widget-1.0.0.tgz/package/bin/widget (mode 4755) --
        #!/bin/sh
    Good:
        -- widget-1.0.0.tgz/package/package.json --
        {"name": "widget", "version": "1.0.0"}
        -- widget-1.0.0.tgz/package/bin/widget (mode 755) --
        #!/bin/sh
    """
    yield from _told(archive, "mode", "the member")


@rule("NPM608", Archive, Severity.WARNING)
def tarball_extra_file(archive: Archive) -> Findings:
    """The archive holds a file that the directory beside it would not give.

    Made by `prepack` and removed again, by another package manager, or put in by hand. What
    was reviewed is not what is published. Build first, then pack, then publish that very file
    (`npm publish ./widget-1.0.0.tgz`).

    An archive is compared with the package of the same name and version that lies beside it.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- widget-1.0.0.tgz/package/package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- widget-1.0.0.tgz/package/src/index.ts --
        console.log(1)
    Good: another version
        -- package.json --
        {"name": "widget", "version": "1.1.0", "files": ["dist"]}
        -- widget-1.0.0.tgz/package/package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- widget-1.0.0.tgz/package/src/index.ts --
        console.log(1)
    """
    yield from _differences(archive, archive.extra, "is in the archive, and not in the directory")


@rule("NPM609", Archive, Severity.WARNING)
def tarball_missing_file(archive: Archive) -> Findings:
    """The archive lacks a file that the directory beside it would give.

    It was packed before the last build, or by a tool with other rules than npm's. An archive
    is compared with the package of the same name and version that lies beside it.

    Bad:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js --
        console.log(1)
        -- widget-1.0.0.tgz/package/package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
    Good:
        -- package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- dist/index.js --
        console.log(1)
        -- widget-1.0.0.tgz/package/package.json --
        {"name": "widget", "version": "1.0.0", "files": ["dist"]}
        -- widget-1.0.0.tgz/package/dist/index.js --
        console.log(1)
    """
    yield from _differences(archive, archive.missing, "is in the directory, and not in the archive")


def _differences(archive: Archive, names: list[str] | None, what: str) -> Findings:
    names = names or []
    if len(names) > _TOLD:
        first = ", ".join(f'"{name}"' for name in names[:_TOLD])
        yield at(archive, f"{counted(len(names), 'file')}: each {what}; first: {first}")
        return
    for name in names:
        yield at(archive, f'"{name}" {what}')
