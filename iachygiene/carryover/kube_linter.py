"""The configuration of kube-linter: https://docs.kubelinter.io/#/configuring-kubelinter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from iachygiene.carryover import Carried
from iachygiene.lazy import regex
from iachygiene.rule import Rule, find, rules_of

_PLAIN = regex(r"[\w./@ -]+")
"""What is the same as a pattern and as a text, but for its dots."""
_CHECKS = ("include", "exclude", "ignorePaths", "addAllBuiltIn", "doNotAutoAddDefaults")


class _Template(NamedTuple):
    """What becomes of a check made of a template: our rule, and our option by parameter."""

    rule: str
    options: Mapping[str, str]


_TEMPLATES = {
    "minimum-replicas": _Template("few-replicas", {"minReplicas": "min-replicas"}),
    "hpa-minimum-replicas": _Template("autoscaler-few-replicas", {"minReplicas": "min-replicas"}),
    "ports": _Template("ssh-port", {"port": "port", "protocol": "protocol"}),
    "priority-class-name": _Template(
        "priority-class-not-accepted", {"acceptedPriorityClassNames": "accepted"}
    ),
    "required-label": _Template("required-label-missing", {"key": "key", "value": "value"}),
    "required-annotation": _Template("required-annotation-missing", {"key": "key"}),
    "dnsconfig-options": _Template("dns-config-option-missing", {"Key": "key", "Value": "value"}),
    "dangling-service": _Template("service-selects-nothing", {"ignoredLabels": "ignored-labels"}),
    "env-value-from": _Template(
        "env-reference-missing",
        {"IgnoredSecrets": "ignored-secrets", "IgnoredConfigMaps": "ignored-configmaps"},
    ),
}
_SERVICE_TYPES = {"NodePort": "K8S703", "LoadBalancer": "K8S704"}


def settings(text: str) -> Carried:
    """What the text of a `.kube-linter.yaml` says, and in notes what cannot be carried over."""
    import yaml

    try:
        said = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return Carried({}, ["the file is not read: it is no YAML"])
    if said is None:
        return Carried({}, [])
    if not isinstance(said, dict):
        return Carried({}, ["the file is not read: it holds no keys"])
    carried = Carried({}, [])
    for key in said:
        if key not in ("checks", "customChecks"):
            carried.notes.append(f"`{key}` is no key of kube-linter")
    selected: set[str] = set()
    checks = said.get("checks") or {}
    if isinstance(checks, dict):
        _checks(checks, selected, carried)
    else:
        carried.notes.append("`checks` is no table")
    custom = said.get("customChecks") or []
    for check in custom if isinstance(custom, list) else ():
        if isinstance(check, dict):
            _custom(check, selected, carried)
    ignored = carried.settings.get("ignore", [])
    if chosen := sorted(selected.difference(ignored)):
        carried.settings["extend-select"] = chosen
    return carried


def _checks(checks: Mapping[str, Any], selected: set[str], carried: Carried) -> None:
    for key in checks:
        if key not in _CHECKS:
            carried.notes.append(f"`checks.{key}` is no key of kube-linter")
    included = _names(checks, "include", carried)
    excluded = _names(checks, "exclude", carried)
    peers = {rule.code: _peer_checks(rule) for rule in rules_of("kubernetes")}
    everything = checks.get("addAllBuiltIn") is True
    for rule in rules_of("kubernetes"):
        wanted = peers[rule.code] if everything else peers[rule.code] & included
        if wanted - excluded and rule.default != "on":
            selected.add(rule.code)
    ignored = {code for code, names in peers.items() if names and names <= excluded}
    if checks.get("doNotAutoAddDefaults") is True and not everything:
        # kube-linter then runs what is included and nothing else.
        ignored |= {code for code, names in peers.items() if names and not names & included}
    if ignored:
        carried.settings["ignore"] = sorted(ignored)
    paths = [_glob(path, carried) for path in _list(checks.get("ignorePaths"))]
    if globs := [path for path in paths if path]:
        carried.settings["extend-exclude"] = globs


def _peer_checks(rule: Rule) -> frozenset[str]:
    """The checks of kube-linter that a rule stands for."""
    pairs = (alias.partition(":") for alias in rule.aliases)
    return frozenset(name for peer, _, name in pairs if peer == "kube-linter")


def _list(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _names(checks: Mapping[str, Any], key: str, carried: Carried) -> frozenset[str]:
    names = _list(checks.get(key))
    for name in names:
        if not find(f"kube-linter:{name}"):
            carried.notes.append(f"`checks.{key}`: {name} has no counterpart")
    return frozenset(names)


def _glob(path: str, carried: Carried) -> str:
    if path.startswith(("~", "..")):
        carried.notes.append(f"`checks.ignorePaths`: {path} is outside of the repository")
        return ""
    return path.removeprefix("./").lstrip("/")


def _custom(check: Mapping[str, Any], selected: set[str], carried: Carried) -> None:
    name, template = str(check.get("name", "")), str(check.get("template", ""))
    where = f"`customChecks`: {name}"
    params = check.get("params") or {}
    if not isinstance(params, dict):
        params = {}
    if template == "cel-expression":
        carried.notes.append(f"{where} is written in CEL, which is not supported")
        return
    if template == "service-type":
        for kind in _list(params.get("forbiddenServiceTypes")):
            if kind in _SERVICE_TYPES:
                selected.add(_SERVICE_TYPES[kind])
        return
    ours = _TEMPLATES.get(template)
    if ours is None:
        carried.notes.append(f'{where} is made of "{template}", which has no counterpart')
        return
    rules = carried.settings.setdefault("rules", {})
    if ours.rule in rules:
        carried.notes.append(f"{where} sets {ours.rule} once more: only the first is carried over")
        return
    options = rules[ours.rule] = {}
    for parameter, value in params.items():
        option = ours.options.get(parameter)
        if option is None:
            carried.notes.append(f"{where}: `{parameter}` has no counterpart")
        elif not _is_plain(value):
            carried.notes.append(f"{where}: `{parameter}` is a pattern, and here a text")
        else:
            options[option] = value
    if not options:
        del rules[ours.rule]
    if not rules:
        del carried.settings["rules"]
    rule = find(ours.rule)[0]
    if rule.default != "on":
        selected.add(rule.code)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return not isinstance(value, str) or value == "" or _PLAIN.fullmatch(value) is not None
