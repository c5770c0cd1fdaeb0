"""Instructions in the wrong place, in an outdated form, or with impossible arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator

from iachygiene.lazy import regex
from iachygiene.model import Edit, Findings, Fix, Location, Severity, Span, at
from iachygiene.parse.dockerfile import Dockerfile, Healthcheck, Instruction, Onbuild, Stage
from iachygiene.rule import rule

_PRAGMA = regex(
    r"#[ \t]*hadolint[ \t]+ignore[ \t]*=[ \t]*([DLSC0-9]+(?:[ \t]*,[ \t]*[DLSC0-9]+)*)"
    r"[ \t]*(?:#.*)?"
)
_PORT = regex(r"(\d+)(?:-(\d+))?(?:/\w*)?", re.ASCII)
_MAX_PORT = 65_535
# What a shell would not hand to the program as it stands.
_SIMPLE = regex(r"[\w./:,@%+-]+(?:[ \t]+[\w./:,@%+=-]+)*", re.ASCII)
_BUILTINS = frozenset(
    (
        *(".", ":", "alias", "cd", "command", "eval", "exec", "exit", "export", "read", "set"),
        *("shift", "source", "trap", "type", "ulimit", "umask", "unset", "wait", "while", "if"),
        *("for", "until", "case", "time"),
    )
)
_PLAIN_TEXT = regex(r"[^\"'\\$`]+")


@rule("DF1001", Dockerfile, Severity.INFO, default="off", aliases=("hadolint:DL1001",))
def inline_ignore_pragma(dockerfile: Dockerfile) -> Findings:
    r"""A comment mutes findings of hadolint on the next line.

    For repositories in which exceptions belong in the configuration alone, where all of them
    are seen at once.

    Bad:
        # hadolint ignore=DL3006
        FROM debian
    Bad: several codes, and a remark
        FROM debian:12
        # hadolint ignore = DL3008, DL3015 # the distribution is pinned
        RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*
    Good: for the whole file, in the open
        # hadolint global ignore=DL3006
        FROM debian
    Good: such a comment has no effect, since it is not valid
        # hadolint ignore=DL3006 because of that
        FROM debian:12
    Good: neither has one inside an instruction
        FROM debian:12
        RUN make && \
        # hadolint ignore=DL3004
          make install
    """
    text = dockerfile.file.text
    extents = iter(one.extent for one in dockerfile.instructions)
    extent = next(extents, None)
    for span in dockerfile.comments:
        while extent is not None and extent.end <= span.start:
            extent = next(extents, None)
        inside = extent is not None and extent.start < span.start
        found = None if inside else _PRAGMA.fullmatch(text[slice(*span)])
        if found:
            place = Location(dockerfile.path, span)
            yield at(place, f'a comment mutes "{found[1]}" on the next line')


@rule("DF3011", Dockerfile, Severity.ERROR, aliases=("hadolint:DL3011", "trivy:DS-0008"))
def invalid_exposed_port(dockerfile: Dockerfile) -> Findings:
    """EXPOSE names a port above 65535.

    There is none: the numbers of TCP and UDP ports have 16 bits.
    https://docs.docker.com/reference/dockerfile/#expose

    Bad:
        FROM debian:12
        EXPOSE 80000
    Bad: one of many, with its protocol
        FROM debian:12
        EXPOSE 80 65536/udp
    Bad: an end of a range
        FROM debian:12
        EXPOSE 8000-80000
    Good:
        FROM debian:12
        EXPOSE 65535 8000-8010/tcp
    Good: a variable
        FROM debian:12
        ARG PORT=8080
        EXPOSE $PORT
    """
    for instruction in dockerfile.of("EXPOSE"):
        for word in instruction.words:
            found = _PORT.fullmatch(word.text)
            # Numbers of any length are compared without being converted.
            if found and any(_is_above(end) for end in found.groups("0")):
                message = f'"{word.text}" is above the highest port, {_MAX_PORT}'
                yield at(word, message, object=instruction.object)


def _is_above(digits: str) -> bool:
    digits = digits.lstrip("0")
    return len(digits) > 5 or int(digits or "0") > _MAX_PORT


@rule(
    "DF3025",
    Dockerfile,
    Severity.WARNING,
    aliases=("hadolint:DL3025", "buildkit:JSONArgsRecommended"),
)
def shell_form_command(dockerfile: Dockerfile) -> Findings:
    r"""CMD, ENTRYPOINT or the CMD of HEALTHCHECK is in shell form.

    The program then runs below `/bin/sh -c`, which does not pass signals on: it is not told
    to stop, and is killed after ten seconds. The JSON form starts it directly. The fix
    is not applied without `--unsafe-fixes`, since a script without a first line `#!` runs in
    a shell only. https://docs.docker.com/reference/build-checks/json-args-recommended/

    Bad:
        FROM debian:12
        CMD /app --serve
    Fixed:
        FROM debian:12
        CMD ["/app", "--serve"]
    Bad: shell syntax, for which there is no fix
        FROM debian:12
        ENTRYPOINT /app --port $PORT
    Bad: quotes of the wrong kind are no JSON
        FROM debian:12
        CMD ['/app']
    Bad: neither is a list that ends in a comma
        FROM debian:12
        CMD ["/app",]
    Bad:
        FROM debian:12
        HEALTHCHECK --interval=5s CMD /check || exit 1
    Bad: hadolint stumbles over backslashes before a quote
        FROM debian:12
        CMD ["/app", "C:\\dir\\"]
    Good:
        FROM debian:12
        ENTRYPOINT ["/app"]
        CMD ["--serve", "say \"yes\""]
        HEALTHCHECK CMD ["/check"]
    Good: what the base image has is taken away
        FROM debian:12
        ENTRYPOINT []
        HEALTHCHECK NONE
    """
    for stage, outer, command in _commands(dockerfile):
        is_check = command is not outer
        # Docker's own check does not look at HEALTHCHECK.
        aliases = ("hadolint:DL3025",) if is_check else None
        place = command.argument
        if command.exec_form is None:
            what = "the CMD of HEALTHCHECK" if is_check else command.keyword
            fix = _json_form(command, stage)
            message = f"{what} is in shell form"
            yield at(place, message, object=outer.object, aliases=aliases, fix=fix)
        elif command.escape == "\\" and '\\\\"' in place.raw:
            message = "a backslash before a quote makes hadolint read a shell form"
            yield at(place, message, object=outer.object, aliases=("hadolint:DL3025",))


def _commands(dockerfile: Dockerfile) -> Iterator[tuple[Stage | None, Instruction, Instruction]]:
    """Each CMD and ENTRYPOINT with its stage and the instruction that it stands in."""
    for stage in (None, *dockerfile.stages):
        for outer in stage.instructions if stage else dockerfile.preamble:
            command = outer.command if isinstance(outer, Healthcheck) else outer
            if command is not None and command.keyword in ("CMD", "ENTRYPOINT"):
                yield stage, outer, command


def _json_form(command: Instruction, stage: Stage | None) -> Fix | None:
    argument = command.argument
    words = argument.raw.split()
    start, end = argument.location.span
    if stage is None or end - start != len(argument.raw) or not _SIMPLE.fullmatch(argument.raw):
        return None
    if words[0] in _BUILTINS or stage.last("SHELL") is not None or command.escape != "\\":
        return None
    if stage.last("CMD") and stage.last("ENTRYPOINT"):
        # Together the two mean something else in each form.
        return None
    text = ", ".join(f'"{word}"' for word in words)
    return Fix("use the JSON form", (Edit(Span(start, end), f"[{text}]"),), safe=False)


@rule("DF3043", Dockerfile, Severity.ERROR, aliases=("hadolint:DL3043",))
def forbidden_onbuild_instruction(dockerfile: Dockerfile) -> Findings:
    """ONBUILD holds an instruction that cannot be one of a derived build.

    Docker refuses ONBUILD, FROM and MAINTAINER there.
    https://docs.docker.com/reference/dockerfile/#onbuild-limitations

    Bad:
        FROM debian:12
        ONBUILD ONBUILD RUN make
    Bad:
        FROM debian:12
        ONBUILD FROM debian:12
    Bad:
        FROM debian:12
        ONBUILD MAINTAINER somebody
    Good:
        FROM debian:12
        ONBUILD RUN make
    """
    for instruction in dockerfile.of("ONBUILD"):
        if isinstance(instruction, Onbuild):
            keyword = instruction.trigger.keyword
            if keyword in ("ONBUILD", "FROM", "MAINTAINER"):
                yield at(instruction, f"ONBUILD holds {keyword}")


@rule("DF3061", Dockerfile, Severity.ERROR, aliases=("hadolint:DL3061",))
def instruction_before_from(dockerfile: Dockerfile) -> Findings:
    """An instruction stands before the first FROM.

    There is no image yet to apply it to, and Docker refuses the file. Only ARG, for use in
    FROM, may stand there. https://docs.docker.com/reference/dockerfile/#from

    Bad:
        RUN make
        FROM debian:12
    Bad: there is no FROM at all
        LABEL team=shop
        CMD ["/app"]
    Good:
        # syntax=docker/dockerfile:1
        ARG VERSION=12
        # the base of everything
        FROM debian:${VERSION}
    """
    for instruction in dockerfile.preamble:
        if instruction.keyword != "ARG":
            yield at(instruction, f"{instruction.keyword} stands before the first FROM")


@rule(
    "DF4000",
    Dockerfile,
    Severity.ERROR,
    aliases=(
        "hadolint:DL4000",
        "trivy:DS-0022",
        "checkov:CKV_DOCKER_6",
        "buildkit:MaintainerDeprecated",
    ),
)
def maintainer_instruction(dockerfile: Dockerfile) -> Findings:
    """The deprecated instruction MAINTAINER is used.

    A label says the same, and tools that look at images show it.
    https://docs.docker.com/reference/build-checks/maintainer-deprecated/

    Bad:
        FROM debian:12
        MAINTAINER Jane Doe <jane@example.com>
    Fixed:
        FROM debian:12
        LABEL org.opencontainers.image.authors="Jane Doe <jane@example.com>"
    Bad: quotes around it
        FROM debian:12
        MAINTAINER "Jane Doe"
    Fixed:
        FROM debian:12
        LABEL org.opencontainers.image.authors="Jane Doe"
    Bad: no fix where a label would read the text in another way
        FROM debian:12
        MAINTAINER Jane "$" Doe
    Good:
        FROM debian:12
        LABEL org.opencontainers.image.authors="Jane Doe <jane@example.com>"
    """
    for instruction in dockerfile.of("MAINTAINER"):
        argument = instruction.argument
        name = argument.raw
        if len(name) > 1 and name[0] == name[-1] == '"':
            name = name[1:-1]
        edit = Edit(
            Span(instruction.location.span.start, argument.location.span.end),
            f'LABEL org.opencontainers.image.authors="{name}"',
        )
        one_line = len(instruction.text.string) == instruction.text.first_piece
        fix = Fix("use a label", (edit,)) if one_line and _PLAIN_TEXT.fullmatch(name) else None
        yield at(instruction, "MAINTAINER is deprecated", fix=fix)
