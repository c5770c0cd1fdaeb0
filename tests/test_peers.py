"""Comments and annotations that other tools read."""

from __future__ import annotations

from pathlib import Path

import pytest

from iachygiene.config import Config
from iachygiene.engine import scan
from iachygiene.model import Comment, Finding, Location, Severity, Span
from iachygiene.peers import PeerSuppression, read

TEXT = "0123456789\nabcdefghij\nklmnopqrst\n"


def said(text: str, *, honoured: tuple[str, ...] = (), key: str = "") -> list[PeerSuppression]:
    comment = Comment(Location("f", Span(0, 10)), text, Span(11, 21), True, Span(11, 33), key)
    return list(read(comment, TEXT, honoured))


@pytest.mark.parametrize(
    ("text", "tool", "codes"),
    [
        (" hadolint ignore=DL3006,SC2086", "hadolint", {"DL3006", "SC2086"}),
        (" hadolint  ignore = DL3006 , DL3008 # why", "hadolint", {"DL3006", "DL3008"}),
        (" hadolint global ignore=DL3006", "hadolint", {"DL3006"}),
        (" hadolint stage ignore=DL3006", "hadolint", {"DL3006"}),
        (" check=skip=JSONArgsRecommended,StageNameCasing", "buildkit", None),
        (" shellcheck disable=SC2046,SC2086 shell=sh", "shellcheck", {"SC2046", "SC2086"}),
        (
            " tflint-ignore: terraform_typed_variables # why",
            "tflint",
            {"terraform_typed_variables"},
        ),
        ("trivy:ignore:AVD-DS-0031", "trivy", {"ds31"}),
        ("tfsec:ignore:aws-s3-enable-versioning", "trivy", {"aws-s3-enable-versioning"}),
        ("checkov:skip=CKV_AWS_18:the log is elsewhere", "checkov", {"CKV_AWS_18"}),
        (" dclint disable-line no-version-field", "dclint", {"no-version-field"}),
    ],
)
def test_form_of_each_peer_is_read(text: str, tool: str, codes: set[str] | None) -> None:
    (found,) = said(text)
    assert tool in found.tools
    if codes is not None:
        assert found.codes == codes


@pytest.mark.parametrize(
    "text",
    [
        " hadolint ignore=all",
        " hadolint ignore=dl3006",
        " hadolint ignore=DL3006 because",
        " hadolint ignore=DL3006 DL3008",
        " hadolint ignore=DL3006,",
        " hadolint ignores=DL3006",
        " shellcheck shell=sh",
        " dclint",
        " see tflint-ignore: all",
        "trivy:ignore:",
    ],
)
def test_void_form_says_nothing(text: str) -> None:
    assert said(text) == []


def test_everything_is_a_form_of_its_own() -> None:
    assert said(" tflint-ignore: all")[0].codes is None
    assert said(" check=skip=all;error=true")[0].codes is None
    assert said(" dclint disable-file")[0].codes is None


def test_only_the_peers_that_are_honoured_are_heard() -> None:
    assert said(" hadolint ignore=DL3006", honoured=("trivy",)) == []
    assert said(" hadolint ignore=DL3006", honoured=("trivy", "hadolint")) != []


@pytest.mark.parametrize(
    ("key", "value", "tool", "codes"),
    [
        ("ignore-check.kube-linter.io/run-as-non-root", "root", "kube-linter", {"run-as-non-root"}),
        ("kube-linter.io/ignore-all", "generated", "kube-linter", None),
        ("kube-score/ignore", "a, b", "kube-score", {"a", "b"}),
        ("checkov.io/skip1", "CKV_K8S_14=a=b", "checkov", {"CKV_K8S_14"}),
    ],
)
def test_annotation_of_each_peer_is_read(
    key: str, value: str, tool: str, codes: set[str] | None
) -> None:
    (found,) = said(value, key=key)
    assert (found.tools, found.codes, found.by) == ((tool,), codes, "annotation")


def test_alias_decides_and_trivy_may_be_spelled_in_several_ways() -> None:
    place = Location("f", Span(12, 15))
    finding = Finding("DF5401", Severity.WARNING, "m", place, aliases=("trivy:DS-0031",))
    for spelling in ("DS-0031", "ds031", "AVD-DS-0031", "avd-ds-0031"):
        assert said(f"trivy:ignore:{spelling}")[0].mutes(finding), spelling
    assert not said("trivy:ignore:DS-0030")[0].mutes(finding)
    assert not said("trivy:ignore:DS-0031")[0].mutes(finding._replace(aliases=()))


def codes(root: Path, **options: object) -> tuple[list[str], list[str]]:
    result = scan(str(root), **options)
    return [one.rule for one in result.findings], [one.by for one in result.muted]


def dockerfile(root: Path, text: str) -> tuple[list[str], int]:
    root.joinpath("Dockerfile").write_text(text)
    config = Config().with_command_line({"select": ["DF3006", "DF3007"]})
    found, muted = codes(root, config=config)
    return found, len(muted)


def test_hadolint_speaks_for_the_next_line_alone(tmp_path: Path) -> None:
    pragma = "# hadolint ignore=DL3006\n"
    assert dockerfile(tmp_path, pragma + "FROM debian\n") == ([], 1)
    assert dockerfile(tmp_path, pragma + "\nFROM debian\n") == (["DF3006"], 0)
    assert dockerfile(tmp_path, pragma + "# why\nFROM debian\n") == (["DF3006"], 0)
    two = "FROM debian AS a\n" + pragma + "FROM ubuntu\n"
    assert dockerfile(tmp_path, two) == (["DF3006"], 1)


def test_hadolint_can_speak_for_a_stage_or_for_the_file(tmp_path: Path) -> None:
    body = "FROM debian AS a\nRUN true\nFROM ubuntu AS b\nFROM alpine\n"
    assert dockerfile(tmp_path, "# hadolint stage ignore=DL3006\n" + body) == (["DF3006"] * 2, 1)
    assert dockerfile(tmp_path, body + "# hadolint global ignore=DL3006\n") == ([], 3)


def test_peers_can_be_left_unheard(tmp_path: Path) -> None:
    tmp_path.joinpath("Dockerfile").write_text("# hadolint ignore=DL3006\nFROM debian\n")
    settings = {"select": ["DF3006"], "peer-suppressions": False}
    found, _ = codes(tmp_path, config=Config().with_command_line(settings))
    assert found == ["DF3006"]


def test_tflint_speaks_for_its_line_and_the_next(tmp_path: Path) -> None:
    main = tmp_path / "main.tf"
    config = Config().with_command_line({"select": ["TF203"]})
    for text, left in (
        ('# tflint-ignore: terraform_typed_variables\nvariable "a" {}\n', []),
        ('variable "a" {} # tflint-ignore: all\n', []),
        ('# tflint-ignore: terraform_typed_variables\n\nvariable "a" {}\n', ["TF203"]),
        ('# tflint-ignore: terraform_documented_variables\nvariable "a" {}\n', ["TF203"]),
        ('# tflint-ignore-file: terraform_typed_variables\n\n\nvariable "a" {}\n', []),
    ):
        main.write_text(text)
        assert codes(tmp_path, config=config)[0] == left, text


def test_tflint_speaks_for_a_file_in_json_at_its_root(tmp_path: Path) -> None:
    config = Config().with_command_line({"select": ["TF203"]})
    text = '{"//": "tflint-ignore-file: %s",\n\n "variable": {"a": {}}}\n'
    for rule, left in (("terraform_typed_variables", []), ("terraform_module_version", ["TF203"])):
        tmp_path.joinpath("main.tf.json").write_text(text % rule)
        assert codes(tmp_path, config=config)[0] == left


MANIFEST = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  annotations:
    {annotation}
spec:
  containers:
    - name: web
      image: nginx:latest
"""


@pytest.mark.parametrize(
    ("annotation", "by"),
    [
        ("ignore-check.kube-linter.io/latest-tag: built here", "annotation"),
        ("kube-linter.io/ignore-all: generated", "annotation"),
        ("kube-score/ignore: container-image-tag", "annotation"),
        ("checkov.io/skip1: CKV_K8S_14=built here", "annotation"),
        ("iachygiene.dev/ignore: K8S101", "annotation"),
        ("ignore-check.kube-linter.io/privileged: root", ""),
    ],
)
def test_annotation_speaks_for_its_object(tmp_path: Path, annotation: str, by: str) -> None:
    tmp_path.joinpath("pod.yaml").write_text(MANIFEST.format(annotation=annotation))
    config = Config().with_command_line({"select": ["K8S101"]})
    found, muted = codes(tmp_path, config=config)
    assert (found, muted) == (([], [by]) if by else (["K8S101"], []))


def test_own_annotation_that_mutes_nothing_is_reported_and_not_removed(tmp_path: Path) -> None:
    text = MANIFEST.format(annotation="iachygiene.dev/ignore: K8S205")
    tmp_path.joinpath("pod.yaml").write_text(text)
    unused = [one for one in scan(str(tmp_path)).findings if one.rule == "HYG002"]
    assert [one.fix for one in unused] == [None]


def test_checkov_speaks_for_the_block_it_stands_in(tmp_path: Path) -> None:
    skip = Comment(
        Location("f", Span(12, 15)), "checkov:skip=CKV_1", Span(22, 30), False, Span(11, 32)
    )
    (found,) = read(skip, TEXT, ())
    assert found.reach == Span(11, 32)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("FROM a:1\n# hadolint ignore=DL3004\nRUN sudo a\nRUN sudo b\n", [4]),
        ("FROM a:1\n\t# hadolint ignore=DL3004\t\n  RUN sudo a\n", []),
        ("FROM a:1\r\n# hadolint ignore=DL3004 \r\nRUN sudo a\r\n", []),
        ("FROM a:1\n# hadolint ignore=DL3004\n\nRUN sudo a\n", [4]),
        ("FROM a:1\n# hadolint ignore=DL3004\n# more\nRUN sudo a\n", [4]),
        ("FROM a:1\n# hadolint ignore=DL3004\nRUN a \\\n && sudo a\n", []),
        ("FROM a:1\nRUN a \\\n# hadolint ignore=DL3004\n && sudo a\n", [4]),
        ("FROM a:1\nRUN a \\\n# hadolint global ignore=DL3004\n && sudo a\n", [4]),
        ("FROM a:1\nRUN sudo a\n# hadolint global ignore=DL3004\n", []),
        ("# hadolint stage ignore=DL3004\nFROM a:1\nRUN sudo a\nFROM b:1\nRUN sudo a\n", [5]),
        ("FROM a:1\n# hadolint stage ignore=DL3004\nRUN a; \\\n sudo a\nRUN sudo a\n", [4]),
        ("FROM a:1\n# hadolint stage ignore=DL3004\n\nRUN sudo a\nFROM b:1\nRUN sudo a\n", [6]),
        (
            "FROM a:1\n# hadolint stage ignore=DL3004\nUSER x\nRUN sudo a\n"
            "# hadolint stage ignore=DL3003\nRUN sudo a\nRUN sudo a\n",
            [7],
        ),
    ],
)
def test_reach_of_the_comments_of_hadolint(text: str, lines: list[int], tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes(text.encode())
    config = Config().with_command_line({"select": ["DF3004"]})
    found = scan(str(tmp_path), config=config).findings
    assert [text.count("\n", 0, one.location.span.start) + 1 for one in found] == lines
