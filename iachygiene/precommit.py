"""Editing `.pre-commit-config.yaml` as text: our entry goes in, all else stays as it is."""

from __future__ import annotations

from typing import Any, NamedTuple

from iachygiene.lazy import regex

FILE = ".pre-commit-config.yaml"
HOOK = "iachygiene"
_PLAIN = regex(r"[A-Za-z][A-Za-z0-9+.:/@_-]*[A-Za-z0-9/_-]")


class Refused(Exception):
    """Raised where a file cannot be edited; the message says why."""


def has_hook(text: str) -> bool:
    """Whether a configuration has our hook; raises `Refused` where it cannot be read."""
    top = _composed(text)
    repos = None if top is None else _value_of(top, "repos")
    return repos is not None and _has_hook(repos)


def upgraded(text: str, rev: str) -> str:
    """The text with our entry at another release; raises `Refused`."""
    top = _composed(text)
    repos = None if top is None else _value_of(top, "repos")
    for item in repos.value if repos is not None and repos.id == "sequence" else ():
        if item.id != "mapping" or not _is_ours(item):
            continue
        node = _value_of(item, "rev")
        if node is not None and node.id == "scalar":
            start, end = node.start_mark.index, node.end_mark.index
            return text[:start] + _scalar(rev) + text[end:]
    return text


class _Layout(NamedTuple):
    """How the entries of a file are indented: columns of `-` and of the keys below it."""

    dash: int = 2
    keys: int = 4
    hooks_dash: int = 6
    hooks_keys: int = 8


def with_hook(text: str, address: str, rev: str) -> str:
    """The text of a configuration of pre-commit with our entry; as it is where it has one.

    Nothing else of it changes. Raises `Refused` where the text is no such configuration.
    """
    root = _composed(text)
    line_end = "\r\n" if "\r\n" in text else "\n"
    if root is None:
        start = text if not text or text.endswith("\n") else text + line_end
        after = f"{start}repos:{line_end}" + _entry(address, rev, _Layout(), line_end)
    else:
        repos = _value_of(root, "repos")
        if repos is None:
            start = text if text.endswith("\n") else text + line_end
            after = f"{start}repos:{line_end}" + _entry(address, rev, _Layout(), line_end)
        elif _has_hook(repos):
            return text
        else:
            after = _inserted(text, repos, address, rev, line_end)
    _same_but_for_entry(text, after, {"repo": address, "rev": rev, "hooks": [{"id": HOOK}]})
    return after


def _composed(text: str) -> Any:
    """The mapping at the top as PyYAML's nodes, None for an empty document."""
    import yaml

    try:
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f" at line {place.line + 1}" if place else ""
        raise Refused(f"it is not valid YAML{where}; repair it first") from None
    except RecursionError:
        raise Refused("it is nested too deeply") from None
    if len(documents) > 1:
        raise Refused("it holds more than one document")
    root = documents[0] if documents else None
    if root is None or (isinstance(root, yaml.ScalarNode) and root.value in ("", "null", "~")):
        if root is not None and root.value:
            raise Refused("it is not a mapping with `repos`")
        return None
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise Refused("it is not a mapping with `repos` in block style")
    return root


def _value_of(mapping: Any, key: str) -> Any:
    return next((value for name, value in mapping.value if name.value == key), None)


def _has_hook(repos: Any) -> bool:
    for item in repos.value if repos.id == "sequence" else ():
        if item.id != "mapping":
            continue
        if _is_ours(item):
            return True
        hooks = _value_of(item, "hooks")
        for hook in hooks.value if hooks is not None and hooks.id == "sequence" else ():
            name = _value_of(hook, "id") if hook.id == "mapping" else None
            if name is not None and name.value in (HOOK, HOOK + "-fix", HOOK + "-all"):
                return True
    return False


def _is_ours(item: Any) -> bool:
    address = _value_of(item, "repo")
    return address is not None and str(address.value).removesuffix(".git").endswith("/iachygiene")


def _inserted(text: str, repos: Any, address: str, rev: str, line_end: str) -> str:
    import yaml

    if isinstance(repos, yaml.ScalarNode) and repos.tag == "tag:yaml.org,2002:null":
        end = _line_end_after(text, repos.start_mark.index)
        head = text[: repos.start_mark.index] + text[repos.end_mark.index : end]
        return _joined(head, _entry(address, rev, _Layout(), line_end), text[end:], line_end)
    if not isinstance(repos, yaml.SequenceNode):
        raise Refused("`repos` is not a list")
    if repos.flow_style:
        return _inserted_in_flow(text, repos, address, rev)
    layout = _layout_of(repos)
    end = _line_end_after(text, _last_index(text, repos.value[-1]))
    return _joined(text[:end], _entry(address, rev, layout, line_end), text[end:], line_end)


def _joined(head: str, entry: str, tail: str, line_end: str) -> str:
    return head + ("" if head.endswith("\n") else line_end) + entry + tail


def _inserted_in_flow(text: str, repos: Any, address: str, rev: str) -> str:
    entry = f"{{repo: {_quoted(address)}, rev: {_quoted(rev)}, hooks: [{{id: {HOOK}}}]}}"
    close = repos.end_mark.index - 1
    if not repos.value:
        return text[:close] + entry + text[close:]
    last = repos.value[-1].end_mark.index
    return f"{text[:last]}, {entry}{text[last:]}"


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _layout_of(repos: Any) -> _Layout:
    """The columns that the last entry with hooks keeps to."""
    dash = repos.start_mark.column
    layout = _Layout(dash, dash + 2, dash + 4, dash + 6)
    for item in repos.value:
        if not isinstance(item.value, list) or item.flow_style or not item.value:
            continue
        keys = item.value[0][0].start_mark.column
        hooks = _value_of(item, "hooks")
        layout = _Layout(dash, keys, keys + 2, keys + 4)
        if isinstance(getattr(hooks, "value", None), list) and hooks.value:
            column = hooks.value[0].start_mark.column
            if not hooks.flow_style and column > hooks.start_mark.column:
                layout = _Layout(dash, keys, hooks.start_mark.column, column)
    return layout


def _entry(address: str, rev: str, layout: _Layout, line_end: str) -> str:
    dash = " " * layout.dash + "-" + " " * (layout.keys - layout.dash - 1)
    keys = " " * layout.keys
    hook = " " * layout.hooks_dash + "-" + " " * (layout.hooks_keys - layout.hooks_dash - 1)
    lines = [
        f"{dash}repo: {_scalar(address)}",
        f"{keys}rev: {_scalar(rev)}",
        f"{keys}hooks:",
        f"{hook}id: {HOOK}",
    ]
    return "".join(line + line_end for line in lines)


def _last_index(text: str, node: Any) -> int:
    """The offset after the last character of a node; PyYAML's own lies beyond the blanks."""
    while isinstance(node.value, list) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return len(text[: node.end_mark.index].rstrip())


def _line_end_after(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end == -1 else end + 1


def _same_but_for_entry(before: str, after: str, entry: dict[str, Any]) -> None:
    """Read both and compare: the last guard against an edit that changed something else."""
    import yaml

    try:
        old = yaml.safe_load(before) or {}
        new = yaml.safe_load(after)
        old_repos, new_repos = old.pop("repos", None) or [], new.pop("repos")
        kept = old == new and new_repos == [*old_repos, entry]
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        kept = False
    if not kept:
        raise Refused("its layout leaves no place for an entry; add the hook by hand")
