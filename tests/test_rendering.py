"""Charts and kustomizations: rendered by stand-ins for their programs, and judged."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from iachygiene.cache import Cache
from iachygiene.config import load
from iachygiene.discover import locate
from iachygiene.engine import Options, run
from iachygiene.model import WHOLE_FILE, Result

CHART = {
    "web/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
    "web/templates/pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: {{ .Release.Name }}}\n",
    "web/charts/db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.0.0\n",
    "web/charts/db/templates/db.yaml": "apiVersion: v1\nkind: {{ .Values.kind }}\n",
}
POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers: [{name: web, image: nginx}]
"""
RENDERED = f"""\
---
# Source: shop/templates/pod.yaml
{POD}
---
# Source: shop/charts/db/templates/db.yaml
{POD.replace("web", "db")}
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory that is the only one on PATH besides the system's own tools."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("sh", "cat", "sleep", "echo", "printf"):
        for place in ("/bin", "/usr/bin"):
            if Path(place, name).exists():
                (directory / name).symlink_to(f"{place}/{name}")
                break
    monkeypatch.setenv("PATH", str(directory))
    return directory


def stand_in(directory: Path, name: str, script: str) -> None:
    file = directory / name
    version = 'case "$1" in version) echo "v5.16.2+g13654a5"; exit 0;; esac\n'
    file.write_text(f"#!/bin/sh\n{version}{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def prints(directory: Path, name: str, text: str) -> None:
    (directory / "output").write_text(text)
    stand_in(directory, name, f'cat "{directory}/output"')


def scan(
    tmp_path: Path,
    files: Mapping[str, str],
    select: tuple[str, ...] = ("K8S101", "K8S904"),
    changed: tuple[str, ...] = (),
    **options: Any,
) -> Result:
    root = tmp_path / "root"
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    place = locate([str(root / one) for one in changed], str(root))
    config = load(place.root).with_command_line({"select": [*select]})
    chosen = Options(focus=place.focus, explicit=place.explicit, workers=1, **options)
    return run(place.root, place.listing, config, chosen).result


def statuses(result: Result) -> list[tuple[str, str, int]]:
    return [(tool.check, tool.status, tool.units) for tool in result.tools]


def test_findings_of_a_chart_are_at_its_templates_as_a_whole(
    tmp_path: Path, programs: Path
) -> None:
    prints(programs, "helm", RENDERED)
    result = scan(tmp_path, CHART)
    assert [(one.location, one.object) for one in result.findings] == [
        (("web/charts/db/templates/db.yaml", WHOLE_FILE, ""), "Pod db, container db"),
        (("web/templates/pod.yaml", WHOLE_FILE, ""), "Pod web, container web"),
    ]
    assert statuses(result) == [("helm template", "ok", 1)]
    assert result.tools[0].version == "5.16.2"
    assert result.unchecked == []


def test_definitions_of_a_chart_are_judged_where_they_are(tmp_path: Path, programs: Path) -> None:
    prints(programs, "helm", f"# Source: shop/crds/pod.yaml\n{POD}{RENDERED}")
    result = scan(tmp_path, CHART | {"web/crds/pod.yaml": POD})
    assert [one.location.span for one in result.findings if "crds" in one.location.path] == [
        (POD.index("nginx"), POD.index("nginx") + 5)
    ]


SECRET = """\
# Source: shop/templates/pod.yaml
apiVersion: v1
kind: Secret
metadata: {name: web}
data: {username: c2hvcA==, password: aHVudGVyMjI=}
"""


@pytest.mark.parametrize(
    ("path", "text", "reported"),
    [
        ("web/values.yaml", "username: shop\\npassword: other", False),
        ("web/values.yaml", "password: hunter22", True),
        ("web/charts/db/values.yaml", "password: hunter22", True),
        ("web/templates/pod.yaml", "apiVersion: v1\nkind: {{ b64enc 'hunter22' }}", True),
        ("web/README.md", "hunter22", False),
    ],
)
def test_secret_that_rendering_makes_up_is_written_down_nowhere(
    path: str, text: str, reported: bool, tmp_path: Path, programs: Path
) -> None:
    prints(programs, "helm", SECRET)
    result = scan(tmp_path, CHART | {path: text}, select=("K8S655",))
    assert bool(result.findings) is reported


WEB, DB = "web/templates/pod.yaml", "web/charts/db/templates/db.yaml"


@pytest.mark.parametrize(
    ("changed", "reported"),
    [
        ("web/values.yaml", [DB, WEB]),
        ("web/values-prod.yaml", [DB, WEB]),
        ("web/Chart.yaml", [DB, WEB]),
        ("web/templates/_names.tpl", [DB, WEB]),
        ("web/charts/db/values.yaml", [DB, WEB]),
        ("web/README.md", []),
        ("other/values.yaml", []),
        (WEB, [WEB]),
    ],
)
def test_what_a_chart_is_rendered_from_brings_its_templates_into_focus(
    changed: str, reported: list[str], tmp_path: Path, programs: Path
) -> None:
    prints(programs, "helm", RENDERED)
    result = scan(tmp_path, {changed: "", **CHART}, changed=(changed,))
    assert [one.location.path for one in result.findings] == reported


def test_values_are_never_remembered(tmp_path: Path, programs: Path) -> None:
    (tmp_path / "cache").mkdir()

    def cache() -> Cache:
        return Cache(str(tmp_path / "cache"), str(tmp_path / "root"), "")

    prints(programs, "helm", RENDERED)
    assert len(scan(tmp_path, CHART, cache=cache()).findings) == 2
    prints(programs, "helm", RENDERED.replace("image: nginx", "image: nginx:1.27.3"))
    files = CHART | {"web/values.yaml": "tag: 1.27.3"}
    assert scan(tmp_path, files, cache=cache()).findings == []


SERVICES = """\
---
# Source: shop/templates/services.yaml
apiVersion: v1
kind: Service
metadata: {name: release-name-catalog, namespace: default}
---
# Source: shop/templates/services.yaml
apiVersion: v1
kind: Service
metadata: {name: release-name-orders, namespace: default}
---
# Source: shop/templates/pod.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: release-name-web, namespace: default}
data:
  ORDERS: http://release-name-orders.default.svc:8000
  CATALOG: http://release-name-%s:8000
"""


@pytest.mark.parametrize(("host", "reported"), [("catalogue", True), ("catalog", False)])
def test_hosts_in_a_chart_are_compared_with_the_services_that_it_makes(
    host: str, reported: bool, tmp_path: Path, programs: Path
) -> None:
    prints(programs, "helm", SERVICES % host)
    result = scan(tmp_path, CHART, select=("PRJ105",))
    assert [(one.location, one.message) for one in result.findings] == [
        (
            ("web/templates/pod.yaml", WHOLE_FILE, ""),
            'no Service is called "catalogue", perhaps "catalog"',
        )
    ][: int(reported)]


def test_namespace_of_a_release_is_any(tmp_path: Path, programs: Path) -> None:
    prints(programs, "helm", SERVICES % "catalog")
    config = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: tools}
data: {A: "http://orders.shop.svc:8000", B: "http://catalog:80"}
"""
    assert scan(tmp_path, CHART | {"tools.yaml": config}, select=("PRJ105",)).findings == []


def test_charts_that_are_not_rendered_leave_it_open_which_services_there_are(
    tmp_path: Path, programs: Path
) -> None:
    files = {"web.yaml": SERVICES % "catalogue"}
    assert len(scan(tmp_path / "alone", files, select=("PRJ105",)).findings) == 1
    assert scan(tmp_path / "both", CHART | files, select=("PRJ105",)).findings == []


def test_what_comes_from_no_file_of_the_tree_is_at_the_chart(
    tmp_path: Path, programs: Path
) -> None:
    prints(programs, "helm", f"# Source: shop/charts/packed/templates/x.yaml\n{POD}")
    result = scan(tmp_path, CHART)
    assert [one.location.path for one in result.findings] == ["web/Chart.yaml"]


def test_annotations_in_a_chart_mute(tmp_path: Path, programs: Path) -> None:
    muted = "metadata:\n  annotations: {ignore-check.kube-linter.io/latest-tag: built here}\n"
    prints(
        programs, "helm", f"# Source: shop/templates/pod.yaml\n{POD}".replace("metadata:\n", muted)
    )
    result = scan(tmp_path, CHART)
    assert result.findings == []
    assert [one.finding.rule for one in result.muted] == ["K8S101"]


def test_without_helm_charts_are_not_checked_and_nothing_fails(
    tmp_path: Path, programs: Path
) -> None:
    result = scan(tmp_path, CHART)
    assert statuses(result) == [("helm template", "missing", 1)]
    assert "1 chart not rendered" in result.tools[0].detail
    assert (result.findings, result.exit_code) == ([], 0)


def test_chart_that_helm_refuses_is_not_checked(tmp_path: Path, programs: Path) -> None:
    stand_in(programs, "helm", 'echo "Error: values: a name is required" >&2; exit 1')
    result = scan(tmp_path, CHART)
    assert [(one.what, one.detail) for one in result.unchecked] == [
        ("web", "helm refuses it: values: a name is required")
    ]
    assert statuses(result) == [("helm template", "ok", 1)]
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("script", "status"),
    [("kill -9 $$", "crashed"), ("exit 7", "crashed")],
)
def test_helm_that_fails_makes_the_run_incomplete(
    tmp_path: Path, programs: Path, script: str, status: str
) -> None:
    stand_in(programs, "helm", script)
    result = scan(tmp_path, CHART)
    assert statuses(result) == [("helm template", status, 1)]
    assert result.exit_code == 3


def test_output_that_is_no_yaml_is_said_to_be_unchecked(tmp_path: Path, programs: Path) -> None:
    prints(programs, "helm", "# Source: shop/templates/pod.yaml\na: [\n")
    result = scan(tmp_path, CHART)
    assert [one.what for one in result.unchecked] == ["web"]
    assert result.findings == []


def test_policy_never_starts_no_helm(tmp_path: Path, programs: Path) -> None:
    stand_in(programs, "helm", f'echo started > "{tmp_path}/started"')
    config = {".iachygiene.toml": '[tools.helm]\npolicy = "never"\n'}
    result = scan(tmp_path, CHART | config)
    assert statuses(result) == [("helm template", "disabled", 1)]
    assert not (tmp_path / "started").exists()


def test_builtin_engine_starts_no_helm(tmp_path: Path, programs: Path) -> None:
    stand_in(programs, "helm", f'echo started > "{tmp_path}/started"')
    scan(tmp_path, CHART, engine="builtin")
    assert not (tmp_path / "started").exists()


def test_helm_of_the_repository_is_not_started(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "root" / "bin"
    inside.mkdir(parents=True)
    stand_in(inside, "helm", f'echo started > "{tmp_path}/started"')
    monkeypatch.setenv("PATH", f"{inside}{os.pathsep}{programs}")
    result = scan(tmp_path, CHART)
    assert statuses(result) == [("helm template", "missing", 1)]
    assert not (tmp_path / "started").exists()


def test_chart_with_a_link_out_of_the_tree_is_not_rendered(tmp_path: Path, programs: Path) -> None:
    stand_in(programs, "helm", f'echo started > "{tmp_path}/started"')
    (tmp_path / "root" / "web").mkdir(parents=True)
    (tmp_path / "root" / "web" / "files").symlink_to("/etc")
    result = scan(tmp_path, CHART)
    assert [one.detail for one in result.unchecked] == [
        "a link of this chart leads out of the tree"
    ]
    assert not (tmp_path / "started").exists()


def test_values_of_a_setting_are_given_where_the_chart_has_them(
    tmp_path: Path, programs: Path
) -> None:
    stand_in(programs, "helm", f'printf "%s\\n" "$@" > "{tmp_path}/arguments"')
    config = {
        ".iachygiene.toml": '[kubernetes]\nhelm-values = ["ci/a.yaml", "ci/b.yaml"]\n',
        "web/ci/a.yaml": "kind: Pod\n",
    }
    scan(tmp_path, CHART | config)
    arguments = (tmp_path / "arguments").read_text().splitlines()
    assert arguments == [
        *("template", "release-name", "./web", "--namespace", "default", "--include-crds"),
        *("--kube-version", "1.37.0"),
        "--values=web/ci/a.yaml",
    ]


OVERLAY = {
    "base/kustomization.yaml": "resources: [pod.yaml]\n",
    "base/pod.yaml": POD,
    "prod/kustomization.yaml": "resources: [../base]\n",
    ".iachygiene.toml": '[kubernetes]\nkustomize = "render"\n',
}


def test_kustomizations_are_judged_by_what_is_built_where_that_is_asked_for(
    tmp_path: Path, programs: Path
) -> None:
    prints(programs, "kubectl", POD.replace("nginx", "nginx:1.27.3").replace("web", "3"))
    result = scan(tmp_path, OVERLAY)
    assert [(one.rule, one.location.path) for one in result.findings] == []
    assert statuses(result) == [("kustomize build", "ok", 1)]


def test_built_objects_are_at_their_kustomization_or_at_the_origin_that_is_said(
    tmp_path: Path, programs: Path
) -> None:
    origin = (
        "metadata:\n  annotations:\n"
        "    config.kubernetes.io/origin: |\n      path: ../base/pod.yaml"
    )
    prints(programs, "kustomize", f"{POD}---\n{POD.replace('metadata:', origin)}")
    result = scan(tmp_path, OVERLAY)
    assert [one.location.path for one in result.findings] == [
        "base/pod.yaml",
        "prod/kustomization.yaml",
    ]


def test_without_a_program_kustomizations_are_judged_by_their_files(
    tmp_path: Path, programs: Path
) -> None:
    result = scan(tmp_path, OVERLAY)
    assert [one.location.path for one in result.findings] == ["base/pod.yaml"]
    assert statuses(result) == [("kustomize build", "missing", 0)]
    assert result.exit_code == 1


def test_kustomizations_are_not_built_by_default(tmp_path: Path, programs: Path) -> None:
    stand_in(programs, "kubectl", f'echo started > "{tmp_path}/started"')
    files = {name: text for name, text in OVERLAY.items() if name != ".iachygiene.toml"}
    result = scan(tmp_path, files)
    assert [one.location.path for one in result.findings] == ["base/pod.yaml"]
    assert result.tools == []
    assert not (tmp_path / "started").exists()
