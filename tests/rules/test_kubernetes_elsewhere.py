"""Where the other half of a reference may be elsewhere, nothing is said."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from iachygiene.files import Tree
from iachygiene.model import Finding
from iachygiene.parse.argo import ArgoSet
from iachygiene.parse.kubernetes import Manifest, ManifestSet, group, load
from iachygiene.parse.kustomize import Kustomization
from iachygiene.rules.kubernetes.argo_settings import image_updater_missing_image_list
from iachygiene.rules.kubernetes.autoscalers import autoscaler_target_missing
from iachygiene.rules.kubernetes.dependencies import service_account_missing
from iachygiene.rules.kubernetes.images import invalid_image_reference, unpinned_image_tag
from iachygiene.rules.kubernetes.ingresses import ingress_backend_unresolved
from iachygiene.rules.kubernetes.kustomizations import kustomize_missing_path
from iachygiene.rules.kubernetes.metadata import invalid_name
from iachygiene.rules.kubernetes.networkpolicies import networkpolicy_selects_nothing
from iachygiene.rules.kubernetes.ports import invalid_port_name
from iachygiene.rules.kubernetes.probe_ports import probe_port_undeclared
from iachygiene.rules.kubernetes.references import service_selects_nothing
from iachygiene.rules.kubernetes.secrets import secret_in_manifest
from iachygiene.rules.kubernetes.services import service_target_port_unmatched

Check = Callable[..., Iterator[Finding]]


def found(
    check: Check, unit: type, files: str | Mapping[str, str], **options: Any
) -> list[Finding]:
    files = {"m.yaml": files} if isinstance(files, str) else files
    tree = Tree("/nowhere", listed=set(files))
    tree.overlay.update((path, text.encode()) for path, text in files.items())
    paths = [path for path in files if path.endswith(".yaml")]
    return [
        finding
        for job in group(paths, tree, {})
        for one in load(job, tree)
        if isinstance(one, unit)
        for finding in check(one, **options)
    ]


DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      containers: [{name: web, image: "nginx:1.27.3"}]
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {selector: {app: db}, ports: [{port: 80}]}
"""
ACCOUNT = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: db}\n"
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db}
spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]}
"""
SCALER = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: db}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: db}, maxReplicas: 3}
"""
INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}
"""


@pytest.mark.parametrize(
    ("check", "one", "other"),
    [
        (service_selects_nothing, DEPLOYMENT, SERVICE),
        (networkpolicy_selects_nothing, DEPLOYMENT, POLICY),
        (autoscaler_target_missing, DEPLOYMENT, SCALER),
        (service_account_missing, DEPLOYMENT, ACCOUNT),
        (ingress_backend_unresolved, SERVICE, INGRESS),
    ],
)
def test_files_of_tests_stand_for_themselves(check: Check, one: str, other: str) -> None:
    def said(*files: tuple[str, str]) -> int:
        return len(found(check, ManifestSet, dict(files)))

    assert said(("k8s/a.yaml", one), ("k8s/b.yaml", other)) == 1
    assert said(("pkg/testdata/a.yaml", one), ("pkg/testdata/b.yaml", other)) == 0
    assert said(("docs/a.yaml", one), ("docs/b.yaml", other)) == 0
    assert said(("docs/a.yaml", f"{one}---\n{other}")) == 1
    listed = ("docs/kustomization.yaml", "resources: [a.yaml, b.yaml]\n")
    assert said(listed, ("docs/a.yaml", one), ("docs/b.yaml", other)) == 1


def custom(kind: str, group: str, name: str) -> str:
    return f"---\napiVersion: {group}/v1\nkind: {kind}\nmetadata: {{name: {name}}}\n"


@pytest.mark.parametrize(
    ("labels", "more", "reported"),
    [
        ("{app: db}", "", True),
        ("{app: db}", custom("Postgres", "db.example.com", "db"), False),
        ("{app: db}", custom("Postgres", "db.example.com", "web"), True),
        ("{app: db}", custom("ServiceMonitor", "monitoring.coreos.com", "db"), True),
        ("{app: db}", custom("Rollout", "argoproj.io", "db"), True),
        ("{app: db}", custom("ConfigMap", "example.com", "db").replace("example.com/", ""), True),
        ("{example.com/role: primary}", custom("Postgres", "db.example.com", "web"), False),
        ("{db.example.com/role: primary}", custom("Postgres", "example.com", "web"), False),
        ("{other.com/role: primary}", custom("Postgres", "db.example.com", "web"), True),
        (
            "{example.com/role: primary}",
            "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
            "metadata: {name: x}\nspec: {group: example.com}\n",
            False,
        ),
    ],
)
def test_pods_of_an_operator_are_in_no_manifest(labels: str, more: str, reported: bool) -> None:
    text = f"{DEPLOYMENT}---\n{SERVICE.replace('{app: db}', labels)}{more}"
    assert bool(found(service_selects_nothing, ManifestSet, text)) is reported
    text = f"{DEPLOYMENT}---\n{POLICY.replace('{app: db}', labels)}{more}"
    assert bool(found(networkpolicy_selects_nothing, ManifestSet, text)) is reported


@pytest.mark.parametrize(
    ("check", "own"),
    [(service_selects_nothing, SERVICE), (networkpolicy_selects_nothing, POLICY)],
)
def test_pods_of_the_cluster_are_in_no_manifest(check: Check, own: str) -> None:
    text = f"{DEPLOYMENT}---\n{own}".replace("name: web}\nspec", "name: web, namespace: NS}\nspec")
    text = text.replace("metadata: {name: db}", "metadata: {name: db, namespace: NS}")
    assert found(check, ManifestSet, text.replace("NS", "kube-system")) == []
    assert len(found(check, ManifestSet, text.replace("NS", "shop"))) == 1


def test_the_namespace_default_is_where_one_mostly_is() -> None:
    deployment = DEPLOYMENT.replace("{name: web}\nspec", "{name: web, namespace: default}\nspec")
    service = SERVICE.replace("app: db", "app: web")
    assert found(service_selects_nothing, ManifestSet, f"{deployment}---\n{service}") == []
    elsewhere = deployment.replace("default", "shop")
    assert len(found(service_selects_nothing, ManifestSet, f"{elsewhere}---\n{service}")) == 1


# --- K8S407


@pytest.mark.parametrize(
    ("declared", "asked", "reported"),
    [
        (8080, 8008, True),
        (8080, 808, True),
        (5000, 50000, True),
        (8080, 8081, False),
        (80, 10254, False),
        (80, 8080, False),
    ],
)
def test_port_of_a_probe_is_a_slip_of_digits(declared: int, asked: int, reported: bool) -> None:
    text = f"""\
apiVersion: v1
kind: Pod
metadata: {{name: web}}
spec:
  containers:
    - name: web
      image: nginx:1.27.3
      ports: [{{containerPort: {declared}}}]
      livenessProbe: {{tcpSocket: {{port: {asked}}}}}
"""
    assert bool(found(probe_port_undeclared, Manifest, text)) is reported
    assert len(found(probe_port_undeclared, Manifest, text, peer_forms=True)) == 1


PORTS = """\
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: web, image: IMAGE, ports: [{containerPort: 8080}], args: [ARGS]}]}
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {selector: {app: web}, ports: [MORE{name: a, port: PORT}]}
"""


@pytest.mark.parametrize(
    ("changes", "reported"),
    [
        ({"PORT": "80"}, True),
        ({"PORT": "80", "NAME": "web-metrics"}, False),
        ({"PORT": "80", "IMAGE": "auto"}, False),
        ({"PORT": "80", "MORE": "{name: b, port: 8080}, "}, False),
        ({"PORT": "8008", "MORE": "{name: b, port: 8080}, "}, True),
        ({"PORT": "8008", "ARGS": "--listen=:8008"}, False),
        ({"PORT": "8008", "ARGS": "http://catalog:8008"}, True),
        ({"PORT": "8008", "ARGS": "http://0.0.0.0:8008"}, False),
        ({"PORT": "8080"}, False),
    ],
)
def test_number_that_nobody_declares_may_work(changes: dict[str, str], reported: bool) -> None:
    values = {"IMAGE": "nginx:1.27.3", "ARGS": "", "NAME": "web", "MORE": ""} | changes
    text = PORTS
    for word, value in values.items():
        text = text.replace(word, value)
    assert bool(found(service_target_port_unmatched, ManifestSet, text)) is reported


def test_image_that_istio_fills_in_needs_no_tag() -> None:
    text = PORTS.replace("IMAGE", "auto").replace("ARGS", "")
    assert found(unpinned_image_tag, Manifest, text) == []


# --- KST503, ARG215


@pytest.mark.parametrize(("ignored", "reported"), [("*.env\n", False), ("*.txt\n", True)])
def test_what_git_ignores_is_made_before_the_build(ignored: str, reported: bool) -> None:
    files = {
        "a/kustomization.yaml": "configMapGenerator: [{name: web, envs: [x.env]}]\n",
        ".gitignore": ignored,
    }
    assert bool(found(kustomize_missing_path, Kustomization, files)) is reported


@pytest.mark.parametrize(("status", "reported"), [("", True), ("status: {sync: {}}\n", False)])
def test_state_of_an_application_is_nobody_s_wish(status: str, reported: bool) -> None:
    text = f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: web
  annotations: {{argocd-image-updater.argoproj.io/allow-tags: any}}
spec: {{destination: {{namespace: shop}}, source: {{repoURL: "https://git.example.com/shop.git"}}}}
{status}"""
    assert bool(found(image_updater_missing_image_list, ArgoSet, text)) is reported


# --- what a reader is to fill in


@pytest.mark.parametrize(
    ("check", "written", "reported"),
    [
        (invalid_image_reference, "image: gcr.io/PROJECT_ID/app:1", False),
        (invalid_image_reference, "image: REGION-docker.pkg.dev/PROJECT_ID/gke/app:1", False),
        (invalid_image_reference, "image: gcr.io/Project/app:1", True),
        (invalid_name, "metadata: {name: POD_NAME}", False),
        (invalid_name, "metadata: {name: _}", False),
        (invalid_name, "metadata: {name: Web}", True),
        (invalid_name, "metadata: {name: web, namespace: NAMESPACE}", False),
        (invalid_port_name, "ports: [{name: PORT_NAME, containerPort: 80}]", False),
        (invalid_port_name, "ports: [{name: HTTP, containerPort: 80}]", True),
    ],
)
def test_words_that_stand_for_others(check: Check, written: str, reported: bool) -> None:
    lines = {
        "metadata": "metadata: {name: web}",
        "image": "image: nginx:1.27.3",
        "ports": "ports: []",
    }
    lines[written.partition(":")[0]] = written
    text = (
        f"apiVersion: v1\nkind: Pod\n{lines['metadata']}\nspec:\n  containers:\n"
        f"    - name: web\n      {lines['image']}\n      {lines['ports']}\n"
    )
    assert bool(found(check, Manifest, text)) is reported


@pytest.mark.parametrize(("setting", "reported"), [("namespace: shop\n", False), ("", True)])
def test_namespace_that_a_kustomization_names(setting: str, reported: bool) -> None:
    files = {
        "kustomization.yaml": f"{setting}resources: [namespace.yaml]\n",
        "namespace.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: Not_yet}\n",
    }
    assert bool(found(invalid_name, Manifest, files)) is reported


# --- K8S655


@pytest.mark.parametrize(
    ("value", "reported"),
    [
        ("[dates]\ntimezone = UTC\n", False),
        ('{\n  "url": "http://prometheus:9090",\n  "basicAuth": false\n}', False),
        ("[db]\npassword = hunter22\n", True),
        ('{\n  "apiKey": "x7Kq"\n}', True),
        ("global:\n  url: https://shop:hunter22@example.com\n", True),
        ("a: 1\nkey: |\n  -----BEGIN RSA PRIVATE KEY-----\n  MII\n", True),
        ("hunter22", True),
        ("two words\nof prose", True),
    ],
)
def test_file_of_configuration_without_a_secret_is_none(value: str, reported: bool) -> None:
    data = b64encode(value.encode()).decode()
    head = "apiVersion: v1\nkind: Secret\nmetadata: {name: web}\n"
    for text in (f"stringData: {{file: {json.dumps(value)}}}\n", f"data: {{file: {data}}}\n"):
        assert bool(found(secret_in_manifest, Manifest, head + text)) is reported
