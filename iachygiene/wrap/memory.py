"""What a program said in earlier runs, so that it is asked again only of what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iachygiene.cache import Cache
    from iachygiene.files import Tree
    from iachygiene.tools import Program, Tool
    from iachygiene.trace import Trace


class Memory:
    """What a program of one version said of the files of a tree.

    `version` is None where the program does not say one, and then nothing is remembered. It
    is asked for in each run: which program a name starts may depend on files and variables
    that only a manager of versions knows.
    """

    def __init__(self, cache: Cache, tree: Tree, tool: Tool, program: Program) -> None:
        self.tree = tree
        self.version = tool.version_of(program, tree.root)
        self._by = f"{program.name} {self.version} {program.path}"
        self._cache = cache
        self._traces: dict[str, Trace] = {}

    @classmethod
    def of(
        cls, cache: Cache | None, tree: Tree, tool: Tool, program: Program | None
    ) -> Memory | None:
        """Nothing where there is no cache, or no program that could have said something."""
        return cls(cache, tree, tool, program) if cache and program else None

    def says(self, what: str) -> str | None:
        """What was said of something, None where it has to be asked."""
        return self._cache.told(what, self._by, self.tree) if self.version else None

    def look(self, what: str) -> None:
        """Note from here on what the tree is asked for, as that on which an answer rests."""
        self._traces[what] = self.tree.traced()

    def forget(self, what: str) -> None:
        """Note that an answer rests on more than can be told."""
        self._traces.pop(what, None)

    def keep(self, what: str, text: str) -> None:
        """Remember an answer."""
        if what in self._traces:
            self._cache.keep_told(what, self._by, self._traces[what], text)
