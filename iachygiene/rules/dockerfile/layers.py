"""How RUN instructions make layers."""

from __future__ import annotations

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Dockerfile, Flag, Run
from iachygiene.rule import rule

_FLAGS = ("mount", "network", "security")
_SAME = {
    **dict.fromkeys(("dst", "destination"), "target"),
    "src": "source",
    "readonly": "ro",
    "readwrite": "rw",
}
_SWITCHES = ("ro", "rw", "required")
_OPPOSITE = {"true": "false", "false": "true"}


@rule("DF3059", Dockerfile, Severity.INFO, aliases=("hadolint:DL3059",))
def consecutive_runs(dockerfile: Dockerfile) -> Findings:
    """A RUN of one command directly follows another.

    Each makes a layer of its own; as one RUN they are one layer, and files that a later
    command removes are not kept. A RUN of several commands is left as it is, for somebody
    has already thought about it.
    https://docs.docker.com/build/building/best-practices/#run

    Bad:
        FROM debian:12
        RUN mkdir /app
        RUN touch /app/ready
    Bad: a comment changes nothing
        FROM debian:12
        RUN mkdir /app
        # now the file
        RUN touch /app/ready
    Bad: the same mounts, however their options are spelled
        FROM debian:12
        RUN --mount=type=cache,target=/c make a
        RUN --mount=dst=/c,type=cache make b
    Bad: a switch is on by its name alone
        FROM debian:12
        RUN --mount=target=/s,ro make a
        RUN --mount=type=bind,target=/s,rw=false make b
    Good:
        FROM debian:12
        RUN mkdir /app && touch /app/ready
    Good: several commands in one of them
        FROM debian:12
        RUN mkdir /app && touch /app/ready
        RUN make
    Good: a substitution is a command as well
        FROM debian:12
        RUN mkdir "$(pwd)/app"
        RUN make
    Good: other flags
        FROM debian:12
        RUN --network=none mkdir /app
        RUN make
    Good: something in between
        FROM debian:12
        RUN mkdir /app
        WORKDIR /app
        RUN make
    """
    before: Run | None = None
    for one in dockerfile.instructions:
        if not isinstance(one, Run):
            before = None
        elif before is not None and _could_be_one(before, one):
            related = [before.location.labelled("the RUN before")]
            yield at(one, "RUN follows RUN, with one command each", related=related)
        else:
            before = one


def _could_be_one(first: Run, second: Run) -> bool:
    return (
        len(first.script.commands) <= 1
        and len(second.script.commands) <= 1
        and _flags(first) == _flags(second)
    )


def _flags(run: Run) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    return {_meaning(flag) for flag in run.flags if flag.name in _FLAGS}


def _meaning(flag: Flag) -> tuple[str, frozenset[tuple[str, str]]]:
    if flag.name != "mount":
        return flag.name, frozenset(((flag.value, ""),))
    options = {"type": "bind"}
    for name, value in flag.options.items():
        key = _SAME.get(name, name)
        if key in _SWITCHES:
            value = value.lower() or "true"
        if key == "rw":
            key, value = "ro", _OPPOSITE.get(value, value)
        options[key] = value
    return flag.name, frozenset(options.items())
