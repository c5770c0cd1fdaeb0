"""Images of Compose services."""

from __future__ import annotations

from iachygiene.image import ImageRef, pin_problem
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.compose import ComposeFile
from iachygiene.rule import rule


@rule(
    "CO101",
    ComposeFile,
    Severity.WARNING,
    aliases=("dclint:service-image-require-explicit-tag",),
)
def compose_unpinned_image(compose: ComposeFile, *, require_digest: bool = False) -> Findings:
    """A service runs an image without a tag or digest, or with a tag that moves.

    The registry may serve another image under the same name tomorrow: two people who start
    the same commit then run different programs, and an update comes when somebody pulls and
    not when somebody decides. Tags that are meant to move (`stable`, `edge`, `nightly`, ...)
    are reported with severity info. The image of a service with `build` is the name of what
    is built here.

    Options:
        require_digest: report every image that is not pinned by its digest.

    Bad:
        services:
          db:
            image: postgres
    Bad:
        services:
          db:
            image: postgres:latest
    Bad: the default of a variable counts
        services:
          db:
            image: postgres:${POSTGRES_TAG:-latest}
    Bad: severity info
        services:
          proxy:
            image: caddy:edge
    Good:
        services:
          db:
            image: postgres:17.2
          cache:
            image: redis@sha256:bb142a9c18ac18a16713c1491d779697b4e107c22a97266616099d288237ef47
    Good: the image is built here
        services:
          web:
            build: .
            image: registry.example.com/shop/web
    Good: what somebody sets elsewhere cannot be judged here
        services:
          db:
            image: postgres:${POSTGRES_TAG}
          web:
            image: ${WEB_IMAGE:?set it in .env}
    """
    images = (
        (service, image)
        for service in compose.services.values()
        if service.build is None and (image := service.image) is not None
    )
    for service, image in compose.own(images):
        why = pin_problem(image, require_digest=require_digest)
        moving = _moving_tag(image)
        if why:
            # dclint looks at tags alone.
            by_digest = image.tag is not None and image.tag.text not in ("", "latest")
            aliases = () if by_digest and not moving else None
            yield at(image.location, why, object=service.object, aliases=aliases)
        elif moving:
            message = f'"{image.text}" has the tag "{moving}", which moves'
            yield at(image.location, message, object=service.object, severity=Severity.INFO)


_MOVING = frozenset(("stable", "edge", "test", "nightly", "dev", "beta", "canary", "lts"))


def _moving_tag(image: ImageRef) -> str:
    tag = image.tag.text if image.tag and image.digest is None else ""
    return tag if tag in _MOVING else ""
