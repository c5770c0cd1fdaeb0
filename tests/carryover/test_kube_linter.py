"""What a configuration of kube-linter becomes here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.carryover.kube_linter import settings
from iachygiene.config import load
from iachygiene.rule import get


def carried(text: str) -> dict[str, Any]:
    found = settings(text)
    assert found.notes == []
    return found.settings


def test_nothing_said_is_nothing_carried() -> None:
    assert carried("") == {}
    assert carried("checks: {}\n") == {}


def test_excluded_check_is_ignored_only_where_a_rule_stands_for_nothing_else() -> None:
    # K8S500 is about memory, too; K8S501 about nothing but CPU.
    found = carried("checks: {exclude: [unset-cpu-requirements]}\n")
    assert found == {"ignore": ["K8S501"]}
    both = carried("checks: {exclude: [unset-cpu-requirements, unset-memory-requirements]}\n")
    assert both == {"ignore": ["K8S500", "K8S501", "K8S503"]}


def test_included_check_selects_what_is_off_by_default() -> None:
    assert carried("checks: {include: [exposed-services, latest-tag]}\n") == {
        "extend-select": ["K8S703", "K8S704"]
    }


def test_exclusion_wins_over_inclusion() -> None:
    found = carried("checks: {include: [exposed-services], exclude: [exposed-services]}\n")
    assert found == {"ignore": ["K8S703", "K8S704"]}


def test_all_built_in_selects_every_rule_that_stands_for_a_check() -> None:
    found = carried("checks: {addAllBuiltIn: true, doNotAutoAddDefaults: true}\n")
    assert {"K8S208", "K8S402", "K8S918"} <= set(found["extend-select"])
    assert "ignore" not in found


def test_without_defaults_only_what_is_included_stays() -> None:
    found = carried("checks: {doNotAutoAddDefaults: true, include: [latest-tag]}\n")
    assert "K8S101" not in found["ignore"]
    assert {"K8S201", "K8S601"} <= set(found["ignore"])
    # No check of kube-linter is like this one.
    assert "K8S613" not in found["ignore"]


def test_paths_become_patterns_and_those_outside_a_note() -> None:
    found = settings("checks: {ignorePaths: [/**/test/**, ./vendor/**, ~/x/**]}\n")
    assert found.settings == {"extend-exclude": ["**/test/**", "vendor/**"]}
    assert found.notes == ["`checks.ignorePaths`: ~/x/** is outside of the repository"]


@pytest.mark.parametrize(
    ("template", "params", "expected"),
    [
        (
            "minimum-replicas",
            "{minReplicas: 4}",
            {"rules": {"few-replicas": {"min-replicas": 4}}, "extend-select": ["K8S508"]},
        ),
        (
            "ports",
            "{port: 23, protocol: TCP}",
            {"rules": {"ssh-port": {"port": 23, "protocol": "TCP"}}},
        ),
        (
            "required-label",
            "{key: team}",
            {"rules": {"required-label-missing": {"key": "team"}}, "extend-select": ["K8S915"]},
        ),
        (
            "priority-class-name",
            "{acceptedPriorityClassNames: [high]}",
            {
                "rules": {"priority-class-not-accepted": {"accepted": ["high"]}},
                "extend-select": ["K8S526"],
            },
        ),
        (
            "dangling-service",
            "{ignoredLabels: [version]}",
            {"rules": {"service-selects-nothing": {"ignored-labels": ["version"]}}},
        ),
        ("service-type", "{forbiddenServiceTypes: [NodePort]}", {"extend-select": ["K8S703"]}),
    ],
)
def test_own_check_becomes_the_option_of_a_rule(
    template: str, params: str, expected: dict[str, Any]
) -> None:
    text = f"customChecks: [{{name: ours, template: {template}, params: {params}}}]\n"
    assert carried(text) == expected


@pytest.mark.parametrize(
    ("check", "note"),
    [
        ("{name: a, template: cel-expression}", "is written in CEL, which is not supported"),
        ("{name: a, template: host-mounts}", 'is made of "host-mounts", which has no counterpart'),
        (
            "{name: a, template: required-label, params: {key: '^team$'}}",
            "`key` is a pattern, and here a text",
        ),
        (
            "{name: a, template: minimum-replicas, params: {max: 3}}",
            "`max` has no counterpart",
        ),
    ],
)
def test_own_check_without_counterpart_is_a_note(check: str, note: str) -> None:
    (found,) = settings(f"customChecks: [{check}]\n").notes
    assert found.startswith("`customChecks`: a") and found.endswith(note)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("a: [", "the file is not read: it is no YAML"),
        ("- a\n", "the file is not read: it holds no keys"),
        ("check: {}\n", "`check` is no key of kube-linter"),
        ("checks: {excludes: []}\n", "`checks.excludes` is no key of kube-linter"),
        ("checks: {exclude: [no-such]}\n", "`checks.exclude`: no-such has no counterpart"),
        ("checks: 3\n", "`checks` is no table"),
    ],
)
def test_what_is_not_understood_is_a_note(text: str, note: str) -> None:
    assert settings(text).notes == [note]


def test_what_is_carried_over_can_be_loaded(tmp_path: Path) -> None:
    found = settings(
        "checks: {exclude: [latest-tag], ignorePaths: [vendor/**]}\n"
        "customChecks: [{name: a, template: minimum-replicas, params: {minReplicas: 4}}]\n"
    ).settings
    lines = [f"{key} = {value!r}" for key, value in found.items() if key != "rules"]
    lines += ["[rules.few-replicas]", "min-replicas = 4"]
    (tmp_path / ".iachygiene.toml").write_text("\n".join(lines) + "\n")
    config = load(str(tmp_path))
    assert config.enabled(get("K8S508"), "a.yaml")
    assert config.options_of(get("K8S508"), "a.yaml") == {"min_replicas": 4}
    assert not config.enabled(get("K8S101"), "a.yaml")


@given(st.text(max_size=40))
def test_any_text_is_answered(text: str) -> None:
    assert isinstance(settings(text).settings, dict)
