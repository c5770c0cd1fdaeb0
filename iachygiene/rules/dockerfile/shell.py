"""Commands in RUN that any script could hold."""

from __future__ import annotations

from itertools import pairwise

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Command, Dockerfile, From, Instruction, Run, Use
from iachygiene.parse.script import Text
from iachygiene.parse.shell import parse_shell
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.distributions import distribution
from iachygiene.rules.dockerfile.runs import insertion, own_and_onbuild

_USELESS = ("free", "kill", "mount", "ps", "service", "shutdown", "ssh", "top", "vim")
_QUIET = ("progress", "q", "quiet", "o", "output-file", "a", "append-output", "no-verbose")


@rule("DF3001", Dockerfile, Severity.INFO, aliases=("hadolint:DL3001",))
def command_useless_in_container(dockerfile: Dockerfile) -> Findings:
    """A build runs a command that does nothing useful there.

    A build has no services, sessions or other processes to look at or to steer, and what
    such a command changes is not part of the image.

    Bad:
        FROM debian:12
        RUN service nginx start && make test
    Bad:
        FROM debian:12
        ONBUILD RUN vim /etc/hosts
    Good:
        FROM debian:12
        RUN make test
    Good: a program of its own, by its path
        FROM debian:12
        RUN /opt/tool/top --version
    Good: only a word
        FROM debian:12
        RUN echo mount
    """
    for use in dockerfile.uses(*_USELESS):
        yield at(use.command, f'"{use.command.name}" is of no use in a build', object=use.object)


@rule("DF3003", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3003", "trivy:DS-0013"))
def cd_in_run(dockerfile: Dockerfile) -> Findings:
    """A RUN changes the directory with "cd".

    The change ends with the RUN, so that readers have to keep track of two directories.
    WORKDIR says it once for all that follows.
    https://docs.docker.com/build/building/best-practices/#workdir

    Bad:
        FROM debian:12
        RUN cd /app && make
    Bad: in a subshell too
        FROM debian:12
        RUN (cd /app; make)
    Good:
        FROM debian:12
        WORKDIR /app
        RUN make
    Good: in the build of another image, whose WORKDIR is its own
        FROM debian:12
        ONBUILD RUN cd /app && make
    """
    for one in dockerfile.of("RUN"):
        if isinstance(one, Run):
            for command in one.script.named("cd"):
                text = " ".join(word.text for word in command.words[:2])
                yield at(command.extent, f'"{text}" stands in a RUN', object=one.object)


@rule(
    "DF3004",
    Dockerfile,
    Severity.ERROR,
    aliases=("hadolint:DL3004", "trivy:DS-0010", "checkov:CKV2_DOCKER_1"),
)
def sudo_in_run(dockerfile: Dockerfile) -> Findings:
    """A RUN uses "sudo".

    A build is root unless USER says otherwise, and sudo hands on neither signals nor the
    environment as expected; left in the image it is a way to become root.
    https://docs.docker.com/build/building/best-practices/#user

    Bad:
        FROM debian:12
        RUN sudo make install
    Bad:
        FROM debian:12
        ONBUILD RUN make && sudo make install
    Good:
        FROM debian:12
        RUN make install
    Good: text for another shell
        FROM debian:12
        RUN bash -c "sudo -V"
    """
    for use in dockerfile.uses("sudo"):
        yield at(use.command, '"sudo" is used in a build', object=use.object)


@rule("DF3046", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3046",))
def useradd_large_uid(dockerfile: Dockerfile) -> Findings:
    """A user with a large number is made without "--no-log-init".

    useradd writes an entry for every number up to that one to /var/log/faillog and
    /var/log/lastlog. The files are sparse, but a layer is not: it can take gigabytes.
    https://docs.docker.com/build/building/best-practices/#user

    Bad:
        FROM debian:12
        RUN useradd -u 123456 app
    Fixed:
        FROM debian:12
        RUN useradd -l -u 123456 app
    Bad: among other options
        FROM debian:12
        RUN useradd -mru 123456 app
    Bad: the value is not known
        FROM debian:12
        RUN useradd -u $APP_UID app
    Good:
        FROM debian:12
        RUN useradd -l -u 123456 app
    Good:
        FROM debian:12
        RUN useradd --no-log-init -u 123456 app
    Good: small enough
        FROM debian:12
        RUN useradd -u 12345 app
    Good: another program
        FROM alpine:3.20
        RUN adduser -D -u 123456 app
    """
    for use in dockerfile.uses("useradd"):
        if not use.command.has_flag("l", "no-log-init"):
            for option, value in pairwise(use.command.arguments):
                if _is_user_number(option.text) and len(value.text) > 5:
                    verb = "may fill" if "$" in value.text else "fills"
                    why = f'user number "{value.text}" {verb} the login logs'
                    fix = insertion(use, "useradd", "-l")
                    yield at(value, why, object=use.object, fix=fix)
                    break


def _is_user_number(option: str) -> bool:
    """Whether u is among the letters of an option, as hadolint looks for its value."""
    short = option.startswith("-") and not option.startswith("--")
    return option == "--u" or (short and "u" in option)


@rule("DF3047", Dockerfile, Severity.INFO, aliases=("hadolint:DL3047",))
def wget_progress_output(dockerfile: Dockerfile) -> Findings:
    """A download by wget prints a progress bar into the log of a build.

    A large download adds thousands of lines that hide what went wrong. The fix needs
    `--unsafe-fixes`: the wget of BusyBox does not know the option. There is none where the image
    is known to have that one, as Alpine does.
    https://www.gnu.org/software/wget/manual/wget.html#Download-Options

    Bad:
        FROM debian:12
        RUN wget https://example.com/tool.tgz
    Fixed:
        FROM debian:12
        RUN wget --progress=dot:giga https://example.com/tool.tgz
    Bad: without a fix
        FROM alpine:3.22
        RUN wget https://example.com/tool.tgz
    Bad: a name for the file changes nothing
        FROM debian:12
        RUN wget -O tool.tgz https://example.com/tool.tgz
    Good:
        FROM debian:12
        RUN wget --progress=dot:giga https://example.com/tool.tgz
    Good:
        FROM debian:12
        RUN wget -qO- https://example.com/tool.tgz
    Good:
        FROM debian:12
        RUN wget -nv https://example.com/tool.tgz
    Good: the log goes to a file
        FROM debian:12
        RUN wget -o wget.log https://example.com/tool.tgz
    """
    for use in dockerfile.uses("wget"):
        if not use.command.has_flag(*_QUIET) and not use.command.has("-nv"):
            fix = None
            if not _is_busybox(dockerfile, use):
                fix = insertion(use, "wget", "--progress=dot:giga", safe=False)
            yield at(use.command, '"wget" prints its progress', object=use.object, fix=fix)


def _is_busybox(dockerfile: Dockerfile, use: Use) -> bool:
    """Whether a stage is known to have no other wget than that of BusyBox."""
    if any(ran.command.has("wget") for ran in dockerfile.ran("apk")):
        return False
    for stage in dockerfile.stages:
        if any(run is use.run for run in stage.runs):
            base = distribution(stage.chain[-1].resolved)
            return base is not None and (base.manager == "apk" or not base.libc)
    return False


@rule("DF4001", Dockerfile, Severity.WARNING, aliases=("hadolint:DL4001", "trivy:DS-0014"))
def curl_and_wget(dockerfile: Dockerfile) -> Findings:
    """A stage uses curl as well as wget.

    One of them does; the other is one more package to install and to keep up to date.
    https://docs.docker.com/build/building/best-practices/#dont-install-unnecessary-packages

    Bad:
        FROM debian:12
        RUN wget -q https://example.com/a
        RUN curl -O https://example.com/b
    Bad: in one RUN
        FROM debian:12
        RUN curl -O https://example.com/a || wget -q https://example.com/a
    Good:
        FROM debian:12
        RUN curl -O https://example.com/a
        RUN curl -O https://example.com/b
    Good: in different stages
        FROM debian:12 AS one
        RUN wget -q https://example.com/a
        FROM debian:12
        RUN curl -O https://example.com/b
    Good: what runs in another build is counted apart
        FROM debian:12
        RUN curl -O https://example.com/a
        ONBUILD RUN wget -q https://example.com/a
    """
    for sequence in own_and_onbuild(dockerfile):
        seen: dict[str, Command] = {}
        for one, where in sequence:
            if isinstance(one, From):
                seen = {}
            elif isinstance(one, Run) and (uses := one.script.named("curl", "wget")):
                for command in uses:
                    seen.setdefault(command.name, command)
                if len(seen) == 2:
                    last = next((use for use in uses if use is seen[use.name]), uses[0])
                    other = seen["wget" if last.name == "curl" else "curl"]
                    related = [other.location.labelled("the other one")]
                    why = f'"{last.name}" is used, and "{other.name}" as well'
                    yield at(last, why, object=where, related=related)


@rule("DF4005", Dockerfile, Severity.WARNING, aliases=("hadolint:DL4005",))
def bin_sh_relinked(dockerfile: Dockerfile) -> Findings:
    """/bin/sh is replaced by a link to choose the shell of RUN.

    Every script of the image then runs in another shell than it was written for. SHELL
    chooses the one for RUN and nothing else.
    https://docs.docker.com/reference/dockerfile/#shell

    Bad:
        FROM debian:12
        RUN ln -sf /bin/bash /bin/sh
    Good:
        FROM debian:12
        SHELL ["/bin/bash", "-c"]
    Good: another file
        FROM debian:12
        RUN ln -s /bin/bash /usr/local/bin/sh
    """
    for use in dockerfile.uses("ln"):
        word = next((word for word in use.command.arguments if word.text == "/bin/sh"), None)
        if word is not None:
            yield at(word, '"/bin/sh" is linked', object=use.object)


@rule("DF4006", Dockerfile, Severity.WARNING, aliases=("hadolint:DL4006",))
def pipe_without_pipefail(dockerfile: Dockerfile) -> Findings:
    """A RUN with a pipe goes on when a command in front of the bar fails.

    A shell takes the result of the last command for that of the pipe: where a download
    fails, the build succeeds with an empty file. SHELL with "-o pipefail" makes it fail.
    Every stage needs a SHELL of its own, as hadolint has it.
    https://docs.docker.com/build/building/best-practices/#using-pipes

    Bad:
        FROM debian:12
        RUN curl https://example.com/a | tar -x
    Bad: inside of a substitution
        FROM debian:12
        RUN echo "$(cat a | wc -l)"
    Bad: a SHELL without the option
        FROM debian:12
        SHELL ["/bin/bash", "-c"]
        RUN cat a | wc -l
    Bad: the shell does not know the option
        FROM debian:12
        SHELL ["/bin/sh", "-o", "pipefail", "-c"]
        RUN cat a | wc -l
    Good:
        FROM debian:12
        SHELL ["/bin/bash", "-euxo", "pipefail", "-c"]
        RUN curl https://example.com/a | tar -x
    Good: another kind of shell
        FROM mcr.microsoft.com/windows/servercore:ltsc2022
        SHELL ["powershell", "-Command"]
        RUN Get-Process | Select-Object Name
    Good: no pipes
        FROM debian:12
        RUN true || echo "a | b" # | c
    """
    is_safe = False
    for one in dockerfile.instructions:
        if isinstance(one, From):
            is_safe = False
        elif one.keyword == "SHELL":
            is_safe = _stops_at_failure(one)
        elif isinstance(one, Run) and not is_safe and one.script.pipelines:
            why = "a failure in front of the bar goes unnoticed"
            yield at(one.script.pipelines[0], why, object=one.object)


def _stops_at_failure(shell: Instruction) -> bool:
    string = " ".join(word.text for word in shell.words)
    if string.startswith(("pwsh", "powershell", "cmd")):
        return True
    place = shell.argument.location.span.start
    script = parse_shell(Text(shell.text.path, string, (place,)))
    return any(
        command.name.rpartition("/")[2] in ("bash", "zsh", "ash")
        and command.has_flag("o")
        and command.has("pipefail")
        for command in script.commands
    )
