"""Services that wait for one another, and whether anybody sees that they work."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Edit, Findings, Fix, Severity, Span, at
from iachygiene.parse.compose import ComposeFile, Dependency, Service
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
