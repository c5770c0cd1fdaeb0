"""Programs that a stage brings into its image beside those of the base image."""

from __future__ import annotations

import posixpath
import re

from iachygiene.lazy import regex
from iachygiene.parse.dockerfile import Copy, Instruction, Ran, Run, Stage

_INSTALLING = frozenset(
    (
        *("apt-get", "apt", "aptitude", "apk", "yum", "dnf", "microdnf", "tdnf", "zypper"),
        *("pacman", "dpkg", "rpm", "xargs", "sudo", "install_packages", "ln", "curl", "wget"),
        *("brew", "conda", "mamba", "nix-env", "cp", "mv", "tar", "unzip"),
    )
)
_ROOTS = ("/", "/usr", "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local")
_DIRECTORIES = frozenset(("bin", "sbin", "usr", "local", "lib", "rootfs", "root", "fs", "overlay"))
_NAME = regex(r"[\w.+-]+", re.ASCII)
_FIRST = 1 << 62


class Brought:
    """From where on the stages of a file have a program.

    A name counts from the first command that may install it on: one that names it, or whose
    packages are in a variable. Whatever is copied over a directory of programs may bring any.
    """

    def __init__(self) -> None:
        self._places: dict[int, dict[str, int]] = {}

    def has(self, ran: Ran, *names: str) -> bool:
        """Whether a command may find one of the programs."""
        return self.before(ran.stage, ran.command.location.span.start, *names)

    def before(self, stage: Stage, place: int, *names: str) -> bool:
        """Whether one of the programs may be there at a place of the file."""
        known = self._places.get(stage.index)
        if known is None:
            known = self._places[stage.index] = {}
            for own in reversed(stage.chain):
                for one in own.instructions:
                    _note(one, known)
        return any(known.get(name, _FIRST) < place for name in ("*", *names))


def _note(one: Instruction, known: dict[str, int]) -> None:
    start = one.extent.start
    if isinstance(one, Copy):
        target = posixpath.normpath(one.target.text)
        if target in _ROOTS:
            names = [posixpath.basename(word.text.rstrip("/")) for word in one.sources]
            # A file by its name brings that alone, a directory or an archive anything.
            for name in names if all(_is_file(name, target) for name in names) else ["*"]:
                known.setdefault(name, start)
        known.setdefault(posixpath.basename(target), start)
    elif isinstance(one, Run):
        for command in one.script.commands:
            if command.name in _INSTALLING:
                place = command.location.span.start
                for word in command.arguments:
                    name = posixpath.basename(word.text)
                    known.setdefault(re.split(r"[=~<>@]", name)[0], place)
                    if not word.literal and command.has("install", "add", "-S"):
                        known.setdefault("*", place)


def _is_file(name: str, target: str) -> bool:
    if not _NAME.fullmatch(name) or name in _DIRECTORIES or ".tar" in name:
        return False
    return target != "/" or "." in name
