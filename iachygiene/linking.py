"""Which files are looked at for what they say to others, beyond those in focus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from iachygiene.model import Job

if TYPE_CHECKING:
    from iachygiene.files import Tree

_BUILDS = frozenset(
    (
        *("skaffold.yaml", "skaffold.yml", "Tiltfile", "docker-bake.hcl", "docker-bake.json"),
        *("docker-bake.override.hcl", "docker-bake.override.json"),
    )
)
_RUNTIMES = frozenset(
    (
        *(".nvmrc", ".node-version", ".python-version", ".ruby-version", ".tool-versions"),
        *("go.mod", "package.json", "pyproject.toml", "rust-toolchain", "rust-toolchain.toml"),
        "global.json",
    )
)
_TERRAFORMS = frozenset((".terraform-version", ".opentofu-version"))
_WORKFLOWS = ".github/workflows/"
LINKED = frozenset(("compose", "dockerfile", "kubernetes"))
"""The kinds that speak of the same images, ports and names."""
MANY = 500
MANY_BYTES = 2_000_000
"""Manifests out of focus and bytes of them; beyond, a commit would pay for the whole repository.

A run over all of it remembers what they say.
"""


def links_of(
    jobs: Sequence[Job], paths: Sequence[str], images: Mapping[str, str]
) -> tuple[bool, Job | None]:
    """Whether anything can link files of these jobs, and the job of the files that do."""
    kinds = frozenset(job.kind for job in jobs)
    if kinds.isdisjoint(LINKED) and "terraform" not in kinds:
        return False, None
    job = job_of(paths, kinds, dict(images))
    pairs = "kubernetes" in kinds or {"compose", "dockerfile"} <= kinds
    pairs = pairs or sum(job.kind == "terraform" for job in jobs) > 1
    return pairs or job is not None, job


def job_of(paths: Sequence[str], kinds: frozenset[str], images: dict[str, str]) -> Job | None:
    """One job of the files that may link the kinds that are there; None where there are none."""
    names = _BUILDS | _RUNTIMES if "dockerfile" in kinds else frozenset[str]()
    names |= _TERRAFORMS if "terraform" in kinds else frozenset()
    found = [
        path
        for path in paths
        if path[path.rfind("/") + 1 :] in names or (names and _is_workflow(path))
    ]
    if not found and not images:
        return None
    return Job("links", "", tuple(found), {"images": images})


def _is_workflow(path: str) -> bool:
    inside = path.removeprefix(_WORKFLOWS)
    return inside != path and "/" not in inside and inside.endswith((".yml", ".yaml"))


def elsewhere(jobs: Sequence[Job], touched: Sequence[Job]) -> list[Job]:
    """The jobs out of focus whose facts count."""
    judged = {id(job) for job in touched}
    if not any(job.kind in LINKED for job in touched):
        return []
    return [job for job in jobs if job.kind in LINKED and id(job) not in judged]


def are_many(jobs: Sequence[Job], tree: Tree) -> bool:
    """Whether reading manifests for their facts alone would cost too much."""
    paths = [path for job in jobs for path in job.paths]
    return len(paths) > MANY or sum(map(tree.size, paths)) > MANY_BYTES
