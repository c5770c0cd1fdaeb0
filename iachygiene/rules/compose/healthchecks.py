"""Whether anybody sees that a Compose service works."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.lazy import regex
from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.compose import ComposeFile, Service
from iachygiene.parse.compose_variables import expand, is_unknown
from iachygiene.parse.yaml import Mapping, Scalar, Sequence
from iachygiene.rule import rule


@rule("CO303", ComposeFile, Severity.WARNING, aliases=("kics:healthcheck_not_set",))
def compose_healthcheck_missing(compose: ComposeFile, *, every_service: bool = False) -> Findings:
    """A service that others wait for, or that publishes a port, has no health check.

    Without one, Compose knows only whether the process exists. `depends_on` cannot wait for
    the program in it, `docker compose ps` says "running" when nothing answers, and nobody
    sees that it hangs. A HEALTHCHECK in the Dockerfile that the service builds is as good;
    what an image from a registry holds is not known here.

    Options:
        every_service: report services that nobody waits for and that publish nothing, too.

    Bad:
        services:
          web:
            image: nginx:1.27.3
            ports:
              - "8080:80"
    Bad: another service waits for it
        services:
          worker:
            image: registry.example.com/shop/worker:3.0.1
            depends_on: [queue]
          queue:
            image: rabbitmq:4.0.5
    Good:
        services:
          web:
            image: nginx:1.27.3
            ports:
              - "8080:80"
            healthcheck:
              test: ["CMD", "curl", "-f", "http://localhost/"]
    Good: the image's Dockerfile has one
        -- compose.yaml --
        services:
          web:
            build: ./web
            ports:
              - "8080:80"
        -- web/Dockerfile --
        FROM nginx:1.27.3
        HEALTHCHECK CMD curl -f http://localhost/
    Good: the others wait until it has done its work
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on:
              migrate:
                condition: service_completed_successfully
          migrate:
            image: registry.example.com/shop/web:3.0.1
            command: [migrate]
    Good: a file of overrides says only what differs
        -- compose.prod.yaml --
        services:
          web:
            image: nginx:1.27.3
            ports:
              - "80:80"
    """
    awaited: dict[str, set[str]] = {}
    for service in compose.services.values():
        for dependency in service.dependencies:
            awaited.setdefault(dependency.name, set()).add(dependency.condition)
    for service in compose.services.values():
        if compose.partial or not _can_lack_a_check(service):
            continue
        conditions = awaited.get(service.name, set())
        if "service_completed_successfully" in conditions:
            continue
        why = _why_watched(service, conditions)
        if why or every_service:
            message = f"no health check{why and f', and {why}'}"
            yield at(service, message)


def _can_lack_a_check(service: Service) -> bool:
    """Whether it is known to run on, and to have no health check of its own or its image's."""
    one_shot = service.text("restart") == "no" and "profiles" in service.node
    known = service.has_substance and "provider" not in service.node
    checked = "healthcheck" in service.node or service.dockerfile_has_healthcheck
    return known and not checked and not one_shot


def _why_watched(service: Service, conditions: set[str]) -> str:
    if conditions:
        return "other services wait for it"
    return "it publishes ports" if service.node.sequence("ports") else ""


_DURATION = regex(r"(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h))+")
_NOTHING = regex(r"(?:0++(?:\.0++)?(?:ns|us|µs|ms|s|m|h)?)++")
_STARTS = ("CMD", "CMD-SHELL", "NONE")


@rule("CO304", ComposeFile, Severity.ERROR)
def compose_healthcheck_invalid(compose: ComposeFile) -> Findings:
    """A health check is written in a way that Compose or the engine refuses.

    A `test` in the form of a list has to begin with `CMD` (the rest is the program and its
    arguments), `CMD-SHELL` (one text for a shell) or `NONE`. `interval` and `timeout` have to
    be durations above zero, `retries` a number. `disable: true` beside a `test` contradicts it.

    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            healthcheck:
              test: ["curl", "-f", "http://localhost/"]
    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            healthcheck:
              test: curl -f http://localhost/
              interval: 0s
    Bad: a duration has a unit
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            healthcheck:
              test: curl -f http://localhost/
              timeout: "10"
    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            healthcheck:
              test: curl -f http://localhost/
              disable: true
    Bad: a shell takes one text
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            healthcheck:
              test: ["CMD-SHELL", "curl", "-f", "http://localhost/"]
    Good:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            healthcheck:
              test: ["CMD", "curl", "-f", "http://localhost/"]
              interval: 1m30s
              retries: 5
          old:
            image: registry.example.com/shop/old:3.0.1
            healthcheck: {test: ["NONE"]}
          other:
            image: registry.example.com/shop/other:3.0.1
            healthcheck: {disable: true}
    """
    checks = (
        (service, node)
        for service in compose.services.values()
        if (node := service.node.mapping("healthcheck")) is not None
    )
    for service, node in compose.own(checks):
        for place, message in _mistakes(node):
            if place.path in compose.paths:
                yield at(place, message, object=service.object)


def _mistakes(node: Mapping) -> Iterator[tuple[Location, str]]:
    test, disable = node.get("test"), node.scalar("disable")
    if type(test) is Sequence:
        first = test.children[0] if test.children else None
        words = [expand(item.text) for item in test.scalars()]
        if first is None:
            yield test.location, "the test is an empty list"
        elif not is_unknown(words[0] if words else "$") and words[0] not in _STARTS:
            message = f'the test begins with "{words[0]}", not with CMD, CMD-SHELL or NONE'
            yield first.location, message
        elif words and words[0] == "CMD-SHELL" and len(words) > 2:
            yield test.location, "CMD-SHELL takes one text, what follows is not run"
        elif words and words[0] in ("CMD", "CMD-SHELL") and len(words) == 1:
            yield test.location, f'"{words[0]}" is followed by no command'
    off = disable is not None and expand(disable.text) == "true"
    if off and disable is not None and test is not None and not _says_none(test):
        yield disable.location, "the check is disabled and has a test"
    for key in ("interval", "timeout", "start_period", "start_interval"):
        scalar = node.scalar(key)
        text = expand(scalar.text) if scalar else "1s"
        if scalar is None or is_unknown(text):
            continue
        if _NOTHING.fullmatch(text):
            if key in ("interval", "timeout"):
                yield scalar.location, f'"{key}" is not above zero'
        elif not _DURATION.fullmatch(text):
            yield scalar.location, f'"{text}" is no duration such as 30s or 1m30s'


def _says_none(test: Scalar | Sequence | object) -> bool:
    first = test.children[0] if type(test) is Sequence and test.children else test
    return type(first) is Scalar and first.text == "NONE"
