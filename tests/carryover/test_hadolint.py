"""A configuration of hadolint in the words of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.carryover.hadolint import settings
from iachygiene.config import Config, load
from iachygiene.model import Severity
from iachygiene.rule import get

WHOLE = """\
ignored: [DL3008, DL3018]
override:
  error: [DL3015]
  warning: [DL3015, DL3057]
  info: [DL3003]
  style: [DL3047]
failure-threshold: error
trustedRegistries:
  - docker.io
  - "*.example.com"
label-schema:
  author: text
  contact: email
  created: rfc3339
  note:
strict-labels: true
disable-ignore-pragma: true
format: sarif
"""


def toml(value: Any) -> str:
    """A value in TOML; a JSON text is one for all but tables."""
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{json.dumps(key)} = {toml(one)}" for key, one in value.items()) + "}"
        )
    return json.dumps(value)


def configuration(carried: dict[str, Any], root: Path) -> Config:
    lines = [f"{key} = {toml(value)}\n" for key, value in carried.items()]
    (root / ".iachygiene.toml").write_text("".join(lines))
    return load(str(root))


def test_every_key_is_carried_over() -> None:
    carried = settings(WHOLE)
    assert carried.notes == []
    peers = carried.settings.pop("peer-suppressions")
    assert "trivy" in peers
    assert not {"hadolint", "shellcheck"}.intersection(peers)
    assert carried.settings == {
        "ignore": ["DF3008", "DF3018"],
        "severity": {
            "DF3003": "info",
            "DF3015": "error",
            "DF3047": "info",
            "DF3057": "warning",
        },
        "extend-select": ["DF3057"],
        "fail-on": "error",
        "output": {"format": "sarif"},
        "rules": {
            "untrusted-base-registry": {"trusted-registries": ["docker.io", "*.example.com"]}
        },
        "dockerfile": {
            "label-schema": {
                "author": "text",
                "contact": "email",
                "created": "rfc3339",
                "note": "text",
            },
            "strict-labels": True,
        },
    }


def test_our_configuration_accepts_what_is_carried_over(tmp_path: Path) -> None:
    config = configuration(settings(WHOLE).settings, tmp_path)
    assert not config.enabled(get("DF3008"), "Dockerfile")
    assert config.enabled(get("DF3057"), "Dockerfile")
    assert config.severity_of(get("DF3015"), "Dockerfile", None) == Severity.ERROR
    assert config.fail_on == Severity.ERROR
    assert config.settings("dockerfile")["strict-labels"] is True


@pytest.mark.parametrize(
    ("threshold", "ours"),
    [("style", "info"), ("info", "info"), ("warning", "warning"), ("ignore", "never")],
)
def test_thresholds(threshold: str, ours: str) -> None:
    assert settings(f"failure-threshold: {threshold}\n").settings == {"fail-on": ours}


def test_no_fail_is_stronger_than_a_threshold() -> None:
    assert settings("no-fail: true\nfailure-threshold: error\n").settings["fail-on"] == "never"


def test_one_registry_needs_no_list() -> None:
    table = settings("trustedRegistries: docker.io\n").settings["rules"]
    assert table == {"untrusted-base-registry": {"trusted-registries": ["docker.io"]}}


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("ignored: [SC2086]", "`ignored`: SC2086 is one of many findings of shellcheck-finding"),
        ("ignored: [DL1000]", "`ignored`: a file that does not parse is always reported"),
        ("ignored: [DL9999]", "`ignored`: DL9999 is unknown"),
        ("ignored: DL3008", "`ignored` is no list of codes"),
        ("override: {fatal: [DL3008]}", "`override.fatal` is no level of hadolint"),
        ("override: [DL3008]", "`override` is no table of levels"),
        ("failure-threshold: 3", "`failure-threshold`: 3 is unknown"),
        ("label-schema: {x: bogus}", "`label-schema.x`: bogus is unknown"),
        ("label-schema: x", "`label-schema` is no table of labels"),
        ("trustedRegistries: {x: y}", "`trustedRegistries` is no list of registries"),
        ("format: codacy", "`format`: codacy has no counterpart"),
        ("no-color: true", "`no-color` is an option here: --color never"),
        ("ignore: [DL3008]", "`ignore` is no key of hadolint"),
        ("ignored: [", "the file is not read: it is no YAML"),
        ("- x", "the file is not read: it holds no keys"),
    ],
)
def test_what_has_no_counterpart_is_told(text: str, note: str) -> None:
    assert settings(text) == ({}, [note])


def test_an_empty_file_says_nothing() -> None:
    assert settings("# nothing\n") == ({}, [])


@given(st.text(alphabet="ignored: overidl[]{}-,DL3047\n &*!", max_size=80))
def test_any_text_is_read(text: str) -> None:
    assert isinstance(settings(text).settings, dict)
