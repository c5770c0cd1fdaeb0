"""Kubernetes rules: what examples do not show, above all what the peers would say."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iachygiene.files import Tree
from iachygiene.model import Finding, Severity
from iachygiene.parse.kubernetes import Manifest, ManifestSet, group, load
from iachygiene.rules.kubernetes.images import unpinned_image_tag
from iachygiene.rules.kubernetes.privileges import privileged_container
from iachygiene.rules.kubernetes.probes import (
    container_without_health_check,
    service_pod_without_readiness,
)
from iachygiene.rules.kubernetes.references import service_selects_nothing
from iachygiene.rules.kubernetes.resources import missing_resources
from iachygiene.rules.kubernetes.security import non_root_contradiction, run_as_root_allowed

Check = Callable[..., Iterator[Finding]]
ON_MANIFESTS = {
    unpinned_image_tag,
    run_as_root_allowed,
    non_root_contradiction,
    privileged_container,
}


def found(check: Check, files: str | Mapping[str, str], **options: Any) -> list[Finding]:
    """The findings of one rule in some files, or in one called m.yaml."""
    if isinstance(files, str):
        files = {"m.yaml": files}
    tree = Tree("/nowhere", listed=set(files))
    tree.overlay.update((path, text.encode()) for path, text in files.items())
    wanted = Manifest if check in ON_MANIFESTS else ManifestSet
    return [
        finding
        for job in group(files, tree, {})
        for unit in load(job, tree)
        if isinstance(unit, wanted)
        for finding in check(unit, **options)
    ]


def flow(fields: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + "}"


def flagged(text: str, finding: Finding) -> str:
    return text[slice(*finding.location.span)]


def peers(finding: Finding) -> set[str]:
    return {alias.partition(":")[0] for alias in finding.aliases or ()}


def workload(
    kind: str = "Deployment", container: str = "", pod: str = "", version: str = "apps/v1"
) -> str:
    """A workload of one container, with more for the container and the pod."""
    lines = [
        f"apiVersion: {version}",
        f"kind: {kind}",
        "metadata: {name: web}",
        "spec:",
        "  selector: {matchLabels: {app: web}}",
        "  template:",
        "    metadata: {labels: {app: web}}",
        "    spec:",
        *([f"      {pod}"] if pod else []),
        "      containers:",
        "        - name: web",
        *(f"          {line}" for line in (container or "image: nginx:1.27.3").split("\n")),
    ]
    return "\n".join(lines) + "\n"


SERVICE = """\
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: http}]
"""
PATCH = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
        - name: web
          CONTAINER
"""


# --- K8S101


def test_image_is_flagged_without_its_quotes() -> None:
    text = workload(container='image: "nginx:latest"  # why')
    (finding,) = found(unpinned_image_tag, text)
    assert flagged(text, finding) == "nginx:latest"
    assert finding.object == "Deployment web, container web"
    assert finding.message == '"nginx:latest" has the tag "latest"'


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("nginx", {"kube-linter", "kube-score", "checkov", "trivy"}),
        ("host:5000/app", {"kube-linter", "checkov"}),
        ("host:5000/app:latest", {"kube-linter", "kube-score", "checkov", "trivy"}),
        ("'nginx:'", {"kube-score", "checkov", "trivy"}),
        ("''", {"kube-linter", "kube-score", "checkov", "trivy"}),
    ],
)
def test_peers_that_report_an_image_depend_on_how_it_is_written(
    image: str, expected: set[str]
) -> None:
    (finding,) = found(unpinned_image_tag, workload(container=f"image: {image}"))
    assert peers(finding) == expected


@pytest.mark.parametrize(
    ("version", "kind", "expected"),
    [
        ("apps/v1", "ReplicaSet", {"kube-linter", "checkov", "trivy"}),
        ("apps/v2", "Deployment", {"kube-linter", "checkov", "trivy"}),
        ("extensions/v1beta1", "Deployment", {"kube-score", "checkov", "trivy"}),
        ("apps.openshift.io/v1", "DeploymentConfig", {"kube-linter"}),
        ("argoproj.io/v1alpha1", "Rollout", set()),
    ],
)
def test_peers_that_do_not_look_at_a_kind_have_no_alias(
    version: str, kind: str, expected: set[str]
) -> None:
    text = workload(kind, "image: nginx", version=version)
    assert [peers(finding) for finding in found(unpinned_image_tag, text)] == [expected]


def test_ephemeral_containers_are_looked_at_by_one_peer_alone() -> None:
    text = workload(pod="ephemeralContainers: [{name: debug, image: busybox}]")
    (finding,) = found(unpinned_image_tag, text)
    assert peers(finding) == {"kube-linter"}


@pytest.mark.parametrize("image", ["@IMAGE@", "__IMAGE__", "[[ image ]]", "ko://example.com/cmd"])
def test_image_that_something_else_fills_in_is_not_judged(image: str) -> None:
    assert found(unpinned_image_tag, workload(container=f"image: '{image}'")) == []


def test_unknown_registry_does_not_hide_a_moving_tag() -> None:
    assert len(found(unpinned_image_tag, workload(container="image: ${REGISTRY}/app:latest"))) == 1


def test_patch_is_judged_by_what_it_says() -> None:
    assert len(found(unpinned_image_tag, PATCH.replace("CONTAINER", "image: nginx"))) == 1
    assert found(unpinned_image_tag, PATCH.replace("CONTAINER", "tty: true")) == []


def test_init_container_of_a_whole_object_needs_an_image() -> None:
    text = workload(pod="initContainers: [{name: wait}]")
    (finding,) = found(unpinned_image_tag, text)
    assert finding.message == "the container names no image"
    assert flagged(text, finding) == "wait"


def test_demanded_digest_is_no_finding_of_a_peer() -> None:
    (finding,) = found(unpinned_image_tag, workload(), require_digest=True)
    assert finding.aliases == ()


# --- K8S201, K8S203, K8S205


def test_root_user_of_a_pod_is_reported_once_and_where_it_stands() -> None:
    text = workload(pod="securityContext: {runAsUser: 0}") + "        - {name: b, image: 'b:1'}\n"
    (finding,) = found(run_as_root_allowed, text)
    assert flagged(text, finding) == "0"
    assert finding.message == '"runAsUser: 0" lets the container run as root'


def test_every_container_that_may_run_as_root_is_reported() -> None:
    text = workload(pod="initContainers: [{name: init, image: 'a:1'}]")
    assert [flagged(text, finding) for finding in found(run_as_root_allowed, text)] == [
        "init",
        "web",
    ]


def test_init_container_as_root_is_not_reported_by_checkov() -> None:
    text = workload(pod="initContainers: [{name: init, image: 'a:1'}]")
    assert [peers(finding) for finding in found(run_as_root_allowed, text)] == [
        {"kube-linter", "trivy"},
        {"kube-linter", "trivy", "checkov"},
    ]


@pytest.mark.parametrize(
    "context",
    [
        "{runAsUser: 1}",
        "{runAsNonRoot: yes}",
        "{runAsUser: '${UID}'}",
        "{runAsNonRoot: '{{ .Values.nonRoot }}'}",
        "{runAsNonRoot: true, runAsUser: 0}",
    ],
)
def test_pod_that_keeps_root_out_or_may_do_so_is_quiet(context: str) -> None:
    assert found(run_as_root_allowed, workload(pod=f"securityContext: {context}")) == []


@pytest.mark.parametrize(
    "context", ["{}", "{runAsUser: -1}", "{runAsUser: null}", "{runAsNonRoot: 'true'}"]
)
def test_what_looks_like_a_demand_and_is_none_is_reported(context: str) -> None:
    assert len(found(run_as_root_allowed, workload(pod=f"securityContext: {context}"))) == 1


def test_contradiction_stands_at_the_user_and_names_the_demand() -> None:
    text = workload(
        pod="securityContext: {runAsNonRoot: true}",
        container="image: a:1\nsecurityContext: {runAsUser: 0}",
    )
    (finding,) = found(non_root_contradiction, text)
    assert flagged(text, finding) == "0"
    assert [text[slice(*place.span)] for place in finding.related] == ["true"]


def test_contradiction_in_a_patch_is_one_too() -> None:
    text = PATCH.replace("CONTAINER", "securityContext: {runAsNonRoot: true, runAsUser: 0}")
    assert len(found(non_root_contradiction, text)) == 1


def test_privileged_flag_is_reported_where_it_stands() -> None:
    text = workload(container="image: a:1\nsecurityContext: {privileged: true}")
    (finding,) = found(privileged_container, text)
    assert flagged(text, finding) == "true"
    assert "kube-linter:privilege-escalation-container" in (finding.aliases or ())


def test_escalation_belongs_to_another_rule_where_it_is_allowed_too() -> None:
    context = "{privileged: true, allowPrivilegeEscalation: true}"
    (finding,) = found(
        privileged_container, workload(container=f"image: a:1\nsecurityContext: {context}")
    )
    assert "kube-linter:privilege-escalation-container" not in (finding.aliases or ())
    assert "kube-linter:privileged-container" in (finding.aliases or ())


@pytest.mark.parametrize("value", ["false", "'true'", "null", "'{{ .Values.privileged }}'"])
def test_other_values_are_not_privileged(value: str) -> None:
    text = workload(container=f"image: a:1\nsecurityContext: {{privileged: {value}}}")
    assert found(privileged_container, text) == []


def test_privileged_context_that_aliases_share_is_reported_once() -> None:
    text = """\
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  containers:
    - name: a
      image: a:1
      securityContext: &context {privileged: true}
    - name: b
      image: b:1
      securityContext: *context
    - name: c
      image: c:1
      securityContext:
        <<: *context
"""
    assert len(found(privileged_container, text)) == 1


# --- K8S401, K8S411


def test_missing_readiness_stands_at_the_container_that_the_service_calls() -> None:
    text = (
        workload(container="image: a:1\nports: [{name: metrics, containerPort: 9090}]")
        + "        - {name: api, image: 'b:1', ports: [{name: http, containerPort: 8080}]}\n"
        + SERVICE
    )
    (finding,) = found(service_pod_without_readiness, text)
    assert finding.object == "Deployment web, container api"
    assert finding.message == 'no readiness probe, and Service "web" sends traffic here'
    assert [text[slice(*place.span)] for place in finding.related] == ["web"]


def test_one_readiness_probe_is_enough_for_a_pod() -> None:
    text = workload() + "        - {name: b, image: 'b:1', readinessProbe: {exec: {}}}\n" + SERVICE
    assert found(service_pod_without_readiness, text) == []


def test_readiness_of_a_sidecar_counts_and_that_of_an_init_container_does_not() -> None:
    probe = "readinessProbe: {exec: {}}"
    sidecar = f"initContainers: [{{name: s, image: 'a:1', restartPolicy: Always, {probe}}}]"
    init = f"initContainers: [{{name: s, image: 'a:1', {probe}}}]"
    assert found(service_pod_without_readiness, workload(pod=sidecar) + SERVICE) == []
    (finding,) = found(service_pod_without_readiness, workload(pod=init) + SERVICE)
    assert peers(finding) == {"kube-linter", "checkov"}


def test_service_that_publishes_pods_early_lowers_the_finding() -> None:
    service = SERVICE + "  publishNotReadyAddresses: true\n"
    (finding,) = found(service_pod_without_readiness, workload() + service)
    assert finding.severity is Severity.INFO


@pytest.mark.parametrize(
    "service",
    [
        SERVICE.replace("{app: web}", "{app: other}"),
        SERVICE.replace("{app: web}", "{}"),
        SERVICE.replace("{app: web}", "{app: '${APP}'}"),
        SERVICE.replace("  ports", "  type: ExternalName\n  ports"),
        SERVICE.replace("name: web", "name: web, namespace: other"),
    ],
)
def test_service_that_sends_nothing_here_asks_for_no_readiness(service: str) -> None:
    assert found(service_pod_without_readiness, workload() + service) == []


def test_pods_of_jobs_need_no_readiness() -> None:
    text = workload("Job", version="batch/v1") + SERVICE
    assert found(service_pod_without_readiness, text) == []


def test_health_check_is_not_asked_for_twice() -> None:
    text = workload() + SERVICE
    assert found(container_without_health_check, text) == []
    text = workload() + "        - {name: b, image: 'b:1'}\n" + SERVICE
    assert [finding.object for finding in found(container_without_health_check, text)] == [
        "Deployment web, container b"
    ]


@pytest.mark.parametrize("probe", ["livenessProbe", "readinessProbe", "startupProbe"])
def test_any_probe_is_a_health_check(probe: str) -> None:
    text = workload(container=f"image: a:1\n{probe}: {{tcpSocket: {{port: 1}}}}")
    assert found(container_without_health_check, text) == []


@pytest.mark.parametrize(
    ("version", "kind"),
    [("v1", "PodTemplate"), ("batch/v1", "Job"), ("serving.knative.dev/v1", "Service")],
)
def test_kinds_that_do_not_run_on_by_themselves_need_no_health_check(
    version: str, kind: str
) -> None:
    assert found(container_without_health_check, workload(kind, version=version)) == []


def test_health_check_of_a_rollout_is_ours_alone() -> None:
    text = workload("Rollout", version="argoproj.io/v1alpha1")
    assert [finding.aliases for finding in found(container_without_health_check, text)] == [()]


# --- K8S500


@pytest.mark.parametrize(
    "resources",
    ["{}", "{limits: {}}", "{requests: {cpu: 0}}", "{limits: {memory: 0Mi}}", "null"],
)
def test_zero_and_nothing_are_no_resources(resources: str) -> None:
    text = workload(container=f"image: a:1\nresources: {resources}")
    assert [flagged(text, finding) for finding in found(missing_resources, text)] == ["web"]


@pytest.mark.parametrize(
    "resources",
    ["{limits: {cpu: 1m}}", "{requests: {memory: '${MEMORY}'}}", "'{{ .Values.resources }}'"],
)
def test_any_amount_is_a_resource(resources: str) -> None:
    assert found(missing_resources, workload(container=f"image: a:1\nresources: {resources}")) == []


def test_ephemeral_containers_may_not_have_resources() -> None:
    text = workload(
        container="image: a:1\nresources: {limits: {cpu: 1}}",
        pod="ephemeralContainers: [{name: debug, image: 'a:1'}]",
    )
    assert found(missing_resources, text) == []


def test_limit_range_of_another_namespace_fills_in_nothing() -> None:
    limits = "---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: a, namespace: other}\n"
    assert len(found(missing_resources, workload() + limits)) == 1
    here = limits.replace(", namespace: other", "")
    assert found(missing_resources, workload() + here) == []
    assert len(found(missing_resources, workload() + here, peer_forms=True)) == 1


# --- K8S601


def test_selector_is_flagged_and_the_likely_pods_are_named() -> None:
    text = workload() + SERVICE.replace("{app: web}", "{app: storefront}")
    (finding,) = found(service_selects_nothing, text)
    assert flagged(text, finding) == "{app: storefront}"
    assert finding.message == '"app=storefront" matches no pod template here'
    assert finding.object == "Service web"
    assert [text[slice(*place.span)] for place in finding.related] == ["{app: web}"]


def test_likely_pods_are_those_of_like_labels_where_no_name_is_the_same() -> None:
    other = workload().replace("name: web}", "name: a}").replace("app: web", "app: storefrnt")
    third = workload().replace("name: web}", "name: b}").replace("app: web", "app: database")
    service = SERVICE.replace("{app: web}", "{app: storefront}")
    (finding,) = found(service_selects_nothing, f"{third}---\n{other}{service}")
    assert [place.label for place in finding.related] == ["the nearest labels"]
    assert finding.related[0].span.start > len(third)


def test_pods_that_a_partial_object_makes_may_be_meant() -> None:
    partial = workload("StatefulSet").replace("          image: nginx:1.27.3\n", "")
    whole = workload().replace("app: web", "app: other")
    assert found(service_selects_nothing, f"{whole}---\n{partial}{SERVICE}") == []


@pytest.mark.parametrize(
    "files",
    [
        {"a.yaml": SERVICE},
        {"a.yaml": SERVICE, "b.yaml": workload().replace("app: web", "app: x") + "---\na: [\n"},
        {"a.yaml": SERVICE, "b.yaml": workload().replace("app: web", "app: x{{ y }}: {{ z }}")},
    ],
)
def test_pods_that_may_be_elsewhere_are_reported_on_request_only(files: dict[str, str]) -> None:
    assert found(service_selects_nothing, files) == []
    (finding,) = found(service_selects_nothing, files, peer_forms=True)
    assert finding.severity is Severity.INFO


def test_pods_may_be_meant_with_the_namespace_that_they_are_written_with() -> None:
    files = {
        "kustomization.yaml": "namespace: shop\nresources: [web.yaml]\n",
        "web.yaml": workload(),
        "service.yaml": SERVICE,
    }
    assert found(service_selects_nothing, files) == []


def test_service_that_selects_nothing_at_all_is_a_finding_of_the_peers_too() -> None:
    text = workload("ReplicaSet") + SERVICE.replace("{app: web}", "{app: wbe}")
    (finding,) = found(service_selects_nothing, text)
    assert peers(finding) == {"kube-linter", "kube-score"}


def test_time_of_cross_object_rules_grows_with_the_number_of_objects() -> None:
    def text(count: int) -> str:
        return "---\n".join(
            workload().replace("web", f"web{n}") + SERVICE.replace("web", f"{side}{n}")
            for n in range(count)
            for side in ("web", "wbe")
        )

    def seconds(count: int) -> float:
        files = {"m.yaml": text(count)}
        tree = Tree("/nowhere", listed=set(files))
        tree.overlay["m.yaml"] = files["m.yaml"].encode()
        (unit,) = (
            unit
            for job in group(files, tree, {})
            for unit in load(job, tree)
            if isinstance(unit, ManifestSet)
        )
        started = time.process_time()
        for check in (service_pod_without_readiness, service_selects_nothing, missing_resources):
            list(check(unit))
        return time.process_time() - started

    assert seconds(800) < 24 * min(seconds(100) for _ in range(3)) + 0.05


ODD = st.sampled_from(
    ["null", "[]", "{}", "3", "x", "'{{ y }}'", "[null, 3, {a: b}]", "{a: [b]}", "true", "0"]
)
FIELDS = st.dictionaries(
    st.sampled_from(
        [
            *("name", "image", "securityContext", "resources", "ports", "readinessProbe"),
            *("restartPolicy", "volumeMounts", "env"),
        ]
    ),
    ODD | st.just("{runAsUser: 0, runAsNonRoot: true, privileged: true}"),
    max_size=5,
)
PODS = st.dictionaries(
    st.sampled_from(["containers", "initContainers", "securityContext", "os", "nodeSelector"]),
    ODD | st.lists(FIELDS.map(flow), max_size=3).map(lambda all: f"[{', '.join(all)}]"),
    max_size=5,
)


@settings(max_examples=300, deadline=None)
@given(PODS, ODD, ODD, st.sampled_from(["Pod", "Service", "LimitRange"]))
def test_no_rule_stumbles_over_an_odd_shape(
    pod: dict[str, str], labels: str, selector: str, kind: str
) -> None:
    text = (
        f"apiVersion: apps/v1\nkind: Deployment\nspec: {{selector: {selector}, template: "
        f"{{metadata: {{labels: {labels}}}, spec: {flow(pod)}}}}}\n---\n"
        f"apiVersion: v1\nkind: {kind}\nmetadata: {labels}\n"
        f"spec: {{selector: {selector}, ports: {labels}}}\n"
    )
    for check in (
        *ON_MANIFESTS,
        service_pod_without_readiness,
        container_without_health_check,
        missing_resources,
        service_selects_nothing,
    ):
        for finding in found(check, text):
            start, end = finding.location.span
            assert 0 <= start <= end <= len(text)
