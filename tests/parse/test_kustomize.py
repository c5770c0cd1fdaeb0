"""Kustomizations: what they name, what is not there, what they make of other files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from iachygiene.files import Tree
from iachygiene.model import Job
from iachygiene.parse.kubernetes import Manifest, ManifestSet, group, load
from iachygiene.parse.kustomize import Kustomization, buildable, included, read

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers: [{image: nginx}]\n"


def tree_of(files: Mapping[str, str]) -> Tree:
    tree = Tree("/nowhere", listed=set(files))
    tree.overlay.update((path, text.encode()) for path, text in files.items())
    return tree


def kustomizations(files: Mapping[str, str]) -> dict[str, Kustomization]:
    tree = tree_of(files)
    return {
        unit.directory: unit
        for job in group(files, tree, {})
        for unit in load(job, tree)
        if isinstance(unit, Kustomization)
    }


def references(text: str) -> list[tuple[str, str | None, bool]]:
    (found,) = kustomizations({"k8s/web/kustomization.yaml": text}).values()
    return [(one.field, one.path, one.remote) for one in found.references]


def test_paths_are_resolved_from_the_directory_of_the_file() -> None:
    assert references("resources: [a.yaml, ../base, ./sub/, ../..]\n") == [
        ("resources", "k8s/web/a.yaml", False),
        ("resources", "k8s/base", False),
        ("resources", "k8s/web/sub", False),
        ("resources", "", False),
    ]


def test_what_leads_out_of_the_tree_has_no_path_and_is_not_remote() -> None:
    assert references("resources: [../../../elsewhere]\n") == [("resources", None, False)]


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/example/deploy//base?ref=v1",
        "github.com/example/deploy//base",
        "git@github.com:example/deploy.git",
        "gitlab.com/example/deploy",
        "ssh://git@example.com/deploy.git",
        "git::https://example.com/deploy.git",
        "example.com/org/deploy//base",
        "deploy?ref=v1",
    ],
)
def test_addresses_are_remote(address: str) -> None:
    assert references(f"resources: ['{address}']\n") == [("resources", None, True)]


def test_files_of_generators_are_named_behind_their_key() -> None:
    text = (
        "configMapGenerator:\n- name: a\n  files: [a.conf, b=sub/b.conf]\n  envs: [a=b.env]\n"
        "secretGenerator:\n- name: b\n  env: c.env\n  literals: [x=y]\n"
    )
    assert [path for _, path, _ in references(text)] == [
        "k8s/web/a.conf",
        "k8s/web/sub/b.conf",
        "k8s/web/a=b.env",
        "k8s/web/c.env",
    ]


def test_patches_written_in_place_are_no_paths() -> None:
    text = (
        "patchesStrategicMerge:\n- |-\n  kind: Pod\n  metadata: {}\n"
        "patches:\n- patch: |-\n    - op: remove\n  target: {kind: Pod}\n- path: p.yaml\n"
    )
    assert references(text) == [("patches", "k8s/web/p.yaml", False)]


def test_a_path_is_missing_where_neither_file_nor_directory_is(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "kustomization.yaml").write_text("resources: [base, a.yaml, b.yaml, out.yaml]\n")
    (tmp_path / "a.yaml").write_text(POD)
    # What git knows and a sparse checkout left out is there all the same.
    tree = Tree(str(tmp_path), listed={"out.yaml"})
    job = Job("kubernetes", "", ("kustomization.yaml", "a.yaml"))
    (found,) = (unit for unit in load(job, tree) if isinstance(unit, Kustomization))
    assert [one.text for one in found.missing] == ["b.yaml"]


def test_manifest_that_nothing_lists_is_unlisted() -> None:
    files = {
        "kustomization.yaml": "resources: [a.yaml]\npatches: [{path: p.yaml}]\n",
        **dict.fromkeys(("a.yaml", "b.yaml", "p.yaml", "sub/c.yaml"), POD),
    }
    (found,) = kustomizations(files).values()
    assert [place.path for place in found.unlisted] == ["b.yaml"]


def test_images_are_those_of_everything_that_is_included() -> None:
    files = {
        "base/kustomization.yaml": "resources: [a.yaml]\n",
        "base/a.yaml": POD,
        "prod/kustomization.yaml": "resources: [../base]\n",
    }
    assert kustomizations(files)["prod"].images == ["nginx"]


def test_overlay_names_the_workloads_whose_replicas_it_sets() -> None:
    files = {
        "kustomization.yaml": "resources: [a.yaml]\nreplicas: [{name: web, count: 3}]\n",
        "a.yaml": POD,
    }
    tree = tree_of(files)
    (job,) = group(files, tree, {})
    units = list(load(job, tree))
    (web,) = (one for unit in units if isinstance(unit, Manifest) for one in unit.objects)
    assert web.overlay.replicas == {"web"}


def test_a_set_knows_what_is_generated() -> None:
    text = "configMapGenerator: [{name: a}]\nsecretGenerator: [{name: b}]\nresources: [p.yaml]\n"
    files = {"kustomization.yaml": text, "p.yaml": POD}
    tree = tree_of(files)
    (job,) = group(files, tree, {})
    (found,) = (unit for unit in load(job, tree) if isinstance(unit, ManifestSet))
    assert found.generated == {("ConfigMap", "a"), ("Secret", "b")}


def test_only_the_outermost_local_kustomizations_can_be_built() -> None:
    files = {
        "base/kustomization.yaml": "resources: [a.yaml]\n",
        "base/a.yaml": POD,
        "part/kustomization.yaml": "kind: Component\nresources: [a.yaml]\n",
        "prod/kustomization.yaml": "resources: [../base]\n",
        "far/kustomization.yaml": "resources: ['https://example.com/x//y?ref=v1']\n",
        "farther/kustomization.yaml": "resources: [../far]\n",
    }
    tree = tree_of(files)
    found = {one.directory: one for path in files if (one := read(path, tree)) is not None}
    assert buildable(found) == ["prod"]
    assert included(found, ["prod"]) == {"base", "base/a.yaml"}


def test_kustomizations_in_a_circle_come_to_an_end() -> None:
    files = {
        "a/kustomization.yaml": "resources: [../b]\n",
        "b/kustomization.yaml": "resources: [../a]\n",
    }
    tree = tree_of(files)
    found = {one.directory: one for path in files if (one := read(path, tree)) is not None}
    assert buildable(found) == []
    assert included(found, ["a"]) == {"a", "b"}
