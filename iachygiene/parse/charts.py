"""Which files are templates of a Helm chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iachygiene.files import Tree


def chart_of(path: str, tree: Tree) -> str | None:
    """The directory of the Helm chart whose template a file is, None if it is none."""
    if "templates/" not in path:
        return None
    parts = path.split("/")
    for depth, part in enumerate(parts[:-1]):
        if part == "templates":
            chart = "/".join(parts[:depth])
            if tree.exists(f"{chart}/Chart.yaml" if chart else "Chart.yaml"):
                return chart
    return None
