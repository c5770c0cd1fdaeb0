"""Which rules are asked about a unit, and what becomes of one that raises."""

from __future__ import annotations

import pytest

from iachygiene.config import Config
from iachygiene.judge import Rules, empty_verdict, run_rules
from iachygiene.model import Findings, Severity, SourceFile, at
from iachygiene.parse import yaml
from iachygiene.parse.kubernetes import Manifest
from iachygiene.rule import Rule

HEAD = "apiVersion: v1\nkind: {}\nmetadata: {{name: web, namespace: Odd}}\n"
POD = HEAD.format("Pod") + "spec: {containers: [{name: web, image: nginx}]}\n"
EVERYTHING = Config().with_command_line({"select": ["ALL"]})


def manifest(text: str) -> Manifest:
    return Manifest(yaml.parse(SourceFile("a.yaml", text.encode())))


@pytest.mark.parametrize(
    "kind", ["ConfigMap", "Service", "Role", "List", "HorizontalPodAutoscaler"]
)
def test_rules_about_pods_alone_are_not_asked_where_there_are_none(kind: str) -> None:
    rules = Rules(EVERYTHING)
    every = rules.of("kubernetes")[Manifest]
    unit = manifest(HEAD.format(kind))
    asked = rules.about(unit, "kubernetes", "a.yaml")
    codes = {rule.code for rule in asked}
    assert {"K8S801", "K8S903", "K8S918"} < codes
    assert codes.isdisjoint(("K8S101", "K8S201", "K8S512"))
    for rule in every:
        assert rule in asked or not list(rule.check(unit))


def test_every_rule_is_asked_about_a_manifest_with_pods() -> None:
    rules = Rules(EVERYTHING)
    every = rules.of("kubernetes")[Manifest]
    assert rules.about(manifest(POD), "kubernetes", "a.yaml") == every


def invented(code: str, check: object) -> Rule:
    return Rule(code, "x", Manifest, Severity.ERROR, check, "on", (), None, False, False, ())  # type: ignore[arg-type]


def test_what_a_rule_found_before_it_raised_counts_and_so_do_other_rules() -> None:
    def raising(unit: Manifest) -> Findings:
        yield at(unit, "found")
        raise ValueError("a mistake")

    def sound(unit: Manifest) -> Findings:
        yield at(unit, "found too")

    config = Config().with_command_line({"select": ["ALL"]})
    verdict = empty_verdict()
    rules = [invented("K8S101", raising), invented("K8S102", sound)]
    run_rules(rules, manifest(POD), "a.yaml", config, verdict)
    found = [(one.rule, one.message) for one in verdict.findings]
    assert found == [("K8S101", "found"), ("K8S102", "found too")]
    assert [(one.rule, one.cause) for one in verdict.crashes] == [
        ("K8S101", "ValueError: a mistake")
    ]
    assert set(verdict.seconds) == {"K8S101", "K8S102"}
