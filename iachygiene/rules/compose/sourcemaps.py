"""Source maps that a web server of a Compose project hands out."""

from __future__ import annotations

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.compose import ComposeFile, Service
from iachygiene.rule import rule

_WEB_ROOTS = (
    *("/usr/share/nginx/html", "/var/www", "/srv", "/usr/local/apache2/htdocs"),
    *("/app/public", "/usr/share/caddy"),
)


@rule("CO603", ComposeFile, Severity.WARNING, default="off")
def compose_serves_source_maps(compose: ComposeFile) -> Findings:
    """A directory with source maps is mounted where a web server serves files from.

    A source map holds the sources that a bundle was made of, comments and all. Served next
    to the bundle it gives them to every visitor who opens the developer tools.

    Bad:
        -- compose.yaml --
        services:
          web:
            image: nginx:1.27.3
            volumes:
              - ./dist:/usr/share/nginx/html:ro
        -- dist/app.js --
        console.log(1);
        -- dist/app.js.map --
        {"version": 3, "sources": ["app.ts"], "mappings": "AAAA"}
    Good:
        -- compose.yaml --
        services:
          web:
            image: nginx:1.27.3
            volumes:
              - ./dist:/usr/share/nginx/html:ro
        -- dist/app.js --
        console.log(1);
    Good: for those who write the sources
        -- compose.yaml --
        services:
          web-dev:
            image: nginx:1.27.3
            volumes:
              - ./dist:/usr/share/nginx/html:ro
        -- dist/app.js.map --
        {"version": 3, "sources": ["app.ts"], "mappings": "AAAA"}
    """
    mounts = (
        (service, volume)
        for service in compose.services.values()
        if not _for_development(service)
        for volume in service.volumes
        if volume.kind == "bind" and _is_web_root(volume.target)
    )
    for service, volume in compose.own(mounts):
        maps = list(compose.source_maps(volume.source, volume.node))
        if maps:
            first = min(maps)
            more = f" and {len(maps) - 1} more" if len(maps) > 1 else ""
            message = f'serves the source map "{first}"{more}'
            yield at(volume.location, message, object=service.object)


def _is_web_root(target: str) -> bool:
    return any(target == root or target.startswith(root + "/") for root in _WEB_ROOTS)


def _for_development(service: Service) -> bool:
    words = service.name.lower().replace("_", "-").split("-") + sorted(service.profiles)
    return not {"dev", "development", "test", "tests", "debug"}.isdisjoint(words)
