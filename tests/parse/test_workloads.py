"""The view of workloads: values, places, volumes, selectors."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.files import Tree
from iachygiene.model import SourceFile
from iachygiene.parse import yaml
from iachygiene.parse.kubernetes import Manifest, ManifestSet, Pod, group, load
from iachygiene.parse.workloads import (
    by_name,
    host_mounts,
    integer,
    may_match,
    open_value,
    patched,
    place,
    replicas,
    scaled_by,
    truth,
)

HEAD = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {app: web}}\n"


def manifests(files: str | Mapping[str, str]) -> ManifestSet:
    if isinstance(files, str):
        files = {"m.yaml": files}
    tree = Tree("/nowhere", listed=set(files))
    tree.overlay.update((path, text.encode()) for path, text in files.items())
    units = [unit for job in group(files, tree, {}) for unit in load(job, tree)]
    (found,) = (unit for unit in units if isinstance(unit, ManifestSet))
    return found


def mapping(text: str) -> yaml.Mapping:
    root = yaml.parse(SourceFile("m.yaml", text.encode())).documents[0].root
    assert isinstance(root, yaml.Mapping)
    return root


def pod(labels: str, spec: str = "{}") -> Pod:
    text = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: web, labels: {labels}}}\nspec: {spec}\n"
    manifest = Manifest(yaml.parse(SourceFile("m.yaml", text.encode())))
    return manifest.pods[0]


@pytest.mark.parametrize(
    ("text", "number", "is_true", "is_open"),
    [
        ("3", 3, False, False),
        ("'3'", None, False, False),
        ("yes", None, True, False),
        ("'true'", None, False, False),
        ("${COUNT}", None, False, True),
        ("[]", None, False, True),
    ],
)
def test_value_is_what_kubernetes_reads(
    text: str, number: int | None, is_true: bool, is_open: bool
) -> None:
    node = mapping(f"a: {text}\n").get("a")
    assert (integer(node), truth(node), open_value(node)) == (number, is_true, is_open)


@pytest.mark.parametrize(
    ("keys", "flagged"),
    [
        (("metadata", "labels"), "labels"),
        (("metadata", "annotations"), "metadata"),
        (("spec", "strategy"), "web"),
    ],
)
def test_what_is_absent_is_placed_at_what_it_is_missing_from(
    keys: tuple[str, ...], flagged: str
) -> None:
    found = manifests(HEAD)
    where = place(found.objects[0], *keys).location
    assert HEAD[slice(*where.span)] == flagged


@pytest.mark.parametrize(
    ("spec", "count"), [("{}", 1), ("{replicas: 3}", 3), ("{replicas: '{{ n }}'}", None)]
)
def test_replicas_are_one_where_none_are_written(spec: str, count: int | None) -> None:
    assert replicas(manifests(f"{HEAD}spec: {spec}\n").objects[0]) == count


def test_path_of_the_node_comes_once_for_each_mount() -> None:
    mounts = "volumeMounts: [{name: v, mountPath: /a}, {name: v, mountPath: /b}]"
    spec = (
        f"{{containers: [{{name: web, image: nginx, {mounts}}}],"
        " volumes: [{name: v, hostPath: {path: /v}}, {name: w, hostPath: {path: /w}}]}"
    )
    found = host_mounts(pod("{}", spec))
    shown = [(one.path.text, one.mount.text("mountPath") if one.mount else "") for one in found]
    assert shown == [("/v", "/a"), ("/v", "/b"), ("/w", "")]


@pytest.mark.parametrize(
    ("selector", "labels", "matches"),
    [
        ("{}", "{}", True),
        ("{matchLabels: {a: b}}", "{a: b, c: d}", True),
        ("{matchLabels: {a: b}}", "{a: c}", False),
        ("{matchLabels: {a: b}}", "{a: '{{ name }}'}", True),
        ("{matchLabels: {a: '${NAME}'}}", "{a: c}", True),
        ("{matchExpressions: [{key: a, operator: In, values: [b, c]}]}", "{a: c}", True),
        ("{matchExpressions: [{key: a, operator: In, values: [b]}]}", "{}", False),
        ("{matchExpressions: [{key: a, operator: NotIn, values: [b]}]}", "{}", True),
        ("{matchExpressions: [{key: a, operator: Exists}]}", "{a: ''}", True),
        ("{matchExpressions: [{key: a, operator: DoesNotExist}]}", "{a: b}", False),
        ("{matchExpressions: [{key: a, operator: Unheard}]}", "{a: b}", False),
    ],
)
def test_selector_matches_labels(selector: str, labels: str, matches: bool) -> None:
    assert may_match(mapping(f"s: {selector}\n").mapping("s"), pod(labels)) is matches


def test_no_selector_matches_nothing() -> None:
    assert may_match(None, pod("{a: b}")) is False


_PAIRS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"))


@given(_PAIRS, _PAIRS)
def test_labels_are_matched_when_they_hold_all_that_is_wanted(
    wanted: dict[str, str], own: dict[str, str]
) -> None:
    def flow(pairs: dict[str, str]) -> str:
        return "{" + ", ".join(f"'{name}': '{value}'" for name, value in pairs.items()) + "}"

    selector = mapping(f"s: {{matchLabels: {flow(wanted)}}}\n").mapping("s")
    assert may_match(selector, pod(flow(own))) == (wanted.items() <= own.items())


def test_kustomization_that_changes_objects_makes_labels_uncertain() -> None:
    resources = "resources: [m.yaml]\n"
    assert not patched(manifests({"kustomization.yaml": resources, "m.yaml": HEAD}))
    changing = resources + "patches: [{path: p.yaml}]\n"
    assert patched(manifests({"kustomization.yaml": changing, "m.yaml": HEAD}))


def test_objects_are_found_by_name_and_by_what_scales_them() -> None:
    scaler = (
        "---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\n"
        "metadata: {name: s, namespace: NAMESPACE}\nspec: {scaleTargetRef: {name: web}}\n"
    )
    whole = HEAD + (
        "spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}},"
        " spec: {containers: [{name: web, image: nginx}]}}}\n"
    )
    here = manifests(whole + scaler.replace(", namespace: NAMESPACE", ""))
    (owner,) = by_name(here)["apps", "Deployment", "web"]
    assert [one.name for one in scaled_by(here, owner)] == ["s"]
    elsewhere = manifests(whole + scaler.replace("NAMESPACE", "other"))
    assert scaled_by(elsewhere, elsewhere.objects[0]) == []
