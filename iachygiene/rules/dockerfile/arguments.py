"""Build arguments: where they are known, and what undoes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from iachygiene.image import parse_image
from iachygiene.lazy import regex
from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.dockerfile import Dockerfile, Instruction, Pair, Run, Stage, Variables
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.installs import dependency_step
from iachygiene.rules.dockerfile.known_images import official_name

_REFERENCE = regex(r"(?<![\\$])\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(:?[-+?#%/])?)", re.ASCII)
_QUOTED = regex(r"'[^']*'|\\.", re.DOTALL)
_PLATFORM = frozenset(
    f"{side}{part}"
    for side in ("TARGET", "BUILD")
    for part in ("PLATFORM", "OS", "ARCH", "VARIANT")
)
_PREDEFINED = frozenset(
    (
        *("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY", "SOURCE_DATE_EPOCH"),
        *("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy", "TARGETSTAGE"),
        *("PATH", "HOME", "PWD", "USER", "HOSTNAME", "SHELL", "LANG", "IFS", "OLDPWD", "RANDOM"),
        *("UID", "EUID", "LC_ALL", "TERM", "TMPDIR"),
    )
)
_CHANGING = regex(
    r"(?:^|_)(?:COMMIT|SHA|REVISION|BUILD_DATE|BUILD_TIME|BUILD_NUMBER|BUILD_ID|VCS_REF|GIT_REF)"
    r"(?:_|$)"
)
_EXPANDING = frozenset(
    (
        *("ENV", "LABEL", "COPY", "ADD", "WORKDIR", "USER", "EXPOSE", "VOLUME", "STOPSIGNAL"),
        *("ARG", "RUN"),
    )
)


@rule("DF5206", Dockerfile, Severity.WARNING)
def base_arg_undefined(dockerfile: Dockerfile) -> Findings:
    """FROM uses a variable that no ARG before the first FROM declares.

    Only those arguments are known there, and an unknown one is empty: the image is another
    one or the build fails. It is an info where the argument is declared without a default and
    the reference is not valid without one, for such a build works with `--build-arg` alone.
    https://docs.docker.com/reference/dockerfile/#understand-how-arg-and-from-interact

    Bad:
        FROM debian:$RELEASE
    Bad: declared too late
        FROM debian:12
        ARG RELEASE=12
        FROM debian:$RELEASE
    Bad: only an info
        ARG RELEASE
        FROM debian:$RELEASE
    Good:
        ARG RELEASE=12
        FROM debian:$RELEASE
    Good: there is a default
        FROM debian:${RELEASE:-12}
    Good: the builder declares those
        FROM --platform=$BUILDPLATFORM golang:1.25
    Good: it may be empty
        ARG SUFFIX
        FROM debian:12$SUFFIX
    """
    declared = _declared(dockerfile.preamble)
    for stage in dockerfile.stages:
        flag = stage.base.flag("platform")
        texts = [(stage.image.text, stage.image.location)]
        if flag is not None:
            texts.append((flag.value, flag.location))
        for text, place in texts:
            names = [name for name, operator in _references(text) if not operator]
            unknown = [name for name in names if name not in declared and name not in _PLATFORM]
            if unknown:
                message = f'no ARG before the first FROM declares "{unknown[0]}"'
                yield at(
                    place,
                    message,
                    object=stage.object,
                    aliases=("buildkit:UndefinedArgInFrom",),
                )
            elif text is stage.image.text and _needs_value(text, declared):
                yield at(
                    place,
                    f'without a value for "{names[0]}" this is no image',
                    object=stage.object,
                    severity=Severity.INFO,
                    aliases=("buildkit:InvalidDefaultArgInFrom",),
                )


def _declared(instructions: list[Instruction]) -> dict[str, Pair]:
    return {
        pair.name.text: pair
        for one in instructions
        if isinstance(one, Variables) and one.keyword == "ARG"
        for pair in one.pairs
    }


def _references(text: str) -> Iterator[tuple[str, str]]:
    """Names of the variables in a text, each with the operator that follows it."""
    for found in _REFERENCE.finditer(text):
        yield found[1] or found[2], found[3] or ""


def _needs_value(text: str, declared: Mapping[str, Pair]) -> bool:
    if "$" not in text or not any(pair.value is None for pair in declared.values()):
        return False

    def value(found: re.Match[str]) -> str:
        pair = declared.get(found[1] or found[2])
        missing = pair is None or pair.value is None
        return "" if missing and not found[3] else "x"

    filled = re.sub(r"\$(?:(\w++)|\{(\w++)([^}]*+)\})", value, text)
    image = parse_image(filled, Location(""))
    empty_tag = image.tag is not None and not image.tag.text
    empty_digest = image.digest is not None and not image.digest.text
    return not image.repository.text.strip("/") or empty_tag or empty_digest


@rule("DF5319", Dockerfile, Severity.WARNING, aliases=("buildkit:UndefinedVar",))
def arg_out_of_scope(dockerfile: Dockerfile) -> Findings:
    r"""A variable is used in a stage that does not declare it.

    An ARG before the first FROM is known to FROM lines alone, and one of a stage ends with the
    stage, save for those that build on it. Elsewhere the variable is empty, without a word;
    a bare `ARG NAME` in the stage brings it in.
    https://docs.docker.com/reference/dockerfile/#scope

    Bad:
        ARG VERSION=2.3
        FROM debian:12
        LABEL org.opencontainers.image.version=$VERSION
    Bad:
        FROM golang:1.25 AS build
        ARG OUTPUT=/out
        RUN go build -o $OUTPUT/app
        FROM debian:12
        COPY --from=build $OUTPUT/app /app
    Bad:
        ARG VERSION=2.3
        FROM debian:12
        RUN ./install.sh "$VERSION"
    Good:
        ARG VERSION=2.3
        FROM debian:12
        ARG VERSION
        LABEL org.opencontainers.image.version=$VERSION
    Good: inherited
        FROM debian:12 AS base
        ARG OUTPUT=/out
        FROM base
        RUN ls $OUTPUT
    Good: the script has a variable of its own
        ARG VERSION=2.3
        FROM debian:12
        RUN VERSION=$(cat version) && ./install.sh "$VERSION"
    Good: nobody declares it, so that it may be one of the base image
        FROM debian:12
        ENV LD_LIBRARY_PATH=/opt/lib:$LD_LIBRARY_PATH
    Good: the image sets it
        ARG NODE_VERSION=22
        FROM node:$NODE_VERSION
        LABEL node=$NODE_VERSION
    Good: a stage that a variable chooses
        FROM debian:12 AS base-amd64
        ARG SUM=0123
        FROM base-$TARGETARCH
        RUN echo "$SUM"
    Good: not expanded
        ARG VERSION=2.3
        FROM debian:12
        RUN echo '$VERSION' \$VERSION
    """
    elsewhere: dict[str, Pair] = _declared(dockerfile.preamble)
    for stage in dockerfile.stages:
        for name, pair in _declared(stage.instructions).items():
            elsewhere.setdefault(name, pair)
    if not elsewhere:
        return
    for stage in dockerfile.stages:
        if stage.chain[-1].resolved.unknown:
            # A variable may name any stage, with whatever that declares.
            continue
        suspects = elsewhere.keys() - {*stage.variables, *_PREDEFINED, *_PLATFORM}
        suspects = {name for name in suspects if not _set_by(stage, name)}
        for one in stage.instructions if suspects else ():
            for name in _used(one) if one.keyword in _EXPANDING else ():
                if name in suspects:
                    suspects.discard(name)
                    label = "declared for another scope"
                    yield at(
                        _place(one, name),
                        f'"{name}" is not declared in this stage and empty',
                        object=stage.object,
                        related=[elsewhere[name].location.labelled(label)],
                    )


def _used(one: Instruction) -> list[str]:
    """Names that an instruction takes from the scope of the stage."""
    if isinstance(one, Run):
        if one.exec_form is not None or "$" not in one.script.text.string:
            return []
        text = one.script.text.string
        own = {option.get("env", "") for option in (mount.options for mount in one.mounts)}
        own |= {mount.options.get("id", "") for mount in one.mounts if "env" in mount.options}
        names = [name for name, operator in _references(_QUOTED.sub("", text)) if not operator]
        return [name for name in names if name not in own and not _assigns(text, name)]
    return [name for name, operator in _references(one.text.string[one.rest :]) if not operator]


def _assigns(text: str, name: str) -> bool:
    """Whether a script gives the variable a value of its own, in whatever way."""
    return (
        re.search(rf"\b{name}\+?=|\b(?:for|read|local)\b[^;\n]{{0,300}}\b{name}\b", text)
        is not None
    )


def _set_by(stage: Stage, name: str) -> bool:
    """Whether an official image is known to set the variable itself, as node its version."""
    image = stage.chain[-1].resolved
    official = official_name(image).replace("-", "_").upper()
    if name.endswith(("_VERSION", "_HOME", "_DIR", "_ROOT")):
        return not official or name.startswith((official, "YARN", "JAVA", "PIP", "PYTHON", "GEM"))
    return False


def _place(one: Instruction, name: str) -> Location:
    found = re.search(rf"\$\{{?{name}\b\}}?", one.text.string)
    return one.text.location(found.start(), found.end()) if found else one.location


@rule("DF5320", Dockerfile, Severity.INFO)
def arg_overridden_by_env(dockerfile: Dockerfile) -> Findings:
    """An ENV hides an ARG of the same name.

    ENV wins over ARG, so what is given with `--build-arg` has no effect from there on.
    `ENV NAME=$NAME` passes it on. https://docs.docker.com/reference/dockerfile/#using-arg-variables

    Bad:
        FROM debian:12
        ARG PORT=8080
        ENV PORT=8080
    Good:
        FROM debian:12
        ARG PORT=8080
        ENV PORT=$PORT
    Good: the other way round the argument is not known yet
        FROM debian:12
        ENV PORT=8080
    Good: in another stage
        FROM debian:12 AS build
        ARG PORT=8080
        FROM debian:12
        ENV PORT=8080
    """
    for stage in dockerfile.stages:
        arguments: dict[str, Pair] = {}
        for one in stage.instructions:
            if not isinstance(one, Variables):
                continue
            for pair in one.pairs:
                name = pair.name.text
                if one.keyword == "ARG":
                    arguments[name] = pair
                elif one.keyword == "ENV" and name in arguments and pair.value is not None:
                    used = [found for found, _ in _references(pair.value.raw)]
                    if name not in used:
                        yield at(
                            pair,
                            f'the ARG "{name}" has no effect behind this ENV',
                            object=stage.object,
                            related=[arguments[name].location.labelled("the argument")],
                        )


@rule("DF5010", Dockerfile, Severity.INFO, default="off")
def arg_before_expensive(dockerfile: Dockerfile) -> Findings:
    """An argument that changes with every build stands before the dependencies.

    A RUN is built anew when the value of an ARG before it has changed, used or not. A commit
    or a build number belongs behind what takes long.
    https://docs.docker.com/reference/dockerfile/#impact-on-build-caching

    Bad:
        FROM node:22
        ARG GIT_COMMIT
        COPY package.json package-lock.json ./
        RUN npm ci
    Good:
        FROM node:22
        COPY package.json package-lock.json ./
        RUN npm ci
        ARG GIT_COMMIT
        LABEL org.opencontainers.image.revision=$GIT_COMMIT
    Good: used by the installation
        FROM node:22
        ARG GIT_COMMIT
        COPY package.json package-lock.json ./
        RUN npm ci --cache /cache/$GIT_COMMIT
    """
    for stage in dockerfile.stages:
        changing: dict[str, Pair] = {}
        for one in stage.instructions:
            if isinstance(one, Variables) and one.keyword == "ARG":
                named = {pair.name.text: pair for pair in one.pairs}
                changing |= {name: named[name] for name in named if _CHANGING.search(name)}
            elif isinstance(one, Run) and changing and _installs(one):
                for name, pair in changing.items():
                    if name not in one.script.text.string:
                        message = f'"{name}" changes often and comes before the dependencies'
                        related = [one.location.labelled("built anew each time")]
                        yield at(pair, message, object=stage.object, related=related)
                changing = {}


def _installs(run: Run) -> bool:
    return any(dependency_step(command) for command in run.script.commands)
