"""Keys, schemas, versions of the API and kustomizations: what the examples do not show."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from iachygiene.commands import group as command_line
from iachygiene.files import Tree
from iachygiene.model import Finding, Severity, Trouble
from iachygiene.parse.kubernetes import Manifest, group, load
from iachygiene.parse.kustomize import Kustomization
from iachygiene.rules.kubernetes.keys import ambiguous_boolean_key, duplicate_key
from iachygiene.rules.kubernetes.kustomizations import (
    kustomize_deprecated_field,
    kustomize_mutable_remote,
)
from iachygiene.rules.kubernetes.schemas import (
    schema_violation,
    unknown_field,
    value_must_be_string,
)
from iachygiene.rules.kubernetes.versions import deprecated_api_version, removed_api_version

Check = Callable[..., Iterator[Finding]]


def units(files: str | Mapping[str, str], **settings: Any) -> list[Any]:
    if isinstance(files, str):
        files = {"m.yaml": files}
    tree = Tree("/nowhere", listed=set(files))
    tree.overlay.update((path, text.encode()) for path, text in files.items())
    return [unit for job in group(files, tree, settings) for unit in load(job, tree)]


def found(check: Check, files: str | Mapping[str, str], **settings: Any) -> list[Finding]:
    return [
        finding
        for unit in units(files, **settings)
        if isinstance(unit, Manifest)
        for finding in check(unit)
    ]


def fixed(text: str, finding: Finding) -> str:
    assert finding.fix is not None
    for edit in sorted(finding.fix.edits, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


def flagged(text: str, findings: list[Finding]) -> list[str]:
    return [text[slice(*one.location.span)] for one in findings]


# --- values that have to be text


@pytest.mark.parametrize(
    ("written", "quoted"),
    [
        ("8080", '"8080"'),
        ("yes", '"yes"'),
        ("1_000", '"1_000"'),
        ("0x1F", '"0x1F"'),
        ("1e3  # a comment", '"1e3"  # a comment'),
        ("-.5", '"-.5"'),
        ("!!int 5", None),
        ("&port 8080", None),
    ],
)
def test_quotes_go_around_the_scalar_alone(written: str, quoted: str | None) -> None:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n  PORT: {written}\n"
    (finding,) = found(value_must_be_string, text)
    if quoted is None:
        assert finding.fix is None
    else:
        assert fixed(text, finding) == text.replace(written, quoted)


def test_number_that_an_alias_uses_as_a_text_is_not_quoted() -> None:
    text = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n"
        "  - name: a\n    ports: [{containerPort: &p 8080}]\n    env: [{name: PORT, value: *p}]\n"
    )
    (finding,) = found(value_must_be_string, text)
    assert flagged(text, [finding]) == ["8080"]
    assert finding.fix is None


@pytest.mark.parametrize("kind", ["Shop", "Deployment"])
def test_labels_and_annotations_are_text_in_every_kind(kind: str) -> None:
    text = f"apiVersion: example.com/v1\nkind: {kind}\nmetadata: {{name: a, labels: {{v: 2}}}}\n"
    (finding,) = found(value_must_be_string, text)
    assert flagged(text, [finding]) == ["2"]


def test_findings_in_a_list_stand_at_the_item_and_name_it() -> None:
    text = (
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n"
        "  metadata: {name: a, namespace: b}\n  spec: {ports: [{port: http}]}\n"
    )
    (finding,) = found(schema_violation, text)
    assert (flagged(text, [finding]), finding.object) == (["http"], "Service b/a")


def test_what_aliases_repeat_is_found_once_at_its_definition() -> None:
    text = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n"
        "  - name: a\n    resources: &r {limits: {memory: 1GB}}\n  - name: b\n    resources: *r\n"
    )
    places = {finding.location for finding in found(schema_violation, text)}
    assert [text[slice(*place.span)] for place in places] == ["1GB"]


def test_crd_schemas_are_not_looked_into() -> None:
    text = (
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
        "metadata: {name: shops.example.com}\n"
        "spec:\n  group: example.com\n  scope: Namespaced\n  names: {kind: Shop, plural: shops}\n"
        "  versions:\n  - {name: v1, served: true, storage: true, schema: "
        "{openAPIV3Schema: {type: 1, nonsense: 2}}}\n"
    )
    assert found(schema_violation, text) == found(unknown_field, text) == []


def test_unknown_fields_of_definitions_are_found_unless_they_are_kept() -> None:
    definition = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shops.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Shop, plural: shops}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties: {city: {type: string}}
            status:
              type: object
              x-kubernetes-preserve-unknown-fields: true
"""
    shop = "apiVersion: example.com/v1\nkind: Shop\nmetadata: {name: a}\n"
    files = {"crd.yaml": definition, "a.yaml": f"{shop}spec: {{citty: x}}\nstatus: {{z: 1}}\n"}
    (finding,) = found(unknown_field, files)
    assert finding.message == 'there is no field "citty" here, but "city" is one'


def test_schemas_are_those_of_the_version_that_is_asked_for() -> None:
    text = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
        "spec:\n  resources: {limits: {cpu: 1}}\n  containers: [{name: a, image: b}]\n"
    )
    assert flagged(text, found(unknown_field, text, version="1.25")) == ["resources"]
    assert found(unknown_field, text, version="1.37") == []


def test_what_sops_encrypted_is_no_violation() -> None:
    text = (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nimmutable: ENC[AES256_GCM,data:x]\n"
        "stringData: {a: 'ENC[AES256_GCM,data:x]'}\nsops: {version: 3.9.0}\n"
    )
    assert found(schema_violation, text) == found(unknown_field, text) == []


def test_quantities_carry_no_alias_of_a_tool_that_does_not_know_them() -> None:
    text = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: a}\nspec: {limits: [{type: Pod, max: {cpu: 1x}}]}\n"  # noqa: E501 - one line is what it takes
    (finding,) = found(schema_violation, text)
    assert finding.aliases == ()


# --- keys


def test_duplicate_keys_in_an_item_of_a_list_name_the_item() -> None:
    text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: b, name: c}}\n"  # noqa: E501 - one line is what it takes
    (finding,) = found(duplicate_key, text)
    assert (finding.location.span.start, finding.object) == (text.rindex("name"), "A c")
    assert finding.related[0].span.start == text.index("name")


def test_duplicate_keys_of_an_anchored_mapping_are_found_once() -> None:
    text = "apiVersion: v1\nkind: A\na: &a {b: 1, b: 2}\nc: *a\nd: *a\n"
    assert len(found(duplicate_key, text)) == 1


@pytest.mark.parametrize("key", ["y", "N", "on", "Off", "YES"])
def test_key_that_reads_as_a_boolean_is_quoted(key: str) -> None:
    text = f"apiVersion: v1\nkind: A\ndata: {{{key}: 1}}\n"
    (finding,) = found(ambiguous_boolean_key, text)
    assert fixed(text, finding) == text.replace(f"{{{key}:", f'{{"{key}":')


@pytest.mark.parametrize("key", ["'on'", '"y"', "!!str on", "true", "one", "Yep"])
def test_key_that_reads_as_what_it_says_is_fine(key: str) -> None:
    assert found(ambiguous_boolean_key, f"apiVersion: v1\nkind: A\ndata:\n  {key}: 1\n") == []


# --- versions of the API


def head(api_version: str, kind: str, more: str = "") -> str:
    return f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}\n{more}"


@pytest.mark.parametrize(
    ("api_version", "kind", "version", "removed"),
    [
        ("extensions/v1beta1", "Deployment", "1.25", "1.16"),
        ("apps/v1beta2", "StatefulSet", "1.25", "1.16"),
        ("rbac.authorization.k8s.io/v1alpha1", "Role", "1.25", "1.23"),
        ("policy/v1beta1", "PodSecurityPolicy", "1.25", "1.25"),
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler", "1.26", "1.26"),
        ("flowcontrol.apiserver.k8s.io/v1beta1", "FlowSchema", "1.26", "1.26"),
        ("storage.k8s.io/v1beta1", "CSIStorageCapacity", "1.27", "1.27"),
        ("flowcontrol.apiserver.k8s.io/v1beta2", "FlowSchema", "1.29", "1.29"),
        ("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema", "1.32", "1.32"),
        ("networking.k8s.io/v1alpha1", "ClusterCIDR", "1.29", "1.29"),
        ("resource.k8s.io/v1alpha2", "ResourceClass", "1.31", "1.31"),
        ("admissionregistration.k8s.io/v1beta1", "ValidatingAdmissionPolicy", "1.34", "1.34"),
        ("certificates.k8s.io/v1alpha1", "PodCertificateRequest", "1.35", "1.35"),
        ("scheduling.k8s.io/v1alpha1", "Workload", "1.36", "1.36"),
        ("networking.k8s.io/v1beta1", "ServiceCIDR", "1.37", "1.37"),
    ],
)
def test_removed_version_says_since_when(
    api_version: str, kind: str, version: str, removed: str
) -> None:
    (finding,) = found(removed_api_version, head(api_version, kind), version=version)
    assert f"is not served since Kubernetes {removed}" in finding.message


@pytest.mark.parametrize(
    ("api_version", "kind", "version"),
    [
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler", "1.25"),
        ("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema", "1.31"),
        ("networking.k8s.io/v1beta1", "ServiceCIDR", "1.36"),
        ("v1", "Template", "1.37"),
        ("apps.openshift.io/v1", "DeploymentConfig", "1.37"),
        ("gateway.networking.k8s.io/v1", "Gateway", "1.37"),
        ("snapshot.storage.k8s.io/v1beta1", "VolumeSnapshot", "1.37"),
        ("${VERSION}", "Deployment", "1.37"),
    ],
)
def test_version_that_is_served_or_not_known_is_no_removed_one(
    api_version: str, kind: str, version: str
) -> None:
    assert found(removed_api_version, head(api_version, kind), version=version) == []


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        (head("rbac.authorization.k8s.io/v1beta1", "Role"), "rbac.authorization.k8s.io/v1"),
        (head('"networking.k8s.io/v1beta1"', "IngressClass"), '"networking.k8s.io/v1"'),
        (head("apps/v1beta2", "Deployment", "spec: {selector: {matchLabels: {a: b}}}\n"), None),
        (head("apps/v1beta2", "Deployment", "spec: {replicas: 1}\n"), None),
        (head("policy/v1beta1", "PodDisruptionBudget", "spec: {selector: {}}\n"), None),
        (
            head("policy/v1beta1", "PodDisruptionBudget", "spec: {selector: {matchLabels: {}}}\n"),
            "policy/v1",
        ),
        (head("networking.k8s.io/v1beta1", "Ingress"), None),
    ],
)
def test_version_is_changed_only_where_nothing_else_has_to(text: str, becomes: str | None) -> None:
    (finding,) = found(removed_api_version, text)
    if becomes is None:
        assert finding.fix is None
    else:
        assert fixed(text, finding).splitlines()[0] == f"apiVersion: {becomes}"


def test_whole_workload_of_the_last_beta_gets_the_stable_version() -> None:
    text = (
        "apiVersion: apps/v1beta2\nkind: Deployment\nmetadata: {name: a}\nspec:\n"
        "  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n"
        "    spec: {containers: [{name: a, image: b}]}\n"
    )
    (finding,) = found(removed_api_version, text)
    assert fixed(text, finding).startswith("apiVersion: apps/v1\n")


@pytest.mark.parametrize(
    ("api_version", "kind", "peers"),
    [
        ("extensions/v1beta1", "Ingress", {"kube-linter", "kube-score"}),
        ("extensions/v1beta1", "NetworkPolicy", {"kube-linter"}),
        ("batch/v1beta1", "CronJob", {"kube-score", "trivy"}),
        ("policy/v1beta1", "PodDisruptionBudget", {"kube-score", "trivy"}),
        ("policy/v1beta1", "PodSecurityPolicy", set()),
        ("apps/v1beta1", "StatefulSet", {"kube-score"}),
        ("rbac.authorization.k8s.io/v1beta1", "Role", {"trivy"}),
    ],
)
def test_peers_that_would_report_a_removed_version(
    api_version: str, kind: str, peers: set[str]
) -> None:
    (finding,) = found(removed_api_version, head(api_version, kind))
    assert {alias.partition(":")[0] for alias in finding.aliases or ()} == peers


def test_endpoints_are_told_of_as_information() -> None:
    (finding,) = found(deprecated_api_version, head("v1", "Endpoints"))
    assert finding.severity is Severity.INFO
    assert found(deprecated_api_version, head("v1", "Endpoints"), version="1.32") == []


def test_command_line_names_the_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yaml").write_text(head("autoscaling/v2beta2", "HorizontalPodAutoscaler"))
    monkeypatch.chdir(tmp_path)
    options = ["scan", "--no-cache", "--select", "K8S910", "--format", "concise"]
    old = CliRunner().invoke(command_line, [*options, "--kubernetes-version", "1.25"])
    new = CliRunner().invoke(command_line, [*options, "--kubernetes-version", "1.26"])
    assert ("K8S910" in old.output, "K8S910" in new.output) == (False, True)
    wrong = CliRunner().invoke(command_line, [*options, "--kubernetes-version", "1.99"])
    assert wrong.exit_code == 2


# --- kustomizations


def remotes(*addresses: str) -> list[str]:
    text = "resources:\n" + "".join(f"- '{one}'\n" for one in addresses)
    (unit,) = (one for one in units({"kustomization.yaml": text}) if type(one) is Kustomization)
    return [one.message for one in kustomize_mutable_remote(unit)]


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/a/b//c?ref=v1.2.3",
        "https://github.com/a/b//c?timeout=9s&ref=0123456789abcdef0123456789abcdef01234567",
        "https://github.com/a/b/releases/download/v1/x.yaml",
        "https://example.com/x.yaml",
        "https://main.example.com/x.yaml",
        "https://github.com/a/b//c?ref=${VERSION}",
    ],
)
def test_address_that_stays(address: str) -> None:
    assert remotes(address) == []


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/a/b",
        "https://github.com/a/b//c?ref=",
        "https://github.com/a/b//c?ref=refs/heads/main",
        "git@github.com:a/b.git",
        "https://github.com/a/b/releases/latest/download/x.yaml",
        "https://github.com/a/b/raw/main/x.yaml",
    ],
)
def test_address_that_moves(address: str) -> None:
    assert len(remotes(address)) == 1


def test_bases_are_renamed_only_where_there_are_no_resources() -> None:
    for text, fixable in (("bases: [../a]\n", True), ("bases: [../a]\nresources: []\n", False)):
        files = {"k/kustomization.yaml": text}
        (unit,) = (one for one in units(files) if type(one) is Kustomization)
        (finding,) = kustomize_deprecated_field(unit)
        assert (finding.fix is not None) is fixable


# --- hostile and large files


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("apiVersion: v1\nkind: A\na: " + "[" * 50_000, "over-limit"),
        ("apiVersion: v1\nkind: A\n\ta: 1\n", "syntax"),
        ("apiVersion: v1\nkind: A\n---\napiVersion: v1\nkind: [\n---\nkind: C\n", "syntax"),
        (
            "apiVersion: v1\nkind: A\na0: &a0 [x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)),
            "over-limit",
        ),
    ],
)
def test_hostile_file_is_one_trouble(text: str, kind: str) -> None:
    started = time.process_time()
    troubles = [unit for unit in units(text) if isinstance(unit, Trouble)]
    assert [trouble.kind for trouble in troubles] == [kind]
    assert time.process_time() - started < 2


def test_documents_before_a_broken_one_are_judged_and_it_is_said() -> None:
    text = head("batch/v1beta1", "CronJob") + "---\na: [\n"
    (trouble,) = (unit for unit in units(text) if isinstance(unit, Trouble))
    assert trouble.message.endswith("only the document before is checked")
    assert len(found(removed_api_version, text)) == 1


def test_alias_inside_of_itself_is_judged_once() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: &d {a: 1, b: *d}\n"
    assert flagged(text, found(value_must_be_string, text)) == ["1"]


def test_anchor_that_is_defined_twice_is_no_error() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: &x b, c: &x d, e: *x}\n"
    assert not any(isinstance(unit, Trouble) for unit in units(text))


def test_a_hundred_thousand_lines_take_seconds() -> None:
    pod = (
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n"
        "  - name: a\n    image: b:1\n    args: [1]\n"
    )
    text = pod * (100_000 // 9 + 1)
    started = time.process_time()
    (manifest,) = (unit for unit in units(text) if isinstance(unit, Manifest))
    assert len(list(value_must_be_string(manifest))) == 100_000 // 9 + 1
    assert list(duplicate_key(manifest)) == list(removed_api_version(manifest)) == []
    assert time.process_time() - started < 5


def test_definition_with_a_pattern_that_backtracks_is_bounded() -> None:
    definition = (
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
        "metadata: {name: a}\nspec:\n  group: example.com\n  names: {kind: Shop}\n  versions:\n"
        "  - name: v1\n    schema:\n      openAPIV3Schema:\n        type: object\n"
        "        properties: {spec: {type: string, pattern: '^(a+)+$'}}\n"
    )
    shop = f"apiVersion: example.com/v1\nkind: Shop\nspec: {'a' * 26}!\n"
    started = time.process_time()
    of_shop = [
        finding
        for finding in found(schema_violation, {"crd.yaml": definition, "a.yaml": shop})
        if finding.object == "Shop"
    ]
    assert of_shop == []
    assert time.process_time() - started < 2


def test_one_defect_is_one_finding(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("""\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: "3"
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "nginx:1.27.3"}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: "80"}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: other}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
""")

    def codes(*select: str) -> list[str]:
        options = ["--isolated", "--no-cache", "--engine", "builtin", "--format", "json"]
        answer = CliRunner().invoke(
            command_line, ["scan", *options, "--select", ",".join(select), str(tmp_path)]
        )
        return [one["rule"] for one in json.loads(answer.output)["findings"]]

    every = ("K8S520", "K8S603", "K8S613", "K8S701", "K8S904")
    assert codes(*every) == ["K8S603", "K8S904", "K8S701", "K8S520"]
    # What nobody else says is said.
    assert codes("K8S904", "K8S613") == ["K8S904", "K8S904", "K8S613", "K8S904"]
