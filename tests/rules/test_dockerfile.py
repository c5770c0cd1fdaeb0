"""Edge cases of the Dockerfile rules that their examples do not show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from iachygiene.files import Tree
from iachygiene.model import Finding, Findings, Job, Severity
from iachygiene.parse.dockerfile import Dockerfile, load
from iachygiene.rules.dockerfile.apt import apt_lists_kept
from iachygiene.rules.dockerfile.cache import copy_before_deps, npm_install_not_ci
from iachygiene.rules.dockerfile.context import dockerignore_incomplete, dockerignore_missing
from iachygiene.rules.dockerfile.healthcheck import healthcheck_missing
from iachygiene.rules.dockerfile.images import latest_base_image, unpinned_base_image
from iachygiene.rules.dockerfile.layout import crlf_in_dockerfile, relative_workdir
from iachygiene.rules.dockerfile.secrets import secret_in_variable_name
from iachygiene.rules.dockerfile.users import root_user, user_not_set

Check = Callable[..., Findings]


def check(
    rule: Check, text: str, root: Path, files: Mapping[str, str] = {}, **options: object
) -> list[Finding]:
    for name, contents in {"Dockerfile": text, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(contents.encode())
    (unit,) = load(Job("dockerfile", "", ("Dockerfile",)), Tree(str(root)))
    assert isinstance(unit, Dockerfile)
    return list(rule(unit, **options))


def flagged(found: list[Finding], text: str) -> list[str]:
    return [text[slice(*finding.location.span)] for finding in found]


@pytest.mark.parametrize("path", ["a", '"a b"', "cc:/x", "~/x", "\\x", "."])
def test_workdir_that_is_relative(path: str, tmp_path: Path) -> None:
    text = f"FROM a:1\nWORKDIR {path}\n"
    assert flagged(check(relative_workdir, text, tmp_path), text) == [path]


@pytest.mark.parametrize("path", ["/", "'/x y'", "${X}", '"$X"', "C:\\x", "'c:/x'"])
def test_workdir_that_is_absolute(path: str, tmp_path: Path) -> None:
    assert check(relative_workdir, f"FROM a:1\nWORKDIR {path}\n", tmp_path) == []


@pytest.mark.parametrize("user", ["root", "0", "root:x", "0:0"])
def test_last_user_that_is_root(user: str, tmp_path: Path) -> None:
    text = f"FROM a:1\nUSER app\nUSER {user}\n"
    assert flagged(check(root_user, text, tmp_path), text) == [user]


@pytest.mark.parametrize("user", ['"root"', "ROOT", "00", "rooted", "$U", "root # x"])
def test_last_user_that_hadolint_does_not_take_for_root(user: str, tmp_path: Path) -> None:
    assert check(root_user, f"FROM a:1\nUSER {user}\n", tmp_path) == []


def test_root_with_blanks_behind_it_is_not_what_hadolint_reports(tmp_path: Path) -> None:
    (finding,) = check(root_user, "FROM a:1\nUSER root  \n", tmp_path)
    assert finding.aliases == ("checkov:CKV_DOCKER_8",)


@pytest.mark.parametrize(
    ("base", "seen_by_hadolint"),
    [
        ("debian", True),
        ("reg.io:5000/debian", True),
        ("debian${V}", True),
        ('"debian"', True),
        ("localhost:5000/debian", False),
        ("reg.io/build", False),
        ("Build", True),
    ],
)
def test_unpinned_base_image(base: str, seen_by_hadolint: bool, tmp_path: Path) -> None:
    text = f"FROM a:1 AS build\nFROM {base}\n"
    (finding,) = check(unpinned_base_image, text, tmp_path)
    aliases = finding.aliases or ()
    assert ("hadolint:DL3006" in aliases) == seen_by_hadolint
    assert text[slice(*finding.location.span)].strip('"') == base.strip('"')


@pytest.mark.parametrize("base", ["$X", "${X:-a}", "reg.io/$X", "${R}/a", "a:$X", "a@sha256:0"])
def test_base_image_that_is_pinned_or_unknown(base: str, tmp_path: Path) -> None:
    assert check(unpinned_base_image, f"FROM {base}\n", tmp_path) == []


@pytest.mark.parametrize("base", ["a:latest", "$X:latest", "reg.io:5000/a:latest"])
def test_latest_base_image_is_only_one_finding(base: str, tmp_path: Path) -> None:
    assert len(check(latest_base_image, f"FROM {base}\n", tmp_path)) == 1
    assert check(unpinned_base_image, f"FROM {base}\n", tmp_path) == []


@pytest.mark.parametrize(
    "run",
    [
        "apt-get update",
        "apt update && apt install x",
        "<<EOF\napt-get update\nEOF",
        'x="$(apt-get update)"',
        "--mount=type=cache,target=/var/cache/apt apt-get update",
        '["apt-get", "update"]',
        "apt-get update && rm -r -f /var/lib/apt/lists",
    ],
)
def test_package_lists_that_stay(run: str, tmp_path: Path) -> None:
    assert len(check(apt_lists_kept, f"FROM a:1\nRUN {run}\n", tmp_path)) == 1


@pytest.mark.parametrize(
    "run",
    [
        "echo apt-get update",
        "sudo apt-get update",
        "apt-get update && rm -rf /tmp/x",
        "apt-get update && rm /var/lib/apt/lists/*",
        "--mount=type=cache,target=/var/lib/apt --mount=type=cache,target=/var/cache/apt"
        " apt-get update",
        "--mount=type=tmpfs,target=/var/lib/apt/lists apt-get update",
        "apt-get update 'x",
    ],
)
def test_package_lists_that_go_or_are_not_seen(run: str, tmp_path: Path) -> None:
    assert check(apt_lists_kept, f"FROM a:1\nRUN {run}\n", tmp_path) == []


def test_package_lists_stand_at_the_command_on_its_own_line(tmp_path: Path) -> None:
    text = "FROM a:1\nRUN set -e \\\n # x\n && apt-get update\n"
    (finding,) = check(apt_lists_kept, text, tmp_path)
    assert text[finding.location.span.start :].startswith("apt-get update")
    assert finding.object == "stage 0"


@pytest.mark.parametrize(
    ("run", "severity"),
    [
        ("npm ci", None),
        ("npm --prefix web ci", None),
        ("yarn", None),
        ("pnpm install --frozen-lockfile", None),
        ("pip install -r requirements.txt", None),
        ("python3 -m pip install --no-cache-dir -r requirements.txt", None),
        ("pip install .", Severity.INFO),
        ("poetry install --no-root", None),
        ("uv sync --frozen", None),
        ("bundle install", None),
        ("go mod download", None),
        ("go build ./...", Severity.INFO),
        ("cargo build --release", Severity.INFO),
        ("mvn -q dependency:go-offline", None),
        ("./mvnw package", Severity.INFO),
        ("./gradlew build", Severity.INFO),
        ("composer install", None),
        ("dotnet restore", None),
        ("--mount=type=cache,target=/root/.npm npm ci", Severity.INFO),
    ],
)
def test_dependencies_after_the_whole_context(
    run: str, severity: Severity | None, tmp_path: Path
) -> None:
    (finding,) = check(copy_before_deps, f"FROM a:1\nCOPY . .\nRUN {run}\n", tmp_path)
    assert finding.severity == severity


@pytest.mark.parametrize(
    "run",
    [
        "npm install -g pm2",
        "npm run build",
        "yarn build",
        "yarn --version",
        "pip install flask",
        "go install example.com/x@v1",
        "go build -mod=vendor",
        "cargo test",
        "chmod +x gradlew",
        "echo npm ci",
        "git clone https://x/y && npm ci",
        "--mount=type=bind,source=package.json,target=package.json npm ci",
        "pnpm fetch",
        "dotnet build --no-restore",
    ],
)
def test_what_installs_no_dependencies_of_the_context(run: str, tmp_path: Path) -> None:
    assert check(copy_before_deps, f"FROM a:1\nCOPY . .\nRUN {run}\n", tmp_path) == []


@pytest.mark.parametrize(
    "text",
    [
        "FROM a:1\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\nRUN npm ci --omit=dev\n",
        "FROM a:1\nCOPY --from=b . .\nRUN npm ci\n",
        "FROM a:1\nCOPY --exclude=* . .\nRUN npm ci\n",
        "FROM a:1 AS dev\nCOPY . .\nRUN npm ci\n",
        "FROM a:1 AS x\nCOPY . .\nFROM b:1\nRUN npm ci\n",
    ],
)
def test_dependencies_that_do_not_follow_the_sources(text: str, tmp_path: Path) -> None:
    assert check(copy_before_deps, text, tmp_path) == []


def test_context_of_manifests_only_may_be_copied_first(tmp_path: Path) -> None:
    files = {"package.json": "{}", "package-lock.json": "{}", ".dockerignore": "x\n"}
    text = "FROM a:1\nCOPY . .\nRUN npm ci\n"
    assert check(copy_before_deps, text, tmp_path, files) == []


@pytest.mark.parametrize(
    ("copy", "files", "severity"),
    [
        ("package*.json ./", {"package.json": "{}", "package-lock.json": "{}"}, None),
        (". .", {"package.json": "{}", "npm-shrinkwrap.json": "{}"}, None),
        ("web /web", {"web/package.json": "{}", "web/package-lock.json": "{}"}, None),
        ("package.json ./", {"package.json": "{}", "package-lock.json": "{}"}, Severity.INFO),
        (". .", {"package.json": "{}"}, Severity.INFO),
    ],
)
def test_npm_install_by_lockfile(
    copy: str, files: dict[str, str], severity: Severity | None, tmp_path: Path
) -> None:
    text = f"FROM node:20\nCOPY {copy}\nRUN npm install\n"
    (finding,) = check(npm_install_not_ci, text, tmp_path, files)
    assert finding.severity == severity
    assert (finding.fix is not None) == (severity is None)


@pytest.mark.parametrize("flags", ["--save-exact", "--no-package-lock", "-D", "--global-style"])
def test_npm_install_with_options_that_ci_does_not_know_is_not_fixed(
    flags: str, tmp_path: Path
) -> None:
    text = f"FROM node:20\nCOPY package.json package-lock.json ./\nRUN npm install {flags}\n"
    files = {"package.json": "{}", "package-lock.json": "{}"}
    (finding,) = check(npm_install_not_ci, text, tmp_path, files)
    assert finding.fix is None


@pytest.mark.parametrize("run", ["npm install x", "npm i -g", "npm install --package-lock-only"])
def test_npm_install_of_something_else(run: str, tmp_path: Path) -> None:
    assert check(npm_install_not_ci, f"FROM node:20\nCOPY . .\nRUN {run}\n", tmp_path) == []


def test_context_below_the_root_has_no_history_to_leave_out(tmp_path: Path) -> None:
    text = "FROM a:1\nCOPY src /src\n"
    assert check(dockerignore_missing, text, tmp_path, {"src/a": ""}) == []


def test_directory_that_is_copied_by_name_is_wanted(tmp_path: Path) -> None:
    text = "FROM a:1\nCOPY . /app\nCOPY dist /www\n"
    files = {"package.json": "{}", "dist/x": "", ".dockerignore": ".git\n"}
    assert check(dockerignore_incomplete, text, tmp_path, files) == []


def test_missing_patterns_are_one_finding_at_the_ignore_file(tmp_path: Path) -> None:
    files = {".env": "", "a.log": "", ".dockerignore": "*.md"}
    (finding,) = check(dockerignore_incomplete, "FROM a:1\nCOPY . /app\n", tmp_path, files)
    assert (finding.location.path, finding.severity) == (".dockerignore", Severity.WARNING)
    assert finding.message.endswith(": .git, .env, a.log")
    assert finding.fix is not None
    assert finding.fix.edits[0].text == "\n.git\n.env\n**/*.log\n"
    assert not finding.fix.safe


def test_allowed_path_is_not_reported(tmp_path: Path) -> None:
    files = {".env": "", ".dockerignore": ".git\n"}
    text = "FROM a:1\nCOPY . /app\n"
    assert check(dockerignore_incomplete, text, tmp_path, files, allow=(".env",)) == []


@pytest.mark.parametrize(
    ("text", "options", "count"),
    [
        ("FROM a:1\nEXPOSE 80\nCMD x\n", {}, 1),
        ("FROM a:1\nEXPOSE 80\nCMD x\n", {"oci": True}, 0),
        ("FROM a:1\nEXPOSE 80\nCMD x\n", {"healthcheck": "never"}, 0),
        ("FROM a:1\nCMD x\n", {"healthcheck": "always"}, 1),
        ("FROM a:1\nEXPOSE 80\n", {}, 0),
        ("FROM mirror.example.com/library/redis:7\n", {}, 1),
        ("FROM bitnami/nginx:1\n", {}, 1),
        ("FROM example/nginx:1\n", {}, 0),
        ("FROM gcr.io/distroless/static:nonroot\nEXPOSE 80\nCMD x\n", {}, 0),
        ("FROM a:1 AS builder\nEXPOSE 80\nCMD x\n", {}, 0),
    ],
)
def test_healthcheck_missing(
    text: str, options: dict[str, object], count: int, tmp_path: Path
) -> None:
    assert len(check(healthcheck_missing, text, tmp_path, **options)) == count


@pytest.mark.parametrize(
    ("base", "severity"),
    [
        ("node:20", Severity.WARNING),
        ("docker.io/library/node:20", Severity.WARNING),
        ("public.ecr.aws/docker/library/python:3.12", Severity.WARNING),
        ("scratch", Severity.WARNING),
        ("gcr.io/distroless/base", Severity.WARNING),
        ("registry.access.redhat.com/ubi9/ubi-minimal:9", Severity.WARNING),
        ("mcr.microsoft.com/dotnet/aspnet:8.0", Severity.WARNING),
        ("mcr.microsoft.com/dotnet/aspnet:8.0-noble-chiseled", None),
        ("registry.access.redhat.com/ubi9/nodejs-20:1", None),
        ("nginxinc/nginx-unprivileged:1", None),
        ("cgr.dev/chainguard/node:latest", None),
        ("bitnami/redis:7", None),
        ("example.com/node:20", None),
        ("$BASE", None),
    ],
)
def test_user_that_the_base_image_gives(
    base: str, severity: Severity | None, tmp_path: Path
) -> None:
    found = check(user_not_set, f"FROM {base}\nEXPOSE 80\nCMD x\n", tmp_path)
    assert [finding.severity for finding in found] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("instruction", "severity"),
    [
        ("ENV API_KEY=abc", None),
        ("ENV db_password abc", None),
        ("ENV AWS_ACCESS_KEY_ID=abc", None),
        ("ARG TOKEN", None),
        ("ARG TOKEN=$X", None),
        ("ENV LICENSE_KEY=", Severity.INFO),
    ],
)
def test_name_that_says_secret(instruction: str, severity: Severity | None, tmp_path: Path) -> None:
    (finding,) = check(secret_in_variable_name, f"FROM a:1\n{instruction}\n", tmp_path)
    assert finding.severity == severity


@pytest.mark.parametrize(
    "instruction",
    [
        "ENV PUBLIC_KEY=abc",
        "ENV SECRET_NAME=abc",
        "ENV KEY_ID=abc",
        "ENV KEYBOARD=de",
        "ENV TOKENIZERS=abc",
        "ENV AUTH=true",
        "ENV PASSWORD=/run/secrets/x",
        "ENV TOKEN_LIFETIME=3600",
        "LABEL secret=abc",
    ],
)
def test_name_or_value_that_is_no_secret(instruction: str, tmp_path: Path) -> None:
    assert check(secret_in_variable_name, f"FROM a:1\n{instruction}\n", tmp_path) == []


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("FROM a:1\r\nCMD x\r\n", Severity.WARNING),
        ("FROM a:1\nRUN <<EOF\r\nx\r\nEOF\r\n", Severity.ERROR),
        ("# escape=`\r\nFROM a:1\r\n", Severity.INFO),
    ],
)
def test_windows_line_ends(text: str, severity: Severity, tmp_path: Path) -> None:
    (finding,) = check(crlf_in_dockerfile, text, tmp_path)
    assert finding.severity == severity
    assert finding.fix is not None
    assert len(finding.fix.edits) == text.count("\r\n")


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ('FROM a:1\nCOPY bin /app\nENTRYPOINT ["/app/run.sh"]\n', ["bin/run.sh"]),
        ("FROM a:1\nCOPY bin/run.sh /\nRUN sh /run.sh\n", ["bin/run.sh"]),
        ("FROM a:1\nCOPY bin/run.sh /x.sh\nCMD /y.sh\n", []),
    ],
)
def test_script_with_windows_line_ends_that_is_copied_and_run(
    text: str, paths: list[str], tmp_path: Path
) -> None:
    found = check(crlf_in_dockerfile, text, tmp_path, {"bin/run.sh": "#!/bin/sh\r\nx\r\n"})
    assert [finding.location.path for finding in found] == paths
