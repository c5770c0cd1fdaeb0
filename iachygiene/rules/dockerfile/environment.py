"""Environment variables that do not do what they seem to."""

from __future__ import annotations

import posixpath

from iachygiene.lazy import regex
from iachygiene.model import Edit, Findings, Fix, Severity, at
from iachygiene.parse.dockerfile import Dockerfile, Instruction, Stage, Variables, Word
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.known_images import family

_SHELLS = frozenset(("sh", "bash", "ash", "dash", "zsh", "ksh", "busybox", "cmd", "pwsh"))
_SCRIPT_FLAGS = frozenset(("-c", "-e", "-E", "--eval", "-r", "-lc", "-ec", "/c", "/C"))
_VARIABLE = regex(r"(?<![\\$])\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*+[^}]*+\})")
_SETTINGS = regex(
    r"(?:^|/)(?:activate|env|environment|profile|\.profile|nvm\.sh|setup\.(?:ba)?sh"
    r"|\.?bash_?(?:rc|_profile)|\.zshrc|[\w.-]*\.env)$"
)
_FRONTEND = "DEBIAN_FRONTEND"


@rule("DF5316", Dockerfile, Severity.INFO)
def debian_frontend_kept(dockerfile: Dockerfile) -> Findings:
    """DEBIAN_FRONTEND=noninteractive stays in the image.

    It is meant for the build. As ENV it also holds in every container, where somebody who
    installs a package by hand is no longer asked anything, and in every image that is built
    on this one. ARG ends with the build.
    https://docs.docker.com/build/building/best-practices/#env

    Bad:
        FROM debian:12
        ENV DEBIAN_FRONTEND=noninteractive
        RUN apt-get update && apt-get install -y tzdata
    Fixed:
        FROM debian:12
        ARG DEBIAN_FRONTEND=noninteractive
        RUN apt-get update && apt-get install -y tzdata
    Bad:
        FROM debian:12
        ENV LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive
    Good:
        FROM debian:12
        ARG DEBIAN_FRONTEND=noninteractive
    Good: for one command
        FROM debian:12
        RUN DEBIAN_FRONTEND=noninteractive apt-get install -y tzdata
    Good: taken back
        FROM debian:12
        ENV DEBIAN_FRONTEND=noninteractive
        ENV DEBIAN_FRONTEND=
    Good: nothing of this stage but the program is shipped
        FROM debian:12 AS build
        ENV DEBIAN_FRONTEND=noninteractive
        FROM debian:12
    """
    final = dockerfile.final_stage
    if final is None or _FRONTEND not in dockerfile.file.text:
        return
    if final.variables.get(_FRONTEND) != "noninteractive":
        return
    for stage in final.chain:
        for one in stage.instructions:
            if isinstance(one, Variables) and one.keyword == "ENV":
                for pair in one.pairs:
                    if pair.name.text == _FRONTEND:
                        message = f'"{_FRONTEND}" holds in every container of the image'
                        yield at(pair, message, object=stage.object, fix=_as_argument(one, stage))


def _as_argument(one: Variables, stage: Stage) -> Fix | None:
    """ENV to ARG, where nothing but RUN uses the variable afterwards."""
    pair = one.pairs[0]
    others = [
        other
        for other in stage.instructions
        if other is not one and other.keyword != "RUN" and _FRONTEND in other.text.string
    ]
    if len(one.pairs) > 1 or others or pair.value is None:
        return None
    start = one.text.origin(0)
    edits = [Edit(one.location.span._replace(start=start, end=start + 3), "ARG")]
    between = pair.name.location.span.end, pair.value.location.span.start
    if "=" not in one.text.string[one.rest :].split()[0]:
        edits.append(Edit(one.location.span._replace(start=between[0], end=between[1]), "="))
    return Fix("use ARG", tuple(edits))


@rule("DF5317", Dockerfile, Severity.INFO)
def ineffective_export(dockerfile: Dockerfile) -> Findings:
    """A RUN ends by changing the environment of its own shell.

    Each RUN has a shell of its own, and what `export`, `unset` or an activated environment
    changes ends with it. ENV sets a variable for all that follows.
    https://docs.docker.com/reference/dockerfile/#env

    Bad:
        FROM debian:12
        RUN export PORT=8080
    Bad:
        FROM python:3.13
        RUN python -m venv /venv && . /venv/bin/activate
        RUN pip install flask==3.1
    Good:
        FROM debian:12
        ENV PORT=8080
    Good: used in the same RUN
        FROM python:3.13
        RUN . /venv/bin/activate && pip install flask==3.1
    Good: a script that does something
        FROM debian:12
        RUN . ./install.sh
    """
    for ran in dockerfile.ran("export", "unset", "source", ".", "alias"):
        command = ran.command
        if command.nesting or ran.run.script.commands[-1] is not command:
            continue
        if command.name in ("source", "."):
            plain = command.plain
            if not plain or not _SETTINGS.search(plain[0].text):
                continue
        elif not command.arguments or command.operator in ("|", "|&", "||"):
            continue
        text = " ".join(word.text for word in command.words[:2])
        if "=" in text and len(text) > 40:
            text = text.partition("=")[0] + "=..."
        yield at(command.extent, f'"{text}" ends with this RUN', object=ran.stage.object)


@rule("DF5318", Dockerfile, Severity.WARNING)
def cmd_env_expansion(dockerfile: Dockerfile) -> Findings:
    """The JSON form of CMD or ENTRYPOINT holds a variable, which nobody replaces.

    In that form there is no shell: the program gets the text `$PORT` as it stands. Start a
    shell (`["sh", "-c", "exec app --port $PORT"]`), or let the program read the variable.
    https://docs.docker.com/reference/dockerfile/#exec-form

    Bad:
        FROM python:3.13
        ENV PORT=8000
        CMD ["uvicorn", "app:app", "--port", "$PORT"]
    Bad:
        FROM debian:12
        ENTRYPOINT ["${APP_HOME}/bin/app"]
    Good: a shell
        FROM python:3.13
        CMD ["sh", "-c", "exec uvicorn app:app --port $PORT"]
    Good: the shell form
        FROM python:3.13
        CMD exec uvicorn app:app --port $PORT
    Good: an expression of the program itself
        FROM perl:5.40
        CMD ["perl", "-e", "print $ENV{PORT}"]
    Good: the entry point is a shell
        FROM debian:12
        ENTRYPOINT ["/bin/bash", "-c"]
        CMD ["exec app --port $PORT"]
    """
    for stage in dockerfile.stages:
        for one in stage.instructions:
            if one.keyword not in ("CMD", "ENTRYPOINT") or "$" not in one.text.string:
                continue
            words = one.exec_form
            entry = stage.last("ENTRYPOINT")
            if words is None or _has_shell(words):
                continue
            if one.keyword == "CMD" and entry is not None and _is_shell(entry):
                continue
            for word in words:
                found = _VARIABLE.search(word.text)
                if found:
                    message = f'no shell replaces "{found[0]}" in the JSON form'
                    yield at(word, message, object=stage.object)
                    break


def _has_shell(words: list[Word]) -> bool:
    names = [posixpath.basename(word.text).removesuffix(".exe").lower() for word in words]
    return not _SHELLS.isdisjoint(names) or any(word.text in _SCRIPT_FLAGS for word in words)


def _is_shell(entry: Instruction) -> bool:
    words = entry.exec_form
    return words is None or _has_shell(words)


@rule("DF5314", Dockerfile, Severity.INFO, default="off")
def python_env_missing(dockerfile: Dockerfile) -> Findings:
    """A Python image sets neither PYTHONUNBUFFERED nor PYTHONDONTWRITEBYTECODE.

    Without the first, what a program prints waits in a buffer and is lost when it is killed;
    without the second, it writes files into the container at its start.
    https://docs.python.org/3/using/cmdline.html#envvar-PYTHONUNBUFFERED

    Bad:
        FROM python:3.13-slim
        CMD ["python", "-m", "api"]
    Good:
        FROM python:3.13-slim
        ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
        CMD ["python", "-m", "api"]
    Good: no image to run
        FROM python:3.13 AS build
        RUN python -m build
    """
    stage = dockerfile.final_stage
    if stage is None or family(stage.chain[-1].resolved) != "python" or not stage.has_command:
        return
    names = ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE")
    command = stage.last("CMD") or stage.last("ENTRYPOINT")
    unbuffered = command is not None and '"-u"' in command.text.string
    missing = [
        name
        for name in names
        if name not in stage.variables and not (name == names[0] and unbuffered)
    ]
    if missing:
        yield at(stage, f"the final stage does not set {' and '.join(missing)}")
