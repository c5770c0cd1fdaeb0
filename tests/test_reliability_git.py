"""Git in every state: each is scanned, or is wrong usage for what only git can answer."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.stored import Blob, Stored
from tests.reliability import FINDING, NEIGHBOUR, Said, Scanner

GOOD = "FROM debian:12.5\nUSER 1000\n"
BAD = "FROM debian\nUSER 1000\n"
POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    "size 12345\n"
)


def git(root: Path, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    command = ["git", *identity, "-c", "protocol.file.allow=always", *words]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(root: Path, message: str = "one") -> str:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", message)
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def repository(scanner: Scanner) -> Path:
    """A repository that holds the neighbour and has no commit yet."""
    git(scanner.root, "init", "--quiet", "--initial-branch", "main")
    return scanner.root


def test_unborn_branch_is_scanned_and_has_nothing_to_compare_with(
    repository: Path, scanner: Scanner
) -> None:
    assert scanner.judged().code == 1
    code, out, err = scanner.plain("scan", "--since", "HEAD")
    assert (code, out) == (2, "")
    assert "there is no commit yet to compare with" in err


def test_detached_head_is_scanned_and_compared(repository: Path, scanner: Scanner) -> None:
    first = commit(repository)
    git(repository, "checkout", "--quiet", "--detach")
    scanner.write("Dockerfile", BAD)
    commit(repository, "two")
    assert scanner.judged().code == 1
    since = scanner.scan("--since", first)
    assert since.of("Dockerfile", "DF3006")
    assert FINDING not in since.found


def test_bare_repository_has_no_files_to_check(repository: Path, scanner: Scanner) -> None:
    commit(repository)
    bare = repository.parent / "bare.git"
    git(repository, "clone", "--quiet", "--bare", str(repository), str(bare))
    code, out, err = scanner.plain("scan", "--no-cache", str(bare))
    said = "error: bare repository: it has no files\nhint: check a clone of it\n"
    assert (code, out, err) == (2, "", said)
    assert scanner.plain("scan", "--since", "main", str(bare)) == (2, "", said)
    os.chdir(bare)
    for words in (("scan",), ("baseline", "create"), ("scan", "--staged")):
        assert scanner.plain(*words) == (2, "", said)
    linked = repository.parent / "linked"
    git(bare, "worktree", "add", "--quiet", str(linked), "main")
    os.chdir(linked)
    assert FINDING in scanner.scan().found


def test_linked_worktree_is_a_repository_of_its_own(repository: Path, scanner: Scanner) -> None:
    commit(repository)
    linked = repository.parent / "linked"
    git(repository, "worktree", "add", "--quiet", str(linked))
    (linked / "Dockerfile").write_text(BAD)
    os.chdir(linked)
    assert {FINDING, ("Dockerfile", "DF3006")} <= scanner.scan().found
    assert FINDING not in scanner.scan("--since", "main").found
    assert ("Dockerfile", "DF3006") in scanner.scan("--since", "main").found


def test_shallow_clone_is_scanned_and_may_have_no_common_commit(
    repository: Path, scanner: Scanner
) -> None:
    first = commit(repository)
    scanner.write("Dockerfile", BAD)
    commit(repository, "two")
    shallow = repository.parent / "shallow"
    git(repository, "clone", "--quiet", "--depth", "1", f"file://{repository}", str(shallow))
    os.chdir(shallow)
    assert {FINDING, ("Dockerfile", "DF3006")} <= scanner.scan().found
    code, out, err = scanner.plain("scan", "--since", first)
    assert (code, out) == (2, "")
    assert "no such commit" in err
    assert "hint: fetch more (`fetch-depth: 0`" in err


def test_submodules_are_counted_and_not_entered(repository: Path, scanner: Scanner) -> None:
    inner = repository.parent / "inner"
    inner.mkdir()
    git(inner, "init", "--quiet")
    (inner / "Dockerfile").write_text(BAD)
    commit(inner)
    git(repository, "submodule", "--quiet", "add", str(inner), "inner")
    said = scanner.judged()
    assert not said.of("inner/Dockerfile")
    notes = [one for one in said.report["files"]["skipped"] if one["why"] == "submodule"]
    assert [one["detail"] for one in notes] == ["1 not entered"]
    assert said.code == 1


def test_submodules_are_units_of_their_own_path_where_asked_for(
    repository: Path, scanner: Scanner
) -> None:
    for name in ("innermost", "inner"):
        made = repository.parent / name
        made.mkdir()
        git(made, "init", "--quiet")
        (made / "Dockerfile").write_text(BAD)
        if name == "inner":
            git(made, "submodule", "--quiet", "add", str(made.parent / "innermost"), "in")
        commit(made)
    git(repository, "submodule", "--quiet", "add", str(repository.parent / "inner"), "a b")
    git(repository / "a b", "submodule", "--quiet", "update", "--init")
    said = scanner.judged("--recurse-submodules")
    assert {("a b/Dockerfile", "DF3006"), ("a b/in/Dockerfile", "DF3006")} <= said.found
    assert not [one for one in said.report["files"]["skipped"] if one["why"] == "submodule"]
    shutil.rmtree(repository / "a b" / "in")
    said = scanner.judged("--recurse-submodules")
    notes = [one for one in said.report["files"]["skipped"] if one["why"] == "submodule"]
    assert [one["detail"] for one in notes] == ["1 not checked out"]
    assert ("a b/Dockerfile", "DF3006") in said.found


BEYOND = {
    "shared/app.env": "A=b\n",
    "shared/base.yaml": "services:\n  base:\n    image: debian\n",
    "shared/image/Dockerfile": BAD,
    "base/kustomization.yaml": "resources: [pod.yaml]\n",
    "base/pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\n",
    "modules/net/main.tf": (
        'variable "cidr" {\n  type = string\n}\noutput "id" {\n  value = var.cidr\n}\n'
    ),
    "web/dist/index.js": "1\n",
    "image/src/main.py": "1\n",
    "image/requirements.txt": "a\n",
}
INSIDE = {
    "app/compose.yaml": (
        "services:\n  web:\n    build: ../shared/image\n    env_file: [../shared/app.env]\n"
        "  other:\n    extends: {file: ../shared/base.yaml, service: base}\n"
    ),
    "k8s/kustomization.yaml": "resources: [../base]\n",
    "infra/main.tf": (
        'module "net" {\n  source = "../modules/net"\n  cidr   = "10.0.0.0/8"\n}\n'
        'output "id" {\n  value = module.net.id\n}\n'
    ),
    "web/package.json": (
        '{"name": "a", "version": "1.0.0", "main": "dist/index.js", "files": ["dist"]}'
    ),
    "image/Dockerfile": (
        "FROM debian:12.5\nCOPY requirements.txt /\nCOPY src/main.py /a/\nUSER 1000\n"
    ),
    "image/.dockerignore": ".git\n!src/main.py\n",
}
CONE = ("/near/", *(f"/{path}" for path in INSIDE))


def test_files_outside_a_sparse_checkout_are_not_judged_and_not_missing(
    repository: Path, scanner: Scanner
) -> None:
    for path, text in {**BEYOND, **INSIDE}.items():
        scanner.write(path, text)
    first = commit(repository)
    engine = ("--select", "ALL", "--engine", "auto" if shutil.which("terraform") else "builtin")
    whole = scanner.judged(*engine)
    assert whole.of("shared/image/Dockerfile", "DF3006")
    git(repository, "sparse-checkout", "set", "--no-cone", *CONE)
    assert not any((repository / path).exists() for path in BEYOND)
    sparse = scanner.judged(*engine)

    def inside(said: Said) -> list[tuple[str, ...]]:
        findings = said.report["findings"]
        return [
            (one["path"], one["rule"], one["message"])
            for one in findings
            if one["path"] not in BEYOND and one["rule"] not in ("TF501", "TF502")
        ]

    assert inside(sparse) == inside(whole)
    assert not {path for path, _ in sparse.found} & BEYOND.keys()
    assert not {one["rule"] for one in sparse.report["findings"]} & {"TF501", "TF502"}
    assert sparse.code == 1
    code, out, _ = scanner.plain("scan", "--show-files")
    assert code == 0
    assert not any(path in out for path in BEYOND)
    assert scanner.scan("--since", first).report["findings"] == []
    scanner.write("app/Dockerfile", BAD)
    assert {path for path, _ in scanner.scan("--since", first).found} == {"app/Dockerfile"}
    git(repository, "add", "--sparse", "app/Dockerfile")
    assert {path for path, _ in scanner.scan("--staged").found} == {"app/Dockerfile"}


def test_what_is_outside_a_sparse_checkout_is_not_fixed(repository: Path, scanner: Scanner) -> None:
    scanner.write("out/main.tf", "locals {\na=1\n}\n")
    scanner.write("in/main.tf", "locals {\na=1\n}\n")
    commit(repository)
    git(repository, "sparse-checkout", "set", "near", "in")
    said = scanner.scan("--fix")
    assert said.stderr == ""
    assert (repository / "in/main.tf").read_text() == "locals {\n  a = 1\n}\n"
    assert not (repository / "out").exists()


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join)))
def test_directories_of_what_git_holds_are_those_of_its_paths(paths: list[str]) -> None:
    files = {path for path in paths if not any(other.startswith(path + "/") for other in paths)}
    stored = Stored("", {path: Blob("") for path in files})
    for directory in ("", "a", "a/b", "c/a", "b/b/b"):
        above = directory + "/" if directory else ""
        below = [path.removeprefix(above) for path in files if path.startswith(above)]
        expected = {path.split("/")[0]: "dir" if "/" in path else "file" for path in below}
        assert dict(stored.listdir(directory)) == expected


def test_conflicted_index_is_scanned_and_staged_is_incomplete(
    repository: Path, scanner: Scanner
) -> None:
    scanner.write("main.tf", "locals {}\n")
    scanner.write("README.md", "one\n")
    commit(repository)
    git(repository, "checkout", "--quiet", "-b", "topic")
    scanner.write("main.tf", "locals {\n  a = 1\n}\n")
    commit(repository, "two")
    git(repository, "checkout", "--quiet", "main")
    scanner.write("main.tf", "locals {\n  a = 2\n}\n")
    commit(repository, "three")
    with pytest.raises(subprocess.CalledProcessError):
        git(repository, "merge", "topic")
    assert scanner.judged().only("main.tf", "HYG006")["line"] == 2
    staged = scanner.scan("--staged")
    assert staged.code == 3
    assert staged.report["findings"] == []
    (note,) = [one for one in staged.report["files"]["skipped"] if one["why"] == "unmerged"]
    assert (note["path"], note["detail"]) == ("main.tf", "not merged yet")


def test_blob_that_git_does_not_hold_is_not_checked(repository: Path, scanner: Scanner) -> None:
    scanner.write("Dockerfile", BAD)
    git(repository, "add", "--all")
    name = git(repository, "ls-files", "--stage", "Dockerfile").split()[1]
    (repository / ".git" / "objects" / name[:2] / name[2:]).unlink()
    scanner.write("Dockerfile", GOOD)
    said = scanner.judged("--staged")
    assert said.of("Dockerfile") == []
    (note,) = [one for one in said.report["files"]["skipped"] if one["why"] == "unfetched"]
    assert (note["path"], note["detail"]) == ("Dockerfile", "git does not hold it here")
    (repository / NEIGHBOUR).write_text(GOOD)
    git(repository, "add", NEIGHBOUR)
    assert scanner.scan("--staged", "--ignore", "DF").code == 3


@pytest.mark.parametrize(
    "path", ["main.tf", "Dockerfile", "compose.yaml", "pod.yaml", "package.json", "a.tf.json"]
)
def test_lfs_pointer_is_not_checked(path: str, repository: Path, scanner: Scanner) -> None:
    file = scanner.write(path, POINTER)
    said = scanner.judged()
    assert said.code == 1
    assert said.of(path) == []
    (note,) = [one for one in said.report["files"]["skipped"] if one["why"] == "lfs"]
    assert (note["path"], note["detail"]) == (path, "LFS content not present")
    shutil.rmtree(repository / "near")
    assert scanner.scan().code == 0
    assert scanner.scan("--strict").code == 3
    assert scanner.scan("--fix").code == 0
    assert file.read_text() == POINTER


def test_what_stands_in_a_pointer_is_not_missing_elsewhere(
    repository: Path, scanner: Scanner
) -> None:
    scanner.write("main.tf", POINTER)
    scanner.write("versions.tf", 'output "a" {\n  value = var.b\n}\n')
    said = scanner.judged()
    assert not {one["rule"] for one in said.of("versions.tf")} & {"TF101", "TF510"}


def test_repository_of_another_owner_is_walked_instead(repository: Path, scanner: Scanner) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give files to somebody else")
    scanner.write(".gitignore", "ignored/\n")
    scanner.write("ignored/Dockerfile", BAD)
    home = Path(os.environ["HOME"])
    os.chown(repository, 12345, 12345)
    os.chown(repository / ".git", 12345, 12345)
    said = scanner.judged()
    assert not said.of("ignored/Dockerfile")
    (note,) = [one for one in said.report["files"]["skipped"] if one["why"] == "git"]
    assert "dubious ownership" in note["detail"]
    assert note["detail"].endswith("the files were listed without it")
    for option in (("--staged",), ("--since", "main")):
        assert scanner.plain("scan", *option)[0] == 2
    assert not (home / ".gitconfig").exists()


def test_index_that_is_locked_is_read(repository: Path, scanner: Scanner) -> None:
    commit(repository)
    (repository / ".git" / "index.lock").write_text("")
    assert scanner.judged().code == 1
    assert scanner.scan("--staged").code == 0


@pytest.mark.parametrize("garbage", [b"", b"DIRC\0\0\0\2\0\0\0\1", b"\xff" * 200])
def test_damaged_index_is_a_note_and_the_walk(
    garbage: bytes, repository: Path, scanner: Scanner
) -> None:
    commit(repository)
    (repository / ".git" / "index").write_bytes(garbage)
    assert scanner.judged().code == 1


def test_no_git_program_gives_the_same_findings(
    repository: Path, scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner.write(".gitignore", "*.d/\n!keep.d/\n/main.tf\n")
    for path in ("a.d/Dockerfile", "keep.d/Dockerfile", "main.tf", "deep/main.tf"):
        scanner.write(path, BAD if path.endswith("Dockerfile") else "locals {\na=1\n}\n")
    with_git = scanner.judged()
    monkeypatch.setenv("PATH", str(repository))
    without = scanner.judged()
    assert without.found == with_git.found
    assert {path for path, _ in with_git.found} == {NEIGHBOUR, "keep.d/Dockerfile", "deep/main.tf"}
    for option in (("--staged",), ("--since", "main")):
        assert scanner.plain("scan", *option)[0] == 2


def test_git_that_prints_garbage_is_a_note_and_the_walk(
    repository: Path, scanner: Scanner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nprintf 'H nonsense\\0\\377'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    said = scanner.judged()
    assert [one["why"] for one in said.report["files"]["skipped"]] == ["git"]


def test_patterns_to_ignore_that_are_made_to_be_slow_are_matched(scanner: Scanner) -> None:
    hard = "".join(f"a{'*a' * 20}{number}b\n" for number in range(300))
    scanner.write(".gitignore", hard + "a*a*a*a*a*a*a*\n")
    scanner.write("a" * 120 + "/main.tf", "a=1\n")
    said = scanner.judged()
    assert {path for path, _ in said.found} == {NEIGHBOUR}
