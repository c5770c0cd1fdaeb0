"""What the local modules that a module calls take and give."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from iachygiene.hcl import UNKNOWN, Reference, Tuple, literal
from iachygiene.lazy import regex
from iachygiene.model import Broken, Job, Location, SourceFile
from iachygiene.parse.terraform import (
    Block,
    TerraformFile,
    TerraformJson,
    TerraformModule,
    in_force,
    is_module_file,
    load,
    parse_early,
    read_json,
)
from iachygiene.parse.terraform_types import ANY, Type, read_type
from iachygiene.trace import Trace

if TYPE_CHECKING:
    from iachygiene.files import Tree

_TELLING = regex(rb"^[ \t]*(?:variable|output|terraform|provider)\b", re.MULTILINE)
_MOST_SEEN = 500
"""Modules whose contents are kept, as several others may call them."""

State: TypeAlias = tuple[str, str, int]
"""Root, directory and contents of a module."""


class Input(NamedTuple):
    """A variable of a module that is called."""

    type: Type
    required: bool
    nullable: bool
    location: Location


class Interface(NamedTuple):
    """What a module takes and gives. `complete` is false where a file does not parse.

    `aliases` are the provider configurations that a caller has to pass ("aws.west"),
    `providers` the local names of providers that it names, `configured` those of which it has a
    configuration of its own.
    """

    directory: str
    complete: bool
    inputs: Mapping[str, Input]
    outputs: frozenset[str]
    aliases: frozenset[str]
    providers: frozenset[str]
    configured: frozenset[str]


def directory_of(module: TerraformModule, source: str) -> str | None:
    """The directory that a local source is, None where it leaves the tree."""
    if not source.startswith(("./", "../")) and source not in (".", ".."):
        return None
    path = os.path.normpath(os.path.join(module.directory, source)).replace(os.sep, "/")
    if path == ".":
        return ""
    return None if path == ".." or path.startswith("../") else path


def source_of(module: TerraformModule, call: Block) -> str | None:
    """The source of a call where it is a constant."""
    given = call.attributes.get("source")
    value = given.constant if given is not None else None
    return value if isinstance(value, str) else None


def interface(module: TerraformModule, call: Block) -> Interface | None:
    """The interface of the module that is called; None where it is not local, or not there."""
    source = source_of(module, call)
    directory = directory_of(module, source) if source is not None else None
    if directory is None or module.tree is None:
        return None
    return _interface(module.tree, directory)


def _interface(tree: Tree, directory: str) -> Interface | None:
    contents = _contents(tree, directory)
    if not contents.data:
        return None
    known = _known(tree)
    if directory not in known or known[directory][0] != contents.mark:
        known[directory] = contents.mark, _read(tree, directory, contents.data)
    return known[directory][1]


class _Contents(NamedTuple):
    """The files of a module and what is in them; nothing where they are not in the tree.

    `mark` stands for all of it, `trace` is what was looked at.
    """

    data: Mapping[str, bytes]
    mark: int
    trace: Trace | None


def _contents(tree: Tree, directory: str) -> _Contents:
    seen = _seen(tree)
    found = seen.get(directory) if not tree.overlay else None
    outer = tree.trace
    if found is None or (outer is not None and found.trace is None):
        tree.trace = Trace() if outer is not None else None
        try:
            data = _data(tree, directory)
            found = _Contents(data, hash(tuple(data.items())), tree.trace)
        finally:
            tree.trace = outer
        if not tree.overlay:
            if len(seen) >= _MOST_SEEN:
                seen.clear()
            seen[directory] = found
    if outer is not None and found.trace is not None:
        outer.add(found.trace)
    return found


def _data(tree: Tree, directory: str) -> dict[str, bytes]:
    paths = _paths(tree, directory)
    if not paths or tree.real_path(directory) is None:
        return {}
    try:
        return {path: tree.raw(path) for path in paths}
    except Broken:
        return {}


def state_of(module: TerraformModule, call: Block) -> State | None:
    """What identifies the module that is called as it is now; None where it is not known."""
    source = source_of(module, call)
    directory = directory_of(module, source) if source is not None else None
    if directory is None or module.tree is None:
        return None
    contents = _contents(module.tree, directory)
    return (module.tree.root, directory, contents.mark) if contents.data else None


@lru_cache(maxsize=1)
def _seen(tree: Tree) -> dict[str, _Contents]:
    return {}


# A fix changes files of a tree, so that the contents are compared as well.
@lru_cache(maxsize=1)
def _known(tree: Tree) -> dict[str, tuple[int, Interface]]:
    return {}


def _paths(tree: Tree, directory: str) -> list[str]:
    return [
        f"{directory}/{name}" if directory else name
        for name, kind in tree.listdir(directory)
        if kind in ("file", "link") and is_module_file(name)
    ]


def _read(tree: Tree, directory: str, data: Mapping[str, bytes]) -> Interface:
    files: list[TerraformFile | TerraformJson] = []
    complete = True
    for path, contents in data.items():
        source = SourceFile(path, contents)
        try:
            if path.endswith(".json"):
                files.append(read_json(source))
            elif _TELLING.search(contents):
                files.append(parse_early(tree, source))
        except Broken:
            complete = False
    return _interface_of(TerraformModule(directory, in_force(files), complete))


def _interface_of(module: TerraformModule) -> Interface:
    aliases: set[str] = set()
    providers: set[str] = set()
    for terraform in module.of("terraform"):
        for block in terraform.of("required_providers"):
            for name, attribute in block.attributes.items():
                providers.add(name)
                aliases.update(aliases_of(attribute.node))
    blocks = module.of("provider")
    configured = set()
    for block in blocks:
        name = ".".join(block.labels)
        alias = block.attributes.get("alias")
        providers.add(name)
        if alias is not None and isinstance(alias.constant, str):
            providers.add(f"{name}.{alias.constant}")
        if block.attributes.keys() - {"alias"}:
            given = alias.constant if alias is not None else None
            configured.add(f"{name}.{given}" if isinstance(given, str) else name)
    return Interface(
        module.directory,
        module.complete,
        {block.labels[0]: _input(block) for block in module.of("variable") if block.labels},
        frozenset(block.labels[0] for block in module.of("output") if block.labels),
        frozenset(aliases),
        frozenset(providers),
        frozenset(configured),
    )


def _input(block: Block) -> Input:
    type = block.attributes.get("type")
    nullable = block.attributes.get("nullable")
    native = type is not None and not block.location.path.endswith(".json")
    return Input(
        read_type(type.node) if native and type is not None else ANY,  # type: ignore[arg-type]
        "default" not in block.attributes,
        nullable is None or nullable.constant in (True, UNKNOWN, "true"),
        block.location,
    )


def aliases_of(node: object) -> Iterator[str]:
    """The configurations that an entry of `required_providers` wants from a caller."""
    for item in getattr(node, "items", ()):
        if getattr(item, "name", None) == "configuration_aliases":
            values = item.value.items if isinstance(item.value, Tuple) else ()
            for value in values:
                if isinstance(value, Reference):
                    yield ".".join(value.path)
                elif isinstance(found := literal(value), str):
                    yield found


def whole_module(module: TerraformModule, call: Block) -> TerraformModule | None:
    """All of the module that is called; parses it anew."""
    source = source_of(module, call)
    directory = directory_of(module, source) if source is not None else None
    if directory is None or module.tree is None or module.tree.real_path(directory) is None:
        return None
    paths = tuple(_paths(module.tree, directory))
    job = Job("terraform", directory, paths, {"engine": "none"})
    units = list(load(job, module.tree))
    return next((unit for unit in units if isinstance(unit, TerraformModule)), None)
