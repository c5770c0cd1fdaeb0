"""The external programs of one scan: which are wanted, and what they said.

Programs wait outside Python, so they run in a thread beside the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from iachygiene import __version__
from iachygiene.discover import KINDS
from iachygiene.interrupt import wait_for
from iachygiene.judge import Rules, Verdict, empty_verdict, report_trouble, run_rules
from iachygiene.model import Job, ToolStatus, Trouble, Unchecked
from iachygiene.rendered import RENDERERS, Rendering
from iachygiene.rule import brief

if TYPE_CHECKING:
    from threading import Thread

    from iachygiene.cache import Cache
    from iachygiene.config import Config
    from iachygiene.engine import Options
    from iachygiene.files import Tree

FORMAT = "terraform fmt"
FORMAT_RULES = frozenset(("TF001", "TF002"))
VALIDATE_RULES = frozenset(("TF501", "TF502"))
_SCRIPT_RULES = frozenset(("DF6001",))
_RULES = {FORMAT: FORMAT_RULES, "shellcheck": _SCRIPT_RULES}
REPLACED_RULES = FORMAT_RULES | _SCRIPT_RULES
"""What a program said of the text of a file, which no longer holds once that is changed."""
CODES = FORMAT_RULES | VALIDATE_RULES | _SCRIPT_RULES
"""The rules that decide which programs are started."""


class Programs:
    """The programs that the enabled rules ask for."""

    def __init__(
        self, tree: Tree, config: Config, options: Options, cache: Cache | None = None
    ) -> None:
        self.tree = tree
        self.cache = cache
        self.config = config
        self.required = options.required
        tool = config.tool("terraform")
        self.engine = _engine(options.engine, tool["policy"], tree)
        tables = {kind.name: dict(config.settings(kind.name)) for kind in KINDS}
        tables["terraform"]["engine"] = self.engine
        self._rendering = Rendering(tree, config, options)
        if self._rendering.builds:
            tables["kubernetes"]["builder"] = True
        self.settings: Mapping[str, Mapping[str, Any]] = tables
        self._none_at_all = options.engine == "builtin"
        self._trust_providers = options.trust_providers
        self._init = options.init
        self._said: list[Any] = []
        self._threads: list[Thread] = []

    def start(self, jobs: Sequence[Job]) -> None:
        """Start what is wanted for these jobs; returns at once."""
        if any(map(self.config.wants_language, ("kubernetes", "project"))):
            self._rendering.start([job for job in jobs if job.kind == "kubernetes"])
        for kind, codes, start in (
            ("terraform", FORMAT_RULES | VALIDATE_RULES, self._terraform),
            ("dockerfile", _SCRIPT_RULES, self._shellcheck),
        ):
            mine = [job for job in jobs if job.kind == kind]
            if mine and self.config.wants_language(kind):
                enabled = {code for code in codes if self.config.enabled(brief(code))}
                start(mine, enabled)

    def _terraform(self, jobs: Sequence[Job], enabled: AbstractSet[str]) -> None:
        wanted = enabled & VALIDATE_RULES
        if self.engine != "builtin":
            wanted |= enabled & FORMAT_RULES
        if not wanted:
            return
        required = bool(self.required & VALIDATE_RULES)
        asked = {
            **self._asked("terraform", required),
            "engine": self.engine,
            "trust_providers": self._trust_providers or required,
            "install": _installations() if self._init else "",
        }
        if asked["policy"] == "never" and self.engine == "builtin":
            self._switched_off("terraform", "terraform validate", required)
            return

        def units() -> Iterator[Any]:
            from iachygiene.wrap.terraform import units

            return units(jobs, self.tree.beside(), frozenset(wanted), asked, self.cache)

        self._begin("terraform", units)

    def _shellcheck(self, jobs: Sequence[Job], enabled: AbstractSet[str]) -> None:
        if enabled.isdisjoint(_SCRIPT_RULES):
            return
        required = bool(self.required & _SCRIPT_RULES)
        asked = self._asked("shellcheck", required)
        if asked["policy"] == "never":
            self._switched_off("shellcheck", "shellcheck", required)
            return

        def units() -> Iterator[Any]:
            from iachygiene.wrap.shellcheck import units

            return units(jobs, self.tree.beside(), asked, self.cache)

        self._begin("shellcheck", units)

    def _asked(self, name: str, required: bool) -> dict[str, Any]:
        tool = {**self.config.tool(name), "required": required}
        return {**tool, "policy": "never"} if self._none_at_all else tool

    def _switched_off(self, name: str, check: str, required: bool) -> None:
        status = ToolStatus(name, check, "disabled", required=required)
        self._said.append(status._replace(detail="switched off"))

    def _begin(self, name: str, units: Callable[[], Iterator[Any]]) -> None:
        from threading import Thread

        def run() -> None:
            try:
                self._said.extend(units())
            except Exception as error:  # a defect of ours must not look like a clean run
                why = type(error).__name__
                self._said.append(ToolStatus(name, name, "crashed", detail=why))

        thread = Thread(target=run, daemon=True, name=name)
        thread.start()
        self._threads.append(thread)

    @property
    def at_work(self) -> str:
        """The names of the programs that have not answered yet."""
        return ", ".join(thread.name for thread in self._threads if thread.is_alive())

    def finish(self, rules: Rules) -> Verdict:
        """Wait for the programs and judge what they said."""
        verdict = empty_verdict()
        for thread in self._threads:
            wait_for(thread)
        told = any(not isinstance(unit, Trouble | Unchecked | ToolStatus) for unit in self._said)
        tables = [rules.of(kind) for kind in ("terraform", "dockerfile")] if told else []
        for unit in self._said:
            if isinstance(unit, Trouble):
                report_trouble(unit, self.tree, rules, verdict)
            elif isinstance(unit, Unchecked):
                verdict.unchecked.append(unit)
            elif not isinstance(unit, ToolStatus):
                for table in tables:
                    found = table.get(type(unit), ())
                    run_rules(found, unit, unit.location.path, self.config, verdict)
        self._said += self._rendering.finish(rules, verdict)
        return verdict

    @property
    def rendered(self) -> AbstractSet[str]:
        """The directories of the charts that helm rendered."""
        return self._rendering.charts

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
                rules = _RULES.get(status.check, VALIDATE_RULES)
                word = "ok" if reported.isdisjoint(rules) else "findings"
                said[index] = status._replace(status=word)
        return sorted(said, key=lambda status: status.check)


def _installations() -> str:
    """The folder for what `terraform init` installs, "" where there is none to be used."""
    import os

    from iachygiene.cache import folder, refusal

    found = folder(os.environ)
    return found if found and not refusal(found) else ""


def _engine(asked: str, policy: str, tree: Tree) -> str:
    """The program that formats Terraform files: "builtin" where none is to be had."""
    if asked in ("builtin", "terraform", "tofu"):
        return asked
    if policy == "never":
        return "builtin"
    from iachygiene.tools import TERRAFORM

    found = None
    if any(path.endswith(_FOR_TOFU) for path in tree.listed):
        found = TERRAFORM.find(tree.root, name="tofu")
    found = found or TERRAFORM.find(tree.root)
    return found.name if found else "builtin"


_FOR_TOFU = (".tofu", ".tofu.json", ".opentofu-version")
