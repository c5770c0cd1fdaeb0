"""Copy the plain manifests of repositories to where kube-linter and kube-score see the same.

Left out are kustomizations and what they declare as patches, charts, and files with template
braces: each tool renders those in its own way, or not at all. Files of one directory that
define the same object are alternatives, and kube-score would merge them: each gets a directory
of its own.

    python benchmarks/kubernetes/stage.py TARGET REPOSITORY...
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

SKIPPED = {".git", ".terraform", ".venv", "__pycache__", "node_modules", "venv"}
KUSTOMIZATIONS = {"kustomization.yaml", "kustomization.yml", "Kustomization"}
PATCHES = ("patches", "patchesStrategicMerge", "patchesJson6902", "replacements")


def documents(data: bytes) -> Iterator[dict[str, Any]]:
    """The mappings of a stream and of the lists in it; none where it does not parse."""
    try:
        pending = list(yaml.safe_load_all(data))
    except (yaml.YAMLError, ValueError):
        return
    while pending:
        document = pending.pop()
        if isinstance(document, dict):
            items = document.get("items")
            if str(document.get("kind", "")).endswith("List") and isinstance(items, list):
                pending += items
            else:
                yield document


def patches(directory: Path, data: bytes) -> Iterator[Path]:
    """The files that a kustomization declares as patches."""
    for document in documents(data):
        for field in PATCHES:
            for entry in document.get(field) or ():
                text = entry.get("path") if isinstance(entry, dict) else entry
                if isinstance(text, str) and "\n" not in text:
                    yield Path(os.path.normpath(directory / text))


def plain(repository: Path) -> dict[Path, list[tuple[Path, bytes]]]:
    """The plain manifests of a repository, by directory."""
    found: dict[Path, list[tuple[Path, bytes]]] = defaultdict(list)
    patched: set[Path] = set()
    charts: set[Path] = set()
    for here, directories, names in os.walk(repository):
        directories[:] = sorted(set(directories) - SKIPPED)
        directory = Path(here)
        if "Chart.yaml" in names:
            charts.add(directory)
        for name in sorted(names):
            path = directory / name
            if name in KUSTOMIZATIONS:
                patched.update(patches(directory, path.read_bytes()))
            elif path.suffix.lower() in (".yaml", ".yml") and not path.is_symlink():
                data = path.read_bytes()
                braces = b"{{" in data or b"{%" in data
                if b"apiVersion" in data and b"kind" in data and not braces:
                    found[directory].append((path, data))
    return {
        directory: [(path, data) for path, data in files if path not in patched]
        for directory, files in found.items()
        if charts.isdisjoint((directory, *directory.parents))
    }


def alternatives(files: list[tuple[Path, bytes]]) -> set[Path]:
    """The files that define an object which another of them defines as well."""
    holders: dict[tuple[str, ...], set[Path]] = defaultdict(set)
    for path, data in files:
        for document in documents(data):
            metadata = document.get("metadata")
            if isinstance(metadata, dict):
                values = (document.get("kind"), document.get("apiVersion"))
                values += (metadata.get("namespace"), metadata.get("name"))
                holders[tuple(map(str, values))].add(path)
    return {path for paths in holders.values() if len(paths) > 1 for path in paths}


def main() -> None:
    target, *repositories = map(Path, sys.argv[1:])
    for repository in repositories:
        for directory, files in plain(repository).items():
            apart = alternatives(files)
            for path, data in files:
                place = target / repository.name / directory.relative_to(repository)
                place = place / path.stem if path in apart else place
                place.mkdir(parents=True, exist_ok=True)
                (place / path.name).write_bytes(data)


if __name__ == "__main__":
    main()
