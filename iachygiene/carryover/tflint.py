"""The configuration of tflint and of its rules for the language.

https://github.com/terraform-linters/tflint/blob/master/docs/user-guide/config.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from iachygiene import hcl
from iachygiene.carryover import Carried
from iachygiene.lazy import regex
from iachygiene.rule import Rule, rules_of

_FORMATS = {"default": "text", "json": "json", "compact": "concise"}
_FORMATS |= {"junit": "junit", "sarif": "sarif"}
_WITHOUT_EFFECT = ("plugin_dir", "call_module_type", "module", "disabled_by_default")
"""Keys of `config` that change nothing here, or are read elsewhere."""
_NEVER_IN_A_PRESET = "terraform_module_shallow_clone"
_NOT_RE2 = regex(r"\[\[:|\\[pPzQ]|\(\?P?<[=!]|\(\?[=!]|\\[0-9]")
"""What the other's regular expressions have and Python's do not, or the other way round."""
_KINDS = ("check", "data", "locals", "module", "output", "resource", "variable")


def settings(text: str) -> Carried:
    """What the text of a `.tflint.hcl` says, and in notes what cannot be carried over."""
    try:
        body = hcl.parse(text)
    except hcl.HclError as error:
        return Carried({}, [f"the file is not read: {error.message}"])
    carried = Carried({}, [])
    config: dict[str, Any] = {}
    preset = "recommended"
    chosen: dict[str, hcl.Block] = {}
    for block in body.blocks:
        label = block.labels[0] if block.labels else ""
        values = _values(block)
        if block.type == "config":
            config |= values
        elif block.type == "plugin" and label == "terraform":
            preset = values.get("preset") or preset if values.get("enabled") is True else "none"
        elif block.type == "plugin":
            if values.get("enabled") is not False:
                carried.notes.append(f'plugin "{label}" has no counterpart')
        elif block.type == "rule":
            chosen[label] = block
        elif block.type != "tflint":
            carried.notes.append(f'"{block.type}" is no block of tflint')
    _config(config, carried)
    if config.get("disabled_by_default") is True:
        preset = "none"
    _rules(preset, chosen, carried)
    return carried


def _values(block: hcl.Block) -> dict[str, Any]:
    return {name: _plain(one.expr) for name, one in block.body.attributes.items()}


def _plain(node: hcl.Expression) -> Any:
    """A constant as Python has it; `hcl.UNKNOWN` for what is none."""
    if isinstance(node, hcl.Tuple):
        return [_plain(item) for item in node.items]
    if isinstance(node, hcl.Object):
        return {item.name: _plain(item.value) for item in node.items if item.name is not None}
    return hcl.literal(node)


def _config(config: Mapping[str, Any], carried: Carried) -> None:
    for name, value in config.items():
        if name == "format":
            if isinstance(value, str) and value in _FORMATS:
                carried.settings["output"] = {"format": _FORMATS[value]}
            else:
                carried.notes.append(f"`format`: {value} has no counterpart")
        elif name == "force":
            if value is True:
                carried.settings["fail-on"] = "never"
        elif name not in _WITHOUT_EFFECT:
            carried.notes.append(f"`{name}` has no counterpart")


def _rules(preset: str, chosen: Mapping[str, hcl.Block], carried: Carried) -> None:
    known = {
        alias.removeprefix("tflint:"): rule
        for rule in rules_of("terraform")
        for alias in rule.aliases
        if alias.startswith("tflint:")
    }
    added, ignored = [], []
    for name, rule in known.items():
        block = chosen.get(name)
        enabled = _values(block).get("enabled") is True if block else _is_in(preset, name, rule)
        if enabled and rule.default != "on":
            added.append(rule.code)
        elif not enabled and rule.default == "on":
            ignored.append(rule.code)
        if block and enabled:
            options = _options(name, block, carried)
            if options:
                carried.settings.setdefault("rules", {})[rule.name] = options
    for name in chosen:
        if name not in known:
            carried.notes.append(f'rule "{name}" has no counterpart')
    if added:
        carried.settings["extend-select"] = sorted(added)
    if ignored:
        carried.settings["ignore"] = sorted(ignored)


def _is_in(preset: str, name: str, rule: Rule) -> bool:
    if preset == "all":
        return name != _NEVER_IN_A_PRESET
    return preset == "recommended" and rule.default == "on"


def _options(name: str, block: hcl.Block, carried: Carried) -> dict[str, Any]:
    given = {key: value for key, value in _values(block).items() if key != "enabled"}
    if given.pop("ignorable", True) is False:
        carried.notes.append(f'rule "{name}": comments can switch it off here')
    options: dict[str, Any] = {}
    if name == "terraform_naming_convention":
        formats = given.pop("custom_formats", {})
        options = dict(_name_formats(block, formats if isinstance(formats, dict) else {}, carried))
        given = {key: value for key, value in given.items() if key not in ("format", "custom")}
    elif name == "terraform_module_pinned_source":
        options = _taken(given, {"style": str, "default_branches": list})
    elif name == "terraform_module_version":
        options = _taken(given, {"exact": bool})
    elif name == "terraform_required_providers":
        options = _taken(given, {"source": bool, "version": bool})
    for key in given:
        carried.notes.append(f'rule "{name}": `{key}` is not carried over')
    return options


def _taken(given: dict[str, Any], kinds: Mapping[str, type]) -> dict[str, Any]:
    """Options of the right type under our names; they are taken out of what is given."""
    fitting = [key for key, kind in kinds.items() if isinstance(given.get(key), kind)]
    return {key.replace("_", "-"): given.pop(key) for key in fitting}


def _name_formats(
    block: hcl.Block, formats: Mapping[str, Any], carried: Carried
) -> Iterator[tuple[str, str]]:
    for key, values in (
        ("format", _values(block)),
        *((inner.type, _values(inner)) for inner in block.body.blocks if inner.type in _KINDS),
    ):
        custom, format = values.get("custom"), values.get("format")
        own = formats.get(format) if isinstance(format, str) else None
        pattern = custom or (own.get("regex") if isinstance(own, dict) else None)
        if isinstance(pattern, str):
            if _is_common(pattern):
                yield key, pattern if pattern[0] == "^" else f"^.*(?:{pattern})"
            else:
                shown = " ".join(pattern.split())
                carried.notes.append(f'rule "terraform_naming_convention": {shown} is not read')
        elif format in ("snake_case", "mixed_snake_case", "none"):
            yield key, format
        elif format is not None:
            carried.notes.append(f'rule "terraform_naming_convention": `{key}` is not read')


def _is_common(pattern: str) -> bool:
    """Whether a regular expression means the same to both."""
    if _NOT_RE2.search(pattern):
        return False
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return True
