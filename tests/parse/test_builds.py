"""Which Compose services build a Dockerfile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.files import Tree
from iachygiene.parse.builds import Build, builds_of


def uses(root: object, files: dict[str, str], dockerfile: str) -> list[Build]:
    tree = Tree(str(root))
    for name, text in {dockerfile: "FROM a:1\n", **files}.items():
        path = tree.absolute(name)
        from pathlib import Path

        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, encoding="utf-8")
    return builds_of(dockerfile, tree)


@pytest.mark.parametrize(
    ("compose", "dockerfile", "expected"),
    [
        ("services: {a: {build: .}}", "Dockerfile", [Build("", "", False)]),
        ("services: {a: {build: ./web}}", "web/Dockerfile", [Build("web", "", False)]),
        (
            "services: {a: {build: {context: ., dockerfile: web/Dockerfile, target: x}}}",
            "web/Dockerfile",
            [Build("", "x", False)],
        ),
        (
            "services: {a: {build: web, healthcheck: {test: [CMD, x]}}}",
            "web/Dockerfile",
            [Build("web", "", True)],
        ),
        (
            "services: {a: {build: web, healthcheck: {disable: true}}}",
            "web/Dockerfile",
            [Build("web", "", False)],
        ),
        ("services: {a: {build: '${DIR:-web}'}}", "web/Dockerfile", [Build("web", "", False)]),
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
    compose: str, dockerfile: str, expected: list[Build], tmp_path: object
) -> None:
    assert uses(tmp_path, {"compose.yaml": compose}, dockerfile) == expected


def test_health_check_of_an_override_counts(tmp_path: object) -> None:
    files = {
        "compose.yaml": "services: {a: {build: .}}",
        "compose.override.yaml": "services: {a: {healthcheck: {test: x}}}\n# build",
    }
    assert uses(tmp_path, files, "Dockerfile") == [Build("", "", True)]


@given(st.text(max_size=60))
def test_any_compose_file_is_read_or_left(text: str) -> None:
    tree = Tree("/nowhere")
    tree.overlay["compose.yaml"] = b"services: {a: {build: .}}\n" + text.encode(errors="ignore")
    tree._listings[""] = [("compose.yaml", "file")]
    assert builds_of("Dockerfile", tree) in ([], [Build("", "", False)])
