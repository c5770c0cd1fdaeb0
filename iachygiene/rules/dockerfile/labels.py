"""Labels that a schema asks for, and the form of their values.

The schema is the table `label-schema` of the settings for Dockerfiles, from keys to types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Copy, Dockerfile, Instruction, Pair, Variables
from iachygiene.rule import rule

_HOST = r"(?:\[[\w:.%~-]+\]|(?:[\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)"
_PATH = r"(?:[\w.~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*"
_TAIL = r"(?:[\w.~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*"
_URL = regex(
    r"[A-Za-z][A-Za-z0-9+.-]*:"
    rf"(?://(?:(?:[\w.~!$&'()*+,;=:-]|%[0-9A-Fa-f]{{2}})*@)?{_HOST}(?::[0-9]*)?(?:/{_PATH})?"
    rf"|(?!//){_PATH})(?:\?{_TAIL})?(?:#{_TAIL})?",
    re.ASCII,
)
_RFC3339 = regex(
    r"([0-9]{3,6})-([0-9]{2})-([0-9]{2})[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)"
    r"(?:\.[0-9]*)?(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})"
)
_HASH = regex(r"[0-9a-f]{7}(?:[0-9a-f]{33})?")
_SEMVER = regex(
    r"[0-9]+\.[0-9]+\.[0-9]+(?:-(?:[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*\.?)?)?"
    r"(?:\+(?:[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*\.?)?)?"
)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*"
_REMARK = r"(?:\([^()\\]*\)\s*)?"
_EMAIL = regex(
    rf"{_REMARK}(?:{_ATOM}(?:\.{_ATOM})*|\"(?:[^\"\\]|\\.)*\")\s*@\s*"
    rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[^\[\]\\\s]*\]){_REMARK}"
)


@rule("DF3049", Dockerfile, Severity.INFO, aliases=("hadolint:DL3049",))
def image_label_missing(dockerfile: Dockerfile) -> Findings:
    """A stage does not have a label that the schema asks for.

    It says nothing as long as no label is asked for. A stage has the labels of the stage
    that it builds on, and one that others only build on or copy from needs none.

    Bad:
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { "org.opencontainers.image.source" = "url" }
        -- Dockerfile --
        FROM debian:12.5
        LABEL team=shop
    Bad: the last stage builds on an image outside
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { team = "text" }
        -- Dockerfile --
        FROM debian:12.5 AS build
        LABEL team=shop
        FROM debian:12.5
        COPY --from=build /srv/app /srv/app
    Good: no label is asked for
        FROM debian:12.5
    Good: the label comes with the stage that this one builds on
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { team = "text" }
        -- Dockerfile --
        FROM debian:12.5 AS base
        LABEL team=shop
        FROM base
    Good: what is only copied from is no image of its own
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { team = "text" }
        -- Dockerfile --
        FROM debian:12.5 AS build
        RUN make
        FROM debian:12.5
        LABEL team=shop
        COPY --from=build /srv/app /srv/app
    """
    for key in dockerfile.label_schema:
        labelled: set[str] = set()
        without: dict[int, str] = {}
        for stage in dockerfile.stages:
            has_it = stage.image_name in labelled
            if not has_it:
                without[stage.index] = stage.name
            for instruction in stage.instructions:
                if _sets(instruction, key):
                    has_it = True
                    without.pop(stage.index, None)
                    _forget(without, stage.name or stage.image_name)
                elif isinstance(instruction, Copy) and instruction.keyword == "COPY":
                    source = instruction.from_flag
                    if source is not None:
                        _forget(without, source.value)
            if has_it and stage.name:
                labelled.add(stage.name)
        for index in without:
            yield at(dockerfile.stages[index], f'the label "{key}" is missing')


def _sets(instruction: Instruction, key: str) -> bool:
    return instruction.keyword == "LABEL" and any(name == key for name, _ in _labels(instruction))


def _forget(without: dict[int, str], name: str) -> None:
    for index in [index for index, one in without.items() if one and one == name]:
        del without[index]


@rule("DF3050", Dockerfile, Severity.INFO, aliases=("hadolint:DL3050",))
def unknown_image_label(dockerfile: Dockerfile) -> Findings:
    """A label is not in the schema, which says that it holds all there are.

    The setting `strict-labels` says so.

    Bad:
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { team = "text" }
        strict-labels = true
        -- Dockerfile --
        FROM debian:12.5
        LABEL team=shop color=blue
    Good: others are allowed
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { team = "text" }
        -- Dockerfile --
        FROM debian:12.5
        LABEL team=shop color=blue
    """
    if not dockerfile.strict_labels:
        return
    for instruction in dockerfile.of("LABEL"):
        for key, pair in _labels(instruction):
            if key not in dockerfile.label_schema:
                message = f'the label "{key}" is not in the schema'
                yield at(pair.name, message, object=instruction.object)


@rule("DF3051", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3051",))
def empty_image_label(dockerfile: Dockerfile) -> Findings:
    """A label of the schema is empty.

    Whoever reads the labels of images finds nothing there, just as if it were missing.

    Bad:
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { team = "text" }
        -- Dockerfile --
        FROM debian:12.5
        LABEL team=""
    Good: the schema does not ask for it
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { team = "text" }
        -- Dockerfile --
        FROM debian:12.5
        LABEL team=shop color=""
    """
    for instruction in dockerfile.of("LABEL") if dockerfile.label_schema else ():
        for key, pair in _labels(instruction):
            if key in dockerfile.label_schema and pair.value is not None and not pair.value.text:
                yield at(pair, f'the label "{key}" is empty', object=instruction.object)


@rule("DF3052", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3052",))
def label_not_url(dockerfile: Dockerfile) -> Findings:
    """A label that holds a URL by the schema does not.

    That is an absolute URI: https://www.rfc-editor.org/rfc/rfc3986

    Bad:
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { "org.opencontainers.image.source" = "url" }
        -- Dockerfile --
        FROM debian:12.5
        LABEL org.opencontainers.image.source="example.com/shop"
    Good:
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { "org.opencontainers.image.source" = "url" }
        -- Dockerfile --
        FROM debian:12.5
        LABEL org.opencontainers.image.source="https://example.com/shop"
    """
    yield from _malformed(dockerfile, "url", _is_url, "no absolute URL")


@rule("DF3053", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3053",))
def label_not_rfc3339(dockerfile: Dockerfile) -> Findings:
    """A label that holds a date and time by the schema does not.

    The form is that of https://www.rfc-editor.org/rfc/rfc3339, with a `T` between date and
    time and with a zone.

    Bad:
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { "org.opencontainers.image.created" = "rfc3339" }
        -- Dockerfile --
        FROM debian:12.5
        LABEL org.opencontainers.image.created="2026-11-26"
    Good:
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { "org.opencontainers.image.created" = "rfc3339" }
        -- Dockerfile --
        FROM debian:12.5
        LABEL org.opencontainers.image.created="2026-11-26T10:00:00Z"
    """
    yield from _malformed(dockerfile, "rfc3339", _is_rfc3339, "no date and time of RFC 3339")


@rule("DF3054", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3054",))
def label_not_spdx(dockerfile: Dockerfile) -> Findings:
    """A label that holds a licence by the schema does not hold an identifier of SPDX.

    It has to be one licence of https://spdx.org/licenses/ in its exact spelling, and none
    that is deprecated there.

    Bad:
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { "org.opencontainers.image.licenses" = "spdx" }
        -- Dockerfile --
        FROM debian:12.5
        LABEL org.opencontainers.image.licenses="Apache 2"
    Good:
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { "org.opencontainers.image.licenses" = "spdx" }
        -- Dockerfile --
        FROM debian:12.5
        LABEL org.opencontainers.image.licenses="Apache-2.0"
    """
    yield from _malformed(dockerfile, "spdx", _is_licence, "no licence of the SPDX list")


@rule("DF3055", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3055",))
def label_not_git_hash(dockerfile: Dockerfile) -> Findings:
    """A label that holds a commit by the schema does not.

    That is 7 or 40 of the characters 0 to 9 and a to f.

    Bad:
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { "org.opencontainers.image.revision" = "hash" }
        -- Dockerfile --
        FROM debian:12.5
        LABEL org.opencontainers.image.revision="main"
    Good:
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { "org.opencontainers.image.revision" = "hash" }
        -- Dockerfile --
        FROM debian:12.5
        LABEL org.opencontainers.image.revision="0a1b2c3"
    """
    yield from _malformed(dockerfile, "hash", _is_hash, "no commit of git")


@rule("DF3056", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3056",))
def label_not_semver(dockerfile: Dockerfile) -> Findings:
    """A label that holds a version by the schema does not hold one of three numbers.

    The form is that of https://semver.org/.

    Bad:
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { "org.opencontainers.image.version" = "semver" }
        -- Dockerfile --
        FROM debian:12.5
        LABEL org.opencontainers.image.version="v1.2"
    Good:
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { "org.opencontainers.image.version" = "semver" }
        -- Dockerfile --
        FROM debian:12.5
        LABEL org.opencontainers.image.version="1.2.0-rc.1"
    """
    yield from _malformed(dockerfile, "semver", _is_semver, "no semantic version")


@rule("DF3058", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3058",))
def label_not_email(dockerfile: Dockerfile) -> Findings:
    """A label that holds a mail address by the schema does not.

    The form is that of https://www.rfc-editor.org/rfc/rfc5322, without a name beside it.

    Bad:
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { contact = "email" }
        -- Dockerfile --
        FROM debian:12.5
        LABEL contact="the shop team"
    Good:
        -- .iachygiene.toml --
        [dockerfile]
        label-schema = { contact = "email" }
        -- Dockerfile --
        FROM debian:12.5
        LABEL contact="shop@example.com"
    """
    yield from _malformed(dockerfile, "email", _is_email, "no mail address")


def _labels(instruction: Instruction) -> Iterator[tuple[str, Pair]]:
    if isinstance(instruction, Variables):
        for pair in instruction.pairs:
            yield pair.name.text, pair


def _malformed(
    dockerfile: Dockerfile, form: str, holds: Callable[[str], bool], what: str
) -> Findings:
    if form not in dockerfile.label_schema.values():
        return
    for instruction in dockerfile.of("LABEL"):
        for key, pair in _labels(instruction):
            value = pair.value
            if dockerfile.label_schema.get(key) == form and value and not holds(value.text):
                message = f'the label "{key}" holds {what}: "{value.text}"'
                yield at(value, message, object=instruction.object)


def _is_url(text: str) -> bool:
    return _URL.fullmatch(text) is not None


def _is_rfc3339(text: str) -> bool:
    found = _RFC3339.fullmatch(text.strip())
    if found is None:
        return False
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return 1 <= month <= 12 and 1 <= day <= lengths[month - 1]


def _is_licence(text: str) -> bool:
    from iachygiene.spdx import LICENCES

    return text.rstrip() in LICENCES


def _is_hash(text: str) -> bool:
    return _HASH.fullmatch(text) is not None


def _is_semver(text: str) -> bool:
    return _SEMVER.fullmatch(text) is not None


def _is_email(text: str) -> bool:
    return _EMAIL.fullmatch(text.strip()) is not None
