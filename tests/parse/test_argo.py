"""Argo CD's objects and Image Updater's settings: what holds for an image in the end."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iachygiene.files import Tree
from iachygiene.parse.argo import ArgoSet
from iachygiene.parse.kubernetes import group, load

APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: web
  annotations: {annotations}
spec:
  source: {{repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}}
  destination: {{name: in-cluster}}
"""
UPDATER = """\
apiVersion: argocd-image-updater.argoproj.io/v1alpha1
kind: ImageUpdater
metadata: {{name: shop, namespace: argocd}}
spec:
  commonUpdateSettings: {{updateStrategy: newest-build, pullSecret: "env:A"}}
  writeBackConfig: {{method: "git:repocreds", gitConfig: {{branch: main}}}}
  applicationRefs:
    - namePattern: {pattern}
      commonUpdateSettings: {{allowTags: any, pullSecret: "env:B"}}
      images:
        - alias: web
          imageName: quay.io/shop/web:1.2
          commonUpdateSettings: {{updateStrategy: digest, ignoreTags: [a, b]}}
"""
PREFIX = "argocd-image-updater.argoproj.io/"


def argo(files: Mapping[str, str]) -> ArgoSet:
    tree = Tree("/nowhere", listed=set(files))
    tree.overlay.update((path, text.encode()) for path, text in files.items())
    (found,) = (
        unit
        for job in group(files, tree, {})
        for unit in load(job, tree)
        if isinstance(unit, ArgoSet)
    )
    return found


def annotated(**settings: str) -> ArgoSet:
    pairs = (
        f"{PREFIX}{name.replace('__', '.').replace('_', '-')}: {text!r}"
        for name, text in settings.items()
    )
    return argo({"a.yaml": APPLICATION.format(annotations="{" + ", ".join(pairs) + "}")})


def test_settings_of_an_image_win_over_those_of_the_application() -> None:
    found = annotated(
        image_list="web=quay.io/shop/web:~1.2, quay.io/shop/api",
        update_strategy="digest",
        web__update_strategy="latest",
        allow_tags="any",
    ).updates
    assert [(one.alias, one.name, one.constraint, one.strategy) for one in found] == [
        ("web", "quay.io/shop/web", "~1.2", "newest-build"),
        ("", "quay.io/shop/api", "", "digest"),
    ]
    assert [one.setting("allow-tags") for one in found] == ["any", "any"]


def test_alias_with_a_slash_is_spelled_with_an_underscore_in_keys() -> None:
    text = APPLICATION.format(
        annotations="{"
        f"{PREFIX}image-list: shop/web=nginx, {PREFIX}shop_web.update-strategy: digest"
        "}"
    )
    (one,) = argo({"a.yaml": text}).updates
    assert one.strategy == "digest"


@pytest.mark.parametrize(
    ("written", "strategy"),
    [("name", "alphabetical"), ("newest", "semver"), ("{{ x }}", "{{ x }}"), ("digest", "digest")],
)
def test_strategy_is_what_image_updater_makes_of_it(written: str, strategy: str) -> None:
    (one,) = annotated(image_list="web=nginx", web__update_strategy=written).updates
    assert one.strategy == strategy


def test_settings_of_a_resource_go_from_the_image_to_the_whole() -> None:
    found = argo({"u.yaml": UPDATER.format(pattern="web")})
    (one,) = found.updates
    assert one.strategy == "digest"
    assert {name: setting.text for name, setting in one.settings.items()} == {
        "update-strategy": "digest",
        "allow-tags": "any",
        "pull-secret": "env:B",
        "ignore-tags": "a,b",
    }
    assert (one.namespace, one.application) == ("argocd", None)


@pytest.mark.parametrize(("pattern", "matched"), [("web", True), ("w*", True), ("api", False)])
def test_resource_writes_back_for_the_applications_that_it_names(
    pattern: str, matched: bool
) -> None:
    files = {
        "a.yaml": APPLICATION.format(annotations="{}"),
        "u.yaml": UPDATER.format(pattern=pattern),
    }
    (back,) = argo(files).write_backs
    assert (back.method, back.branch.text if back.branch else "") == ("git:repocreds", "main")
    assert (back.application is not None) is matched


def test_application_without_images_is_not_written_back() -> None:
    assert annotated(write_back_method="git").write_backs == []
    assert annotated(image_list="").updates == []


@pytest.mark.parametrize(
    ("policy", "automated"),
    [
        ("{automated: {prune: true}}", True),
        ("{automated: {}}", True),
        ("{automated: }", False),
        ("{automated: {enabled: false}}", False),
        ("{syncOptions: []}", False),
    ],
)
def test_automated_is_what_is_there_and_not_switched_off(policy: str, automated: bool) -> None:
    text = APPLICATION.format(annotations="{}") + f"  syncPolicy: {policy}\n"
    (one,) = argo({"a.yaml": text}).applications
    assert (one.automated is not None) is automated


def test_sources_are_found_in_all_three_forms() -> None:
    text = """\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: all}
spec:
  template:
    metadata: {annotations: {a: b}}
    spec:
      sources: [{repoURL: a}, {repoURL: b, chart: c}]
      sourceHydrator: {drySource: {repoURL: d}}
      destination: {}
"""
    (one,) = argo({"a.yaml": text}).applications
    assert [(source.repository, source.is_chart) for source in one.sources] == [
        ("d", False),
        ("a", False),
        ("b", True),
    ]
    assert one.from_set
    assert one.annotations is not None


@pytest.mark.parametrize(
    ("path", "own"), [("web", True), ("./web/", True), ("other", False), ("web/{{ x }}", True)]
)
def test_source_whose_path_is_here_is_the_repository_itself(path: str, own: bool) -> None:
    text = APPLICATION.format(annotations="{}").replace("path: web", f'path: "{path}"')
    found = argo({"a.yaml": text, "web": "a file stands for the directory"})
    assert found.tracks_itself(found.applications[0].sources[0]) is own


PIECES = st.sampled_from(
    [
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\n",
        "metadata: {annotations: ",
        f"{{{PREFIX}image-list: ",
        "'a=b:c,d'",
        "null",
        "[]",
        "}}\n",
        "spec:\n",
        "  source: ",
        "{path: a, helm: {values: '{'}}\n",
        "  sources: [3, {}]\n",
        "  syncPolicy: x\n",
        "---\n",
        f"apiVersion: {PREFIX}v1alpha1\nkind: ImageUpdater\n",
        "  applicationRefs: ",
        "[{images: [{imageName: a}, 3], namePattern: '*'}]\n",
        "  destination: {}\n",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=10))
def test_any_shape_of_objects_is_read(pieces: list[str]) -> None:
    from iachygiene.rule import rules_of

    files = {"a.yaml": "".join(pieces)}
    tree = Tree("/nowhere", listed=set(files))
    tree.overlay["a.yaml"] = files["a.yaml"].encode()
    for job in group(files, tree, {}):
        for unit in load(job, tree):
            if isinstance(unit, ArgoSet):
                for rule in rules_of("kubernetes"):
                    if rule.unit is ArgoSet:
                        assert all(one.location.path == "a.yaml" for one in rule.check(unit))
