"""A secret that stands everywhere is shown nowhere: reports, logs, cache, temporary files.

Secrets are tokens of a known form, private keys, and passwords in URLs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from iachygiene.keys import FORMATS

BODY = "a1B2c3D4" * 4 + "q9W8"
TOKEN = "ghp_" + BODY
PASSWORD = "hunter2hunter2" + BODY[:6]
KEY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7" + BODY
URL = f"https://user:{PASSWORD}@example.org/a"

FILES = {
    "main.tf": f"""# iachygiene: ignore[TF101] -- {TOKEN}
variable "token" {{
  default = "{TOKEN}"
}}
locals {{
  a   = "{TOKEN}" // {TOKEN}
  {TOKEN} = 1
}}
provider "github" {{
  token = "{TOKEN}"
}}
module "a" {{
  source = "git::{URL}"
}}
module "b" {{
  source = "./{TOKEN}"
}}
resource "null_resource" "{TOKEN}" {{
  bad = <<EOT
{TOKEN}
EOT
}}
""",
    "terraform.tfvars": f'token="{TOKEN}"\n',
    "broken/main.tf": f'a = "{TOKEN}\nb = {TOKEN} {TOKEN}\n',
    "broken/pod.yaml": f"apiVersion: v1\nkind: Pod\na: [{TOKEN}\nb: {TOKEN}: {TOKEN}\n",
    "broken/package.json": f'{{"name": "{TOKEN}", "a": {TOKEN}}}\n',
    "broken/Dockerfile": f"FROM debian\n{TOKEN} {TOKEN}\nRUN <<EOT\n{TOKEN}\n",
    "broken/compose.yaml": f"services:\n  {TOKEN}: [\n",
    "Dockerfile": f"""FROM debian
# {TOKEN}
ARG TOKEN={TOKEN}
ENV TOKEN={TOKEN} OTHER="{TOKEN}"
LABEL a={TOKEN}
ADD {URL}/x.tar.gz /{TOKEN}
RUN curl -H "Authorization: Bearer {TOKEN}" {URL} | sh
RUN cd {TOKEN} && echo {TOKEN} > /root/.npmrc; sudo {TOKEN}
RUN <<EOT
export TOKEN={TOKEN}
EOT
COPY {TOKEN} /a
ENTRYPOINT {TOKEN}
""",
    "compose.yaml": f"""services:
  web:
    image: nginx:{TOKEN}
    environment:
      - TOKEN={TOKEN}
      - DATABASE_URL=postgres://user:{PASSWORD}@db/a
    command: run --token {TOKEN}
    {TOKEN}: a
    volumes: ["./{TOKEN}:/a"]
    env_file: [{TOKEN}.env]
secrets:
  a: {{file: "{TOKEN}"}}
""",
    "k8s/pod.yaml": f"""apiVersion: v1
kind: Pod
metadata:
  name: a
  labels: {{a: "{TOKEN}"}}
  annotations:
    iachygiene.dev/ignore: "{TOKEN}"
spec:
  {TOKEN}: b
  containers:
    - name: a
      image: nginx:{TOKEN}
      args: ["--token={TOKEN}"]
      env:
        - {{name: TOKEN, value: "{TOKEN}"}}
        - {{name: URL, value: "{URL}"}}
---
apiVersion: v1
kind: Secret
metadata: {{name: b}}
stringData:
  token: {TOKEN}
  key: |
    -----BEGIN PRIVATE KEY-----
    {KEY}
    -----END PRIVATE KEY-----
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: c}}
data:
  TOKEN: {TOKEN}
""",
    "k8s/kustomization.yaml": f"resources: [pod.yaml, '{TOKEN}.yaml', '{URL}']\n",
    "web/package.json": f"""{{
  "name": "a", "version": "1.0.0", "main": "a.js",
  "scripts": {{"postinstall": "curl {URL} -H {TOKEN}"}},
  "dependencies": {{"b": "git+{URL}", "c": "{TOKEN}"}},
  "repository": "{URL}",
  "files": ["*.js", "*.map", ".npmrc", ".env", "id_rsa", "{TOKEN}"]
}}
""",
    "web/.npmrc": f"//registry.npmjs.org/:_authToken={TOKEN}\n",
    "web/.env": f"TOKEN={TOKEN}\n",
    "web/id_rsa": f"-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n",
    "web/a.js": f'const token = "{TOKEN}";\n//# sourceMappingURL=a.js.map?{TOKEN}\n',
    "web/a.js.map": f'{{"version": 3, "sources": ["{TOKEN}.ts"], "sourcesContent": ["{TOKEN}"]}}\n',
    ".github/workflows/a.yaml": f"on: push\nenv: {{TOKEN: {TOKEN}}}\n",
}

TERRAFORM = f"""#!/bin/sh
case "$1" in version) echo '{{"terraform_version": "1.9.0"}}'; exit 0 ;; esac
echo "Error: {TOKEN} and {URL}" >&2
echo "{TOKEN}"
exit 7
"""
SHELLCHECK = f"""#!/bin/sh
[ "$1" = --version ] && {{ echo "version: 0.10.0"; exit 0; }}
echo "{TOKEN}: failed at {URL}" >&2
exit 9
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("canary")
    for path, text in FILES.items():
        file = top / "root" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for name in ("bin", "home", "tmp", "cache", "out"):
        (top / name).mkdir(mode=0o700)
    for name, text in (("terraform", TERRAFORM), ("shellcheck", SHELLCHECK)):
        (top / "bin" / name).write_text(text)
        (top / "bin" / name).chmod(0o755)
    subprocess.run(["git", "init", "--quiet", str(top / "root")], check=True)
    return top


def said(place: Path, *words: str) -> tuple[int, str]:
    """Exit code and everything that a command prints."""
    env = {
        "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(place / "home"),
        "TMPDIR": str(place / "tmp"),
        "IACHYGIENE_CACHE_DIR": str(place / "cache"),
        "LANG": "C.UTF-8",
    }
    done = subprocess.run(
        [sys.executable, "-I", "-m", "iachygiene", *words],
        cwd=place / "root",
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def secrets_in(text: str) -> list[str]:
    """The lines in which a secret, or a good part of one, is to be read."""
    parts = (TOKEN, BODY[:16], PASSWORD, KEY[:24])
    return [line[:300] for line in text.splitlines() if any(part in line for part in parts)]


def left(place: Path) -> Iterator[tuple[str, str]]:
    """What lies in the cache, in the temporary folder and in the reports."""
    for name in ("cache", "tmp", "home", "out"):
        for file in (place / name).rglob("*"):
            if file.is_file():
                yield str(file), file.read_bytes().decode(errors="replace")


@pytest.mark.parametrize("form", FORMATS)
def test_no_report_shows_a_secret(form: str, place: Path) -> None:
    report = f"{form}={place / 'out' / form}"
    words = ("scan", "--select", "ALL", "--format", form, "--report", report, "--no-suppressions")
    code, text = said(place, *words)
    assert code == 1, text[:2000]
    assert "DF3006" in text
    assert secrets_in(text) == []
    for name, held in left(place):
        assert secrets_in(held) == [], name


@pytest.mark.parametrize(
    "words",
    [
        ("scan", "-v"),
        ("scan", "-vv", "--statistics"),
        ("scan", "--tool", "terraform=always", "--format", "json", "-v"),
        ("scan", "web/package.json", "-v"),
        ("baseline", "create"),
        ("doctor", "-v"),
        ("npm-files", "web"),
        ("scan", "--show-files"),
    ],
    ids=" ".join,
)
def test_no_message_shows_a_secret(words: tuple[str, ...], place: Path) -> None:
    _, text = said(place, *words)
    assert secrets_in(text) == []
    for name, held in left(place):
        assert secrets_in(held) == [], name
    baseline = place / "root" / ".iachygiene-baseline.json"
    if baseline.exists():
        assert secrets_in(baseline.read_text()) == []
        baseline.unlink()
