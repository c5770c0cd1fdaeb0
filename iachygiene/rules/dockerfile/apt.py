"""Packages by apt."""

from __future__ import annotations

from iachygiene.model import Edit, Findings, Fix, Severity, at
from iachygiene.parse.dockerfile import Command, Dockerfile, Run
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.runs import every_use, insertion, runs_that_matter, unpinned

_LISTS = "/var/lib/apt/lists"
_BOTH = ("update", "install", "remove", "purge", "upgrade", "autoremove", "clean")


@rule("DF3009", Dockerfile, Severity.INFO, aliases=("hadolint:DL3009",))
def apt_lists_kept(dockerfile: Dockerfile) -> Findings:
    """Package lists are fetched and stay in the layer.

    They are some 20 to 50 MB that nothing uses once the packages are there; removing them in
    a later instruction does not make the image smaller. Only stages that become part of the
    image, or that others build on, are judged.
    https://docs.docker.com/build/building/best-practices/#apt-get

    Bad:
        FROM debian:12
        RUN apt-get update && apt-get install -y curl=7.88.1-10
    Bad: the removal comes too late
        FROM debian:12
        RUN apt-get update && apt-get install -y curl=7.88.1-10
        RUN rm -rf /var/lib/apt/lists/*
    Bad: a stage that others build on
        FROM debian:12 AS base
        RUN apt-get update
        FROM base
        CMD ["/app"]
    Bad: images that are built on this one
        FROM debian:12
        ONBUILD RUN apt-get update
    Good:
        FROM debian:12
        RUN apt-get update && apt-get install -y curl=7.88.1-10 && rm -rf /var/lib/apt/lists/*
    Good: the lists lie in a cache mount
        FROM debian:12
        RUN --mount=type=cache,target=/var/lib/apt/lists apt-get update
    Good: nothing of this stage but the program is in the image
        FROM debian:12 AS build
        RUN apt-get update && apt-get install -y gcc=4:12.2.0-3
        FROM debian:12
        COPY --from=build /app /app
    """
    for run, where in runs_that_matter(dockerfile):
        update = _update_without_cleanup(run)
        if update is not None:
            yield at(update, "the package lists stay in the layer", object=where)


def _update_without_cleanup(run: Run) -> Command | None:
    update = None
    for command in run.script.commands:
        if command.name in ("apt-get", "apt", "aptitude") and command.has("update"):
            update = update or command
        elif command.name == "rm" and command.has("-rf", f"{_LISTS}/*"):
            return None
    if run.caches(_LISTS) or (run.caches("/var/lib/apt") and run.caches("/var/cache/apt")):
        return None
    return update


@rule("DF3008", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3008",))
def unpinned_apt_package(dockerfile: Dockerfile) -> Findings:
    """A package is installed by apt-get in whatever version there is.

    Two builds of one commit can then hold different software, and a broken release of a
    package breaks the build of an unchanged file.
    https://docs.docker.com/build/building/best-practices/#version-pinning

    Bad:
        FROM debian:12
        RUN apt-get update && apt-get install -y curl git=1:2.39.5-0+deb12u2
    Bad: nothing is known of what a variable holds
        FROM debian:12
        RUN apt-get install -y $PACKAGES
    Bad: in the build of a derived image
        FROM debian:12
        ONBUILD RUN apt-get install -y curl
    Good:
        FROM debian:12
        ARG GIT=1:2.39.5-0+deb12u2
        RUN apt-get install -y curl=7.88.1-10 "git=${GIT}"
    Good: a file, and a release of the distribution
        FROM debian:12
        RUN apt-get install -y /tmp/tool.deb tool.deb curl/bookworm
    Good: the release that the option names is no package
        FROM debian:12
        RUN apt-get install -y -t bookworm-backports curl=7.88.1-10
    """
    for use in every_use(dockerfile, "apt-get"):
        if use.command.has("install"):
            packages = use.command.plain_without(("t", "target-release"))
            loose = [
                word
                for word in packages
                if word.text != "install"
                and "=" not in word.text
                and "/" not in word.text
                and not word.text.endswith(".deb")
            ]
            yield from unpinned(use, loose)


@rule("DF3014", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3014", "trivy:DS-0021"))
def apt_install_without_yes(dockerfile: Dockerfile) -> Findings:
    """apt-get asks whether to install.

    Nobody answers in a build: where apt-get wants to install more than was named, it stops.
    https://manpages.debian.org/apt-get.8

    Bad:
        FROM debian:12
        RUN apt-get update && apt-get install curl=7.88.1-10
    Fixed:
        FROM debian:12
        RUN apt-get update && apt-get install -y curl=7.88.1-10
    Bad: one -q only makes it quiet
        FROM debian:12
        RUN apt-get install -q curl=7.88.1-10
    Bad:
        FROM debian:12
        RUN ["apt-get", "install", "curl=7.88.1-10"]
    Good:
        FROM debian:12
        RUN apt-get install -y curl=7.88.1-10
    Good:
        FROM debian:12
        RUN apt-get -yq install curl=7.88.1-10
    Good: twice quiet means yes
        FROM debian:12
        RUN apt-get install -qq curl=7.88.1-10
    Good:
        FROM debian:12
        RUN apt-get install -q=2 curl=7.88.1-10
    """
    for use in every_use(dockerfile, "apt-get"):
        command = use.command
        answered = (
            command.has_flag("y", "yes", "qq", "assume-yes")
            or command.count_flag("q") == 2
            or command.count_flag("quiet") == 2
            or command.has("-q=2")
        )
        if command.has("install") and not answered:
            fix = insertion(use, "install", "-y")
            yield at(command, '"apt-get install" waits for an answer', object=use.object, fix=fix)


@rule("DF3015", Dockerfile, Severity.INFO, aliases=("hadolint:DL3015", "trivy:DS-0029"))
def apt_recommends_installed(dockerfile: Dockerfile) -> Findings:
    """apt-get installs recommended packages as well.

    They are not needed for what was asked for, and make the image larger and easier to
    attack. The fix can leave out a package that the image does use, so it is applied only
    with unsafe fixes.
    https://docs.docker.com/build/building/best-practices/#apt-get

    Bad:
        FROM debian:12
        RUN apt-get install -y curl=7.88.1-10
    Bad: only the word "false" is understood by everyone
        FROM debian:12
        RUN apt-get install -y -o APT::Install-Recommends=0 curl=7.88.1-10
    Good:
        FROM debian:12
        RUN apt-get install -y --no-install-recommends curl=7.88.1-10
    Good:
        FROM debian:12
        RUN apt-get install -y -o APT::Install-Recommends=false curl=7.88.1-10
    """
    for use in every_use(dockerfile, "apt-get"):
        without = use.command.has_flag("no-install-recommends")
        if use.command.has("install") and not (
            without or use.command.has("APT::Install-Recommends=false")
        ):
            fix = insertion(use, "install", "--no-install-recommends", safe=False)
            why = '"apt-get install" takes recommended packages as well'
            yield at(use.command, why, object=use.object, fix=fix)


@rule("DF3027", Dockerfile, Severity.WARNING, aliases=("hadolint:DL3027", "checkov:CKV_DOCKER_9"))
def apt_command(dockerfile: Dockerfile) -> Findings:
    """A build uses "apt", which is made for people.

    Its options and output may change between releases, as it says itself in every build;
    apt-get and apt-cache stay as they are.
    https://manpages.debian.org/apt.8

    Bad:
        FROM debian:12
        RUN apt install -y curl=7.88.1-10
    Fixed:
        FROM debian:12
        RUN apt-get install -y curl=7.88.1-10
    Bad: nothing but apt does that
        FROM debian:12
        RUN apt list --installed
    Good:
        FROM debian:12
        RUN apt-get install -y curl=7.88.1-10
    Good: words in quotes are no command
        FROM debian:12
        RUN bash -c "apt moo"
    """
    for use in every_use(dockerfile, "apt"):
        word, first = use.command.name_word, next(iter(use.command.plain), None)
        fix = None
        if first is not None and first.text in _BOTH and use.run.exec_form is None:
            fix = Fix("use apt-get", (Edit(word.location.span, "apt-get"),))
        yield at(use.command, 'the interface of "apt" is not stable', object=use.object, fix=fix)
