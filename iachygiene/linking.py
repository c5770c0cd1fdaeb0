"""Which files are looked at for what they say to others, beyond those in focus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iachygiene.model import Job

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
    from iachygiene.parse.links import job_of

    job = job_of(paths, kinds, dict(images))
    pairs = "kubernetes" in kinds or {"compose", "dockerfile"} <= kinds
    pairs = pairs or {"compose", "terraform"} <= kinds
    pairs = pairs or sum(job.kind == "terraform" for job in jobs) > 1
    return pairs or job is not None, job


def elsewhere(jobs: Sequence[Job], touched: Sequence[Job]) -> tuple[list[Job], bool]:
    """The jobs out of focus whose facts count, and whether these are all there are."""
    judged = {id(job) for job in touched}
    kinds = frozenset().union(*(LINKED.get(job.kind, ()) for job in touched))
    wanted = [job for job in jobs if job.kind in kinds and id(job) not in judged]
    many = {kind for kind in ("kubernetes", "terraform") if _files(wanted, kind) > MANY}
    return [job for job in wanted if job.kind not in many], "kubernetes" not in many


def _files(jobs: Sequence[Job], kind: str) -> int:
    return sum(len(job.paths) for job in jobs if job.kind == kind)
