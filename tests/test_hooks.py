"""The hook modules as pre-commit starts them: `python -I -m ...` in the root of a repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BAD = {
    "main.tf": (
        'terraform {\n  required_version = ">= 1.5"\n}\n\n'
        'locals {\n  name="shop"\n}\n\noutput "name" {\n  value = local.name\n}\n'
    ),
    "Dockerfile": 'FROM alpine\nUSER 1000\nCMD ["/bin/true"]\n',
    "k8s/web.yaml": (
        "apiVersion: v1\n"
        "kind: Pod\n"
        "metadata: {name: web}\n"
        "spec:\n"
        "  securityContext: {runAsUser: 1000}\n"
        "  containers:\n"
        "    - name: web\n"
        "      image: registry.example/web\n"
        "      resources: {requests: {cpu: 10m, memory: 8Mi}}\n"
    ),
    "compose.yaml": "services:\n  cache:\n    image: redis:latest\n",
    "web/package.json": '{"name": "web", "version": "1.0.0", "files": ["dist"]}\n',
    "web/dist/web.js": "export {};\n//# sourceMappingURL=web.js.map\n",
    "web/dist/web.js.map": (
        '{"version": 3, "sources": ["../src/web.ts"], "sourcesContent": ["export {};"],'
        ' "names": [], "mappings": ""}\n'
    ),
}
"""One file of each kind, each with one mistake."""

GOOD = {
    "main.tf": BAD["main.tf"].replace('="shop"', ' = "shop"'),
    "Dockerfile": 'FROM alpine:3.22\nUSER 1000\nCMD ["/bin/true"]\n',
    "k8s/web.yaml": BAD["k8s/web.yaml"].replace("example/web", "example/web:1.0"),
    "compose.yaml": "services:\n  cache:\n    image: redis:8.0.3-alpine3.22\n",
    "web/package.json": '{"name": "web", "version": "1.0.0", "files": ["dist/*.js"]}\n',
    "web/dist/web.js": "export {};\n",
}

FOUND = {
    "main.tf": "TF001",
    "Dockerfile": "DF3006",
    "k8s/web.yaml": "K8S101",
    "compose.yaml": "CO101",
    "web/dist/web.js.map": "NPM101",
}


def repository(root: Path, files: dict[str, str]) -> list[str]:
    """A git repository that tracks these files; gives their paths."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    subprocess.run(["git", "-C", str(root), "add", "--all"], check=True)
    return list(files)


def hook(
    identifier: str, root: Path, *arguments: str, path: str | None = None
) -> subprocess.CompletedProcess[str]:
    """What a hook does with these arguments, with the built-in formatter unless told."""
    return subprocess.run(
        [
            sys.executable,
            "-I",
            "-m",
            f"iachygiene.hooks.{identifier.replace('-', '_')}",
            *arguments,
        ],
        cwd=root,
        env={**os.environ, "PRE_COMMIT": "1", **({"PATH": path} if path is not None else {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def codes(done: subprocess.CompletedProcess[str]) -> set[str]:
    """The codes in concise output."""
    return {line.split(": ")[1].split()[1] for line in done.stdout.splitlines() if ":" in line}


def test_one_mistake_of_each_kind_is_in_one_combined_result(tmp_path: Path) -> None:
    files = repository(tmp_path, BAD)
    done = hook("iachygiene", tmp_path, "--engine", "builtin", *files)
    assert done.returncode == 1
    assert all(path in done.stdout and code in done.stdout for path, code in FOUND.items())


def test_good_files_pass_without_a_word(tmp_path: Path) -> None:
    files = repository(tmp_path, GOOD)
    done = hook("iachygiene", tmp_path, "--engine", "builtin", *files)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("identifier", "code"),
    [
        ("terraform-fmt", "TF001"),
        ("dockerfile-hygiene", "DF3006"),
        ("kubernetes-hygiene", "K8S101"),
        ("compose-hygiene", "CO101"),
        ("npm-sourcemaps", "NPM101"),
    ],
)
def test_a_hook_for_one_kind_reports_that_kind(identifier: str, code: str, tmp_path: Path) -> None:
    files = repository(tmp_path, BAD)
    done = hook(identifier, tmp_path, "--engine", "builtin", "--format", "concise", *files)
    assert done.returncode == 1
    assert code in codes(done)
    assert not codes(done) & (set(FOUND.values()) - {code})


def test_a_finding_related_to_a_given_file_is_reported(tmp_path: Path) -> None:
    repository(
        tmp_path,
        {
            "service.yaml": (
                "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
                "spec:\n  selector: {app: web}\n  ports: [{port: 80}]\n"
            ),
            "deployment.yaml": (
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
                "spec:\n  selector: {matchLabels: {app: wbe}}\n"
                "  template:\n    metadata: {labels: {app: wbe}}\n"
                "    spec: {containers: [{name: web, image: 'web:1.0'}]}\n"
            ),
        },
    )
    done = hook("iachygiene", tmp_path, "--format", "concise", "deployment.yaml")
    assert any(
        line.startswith("service.yaml:") and "K8S601" in line for line in done.stdout.split("\n")
    )


@pytest.mark.parametrize("path", ["web/dist/web.js.map", "web/dist/web.js"])
def test_a_package_is_judged_when_only_a_file_of_its_build_is_given(
    path: str, tmp_path: Path
) -> None:
    repository(tmp_path, {**BAD, "web/dist/web.js": "export {};\n//# sourceMappingURL=gone.map\n"})
    done = hook("npm-sourcemaps", tmp_path, "--format", "concise", path)
    assert {line.partition(":")[0] for line in done.stdout.splitlines()} == {path}


def test_a_dockerfile_is_judged_when_only_its_ignore_file_is_given(tmp_path: Path) -> None:
    repository(
        tmp_path,
        {"Dockerfile": "FROM scratch\nCOPY . /app\n", ".dockerignore": "x\n", ".env": "A=1\n"},
    )
    done = hook("dockerfile-hygiene", tmp_path, "--format", "concise", ".dockerignore")
    assert "DF5102" in codes(done)


def test_files_that_were_not_given_are_not_reported(tmp_path: Path) -> None:
    repository(tmp_path, BAD)
    done = hook("iachygiene", tmp_path, "--format", "concise", "--engine", "builtin", "Dockerfile")
    assert {line.partition(":")[0] for line in done.stdout.splitlines()} == {"Dockerfile"}


def test_the_hook_for_the_whole_repository_is_given_no_files(tmp_path: Path) -> None:
    repository(tmp_path, BAD)
    done = hook("iachygiene-all", tmp_path, "--engine", "builtin")
    assert done.returncode == 1
    assert all(code in done.stdout for code in FOUND.values())


def test_the_fixing_hook_repairs_and_fails_once(tmp_path: Path) -> None:
    repository(tmp_path, {"main.tf": BAD["main.tf"]})
    assert hook("iachygiene-fix", tmp_path, "--engine", "builtin", "main.tf").returncode == 1
    assert (tmp_path / "main.tf").read_text(encoding="utf-8") == GOOD["main.tf"]
    assert hook("iachygiene-fix", tmp_path, "--engine", "builtin", "main.tf").returncode == 0


@pytest.mark.parametrize("identifier", ["iachygiene", "terraform-fmt", "iachygiene-all"])
def test_a_checking_hook_writes_nothing(identifier: str, tmp_path: Path) -> None:
    files = repository(tmp_path, BAD)
    hook(identifier, tmp_path, "--engine", "builtin", *files)
    assert {path: (tmp_path / path).read_text(encoding="utf-8") for path in BAD} == BAD


def test_validate_without_terraform_is_incomplete_not_green(tmp_path: Path) -> None:
    repository(tmp_path, GOOD)
    done = hook("terraform-validate", tmp_path, "main.tf", path=str(tmp_path / "nothing"))
    assert done.returncode == 3
    assert "terraform" in done.stdout + done.stderr


def test_formatting_without_terraform_is_judged_by_the_built_in_formatter(tmp_path: Path) -> None:
    repository(tmp_path, BAD)
    done = hook("terraform-fmt", tmp_path, "main.tf", path=str(tmp_path / "nothing"))
    assert done.returncode == 1
    assert "TF001" in done.stdout


def test_a_file_that_is_gone_is_passed_over(tmp_path: Path) -> None:
    repository(tmp_path, GOOD)
    done = hook("iachygiene", tmp_path, "--engine", "builtin", "deleted.tf")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_file_that_the_configuration_excludes_is_passed_over(tmp_path: Path) -> None:
    repository(tmp_path, {**BAD, ".iachygiene.toml": 'exclude = ["Dockerfile"]\n'})
    done = hook("iachygiene", tmp_path, "--engine", "builtin", "Dockerfile")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_file_named_like_an_option_is_a_file(tmp_path: Path) -> None:
    target = tmp_path / "stolen.tf"
    inside = f"--report=json={target}"
    repository(tmp_path / "repo", {inside: BAD["main.tf"], "--fix.tf": BAD["main.tf"]})
    done = hook("terraform-fmt", tmp_path / "repo", "--engine", "builtin", inside, "--fix.tf")
    assert done.returncode == 1
    assert done.stdout.count("TF001") >= 2
    assert not target.exists()


def test_a_repository_with_modules_of_our_names_runs_none_of_them(tmp_path: Path) -> None:
    mark = f"open({str(tmp_path / 'ran')!r}, 'w').close()\n"
    repository(
        tmp_path / "repo",
        {
            **BAD,
            "click.py": mark,
            "yaml.py": mark,
            "sitecustomize.py": mark,
            "iachygiene/__init__.py": mark,
            "iachygiene/cli.py": mark,
            "iachygiene/hooks/__init__.py": mark,
        },
    )
    done = hook("iachygiene", tmp_path / "repo", "--engine", "builtin", *BAD)
    assert done.returncode == 1
    assert not (tmp_path / "ran").exists()
