"""The functions of Terraform 1.15 and OpenTofu 1.11, with their parameters.

As `terraform metadata functions -json` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from iachygiene import hcl
from iachygiene.parse.terraform_types import ANY, Reader, Type

_TABLE = """
    abs(number)
    abspath(string)
    alltrue(list(bool))
    anytrue(list(bool))
    assumeequal(any?...)
    assumelistlength(any?...)
    assumelistlengthmax(any?...)
    assumelistlengthmin(any?...)
    assumemaplength(any?...)
    assumemaplengthmax(any?...)
    assumemaplengthmin(any?...)
    assumenotnull(any?...)
    assumesetlength(any?...)
    assumesetlengthmax(any?...)
    assumesetlengthmin(any?...)
    assumestringprefix(any?...)
    base64decode(string)
    base64encode(string)
    base64gunzip(string)
    base64gzip(string)
    base64sha256(string)
    base64sha512(string)
    basename(string)
    bcrypt(string, number...)
    can(any)
    ceil(number)
    chomp(string)
    chunklist(list(any), number)
    cidrcontains(string, string)
    cidrhost(string, number)
    cidrnetmask(string)
    cidrsubnet(string, number, number)
    cidrsubnets(string, number...)
    coalesce(any?...)
    coalescelist(any?...)
    compact(list(string))
    concat(any...)
    contains(any, any)
    convert(any?, any...)
    csvdecode(string)
    dirname(string)
    distinct(list(any))
    element(any, number)
    endswith(string, string)
    ephemeralasnull(any?)
    file(string)
    filebase64(string)
    filebase64sha256(string)
    filebase64sha512(string)
    fileexists(string)
    filemd5(string)
    fileset(string, string)
    filesha1(string)
    filesha256(string)
    filesha512(string)
    flatten(any)
    floor(number)
    format(string, any?...)
    formatdate(string, string)
    formatlist(string, any?...)
    indent(number, string)
    index(any, any)
    issensitive(any?)
    join(string, list(string)...)
    jsondecode(string)
    jsonencode(any?)
    keys(any)
    length(any)
    log(number, number)
    lookup(any, string, any?...)
    lower(string)
    matchkeys(list(any), list(any), list(any))
    max(number...)
    md5(string)
    merge(any?...)
    min(number...)
    nonsensitive(any?)
    one(any)
    parseint(any, number)
    pathexpand(string)
    plantimestamp()
    pow(number, number)
    range(number...)
    regex(string, string)
    regexall(string, string)
    replace(string, string, string)
    reverse(any)
    rsadecrypt(string, string)
    sensitive(any?)
    setintersection(set(any), set(any)...)
    setproduct(any...)
    setsubtract(set(any), set(any))
    setunion(set(any), set(any)...)
    sha1(string)
    sha256(string)
    sha512(string)
    signum(number)
    slice(any, number, number)
    sort(list(string))
    split(string, string)
    startswith(string, string)
    strcontains(string, string)
    strrev(string)
    substr(string, number, number)
    sum(any)
    templatefile(string, any)
    templatestring(string, any)
    textdecodebase64(string, string)
    textencodebase64(string, string)
    timeadd(string, string)
    timecmp(string, string)
    timestamp()
    title(string)
    tobool(any?)
    tolist(any?)
    tomap(any?)
    tonumber(any?)
    toset(any?)
    tostring(any?)
    transpose(map(list(string)))
    trim(string, string)
    trimprefix(string, string)
    trimspace(string)
    trimsuffix(string, string)
    try(any...)
    upper(string)
    urldecode(string)
    urlencode(string)
    uuid()
    uuidv5(string, string)
    values(any)
    yamldecode(string)
    yamlencode(any?)
    zipmap(list(string), any)
"""
_LIMITS: Mapping[str, tuple[int, int | None]] = {
    "bcrypt": (1, 2),
    "coalesce": (1, None),
    "coalescelist": (1, None),
    "lookup": (2, 3),
    "max": (1, None),
    "min": (1, None),
    "range": (1, 3),
    "try": (1, None),
}
"""The least and the most arguments, where the parameters do not tell."""
GONE = {"list": "tolist([...])", "map": "tomap({...})"}
"""Functions that old versions had, and what replaces them."""


class Signature(NamedTuple):
    """A function. `rest` is the parameter that takes all arguments beyond the others.

    Each parameter is a type and whether it may be null. `least` and `most` are numbers of
    arguments, without a limit where `most` is None.
    """

    parameters: tuple[tuple[Type, bool], ...]
    rest: tuple[Type, bool] | None
    least: int
    most: int | None

    def parameter(self, index: int) -> tuple[Type, bool]:
        """The parameter that takes an argument."""
        if index < len(self.parameters):
            return self.parameters[index]
        return self.rest or (ANY, True)


_SIGNATURES: dict[str, Signature] = {}
_ROWS: dict[str, str] = {}


def _rows() -> dict[str, str]:
    if not _ROWS:
        for row in _TABLE.split("\n"):
            name, _, parameters = row.strip().removesuffix(")").partition("(")
            if name:
                _ROWS[name] = parameters
    return _ROWS


def names() -> list[str]:
    """The names of all functions."""
    return list(_rows())


def signature(name: str) -> Signature | None:
    """The signature of a function, None where there is no such function."""
    found = _SIGNATURES.get(name)
    if found is None and name in _rows():
        found = _SIGNATURES[name] = _read(name, _rows()[name])
    return found


def _read(name: str, text: str) -> Signature:
    parameters = []
    rest = None
    for part in filter(None, text.split(", ")):
        bare = part.removesuffix("...")
        nullable = bare.endswith("?")
        tree = hcl.parse(f"x = {bare.removesuffix('?')}")
        parameter = Reader().constraint(tree.attributes["x"].expr), nullable
        if part.endswith("..."):
            rest = parameter
        else:
            parameters.append(parameter)
    least, most = _LIMITS.get(name, (len(parameters), None if rest else len(parameters)))
    return Signature(tuple(parameters), rest, least, most)
