"""The canonical format of Terraform files."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Edit, Findings, Fix, Location, Severity, Span, at
from iachygiene.parse.terraform import Formatting
from iachygiene.rule import rule

_SHOWN = 3
"""Differing lines that a finding points at; all of them are in its fix."""


@rule("TF001", Formatting, Severity.WARNING)
def unformatted_file(formatting: Formatting) -> Findings:
    """A file is not in the canonical format of `terraform fmt`.

    One format for everybody keeps blanks out of reviews and out of merge conflicts. The fix
    is what [terraform fmt](https://developer.hashicorp.com/terraform/cli/commands/fmt)
    writes, be it the program that formats or the built-in engine.

    Bad:
        locals {
          a=1
          long_name = 2
        }
    Fixed:
        locals {
          a         = 1
          long_name = 2
        }
    Bad: nested blocks are indented by two blanks
        resource "null_resource" "web" {
        lifecycle {
            prevent_destroy = true
        }
        }
    Fixed:
        resource "null_resource" "web" {
          lifecycle {
            prevent_destroy = true
          }
        }
    Bad: a value that is a single interpolation is unwrapped
        output "name" {
          value = "${var.name}"
        }
    Fixed:
        output "name" {
          value = var.name
        }
    Bad: files of values have the same format
        -- prod.tfvars --
        region="eu-west-1"
    Fixed:
        -- prod.tfvars --
        region = "eu-west-1"
    Good: blank lines and the order of things are left alone
        locals {


          b = 2
          a = 1
        }
    Good: values are aligned in runs of neighbouring lines
        locals {
          a         = 1
          long_name = 2

          b = 3
        }
    """
    if not formatting.changes or formatting.quirks:
        return
    edits = tuple(_edits(formatting.source.text, formatting.formatted))
    places = [_line_of(edit, formatting) for edit in edits]
    count = sum(max(1, edit.text.count("\n")) for edit in edits)
    many = f"{count} lines are" if count > 1 else "a line is" if count else "a byte order mark is"
    yield at(
        places[0] if places else formatting.location,
        f"{many} not in canonical format",
        related=places[1:_SHOWN],
        fix=Fix("format the file", edits, keep_mark=False),
    )


def _edits(text: str, formatted: str) -> Iterator[Edit]:
    """Replacements of whole lines that turn one text into the other."""
    before, after = _lines(text), _lines(formatted)
    start = 0
    if len(before) == len(after):
        # The layout moves no line end, so lines correspond.
        for old, new in zip(before, after, strict=True):
            if old != new:
                yield Edit(Span(start, start + len(old)), new)
            start += len(old)
    else:
        head = _same(before, after)
        tail = _same(before[head:][::-1], after[head:][::-1])
        start = sum(map(len, before[:head]))
        end = len(text) - sum(map(len, before[len(before) - tail :]))
        yield Edit(Span(start, end), "".join(after[head : len(after) - tail]))


def _lines(text: str) -> list[str]:
    """The lines with their ends; only a line feed ends one."""
    *lines, last = text.split("\n")
    return [line + "\n" for line in lines] + ([last] if last else [])


def _same(one: list[str], other: list[str]) -> int:
    """How many lines two lists have in common at their beginning."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _line_of(edit: Edit, formatting: Formatting) -> Location:
    text = formatting.source.text
    start, end = edit.span
    end = start + len(text[start:end].rstrip("\r\n"))
    becomes = edit.text.strip()
    label = f"becomes: {becomes}" if becomes and "\n" not in becomes else ""
    return Location(formatting.source.path, Span(start, end), label)


@rule("TF002", Formatting, Severity.WARNING)
def lossy_formatting(formatting: Formatting) -> Findings:
    """The reference formatter would delete code here, or write a file that does not parse.

    `terraform fmt` has a few defects that damage valid files: labels with a `$` or `%` and
    comments between labels vanish, an index `[true]` loses its content, and an unwrapped
    `"${...}"` can fall apart over several lines. Such a file is never rewritten by
    iachygiene. Write the place in another way, then the file can be formatted.

    Bad: the comment would vanish
        resource /* the logs */ "aws_s3_bucket" "logs" {
        }
    Bad: the label would vanish
        resource "null_resource" "100%" {
        }
    Bad: the index would vanish
        locals {
          a = local.settings[true]
        }
    Bad: the value would end after its first line
        locals {
          a = "${(local.a)
          + (local.b)}"
        }
    Good:
        # the logs
        resource "aws_s3_bucket" "logs" {
        }
    Good: parentheses keep the index
        locals {
          a = local.settings[(true)]
        }
    """
    for quirk in formatting.quirks:
        yield at(quirk.location, quirk.explanation)
