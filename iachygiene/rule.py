"""What a rule is, how one is declared, and where all of them are found.

A rule is one generator function under `rules/<language>/`. Its docstring is its
documentation, its reference page and its tests; see CONTRIBUTING.md for the form.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from iachygiene.model import Findings, Severity

LANGUAGES: Mapping[str, str] = {
    "HYG": "toolkit",
    "TF": "terraform",
    "DF": "dockerfile",
    "K8S": "kubernetes",
    "KST": "kubernetes",
    "ARG": "kubernetes",
    "CO": "compose",
    "NPM": "npm",
    "PRJ": "project",
}
"""Code prefix to the folder of `rules/` that holds the rules of that prefix."""

GUESTS: Mapping[str, str] = {"K8S902": "compose"}
"""Codes of which a second folder declares the same rule, for a unit of its own."""

EXAMPLE_NAMES: Mapping[str, str] = {
    "ArgoSet": "manifest.yaml",
    "CheckedScripts": "Dockerfile",
    "ComposeFile": "compose.yaml",
    "Dockerfile": "Dockerfile",
    "Kustomization": "kustomization.yaml",
    "Manifest": "manifest.yaml",
    "ManifestSet": "manifest.yaml",
    "NpmPackage": "package.json",
    "PackageJson": "package.json",
    "Suppression": "Dockerfile",
    "Trouble": "Dockerfile",
}
"""The file that an example without a `-- name --` line stands for, by unit; else main.tf."""

Check = Callable[..., Findings]
AnyCheck = TypeVar("AnyCheck", bound=Check)


class Example(NamedTuple):
    """One example of a docstring. `kind` is "Bad" or "Good".

    `files` maps names to contents, `links` names to the targets of symbolic links. `fixed`
    is what the files become when the fix is applied, None where the rule offers none.
    """

    kind: str
    remark: str
    files: Mapping[str, str]
    links: Mapping[str, str]
    fixed: Mapping[str, str] | None


class Rule(NamedTuple):
    """A check and what was declared of it; everything else is read from its docstring."""

    code: str
    name: str
    unit: type
    severity: Severity
    check: Check
    default: str
    aliases: tuple[str, ...]
    needs: str | None
    sensitive: bool
    security: bool
    gives_way_to: tuple[str, ...]

    @property
    def language(self) -> str:
        """The folder of `rules/` that the rule stands in."""
        return self.check.__module__.split(".")[2]

    @property
    def options(self) -> Mapping[str, Any]:
        """The rule's options as they are spelled in configuration, with their defaults."""
        defaults = self.check.__kwdefaults__ or {}
        return {name.replace("_", "-"): value for name, value in defaults.items()}

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return _document(self).summary

    @property
    def explanation(self) -> str:
        """The paragraphs between the summary and the first section."""
        return _document(self).explanation

    @property
    def option_help(self) -> Mapping[str, str]:
        """What each option does, by its spelling in configuration."""
        return _document(self).options

    @property
    def examples(self) -> tuple[Example, ...]:
        """The examples in the order of the docstring."""
        return _document(self).examples

    @property
    def fixable(self) -> bool:
        """Whether some example shows what the rule's fix makes of it."""
        return any(example.fixed is not None for example in self.examples)


class Brief(NamedTuple):
    """What is asked of a rule where it need not run, without importing it."""

    code: str
    name: str
    severity: Severity
    default: str
    aliases: tuple[str, ...]
    needs: str | None
    sensitive: bool
    security: bool
    gives_way_to: tuple[str, ...]
    fixable: bool

    @property
    def language(self) -> str:
        """The folder of `rules/` that the rule stands in."""
        return LANGUAGES[self.code.rstrip("0123456789")]


_BRIEFS: dict[str, Brief] = {}
_RULES: dict[str, Rule] = {}
_GUESTS: dict[str, Rule] = {}
_LOADED: set[str] = set()


def rule(
    code: str,
    unit: type,
    severity: Severity,
    *,
    default: str = "on",
    aliases: tuple[str, ...] = (),
    needs: str | None = None,
    sensitive: bool = False,
    security: bool = False,
    gives_way_to: tuple[str, ...] = (),
) -> Callable[[AnyCheck], AnyCheck]:
    """Declare a rule.

    `default` is "on", "strict" (off, but recommended together) or "off". `needs` is the
    program without which there is nothing to judge. `sensitive` keeps the flagged text out
    of reports and fingerprints; `security` marks what code scanning ranks as such. Where a
    rule of `gives_way_to` has a finding about the same object at the same place, that one takes
    over the related places and this one is not reported.
    """

    def declare(check: AnyCheck) -> AnyCheck:
        declared = _GUESTS if check.__module__.split(".")[2] == GUESTS.get(code) else _RULES
        if code in declared and declared[code].check.__module__ != check.__module__:
            raise ValueError(f"rule {code} is declared twice")
        name = check.__name__.replace("_", "-")
        declared[code] = Rule(
            code,
            name,
            unit,
            severity,
            check,
            default,
            aliases,
            needs,
            sensitive,
            security,
            gives_way_to,
        )
        return check

    return declare


def load_language(language: str) -> None:
    """Import every module of one folder of `rules/`, once."""
    if language in _LOADED:
        return
    _LOADED.add(language)
    package = import_module(f"iachygiene.rules.{language}")
    for entry in sorted(os.listdir(package.__path__[0])):
        if entry.endswith(".py") and entry != "__init__.py":
            import_module(f"{package.__name__}.{entry[:-3]}")


def rules_of(language: str) -> list[Rule]:
    """The rules of one folder, by code, also those that it declares for another one's code."""
    load_language(language)
    declared = (*_RULES.values(), *_GUESTS.values())
    return sorted(rule for rule in declared if rule.language == language)


def all_rules() -> list[Rule]:
    """Every rule there is, by code; imports all of them."""
    for language in LANGUAGES.values():
        load_language(language)
    return sorted(_RULES.values(), key=lambda rule: rule.code)


def get(code: str) -> Rule:
    """The rule of a code; raises KeyError where there is none."""
    if code not in _RULES:
        prefix = code.rstrip("0123456789")
        if prefix in LANGUAGES:
            load_language(LANGUAGES[prefix])
    return _RULES[code]


def brief(code: str) -> Brief:
    """What is asked of a finding's rule; raises KeyError where there is none."""
    known = _BRIEFS.get(code) or briefs().get(code)
    return known or brief_of(get(code))


def briefs() -> Mapping[str, Brief]:
    """What `rules/index.json` says of each rule, by code; a rule that is new is not there yet."""
    if not _BRIEFS:
        import json

        path = os.path.join(os.path.dirname(__file__), "rules", "index.json")
        with open(path, encoding="utf-8") as file:
            rows = json.load(file)
        for code, row in rows.items():
            name, severity, default, aliases, needs, sensitive, security, gives_way_to, fix = row
            _BRIEFS[code] = Brief(
                *(code, name, Severity(severity), default, tuple(aliases), needs),
                *(sensitive, security, tuple(gives_way_to), fix),
            )
    return _BRIEFS


def brief_of(rule: Rule) -> Brief:
    """The brief of a rule that is at hand."""
    return Brief(
        *(rule.code, rule.name, rule.severity, rule.default, rule.aliases, rule.needs),
        *(rule.sensitive, rule.security, rule.gives_way_to, rule.fixable),
    )


def find(word: str) -> list[Brief]:
    """The rules that a word names: a code, a name, or a peer's name in full or short form.

    A short form ("DL3006") counts only where every peer that has it means the same rules.
    """
    known = briefs().values()
    exact = [rule for rule in known if word in (rule.code, rule.name)]
    if exact:
        return exact
    in_full = [rule for rule in known if any(_is(alias, word) for alias in rule.aliases)]
    if in_full:
        return in_full
    meant: dict[str, list[Brief]] = {}
    for rule in known:
        for alias in rule.aliases:
            peer, _, short = alias.partition(":")
            if _is(short, word) and rule not in meant.setdefault(peer, []):
                meant[peer].append(rule)
    found = list(meant.values())
    return found[0] if found and all(one == found[0] for one in found) else []


def _is(alias: str, word: str) -> bool:
    """Whether an alias is a word; `SC*` stands for every number of a tool."""
    if alias.endswith("*"):
        return word.startswith(alias[:-1]) and word[len(alias) - 1 :].isdigit()
    return alias == word


class _Document(NamedTuple):
    summary: str
    explanation: str
    options: Mapping[str, str]
    examples: tuple[Example, ...]


_DOCUMENTS: dict[str, _Document] = {}


def _document(rule: Rule) -> _Document:
    if rule.code not in _DOCUMENTS:
        _DOCUMENTS[rule.code] = _read_docstring(rule.check.__doc__ or "", rule.unit.__name__)
    return _DOCUMENTS[rule.code]


def _read_docstring(docstring: str, unit: str) -> _Document:
    prose: list[str] = []
    options: dict[str, str] = {}
    examples: list[Example] = []
    for heading, remark, body in _sections(docstring):
        if heading == "":
            prose = body
        elif heading == "Options":
            options = _read_options(body)
        elif heading == "Fixed":
            files, _ = _read_files(body, unit)
            examples[-1] = examples[-1]._replace(fixed=files)
        else:
            files, links = _read_files(body, unit)
            examples.append(Example(heading, remark, files, links, None))
    summary = prose[0] if prose else ""
    return _Document(summary, "\n".join(prose[1:]).strip(), options, tuple(examples))


def _sections(docstring: str) -> Iterator[tuple[str, str, list[str]]]:
    """Heading, remark and dedented body of the prose (no heading) and of each section."""
    first, _, rest = docstring.partition("\n")
    margin = min(
        (len(line) - len(line.lstrip(" ")) for line in rest.split("\n") if line.strip()), default=0
    )
    heading, remark, body = "", "", [first.strip()]
    for line in (text[margin:] for text in rest.split("\n")):
        word, colon, tail = line.partition(":")
        if colon and word in ("Options", "Bad", "Good", "Fixed"):
            yield heading, remark, body
            heading, remark, body = word, tail.strip(), []
        elif heading and line and not line.startswith("    "):
            raise ValueError(f"unindented text in section {heading!r}: {line!r}")
        else:
            body.append(line[4:] if heading else line)
    yield heading, remark, body


def _read_options(body: list[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    last = ""
    for line in body:
        if line.startswith(" ") and last:
            options[last] += " " + line.strip()
        elif line.strip():
            last, _, text = line.partition(":")
            last = last.replace("_", "-")
            options[last] = text.strip()
    return options


def _read_files(body: list[str], unit: str) -> tuple[dict[str, str], dict[str, str]]:
    files: dict[str, list[str]] = {}
    links: dict[str, str] = {}
    current = files.setdefault("", [])
    for line in body:
        if line.startswith("-- ") and line.endswith(" --"):
            name, arrow, target = line[3:-3].strip().partition(" -> ")
            if arrow:
                links[name] = target
                current = []
            else:
                current = files.setdefault(name, [])
        else:
            current.append(line)
    unnamed = files.pop("")
    if any(line.strip() for line in unnamed):
        files[EXAMPLE_NAMES.get(unit, "main.tf")] = unnamed
    return {name: "\n".join(lines).strip("\n") + "\n" for name, lines in files.items()}, links
