"""The configuration of hadolint: https://github.com/hadolint/hadolint#configure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from iachygiene.carryover import Carried
from iachygiene.keys import LABEL_TYPES, PEERS
from iachygiene.lazy import regex
from iachygiene.rule import Brief, find

_CODE = regex(r"DL[0-9]{4}")
_LEVELS = {"error": "error", "warning": "warning", "info": "info", "style": "info"}
"""hadolint's levels, from the most severe: where a code has several, the first one holds."""
_THRESHOLDS = {**_LEVELS, "ignore": "never", "none": "never"}
_FORMATS = {"tty": "text", "gnu": "concise", "json": "json", "sarif": "sarif"}
_KEYS = (
    *("ignored", "override", "failure-threshold", "trustedRegistries", "label-schema"),
    *("strict-labels", "disable-ignore-pragma", "no-fail", "no-color", "format"),
)


def settings(text: str) -> Carried:
    """What the text of a `.hadolint.yaml` says, and in notes what cannot be carried over."""
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
    known = {key: value for key, value in said.items() if key in _KEYS and value is not None}
    for key in said:
        if key not in _KEYS:
            carried.notes.append(f"`{key}` is no key of hadolint")
    _rules(known, carried)
    _output(known, carried)
    _registries(known, carried)
    _labels(known, carried)
    if known.get("disable-ignore-pragma") is True:
        theirs = ("hadolint", "shellcheck")
        carried.settings["peer-suppressions"] = [one for one in PEERS if one not in theirs]
    return carried


def _rules(said: Mapping[str, Any], carried: Carried) -> None:
    ignored = [rule.code for rule in _named(said.get("ignored", []), "ignored", carried)]
    if ignored:
        carried.settings["ignore"] = sorted(set(ignored))
    override = said.get("override", {})
    if not isinstance(override, dict):
        carried.notes.append("`override` is no table of levels")
        return
    severities: dict[str, str] = {}
    chosen: set[str] = set()
    for level, ours in _LEVELS.items():
        for rule in _named(override.get(level) or [], f"override.{level}", carried):
            severities.setdefault(rule.code, ours)
            if rule.default != "on" and rule.code not in ignored:
                chosen.add(rule.code)
    for level in override:
        if level not in _LEVELS:
            carried.notes.append(f"`override.{level}` is no level of hadolint")
    if severities:
        carried.settings["severity"] = dict(sorted(severities.items()))
    if chosen:
        # A rule that is off is switched on by giving it a level.
        carried.settings["extend-select"] = sorted(chosen)


def _named(codes: Any, key: str, carried: Carried) -> Iterator[Brief]:
    if not isinstance(codes, list):
        carried.notes.append(f"`{key}` is no list of codes")
        return
    for code in codes:
        word = str(code)
        if re.fullmatch("SC[0-9]{4}", word):
            carried.notes.append(f"`{key}`: {word} is one of many findings of shellcheck-finding")
        elif word == "DL1000":
            carried.notes.append(f"`{key}`: a file that does not parse is always reported")
        elif not _CODE.fullmatch(word) or not (rules := find(f"hadolint:{word}")):
            carried.notes.append(f"`{key}`: {word} is unknown")
        else:
            yield from rules


def _output(said: Mapping[str, Any], carried: Carried) -> None:
    threshold = said.get("failure-threshold")
    if threshold is not None:
        ours = _THRESHOLDS.get(str(threshold).lower())
        if ours is None:
            carried.notes.append(f"`failure-threshold`: {threshold} is unknown")
        else:
            carried.settings["fail-on"] = ours
    if said.get("no-fail") is True:
        carried.settings["fail-on"] = "never"
    form = said.get("format")
    if form is not None:
        if str(form) in _FORMATS:
            carried.settings["output"] = {"format": _FORMATS[str(form)]}
        else:
            carried.notes.append(f"`format`: {form} has no counterpart")
    if said.get("no-color") is True:
        carried.notes.append("`no-color` is an option here: --color never")


def _registries(said: Mapping[str, Any], carried: Carried) -> None:
    registries = said.get("trustedRegistries", [])
    if isinstance(registries, str):
        registries = [registries]
    if not isinstance(registries, list):
        carried.notes.append("`trustedRegistries` is no list of registries")
    elif registries:
        table = {"trusted-registries": [str(one) for one in registries]}
        carried.settings["rules"] = {"untrusted-base-registry": table}


def _labels(said: Mapping[str, Any], carried: Carried) -> None:
    schema = said.get("label-schema", {})
    if not isinstance(schema, dict):
        carried.notes.append("`label-schema` is no table of labels")
        schema = {}
    labels: dict[str, str] = {}
    for name, kind in schema.items():
        word = "text" if kind in (None, "") else str(kind).lower()
        if word in LABEL_TYPES:
            labels[str(name)] = word
        else:
            carried.notes.append(f"`label-schema.{name}`: {kind} is unknown")
    table: dict[str, Any] = {"label-schema": labels} if labels else {}
    if said.get("strict-labels") is True:
        table["strict-labels"] = True
    if table:
        carried.settings["dockerfile"] = table
