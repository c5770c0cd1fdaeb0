"""Kubernetes rules beside kube-linter and kube-score: who reports what, where, of which object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from iachygiene.files import Tree
from iachygiene.model import Finding, Severity
from iachygiene.parse.kubernetes import Manifest, ManifestSet, group, load
from iachygiene.rule import get, rules_of

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  REPLICAS
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {POD}
"""
CONTAINER = "containers: [{name: web, image: 'nginx:1.27.3'}]"
SERVICE = """\
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""


def found(code: str, files: str | Mapping[str, str], **options: Any) -> list[Finding]:
    """The findings of one rule in some files, or in one called m.yaml."""
    if isinstance(files, str):
        files = {"m.yaml": files}
    tree = Tree("/nowhere", listed=set(files))
    tree.overlay.update((path, text.encode()) for path, text in files.items())
    rule = get(code)
    return [
        finding
        for job in group(files, tree, {})
        for unit in load(job, tree)
        if isinstance(unit, rule.unit)
        for finding in rule.check(unit, **options)
    ]


def pod(fields: str) -> str:
    """A pod with fields of its specification, in one line of flow style."""
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{{fields}}}\n"


def container(fields: str, more: str = "") -> str:
    """A pod with one container that has fields."""
    return pod(f"containers: [{{name: web, image: 'nginx:1.27.3', {fields}}}]{more}")


def deployment(fields: str = CONTAINER, replicas: str = "") -> str:
    text = DEPLOYMENT.replace("{POD}", f"{{{fields}}}")
    return text.replace("  REPLICAS\n", f"  replicas: {replicas}\n" if replicas else "")


def checks(finding: Finding) -> set[str]:
    """The checks of kube-linter and kube-score, those of others left out."""
    aliases = get(finding.rule).aliases if finding.aliases is None else finding.aliases
    return {one for one in aliases if one.startswith("kube-")}


def flagged(text: str, finding: Finding) -> str:
    return text[slice(*finding.location.span)]


LINTER, SCORE = "kube-linter:", "kube-score:"


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        ("K8S103", container("imagePullPolicy: Never"), {SCORE + "container-image-pull-policy"}),
        (
            "K8S210",
            container("securityContext: {capabilities: {drop: []}}"),
            {LINTER + "drop-net-raw-capability"},
        ),
        ("K8S210", container("tty: true"), set()),
        (
            "K8S211",
            container("securityContext: {capabilities: {add: [SYS_ADMIN]}}"),
            {LINTER + "privilege-escalation-container"},
        ),
        ("K8S211", container("securityContext: {capabilities: {add: [CAP_SYS_ADMIN]}}"), set()),
        (
            "K8S211",
            container("securityContext: {privileged: true, capabilities: {add: [SYS_ADMIN]}}"),
            set(),
        ),
        (
            "K8S211",
            container("securityContext: {capabilities: {add: [CAP_NET_RAW]}}"),
            {LINTER + "drop-net-raw-capability"},
        ),
        (
            "K8S305",
            container(
                "volumeMounts: [{name: v, mountPath: /h}]",
                ", volumes: [{name: v, hostPath: {path: /etc}}]",
            ),
            {LINTER + "sensitive-host-mounts"},
        ),
        (
            "K8S305",
            container(
                "volumeMounts: [{name: v, mountPath: /h}]",
                ", volumes: [{name: v, hostPath: {path: /etc/}}]",
            ),
            set(),
        ),
        ("K8S305", container("tty: true", ", volumes: [{name: v, hostPath: {path: /etc}}]"), set()),
        (
            "K8S406",
            container("livenessProbe: {tcpSocket: {port: x}}"),
            {LINTER + "liveness-port"},
        ),
        (
            "K8S406",
            pod(
                "initContainers: [{name: a, image: b:1, restartPolicy: Always,"
                f" startupProbe: {{tcpSocket: {{port: x}}}}}}], {CONTAINER}"
            ),
            set(),
        ),
        (
            "K8S701",
            container("ports: [{name: a-long-long-name, containerPort: 80}]"),
            {LINTER + "invalid-target-ports", SCORE + "container-ports-check"},
        ),
        (
            "K8S701",
            container("ports: [{name: 'A', containerPort: 80}]"),
            {LINTER + "invalid-target-ports"},
        ),
        ("K8S701", container("ports: [{containerPort: 0}]"), {SCORE + "container-ports-check"}),
        ("K8S701", container("ports: [{containerPort: 70000}]"), set()),
        ("K8S702", container("ports: [{containerPort: 1}, {containerPort: 1}]"), set()),
        (
            "K8S652",
            container("env: [{name: CLIENT_SECRET, value: abcdefg}]"),
            {LINTER + "env-var-secret"},
        ),
        ("K8S652", container("env: [{name: CLIENT_TOKEN, value: abcdefg}]"), set()),
        (
            "K8S510",
            deployment(replicas="2"),
            {
                LINTER + "no-anti-affinity",
                SCORE + "deployment-has-host-podantiaffinity",
            },
        ),
        ("K8S511", deployment(), {SCORE + "deployment-has-host-podantiaffinity"}),
    ],
)
def test_finding_names_the_checks_that_would_report_it(
    code: str, text: str, expected: set[str]
) -> None:
    (finding,) = found(code, text)
    assert checks(finding._replace(rule=code)) == expected


@pytest.mark.parametrize(
    ("affinity", "expected"),
    [
        ("kubernetes.io/hostname", set()),
        ("topology.kubernetes.io/zone", {LINTER + "no-anti-affinity"}),
        (
            "example.com/rack",
            {LINTER + "no-anti-affinity", SCORE + "deployment-has-host-podantiaffinity"},
        ),
    ],
)
def test_topology_key_decides_whom_an_anti_affinity_contents(
    affinity: str, expected: set[str]
) -> None:
    term = f"{{topologyKey: {affinity}, labelSelector: {{matchLabels: {{app: web}}}}}}"
    required = f"requiredDuringSchedulingIgnoredDuringExecution: [{term}]"
    fields = f"affinity: {{podAntiAffinity: {{{required}}}}}, {CONTAINER}"
    text = deployment(fields, replicas="3")
    assert found("K8S510", text) == []
    assert [checks(one) for one in found("K8S511", text)] == ([expected] if expected else [])


def test_socket_that_nobody_mounts_is_a_warning_without_kube_linter() -> None:
    volume = ", volumes: [{name: v, hostPath: {path: /var/run/docker.sock}}]"
    (unmounted,) = found("K8S304", container("tty: true", volume))
    assert (unmounted.severity, checks(unmounted)) == (Severity.WARNING, set())
    (mounted,) = found("K8S304", container("volumeMounts: [{name: v, mountPath: /d}]", volume))
    assert (mounted.severity, checks(mounted)) == (None, {LINTER + "docker-sock"})


def test_limit_that_counts_as_request_is_named() -> None:
    text = container("resources: {limits: {cpu: 100m, memory: 1Gi}}")
    (finding,) = found("K8S501", text)
    assert finding.message == 'no CPU request; the limit "100m" counts as one'


def test_named_ports_are_compared_by_their_numbers() -> None:
    ports = "ports: [{name: a, containerPort: 80}, {name: b, containerPort: 81}]"
    same = container(
        f"{ports}, readinessProbe: {{tcpSocket: {{port: a}}}},"
        " livenessProbe: {tcpSocket: {port: 80}}"
    )
    (finding,) = found("K8S404", same)
    assert checks(finding) == set()
    other = container(
        f"{ports}, readinessProbe: {{httpGet: {{port: a}}}},"
        " livenessProbe: {httpGet: {port: b}}"
    )
    assert found("K8S404", other) == []
    # To kube-score every port that has a name is 0.
    (finding,) = found("K8S405", other)
    assert checks(finding) == {SCORE + "pod-probes-identical"}


BUDGET = """\
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: LEAST, selector: {matchLabels: {app: web}}}
"""


@pytest.mark.parametrize(
    ("least", "replicas", "blocks"),
    [
        ("2", "3", False),
        ("3", "3", True),
        ("50%", "1", True),
        ("50%", "2", False),
        ("67%", "3", True),
        ("66%", "3", False),
        ("100%", "", True),
        ("1", "0", False),
        ("'2'", "3", True),
    ],
)
def test_share_of_pods_is_rounded_up(least: str, replicas: str, blocks: bool) -> None:
    text = deployment(replicas=replicas) + BUDGET.replace("LEAST", least)
    assert bool(found("K8S516", text)) is blocks


def test_budget_counts_what_the_autoscaler_keeps_at_least() -> None:
    scaler = (
        "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\n"
        "spec: {minReplicas: MIN, maxReplicas: 9,"
        " scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}\n"
    )
    text = deployment() + BUDGET.replace("LEAST", "2")
    assert found("K8S516", text + scaler.replace("MIN", "2"))
    assert not found("K8S516", text + scaler.replace("MIN", "3"))


def test_what_only_kube_linter_takes_for_a_block_is_hidden() -> None:
    daemons = deployment().replace("kind: Deployment", "kind: DaemonSet")
    text = daemons + BUDGET.replace("LEAST", "1")
    assert found("K8S516", text) == []
    (finding,) = found("K8S516", text, peer_forms=True)
    assert finding.severity is Severity.INFO
    assert checks(finding) == {LINTER + "pdb-min-available"}


INGRESS = """\
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules:
    - http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: PORT}}}]}
"""


def test_port_without_a_name_contents_kube_score_with_any_number() -> None:
    text = SERVICE + INGRESS.replace("PORT", "{number: 81}")
    (finding,) = found("K8S604", text)
    assert checks(finding) == {LINTER + "dangling-ingress"}
    assert flagged(text, finding) == "81"


def test_missing_service_is_flagged_at_its_name() -> None:
    text = SERVICE.replace("name: web", "name: api") + INGRESS.replace("PORT", "{number: 80}")
    (finding,) = found("K8S604", text)
    assert flagged(text, finding) == "web"
    assert checks(finding) == {LINTER + "dangling-ingress", SCORE + "ingress-targets-service"}


def test_peers_compare_the_version_of_what_is_scaled() -> None:
    text = deployment() + (
        "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\n"
        "spec: {maxReplicas: 9,"
        " scaleTargetRef: {apiVersion: apps/v1beta1, kind: Deployment, name: web}}\n"
    )
    assert found("K8S608", text) == []
    (finding,) = found("K8S608", text, peer_forms=True)
    assert checks(finding) == {
        LINTER + "dangling-horizontalpodautoscaler",
        SCORE + "horizontalpodautoscaler-has-target",
    }


def test_recreate_is_fine_for_what_mounts_a_claim() -> None:
    claim = f"{CONTAINER}, volumes: [{{name: d, persistentVolumeClaim: {{claimName: d}}}}]"
    text = deployment(claim).replace("spec:\n", "spec:\n  strategy: {type: Recreate}\n", 1)
    assert found("K8S513", text + SERVICE) == []
    (finding,) = found("K8S513", text + SERVICE, peer_forms=True)
    assert finding.severity is Severity.INFO


def test_role_binding_is_taken_to_name_a_role() -> None:
    role = (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n"
        "metadata: {name: r, labels: {part: r}}\n"
        "rules: [{apiGroups: [''], resources: [secrets], verbs: [get]}]\n---\n"
    )
    binding = (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: KIND\nmetadata: {name: b}\n"
        "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: NAME}\n"
    )
    assert found("K8S803", role + binding.replace("KIND", "RoleBinding").replace("NAME", "r")) == []
    bound = binding.replace("KIND", "ClusterRoleBinding")
    assert len(found("K8S803", role + bound.replace("NAME", "r"))) == 1
    whole = (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}\n"
        "aggregationRule: {clusterRoleSelectors: [{matchLabels: {part: r}}]}\n---\n"
    )
    assert len(found("K8S803", role + whole + bound.replace("NAME", "all"))) == 1


def test_finding_in_what_an_alias_repeats_comes_once_at_its_anchor() -> None:
    text = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n"
        "    - &web\n      name: web\n      image: nginx:1.27.3\n"
        "      securityContext: {allowPrivilegeEscalation: true}\n"
        "    - <<: *web\n      name: twin\n"
    )
    (finding,) = found("K8S206", text)
    assert flagged(text, finding) == "true"
    assert finding.object == "Pod web, container web"


def test_finding_in_an_item_of_a_list_names_the_item() -> None:
    text = (
        "apiVersion: v1\nkind: List\nitems:\n"
        "  - {apiVersion: v1, kind: Service, metadata: {name: a, namespace: shop},"
        " spec: {externalIPs: [192.0.2.1]}}\n"
    )
    (finding,) = found("K8S705", text)
    assert (finding.object, flagged(text, finding)) == ("Service shop/a", "192.0.2.1")


def test_namespace_that_an_alias_brings_in_is_left_where_it_is() -> None:
    text = (
        "apiVersion: v1\nkind: List\nitems:\n"
        "  - apiVersion: v1\n    kind: ConfigMap\n    metadata: &shared\n"
        "      name: web\n      namespace: shop\n"
        "  - apiVersion: v1\n    kind: PersistentVolume\n    metadata: *shared\n"
        "  - apiVersion: v1\n    kind: Node\n    metadata:\n      <<: *shared\n      labels: {}\n"
    )
    assert [finding.fix for finding in found("K8S919", text)] == [None, None]


PATCHES = {
    "a container without an image": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers: [{name: web, env: [{name: LEVEL, value: info}]}]
""",
    "a number of replicas": """\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec: {replicas: 3}
""",
    "a deletion": """\
apiVersion: batch/v1
kind: Job
metadata: {name: web}
$patch: delete
""",
}


@pytest.mark.parametrize("text", PATCHES.values(), ids=PATCHES)
@pytest.mark.parametrize("rule", rules_of("kubernetes"), ids=lambda rule: rule.code)
def test_nothing_is_missing_from_a_patch(rule: Any, text: str) -> None:
    if rule.unit in (Manifest, ManifestSet) and rule.code != "K8S918":
        about = {finding.object for finding in found(rule.code, text + SERVICE)}
        assert about <= {"Service web"}
