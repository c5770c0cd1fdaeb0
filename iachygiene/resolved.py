"""Every setting with the value that is in force and where that was said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

from iachygiene import keys
from iachygiene.config import SHARED_FILE, Config
from iachygiene.toml import key_text, value_text

Setting: TypeAlias = tuple[str, Any, str]
"""The dotted key, the value and the origin of a setting."""
Path: TypeAlias = tuple[str | int, ...]

_MERGED = ("select", "ignore", "exclude")
"""Keys that `extend-…` adds to."""


def lines(config: Config, path: str = "") -> Iterator[str]:
    """What is in force, one setting a line: TOML with the origin behind it.

    With a path (relative to the root of the scan) for that file: overrides and patterns are
    applied. Without one they stand as they are.
    """
    for name, said, origin in settings(config, path):
        yield f"{name} = {value_text(said)}  # {origin}"


def settings(config: Config, path: str = "") -> Iterator[Setting]:
    """The settings of `lines`, with plain values."""
    found = _Settings(config, path)
    yield from found.plain()
    yield from found.tables()
    yield from found.defaulted()


def idle_patterns(config: Config, paths: Sequence[str]) -> Iterator[str]:
    """The patterns of the file that match none of the paths, each with where it stands."""
    found = _Settings(config, "")
    _, read = found.layers[0]
    rows: list[tuple[str, Path]] = []
    for name in ("exclude", "extend-exclude"):
        rows += [(glob, (name,)) for glob in read.get(name, ())]
    for name in ("per-file-ignores", "kinds"):
        rows += [(glob, (name, glob)) for glob in read.get(name, {})]
    for number, part in enumerate(read.get("overrides", ())):
        rows += [(glob, ("overrides", number, "paths")) for glob in part["paths"]]
    for glob, place in rows:
        if not glob.startswith("!") and not config.matches_any(glob, paths):
            yield f"{found.origin((), *place)}: {value_text(glob)} matches no file"


class _Settings:
    def __init__(self, config: Config, path: str) -> None:
        self.config = config
        self.path = path
        self.layers = config.layers(path)

    @cached_property
    def places(self) -> Mapping[Path, Any]:
        from iachygiene.parse.toml import places

        return {} if self.config.source is None else places(self.config.source.text)

    def origin(self, layer: Path, *words: str | int) -> str:
        """Who said it: the command line, or the file with the line."""
        if layer == ("given",):
            return "command line"
        file, source = self.config.file or "configuration", self.config.source
        base: Path = ("tool", "iachygiene") if file.endswith(SHARED_FILE) else ()
        place = self.places.get((*base, *layer, *words))
        if place is None or source is None:
            return file
        return f"{file}:{source.position(place.key.start)[0]}"

    def plain(self) -> Iterator[Setting]:
        for name in keys.KEYS:
            if name in _MERGED:
                yield self.merged(name)
            elif not name.startswith("extend-"):
                said = [
                    (table[name], self.origin(layer, name))
                    for layer, table in self.layers
                    if name in table
                ]
                yield (name, *(said or [(keys.KEYS[name].default, "default")])[-1])

    def merged(self, name: str) -> Setting:
        """A list with what `extend-…` adds, and everybody who had a part in it."""
        words: list[str] = list(keys.KEYS[name].default)
        origins = ["default"]
        for layer, table in self.layers:
            if name in table:
                words, origins = list(table[name]), [self.origin(layer, name)]
            more = table.get(f"extend-{name}", ())
            if more:
                words += more
                origins.append(self.origin(layer, f"extend-{name}"))
        return name, words, ", ".join(dict.fromkeys(origins))

    def tables(self) -> Iterator[Setting]:
        """The entries of the tables that have no defaults."""
        for name in ("severity", "rules", "per-file-ignores", "kinds"):
            said: dict[str, tuple[Any, str]] = {}
            for layer, table in self.layers:
                for entry, value in table.get(name, {}).items():
                    if name == "rules":
                        for option, one in value.items():
                            origin = self.origin(layer, name, entry, option)
                            said[f"{key_text(entry)}.{key_text(option)}"] = (one, origin)
                    elif self.speaks(name, entry):
                        said[key_text(entry)] = (value, self.origin(layer, name, entry))
            for entry, (value, origin) in said.items():
                yield f"{name}.{entry}", value, origin
        if not self.path:
            _, read = self.layers[0]
            for number, part in enumerate(read.get("overrides", ())):
                for entry, value in part.items():
                    origin = self.origin(("overrides", number), entry)
                    yield f"overrides[{number}].{key_text(entry)}", value, origin

    def speaks(self, table: str, glob: str) -> bool:
        """Whether a pattern of a table is about the path; all of them are without one."""
        if not self.path or table == "severity":
            return True
        return self.config.matches_any(glob, [self.path])

    def defaulted(self) -> Iterator[Setting]:
        """The tables whose keys have defaults."""
        tables: dict[Path, Mapping[str, keys.Key]] = {("output",): keys.OUTPUT_KEYS}
        tables |= {(name,): known for name, known in keys.SETTINGS.items()}
        tables |= {("tools", name): keys.tool_keys(name) for name in keys.TOOLS}
        for path, known in tables.items():
            for name, one in known.items():
                found = (one.default, "default")
                for layer, table in self.layers:
                    for word in path:
                        table = table.get(str(word), {})
                    if name in table:
                        found = (table[name], self.origin(layer, *path, name))
                if path[0] == "tools" and name == "timeout" and found[1] != "default":
                    found = (self.config.tool(str(path[1]))[name], found[1])
                yield (".".join(map(str, (*path, name))), *found)
