"""Images without a tag that Argo CD Image Updater would keep up to date if they had one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from iachygiene.model import Finding

if TYPE_CHECKING:
    from iachygiene.judge import Verdict

_UNPINNED = "K8S101"


def with_updates(findings: Sequence[Finding], verdicts: Sequence[Verdict]) -> Sequence[Finding]:
    """The findings; of an image that Image Updater changes they say who will bump its tag."""
    facts = [fact for verdict in verdicts for fact in verdict.facts]
    if not any("UpdateFact" in (type(fact).__name__, fact[0]) for fact in facts):
        return findings
    from iachygiene.parse.project import ImageFact, UpdateFact, facts_of, is_below

    updates = facts_of(UpdateFact, facts)
    images = {one.location[:2]: one.image for one in facts_of(ImageFact, facts)}

    def told(finding: Finding) -> Finding:
        image = images.get(finding.location[:2]) if finding.rule == _UNPINNED else None
        path = finding.location.path
        for update in updates:
            if update.image == image and is_below(path, update.directory):
                return finding._replace(
                    message=f"{finding.message}; once it has a tag, Image Updater will bump it",
                    related=(*finding.related, update.location.labelled("updated by this")),
                )
        return finding

    return [told(finding) for finding in findings]
