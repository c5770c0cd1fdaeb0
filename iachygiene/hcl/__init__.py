"""HCL, the language of Terraform files: tokens, syntax check, tree, canonical layout.

`check` accepts or refuses a text as Terraform does, `parse` gives its tree, `comments` its
comments, `layout` and `format` its canonical form. All places are code points of the text
given, and every step takes time in proportion to the text's length. No input exceeds
Python's recursion limit: text nested deeper than `MAX_NESTING` raises `HclTooDeep`.
"""

from __future__ import annotations

from iachygiene.hcl.format import Guard, Layout, format, format_bytes, layout
from iachygiene.hcl.parse import check, comments, parse
from iachygiene.hcl.syntax import MAX_NESTING, HclError, HclTooDeep
from iachygiene.hcl.tree import (
    UNKNOWN,
    Access,
    Attr,
    Attribute,
    Binary,
    Block,
    Body,
    Call,
    Conditional,
    Expression,
    For,
    ForDirective,
    Heredoc,
    IfDirective,
    Index,
    Interpolation,
    Label,
    Literal,
    Name,
    Node,
    Object,
    ObjectItem,
    Parens,
    Reference,
    Splat,
    Template,
    Text,
    Tuple,
    Unary,
    Unknown,
    literal,
    walk,
)

__all__ = [
    "MAX_NESTING",
    "UNKNOWN",
    "Access",
    "Attr",
    "Attribute",
    "Binary",
    "Block",
    "Body",
    "Call",
    "Conditional",
    "Expression",
    "For",
    "ForDirective",
    "Guard",
    "HclError",
    "HclTooDeep",
    "Heredoc",
    "IfDirective",
    "Index",
    "Interpolation",
    "Label",
    "Layout",
    "Literal",
    "Name",
    "Node",
    "Object",
    "ObjectItem",
    "Parens",
    "Reference",
    "Splat",
    "Template",
    "Text",
    "Tuple",
    "Unary",
    "Unknown",
    "check",
    "comments",
    "format",
    "format_bytes",
    "layout",
    "literal",
    "parse",
    "walk",
]
