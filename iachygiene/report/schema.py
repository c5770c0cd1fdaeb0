"""The JSON Schema (2020-12) of the `json` report."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_NUMBER_OR_NULL: Schema = {"type": ["number", "null"], "minimum": 0}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_FLAG: Schema = {"type": "boolean"}
_LINE: Schema = {"type": "integer", "minimum": 1}
_CODE: Schema = {"type": "string", "pattern": "^[A-Z][A-Z0-9]*[0-9]{3}$"}
_FINGERPRINT: Schema = {"type": "string", "pattern": "^1:[0-9a-f]{32}$"}


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_PLACE: Schema = {
    "path": _TEXT,
    "line": _LINE,
    "column": _LINE,
    "end_line": _LINE,
    "end_column": _LINE,
}

_FINDING = _object(
    {
        "rule": _CODE,
        "name": _TEXT,
        "severity": {"enum": ["info", "warning", "error"]},
        "kind": _TEXT,
        "message": {"type": "string", "maxLength": 1000},
        **_PLACE,
        "object": _or_null(_object({"type": _TEXT, "id": _TEXT, "display": _TEXT})),
        "aliases": _list(_TEXT),
        "related": _list(_object({**_PLACE, "label": _TEXT_OR_NULL})),
        "help": _TEXT_OR_NULL,
        "fix": _or_null(
            _object(
                {
                    "title": _TEXT,
                    "safe": _FLAG,
                    "edits": _list(_object({**_PLACE, "text": _TEXT})),
                }
            )
        ),
        "fingerprint": _FINGERPRINT,
        "new": {"type": ["boolean", "null"]},
        "snippet": {"type": ["string", "null"], "maxLength": 400},
    }
)

_MUTED = _object(
    {
        "rule": _CODE,
        "path": _TEXT,
        "line": _LINE,
        "fingerprint": _FINGERPRINT,
        "by": {"enum": ["comment", "peer", "annotation", "baseline", "config"]},
        "reason": _TEXT_OR_NULL,
        "at": _or_null(_object({"path": _TEXT, "line": _LINE})),
    }
)

_TOOL = _object(
    {
        "name": _TEXT,
        "check": _TEXT,
        "status": {
            "enum": [
                "ok",
                "findings",
                "missing",
                "too-old",
                "timed-out",
                "crashed",
                "garbage",
                "disabled",
                "not-needed",
            ]
        },
        "version": _TEXT_OR_NULL,
        "path": _TEXT_OR_NULL,
        "seconds": _NUMBER_OR_NULL,
        "units": _COUNT,
        "detail": _TEXT_OR_NULL,
        "hint": _TEXT_OR_NULL,
    }
)

_SUMMARY = _object(
    {
        "complete": _FLAG,
        "exit_code": {"enum": [0, 1, 2, 3, 4, 129, 130, 141, 143]},
        "findings": _COUNT,
        "error": _COUNT,
        "warning": _COUNT,
        "info": _COUNT,
        "fixable": _COUNT,
        "fixable_unsafe": _COUNT,
        "muted": _object(
            {
                "comment": _COUNT,
                "peer": _COUNT,
                "annotation": _COUNT,
                "baseline": _COUNT,
                "config": _COUNT,
            }
        ),
        "by_rule": {"type": "object", "additionalProperties": _COUNT},
    }
)

_TIMINGS = _object(
    {
        "discover": _NUMBER_OR_NULL,
        "parse": _NUMBER_OR_NULL,
        "rules": _NUMBER_OR_NULL,
        "tools": _NUMBER_OR_NULL,
        "suppress": _NUMBER_OR_NULL,
        "slowest_rules": _or_null(
            _list(
                {
                    "type": "array",
                    "prefixItems": [_TEXT, _NUMBER_OR_NULL],
                    "minItems": 2,
                    "maxItems": 2,
                }
            )
        ),
    }
)

REPORT: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Report of iachygiene",
    **_object(
        {
            "schema": {"const": "iachygiene-report/1"},
            "version": _TEXT,
            "root": {"const": "."},
            "run": _object(
                {
                    "started": _TEXT_OR_NULL,
                    "seconds": _NUMBER_OR_NULL,
                    "command": _TEXT,
                    "args": _list(_TEXT),
                    "git": _or_null(
                        _object(
                            {
                                "commit": _TEXT_OR_NULL,
                                "dirty": {"type": ["boolean", "null"]},
                                "base": _TEXT_OR_NULL,
                            }
                        )
                    ),
                }
            ),
            "config": _object({"file": _TEXT_OR_NULL, "digest": _TEXT}),
            "files": _object(
                {
                    "checked": _COUNT,
                    "by_kind": {"type": "object", "additionalProperties": _COUNT},
                    "skipped": _list(
                        _object(
                            {
                                "path": _TEXT,
                                "why": _TEXT,
                                "detail": _TEXT_OR_NULL,
                                "hint": _TEXT_OR_NULL,
                            }
                        )
                    ),
                }
            ),
            "tools": _list(_TOOL),
            "findings": _list(_FINDING),
            "muted": _list(_MUTED),
            "crashes": _list(_object({"rule": _TEXT, "path": _TEXT, "cause": _TEXT})),
            "summary": _SUMMARY,
            "timings": _TIMINGS,
        }
    ),
}
"""Keys may be added by a minor release, so objects are open; a changed meaning raises `schema`."""
