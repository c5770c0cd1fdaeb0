"""Paths that git is told to leave out: what is not there may be made, or be somebody's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iachygiene.model import Broken

if TYPE_CHECKING:
    from iachygiene.files import Tree


def is_ignored(tree: Tree, path: str) -> bool:
    """Whether a .gitignore of the tree, here or above, leaves a path out."""
    from pathspec import GitIgnoreSpec

    verdict = False
    parts = path.split("/")
    for depth in range(len(parts)):
        prefix = "".join(f"{part}/" for part in parts[:depth])
        if not tree.exists(prefix + ".gitignore"):
            continue
        try:
            lines = tree.read(prefix + ".gitignore").text.splitlines()
        except Broken:
            continue
        include = GitIgnoreSpec.from_lines(lines[:10_000]).check_file(path[len(prefix) :]).include
        if include is not None:
            verdict = include
    return verdict
