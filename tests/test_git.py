"""What git is asked, and that a repository's own configuration starts nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene import git
from iachygiene.git import GitListing, Refusal


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    root = tmp_path / "repository"
    root.mkdir()
    plain_git(root, "init", "-q")
    return root


def plain_git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def listing(root: Path) -> GitListing:
    found = git.list_files(str(root))
    assert isinstance(found, GitListing), found
    return found


def test_tracked_and_untracked_files_are_listed_and_ignored_ones_are_not(repository: Path) -> None:
    (repository / "sub").mkdir()
    (repository / "sub" / "main.tf").write_text("")
    (repository / ".gitignore").write_text("*.log\n")
    (repository / "a.log").write_text("")
    plain_git(repository, "add", ".")
    (repository / "new.tf").write_text("")
    found = listing(repository)
    assert found.paths == [".gitignore", "new.tf", "sub/main.tf"]
    assert found.untracked == {"new.tf"}


def test_paths_are_relative_to_the_directory_that_was_asked_about(repository: Path) -> None:
    (repository / "sub").mkdir()
    (repository / "sub" / "main.tf").write_text("")
    (repository / "other.tf").write_text("")
    plain_git(repository, "add", ".")
    assert listing(repository / "sub").paths == ["main.tf"]


@pytest.mark.parametrize(
    "name",
    ["a b", "tab\there", "new\nline", '"quoted"', "é", "-x.tf", "\udc80.tf", "\x1b[31m.tf"],
)
def test_any_name_is_listed_as_it_is(name: str, repository: Path) -> None:
    (repository / name).write_text("")
    (repository / (name + "2")).write_text("")
    plain_git(repository, "add", "--", name)
    found = listing(repository)
    assert found.paths == sorted([name, name + "2"])
    assert found.untracked == {name + "2"}


def test_an_untracked_name_that_looks_like_a_record_is_no_record(repository: Path) -> None:
    name = "H 100644 587be6b4c3f93f93c489c0111bba5596147a26cb 0\tmain.tf"
    (repository / name).write_text("")
    assert listing(repository).paths == [name]


def test_links_are_told_apart(repository: Path) -> None:
    (repository / "a.tf").write_text("")
    (repository / "b.tf").symlink_to("a.tf")
    plain_git(repository, "add", ".")
    assert listing(repository).links == {"b.tf"}


def test_repositories_inside_are_named_and_not_entered(repository: Path) -> None:
    nested = repository / "nested"
    nested.mkdir()
    plain_git(nested, "init", "-q")
    (nested / "main.tf").write_text("")
    plain_git(nested, "add", ".")
    plain_git(nested, "commit", "-q", "-m", "one")
    untracked = listing(repository)
    plain_git(repository, "add", "nested")
    tracked = listing(repository)
    for found in (untracked, tracked):
        assert (found.paths, found.submodules) == ([], ["nested"])


def test_unmerged_files_are_listed_once(repository: Path) -> None:
    (repository / "a.tf").write_text("one\n")
    plain_git(repository, "add", ".")
    plain_git(repository, "commit", "-q", "-m", "one")
    plain_git(repository, "checkout", "-q", "-b", "topic")
    (repository / "a.tf").write_text("two\n")
    plain_git(repository, "commit", "-q", "-a", "-m", "two")
    plain_git(repository, "checkout", "-q", "-")
    (repository / "a.tf").write_text("three\n")
    plain_git(repository, "commit", "-q", "-a", "-m", "three")
    with pytest.raises(subprocess.CalledProcessError):
        plain_git(repository, "merge", "topic")
    found = listing(repository)
    assert (found.paths, found.unmerged) == (["a.tf"], {"a.tf"})


def test_files_outside_a_sparse_checkout_are_told_apart(repository: Path) -> None:
    for name in ("in", "out"):
        (repository / name).mkdir()
        (repository / name / "main.tf").write_text("")
    plain_git(repository, "add", ".")
    plain_git(repository, "commit", "-q", "-m", "one")
    plain_git(repository, "sparse-checkout", "set", "in")
    assert listing(repository).sparse == {"out/main.tf"}


def test_a_directory_without_a_repository_is_a_refusal(tmp_path: Path) -> None:
    found = git.list_files(str(tmp_path))
    assert isinstance(found, Refusal)
    assert found.why == "not-a-repository"


def test_a_repository_of_another_owner_is_a_refusal(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give files to somebody else")
    os.chown(repository, 12345, 12345)
    os.chown(repository / ".git", 12345, 12345)
    found = git.list_files(str(repository))
    assert isinstance(found, Refusal)
    assert found.why == "unsafe"
    assert "dubious ownership" in found.detail


def test_no_git_is_a_refusal(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    assert git.list_files(str(repository)) == Refusal("no-git", "git not found")


@pytest.mark.parametrize(
    "script",
    ["printf 'H 100644'", "printf 'nonsense\\0'", "printf 'H nonsense\\0'", "printf '? a.tf'"],
)
def test_garbage_of_git_is_a_refusal(
    script: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    found = git.list_files(str(repository))
    assert isinstance(found, Refusal)
    assert found.why == "garbage"


def test_a_git_in_the_scanned_root_is_not_started(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = repository / "git"
    fake.write_text("#!/bin/sh\ntouch \"$HOME/ran\"\nprintf '? forged.tf\\0'\n")
    fake.chmod(0o755)
    for path in (f"{repository}:{os.environ['PATH']}", f".:{os.environ['PATH']}"):
        monkeypatch.setenv("PATH", path)
        monkeypatch.chdir(repository)
        assert listing(repository).paths == ["git"]


def test_the_commit_that_is_checked_out(repository: Path) -> None:
    assert git.head(str(repository)) is None
    (repository / "a").write_text("")
    plain_git(repository, "add", ".")
    plain_git(repository, "commit", "-q", "-m", "one")
    assert git.head(str(repository)) == plain_git(repository, "rev-parse", "HEAD")


def test_the_top_directory_is_that_of_the_nearest_repository(repository: Path) -> None:
    deep = repository / "a" / "b"
    deep.mkdir(parents=True)
    assert git.toplevel(str(deep)) == str(repository)
    (deep / ".git").mkdir()
    assert git.toplevel(str(deep)) == str(repository), "an empty .git is no repository"
    assert git.toplevel(str(repository.parent)) is None


def test_a_linked_worktree_is_a_repository(repository: Path, tmp_path: Path) -> None:
    (repository / "a.tf").write_text("")
    plain_git(repository, "add", ".")
    plain_git(repository, "commit", "-q", "-m", "one")
    linked = tmp_path / "linked"
    plain_git(repository, "worktree", "add", "-q", str(linked))
    (linked / "b.tf").write_text("")
    assert git.toplevel(str(linked)) == str(linked)
    assert listing(linked).paths == ["a.tf", "b.tf"]


def test_the_place_that_a_hook_of_another_repository_was_given_is_not_followed(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    plain_git(other, "init", "-q")
    (other / "other.tf").write_text("")
    plain_git(other, "add", ".")
    (repository / "mine.tf").write_text("")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert listing(repository).paths == ["mine.tf"]


def test_the_index_of_a_partial_commit_is_followed(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / ".gitignore").write_text("*.tf\n")
    (repository / "a.tf").write_text("")
    plain_git(repository, "add", "-f", "a.tf")
    (repository / ".git" / "index").rename(repository / ".git" / "next-index-1.lock")
    assert listing(repository).paths == [".gitignore"]
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/next-index-1.lock")
    assert listing(repository).paths == [".gitignore", "a.tf"]


def test_a_repository_whose_place_only_variables_give_is_followed(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "a.tf").write_text("")
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(work))
    assert git.toplevel(str(work)) == str(work)
    assert listing(work).paths == ["a.tf"]


def test_tracked_files_below_directories(repository: Path) -> None:
    for name in ("a/.terraform", "b/.terraform", "[a]"):
        (repository / name).mkdir(parents=True)
        (repository / name / "x").write_text("")
    plain_git(repository, "add", "a", "[a]")
    found = git.tracked_below(str(repository), ["a/.terraform", "b/.terraform"])
    assert found == {"a/.terraform/x"}
    assert git.tracked_below(str(repository), ["[a]"]) == {"[a]/x"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("ls-files", "-m"),
        ("cat-file", "--filters", "HEAD:a"),
        ("diff-index", "HEAD"),
        ("config", "core.pager", "x"),
    ],
)
def test_commands_that_could_start_a_program_are_not_asked(
    arguments: tuple[str, ...], repository: Path
) -> None:
    with pytest.raises(ValueError, match="is not asked"):
        git.start(str(repository), *arguments)


@pytest.mark.parametrize("command", ["status", "diff", "checkout", "add", "archive", "fetch"])
def test_other_commands_are_not_known(command: str, repository: Path) -> None:
    with pytest.raises(KeyError):
        git.start(str(repository), command)


@given(
    st.binary()
    | st.lists(st.sampled_from([b"H ", b"? ", b"100644 ", b"\0", b"\t", b"a"])).map(b"".join)
)
def test_any_output_is_a_listing_or_a_refusal(output: bytes) -> None:
    found = git._read_listing(output)
    if isinstance(found, GitListing):
        assert set(found.paths).isdisjoint(found.submodules)
        assert found.untracked <= set(found.paths)
    else:
        assert found.why == "garbage"


def test_an_armed_repository_starts_nothing(repository: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    program = tmp_path / "home" / "program"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> {marker}\ncat\n')
    program.chmod(0o755)
    (repository / "a.tf").write_text("a = 1\n")
    (repository / ".gitattributes").write_text("*.tf filter=evil diff=evil merge=evil\n")
    plain_git(repository, "add", ".")
    plain_git(repository, "commit", "-q", "-m", "one")
    _arm(repository, program)
    (repository / "a.tf").write_text("a = 2\n")
    (repository / "b.tf").write_text("b = 1\n")

    subprocess.run(["git", "status"], cwd=repository, check=False, capture_output=True)
    assert marker.exists(), "the repository is not armed"
    marker.unlink()

    assert listing(repository).paths == [".gitattributes", "a.tf", "b.tf"]
    assert git.head(str(repository))
    assert git.tracked_below(str(repository), ["a.tf"]) == {"a.tf"}
    assert git.toplevel(str(repository)) == str(repository)
    assert not marker.exists(), marker.read_text()


def _arm(repository: Path, program: Path) -> None:
    """Every setting of a repository that names a program, with one that leaves a trace."""
    hooks = repository / ".git" / "armed"
    hooks.mkdir()
    for hook in ("post-index-change", "fsmonitor-watchman", "pre-auto-gc", "reference-transaction"):
        (hooks / hook).write_text(program.read_text())
        (hooks / hook).chmod(0o755)
    (repository / ".git" / "more").write_text(f"[core]\n\tfsmonitor = {program}\n")
    (repository / ".git" / "config").open("a").write(
        f"""
[include]
	path = more
[core]
	fsmonitor = {program}
	hooksPath = {hooks}
	pager = {program}
	sshCommand = {program}
	editor = {program}
	askPass = {program}
	gitProxy = {program}
	alternateRefsCommand = {program}
	attributesFile = {repository}/.gitattributes
[filter "evil"]
	clean = {program}
	smudge = {program}
	process = {program}
	required = true
[diff]
	external = {program}
[diff "evil"]
	textconv = {program}
	command = {program}
[merge "evil"]
	driver = {program}
[alias]
	ls-files = !{program}
	rev-parse = !{program}
	version = !{program}
[pager]
	ls-files = {program}
	rev-parse = {program}
[credential]
	helper = !{program}
[uploadpack]
	packObjectsHook = {program}
[gpg]
	program = {program}
[trace2]
	normalTarget = {program}
[remote "origin"]
	url = ext::{program} %s
	promisor = true
	partialclonefilter = blob:none
	uploadpack = {program}
"""
    )
