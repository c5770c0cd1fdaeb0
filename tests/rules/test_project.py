"""Rules across languages: what examples do not show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from iachygiene.config import load
from iachygiene.discover import locate
from iachygiene.engine import Options, run
from iachygiene.model import Finding


def found(root: Path, files: Mapping[str, str], select: str, *focus: str) -> list[Finding]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    place = locate([str(root / one) for one in focus], str(root))
    config = load(place.root).with_command_line({"select": [select]})
    options = Options(focus=place.focus, explicit=place.explicit, engine="builtin", workers=1)
    result = run(place.root, place.listing, config, options).result
    assert not result.crashes
    return list(result.findings)


DOCKERFILE = "FROM python:3.13-slim\nEXPOSE 8000\nHEALTHCHECK CMD true\nUSER root\n"


def pod(image: str = "registry.example.com/shop/api:1.4.2", port: int = 8080) -> str:
    return f"""\
apiVersion: v1
kind: Pod
metadata: {{name: api, labels: {{app: api}}}}
spec:
  securityContext: {{runAsNonRoot: true}}
  containers:
    - name: api
      image: {image}
      ports: [{{containerPort: {port}}}]
"""


LINKS = {
    "compose": (
        "compose.yaml",
        "services: {api: {build: api, image: registry.example.com/shop/api}}\n",
    ),
    "skaffold": (
        "skaffold.yaml",
        "build: {artifacts: [{image: registry.example.com/shop/api, context: api}]}\n",
    ),
    "tilt": ("Tiltfile", "docker_build('registry.example.com/shop/api', 'api')\n"),
    "bake": (
        "docker-bake.hcl",
        'target "api" {\n  context = "api"\n  tags = ["registry.example.com/shop/api:${TAG}"]\n}\n',
    ),
    "bake-json": (
        "docker-bake.json",
        '{"target": {"api": {"context": "api", "tags": ["registry.example.com/shop/api:1"]}}}',
    ),
    "workflow": (
        ".github/workflows/build.yml",
        "jobs: {a: {steps: [{uses: docker/build-push-action@v6, with: {context: api, "
        "tags: registry.example.com/shop/api:1}}]}}\n",
    ),
    "configuration": (
        ".iachygiene.toml",
        '[project]\nimages = {"registry.example.com/shop/api" = "api/Dockerfile"}\n',
    ),
}


@pytest.mark.parametrize("by", LINKS)
def test_every_kind_of_link_leads_from_a_container_to_its_dockerfile(
    by: str, tmp_path: Path
) -> None:
    name, text = LINKS[by]
    files = {name: text, "api/Dockerfile": DOCKERFILE, "k8s/pod.yaml": pod()}
    rules = {one.rule for one in found(tmp_path, files, "PRJ")}
    assert rules == {"PRJ102", "PRJ103", "PRJ104"}


def test_image_of_another_name_is_linked_to_nothing(tmp_path: Path) -> None:
    name, text = LINKS["compose"]
    files = {name: text, "api/Dockerfile": DOCKERFILE, "k8s/pod.yaml": pod("example/api:1")}
    assert found(tmp_path, files, "PRJ") == []


def test_image_that_two_files_build_differently_is_linked_to_nothing(tmp_path: Path) -> None:
    files = {
        "compose.yaml": LINKS["compose"][1],
        "Tiltfile": LINKS["tilt"][1].replace("'api')", "'other')"),
        "api/Dockerfile": DOCKERFILE,
        "other/Dockerfile": DOCKERFILE,
        "k8s/pod.yaml": pod(),
    }
    assert found(tmp_path, files, "PRJ") == []


def test_example_tree_says_nothing_of_what_is_outside(tmp_path: Path) -> None:
    files = {
        "examples/a/compose.yaml": LINKS["compose"][1],
        "examples/a/api/Dockerfile": DOCKERFILE,
        "k8s/pod.yaml": pod(),
    }
    assert found(tmp_path, files, "PRJ") == []


def test_facts_out_of_focus_count_for_what_is_in_focus(tmp_path: Path) -> None:
    name, text = LINKS["compose"]
    files = {name: text, "api/Dockerfile": DOCKERFILE, "k8s/pod.yaml": pod()}
    rules = {one.rule for one in found(tmp_path, files, "PRJ", "api/Dockerfile")}
    assert rules == {"PRJ102", "PRJ103", "PRJ104"}


def test_manifests_out_of_focus_are_not_read_where_they_are_many(tmp_path: Path) -> None:
    name, text = LINKS["compose"]
    files = {name: text, "api/Dockerfile": DOCKERFILE, "k8s/pod.yaml": pod()}
    files |= {f"many/{number}.yaml": pod("example/x:1") for number in range(501)}
    assert found(tmp_path, files, "PRJ", "api/Dockerfile") == []


# --- PRJ101


@pytest.mark.parametrize(
    ("composed", "deployed", "differs"),
    [
        ("postgres:16.4", "postgres:15.8", True),
        ("postgres:16", "postgres:16.4", False),
        ("postgres:16.4-alpine", "postgres:16.4", False),
        ("postgres", "postgres:16.4", True),
        ("postgres", "postgres:latest", False),
        ("postgres:${TAG}", "postgres:15.8", False),
        ("postgres:${TAG:-16}", "postgres:15.8", True),
        ("docker.io/library/postgres:16", "postgres:15", True),
        ("postgres:16", "bitnami/postgres:15", False),
        ("postgres:16@sha256:" + "a" * 64, "postgres@sha256:" + "b" * 64, False),
    ],
)
def test_versions_of_an_image_contradict_one_another(
    composed: str, deployed: str, differs: bool, tmp_path: Path
) -> None:
    files = {
        "compose.yaml": f"services: {{db: {{image: '{composed}'}}}}\n",
        "k8s/db.yaml": pod(deployed),
    }
    assert bool(found(tmp_path, files, "PRJ101")) is differs


@pytest.mark.parametrize("path", ["overlays/a/db.yaml", "k8s/staging/db.yaml", "test/db.yaml"])
def test_other_environments_may_differ(path: str, tmp_path: Path) -> None:
    files = {"compose.yaml": "services: {db: {image: postgres:16}}\n", path: pod("postgres:15")}
    assert found(tmp_path, files, "PRJ101") == []


def test_projects_beside_one_another_may_differ(tmp_path: Path) -> None:
    files = {
        "a/compose.yaml": "services: {db: {image: postgres:16}}\n",
        "b/compose.yaml": "services: {db: {image: postgres:15}}\n",
        "c/db.yaml": pod("postgres:14"),
    }
    assert found(tmp_path, files, "PRJ101") == []


def test_file_of_overrides_may_differ(tmp_path: Path) -> None:
    files = {
        "compose.prod.yaml": "services: {db: {image: postgres:16}}\n",
        "k8s/db.yaml": pod("postgres:15"),
    }
    assert found(tmp_path, files, "PRJ101") == []


CHART = "apiVersion: v2\nname: shop\nversion: 1.0.0\n"


@pytest.mark.parametrize(
    ("values", "reported"),
    [
        ("db: {image: {repository: postgres, tag: 15.8}}", True),
        ("db: {image: {registry: docker.io, repository: library/postgres, tag: '15.8'}}", True),
        ("db: {image: 'postgres:15.8'}", True),
        ("a: [{image: postgres:15.8}]\nb: {image: {repository: postgres, tag: 14}}", True),
        ("db: {image: {repository: postgres, tag: '16'}}", False),
        ("db: {image: {repository: postgres, tag: ''}}", False),
        ("db: {image: {repository: postgres}}", False),
        ("db: {image: {repository: bitnami/postgres, tag: 15.8}}", False),
        ("db: {image: 'postgres:{{ .Values.tag }}'}", False),
        ("db: {image: ", False),
    ],
)
def test_values_of_a_chart_are_compared(values: str, reported: bool, tmp_path: Path) -> None:
    composed = {"compose.yaml": "services: {db: {image: postgres:16.4}}\n"}
    files = {**composed, "chart/Chart.yaml": CHART, "chart/values.yaml": values}
    assert [one.location.path for one in found(tmp_path, files, "PRJ101")] == (
        ["compose.yaml"] if reported else []
    )


@pytest.mark.parametrize("path", ["chart/values-prod.yaml", "values.yaml"])
def test_other_values_than_the_defaults_of_a_chart_may_differ(path: str, tmp_path: Path) -> None:
    files = {
        "compose.yaml": "services: {db: {image: postgres:16.4}}\n",
        "chart/Chart.yaml": CHART,
        path: "image: postgres:15.8\n",
    }
    assert found(tmp_path, files, "PRJ101") == []


TERRAFORM = {
    "docker": 'resource "docker_image" "db" {\n  name = "%s"\n}\n',
    "container": 'resource "docker_container" "db" {\n  image = "%s"\n}\n',
    "run": 'resource "google_cloud_run_v2_service" "db" {\n  template {\n    containers {\n'
    '      image = "%s"\n    }\n  }\n}\n',
    "ecs": 'resource "aws_ecs_task_definition" "db" {\n  container_definitions = jsonencode([{\n'
    '    name = "db"\n    image = "%s"\n  }])\n}\n',
}


@pytest.mark.parametrize("form", TERRAFORM)
def test_containers_in_terraform_are_compared(form: str, tmp_path: Path) -> None:
    composed = {"compose.yaml": "services: {db: {image: postgres:16.4}}\n"}
    for number, (image, reported) in enumerate(
        (("postgres:15.8", True), ("postgres:16.4", False), ("postgres:${var.tag}", False))
    ):
        files = {**composed, "infra/main.tf": TERRAFORM[form] % image}
        paths = [one.location.path for one in found(tmp_path / str(number), files, "PRJ101")]
        assert paths == ["infra/main.tf"] * reported


@pytest.mark.parametrize("changed", ["compose.yaml", "infra/main.tf"])
def test_images_in_terraform_count_whichever_side_changes(changed: str, tmp_path: Path) -> None:
    files = {
        "compose.yaml": "services: {db: {image: postgres:16.4}}\n",
        "infra/main.tf": TERRAFORM["docker"] % "postgres:15.8",
    }
    assert len(found(tmp_path, files, "PRJ101", changed)) == 1


# --- PRJ102


@pytest.mark.parametrize(
    ("exposed", "reported"),
    [
        ("EXPOSE 8000", True),
        ("EXPOSE 8000-8100", False),
        ("EXPOSE 8080/tcp", False),
        ("EXPOSE 8080/udp 8000", True),
        ("EXPOSE $PORT 8000", False),
        ("ARG PORT=8080\nEXPOSE ${PORT}", False),
        ("USER app", False),
    ],
)
def test_port_is_compared_with_what_is_known(exposed: str, reported: bool, tmp_path: Path) -> None:
    files = {
        "compose.yaml": LINKS["compose"][1],
        "api/Dockerfile": f"FROM python:3.13-slim\n{exposed}\n",
        "k8s/pod.yaml": pod(),
    }
    assert bool(found(tmp_path, files, "PRJ102")) is reported


def test_base_image_that_exposes_ports_itself_leaves_it_open(tmp_path: Path) -> None:
    files = {
        "compose.yaml": LINKS["compose"][1],
        "api/Dockerfile": "FROM nginx:1.27\nEXPOSE 9000\n",
        "k8s/pod.yaml": pod(port=80),
    }
    assert found(tmp_path, files, "PRJ102") == []


def test_port_that_a_service_calls_is_compared(tmp_path: Path) -> None:
    service = """\
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {selector: {app: api}, ports: [{port: 80, targetPort: 9000}]}
"""
    files = {
        "compose.yaml": LINKS["compose"][1],
        "api/Dockerfile": "FROM python:3.13-slim\nEXPOSE 8000\n",
        "k8s/pod.yaml": pod(port=8000) + service,
    }
    assert [one.message for one in found(tmp_path, files, "PRJ102")] == [
        "port 9000 is called, the image's Dockerfile exposes 8000"
    ]


def test_service_with_a_command_of_its_own_is_silent(tmp_path: Path) -> None:
    text = "services: {api: {build: api, command: serve, ports: ['8080:8080']}}\n"
    files = {"compose.yaml": text, "api/Dockerfile": DOCKERFILE}
    assert found(tmp_path, files, "PRJ102") == []


# --- PRJ105


def cluster(host: str, more: str = "") -> dict[str, str]:
    services = "".join(
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\n---\n"
        for name in ("catalog", "orders")
    )
    config = f"""\
apiVersion: v1
kind: ConfigMap
metadata: {{name: web, namespace: shop}}
data:
  A: http://orders:8000
  B: "{host}"
"""
    return {"services.yaml": services + more, "web.yaml": config}


@pytest.mark.parametrize(
    ("host", "reported"),
    [
        ("http://catolog:8000", True),
        ("catalogs:8000", True),
        ("http://catalog.shop:8000", False),
        ("http://catalog.tools.svc:8000", True),
        ("http://catolog.example.com:8000", False),
        ("http://catalog2:8000", False),
        ("http://localhost:8000", False),
        ("http://10.0.0.1:8000", False),
        ("http://search:9200", False),
        ("http://{{ .Host }}:9200", False),
        ("http://kubernetes.default.svc", False),
    ],
)
def test_host_is_reported_where_it_is_nearly_a_service(
    host: str, reported: bool, tmp_path: Path
) -> None:
    assert bool(found(tmp_path, cluster(host), "PRJ105")) is reported


def test_name_that_anything_in_the_project_has_is_known(tmp_path: Path) -> None:
    other = "apiVersion: example.com/v1\nkind: Cache\nmetadata: {name: catolog}\n"
    assert found(tmp_path, cluster("catolog:8000", other), "PRJ105") == []
    compose = {"compose.yaml": "services: {catolog: {image: x}}\n"}
    assert found(tmp_path, cluster("catolog:8000") | compose, "PRJ105") == []


def test_nothing_is_said_where_some_templates_are_not_rendered(tmp_path: Path) -> None:
    chart = {
        "chart/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n",
        "chart/templates/a.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: {{ x }}}\n",
    }
    assert found(tmp_path, cluster("catolog:8000") | chart, "PRJ105") == []


# --- PRJ106


@pytest.mark.parametrize(
    ("base", "declared", "text", "reported"),
    [
        ("node:16", ".nvmrc", "22\n", True),
        ("node:22-alpine", ".nvmrc", "22.3.0\n", False),
        ("node:22.1", ".nvmrc", "22.3.0\n", True),
        ("node", ".nvmrc", "22\n", False),
        ("node:lts", ".nvmrc", "22\n", False),
        ("example/node:16", ".nvmrc", "22\n", False),
        ("node:$VERSION", ".nvmrc", "22\n", False),
        ("python:3.11-slim", ".python-version", "3.13\n", True),
        ("golang:1.22", "go.mod", "module x\ngo 1.24\n", True),
        ("golang:1.24", "go.mod", "module x\ngo 1.22\n", False),
        ("rust:1.75", "rust-toolchain", "1.80\n", True),
        ("ruby:3.3", ".ruby-version", "3.2.1\n", True),
        ("mcr.microsoft.com/dotnet/sdk:8.0", "global.json", '{"sdk": {"version": "9.0.1"}}', True),
        ("mcr.microsoft.com/dotnet/sdk:8.0", "global.json", '{"sdk": {"version": "8.0.9"}}', False),
        ("python:3.11", ".nvmrc", "22\n", False),
    ],
)
def test_image_is_compared_with_the_declared_version(
    base: str, declared: str, text: str, reported: bool, tmp_path: Path
) -> None:
    files = {"Dockerfile": f"FROM {base}\nCOPY . .\n", declared: text}
    assert bool(found(tmp_path, files, "PRJ106")) is reported


@pytest.mark.parametrize(
    ("copy", "reported"),
    [
        ("COPY . .", True),
        ("COPY .nvmrc ./", True),
        ("COPY .n* ./", True),
        ("COPY src ./", False),
        ("RUN true", False),
    ],
)
def test_only_files_that_are_copied_count(copy: str, reported: bool, tmp_path: Path) -> None:
    files = {"Dockerfile": f"FROM node:16\n{copy}\n", ".nvmrc": "22\n", "src/a.js": ""}
    assert bool(found(tmp_path, files, "PRJ106")) is reported


def test_version_file_in_a_build_context_that_compose_names_counts(tmp_path: Path) -> None:
    files = {
        "compose.yaml": "services: {a: {build: {context: ., dockerfile: docker/Dockerfile}}}\n",
        "docker/Dockerfile": "FROM node:16\nCOPY . .\n",
        ".nvmrc": "22\n",
    }
    assert len(found(tmp_path, files, "PRJ106")) == 1


# --- PRJ107, PRJ108


def test_called_module_does_not_contradict_its_caller(tmp_path: Path) -> None:
    def module(constraint: str, more: str = "") -> str:
        return (
            'terraform {\n  required_providers {\n    aws = {\n      source = "hashicorp/aws"\n'
            f'      version = "{constraint}"\n    }}\n  }}\n}}\n{more}'
        )

    call = 'module "a" {\n  source = "./modules/a"\n}\n'
    files = {"main.tf": module("~> 5.0", call), "modules/a/main.tf": module("~> 4.0")}
    assert found(tmp_path, files, "PRJ108") == []


def test_directory_of_a_ci_step_is_the_only_one_that_counts(tmp_path: Path) -> None:
    workflow = """\
jobs:
  plan:
    defaults: {run: {working-directory: one}}
    steps:
      - uses: hashicorp/setup-terraform@v3
        with: {terraform_version: 1.5.7}
"""
    module = 'terraform {\n  required_version = ">= 1.9"\n}\n'
    files = {".github/workflows/plan.yml": workflow, "one/main.tf": module, "two/main.tf": module}
    (one,) = found(tmp_path, files, "PRJ107")
    assert one.related[0].path == "one/main.tf"


# --- K8S101 where Image Updater is at work


def updated(image: str = "registry.example.com/shop/api", path: str = "apps/api") -> str:
    return f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: api
  annotations:
    argocd-image-updater.argoproj.io/image-list: api={image}:~1.4
spec:
  project: shop
  source: {{repoURL: "https://git.example.com/shop.git", targetRevision: main, path: {path}}}
  destination: {{server: "https://kubernetes.default.svc", namespace: shop}}
"""


@pytest.mark.parametrize(
    ("application", "told"),
    [
        (updated(), True),
        (updated("registry.example.com/shop/web"), False),
        (updated(path="apps/web"), False),
        (updated(path="elsewhere/api"), False),
    ],
)
def test_who_bumps_a_tag_is_told(application: str, told: bool, tmp_path: Path) -> None:
    files = {
        "argocd/api.yaml": application,
        "apps/api/pod.yaml": pod("registry.example.com/shop/api"),
        "apps/web/pod.yaml": pod("registry.example.com/shop/web:1"),
    }
    place = locate([], str(tmp_path))
    found(tmp_path, files, "K8S101")
    config = load(str(tmp_path)).with_command_line({"select": ["K8S101", "PRJ"]})
    (one,) = [
        one
        for one in run(place.root, place.listing, config, Options(workers=1)).result.findings
        if one.rule == "K8S101"
    ]
    assert ("Image Updater will bump it" in one.message) is told
    assert [place.path for place in one.related] == ["argocd/api.yaml"] * told
