"""Which files are looked at, as what, and in which jobs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from iachygiene.discover import Focus, is_touched, kind_by_contents, kind_by_name, locate, walk
from iachygiene.model import Job


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x\n")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("Dockerfile", "dockerfile"),
        ("api/Dockerfile-dev", "dockerfile"),
        ("api/Dockerfile_prod", "dockerfile"),
        ("Dockerfile.alpine", "dockerfile"),
        ("dockerfile", "dockerfile"),
        ("web.Dockerfile", "dockerfile"),
        ("web.dockerfile", "dockerfile"),
        ("Containerfile", "dockerfile"),
        ("Dockerfile.dockerignore", None),
        ("Dockerfile.j2", None),
        ("Dockerfile.md", None),
        ("Dockerfile.yaml", "yaml"),
        ("mydockerfile.py", None),
        ("main.tf", "terraform"),
        ("main.tofu", "terraform"),
        ("main.tf.json", "terraform"),
        ("prod.auto.tfvars", "terraform"),
        ("a.tftest.hcl", "terraform"),
        ("a.hcl", None),
        (".terraform.lock.hcl", None),
        ("compose.yaml", "compose"),
        ("docker-compose.prod.yml", "compose"),
        ("deploy.yaml", "yaml"),
        ("deploy.YML", "yaml"),
        ("base/kustomization.yaml", "kubernetes"),
        ("base/Kustomization", "kubernetes"),
        ("web/package.json", "npm"),
        ("package.json5", None),
    ],
)
def test_name_decides_the_kind(path: str, kind: str | None) -> None:
    assert kind_by_name(path) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("apiVersion: v1\nkind: Pod\n", "kubernetes"),
        ('{"apiVersion": "v1", "kind": "Pod"}', "kubernetes"),
        ("services:\n  web:\n    image: nginx\n", "compose"),
        ("on: push\njobs:\n  a:\n    services: {db: {image: x}}\n", None),
        ("a: 1\n", None),
    ],
)
def test_contents_decide_the_kind_of_yaml(text: str, kind: str | None) -> None:
    assert kind_by_contents(text.encode()) == kind


def test_walk_honours_gitignore_files_and_their_negations(tmp_path: Path) -> None:
    make(tmp_path, "a.tf", "build/b.tf", "keep/c.tf", "keep/d.tf", "node_modules/x/package.json")
    (tmp_path / ".gitignore").write_text("build/\n/keep/*\n!/keep/d.tf\n")
    assert list(walk(str(tmp_path))) == [".gitignore", "a.tf", "keep/d.tf"]


def test_gitignore_in_a_directory_speaks_for_what_is_below(tmp_path: Path) -> None:
    make(tmp_path, "a/x.tf", "a/b/x.tf", "x.tf")
    (tmp_path / "a" / ".gitignore").write_text("x.tf\n")
    assert list(walk(str(tmp_path))) == ["a/.gitignore", "x.tf"]


def test_walk_lists_what_git_lists(tmp_path: Path) -> None:
    make(tmp_path, "a.tf", "out/b.tf", "sub/c.log", "sub/d.tf", "sub/deep/e.tf", "e.log")
    (tmp_path / ".gitignore").write_text("*.log\nout\n")
    (tmp_path / "sub" / ".gitignore").write_text("!c.log\ndeep/\n")
    walked = list(walk(str(tmp_path)))
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    listing = locate(["."], str(tmp_path)).listing
    assert listing.from_git
    assert sorted(listing.paths) == sorted(walked)


def test_root_is_the_repository_around_the_paths(tmp_path: Path) -> None:
    make(tmp_path, "repo/sub/a.tf", "repo/b.tf")
    subprocess.run(["git", "init", "-q", str(tmp_path / "repo")], check=True)
    place = locate(["repo/sub"], str(tmp_path))
    assert place.root == str(tmp_path / "repo")
    assert place.focus == Focus(frozenset(), ("sub",))


def test_root_without_git_is_where_one_started(tmp_path: Path) -> None:
    make(tmp_path, "sub/a.tf")
    place = locate(["sub/a.tf"], str(tmp_path))
    assert place.root == str(tmp_path)
    assert place.focus.files == place.explicit == frozenset({"sub/a.tf"})


def test_directory_named_alone_is_the_root_where_there_is_no_git(tmp_path: Path) -> None:
    make(tmp_path, "sub/a.tf")
    assert locate(["sub"], str(tmp_path)).root == str(tmp_path / "sub")


def test_whole_root_as_a_path_is_everything(tmp_path: Path) -> None:
    make(tmp_path, "sub/a.tf")
    assert locate(["."], str(tmp_path)).focus == Focus()


def test_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nope"):
        locate(["nope"], str(tmp_path))


def test_ignored_directory_is_listed_when_it_is_named(tmp_path: Path) -> None:
    make(tmp_path, "out/a.tf")
    (tmp_path / ".gitignore").write_text("out/\n")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert "out/a.tf" in locate(["out"], str(tmp_path)).listing.paths


@pytest.mark.parametrize(
    ("kind", "directory", "focus", "touched"),
    [
        ("npm", "web", Focus(frozenset({"web/dist/a.js.map"})), True),
        ("npm", "web", Focus(frozenset(), ("web/dist",)), True),
        ("npm", "web", Focus(frozenset({"other/a.js.map"})), False),
        ("npm", "web", Focus(frozenset({"web/vite.config.ts"})), True),
        ("npm", "web", Focus(frozenset({"web/tsconfig.build.json"})), True),
        ("npm", "web", Focus(frozenset({"web/src/index.ts"})), False),
        ("dockerfile", "docker", Focus(frozenset({".dockerignore"})), True),
        ("dockerfile", "docker", Focus(frozenset({"web/.dockerignore"})), False),
        ("dockerfile", "shop/web", Focus(frozenset(), ("shop/api",)), False),
        ("terraform", "infra", Focus(frozenset({"infra/.terraform.lock.hcl"})), True),
        ("terraform", "infra", Focus(frozenset(), ("api",)), False),
        ("kubernetes", "k8s", Focus(frozenset({"k8s/a.txt"})), False),
    ],
)
def test_job_is_touched_by_what_lies_beside_its_files(
    kind: str, directory: str, focus: Focus, touched: bool
) -> None:
    assert is_touched(Job(kind, directory, (f"{directory}/own",)), focus) is touched


def test_focus_holds_files_and_what_is_below_directories() -> None:
    focus = Focus(frozenset({"a.tf"}), ("sub",))
    held = [path for path in ("a.tf", "b.tf", "sub/x", "subway/x") if focus.holds(path)]
    assert held == ["a.tf", "sub/x"]
