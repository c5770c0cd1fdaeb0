"""The external programs of one scan: which are wanted, and what they said.

Programs wait outside Python, so they run in a thread beside the rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from iachygiene import __version__
from iachygiene.discover import KINDS
from iachygiene.judge import Rules, Verdict, empty_verdict, report_trouble, run_rule
from iachygiene.model import Job, ToolStatus, Trouble, Unchecked
from iachygiene.rendered import RENDERERS, Rendering

if TYPE_CHECKING:
    from threading import Thread

    from iachygiene.config import Config
    from iachygiene.engine import Options
    from iachygiene.files import Tree

FORMAT = "terraform fmt"
FORMAT_RULES = frozenset(("TF001", "TF002"))
_VALIDATE_RULES = frozenset(("TF501", "TF502"))


class Programs:
    """Terraform or OpenTofu, as far as the enabled rules ask for them."""

    def __init__(self, tree: Tree, config: Config, options: Options) -> None:
        self.tree = tree
        self.config = config
        self.required = options.required
        tool = config.tool("terraform")
        self.engine = _engine(options.engine, tool["policy"], tree.root)
        tables = {kind.name: dict(config.settings(kind.name)) for kind in KINDS}
        tables["terraform"]["engine"] = self.engine
        self._rendering = Rendering(tree, config, options)
        if self._rendering.builds:
            tables["kubernetes"]["builder"] = True
        self.settings: Mapping[str, Mapping[str, Any]] = tables
        if options.engine == "builtin":
            tool = {**tool, "policy": "never"}
        self._asked: dict[str, Any] = {
            **tool,
            "engine": self.engine,
            "required": False,
            "trust_providers": options.trust_providers,
        }
        self._wanted: frozenset[str] = frozenset()
        self._said: list[Any] = []
        self._thread: Thread | None = None

    def start(self, jobs: Sequence[Job], rules: Rules) -> None:
        """Start what is wanted for these jobs; returns at once."""
        if self.config.wants_language("kubernetes"):
            self._rendering.start([job for job in jobs if job.kind == "kubernetes"])
        mine = [job for job in jobs if job.kind == "terraform"]
        if not mine or not self.config.wants_language("terraform"):
            return
        enabled = {rule.code for table in rules.of("terraform").values() for rule in table}
        wanted = enabled.intersection(_VALIDATE_RULES)
        if self.engine != "builtin":
            wanted |= enabled.intersection(FORMAT_RULES)
        self._wanted = frozenset(wanted)
        required = bool(self.required.intersection(_VALIDATE_RULES))
        self._asked["required"] = required
        self._asked["trust_providers"] = self._asked["trust_providers"] or required
        if not wanted:
            return
        if self._asked["policy"] == "never" and self.engine == "builtin":
            status = ToolStatus("terraform", "terraform validate", "disabled", required=required)
            self._said.append(status._replace(detail="switched off"))
        else:
            from threading import Thread

            self._thread = Thread(target=self._run, args=(mine,), daemon=True)
            self._thread.start()

    def _run(self, jobs: Sequence[Job]) -> None:
        from iachygiene.wrap.terraform import units

        try:
            self._said.extend(units(jobs, self.tree, self._wanted, self._asked))
        except Exception as error:  # a defect of ours must not look like a clean run
            self._said.append(
                ToolStatus("terraform", "terraform", "crashed", detail=f"{type(error).__name__}")
            )

    def finish(self, rules: Rules) -> Verdict:
        """Wait for the programs and judge what they said."""
        verdict = empty_verdict()
        if self._thread is not None:
            self._thread.join()
        table = rules.of("terraform") if self._said else {}
        for unit in self._said:
            if isinstance(unit, Trouble):
                report_trouble(unit, self.tree, rules, verdict)
            elif isinstance(unit, Unchecked):
                verdict.unchecked.append(unit)
            elif not isinstance(unit, ToolStatus):
                for rule in table.get(type(unit), ()):
                    run_rule(rule, unit, unit.location.path, self.config, verdict)
        self._said += self._rendering.finish(rules, verdict)
        return verdict

    @property
    def ran(self) -> bool:
        """Whether every program that was wanted gave its answer."""
        answers = ("ok", "findings", "not-needed")
        said = [unit for unit in self._said if isinstance(unit, ToolStatus)]
        return all(one.status in answers for one in said if one.name not in RENDERERS)

    def statuses(self, formatted: int, reported: AbstractSet[str]) -> list[ToolStatus]:
        """How each program ended, in a fixed order; the built-in engine counts as one.

        `formatted` is the number of files it was given, `reported` are the codes of the
        findings that are shown: what a program says of files out of focus is not among them.
        """
        said = [unit for unit in self._said if isinstance(unit, ToolStatus)]
        if self.engine == "builtin" and formatted:
            said.append(ToolStatus("built-in", FORMAT, "ok", __version__, units=formatted))
        for index, status in enumerate(said):
            if status.status in ("ok", "findings") and status.name not in RENDERERS:
                rules = FORMAT_RULES if status.check == FORMAT else _VALIDATE_RULES
                word = "ok" if reported.isdisjoint(rules) else "findings"
                said[index] = status._replace(status=word)
        return sorted(said, key=lambda status: status.check)


def _engine(asked: str, policy: str, root: str) -> str:
    """The program that formats Terraform files: "builtin" where none is to be had."""
    if asked in ("builtin", "terraform", "tofu"):
        return asked
    if policy == "never":
        return "builtin"
    from iachygiene.tools import TERRAFORM

    found = TERRAFORM.find(root)
    return found.name if found else "builtin"
