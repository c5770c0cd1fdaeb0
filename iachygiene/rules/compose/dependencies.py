"""Compose services that wait for one another."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from itertools import pairwise

from iachygiene.model import Edit, Findings, Fix, Location, Severity, Span, at
from iachygiene.parse.compose import ComposeFile, Dependency, Service
from iachygiene.parse.compose_references import references
from iachygiene.parse.yaml import Scalar, Sequence
from iachygiene.rule import rule


@rule("CO301", ComposeFile, Severity.WARNING)
def compose_depends_on_not_healthy(compose: ComposeFile) -> Findings:
    """A service waits for another one to start and not for its health check.

    The short form of `depends_on` waits until the other container exists, which says nothing
    about the program in it: a database needs seconds before it takes connections, and
    whoever comes earlier fails or waits in a loop of its own. Here the other service has a
    health check already; `condition: service_healthy` waits for it.

    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on:
              - db
              - cache
          db:
            image: postgres:17.2
            healthcheck:
              test: ["CMD", "pg_isready"]
          cache:
            image: redis:7.4.1
    Fixed:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on:
              db:
                condition: service_healthy
              cache:
                condition: service_started
          db:
            image: postgres:17.2
            healthcheck:
              test: ["CMD", "pg_isready"]
          cache:
            image: redis:7.4.1
    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on:
              db:
                condition: service_started
          db:
            image: postgres:17.2
            healthcheck:
              test: ["CMD", "pg_isready"]
    Fixed:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on:
              db:
                condition: service_healthy
          db:
            image: postgres:17.2
            healthcheck:
              test: ["CMD", "pg_isready"]
    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on: [db]
          db:
            image: postgres:17.2
            healthcheck:
              test: ["CMD", "pg_isready"]
    Fixed:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on: {db: {condition: service_healthy}}
          db:
            image: postgres:17.2
            healthcheck:
              test: ["CMD", "pg_isready"]
    Good: nothing tells whether the other service works
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on: [db]
          db:
            image: postgres:17.2
    Good:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on:
              migrate:
                condition: service_completed_successfully
          migrate:
            image: registry.example.com/shop/web:3.0.1
            command: [migrate]
            healthcheck:
              test: ["CMD", "true"]
    """
    dependencies = (
        (service, dependency)
        for service in compose.services.values()
        for dependency in service.dependencies
    )
    for service, dependency in compose.own(dependencies):
        other = compose.services.get(dependency.name)
        check = other.healthcheck if other else None
        if check is not None and dependency.condition in ("", "service_started"):
            message = f'waits until "{dependency.name}" has started, not until it is healthy'
            yield at(
                dependency,
                message,
                related=[check.location.labelled("this health check says when")],
                object=service.object,
                fix=_fix(compose, service, dependency),
            )


def _fix(compose: ComposeFile, service: Service, dependency: Dependency) -> Fix | None:
    title = f'wait until "{dependency.name}" is healthy'
    how = dependency.condition_node
    if how is not None:
        ours = how.file.path == dependency.node.file.path and how.text == "service_started"
        edit = Edit(how.location.span, "service_healthy")
        return Fix(title, (edit,), safe=False) if ours and not how.style else None
    key, names = service.node.key("depends_on"), service.node.get("depends_on")
    if key is None or type(names) is not Sequence:
        return None
    edits = tuple(_long_form(compose, key, names))
    return Fix(title, edits, safe=False) if edits else None


def _long_form(compose: ComposeFile, key: Scalar, names: Sequence) -> Iterator[Edit]:
    """The edits that turn a list of services into the long form; none where that is unclear."""
    items = list(names.scalars())
    text = names.file.text
    distinct = {item.text for item in items}
    if len(distinct) != len(names) or not all(_is_in(item, names) for item in items):
        return
    if text.startswith("[", names.start):
        if "#" in text[names.start : names.end]:
            return
        shown = (f"{item.text}: {{condition: {_condition(compose, item)}}}" for item in items)
        yield Edit(Span(names.start, names.end), f"{{{', '.join(shown)}}}")
        return
    starts = [text.rfind("\n", 0, item.start) + 1 for item in items]
    lines = [text[start : item.start] for start, item in zip(starts, items, strict=True)]
    indent = lines[0].partition("-")[0]
    if any(line.rstrip() != f"{indent}-" for line in lines) or indent.strip():
        return
    newline = "\r\n" if text[: names.start].rstrip(" ").endswith("\r\n") else "\n"
    # A list may stand below its key without indentation, a mapping may not.
    column = key.start - (text.rfind("\n", 0, key.start) + 1)
    deeper = "" if len(indent) > column else "  "
    for start, item in zip(starts, items, strict=True):
        entry = f"{deeper}{item.text}:{newline}{indent}{deeper}  condition: "
        dash = start + len(indent)
        yield Edit(Span(dash, item.end), entry + _condition(compose, item))


def _is_in(item: Scalar, names: Sequence) -> bool:
    return item.file is names.file and names.start <= item.start and item.end <= names.end


def _condition(compose: ComposeFile, item: Scalar) -> str:
    other = compose.services.get(item.text)
    return "service_healthy" if other and other.healthcheck else "service_started"


@rule("CO302", ComposeFile, Severity.ERROR)
def compose_condition_without_healthcheck(compose: ComposeFile) -> Findings:
    """A service waits until another one is healthy, and that one has no health check.

    Compose refuses to start such a project: without a check nothing ever becomes healthy. It
    is a warning where the other service's image comes from elsewhere and may bring a health
    check of its own.

    Bad: severity warning
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on:
              db: {condition: service_healthy}
          db:
            image: postgres:17.2
    Bad: the check is switched off
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on:
              db: {condition: service_healthy}
          db:
            image: postgres:17.2
            healthcheck: {disable: true}
    Bad: neither the service nor its Dockerfile has one
        -- compose.yaml --
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on:
              api: {condition: service_healthy}
          api:
            build: .
        -- Dockerfile --
        FROM python:3.13-slim
    Good:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on:
              db: {condition: service_healthy}
          db:
            image: postgres:17.2
            healthcheck:
              test: ["CMD", "pg_isready"]
    Good: the Dockerfile has one
        -- compose.yaml --
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on:
              api: {condition: service_healthy}
          api:
            build: .
        -- Dockerfile --
        FROM python:3.13-slim
        HEALTHCHECK CMD ["python", "-m", "api.health"]
    """
    dependencies = (
        (service, dependency)
        for service in compose.services.values()
        for dependency in service.dependencies
        if dependency.condition == "service_healthy"
        and service.text("depends_on", dependency.name, "required") != "false"
    )
    for service, dependency in compose.own(dependencies):
        other = compose.services.get(dependency.name)
        if other is None or other.healthcheck is not None or not other.complete:
            continue
        off = "healthcheck" in other.node
        known = off or (other.build is not None and other.dockerfile_is_known)
        if compose.partial or (not off and other.dockerfile_has_healthcheck):
            continue
        if not known and (other.build is not None or not other.has_substance):
            continue
        why = "switches its health check off" if off else "has no health check"
        yield at(
            dependency.condition_node or dependency,
            f'waits until "{dependency.name}" is healthy, which {why}',
            related=[other.location],
            object=service.object,
            severity=None if known else Severity.WARNING,
        )


@rule("CO307", ComposeFile, Severity.ERROR)
def compose_dependency_cycle(compose: ComposeFile) -> Findings:
    """Services wait for one another in a circle.

    Each would have to be started before the other; Compose refuses the project. `depends_on`,
    `links`, `volumes_from` and the network, process or memory namespace of another service
    all count.

    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on: [api]
          api:
            image: registry.example.com/shop/api:3.0.1
            depends_on: [worker]
          worker:
            image: registry.example.com/shop/worker:3.0.1
            network_mode: service:web
    Bad:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on: [web]
    Good:
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            depends_on: [api, worker]
          api:
            image: registry.example.com/shop/api:3.0.1
            depends_on: [worker]
          worker:
            image: registry.example.com/shop/worker:3.0.1
    """
    needs = {
        service.name: {
            one.name: one.location
            for one in references(service)
            if one.kind == "services" and one.name in compose.services
        }
        for service in compose.services.values()
    }
    for circle in _circles(needs):
        steps = [*circle, circle[0]]
        places = [needs[one][other] for one, other in pairwise(steps)]
        shown = " -> ".join(f'"{name}"' for name in steps)
        if places[0].path in compose.paths:
            message = f"services wait for one another: {shown}"
            service = compose.services[circle[0]]
            yield at(places[0], message, related=places[1:], object=service.object)


def _circles(needs: Mapping[str, Mapping[str, Location]]) -> Iterator[list[str]]:
    """One circle for each set of services that all need one another, shortest ways first."""
    done: set[str] = set()
    for start in needs:
        if start in done:
            continue
        came_from = {start: ""}
        pending = deque([start])
        while pending:
            one = pending.popleft()
            if start in needs[one]:
                circle = [one]
                while circle[-1] != start:
                    circle.append(came_from[circle[-1]])
                done.update(circle)
                yield circle[::-1]
                break
            for other in needs[one]:
                if other not in came_from and other not in done:
                    came_from[other] = one
                    pending.append(other)
