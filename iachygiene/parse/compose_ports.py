"""The ports that Compose services publish, in the short and the long form.

https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ports
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from iachygiene.model import Location
from iachygiene.parse import yaml
from iachygiene.parse.compose_variables import expand, outer_parts

PortRange: TypeAlias = tuple[int, int]


class Port(NamedTuple):
    """One entry of `ports`.

    `host_ip` is "" where none is written. `published` is None where the host's port is not
    known or left to the engine, `target` where it is not known. `written` says whether a host
    port is written at all.
    """

    location: Location
    node: yaml.Node
    host_ip: str
    published: PortRange | None
    target: PortRange | None
    protocol: str
    written: bool

    @property
    def on_all_interfaces(self) -> bool:
        """Whether everybody who reaches the host reaches the port."""
        return self.host_ip in ("", "0.0.0.0", "::", "[::]", "*")

    @property
    def fixed(self) -> Iterator[tuple[int, int | None]]:
        """The ports of the host that it takes for sure, each with the container's.

        Of a range for a single port of the container the engine chooses one.
        """
        if self.published is None:
            return
        first, last = self.published
        ports = 1 + self.target[1] - self.target[0] if self.target else 0
        if last - first + 1 != max(ports, 1):
            return
        for number in range(first, last + 1):
            yield number, self.target[0] + number - first if self.target else None


def read_port(node: yaml.Node) -> Iterator[Port]:
    """The port of an item of `ports`; nothing where it is none."""
    if type(node) is yaml.Scalar:
        yield _short(node, expand(node.text))
    elif type(node) is yaml.Mapping:
        published = node.scalar("published")
        place = published or node.scalar("target") or node
        text = expand(published.text) if published else ""
        yield Port(
            place.location,
            node,
            expand(node.text("host_ip")),
            _range(text),
            _range(expand(node.text("target"))),
            expand(node.text("protocol")) or "tcp",
            bool(text),
        )


def _short(node: yaml.Scalar, text: str) -> Port:
    text, slash, protocol = text.rpartition("/")
    if not slash:
        text, protocol = protocol, "tcp"
    parts = outer_parts(text)
    host = parts[-2] if len(parts) > 1 else ""
    return Port(
        node.location,
        node,
        ":".join(parts[:-2]),
        _range(host),
        _range(parts[-1]),
        protocol,
        bool(host),
    )


def _range(text: str) -> PortRange | None:
    first, _, last = text.partition("-")
    last = last or first
    for number in (first, last):
        if not (number.isascii() and number.isdigit() and len(number) < 6):
            return None
    return int(first), int(last)
