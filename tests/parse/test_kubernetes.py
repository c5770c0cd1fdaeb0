"""Manifests: what is an object, what carries pods, what kustomizations change."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iachygiene.files import Tree
from iachygiene.model import Job, Trouble, Unchecked
from iachygiene.parse import yaml
from iachygiene.parse.kubernetes import (
    Manifest,
    ManifestSet,
    Object,
    chart_of,
    comments,
    facts,
    group,
    is_unknown,
    is_zero,
    load,
    matches,
    quantity,
)
from iachygiene.parse.project import ContainerFact, HostFact, NameFact


def tree_of(files: Mapping[str, str]) -> Tree:
    tree = Tree("/nowhere", listed=set(files))
    tree.overlay.update((path, text.encode()) for path, text in files.items())
    return tree


def units(files: Mapping[str, str]) -> list[Manifest | ManifestSet | Trouble | Unchecked]:
    tree = tree_of(files)
    return [unit for job in group(files, tree, {}) for unit in load(job, tree)]


def manifest(text: str) -> Manifest:
    (found,) = (unit for unit in units({"m.yaml": text}) if isinstance(unit, Manifest))
    return found


def manifest_set(files: Mapping[str, str]) -> ManifestSet:
    (found,) = (unit for unit in units(files) if isinstance(unit, ManifestSet))
    return found


def shown(text: str) -> list[str]:
    return [one.object for one in manifest(text).objects]


DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: nginx
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
"""


# --- what is an object


def test_every_document_with_api_version_and_kind_is_an_object() -> None:
    text = "---\n# nothing\n---\napiVersion: v1\nkind: A\n---\na: 1\n---\napiVersion: v1\nkind: B\n"
    assert shown(text) == ["A", "B"]


def test_object_is_shown_with_namespace_and_name() -> None:
    assert shown("{apiVersion: v1, kind: A, metadata: {name: n, namespace: s}}") == ["A s/n"]
    assert shown("{apiVersion: v1, kind: A, metadata: {generateName: n-}}") == ["A n-"]


def test_json_is_yaml() -> None:
    assert shown('{"apiVersion": "v1", "kind": "A",\n\t"metadata": {"name": "n"}}') == ["A n"]


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
        "apiVersion: v1\nkind: Config\nclusters: []\n",
        "apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\n",
        "apiVersion: skaffold/v4beta1\nkind: Config\n",
        "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\n",
    ],
)
def test_configuration_of_tools_is_no_object(text: str) -> None:
    assert shown(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "- op: add\n  path: /apiVersion\n  value: kind\n",
        "a: apiVersion\nb: kind\n",
        "apiVersion: 1\nkind: 2\n",
        "apiVersion: v2\nname: kind\n",
        "apiVersion: v1\nkind:\n",
    ],
)
def test_file_without_objects_gives_no_unit(text: str) -> None:
    assert units({"m.yaml": text}) == []


def test_items_of_lists_are_objects_with_their_own_places() -> None:
    text = """\
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Pod
    metadata: {name: a}
  - apiVersion: v1
    kind: List
    items:
      - {apiVersion: v1, kind: Service, metadata: {name: b}}
"""
    found = manifest(text).objects
    assert [one.object for one in found] == ["Pod a", "Service b"]
    assert [text[slice(*one.location.span)] for one in found] == ["a", "b"]


def test_items_of_a_typed_list_have_its_kind() -> None:
    text = "apiVersion: apps/v1\nkind: DeploymentList\nitems:\n  - metadata: {name: a}\n"
    (found,) = manifest(text).objects
    assert (found.group, found.kind, found.name) == ("apps", "Deployment", "a")


def test_empty_list_has_no_objects() -> None:
    assert shown("apiVersion: v1\nkind: List\nitems: []\n") == []


# --- templates and broken files


def test_templates_of_a_chart_are_left_to_helm() -> None:
    files = {
        "shop/Chart.yaml": "apiVersion: v2\nname: shop\n",
        "shop/templates/a.yaml": "apiVersion: v1\nkind: {{ .Values.kind }}\n",
        "shop/templates/sub/b.yaml": "apiVersion: v1\nkind: A\n",
        "shop/crds/c.yaml": "apiVersion: v1\nkind: C\n",
    }
    found = units(files)
    assert [unit for unit in found if isinstance(unit, Unchecked)] == []
    assert [unit.file.path for unit in found if isinstance(unit, Manifest)] == ["shop/crds/c.yaml"]
    assert chart_of("shop/templates/sub/b.yaml", tree_of(files)) == "shop"


def test_directory_called_templates_without_a_chart_is_plain() -> None:
    assert isinstance(units({"a/templates/b.yaml": "apiVersion: v1\nkind: A\n"})[0], Manifest)


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nkind: Pod\nspec: {{ .Values.spec }}: {{ x }}\n",
        "apiVersion: v1\nkind: Pod\nspec:\n{{- if .Values.x }}\n  a: 1\n{{- end }}\n",
        "apiVersion: v1\nkind: Pod\n{% if x %}\nspec: [\n{% endif %}\n",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Values.name }}\n",
    ],
)
def test_template_outside_of_a_chart_is_not_checked_and_no_error(text: str) -> None:
    assert units({"m.yaml": text}) == [
        Unchecked("m.yaml", "template", "not YAML until it is rendered")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nspec: {name: '{{.name}}-x'}\n",
        "apiVersion: v1\nkind: ConfigMap\ndata:\n  a: |\n    {{ range .Alerts }}\n    {% if %}\n",
        "apiVersion: v1\nkind: A\nspec:\n  name: app-{{workflow.name}}\n",
    ],
)
def test_braces_in_valid_yaml_are_no_template(text: str) -> None:
    assert [type(unit) for unit in units({"m.yaml": text})] == [Manifest, ManifestSet]


def test_objects_before_an_error_are_read_and_the_set_is_not_complete() -> None:
    found = units({"m.yaml": "apiVersion: v1\nkind: A\n---\napiVersion: v1\nkind: [\n"})
    assert [type(unit) for unit in found] == [Trouble, Manifest, ManifestSet]
    assert isinstance(found[2], ManifestSet)
    assert not found[2].complete


def test_file_that_cannot_be_read_is_a_trouble_and_the_others_are_read() -> None:
    tree = tree_of({"a.yaml": DEPLOYMENT, "b.yaml": "apiVersion: \0kind"})
    found = list(load(Job("kubernetes", "", ("a.yaml", "b.yaml")), tree))
    assert [type(unit) for unit in found] == [Trouble, Manifest, ManifestSet]


# --- pods and containers


@pytest.mark.parametrize(
    ("api_version", "kind", "path"),
    [
        ("apps/v1", "Deployment", "spec.template"),
        ("apps/v1beta2", "StatefulSet", "spec.template"),
        ("extensions/v1beta1", "DaemonSet", "spec.template"),
        ("v1", "ReplicationController", "spec.template"),
        ("batch/v1", "Job", "spec.template"),
        ("batch/v1beta1", "CronJob", "spec.jobTemplate.spec.template"),
        ("v1", "PodTemplate", "template"),
        ("v1", "Pod", ""),
        ("apps.openshift.io/v1", "DeploymentConfig", "spec.template"),
        ("argoproj.io/v1alpha1", "Rollout", "spec.template"),
        ("serving.knative.dev/v1", "Service", "spec.template"),
        ("serving.knative.dev/v1", "Revision", ""),
        ("keda.sh/v1alpha1", "ScaledJob", "spec.jobTargetRef.template"),
    ],
)
def test_kinds_carry_pods_where_their_definition_says(
    api_version: str, kind: str, path: str
) -> None:
    inner = "{containers: [{name: a, image: b}]}"
    pod = f"{{metadata: {{labels: {{k: v}}}}, spec: {inner}}}"
    head = f"apiVersion: {api_version}, kind: {kind}"
    if path:
        body = pod
        for key in reversed(path.split(".")):
            body = f"{{{key}: {body}}}"
        text = f"{{{head}, {body[1:-1]}}}"
    else:
        text = f"{{{head}, {pod[1:-1]}}}"
    (found,) = manifest(text).pods
    assert found.labels == {"k": "v"}
    assert [container.object for container in found.containers] == [f"{kind}, container a"]


def test_group_and_kind_decide_together() -> None:
    text = "{apiVersion: v1, kind: Rollout, spec: {template: {spec: {containers: [{name: a}]}}}}"
    assert manifest(text).pods == []


def test_containers_come_as_init_regular_and_ephemeral() -> None:
    text = """\
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: s}
spec:
  ephemeralContainers: [{name: e}]
  containers: [{name: c, image: x}]
  initContainers: [{name: i}, {name: s, restartPolicy: Always}]
"""
    found = list(manifest(text).containers)
    assert [(one.name, one.kind, one.sidecar) for one in found] == [
        ("i", "init", False),
        ("s", "init", True),
        ("c", "container", False),
        ("e", "ephemeral", False),
    ]
    assert found[2].object == "Pod s/p, container c"
    assert text[slice(*found[2].location.span)] == "c"


def test_container_without_a_name_stands_at_its_first_key() -> None:
    text = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: x\n"
    (found,) = manifest(text).containers
    assert text[slice(*found.location.span)] == "image"
    assert found.object == "Pod"


def test_container_inherits_what_it_does_not_say_and_only_what_is_inherited() -> None:
    text = """\
apiVersion: v1
kind: Pod
spec:
  securityContext: {runAsUser: 1, runAsNonRoot: true, privileged: true}
  containers:
    - {name: a, image: x, securityContext: {runAsUser: 0}}
"""
    (found,) = manifest(text).containers
    user, non_root = found.effective("runAsUser"), found.effective("runAsNonRoot")
    assert type(user) is yaml.Scalar
    assert type(non_root) is yaml.Scalar
    assert (user.value, non_root.value) == (0, True)
    assert found.is_true("privileged") is None


@pytest.mark.parametrize(
    "spec",
    [
        "os: {name: windows}",
        "nodeSelector: {kubernetes.io/os: windows}",
        "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
        "{nodeSelectorTerms: [{matchExpressions: "
        "[{key: kubernetes.io/os, operator: In, values: [windows]}]}]}}}",
    ],
)
def test_pods_on_windows_are_known(spec: str) -> None:
    text = f"{{apiVersion: v1, kind: Pod, spec: {{{spec}, containers: [{{name: a}}]}}}}"
    assert [container.windows for container in manifest(text).containers] == [True]


def test_container_that_an_alias_repeats_comes_once() -> None:
    text = """\
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Pod
    spec: &spec
      containers: [{name: a, image: x}]
  - apiVersion: v1
    kind: Pod
    spec: *spec
"""
    assert len(list(manifest(text).containers)) == 1


# --- partial objects


@pytest.mark.parametrize(
    "text",
    [
        DEPLOYMENT.replace("          image: nginx\n", ""),
        DEPLOYMENT.replace("image: nginx", "image:"),
        DEPLOYMENT[: DEPLOYMENT.index("      containers")],
        DEPLOYMENT[: DEPLOYMENT.index("spec:")],
        "{apiVersion: apps/v1, kind: Deployment, spec: {template: {spec: "
        "{containers: [{name: a, image: x}]}}}}",
        DEPLOYMENT + "  $patch: replace\n",
        DEPLOYMENT.replace("- name: web", "- $patch: delete\n          name: web"),
    ],
)
def test_workload_that_something_has_to_complete_is_partial(text: str) -> None:
    assert [one.partial for one in manifest(text).objects] == [True]


@pytest.mark.parametrize(
    "text",
    [
        DEPLOYMENT,
        SERVICE,
        "{apiVersion: v1, kind: Pod, spec: {containers: [{name: a, image: x}]}}",
        "{apiVersion: v1, kind: Pod, spec: {containers: [{name: a, image: ''}]}}",
        "{apiVersion: v1, kind: ConfigMap, data: {a: '$patch'}}",
        "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, spec: {workloadRef: {name: a}}}",
    ],
)
def test_whole_objects_are_not_partial(text: str) -> None:
    assert [one.partial for one in manifest(text).objects] == [False]


@pytest.mark.parametrize(
    "reference",
    [
        "patches: [{path: patch.yaml}]",
        "patchesStrategicMerge: [patch.yaml]",
        "patchesJson6902: [{path: ./patch.yaml, target: {kind: Pod}}]",
        "transformers: [patch.yaml]",
    ],
)
def test_file_that_a_kustomization_takes_for_a_patch_is_partial(reference: str) -> None:
    found = manifest_set({"kustomization.yaml": reference, "patch.yaml": DEPLOYMENT})
    assert [one.partial for one in found.objects] == [True]


# --- groups


def jobs(files: Mapping[str, str]) -> list[tuple[str, tuple[str, ...]]]:
    return [(job.directory, job.paths) for job in group(files, tree_of(files), {})]


def test_each_directory_is_a_job() -> None:
    assert jobs({"a/x.yaml": "", "a/b/y.yaml": "", "a/z.yaml": ""}) == [
        ("a", ("a/x.yaml", "a/z.yaml")),
        ("a/b", ("a/b/y.yaml",)),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "resources: [../base]",
        "bases:\n  - ../base/",
        "components: ['../base']",
        "resources: [../base/web.yaml]",
        "patches: [{path: ../base/web.yaml}]",
    ],
)
def test_kustomization_joins_the_directories_that_it_names(text: str) -> None:
    files = {"base/web.yaml": "", "prod/kustomization.yml": text, "other/x.yaml": ""}
    assert jobs(files) == [
        ("base", ("base/web.yaml", "prod/kustomization.yml")),
        ("other", ("other/x.yaml",)),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "resources: [https://example.com/base]",
        "resources: ['github.com/example/base?ref=v1']",
        "resources: [../../base, /base, ../missing]",
        "resources: {a: b}",
        "resources: [[a], {b: c}]",
        "resources: [",
        "- a",
        "",
    ],
)
def test_kustomization_that_names_no_directory_here_joins_nothing(text: str) -> None:
    files = {"base/web.yaml": "", "prod/Kustomization": text}
    assert [directory for directory, _ in jobs(files)] == ["base", "prod"]


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("resources: [a.yaml]", True),
        ("resources: [a.yaml, https://example.com/base]", False),
        ("resources: [a.yaml]\nhelmCharts: [{name: redis}]", False),
        ("resources: [a.yaml]\ncomponents: [../../outside]", False),
        ("resources: [a.yaml]\npatches: [{patch: '[{op: add}]'}]", True),
    ],
)
def test_set_is_complete_if_nothing_comes_from_elsewhere(text: str, complete: bool) -> None:
    files = {"kustomization.yaml": text, "a.yaml": DEPLOYMENT}
    assert manifest_set(files).complete is complete


def test_kustomizations_in_a_circle_are_one_job() -> None:
    files = {
        "a/kustomization.yaml": "resources: [../b]\nnamespace: x\n",
        "b/kustomization.yaml": "resources: [../a, pod.yaml]\n",
        "b/pod.yaml": "apiVersion: v1\nkind: Pod\n",
    }
    assert len(jobs(files)) == 1
    assert manifest_set(files).objects[0].namespaces == {"", "x"}


# --- what kustomizations make of objects


def test_kustomization_sets_namespaces_through_others() -> None:
    files = {
        "base/kustomization.yaml": "resources: [web.yaml]\n",
        "base/web.yaml": DEPLOYMENT,
        "prod/kustomization.yaml": "namespace: prod\nresources: [../base, service.yaml]\n",
        "prod/service.yaml": SERVICE.replace("name: web}", "name: web, namespace: prod}"),
    }
    found = manifest_set(files)
    (service,) = found.of("Service")
    assert [pod.owner.name for pod in found.selected_by(service, {"app": "web"})] == ["web"]


def test_kustomization_adds_labels() -> None:
    files = {
        "kustomization.yaml": "resources: [web.yaml]\ncommonLabels: {tier: front}\n"
        "labels: [{pairs: {env: prod}}]\n",
        "web.yaml": DEPLOYMENT,
        "service.yaml": SERVICE,
    }
    found = manifest_set(files)
    (service,) = found.of("Service")
    wanted = {"app": "web", "tier": "front", "env": "prod"}
    assert len(found.selected_by(service, wanted)) == 1
    assert found.selected_by(service, {**wanted, "env": "test"}) == []


@pytest.mark.parametrize(
    ("images", "pinned"),
    [
        ("[{name: nginx, newTag: 1.27.3}]", True),
        ("[{name: nginx, digest: 'sha256:0'}]", True),
        ("[{name: nginx, newTag: latest}]", False),
        ("[{name: nginx, newName: other}]", False),
        ("[{name: ngin, newTag: '1'}]", False),
    ],
)
def test_kustomization_pins_images(images: str, pinned: bool) -> None:
    files = {
        "kustomization.yaml": f"resources: [web.yaml]\nimages: {images}\n",
        "web.yaml": DEPLOYMENT,
    }
    (container,) = manifest_set(files).pods[0].containers
    assert container.image_pinned_elsewhere is pinned


def test_component_changes_what_its_user_includes() -> None:
    files = {
        "kustomization.yaml": "resources: [web.yaml]\ncomponents: [pins]\n",
        "pins/kustomization.yaml": "kind: Component\nimages: [{name: nginx, newTag: '1'}]\n",
        "web.yaml": DEPLOYMENT,
    }
    (container,) = manifest_set(files).pods[0].containers
    assert container.image_pinned_elsewhere


# --- selectors, quantities, unknown values


def test_labels_of_controllers_are_not_looked_for() -> None:
    found = manifest_set({"a.yaml": DEPLOYMENT + "---\n" + SERVICE})
    (service,) = found.of("Service")
    wanted = {"app": "web", "statefulset.kubernetes.io/pod-name": "web-0"}
    assert len(found.selected_by(service, wanted)) == 1


def test_label_of_unknown_value_may_match() -> None:
    text = DEPLOYMENT.replace("labels: {app: web}", "labels: {app: '${APP}'}")
    found = manifest_set({"a.yaml": text + "---\n" + SERVICE})
    (service,) = found.of("Service")
    assert len(found.selected_by(service, {"app": "web"})) == 1
    assert found.selected_by(service, {"tier": "web"}) == []


def test_namespaces_must_agree() -> None:
    other = DEPLOYMENT.replace("{name: web}", "{name: web, namespace: shop}")
    found = manifest_set({"a.yaml": other + "---\n" + SERVICE})
    (service,) = found.of("Service")
    assert found.selected_by(service, {"app": "web"}) == []


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("{}", True),
        ("{matchLabels: {a: '1'}}", True),
        ("{matchLabels: {a: '1', b: '2'}}", False),
        ("{matchExpressions: [{key: a, operator: In, values: ['1', '2']}]}", True),
        ("{matchExpressions: [{key: a, operator: NotIn, values: ['1']}]}", False),
        ("{matchExpressions: [{key: b, operator: NotIn, values: ['1']}]}", True),
        ("{matchExpressions: [{key: a, operator: Exists}]}", True),
        ("{matchExpressions: [{key: a, operator: DoesNotExist}]}", False),
        ("{matchExpressions: [{key: a, operator: Near}]}", False),
    ],
)
def test_label_selectors_match_as_the_reference_says(selector: str, expected: bool) -> None:
    one = manifest(f"{{apiVersion: v1, kind: A, spec: {selector}}}").objects[0]
    assert matches(one.root.mapping("spec"), {"a": "1"}) is expected


def test_missing_label_selector_matches_nothing() -> None:
    assert not matches(None, {"a": "1"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("1.5", Fraction(3, 2)),
        ("100m", Fraction(1, 10)),
        ("1k", 1000),
        ("1Ki", 1024),
        ("2Gi", 2 * 1024**3),
        ("1E", 10**18),
        ("1e3", 1000),
        ("1E-3", Fraction(1, 1000)),
        ("-5n", Fraction(-5, 10**9)),
        ("7u", Fraction(7, 10**6)),
        (".5Mi", 512 * 1024),
        ("5.", 5),
        ("", None),
        ("1K", None),
        ("Mi", None),
        ("1 Mi", None),
        ("1e99999999", None),
        ("1" * 200, None),
    ],
)
def test_quantities_are_exact(text: str, value: object) -> None:
    assert quantity(text) == value
    assert is_zero(text) is (value == 0)


@pytest.mark.parametrize(
    "text",
    ["{{ .x }}", "a-{{x}}", "${X}", "$(X)", "$X", "<% x %>", "[[ x ]]", "@IMAGE@", "__IMG__"],
)
def test_templates_and_variables_are_unknown(text: str) -> None:
    assert is_unknown(text)


@pytest.mark.parametrize("text", ["nginx:1.27", "me@example.com", "a__b", "$", "5$", "[a]", "<a>"])
def test_plain_texts_are_known(text: str) -> None:
    assert not is_unknown(text)


# --- facts and comments


def containers(unit: Manifest) -> list[ContainerFact]:
    return [fact for fact in facts(unit) if isinstance(fact, ContainerFact)]


def test_fact_of_a_container_tells_what_the_image_has_to_be() -> None:
    text = DEPLOYMENT.replace(
        "    spec:\n",
        "    spec:\n      securityContext: {runAsNonRoot: true, runAsUser: 7}\n",
    ).replace("image: nginx", "image: docker.io/library/nginx:1.27\n          livenessProbe: {}")
    (fact,) = containers(manifest(text))
    assert (fact.object, fact.image) == ("Deployment web, container web", "nginx")
    assert fact.non_root is not None
    assert text[slice(*fact.non_root.span)] == "true"
    assert (fact.run_as_user, fact.probed, fact.long_running, fact.partial) == (
        7,
        True,
        True,
        False,
    )


def test_fact_demands_nothing_where_the_user_is_not_known() -> None:
    text = DEPLOYMENT.replace(
        "    spec:\n",
        "    spec:\n      securityContext: {runAsNonRoot: true, runAsUser: '${UID}'}\n",
    )
    (fact,) = containers(manifest(text))
    assert fact.non_root is None


def test_image_of_unknown_name_is_no_fact() -> None:
    assert containers(manifest(DEPLOYMENT.replace("nginx", "$IMAGE"))) == []


def test_init_containers_do_not_run_on() -> None:
    text = DEPLOYMENT + "      initContainers: [{name: i, image: x}]\n"
    assert [fact.long_running for fact in containers(manifest(text))] == [False, True]


def test_hosts_and_names_are_facts() -> None:
    text = DEPLOYMENT.replace(
        "image: nginx",
        "image: nginx\n          env: [{name: A, value: 'http://b.c:80'}, {name: B, value: $(X)}]",
    )
    text += (
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n"
        "data: {x: 'redis:6379', y: no, z: \"a: b:1\\nc\"}\n"
    )
    found = list(facts(manifest(text)))
    assert [one.host for one in found if isinstance(one, HostFact)] == ["redis", "b.c"]
    assert [one.name for one in found if isinstance(one, NameFact)] == ["web", "m"]


def test_comments_come_from_the_manifest_and_not_from_the_set() -> None:
    found = units({"a.yaml": "# iachygiene: ignore[K8S101] x\n" + DEPLOYMENT})
    assert [
        len(list(comments(unit))) for unit in found if isinstance(unit, Manifest | ManifestSet)
    ] == [1, 0]


# --- any input

PIECES = st.sampled_from(
    [
        "apiVersion: v1\nkind: Pod\n",
        "apiVersion: apps/v1\nkind: Deployment\n",
        "metadata: {name: a, labels: [x]}\n",
        "metadata: b\n",
        "spec: {containers: [{name: [a], image: {b: c}}, null, 3]}\n",
        "spec: {template: {metadata: {labels: {a: {b: c}}}, spec: {containers: {a: b}}}}\n",
        "spec: {selector: [a], initContainers: [{securityContext: 3, ports: [{}, 1]}]}\n",
        "items: [{kind: A}, [], 3]\nkind: List\n",
        "resources: [a.yaml, ., .., {a: b}]\nnamespace: {a: b}\nimages: [1, {name: [x]}]\n",
        "---\n",
        "<<: *a\n",
        "x: &a {y: *a}\n",
        "{{ if }}\n",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=6), st.lists(PIECES, max_size=4))
def test_any_shape_of_objects_is_read(first: list[str], second: list[str]) -> None:
    files = {"a.yaml": "".join(first), "kustomization.yaml": "".join(second)}
    for unit in units(files):
        if isinstance(unit, Manifest):
            assert all(isinstance(one, Object) and one.object for one in unit.objects)
            list(facts(unit))
            for container in unit.containers:
                assert container.location.path == unit.file.path
                assert container.image is None or container.image.text is not None


# --- what belongs together, and what defines kinds


NESTED = {"a/x.yaml": "", "a/b/c/y.yaml": "", "d/z.yaml": ""}


@pytest.mark.parametrize(
    ("context", "directories"),
    [
        ("directory", {"a": ["a/x.yaml"], "a/b/c": ["a/b/c/y.yaml"], "d": ["d/z.yaml"]}),
        ("tree", {"a": ["a/x.yaml", "a/b/c/y.yaml"], "d": ["d/z.yaml"]}),
        ("all", {"a": ["a/x.yaml", "a/b/c/y.yaml", "d/z.yaml"]}),
    ],
)
def test_context_decides_which_manifests_are_seen_together(
    context: str, directories: dict[str, list[str]]
) -> None:
    jobs = group(NESTED, tree_of(NESTED), {"context": context})
    assert {job.directory: list(job.paths) for job in jobs} == directories


DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shops.example.com}
spec:
  group: example.com
  names:
    kind: Shop
  versions:
    - name: v1
      schema: {openAPIV3Schema: {type: object, properties: {spec: {type: string}}}}
"""
SHOP = "apiVersion: example.com/v1\nkind: Shop\nspec: {}\n"


def test_definitions_of_the_scan_are_found_whatever_their_directory() -> None:
    files = {"crds/shop.yaml": DEFINITION, "shops/north.yaml": SHOP}
    (north,) = (
        unit
        for unit in units(files)
        if isinstance(unit, Manifest) and unit.file.path == "shops/north.yaml"
    )
    ((_, violation),) = north.violations
    assert violation.message == 'the value of "spec" is a mapping and has to be a text'


def test_definitions_elsewhere_are_named_by_a_setting() -> None:
    files = {"vendor/crds/shop.json": DEFINITION, "north.yaml": SHOP}
    tree = tree_of(files)
    for settings_, count in (({}, 0), ({"crd-paths": ["vendor/crds/*.json"]}, 1)):
        (job,) = group(["north.yaml"], tree, settings_)
        (north,) = (unit for unit in load(job, tree) if isinstance(unit, Manifest))
        assert len(north.violations) == count


def test_definition_beside_an_object_comes_before_others() -> None:
    other = DEFINITION.replace("spec: {type: string}", "spec: {type: object}")
    files = {"a/crd.yaml": other, "b/crd.yaml": DEFINITION, "b/shops/north.yaml": SHOP}
    tree = tree_of(files)
    job = next(job for job in group(files, tree, {}) if job.directory == "b/shops")
    (north,) = (unit for unit in load(job, tree) if isinstance(unit, Manifest))
    assert len(north.violations) == 1


@pytest.mark.parametrize("name", ["01-assert.yaml", "e2e/02-errors.yaml"])
def test_assertions_of_kuttl_are_partial(name: str) -> None:
    (found,) = (unit for unit in units({name: DEPLOYMENT}) if isinstance(unit, Manifest))
    assert [one.partial for one in found.objects] == [True]


def test_line_that_a_script_fills_in_makes_a_file_a_template() -> None:
    text = "apiVersion: v1\nkind: Service\nspec:\n  clusterIP: {SERVICE_IP_PREFIX}.16\n"
    assert [type(unit) for unit in units({"a.yaml": text})] == [Unchecked]


def test_broken_line_without_a_template_is_broken() -> None:
    text = "apiVersion: v1\nkind: Service\nspec:\n  a: ${X}\n  clusterIP: {x}.16\n"
    assert Trouble in [type(unit) for unit in units({"a.yaml": text})]


def test_list_of_nothing_has_no_objects() -> None:
    assert shown("apiVersion: v1\nkind: ConfigMapList\nitems:\n") == []
