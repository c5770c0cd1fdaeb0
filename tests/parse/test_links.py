"""Files that link others: builds of images, versions of runtimes and of Terraform."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iachygiene.files import Tree
from iachygiene.linking import job_of
from iachygiene.parse.links import facts, load
from iachygiene.parse.project import BuildFact, Fact, ToolFact, VersionFact, decode, encode

KINDS = frozenset(("dockerfile", "terraform"))


def found(files: Mapping[str, str], images: Mapping[str, str] | None = None) -> list[Fact]:
    tree = Tree("/nowhere", listed=set(files))
    tree.overlay.update((path, text.encode()) for path, text in files.items())
    job = job_of(files, KINDS, dict(images or {}))
    units = list(load(job, tree)) if job else []
    return [fact for unit in units for fact in facts(unit)]


def builds(files: Mapping[str, str]) -> list[tuple[str, str, str, str | None, str]]:
    return [
        (one.image, one.dockerfile, one.target, one.context, by)
        for one in found(files)
        if isinstance(one, BuildFact)
        for by in [one.by]
    ]


def test_nothing_is_read_where_nothing_can_be_linked() -> None:
    assert job_of(["skaffold.yaml", ".nvmrc"], frozenset(("npm",)), {}) is None
    assert job_of(["README.md"], KINDS, {}) is None


def test_option_names_a_dockerfile() -> None:
    (fact,) = found({}, {"registry.example.com/shop": "shop/Dockerfile"})
    assert isinstance(fact, BuildFact)
    assert (fact.image, fact.dockerfile, fact.by) == (
        "registry.example.com/shop",
        "shop/Dockerfile",
        "configuration",
    )


def test_artifacts_of_skaffold_are_builds() -> None:
    text = """\
apiVersion: skaffold/v4beta6
kind: Config
build:
  artifacts:
    - image: shop/api
      context: src/api
      docker: {dockerfile: Prod, target: run}
    - image: shop/web
      context: src/web
    - image: shop/java
      jib: {}
    - image: "{{.NAME}}"
"""
    assert builds({"deploy/skaffold.yaml": text}) == [
        ("shop/api", "deploy/src/api/Prod", "run", "deploy/src/api", "skaffold"),
        ("shop/web", "deploy/src/web/Dockerfile", "", "deploy/src/web", "skaffold"),
    ]


def test_literal_builds_of_tilt_are_builds() -> None:
    text = """\
docker_build('shop/api', './api', dockerfile='api/Prod', target="run")
docker_build(
    "shop/web",
    "web",
    only=['src'],
)
docker_build(name, 'x')
docker_build('shop/inline', 'x', dockerfile_contents='FROM y')
# docker_build('shop/no', 'x')
"""
    assert builds({"Tiltfile": text}) == [
        ("shop/api", "api/Prod", "run", "api", "tilt"),
        ("shop/web", "web/Dockerfile", "", "web", "tilt"),
    ]


def test_targets_of_bake_are_builds() -> None:
    text = """\
variable "TAG" { default = "x" }
target "api" {
  context    = "./api"
  dockerfile = "Prod"
  target     = "run"
  tags       = ["registry.example.com/api:1", "registry.example.com/api-copy:${TAG}"]
}
target "child" {
  inherits = ["api"]
  tags     = ["registry.example.com/child"]
}
target "unknown" {
  context = DIR
  tags    = ["registry.example.com/unknown"]
}
"""
    assert builds({"docker-bake.hcl": text})[0] == (
        "registry.example.com/api",
        "api/Prod",
        "run",
        "api",
        "bake",
    )
    names = [row[0] for row in builds({"docker-bake.hcl": text})]
    assert names == ["registry.example.com/api", "registry.example.com/api-copy"]


def test_targets_of_bake_in_json_are_builds() -> None:
    text = '{"target": {"api": {"context": "api", "tags": ["shop/api:1", "shop/api:2"]}, "x": 3}}'
    assert set(builds({"docker-bake.json": text})) == {
        ("shop/api", "api/Dockerfile", "", "api", "bake")
    }


WORKFLOW = """\
jobs:
  build:
    steps:
      - uses: actions/checkout@v4
{checkout}
      - uses: docker/build-push-action@v6
        with:
          context: {context}
          file: {file}
          tags: |
            ghcr.io/shop/api:${{{{ github.sha }}}}
            ghcr.io/${{{{ github.repository }}}}:1
"""


@pytest.mark.parametrize(
    ("context", "file", "checkout", "expected"),
    [
        ("api", "api/Prod", "", ("ghcr.io/shop/api", "api/Prod", "", "api", "workflow")),
        ("api", "", "", ("ghcr.io/shop/api", "api/Dockerfile", "", "api", "workflow")),
        ("", "", "", ("ghcr.io/shop/api", "Dockerfile", "", "", "workflow")),
        ("${{ matrix.dir }}", "", "", None),
        ("api", "", "        with: {path: other}", None),
    ],
)
def test_steps_of_workflows_are_builds(
    context: str, file: str, checkout: str, expected: tuple[str, ...] | None
) -> None:
    text = WORKFLOW.format(context=context, file=file, checkout=checkout)
    assert builds({".github/workflows/build.yml": text}) == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (".nvmrc", "v22.11.0\n", ("node", "22.11.0", "exact")),
        (".nvmrc", "# a comment\n20\n", ("node", "20", "exact")),
        (".nvmrc", "lts/jod\n", None),
        (".nvmrc", "", None),
        (".python-version", "3.12.4\n", ("python", "3.12.4", "exact")),
        (".python-version", "pypy3.10\n", None),
        (".ruby-version", "ruby-3.3.1\n", ("ruby", "3.3.1", "exact")),
        ("rust-toolchain", "1.80.0\n", ("rust", "1.80.0", "exact")),
        ("rust-toolchain.toml", '[toolchain]\nchannel = "1.80"\n', ("rust", "1.80", "exact")),
        ("rust-toolchain.toml", '[toolchain]\nchannel = "stable"\n', None),
        ("go.mod", "module x\n\ngo 1.24.1\n", ("go", "1.24.1", "least")),
        (".tool-versions", "nodejs 22.1.0 # x\nelm 0.19.1\n", ("node", "22.1.0", "exact")),
        ("package.json", '{"engines": {"node": ">=20"}}', ("node", ">=20", "npm")),
        ("package.json", '{"engines": 3}', None),
        ("package.json", '{"engines":', None),
        ("global.json", '{"sdk": {"version": "8.0.100"}}', ("dotnet", "8.0", "exact")),
        ("global.json", '{"sdk": {"version": "8.0.1", "rollForward": "latestMajor"}}', None),
        (
            "pyproject.toml",
            '[project]\nrequires-python = ">=3.11,<3.14"\n',
            ("python", ">=3.11,<3.14", "python"),
        ),
        ("pyproject.toml", "[tool.x]\nrequires-python = 3\n", None),
    ],
)
def test_declared_versions_of_runtimes(
    path: str, text: str, expected: tuple[str, str, str] | None
) -> None:
    versions = [one for one in found({f"api/{path}": text}) if isinstance(one, VersionFact)]
    assert [one[1:] for one in versions] == ([expected] if expected else [])
    assert all(
        text[slice(*one.location.span)].strip("'\"").startswith(one.text) for one in versions
    )


def test_versions_of_terraform_come_from_files_and_steps() -> None:
    workflow = """\
jobs:
  plan:
    defaults: {run: {working-directory: infra}}
    steps:
      - uses: hashicorp/setup-terraform@v3
        with: {terraform_version: 1.9.5}
  many:
    steps:
      - uses: hashicorp/setup-terraform@v3
        with: {terraform_version: 1.2.3}
      - {run: terraform plan, working-directory: a}
      - {run: terraform plan, working-directory: b}
"""
    files = {".github/workflows/plan.yml": workflow, "infra/.terraform-version": "v1.8.0\n"}
    tools = [one for one in found(files) if isinstance(one, ToolFact)]
    assert [(one.directory, one.version) for one in tools] == [
        ("infra", "1.9.5"),
        ("infra", "1.8.0"),
    ]


def test_facts_survive_a_journey_through_json() -> None:
    import json

    files = {"skaffold.yaml": "build: {artifacts: [{image: a}]}", ".nvmrc": "22\n"}
    some = found(files)
    assert len(some) == 2
    assert decode(json.loads(json.dumps(encode(some)))) == some


NAMES = st.sampled_from(
    [
        "skaffold.yaml",
        "Tiltfile",
        "docker-bake.hcl",
        "docker-bake.json",
        "go.mod",
        "package.json",
        ".github/workflows/a.yml",
        "pyproject.toml",
        ".nvmrc",
        "global.json",
        ".tool-versions",
    ]
)
PIECES = st.sampled_from(
    [
        "build:\n",
        "  artifacts: [",
        "{image: a}",
        "]",
        "docker_build('a', 'b')",
        'target "a" {',
        "tags = [",
        '"x"',
        "}",
        "{",
        '"engines": ',
        '"node"',
        ":",
        "go 1",
        "jobs:\n  a:\n",
        "    -",
        " uses: docker/build-push-action@v1\n",
        "steps:\n",
        "\n",
        "[project]\n",
        "22",
        "\x00",
        "é",
    ]
)


@settings(max_examples=200, deadline=None)
@given(NAMES, st.lists(PIECES, max_size=8))
def test_any_text_links_something_or_nothing(name: str, pieces: list[str]) -> None:
    for fact in found({name: "".join(pieces)}):
        assert fact.location.path == name
