"""Forms of comments and files that the language admits beside the usual ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from iachygiene.hcl import comments
from iachygiene.model import Edit, Findings, Fix, Location, Severity, SourceFile, Span, at
from iachygiene.parse.json import Json
from iachygiene.parse.terraform import TerraformFile, TerraformModule
from iachygiene.rule import rule

_LABELS = {"resource": 2, "data": 2, "ephemeral": 2}
_LABELS |= dict.fromkeys(("module", "variable", "output", "provider", "check"), 1)
"""Levels of names above the contents, within which objects join without another meaning."""


@rule(
    "TF006",
    TerraformModule,
    Severity.WARNING,
    default="off",
    aliases=("tflint:terraform_comment_syntax",),
)
def non_hash_comment(module: TerraformModule) -> Findings:
    """A comment does not begin with `#`.

    One form of comments is enough, and the
    [style guide](https://developer.hashicorp.com/terraform/language/style#comments) asks for
    `#`. A `/* */` that begins and ends on one line may stand, because it can stand within an
    expression.

    Bad:
        // The bucket of the logs.
        resource "aws_s3_bucket" "logs" {
          force_destroy = true //it is only logs
        }
    Fixed:
        # The bucket of the logs.
        resource "aws_s3_bucket" "logs" {
          force_destroy = true #it is only logs
        }
    Bad:
        /*
          The bucket of the logs.
        */
        resource "aws_s3_bucket" "logs" {
        }
    Fixed:
        #
        #  The bucket of the logs.
        #
        resource "aws_s3_bucket" "logs" {
        }
    Bad: with stars
        /* The bucket
         * of the logs. */
        resource "aws_s3_bucket" "logs" {
        }
    Fixed:
        # The bucket
        # * of the logs.
        resource "aws_s3_bucket" "logs" {
        }
    Bad: code behind it would become a part of the comment; there is no fix
        locals {
          a = 1 + /* and
          then */ 2
        }
    Good:
        # The bucket of the logs.
        resource "aws_s3_bucket" "logs" {
          force_destroy = /* for now */ true
        }
    Good: no comments
        locals {
          address = "https://example.com/*"
          text    = <<-EOT
            // text
          EOT
        }
    """
    for file in module.files:
        text = file.source.text
        if isinstance(file.root, Json) or ("//" not in text and "/*" not in text):
            continue
        for start, end, inner in comments(text):
            if text[start] == "#" or (text[start + 1] == "*" and "\n" not in inner):
                continue
            fix = _hashed(text, start, end, inner)
            mark = text[start : start + 2]
            where = Location(file.source.path, Span(start, end))
            yield at(where, f'comment begins with "{mark}"', fix=fix)


def _hashed(text: str, start: int, end: int, inner: str) -> Fix | None:
    if text[start + 1] == "/":
        return Fix("begin it with #", (Edit(Span(start, start + 2), "#"),))
    line_end = text.find("\n", end)
    if text[end : len(text) if line_end == -1 else line_end].strip():
        return None
    lines = ["#" + line.rstrip(" \t") for line in inner.split("\n")]
    return Fix("begin each line with #", (Edit(Span(start, end), "\n".join(lines)),))


@rule("TF007", TerraformModule, Severity.WARNING, aliases=("tflint:terraform_json_syntax",))
def json_root_array(module: TerraformModule) -> Findings:
    """A file in JSON syntax holds an array instead of an object.

    Terraform reads the objects of the array one after the other, for historical reasons;
    the [documented form](https://developer.hashicorp.com/terraform/language/syntax/json)
    is one object. The fix joins them, with the keys in order.

    Bad:
        -- main.tf.json --
        [
          {"variable": {"name": {"type": "string"}}},
          {"variable": {"size": {"type": "number"}}, "terraform": {"required_version": ">= 1.5"}}
        ]
    Fixed:
        -- main.tf.json --
        {
          "terraform": {
            "required_version": ">= 1.5"
          },
          "variable": {
            "name": {
              "type": "string"
            },
            "size": {
              "type": "number"
            }
          }
        }
    Bad: blocks that cannot be one stay two
        -- main.tf.json --
        [
          {"provider": {"aws": {}}},
          {"provider": {"aws": {"alias": "west"}}}
        ]
    Fixed:
        -- main.tf.json --
        {
          "provider": {
            "aws": [
              {},
              {
                "alias": "west"
              }
            ]
          }
        }
    Bad: a comment beside objects; there is no fix
        -- main.tf.json --
        ["the variables", {"variable": {"name": {}}}]
    Good:
        -- main.tf.json --
        {
          "variable": [{"name": {}}, {"size": {}}]
        }
    """
    for file in module.files:
        if isinstance(file, TerraformFile) or file.root.kind != "array":
            continue
        yield at(
            Location(file.source.path, Span(file.root.start, file.root.start + 1)),
            "the file holds an array instead of an object",
            fix=_joined(file.source, file.root),
        )


def _joined(file: SourceFile, root: Json) -> Fix | None:
    """A fix that writes one object; none where that would lose or change something."""
    import json

    if any(item.kind != "object" for item in root.items):
        return None
    for node in root.walk():
        names = Counter(key.value for key, _ in node.members)
        exact = node.kind != "number" or node.value.lstrip("-").isdigit()
        if not exact or (names and max(names.values()) > 1):
            return None
    objects = json.loads(file.text[root.start : root.end])
    merged = {
        name: _merged([one[name] for one in objects if name in one], _LABELS.get(name, 0))
        for name in sorted({name for one in objects for name in one})
    }
    text = json.dumps(merged, indent=2, sort_keys=True, ensure_ascii=False)
    end = "" if file.text[root.end :].startswith(("\n", "\r\n")) else "\n"
    return Fix("join the objects", (Edit(Span(root.start, root.end), text + end),))


def _merged(values: Sequence[Any], depth: int) -> Any:
    """One value for several: objects above the contents of blocks join, others make a list."""
    if len(values) == 1:
        return values[0]
    if depth == 0 or not all(isinstance(value, dict) for value in values):
        return [one for value in values for one in (value if isinstance(value, list) else [value])]
    names = {name for value in values for name in value}
    return {name: _merged([v[name] for v in values if name in v], depth - 1) for name in names}
