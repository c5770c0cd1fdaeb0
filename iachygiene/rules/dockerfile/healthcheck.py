"""Whether anybody can see that a container still works."""

from __future__ import annotations

import re

from iachygiene.model import Edit, Findings, Fix, Severity, Span, at
from iachygiene.parse.dockerfile import Command, Dockerfile, Healthcheck, Stage
from iachygiene.parse.shell import parse_shell
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.known_images import is_server, is_service

_SIDE_STAGES = frozenset(("build", "builder", "dev", "development", "test", "tests", "debug"))


@rule(
    "DF5301",
    Dockerfile,
    Severity.WARNING,
    aliases=("checkov:CKV_DOCKER_2", "trivy:DS-0026", "kics:healthcheck_instruction_missing"),
)
def healthcheck_missing(
    dockerfile: Dockerfile, *, healthcheck: str = "services", oci: bool = False
) -> Findings:
    """The final stage is a service and has no HEALTHCHECK.

    Without one, Docker and Compose call a container healthy as long as its process lives,
    and what depends on it starts too early. A stage is a service if it or a stage it builds
    on has EXPOSE, or if its base is a known server. `HEALTHCHECK NONE` is a decision and not
    reported. https://docs.docker.com/reference/dockerfile/#healthcheck

    Options:
        healthcheck: "services", "always" for every final stage with a command, or "never".
        oci: the images are built in the OCI format, which has no health checks.

    Bad:
        FROM python:3.12-slim
        EXPOSE 8000
        CMD ["python", "-m", "api"]
    Bad: a server by its base image
        FROM nginx:1.27
        COPY dist /usr/share/nginx/html
    Bad:
        -- .iachygiene.toml --
        [rules.healthcheck-missing]
        healthcheck = "always"
        -- Dockerfile --
        FROM python:3.12-slim
        CMD ["python", "-m", "worker"]
    Good:
        FROM python:3.12-slim
        EXPOSE 8000
        HEALTHCHECK CMD ["python", "-m", "api.health"]
        CMD ["python", "-m", "api"]
    Good: inherited from a stage of the file
        FROM python:3.12-slim AS base
        HEALTHCHECK CMD ["python", "-m", "api.health"]
        FROM base
        EXPOSE 8000
        CMD ["python", "-m", "api"]
    Good: a decision
        FROM nginx:1.27
        HEALTHCHECK NONE
    Good: every service that is made from it has one
        -- Dockerfile --
        FROM python:3.12-slim
        EXPOSE 8000
        CMD ["python", "-m", "api"]
        -- compose.yaml --
        services:
          api:
            build: .
            healthcheck:
              test: ["CMD", "python", "-m", "api.health"]
    Good: a program for the command line
        FROM python:3.12-slim
        ENTRYPOINT ["python", "-m", "tool"]
    Good: there is nothing to run a check with
        FROM scratch
        EXPOSE 8080
        ENTRYPOINT ["/app"]
    Good: a base for other images
        FROM python:3.12-slim
        EXPOSE 8000
        ONBUILD COPY . /app
    Good: the final stage is there to build and to test
        FROM python:3.12-slim AS test
        EXPOSE 8000
        CMD ["pytest"]
    """
    stage = dockerfile.final_stage
    if stage is None or healthcheck == "never" or oci or stage.healthcheck is not None:
        return
    base = stage.chain[-1].resolved
    has_command = stage.has_command or is_server(base)
    if not has_command or _is_side_stage(stage) or _is_bare(base.name):
        return
    uses = dockerfile.builds
    if uses and all(use.watched for use in uses) and healthcheck != "always":
        return
    if healthcheck == "always" or is_service(stage):
        ports = ", ".join(word.text for word in stage.exposed_ports)
        listens = f"listens on {ports}" if ports else f'starts from "{base.text.partition("@")[0]}"'
        if not is_service(stage):
            listens = "runs a command"
        yield at(stage, f"the final stage {listens} and has no HEALTHCHECK")


def _is_side_stage(stage: Stage) -> bool:
    words = re.split(r"[^a-z]+", stage.name.lower())
    return not _SIDE_STAGES.isdisjoint(words)


def _is_bare(name: str) -> bool:
    return name == "scratch" or name.startswith("gcr.io/distroless/static")


@rule("DF5302", Dockerfile, Severity.WARNING)
def healthcheck_curl_fail(dockerfile: Dockerfile) -> Findings:
    """A HEALTHCHECK asks with curl, which is content with an error page.

    Without `--fail` curl ends with status 0 on whatever the server answers, 500 included, so
    the container stays healthy. https://curl.se/docs/manpage.html#-f

    Bad:
        FROM nginx:1.27
        HEALTHCHECK CMD curl http://localhost/ || exit 1
    Fixed:
        FROM nginx:1.27
        HEALTHCHECK CMD curl -f http://localhost/ || exit 1
    Bad:
        FROM nginx:1.27
        HEALTHCHECK CMD ["curl", "-s", "http://localhost/"]
    Good:
        FROM nginx:1.27
        HEALTHCHECK CMD curl -sf http://localhost/
    Good: the answer is judged
        FROM nginx:1.27
        HEALTHCHECK CMD curl -s http://localhost/status | grep -q ok
    Good: the status is judged
        FROM nginx:1.27
        HEALTHCHECK CMD test "$(curl -s -o /dev/null -w '%{http_code}' http://localhost/)" = 200
    """
    for one in dockerfile.of("HEALTHCHECK"):
        check = one.command if isinstance(one, Healthcheck) else None
        if check is None:
            continue
        if check.exec_form is not None:
            words = check.words
            texts = [word.text for word in words]
            if texts[0] == "curl" and not any(map(_fails, texts)):
                yield at(words[0], "curl takes an error page for success", object=one.object)
            continue
        script = parse_shell(check.text.part(check.rest, len(check.text.string)))
        piped = {id(own) for pipe in script.pipelines for part in pipe.elements for own in part}
        for command in script.named("curl"):
            if id(command) in piped or command.nesting or any(map(_fails, _texts(command))):
                continue
            end = command.location.span.end
            yield at(
                command,
                "curl takes an error page for success",
                object=one.object,
                fix=Fix("add -f", (Edit(Span(end, end), " -f"),)),
            )


def _texts(command: Command) -> list[str]:
    return [word.text for word in command.arguments]


def _fails(text: str) -> bool:
    if text.startswith("--"):
        return text in ("--fail", "--fail-with-body", "--fail-early", "--write-out")
    # Within a cluster, what follows an option with a value is that value.
    cluster = re.match(r"-[a-zA-Z]*?(?=[ofwXHdmubAekr]|$)", text)
    return text.startswith("-") and ("f" in text[: (cluster.end() if cluster else 0) + 1])


@rule(
    "DF3057",
    Dockerfile,
    Severity.INFO,
    default="off",
    aliases=("hadolint:DL3057",),
)
def stage_without_healthcheck(dockerfile: Dockerfile) -> Findings:
    """A stage has no HEALTHCHECK.

    Every stage is looked at, services or not; healthcheck-missing does better. A stage is
    fine with a check of its own, with that of the stage it builds on, or if a stage that
    builds on it has one.

    Bad:
        FROM debian:12.5
    Bad: files are copied from a stage without one
        FROM golang:1.23 AS build
        FROM debian:12.5
        COPY --from=build /app /app
        HEALTHCHECK CMD ["/app", "check"]
    Good:
        FROM debian:12.5 AS base
        FROM base
        HEALTHCHECK NONE
    """
    fine: set[str] = set()
    without: list[Stage] = []
    for stage in dockerfile.stages:
        if stage.image_name in fine:
            fine.add(_name(stage))
        elif not _has_check(stage):
            without.append(stage)
        if _has_check(stage):
            fine.add(_name(stage))
            bases = [stage.image_name]
            while bases:
                base = bases.pop()
                found = [one for one in without if _name(one) == base]
                without = [one for one in without if _name(one) != base]
                fine.update(map(_name, found))
                bases += (one.image_name for one in found)
    for stage in without:
        yield at(stage, "the stage has no HEALTHCHECK")


def _name(stage: Stage) -> str:
    """What hadolint calls a stage: without a name of its own, by that of its image."""
    return stage.name or stage.image_name


def _has_check(stage: Stage) -> bool:
    return any(one.keyword == "HEALTHCHECK" for one in stage.instructions)
