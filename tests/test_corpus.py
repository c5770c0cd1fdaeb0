"""A repository that looks like a real one: clean as it is, found out when one thing changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from iachygiene.config import load
from iachygiene.discover import locate
from iachygiene.engine import Options, run
from iachygiene.model import Result

CORPUS = Path(__file__).parent / "corpus"
ACROSS = ["DEFAULT", "PRJ"]


def scan(root: Path) -> Result:
    place = locate([], str(root))
    config = load(place.root).with_command_line({"select": ACROSS})
    options = Options(engine="builtin", workers=1)
    return run(place.root, place.listing, config, options).result


@pytest.fixture
def storefront(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CORPUS / "storefront", tmp_path / "storefront"))


def test_the_storefront_is_clean(storefront: Path) -> None:
    result = scan(storefront)
    assert [(one.rule, one.location.path, one.message) for one in result.findings] == []
    assert not result.crashes
    assert not result.unchecked
    assert set(result.counts) == {"compose", "dockerfile", "kubernetes", "npm", "terraform"}


@pytest.mark.parametrize(
    ("rule", "path", "before", "after"),
    [
        ("PRJ101", "k8s/db.yaml", "postgres:17.5-alpine3.22", "postgres:16.9-alpine3.22"),
        ("PRJ102", "k8s/api.yaml", "containerPort: 8000", "containerPort: 8080"),
        ("PRJ102", "k8s/web.yaml", "targetPort: 3000", "targetPort: 8080"),
        ("PRJ102", "compose.yaml", "8000:8000", "8000:8001"),
        ("PRJ103", "api/Dockerfile", "USER 10001", "USER api"),
        ("PRJ105", "k8s/web.yaml", "http://api.storefront:8000", "http://api.storefrnt.svc:8000"),
        ("PRJ106", "web/.nvmrc", "22", "24"),
        ("PRJ106", "web/package.json", ">=22", ">=24"),
        ("PRJ106", "api/pyproject.toml", ">=3.12", ">=3.14"),
        ("PRJ107", ".terraform-version", "1.11.4", "1.9.8"),
        ("PRJ107", ".github/workflows/release.yml", "1.11.4", "1.9.8"),
    ],
)
def test_one_change_in_the_storefront_is_found(
    rule: str, path: str, before: str, after: str, storefront: Path
) -> None:
    file = storefront / path
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1
    file.write_text(text.replace(before, after), encoding="utf-8")
    assert {one.rule for one in scan(storefront).findings if one.rule[:3] == "PRJ"} == {rule}


def test_storefront_without_a_probe_is_found(storefront: Path) -> None:
    file = storefront / "k8s/api.yaml"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if "Probe" not in line and "httpGet" not in line]
    file.write_text("".join(kept), encoding="utf-8")
    found = scan(storefront).findings
    # The rule about the manifest alone takes over what the Dockerfile says.
    probes = [one for one in found if one.rule in ("K8S401", "K8S411")]
    assert any("api/Dockerfile" in {place.path for place in one.related} for one in probes)


def test_secret_that_is_mounted_and_copied_is_found(storefront: Path) -> None:
    compose = storefront / "compose.yaml"
    text = compose.read_text(encoding="utf-8")
    text = text.replace("    networks: [back]\n", "    networks: [back]\n    secrets: [token]\n", 1)
    compose.write_text(text + "\nsecrets:\n  token: {file: api/main.py}\n", encoding="utf-8")
    assert {one.rule for one in scan(storefront).findings} == {"PRJ109"}


def test_configurations_that_contradict_one_another_are_found(storefront: Path) -> None:
    text = (storefront / "infra/main.tf").read_text(encoding="utf-8")
    (storefront / "more").mkdir()
    (storefront / "more/main.tf").write_text(text.replace("~> 3.7", "~> 2.3"), encoding="utf-8")
    assert {one.rule for one in scan(storefront).findings} == {"PRJ108"}
