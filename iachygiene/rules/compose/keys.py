"""Keys that are written twice in Compose files."""

from __future__ import annotations

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.compose import ComposeFile
from iachygiene.parse.yaml import Mapping, walk
from iachygiene.rule import rule


@rule("K8S902", ComposeFile, Severity.ERROR)
def duplicate_key(compose: ComposeFile) -> Findings:
    """A mapping of a Compose file has one key twice; documented beside the Kubernetes rule."""
    seen: set[int] = set()
    for root in compose.roots:
        for mapping in walk(root):
            # An alias stands for the very mapping that its anchor names.
            if type(mapping) is not Mapping or id(mapping) in seen:
                continue
            seen.add(id(mapping))
            for first, again in mapping.duplicates():
                yield at(
                    again,
                    f'"{again.text}" is already a key of this mapping',
                    related=[first.location.labelled("the first, whose value is lost")],
                )
