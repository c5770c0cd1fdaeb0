"""Which program packs a package: npm, or the one that `packageManager` names.

See https://nodejs.org/api/packages.html#packagemanager.
"""

from __future__ import annotations

import posixpath

from iachygiene.files import Tree
from iachygiene.lazy import regex
from iachygiene.model import Broken
from iachygiene.parse.npm_files import Listing, npm_files, read_manifest

MANAGERS = ("npm", "pnpm", "yarn")

_NAMED = regex(r"(pnpm|yarn)@(?:\^|~|v)?(\d+)")


def package_manager(tree: Tree, directory: str) -> str:
    """The program that the nearest `packageManager` names, of those whose rules are known.

    Yarn before version 2 was another program; its packages are listed as npm lists them.
    """
    at = directory
    while True:
        path = posixpath.join(at, "package.json")
        if tree.exists(path):
            try:
                node = read_manifest(tree, at).get("packageManager")
            except Broken:
                node = None
            if node is not None and node.text:
                named = _NAMED.match(node.text)
                classic = named is not None and named[1] == "yarn" and int(named[2][:4]) < 2
                return "npm" if named is None or classic else named[1]
        if not at:
            return "npm"
        at = posixpath.dirname(at)


def packed_files(tree: Tree, directory: str, version: int = 11, manager: str = "") -> Listing:
    """List a package as its manager packs it, or the given one; raises `Refused`.

    `version` is that of npm, 11 or 12.
    """
    manager = manager or package_manager(tree, directory)
    if manager == "pnpm":
        from iachygiene.parse.npm_pnpm import pnpm_files

        return pnpm_files(tree, directory)
    if manager == "yarn":
        from iachygiene.parse.npm_yarn import yarn_files

        return yarn_files(tree, directory)
    return npm_files(tree, directory, version)
