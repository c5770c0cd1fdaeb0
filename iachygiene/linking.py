"""Which files are looked at for what they say to others, beyond those in focus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iachygiene.model import Job

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
_VALUES = frozenset(("values.yaml", "values.yml"))
_WORKFLOWS = ".github/workflows/"
LINKED: Mapping[str, frozenset[str]] = {
    "compose": frozenset(("compose", "dockerfile", "kubernetes", "terraform")),
    "dockerfile": frozenset(("compose", "dockerfile", "kubernetes")),
    "kubernetes": frozenset(("compose", "dockerfile", "kubernetes")),
    "terraform": frozenset(("compose",)),
}
"""The kinds that speak of the same images, ports and names as each does."""
MANY = 500
"""Files of a kind out of focus; beyond that, a commit would pay for the whole repository."""


def links_of(
    jobs: Sequence[Job], paths: Sequence[str], images: Mapping[str, str]
) -> tuple[bool, Job | None]:
    """Whether anything can link files of these jobs, and the job of the files that do."""
    kinds = frozenset(job.kind for job in jobs)
    if kinds.isdisjoint(LINKED):
        return False, None
    job = job_of(paths, kinds, dict(images))
    pairs = "kubernetes" in kinds or {"compose", "dockerfile"} <= kinds
    pairs = pairs or {"compose", "terraform"} <= kinds
    pairs = pairs or sum(job.kind == "terraform" for job in jobs) > 1
    return pairs or job is not None, job


def job_of(paths: Sequence[str], kinds: frozenset[str], images: dict[str, str]) -> Job | None:
    """One job of the files that may link the kinds that are there; None where there are none."""
    names = _BUILDS | _RUNTIMES if "dockerfile" in kinds else frozenset[str]()
    names |= _TERRAFORMS if "terraform" in kinds else frozenset()
    with_workflows = bool(names)
    names |= _VALUES if "compose" in kinds else frozenset()
    found = [
        path
        for path in paths
        if path[path.rfind("/") + 1 :] in names or (with_workflows and _is_workflow(path))
    ]
    if not found and not images:
        return None
    return Job("links", "", tuple(found), {"images": images})


def _is_workflow(path: str) -> bool:
    inside = path.removeprefix(_WORKFLOWS)
    return inside != path and "/" not in inside and inside.endswith((".yml", ".yaml"))


def elsewhere(jobs: Sequence[Job], touched: Sequence[Job]) -> tuple[list[Job], bool]:
    """The jobs out of focus whose facts count, and whether no manifests are left out."""
    judged = {id(job) for job in touched}
    kinds = frozenset().union(*(LINKED.get(job.kind, ()) for job in touched))
    wanted = [job for job in jobs if job.kind in kinds and id(job) not in judged]
    many = {kind for kind in ("kubernetes", "terraform") if _files(wanted, kind) > MANY}
    return [job for job in wanted if job.kind not in many], "kubernetes" not in many


def _files(jobs: Sequence[Job], kind: str) -> int:
    return sum(len(job.paths) for job in jobs if job.kind == kind)
