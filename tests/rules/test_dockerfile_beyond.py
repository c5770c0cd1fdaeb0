"""Edge cases of the Dockerfile rules beyond hadolint that their examples do not show."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from iachygiene.files import Tree
from iachygiene.image import parse_image
from iachygiene.model import Finding, Findings, Job, Location, Severity
from iachygiene.parse.dockerfile import Dockerfile, load
from iachygiene.rule import rules_of
from iachygiene.rules.dockerfile.base_images import tag_not_specific, unpinned_copy_from
from iachygiene.rules.dockerfile.continuations import dangling_continuation, trailing_escape_space
from iachygiene.rules.dockerfile.credentials import (
    is_credentials_file,
    is_placeholder,
    is_random,
    says_secret,
)
from iachygiene.rules.dockerfile.distributions import distribution
from iachygiene.rules.dockerfile.downloads import http_download, pipe_to_shell
from iachygiene.rules.dockerfile.end_of_life import eol_base
from iachygiene.rules.dockerfile.environment import cmd_env_expansion, debian_frontend_kept
from iachygiene.rules.dockerfile.healthcheck import healthcheck_curl_fail
from iachygiene.rules.dockerfile.ignore_files import dockerignore_mistake
from iachygiene.rules.dockerfile.lockfiles import lockfile_not_frozen
from iachygiene.rules.dockerfile.modes import world_writable_mode
from iachygiene.rules.dockerfile.node import node_env_too_early
from iachygiene.rules.dockerfile.package_managers import package_manager_mismatch
from iachygiene.rules.dockerfile.ports import expose_invalid
from iachygiene.rules.dockerfile.secret_values import secret_in_instruction, url_credentials
from iachygiene.rules.dockerfile.shells import shell_missing
from iachygiene.rules.dockerfile.spelling import comment_in_argument, legacy_key_value
from iachygiene.rules.dockerfile.tls import tls_off_command

Check = Callable[..., Findings]


def check(
    rule: Check, text: str, root: Path, files: Mapping[str, str] = {}, **options: object
) -> list[Finding]:
    for name, contents in {"Dockerfile": text, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(contents.encode())
    *_, unit = load(Job("dockerfile", "", ("Dockerfile",)), Tree(str(root)))
    assert isinstance(unit, Dockerfile)
    return list(rule(unit, **options))


def flagged(found: list[Finding], text: str) -> list[str]:
    return [text[slice(*finding.location.span)] for finding in found]


@pytest.mark.parametrize(
    ("image", "manager", "libc"),
    [
        ("alpine:3.22", "apk", "musl"),
        ("node:22-alpine3.22", "apk", "musl"),
        ("docker.io/library/node:22", "apt", "glibc"),
        ("arm64v8/debian:12", "apt", "glibc"),
        ("registry.example.com/app:1-bookworm", "apt", "glibc"),
        ("fedora:42", "dnf", "glibc"),
        ("almalinux:9-minimal", "microdnf", "glibc"),
        ("centos:7", "yum", "glibc"),
        ("centos", "dnf", "glibc"),
        ("amazonlinux:2", "yum", "glibc"),
        ("amazonlinux:2023", "dnf", "glibc"),
        ("oraclelinux:9-slim", "microdnf", "glibc"),
        ("registry.access.redhat.com/ubi9", "dnf", "glibc"),
        ("registry.access.redhat.com/ubi8/ubi-minimal:8.10", "microdnf", "glibc"),
        ("redhat/ubi9-minimal:9.4", "microdnf", "glibc"),
        ("registry.access.redhat.com/ubi9/ubi-micro", "", "glibc"),
        ("cgr.dev/chainguard/wolfi-base", "apk", "glibc"),
        ("gcr.io/distroless/static-debian12", "", ""),
        ("gcr.io/distroless/base-debian12", "", "glibc"),
        ("mcr.microsoft.com/dotnet/sdk:8.0-alpine", "apk", "musl"),
        ("mcr.microsoft.com/dotnet/aspnet:8.0", "apt", "glibc"),
        ("mcr.microsoft.com/dotnet/runtime:8.0-azurelinux3.0", "tdnf", "glibc"),
        ("openjdk:8", "apt", "glibc"),
        ("openjdk:17", "microdnf", "glibc"),
        ("openjdk:17-slim", "apt", "glibc"),
        ("opensuse/leap:15", "zypper", "glibc"),
        ("scratch", "", ""),
    ],
)
def test_distribution_of_a_known_image(image: str, manager: str, libc: str) -> None:
    known = distribution(parse_image(image, Location("")))
    assert known is not None
    assert (known.manager, known.libc) == (manager, libc)


@pytest.mark.parametrize(
    "image",
    [
        "registry.example.com/alpine-tools:1",
        "team/app:slim",
        "golang:windowsservercore-ltsc2022",
        "mcr.microsoft.com/windows/servercore:ltsc2022",
        "node:$TAG",
        "$BASE",
        "gradle:8-jdk21-graal",
        "maven:3-openjdk-17",
        "cgr.dev/chainguard/python:latest",
        "mcr.microsoft.com/playwright:v1",
    ],
)
def test_distribution_of_an_image_that_is_not_known(image: str) -> None:
    assert distribution(parse_image(image, Location(""))) is None


@pytest.mark.parametrize(
    ("base", "run", "found"),
    [
        ("ubuntu:24.04", "apk add curl", True),
        ("alpine:3.22", "apt-get update || apk update", True),
        ("alpine:3.22", "apk update || apt-get update", False),
        ("alpine:3.22", "which apt-get && apt-get update", False),
        ("alpine:3.22", "[ -x /usr/bin/apt-get ] && apt-get update", False),
        ("alpine:3.22", "command -v apt-get >/dev/null && apt-get update", False),
        ("alpine:3.22", "apk add dpkg apt && apt-get update", False),
        ("fedora:42", "yum install -y git", False),
        ("debian:12", "adduser --system --group app", False),
        ("debian:12", "addgroup -S app", True),
        ("node:22-alpine", "groupadd -r app", True),
        ("node:22", "groupadd -r app", False),
        ("busybox", "apk add git", False),
    ],
)
def test_package_manager_against_base(base: str, run: str, found: bool, tmp_path: Path) -> None:
    text = f"FROM {base}\nRUN {run}\n"
    assert bool(check(package_manager_mismatch, text, tmp_path)) == found


def test_package_manager_copied_from_elsewhere_is_there(tmp_path: Path) -> None:
    text = "FROM debian:12\nCOPY --from=alpine:3.22 /sbin/apk /sbin/apk\nRUN apk add curl\n"
    assert check(package_manager_mismatch, text, tmp_path) == []


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("FROM scratch\nENTRYPOINT exec /app", ["ENTRYPOINT exec /app"]),
        ("FROM scratch\nCOPY --from=busybox:1 /bin/busybox /bin/busybox\nRUN ls", []),
        ('FROM scratch\nSHELL ["/app", "-c"]\nRUN ls', []),
        ("FROM scratch\nCOPY rootfs/ /\nCMD ls", []),
        ("FROM scratch\nENTRYPOINT []", []),
        ("FROM gcr.io/distroless/base\nHEALTHCHECK CMD curl -f a", ["HEALTHCHECK CMD curl -f a"]),
        ("FROM gcr.io/distroless/base:debug\nRUN ls", []),
        ('FROM node:22-alpine\nSHELL ["/bin/bash", "-c"]', ['"/bin/bash"']),
        ('FROM node:22-alpine\nRUN apk add bash\nSHELL ["/bin/bash", "-c"]', []),
        ("FROM node:22-alpine\nRUN apk add $PACKAGES\nRUN bash a", []),
        ("FROM postgres:17-alpine\nRUN bash a", []),
        ("FROM debian:12-slim\nHEALTHCHECK CMD wget -q localhost", ["wget"]),
        ("FROM nginx:1.27\nHEALTHCHECK CMD curl -f localhost", []),
        ("FROM python:3.13\nHEALTHCHECK CMD curl -f localhost", []),
    ],
)
def test_shell_that_is_missing(lines: str, found: list[str], tmp_path: Path) -> None:
    assert flagged(check(shell_missing, lines + "\n", tmp_path), lines) == found


@pytest.mark.parametrize(
    ("image", "depth", "found"),
    [
        ("node:22", 2, True),
        ("node:22.1", 2, False),
        ("node:22.1", 3, True),
        ("openjdk:8u212-jdk", 2, False),
        ("golang:1", 2, True),
        ("ubuntu:jammy", 2, False),
        ("python:bookworm", 2, True),
        ("redis:7", 2, False),
        ("redis:alpine", 2, True),
        ("node:lts${SUFFIX}", 2, False),
        ("mcr.microsoft.com/dotnet/sdk:8.0", 2, False),
        ("node:latest", 2, False),
    ],
)
def test_tag_that_is_not_specific(image: str, depth: int, found: bool, tmp_path: Path) -> None:
    assert bool(check(tag_not_specific, f"FROM {image}\n", tmp_path, tag_depth=depth)) == found


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ("debian:bullseye-slim", False),
        ("debian:10.3", True),
        ("ubuntu:23.10", True),
        ("ubuntu:22.04", False),
        ("alpine:3.9.2", True),
        ("alpine:3", False),
        ("centos:stream8", True),
        ("node:lts-buster", True),
        ("node:0.12", True),
        ("golang:1.9-alpine3.6", True),
        ("golang:1.26", False),
        ("python:3", False),
        ("php:7-apache", True),
        ("nginx:1.27-alpine3.18", True),
        ("rust:buster", True),
        ("bitnami/node:16", False),
        ("node:$VERSION", False),
    ],
)
def test_base_out_of_support(image: str, found: bool, tmp_path: Path) -> None:
    assert bool(check(eol_base, f"FROM {image}\n", tmp_path)) == found


def test_base_out_of_support_on_another_day(tmp_path: Path) -> None:
    assert check(eol_base, "FROM debian:10\n", tmp_path, today="2024-06-29") == []
    assert check(eol_base, "FROM debian:10\n", tmp_path, today="2024-06-30") != []


@pytest.mark.parametrize(
    ("run", "found"),
    [
        ("curl -s a | bash", ["bash"]),
        ("curl -s a | tee f | sh -s -- -y", ["sh"]),
        ("wget -O - a | python3", ["python3"]),
        ("wget -O - a | python3 -", ["python3"]),
        ("curl -s a | perl -pe s/a/b/", []),
        ("curl -s a | bash -c 'cat'", []),
        ("curl -s a | sh script.sh", []),
        ("curl -s a | sudo tee /etc/a", []),
        ("curl -s a | sudo bash", ["sudo"]),
        ("curl -s a | gpg --verify | sh", []),
        ("cat a | sh", []),
        ('eval "$(curl -s a)"', ['eval "$(curl']),
        ('sh -c "$(wget -qO- a)"', ['sh -c "$(wget']),
        ('echo "$(curl -s a)"', []),
        ("source <(curl -s a)", ["source <(curl"]),
    ],
)
def test_downloads_that_run_at_once(run: str, found: list[str], tmp_path: Path) -> None:
    text = f"FROM a:1\nRUN {run}\n"
    assert flagged(check(pipe_to_shell, text, tmp_path), text) == found


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("http://example.org/a", True),
        ("http://user@example.org:8080/a", True),
        ("http://127.0.0.1/a", False),
        ("http://192.168.1.2/a", False),
        ("http://[::1]/a", False),
        ("http://nexus.local/a", False),
        ("http://$HOST/a", False),
        ("http://mirror/a", False),
        ("https://example.org/a", False),
    ],
)
def test_download_without_tls(address: str, found: bool, tmp_path: Path) -> None:
    text = f"FROM a:1\nRUN curl -f {address}\nADD {address} /a\n"
    assert len(check(http_download, text, tmp_path)) == (2 if found else 0)


@pytest.mark.parametrize(
    ("run", "found"),
    [
        ("curl -fsSLk a", ["-fsSLk"]),
        ("curl -ok a", []),
        ("curl -o k a", []),
        ("curl --insecure a", ["--insecure"]),
        ("git -c http.sslVerify=false clone a", ["http.sslVerify=false"]),
        ("git config --global http.sslVerify false", ["false"]),
        ("git config --global http.https://a.b/.sslVerify false", ["false"]),
        ("yum install --setopt=sslverify=0 a", ["--setopt=sslverify=0"]),
        ("python3 -m pip install --trusted-host a b", ["--trusted-host"]),
        ("python3 app.py --trusted-host a", []),
        ("apt-get install -y --force-yes a", ["--force-yes"]),
        ("go env -w GOINSECURE=example.com", ["GOINSECURE=example.com"]),
        ("npm config set strict-ssl=false", ["strict-ssl=false"]),
        ("npm config set strict-ssl true", []),
        ("tar -k a", []),
    ],
)
def test_checks_switched_off(run: str, found: list[str], tmp_path: Path) -> None:
    text = f"FROM a:1\nRUN {run}\n"
    assert flagged(check(tls_off_command, text, tmp_path), text) == found


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("API_KEY", True),
        ("DB_PASSWORD", True),
        ("AWS_ACCESS_KEY_ID", True),
        ("TOKENIZERS_PARALLELISM", False),
        ("SSH_PUBLIC_KEY", False),
        ("PASSWORD_FILE", False),
        ("KEYBOARD", False),
        ("Filters__0__Key", False),
        ("Db__Password", True),
    ],
)
def test_names_that_say_secret(name: str, says: bool) -> None:
    assert says_secret(name) == says


@pytest.mark.parametrize(
    "value",
    ["changeme", "change-me", "xxxxxxxx", "your-token", "<token>", "${X}", "password", "aaaaaaaa"],
)
def test_values_that_hold_the_place_of_a_secret(value: str) -> None:
    assert is_placeholder(value)
    assert not is_random(value)


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        ("id_rsa", True),
        ("home/.aws/credentials", True),
        ("tls/server.key", True),
        ("server.pem", True),
        ("ca-bundle.pem", False),
        ("id_rsa.pub", False),
        ("prod.tfvars.example", False),
        ("prod.tfvars", True),
        ("service-account-prod.json", True),
        ("config.json", False),
        (".docker/config.json", True),
        ("keys.py", False),
    ],
)
def test_names_of_files_with_credentials(path: str, secret: bool) -> None:
    assert is_credentials_file(path) == secret


def test_the_value_of_a_secret_is_not_printed(tmp_path: Path) -> None:
    value = "hk7Qz9Lw2Xe8Rt4V"
    (finding,) = check(secret_in_instruction, f"FROM a:1\nENV API_KEY={value}\n", tmp_path)
    assert value not in finding.message


@pytest.mark.parametrize(
    ("address", "severity"),
    [
        ("https://a:b@git.shop.test/x", Severity.ERROR),
        ("https://a:$B@git.shop.test/x", Severity.WARNING),
        ("https://a:${B}@git.shop.test/x", Severity.WARNING),
        ("https://a:@git.shop.test/x", None),
        ("https://a@git.shop.test/x", None),
        ("https://a:b@example.com/x", None),
        ("https://a:<password>@git.shop.test/x", None),
        ("git@git.shop.test:x", None),
        ("https://git.shop.test:8080/@scope/x", None),
    ],
)
def test_address_with_a_password(address: str, severity: Severity | None, tmp_path: Path) -> None:
    found = check(url_credentials, f"FROM a:1\nENV URL={address}\n", tmp_path)
    levels = [finding.severity or Severity.ERROR for finding in found]
    assert levels == ([] if severity is None else [severity])


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ('CMD ["app", "${HOME}/x"]', True),
        ('CMD ["app", "\\\\$HOME"]', False),
        ('CMD ["tini", "--", "sh", "-c", "echo $X"]', False),
        ('CMD ["node", "-e", "console.log(`$X`)"]', False),
        ('CMD ["app", "^foo$"]', False),
        ('CMD ["app", "$(date)"]', False),
        ("CMD app $HOME", False),
    ],
)
def test_variables_in_the_json_form(command: str, found: bool, tmp_path: Path) -> None:
    assert bool(check(cmd_env_expansion, f"FROM a:1\n{command}\n", tmp_path)) == found


def test_fix_of_the_old_form_of_debian_frontend(tmp_path: Path) -> None:
    text = "FROM debian:12\nENV DEBIAN_FRONTEND noninteractive\n"
    (finding,) = check(debian_frontend_kept, text, tmp_path)
    assert finding.fix is not None
    assert [edit.text for edit in finding.fix.edits] == ["ARG", "="]


@pytest.mark.parametrize(
    ("check_line", "found"),
    [
        ("CMD curl -s http://a || exit 1", True),
        ("CMD curl -sSf http://a", False),
        ("CMD curl -o /dev/null -f http://a", False),
        ("CMD curl -of http://a", True),
        ("CMD curl --fail-with-body http://a", False),
        ("CMD curl http://a | grep ok", False),
        ('CMD ["curl", "--fail", "http://a"]', False),
        ('CMD ["sh", "-c", "curl http://a"]', False),
        ("NONE", False),
    ],
)
def test_curl_in_a_health_check(check_line: str, found: bool, tmp_path: Path) -> None:
    text = f"FROM a:1\nHEALTHCHECK {check_line}\n"
    assert bool(check(healthcheck_curl_fail, text, tmp_path)) == found


@pytest.mark.parametrize(
    ("mode", "found"),
    [
        ("777", True),
        ("-R 0777", True),
        ("1777", False),
        ("666", True),
        ("755", False),
        ("o+w", True),
        ("a+rwX", True),
        ("u=rwx,go=rx", False),
        ("u=rwx,o=rw", True),
        ("+w", False),
        ("g+w", False),
    ],
)
def test_mode_that_lets_everybody_write(mode: str, found: bool, tmp_path: Path) -> None:
    text = f"FROM a:1\nRUN chmod {mode} /app\n"
    assert bool(check(world_writable_mode, text, tmp_path)) == found


@pytest.mark.parametrize(
    "port", ["8080", "8080/udp", "9000-9010/tcp", "${PORT}", '"80"', "53/sctp"]
)
def test_port_that_is_valid(port: str, tmp_path: Path) -> None:
    assert check(expose_invalid, f"FROM a:1\nEXPOSE {port}\n", tmp_path) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("USER app # the user", ["# the user"]),
        ("COPY a b # both", ["# both"]),
        ("WORKDIR /a # here", ["# here"]),
        ('ENV A="x # y"', []),
        ("ENV A=b#c", []),
        ("COPY #a b", []),
        ("RUN make # all", []),
        ('ENTRYPOINT ["/app"] # start', ["# start"]),
        ("CMD run # start", []),
        ("LABEL a=b # c", []),
    ],
)
def test_remark_behind_an_instruction(line: str, found: list[str], tmp_path: Path) -> None:
    text = f"FROM a:1\n{line}\n"
    assert flagged(check(comment_in_argument, text, tmp_path), text) == found


@pytest.mark.parametrize(
    ("line", "edits"),
    [
        ("ENV A b", ["="]),
        ("ENV A b c", ["=", '"b c"']),
        ('ENV A "b c"', ["="]),
        ('ENV A b "c"', None),
        ("ENV A  /x:$PATH", ["="]),
    ],
)
def test_fix_of_the_old_form(line: str, edits: list[str] | None, tmp_path: Path) -> None:
    (finding,) = check(legacy_key_value, f"FROM a:1\n{line}\n", tmp_path)
    made = [edit.text for edit in finding.fix.edits] if finding.fix else None
    assert made == edits


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FROM a:1\nRUN make \\\nCOPY a b\n", ["COPY"]),
        ("FROM a:1\nRUN make && \\\nCOPY a b\n", []),
        ("FROM a:1\nRUN make \\\n  COPY a b\n", []),
        ("FROM a:1\nEXPOSE 80 \\\n    81 \\\n\nUSER app\n", ["USER"]),
        ("FROM a:1\nRUN a \\\n# USER x\n b\n", []),
        ("FROM a:1\nRUN make \\\n", ["\\"]),
        ("FROM a:1\nRUN make \\\\\n", []),
        ("FROM a:1\nRUN make\n# a \\\n", []),
    ],
)
def test_continuation_that_swallows(text: str, found: list[str], tmp_path: Path) -> None:
    assert flagged(check(dangling_continuation, text, tmp_path), text) == found


def test_blanks_behind_a_backtick_that_continues(tmp_path: Path) -> None:
    text = "# escape=`\nFROM a:1\nRUN a ` \n  b \\ \n"
    assert flagged(check(trailing_escape_space, text, tmp_path), text) == [" "]


@pytest.mark.parametrize(
    ("ignore", "messages"),
    [
        ("#\n# x\n.git\n", 0),
        ("a\\#b\n", 0),
        ("*\n!src\n", 0),
        ("*\n!src/**/*.py\n", 0),
        ("src\n!src/keep\n", 0),
        ("*.md\n!README.md\n", 0),
        ("docs/*.md\n!docs\n", 0),
        ("!x\n", 1),
        ("a\n!b\n", 1),
        ("[ab\n", 1),
        ("\t# x\n", 1),
        ("!\n", 1),
    ],
)
def test_lines_of_an_ignore_file(ignore: str, messages: int, tmp_path: Path) -> None:
    files = {".dockerignore": ignore}
    assert len(check(dockerignore_mistake, "FROM a:1\nCOPY . .\n", tmp_path, files)) == messages


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("COPY yarn.lock .\nRUN yarn --immutable", False),
        ("COPY yarn.lock .\nRUN CI=1 yarn", False),
        ("COPY yarn.lock .\nENV CI=true\nRUN yarn", False),
        ("COPY yarn.lock .\nRUN yarn build", False),
        ("COPY yarn.lock .\nRUN yarn add x", False),
        ("COPY yarn.lock .\nRUN yarn --cwd web install", True),
        ("COPY pnpm-lock.yaml .\nRUN pnpm fetch", False),
        ("COPY Gemfile* .\nRUN bundle config --global frozen 1\nRUN bundle install", False),
        ("COPY composer.* .\nRUN composer install", False),
        ("RUN --mount=type=bind,source=uv.lock,target=uv.lock uv sync", True),
        ("RUN --mount=type=bind,source=uv.lock,target=uv.lock uv sync --locked", False),
        ("COPY Cargo.lock .\nRUN cargo build", False),
    ],
)
def test_installation_that_follows_its_lockfile(lines: str, found: bool, tmp_path: Path) -> None:
    files = {"Gemfile.lock": "", "Gemfile": "", "composer.json": "", "composer.lock": ""}
    text = f"FROM a:1\n{lines}\n"
    assert bool(check(lockfile_not_frozen, text, tmp_path, files)) == found


@pytest.mark.parametrize(
    ("install", "found"),
    [
        ("npm ci", True),
        ("npm ci --include=dev", False),
        ("npm ci --omit=dev", False),
        ("NODE_ENV=development npm ci", False),
        ("yarn install --production=false", False),
        ("npm install express", False),
    ],
)
def test_install_before_a_build(install: str, found: bool, tmp_path: Path) -> None:
    text = f"FROM a:1\nENV NODE_ENV production\nCOPY . .\nRUN {install}\nRUN npm run build\n"
    manifest = '{"scripts": {"build": "tsc"}, "devDependencies": {"typescript": "5"}}'
    found_here = check(node_env_too_early, text, tmp_path, {"package.json": manifest})
    assert bool(found_here) == found


def test_named_contexts_are_no_images(tmp_path: Path) -> None:
    text = "FROM a:1\nCOPY --from=docs / /docs\n"
    assert check(unpinned_copy_from, text, tmp_path, build_contexts=("docs",)) == []
    assert check(unpinned_copy_from, text, tmp_path) != []


@pytest.mark.parametrize(
    "line",
    [
        "RUN apt-get update",
        "RUN rm -rf /var/lib/apt/lists/*",
        "RUN yarn install",
        "RUN npm ci",
        "RUN bundle install",
        "RUN --mount=type=cache,target=/var/cache/apt apt-get install -y a",
        "RUN apk add --virtual x a && useradd b",
        "RUN curl -fsSL https://example.org/a | sh",
        "COPY a /b",
        "VOLUME /a",
        "EXPOSE 22",
    ],
)
def test_time_grows_with_the_file_and_not_faster(line: str) -> None:
    head = "FROM debian:12\nENV NODE_ENV=production\nCOPY yarn.lock Gemfile.lock ./\n"

    def seconds(count: int) -> float:
        tree = Tree("/nowhere")
        tree.overlay["Dockerfile"] = f"{head}{(line + chr(10)) * count}RUN yarn build\n".encode()
        *_, unit = load(Job("dockerfile", "", ("Dockerfile",)), tree)
        started = time.process_time()
        for rule in rules_of("dockerfile"):
            assert sum(1 for _ in rule.check(unit)) >= 0
        return time.process_time() - started

    assert seconds(4_000) < 12 * seconds(1_000) + 0.2
