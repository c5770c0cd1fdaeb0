"""Scanning only what changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.changes import _added, since
from iachygiene.config import load
from iachygiene.discover import Listing
from iachygiene.files import Tree

BAD = "FROM debian\n"
GOOD = "FROM debian:12.5\nUSER 1000\n"


def git(root: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    command = ["git", *identity, *words]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-m", "iachygiene", "scan", "--engine", "builtin", *words]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def found(root: Path, *words: str) -> set[tuple[str, str]]:
    done = run(root, "--select", "DF3006,DF3003,HYG", "--format", "json", *words)
    assert done.stdout, done.stderr
    return {(one["path"], one["rule"]) for one in json.loads(done.stdout)["findings"]}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits on main; the branch that is checked out starts from the first."""
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    tmp_path.joinpath("Dockerfile.old").write_text(BAD)
    tmp_path.joinpath("Dockerfile").write_text(GOOD)
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "one")
    git(tmp_path, "checkout", "--quiet", "-b", "topic")
    git(tmp_path, "checkout", "--quiet", "main")
    tmp_path.joinpath("Dockerfile.main").write_text(BAD)
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "two")
    git(tmp_path, "checkout", "--quiet", "topic")
    return tmp_path


def test_since_looks_at_committed_edited_and_new_files(repository: Path) -> None:
    repository.joinpath("Dockerfile.committed").write_text(BAD)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "three")
    repository.joinpath("Dockerfile").write_text(BAD)
    repository.joinpath("Dockerfile.new").write_text(BAD)
    files = {path for path, _ in found(repository, "--since", "main")}
    assert files == {"Dockerfile", "Dockerfile.committed", "Dockerfile.new"}


def test_edit_that_keeps_size_and_time_is_a_change(repository: Path) -> None:
    path = repository / "Dockerfile"
    before = path.stat()
    path.write_text(GOOD.replace(":12.5", ":12.6"))
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    done = run(repository, "--since", "main", "--show-files")
    assert done.stdout.split() == ["dockerfile", "name", "Dockerfile"]


def test_files_that_the_index_knows_are_not_read(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = 1_000_000_000
    for path in repository.glob("Dockerfile*"):
        os.utime(path, (old, old))
    git(repository, "update-index", "--refresh")
    repository.joinpath("Dockerfile").write_text(BAD)
    tree = Tree(str(repository))
    read: list[str] = []
    raw = tree.raw
    monkeypatch.setattr(tree, "raw", lambda path: read.append(path) or raw(path))
    listing = Listing(["Dockerfile", "Dockerfile.old"], from_git=True)
    config = load(str(repository))
    base = git(repository, "rev-parse", "main").strip()
    assert since(str(repository), base, listing, config, tree).files == {"Dockerfile"}
    assert read == ["Dockerfile"]


def test_nothing_changed_is_nothing_found(repository: Path) -> None:
    done = run(repository, "--since", "main")
    assert (done.returncode, done.stderr) == (0, "nothing to check\n")


def test_two_dots_compare_with_the_commit_itself(repository: Path) -> None:
    assert found(repository, "--since", "main..") == set()
    assert found(repository, "--since", "main...HEAD") == set()
    repository.joinpath("Dockerfile").write_text(BAD)
    assert found(repository, "--since", "HEAD") == {("Dockerfile", "DF3006")}


def test_line_ends_alone_are_no_change(repository: Path) -> None:
    file = repository / "Dockerfile.old"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert found(repository, "--since", "main") == set()


def test_new_only_leaves_out_what_was_there(repository: Path) -> None:
    file = repository / "Dockerfile.old"
    file.write_text("# moved down\n\n" + BAD + "RUN cd /srv\n")
    assert found(repository, "--since", "main", "--new-only") == {("Dockerfile.old", "DF3003")}
    report = json.loads(run(repository, "--since", "main", "--new-only", "--format", "json").stdout)
    assert {one["new"] for one in report["findings"]} == {True}
    assert report["run"]["git"]["base"] == git(repository, "rev-parse", "main~1").strip()
    assert {one["by"] for one in report["muted"]} == {"baseline"}


def test_changed_lines_leave_out_what_stands_on_others(repository: Path) -> None:
    repository.joinpath("Dockerfile.old").write_text(BAD + "RUN cd /srv\n")
    both = {("Dockerfile.old", "DF3003"), ("Dockerfile.old", "DF3006")}
    assert found(repository, "--since", "main") == both
    lines = found(repository, "--since", "main", "--changed-lines")
    assert lines == {("Dockerfile.old", "DF3003")}


def test_changed_configuration_makes_it_a_full_run(repository: Path) -> None:
    repository.joinpath(".iachygiene.toml").write_text('extend-ignore = ["DF5301"]\n')
    assert found(repository, "--since", "main") == {("Dockerfile.old", "DF3006")}
    assert ".iachygiene.toml changed" in run(repository, "--since", "main").stderr


SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""
OTHER = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec: {containers: [{name: web, image: "web:1"}]}
"""


def test_unit_of_a_deleted_file_is_checked(repository: Path) -> None:
    folder = repository / "k8s"
    folder.mkdir()
    folder.joinpath("service.yaml").write_text(SERVICE)
    folder.joinpath("web.yaml").write_text(OTHER.replace("NAME", "web"))
    folder.joinpath("api.yaml").write_text(OTHER.replace("NAME", "api"))
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "manifests")
    folder.joinpath("web.yaml").unlink()
    done = run(repository, "--select", "K8S601", "--since", "HEAD", "--format", "json")
    paths = [one["path"] for one in json.loads(done.stdout)["findings"]]
    assert paths == ["k8s/service.yaml"]


def test_staged_judges_the_index_and_not_the_working_tree(repository: Path) -> None:
    file = repository / "Dockerfile"
    file.write_text(BAD)
    git(repository, "add", "--all")
    file.write_text(GOOD)
    assert found(repository, "--staged") == {("Dockerfile", "DF3006")}
    git(repository, "add", "--all")
    file.write_text(BAD)
    assert found(repository, "--staged") == set()


def test_staged_works_before_the_first_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    tmp_path.joinpath("Dockerfile").write_text(BAD)
    assert found(tmp_path, "--staged") == set()
    git(tmp_path, "add", "--all")
    assert found(tmp_path, "--staged") == {("Dockerfile", "DF3006")}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--since", "nowhere"), "no such commit"),
        (("--since", "--output=x"), "needs a revision"),
        (("--since", "auto"), "no target branch"),
        (("--new-only",), "needs --since"),
        (("--changed-lines",), "needs --since"),
        (("--staged", "--fix"), "does not go with"),
        (("--staged", "--since", "main"), "does not go with"),
        (("--since", "main..main"), "is not what is checked out"),
    ],
)
def test_what_cannot_be_answered_is_wrong_usage(
    repository: Path, words: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_DIFF_BASE_SHA"):
        monkeypatch.delenv(name, raising=False)
    done = run(repository, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_unrelated_histories_have_no_common_commit(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "--orphan", "other")
    git(repository, "commit", "--quiet", "--message", "other")
    done = run(repository, "--since", "main")
    assert done.returncode == 2
    assert "fetch-depth: 0" in done.stderr


def test_no_git_is_wrong_usage_for_these_alone(tmp_path: Path) -> None:
    tmp_path.joinpath("Dockerfile").write_text(BAD)
    assert run(tmp_path, "--since", "main").returncode == 2
    assert run(tmp_path, "--staged").returncode == 2
    assert run(tmp_path).returncode == 1


def test_target_branch_comes_from_the_job(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(repository, "update-ref", "refs/remotes/origin/main", "main")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    repository.joinpath("Dockerfile").write_text(BAD)
    assert found(repository, "--since", "auto") == {("Dockerfile", "DF3006")}
    assert "comparing with origin/main" in run(repository, "--since", "auto").stderr


LINES = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=12).map("\n".join)


@given(LINES, LINES)
def test_added_lines_are_all_that_the_old_text_lacks(old: str, new: str) -> None:
    spans = _added(old, new)
    left = "".join(
        character
        for at, character in enumerate(new)
        if not any(span.start <= at < span.end for span in spans)
    )
    missing = [line for line in left.split("\n") if line and line not in old.split("\n")]
    assert missing == []
    if old == new:
        assert spans == []


def test_annotations_of_a_change_are_those_on_its_lines_first(repository: Path) -> None:
    lines = ["FROM debian:12.5\n"] + [f"RUN cd /{number}\nWORKDIR /a\n" for number in range(30)]
    repository.joinpath("Dockerfile").write_text("".join(lines))
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "many")
    lines[25] = lines[25].replace("cd /24", "cd /twenty-four")
    repository.joinpath("Dockerfile").write_text("".join(lines))
    done = run(repository, "--select", "DF3003", "--since", "HEAD", "--format", "github")
    shown = [line for line in done.stdout.splitlines() if line.startswith("::warning file")]
    assert len(shown) == 9
    assert "twenty-four" in "".join(shown)
