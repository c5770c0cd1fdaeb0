"""Paths that git is told to leave out: what is not there may be made, or be somebody's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iachygiene.model import Broken

if TYPE_CHECKING:
    from iachygiene.files import Tree


def is_ignored(tree: Tree, path: str) -> bool:
    """Whether a .gitignore of the tree, here or above, leaves a path out."""
    from iachygiene.gitignore import Patterns

    verdict = False
    parts = path.split("/")
    for depth in range(len(parts)):
        prefix = "".join(f"{part}/" for part in parts[:depth])
        if not tree.exists(prefix + ".gitignore"):
            continue
        try:
            lines = tree.read(prefix + ".gitignore").text.split("\n")
        except Broken:
            continue
        include = Patterns(lines).check(path[len(prefix) :])
        if include is not None:
            verdict = include
    return verdict
