"""Which Compose services build a Dockerfile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.files import Tree
from iachygiene.parse.builds import Use, uses_of


def uses(root: object, files: dict[str, str], dockerfile: str) -> list[Use]:
    tree = Tree(str(root))
    for name, text in {dockerfile: "FROM a:1\n", **files}.items():
        path = tree.absolute(name)
        from pathlib import Path

        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, encoding="utf-8")
    return uses_of(dockerfile, tree)


@pytest.mark.parametrize(
    ("compose", "dockerfile", "expected"),
    [
        ("services: {a: {build: .}}", "Dockerfile", [Use("", "", False)]),
        ("services: {a: {build: ./web}}", "web/Dockerfile", [Use("web", "", False)]),
        (
            "services: {a: {build: {context: ., dockerfile: web/Dockerfile, target: x}}}",
            "web/Dockerfile",
            [Use("", "x", False)],
        ),
        (
            "services: {a: {build: web, healthcheck: {test: [CMD, x]}}}",
            "web/Dockerfile",
            [Use("web", "", True)],
        ),
        (
            "services: {a: {build: web, healthcheck: {disable: true}}}",
            "web/Dockerfile",
            [Use("web", "", False)],
        ),
        ("services: {a: {build: '${DIR:-web}'}}", "web/Dockerfile", [Use("web", "", False)]),
        ("services: {a: {build: '${DIR}'}}", "web/Dockerfile", []),
        ("services: {a: {build: 'https://example.com/web.git'}}", "web/Dockerfile", []),
        ("services: {a: {build: api}}", "web/Dockerfile", []),
        ("services: {a: {build: ../web}}", "web/Dockerfile", []),
        ("services: {a: {image: web, x-build: 1}}", "web/Dockerfile", []),
        ("services: {a: {build: {dockerfile_inline: FROM x}}}", "Dockerfile", []),
        ("services: [", "Dockerfile", []),
        ("build: web", "web/Dockerfile", []),
    ],
)
def test_services_that_build(
    compose: str, dockerfile: str, expected: list[Use], tmp_path: object
) -> None:
    assert uses(tmp_path, {"compose.yaml": compose}, dockerfile) == expected


def test_health_check_of_an_override_counts(tmp_path: object) -> None:
    files = {
        "compose.yaml": "services: {a: {build: .}}",
        "compose.override.yaml": "services: {a: {healthcheck: {test: x}}}\n# build",
    }
    assert uses(tmp_path, files, "Dockerfile") == [Use("", "", True)]


@given(st.text(max_size=60))
def test_any_compose_file_is_read_or_left(text: str) -> None:
    tree = Tree("/nowhere")
    tree.overlay["compose.yaml"] = b"services: {a: {build: .}}\n" + text.encode(errors="ignore")
    tree._listings[""] = [("compose.yaml", "file")]
    assert uses_of("Dockerfile", tree) in ([], [Use("", "", False)])
