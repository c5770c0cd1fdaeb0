"""The reference pages in docs/rules/ are what the docstrings say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path

import pytest

from iachygiene.report.escape import clean_path
from iachygiene.rule import (
    GUESTS,
    LANGUAGES,
    Example,
    Rule,
    all_rules,
    brief_of,
    briefs,
    get,
    rules_of,
)

PAGES = Path(__file__).parent.parent / "docs" / "rules"
RENEW = "renew with: pytest --update tests/test_reference.py"
TITLES = {
    "compose": "Compose",
    "dockerfile": "Dockerfile",
    "kubernetes": "Kubernetes",
    "npm": "npm packages",
    "project": "Across languages",
    "terraform": "Terraform",
    "toolkit": "The toolkit itself",
}
DEFAULTS = {"on": "on", "strict": "off, one of the strict ones", "off": "off"}


def page(language: str) -> str:
    rules = [one for one in rules_of(language) if one.code not in GUESTS or one is get(one.code)]
    lines = [f"# {TITLES[language]}", "", "Generated from the rules; do not edit.", ""]
    lines += ["| code | name | severity | default | fix | finds |", "|---|---|---|---|---|---|"]
    for rule in rules:
        fix = "yes" if rule.fixable else ""
        link = f"[{rule.code}](#{rule.code.lower()}-{rule.name})"
        lines.append(
            f"| {link} | {rule.name} | {rule.severity.word} | {rule.default} | {fix}"
            f" | {escaped(rule.summary)} |"
        )
    for rule in rules:
        lines += ["", *section(rule)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def section(rule: Rule) -> Iterator[str]:
    yield f"## {rule.code} {rule.name}"
    yield ""
    yield escaped(rule.summary)
    yield ""
    yield escaped(rule.explanation)
    yield ""
    fact = f"Severity {rule.severity.word}, {DEFAULTS[rule.default]} by default."
    yield fact + (f" Needs {rule.needs}." if rule.needs else "")
    if rule.aliases:
        yield ""
        yield "Also known as " + ", ".join(f"`{alias}`" for alias in rule.aliases) + "."
    if rule.options:
        yield ""
        yield f"Options, under `[rules.{rule.name}]`:"
        yield ""
        for name, value in rule.options.items():
            yield f"- `{name}` (default `{value!r}`): {rule.option_help[name]}"
    for example in rule.examples:
        yield from example_lines(example)


def example_lines(example: Example) -> Iterator[str]:
    remark = f": {example.remark}" if example.remark else ""
    yield ""
    yield f"{example.kind}{remark}"
    yield ""
    yield from block(example.files, example.links)
    if example.fixed is not None:
        yield ""
        yield "Fixed"
        yield ""
        yield from block(example.fixed, {})


def block(files: Mapping[str, str], links: Mapping[str, str]) -> Iterator[str]:
    yield "````text"
    for name, target in links.items():
        yield f"-- {name} -> {target} --"
    for name, text in files.items():
        if len(files) > 1 or links:
            yield f"-- {name} --"
        for line in text.removesuffix("\n").split("\n"):
            yield line if line.isascii() and "\0" not in line else clean_path(line)
    yield "````"


@pytest.mark.parametrize("language", sorted(set(LANGUAGES.values())))
def test_page_says_what_the_docstrings_say(language: str, update: bool) -> None:
    path = PAGES / f"{language}.md"
    text = page(language)
    if update:
        path.write_bytes(text.encode())
    assert path.exists(), RENEW
    assert path.read_bytes().decode() == text, RENEW


def index() -> str:
    rows = []
    for rule in all_rules():
        code, name, severity, *others = brief_of(rule)
        rows.append(f'"{code}": {json.dumps([name, int(severity), *others])}')
    return "{\n" + ",\n".join(rows) + "\n}\n"


def test_index_says_what_the_rules_declare(update: bool) -> None:
    path = Path(str(files("iachygiene.rules"))) / "index.json"
    if update:
        path.write_text(index(), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == index(), RENEW
    assert briefs() == {rule.code: brief_of(rule) for rule in all_rules()}


def test_every_page_belongs_to_a_language() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(LANGUAGES.values())
