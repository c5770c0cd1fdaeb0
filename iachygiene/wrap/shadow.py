"""A module as a copy made of links, in which files can be added.

What leads out of a module by a relative path has to lead to the same things. So the
directories above it are there as well, and their other entries are links, too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable

LOCK_FILE = ".terraform.lock.hcl"
ALIASES = "iachygiene_aliases.tf"
"""The file that stands for the configurations that a caller would give."""


def shadow(root: str, directory: str, below: str) -> str:
    """Make the copy of a directory of the root below another; gives where the module is in it.

    Its lock file is a copy, which `init` may change.
    """
    here, there = root, below
    for part in directory.split("/") if directory else ():
        _link(here, there, but=part)
        here, there = os.path.join(here, part), os.path.join(there, part)
        os.mkdir(there)
    _link(here, there, but=LOCK_FILE)
    lock = os.path.join(here, LOCK_FILE)
    if os.path.isfile(lock):
        shutil.copyfile(lock, os.path.join(there, LOCK_FILE))
    return there


def _link(here: str, there: str, *, but: str) -> None:
    for name in os.listdir(here):
        if name != but:
            os.symlink(os.path.join(here, name), os.path.join(there, name))


def add_aliases(directory: str, aliases: Iterable[tuple[str, str]]) -> None:
    """Give a module empty configurations of providers, by their names and aliases."""
    blocks = [f'provider "{name}" {{\n  alias = "{alias}"\n}}\n' for name, alias in aliases]
    with open(os.path.join(directory, ALIASES), "x", encoding="utf-8") as file:
        file.write("\n".join(blocks))
