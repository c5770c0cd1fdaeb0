"""`terraform validate` on the modules of the scanned tree.

It runs in place, because relative modules and `file()` have to resolve, but its data
directory is another one outside the tree. Local modules are made known there without `init`;
what would need `init` for more is said to be unchecked, never to be wrong. A module that gets
providers from its caller is validated as a copy with configurations of them. Output:
https://developer.hashicorp.com/terraform/cli/commands/validate#json-output-format
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from iachygiene.model import Broken, Job, Location, SourceFile, Span, ToolStatus, Unchecked
from iachygiene.parse.terraform import (
    Diagnostic,
    Validation,
    checked,
    is_module_file,
    read_module,
)
from iachygiene.tools import TERRAFORM, Program, ToolRun, scratch
from iachygiene.wrap.install import Installer
from iachygiene.wrap.memory import Memory
from iachygiene.wrap.shadow import ALIASES, LOCK_FILE, add_aliases, shadow
from iachygiene.wrap.sources import Sources, below_root
from iachygiene.wrap.terraform import in_threads, status_of

if TYPE_CHECKING:
    from iachygiene.cache import Cache
    from iachygiene.files import Tree
    from iachygiene.parse.terraform import TerraformModule

CHECK = "terraform validate"
TIMEOUT = 120.0
"""Seconds for one module."""
AT_ONCE = 4
"""Processes at a time; each holds a whole module."""
UNASKED = 100
"""Modules that are validated where nobody asked for it by name; each takes a tenth of a second."""
MAX_CALLS = 500
"""Local modules below one root that are made known to the program."""
MAX_DEPTH = 50
"""Modules within each other, so that one that calls itself comes to an end."""

_CODES = frozenset((0, 1))
_NOT_INSTALLED = frozenset(
    (
        "Module not installed",
        "Module source has changed",
        "Module version requirements have changed",
        "Missing required provider",
        "Missing required provisioner plugin",
        "Required plugins are not installed",
        "Inconsistent dependency lock file",
        "Provider requirements cannot be satisfied by locked dependencies",
        "Could not load plugin",
        "Failed to load plugin schemas",
        "Failed to obtain provider schema",
        "Failed to instantiate provider",
        "Backend initialization required",
        "Initialization required",
    )
)
_NO_PACKAGE = ("there is no package for", "missing or corrupted provider plugins")
_INIT = "run terraform init in that directory"
_TO_INSTALL = "use --init to install what it needs elsewhere"
_OTHER_VERSION = "Unsupported Terraform Core version"
_NO_CONFIGURATION = "Provider configuration not present"


class Answer(NamedTuple):
    """What one run said of one module.

    `needs` is why it could not say all, `other` is the constraint on versions that forbids it
    to say anything; both are mostly empty.
    """

    directory: str
    run: ToolRun
    diagnostics: Sequence[Diagnostic] = ()
    needs: str = ""
    notes: Sequence[str] = ()
    other: str = ""

    @property
    def verdict(self) -> str:
        """`valid`, `invalid`, or `not validated`."""
        if any(one.severity == "error" for one in self.diagnostics):
            return "invalid"
        return "valid" if self.run.answered and not (self.needs or self.other) else "not validated"


def validate(
    jobs: Sequence[Job],
    tree: Tree,
    program: Program | None,
    settings: Mapping[str, Any],
    cache: Cache | None = None,
) -> Iterator[Validation | ToolStatus | Unchecked]:
    """Validate the modules of these jobs, or rather the roots that call them.

    A module that no root of the tree calls is validated by itself. Where nobody asked for it
    by name, the program is not started for a module that needs `init`: it would say that, and
    what it can say before is what the static rules say. `cache` holds what was said in
    earlier runs.
    """
    required = bool(settings.get("required"))
    touched = [job.directory for job in jobs if any(map(is_module_file, job.paths))]
    if settings.get("policy") == "never":
        detail = 'tools.terraform.policy is "never"'
        yield ToolStatus(TERRAFORM.name, CHECK, "disabled", detail=detail, required=required)
        return
    if not touched:
        yield ToolStatus(TERRAFORM.name, CHECK, "not-needed", required=required)
        return
    if program is None:
        name = settings.get("engine")
        run = TERRAFORM.missing(tree.root, name if name in ("terraform", "tofu") else "")
        yield status_of(CHECK, [run], 0, required=required)
        return
    answers, left = _answers(touched, tree, program, settings, cache)
    if left:
        more = f"and {len(left) - 1} more " if len(left) > 1 else ""
        why = f"{CHECK} was not started for this module {more}in a run that did not ask for it"
        yield Unchecked(left[0] or ".", "size", why, "--select TF5 asks for all")
    yield from _units(answers, tree, required=required)


def _answers(
    directories: Sequence[str],
    tree: Tree,
    program: Program,
    settings: Mapping[str, Any],
    cache: Cache | None,
) -> tuple[list[Answer], list[str]]:
    """What is to be said of modules, in the order of their directories, and those left out."""
    validator = _Validator(tree, program, settings)
    sources = Sources(tree)
    if validator.trusting or validator.installer:
        targets = roots_of(directories, sources.calls())
        return in_threads(validator.validate, targets, AT_ONCE), []
    # Whoever calls a module needs what it needs, so that its callers need not be known.
    answers = {one.directory: one for one in _waiting(directories, sources, program)}
    ready = [directory for directory in directories if directory not in answers]
    targets = roots_of(ready, sources.calls()) if ready else []
    answers |= {one.directory: one for one in _waiting(targets, sources, program)}
    targets = [directory for directory in targets if directory not in answers]
    # The same ones with and without a cache: what a run says must not depend on earlier ones.
    targets, left = targets[:UNASKED], targets[UNASKED:]
    known = Memory.of(cache, tree, TERRAFORM, program) if targets else None
    if known:
        valid = ToolRun("ok", program.name, 0, version=known.version)
        remembered = [one for one in targets if _is_remembered(one, sources, known)]
        answers |= {one: Answer(one, valid) for one in remembered}
        targets = [directory for directory in targets if directory not in answers]
    for answer in in_threads(validator.validate, targets, AT_ONCE):
        answers[answer.directory] = answer
        if known and answer.verdict == "valid" and not (answer.diagnostics or answer.notes):
            known.keep(f"validate {answer.directory}", "")
    return [answers[directory] for directory in sorted(answers)], left


def _waiting(directories: Sequence[str], sources: Sources, program: Program) -> Iterator[Answer]:
    for directory in directories:
        why = sources.awaits(directory)
        if why:
            yield Answer(directory, ToolRun("missing", program.name), needs=why)


def _is_remembered(directory: str, sources: Sources, known: Memory) -> bool:
    """Whether a module was valid, and nothing that this rests on has changed."""
    what = f"validate {directory}"
    if known.says(what) is not None:
        return True
    known.look(what)
    if not sources.read_all(directory):
        known.forget(what)
    return False


def _units(
    answers: Sequence[Answer], tree: Tree, *, required: bool
) -> Iterator[Validation | ToolStatus | Unchecked]:
    runs = []
    seen: set[tuple[Location, str]] = set()
    for answer in answers:
        run = answer.run
        fresh = [one for one in answer.diagnostics if (one.location, one.summary) not in seen]
        seen.update((one.location, one.summary) for one in fresh)
        if run.answered:
            place = _main_file(answer.directory, tree)
            yield Validation(answer.directory, place, fresh, f"{run.name} {run.version}")
            for note in answer.notes:
                yield Unchecked(answer.directory or ".", "place", note)
        if answer.other:
            why = f"{CHECK} is for another version: required_version {answer.other}"
            yield Unchecked(answer.directory or ".", "version", why)
        if answer.needs:
            own = _INIT if required else f"{_INIT} and use it with --trust-providers"
            run = run._replace(
                status="missing",
                detail=f"needs init: {answer.directory or '.'}: {answer.needs}",
                hint=f"{own}, or {_TO_INSTALL}",
            )
        runs.append(run)
    status = status_of(CHECK, runs, len(answers), findings=bool(seen), required=required)
    if not status.detail:
        counts = Counter(answer.verdict for answer in answers)
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
        status = status._replace(detail=f"modules: {told}" if told else "")
    yield status


def roots_of(directories: Sequence[str], calls: Mapping[str, set[str]]) -> list[str]:
    """The modules that nobody calls and that lead to these, or else these themselves; sorted."""
    callers: dict[str, set[str]] = defaultdict(set)
    for caller, called in calls.items():
        for directory in called:
            callers[directory].add(caller)
    found = set()
    for directory in directories:
        above, waiting = {directory}, [directory]
        while waiting:
            fresh = callers.get(waiting.pop(), set()) - above
            above |= fresh
            waiting += fresh
        found |= {one for one in above if not callers.get(one)} or {directory}
    return sorted(found)


class _Validator:
    def __init__(self, tree: Tree, program: Program, settings: Mapping[str, Any]) -> None:
        self.tree = tree
        self.program = program
        self.timeout = settings.get("timeout") or TIMEOUT
        self.trusting = bool(settings.get("trust_providers"))
        folder = settings.get("install") or ""
        self.installer = Installer(program, tree.root, folder) if folder else None
        self._sound: dict[str, bool] = {}
        self._calls: dict[str, list[tuple[str, str]]] = {}
        self._modules: dict[str, TerraformModule | None] = {}

    def validate(self, directory: str) -> Answer:
        """Validate one module, with the user's own installation where that may be used."""
        own, why_not = self._own_data(directory) if self.trusting else ("", "")
        with scratch() as temporary:
            aliases = self._foreign_aliases(directory)
            place = self.tree.absolute(directory)
            if aliases or self.installer:
                copy = os.path.join(temporary, "copy")
                os.mkdir(copy)
                place = shadow(self.tree.root, directory, copy)
                add_aliases(place, aliases)
            data = own
            if not own:
                data = os.path.join(temporary, "data")
                os.mkdir(data)
                self._write_manifest(directory, data)
            answer = self._run(directory, place, data)
            if answer.needs and self.installer:
                answer = self._installed(directory, place, self.installer)
        if answer.needs and why_not:
            return answer._replace(needs=f"{answer.needs}; its .terraform {why_not}")
        return answer

    def _installed(self, directory: str, place: str, installer: Installer) -> Answer:
        """Validate a module with what `init` installs for it."""
        top = self.tree.absolute(directory)
        data = installer.data(top, self.program.name, *self._requirements(directory))
        failed = installer.install(place, data)
        answer = self._run(directory, place, data)
        if failed and not answer.other:
            return answer._replace(needs=f"init failed: {failed}")
        return answer

    def _requirements(self, directory: str) -> Iterator[str]:
        """What decides over the things to install, of a module and of the local ones below it."""
        lock = f"{directory}/{LOCK_FILE}" if directory else LOCK_FILE
        if self.tree.exists(lock):
            yield self.tree.raw(lock).decode(errors="replace")
        for _, called in sorted({(row["Dir"], row["Called"]) for row in self._rows(directory)}):
            module = self._module(called)
            if module is None:
                continue
            for block in module.of("terraform"):
                for entry in block.of("required_providers"):
                    yield from (one.name + one.text for one in entry.attributes.values())
            for call in module.of("module"):
                given = call.attributes
                yield from (given[name].text for name in ("source", "version") if name in given)
            for kind in ("resource", "data", "ephemeral", "provider"):
                yield from sorted({block.labels[0].partition("_")[0] for block in module.of(kind)})

    def _own_data(self, directory: str) -> tuple[str, str]:
        """The module's `.terraform`, or why it is not used.

        One that the repository brings never is: the programs in it would run.
        """
        from iachygiene.git import Refusal, toplevel, tracked_below

        path = f"{directory}/.terraform" if directory else ".terraform"
        absolute = self.tree.absolute(path)
        if not os.path.isdir(absolute):
            return "", ""
        if self.tree.real_path(path) != path:
            return "", "is reached by a link, and is not used"
        tracked = tracked_below(self.tree.root, [path])
        if isinstance(tracked, Refusal):
            if toplevel(self.tree.absolute(directory)) is None:
                return absolute, ""
            return "", f"is not used: {tracked.detail}"
        return ("", "is tracked by git, and is not used") if tracked else (absolute, "")

    def _write_manifest(self, directory: str, data: str) -> None:
        """Say where the local modules below a root are, as `init` would."""
        import json

        rows = [
            {key: row[key] for key in ("Key", "Source", "Dir")} for row in self._rows(directory)
        ]
        if len(rows) > 1:
            os.mkdir(os.path.join(data, "modules"))
            with open(os.path.join(data, "modules", "modules.json"), "x", encoding="utf-8") as file:
                json.dump({"Modules": rows}, file)

    def _rows(self, directory: str) -> list[dict[str, str]]:
        """A root and the local modules below it; "Called" is a module's place in the tree."""
        rows = [{"Key": "", "Source": "", "Dir": ".", "Called": directory}]
        waiting = [("", directory, 0)]
        while waiting and len(rows) < MAX_CALLS:
            key, caller, depth = waiting.pop()
            if caller not in self._calls:
                self._calls[caller] = list(_calls(self._module(caller)))
            for name, source in self._calls[caller]:
                called = below_root(caller, source)
                if called is None or depth > MAX_DEPTH or self.tree.real_path(called) is None:
                    continue
                inner = f"{key}.{name}" if key else name
                below = os.path.relpath(called or ".", directory or ".").replace(os.sep, "/")
                rows.append({"Key": inner, "Source": source, "Dir": below, "Called": called})
                waiting.append((inner, called, depth + 1))
        return rows

    def _module(self, directory: str) -> TerraformModule | None:
        if directory not in self._modules:
            self._modules[directory] = read_module(self.tree, directory)
        return self._modules[directory]

    def _foreign_aliases(self, directory: str) -> list[tuple[str, str]]:
        """Names and aliases of the providers that a module gets from its caller."""
        module = self._module(directory)
        if module is None or not module.mentions("configuration_aliases"):
            return []
        return list(dict.fromkeys(_declared_aliases(module)))

    def _run(self, directory: str, place: str, data: str) -> Answer:
        """Run the program in a place that holds the module."""
        run = TERRAFORM.run(
            *("validate", "-json", "-no-color"),
            program=self.program,
            root=self.tree.root,
            cwd=place,
            known=_CODES,
            timeout=self.timeout,
            variables={"TF_DATA_DIR": data},
        )
        said = read_output(run.stdout) if run.answered else None
        if said is None:
            if run.answered:
                run = run._replace(
                    status="garbage",
                    detail=f"{run.name} validate gave no answer in its JSON format",
                    hint=f"run {run.name} validate -json in {directory or '.'}",
                )
            return Answer(directory, run)
        return self._answer(directory, run, said)

    def _answer(self, directory: str, run: ToolRun, said: Sequence[Mapping[str, Any]]) -> Answer:
        found: dict[Location, Diagnostic] = {}
        needs, other, notes = "", "", []
        for one in _without_echoes(said):
            summary = _text(one, "summary")
            if _names_file(one, ALIASES):
                continue
            if summary == _OTHER_VERSION:
                other = other or _constraint(one)
                continue
            why = self._reason(directory, summary, _text(one, "detail"))
            if why:
                needs = needs or why
                continue
            place = _place(one, directory, self.tree)
            if place is None:
                notes.append(f"{run.name} names a place outside the tree: {summary}")
                continue
            if not self._parses(place.path):
                continue
            severity = "warning" if one.get("severity") == "warning" else "error"
            diagnostic = Diagnostic(severity, summary, _text(one, "detail"), place, _object(one))
            # The first of several at one place is the cause of the others.
            key = place.labelled(severity if place.span != Span(0, 0) else severity + summary)
            found.setdefault(key, diagnostic)
        return Answer(directory, run, list(found.values()), needs, notes, other)

    def _parses(self, path: str) -> bool:
        """Whether a file parses: else its finding is the syntax error, reported elsewhere."""
        if not path.endswith((".tf", ".tofu", ".hcl")):
            return True
        if path not in self._sound:
            try:
                checked(SourceFile(path, self.tree.raw(path)))
                self._sound[path] = True
            except Broken:
                self._sound[path] = False
        return self._sound[path]

    def _reason(self, directory: str, summary: str, detail: str) -> str:
        """Why a diagnostic says that something is absent and not that something is wrong."""
        if summary in _NOT_INSTALLED:
            return summary.lower()
        if any(words in summary or words in detail for words in _NO_PACKAGE):
            return "a provider is not installed"
        if summary == _NO_CONFIGURATION and self._foreign_aliases(directory):
            return "its provider aliases come from a caller"
        return ""


def read_output(stdout: bytes) -> Sequence[Mapping[str, Any]] | None:
    """The diagnostics in the output of `validate -json`, None where that is not what it is.

    Text before and after the JSON is passed over.
    """
    import json

    text = stdout.decode(errors="replace")
    try:
        said, _ = json.JSONDecoder().raw_decode(text, text.index("{"))
    except (ValueError, RecursionError):
        return None
    diagnostics = said.get("diagnostics", ())
    version = said.get("format_version")
    if not isinstance(version, str) or not version.startswith(("1.", "0.")):
        return None  # 0.1 is what Terraform 1.0 says
    if not isinstance(said.get("valid"), bool) or not isinstance(diagnostics, list | tuple):
        return None
    if not said["valid"] and not diagnostics:
        return None
    return diagnostics if all(isinstance(one, dict) for one in diagnostics) else None


def _without_echoes(said: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Without the values that are called unsuitable for the variable on the same line."""
    causes = {_line(one) for one in said if one.get("summary") == "Variables not allowed"}
    return [
        one
        for one in said
        if one.get("summary") != "Unsuitable value type" or _line(one) not in causes
    ]


def _line(diagnostic: Mapping[str, Any]) -> tuple[str, str]:
    found = diagnostic.get("range")
    start = found.get("start") if isinstance(found, dict) else None
    line = start.get("line") if isinstance(start, dict) else None
    return _text(found, "filename") if isinstance(found, dict) else "", str(line)


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    return value if isinstance(value, str) else ""


def _object(diagnostic: Mapping[str, Any]) -> str:
    """The block that a diagnostic is about, in the words of `Block.object`; empty without one."""
    snippet = diagnostic.get("snippet")
    header = _text(snippet, "context") if isinstance(snippet, dict) else ""
    kind, *labels = header.replace('"', "").split()[:4] or [""]
    return f"{kind} {'.'.join(labels)}" if labels else kind


def _place(diagnostic: Mapping[str, Any], directory: str, tree: Tree) -> Location | None:
    """Where a diagnostic is, None where that is no file of the tree.

    One without a place, or beyond the end of its file, is about the file as a whole.
    """
    found = diagnostic.get("range")
    if not isinstance(found, dict) or not _text(found, "filename"):
        return _main_file(directory, tree)
    path = below_root(directory, _text(found, "filename"))
    if path is None or not tree.exists(path) or tree.real_path(path) is None:
        return None
    try:
        file = SourceFile(path, tree.raw(path))
        _ = file.text
    except Broken:
        return Location(path)
    start, end = (_offset(found.get(key), file) for key in ("start", "end"))
    if start is None:
        return Location(path)
    return Location(path, Span(start, max(start, start if end is None else end)))


def _offset(position: Any, file: SourceFile) -> int | None:
    """Code points before a position that the program gives in bytes, its mark included."""
    if not isinstance(position, dict):
        return None
    byte, line = position.get("byte"), position.get("line")
    if not isinstance(byte, int) or not isinstance(line, int):
        return None
    if line < 1 or not 0 <= byte <= len(file.data):
        return None
    mark = 3 if file.bom else 0
    offset = len(file.data[mark : max(byte, mark)].decode(errors="ignore"))
    return offset if file.position(offset)[0] == line else None


def _main_file(directory: str, tree: Tree) -> Location:
    paths = [
        f"{directory}/{name}" if directory else name
        for name, kind in tree.listdir(directory)
        if kind in ("file", "link") and is_module_file(name)
    ]
    main = [path for path in paths if path.endswith(("main.tf", "main.tofu"))]
    return Location((main or paths or [directory or "."])[0])


def _calls(module: TerraformModule | None) -> Iterator[tuple[str, str]]:
    """Names and sources of the local modules that a module calls."""
    for call in module.of("module") if module else ():
        source = call.attributes.get("source")
        value = module.constant(source) if module and source and call.labels else None
        if isinstance(value, str) and value.startswith(("./", "../")):
            yield call.labels[0], value


def _declared_aliases(module: TerraformModule) -> Iterator[tuple[str, str]]:
    from iachygiene.hcl import Object, Reference, Tuple

    entries = [
        entry.node
        for block in module.of("terraform")
        for requirements in block.of("required_providers")
        for entry in requirements.attributes.values()
    ]
    items = [item for node in entries if isinstance(node, Object) for item in node.items]
    for item in items:
        if item.name == "configuration_aliases" and isinstance(item.value, Tuple):
            for one in item.value.items:
                if isinstance(one, Reference) and len(one.path) == 2:
                    yield one.path[0], one.path[1]


def _names_file(diagnostic: Mapping[str, Any], name: str) -> bool:
    found = diagnostic.get("range")
    return isinstance(found, dict) and _text(found, "filename") == name


def _constraint(diagnostic: Mapping[str, Any]) -> str:
    """The constraint that a diagnostic about versions shows."""
    snippet = diagnostic.get("snippet")
    code = _text(snippet, "code") if isinstance(snippet, dict) else ""
    return code.rpartition("=")[2].strip() if '"' not in code else '"' + code.split('"')[1] + '"'
