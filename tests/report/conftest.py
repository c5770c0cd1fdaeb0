"""A small result that holds one of everything, and stand-ins for the rules it speaks of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from iachygiene import rule as registry
from iachygiene.model import (
    Crash,
    Edit,
    Finding,
    Fix,
    Location,
    Muted,
    Result,
    Severity,
    SourceFile,
    Span,
    ToolStatus,
    Unchecked,
)
from iachygiene.rule import Rule

GOLDEN = Path(__file__).parent / "golden"

DOCKERFILE = """\
FROM node AS build
WORKDIR /app
RUN npm install && \\
    npm run build

ENV API_TOKEN=swordfish-on-friday
FROM debian:12
COPY --from=build /app /app
CMD ["/app"]
"""
COMPOSE = """\
services:
  api:
    build: ./api
    image: node:20
"""
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
\ttemplate: {}
"""


class Sample(NamedTuple):
    result: Result
    files: Mapping[str, SourceFile]


def stand_in(
    code: str,
    name: str,
    severity: Severity,
    summary: str,
    *,
    aliases: tuple[str, ...] = (),
    fixable: bool = False,
    **more: Any,
) -> Rule:
    def check() -> Any: ...

    folder = {"D": "dockerfile", "K": "kubernetes", "C": "compose", "H": "toolkit"}[code[0]]
    check.__module__ = f"iachygiene.rules.{folder}.theme"
    check.__kwdefaults__ = None
    fixed = "Fixed:\n    B\n" if fixable else ""
    check.__doc__ = f"{summary}\n\nWhy it matters.\n\nBad:\n    A\n{fixed}Good:\n    B\n"
    fields = {"default": "on", "needs": None, "sensitive": False, "security": False}
    fields |= {"gives_way_to": ()} | more
    return Rule(
        code=code, name=name, unit=Any, severity=severity, check=check, aliases=aliases, **fields
    )


RULES = (
    stand_in(
        "DF3006",
        "unpinned-base-image",
        Severity.WARNING,
        "A stage starts from an image reference without a tag or digest.",
        aliases=("hadolint:DL3006",),
    ),
    stand_in("DF5002", "install-instead-of-ci", Severity.INFO, "npm ci is better.", fixable=True),
    stand_in("DF5303", "user-not-set", Severity.WARNING, "The last stage runs as root."),
    stand_in(
        "DF5401",
        "secret-in-env",
        Severity.ERROR,
        "A secret stands in the image.",
        sensitive=True,
        security=True,
    ),
    stand_in("K8S201", "root-container", Severity.ERROR, "A container may run as root."),
    stand_in("HYG001", "invalid-syntax", Severity.ERROR, "A file does not parse."),
)


@pytest.fixture(autouse=True)
def _rules(monkeypatch: pytest.MonkeyPatch) -> None:
    registry.all_rules()  # what is loaded later would be taken away with the stand-ins
    monkeypatch.setattr(registry, "_DOCUMENTS", {})
    for rule in RULES:
        monkeypatch.setitem(registry._RULES, rule.code, rule)
    monkeypatch.setattr(registry, "_BRIEFS", {one.code: registry.brief_of(one) for one in RULES})


@pytest.fixture
def span() -> Callable[..., Location]:
    """The location of a text in a file of the sample."""
    return place


def place(path: str, source: str, text: str, label: str = "") -> Location:
    start = source.index(text)
    return Location(path, Span(start, start + len(text)), label)


@pytest.fixture
def empty() -> Result:
    return Result(
        findings=(),
        muted=(),
        unchecked=(),
        tools=(),
        crashes=(),
        counts={"dockerfile": 1},
        config=None,
        config_digest="sha256:0",
        exit_code=0,
        seconds=0.41,
        timings={},
    )


@pytest.fixture
def sample(empty: Result) -> Sample:
    """Findings of each severity, with and without everything that a finding may have."""
    dockerfile = "api/Dockerfile"
    install = place(dockerfile, DOCKERFILE, "npm install")
    findings = (
        Finding(
            "DF3006",
            Severity.WARNING,
            'image "node" has no tag',
            place(dockerfile, DOCKERFILE, "node"),
            "stage build",
            (place("compose.yaml", COMPOSE, "node:20", "the same image is pinned here"),),
            ("hadolint:DL3006",),
        ),
        Finding(
            "DF5002",
            Severity.INFO,
            '"npm install" ignores the lock file',
            install,
            "stage build",
            fix=Fix("Use npm ci", (Edit(Span(install.span.start + 4, install.span.end), "ci"),)),
        ),
        Finding(
            "DF5401",
            Severity.ERROR,
            'the value of "API_TOKEN" is a secret',
            place(dockerfile, DOCKERFILE, "swordfish-on-friday"),
            "stage build",
            fix=Fix("Drop it", (Edit(Span(100, 104), "swordfish"),), safe=False),
        ),
        Finding(
            "DF5303",
            Severity.WARNING,
            "the last stage runs as root",
            place(dockerfile, DOCKERFILE, 'CMD ["/app"]'),
            "stage 1",
            (place(dockerfile, DOCKERFILE, "FROM debian:12", "the stage starts here"),),
        ),
        Finding(
            "HYG001",
            Severity.ERROR,
            "found a tab where a blank is expected",
            place("k8s/web.yaml", MANIFEST, "\ttemplate"),
        ),
        Finding("K8S201", Severity.ERROR, "the file is generated", Location("k8s/web.yaml")),
    )
    result = empty._replace(
        findings=findings,
        muted=(
            Muted(
                findings[0]._replace(location=place("compose.yaml", COMPOSE, "image")),
                "comment",
                "the base is built here",
                place("compose.yaml", COMPOSE, "api"),
            ),
            Muted(findings[3], "config", "examples/**"),
        ),
        unchecked=(
            Unchecked("charts/web", "template", "templates need helm", "install helm"),
            Unchecked("k8s/big.yaml", "size", "41.2 MiB over 10 MiB"),
        ),
        tools=(
            ToolStatus(
                "terraform",
                "terraform validate",
                "missing",
                detail="terraform not found",
                hint="install Terraform or OpenTofu",
            ),
            ToolStatus("terraform", "terraform fmt", "ok", "1.11.4", 0.2, 3),
            ToolStatus("helm", "helm template", "timed-out", "3.16.1", 60.0, 1),
        ),
        crashes=(Crash("K8S201", "k8s/web.yaml", "KeyError: 'spec'", "Traceback\n  line"),),
        counts={"dockerfile": 61, "kubernetes": 1200},
        config="pyproject.toml",
        config_digest="sha256:abc",
        exit_code=1,
        timings={"discover": 0.01234567, "rules": 0.1, "slowest_rules": [["K8S201", 0.03]]},
    )
    files = {
        path: SourceFile(path, text.encode())
        for path, text in (
            (dockerfile, DOCKERFILE),
            ("compose.yaml", COMPOSE),
            ("k8s/web.yaml", MANIFEST),
        )
    }
    return Sample(result, files)


@pytest.fixture
def golden(update: bool) -> Callable[[str, str], None]:
    """Compare a report with its stored form; `pytest --update tests/report` stores it anew."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if update:
            path.write_text(text, encoding="utf-8", newline="")
        assert text == path.read_text(encoding="utf-8"), "renew: pytest --update tests/report"

    return compare
