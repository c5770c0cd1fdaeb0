"""The `.env` file beside a Compose file, filled into what says what to run and where.

https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md and
https://docs.docker.com/compose/how-tos/environment-variables/env-file/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from posixpath import dirname
from typing import TYPE_CHECKING

from iachygiene.credentials import names_secret
from iachygiene.lazy import regex
from iachygiene.model import Broken
from iachygiene.parse import yaml

if TYPE_CHECKING:
    from iachygiene.files import Tree

_SERVICE = frozenset(
    (
        *("image", "build", "ports", "expose", "volumes", "env_file", "container_name", "user"),
        *("network_mode", "extends", "deploy", "scale", "restart", "platform", "profiles"),
    )
)
"""Keys of a service in which variables are filled in: none that hold what may be a secret."""
_BUILD = frozenset(("context", "dockerfile", "target", "additional_contexts", "platforms"))
_TOP = ("volumes", "networks", "secrets", "configs")
_MAX_LINES = 2_000
_ASSIGNMENT = regex(
    r"[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ \t]*="
    r"[ \t]*(?:'(?P<single>[^']*)'|\"(?P<double>[^\"\\]*)\"|(?P<plain>[^'\"\s#][^\n#]*)|)"
)
_VARIABLE = regex(
    r"\$\$|\$(?P<bare>[A-Za-z_][A-Za-z0-9_]*)"
    r"|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::?[-?][^${}]*)?\}"
)


def read_env(text: str) -> dict[str, str]:
    """The variables of a `.env` file whose values are known, but for those of secrets."""
    found: dict[str, str] = {}
    for line in text.splitlines()[:_MAX_LINES]:
        given = _ASSIGNMENT.match(line)
        if given is None or names_secret(given["name"]):
            continue
        value = given["single"] or given["double"] or (given["plain"] or "").rstrip()
        if given["single"] is None:
            value = fill_in(value, found)
        if value and "$" not in value:
            found[given["name"]] = value
    return found


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """A text with the variables that have a value; the others are left as they are written."""

    def value(variable: re.Match[str]) -> str:
        name = variable["bare"] or variable["name"]
        return values.get(name, variable[0]) if name else variable[0]

    return _VARIABLE.sub(value, text)


def fill_in_file(root: yaml.Mapping, tree: Tree) -> None:
    """Fill in what the `.env` file beside a Compose file says, unless git ignores it.

    An ignored one is somebody's own: what is found must not depend on it.
    """
    above = dirname(root.file.path)
    path = f"{above}/.env" if above else ".env"
    if "$" not in root.file.text or not tree.is_listed(path):
        return
    try:
        values = read_env(tree.read(path).text)
    except Broken:
        return
    if values:
        for scalar in _filled(root):
            if "$" in scalar.text:
                scalar.text = fill_in(scalar.text, values)


def _filled(root: yaml.Mapping) -> Iterator[yaml.Scalar]:
    """The values in which variables are filled in."""
    services = root.mapping("services")
    for _, service in services.entries.values() if services else ():
        for name, (_, value) in service.entries.items() if type(service) is yaml.Mapping else ():
            if name == "build" and type(value) is yaml.Mapping:
                for key, (_, part) in value.entries.items():
                    if key in _BUILD:
                        yield from _scalars(part)
            elif name in _SERVICE:
                yield from _scalars(value)
    for kind in _TOP:
        defined = root.mapping(kind)
        if defined is not None:
            yield from _scalars(defined)
    for key in ("include", "name"):
        node = root.get(key)
        if node is not None:
            yield from _scalars(node)


def _scalars(node: yaml.Node) -> Iterator[yaml.Scalar]:
    for one in yaml.walk(node):
        if type(one) is yaml.Scalar:
            yield one
