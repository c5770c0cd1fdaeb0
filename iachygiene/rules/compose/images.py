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


@rule("CO102", ComposeFile, Severity.INFO, default="off")
def compose_image_without_digest(compose: ComposeFile) -> Findings:
    """A service runs an image that is not pinned by its digest.

    A tag can be moved to another image by whoever may write to the registry. A digest is a
    checksum of the image itself: the same text always gives the same bytes. The price is that
    somebody, or a program, has to update it.

    Bad:
        services:
          db:
            image: postgres:17.2
    Good:
        services:
          cache:
            image: redis@sha256:bb142a9c18ac18a16713c1491d779697b4e107c22a97266616099d288237ef47
    Good: the image is built here
        services:
          web:
            build: .
            image: registry.example.com/shop/web
    """
    images = (
        (service, image)
        for service in compose.services.values()
        if service.build is None and (image := service.image) is not None
    )
    for service, image in compose.own(images):
        if image.digest is None and not image.unknown and image.text:
            yield at(image.location, f'"{image.text}" has no digest', object=service.object)


@rule(
    "CO103",
    ComposeFile,
    Severity.INFO,
    default="off",
    aliases=("dclint:no-build-and-image",),
)
def compose_build_and_image(compose: ComposeFile) -> Findings:
    """A service has both `build` and `image`, and nothing says which of the two to use.

    Compose then looks for the image in a registry first and builds where it finds none. Who
    wants one of the two for sure says so with `pull_policy`: `build` always builds, `always`
    always pulls. To name what is built this way is usual, so the rule is off by default.

    Bad:
        services:
          web:
            build: .
            image: registry.example.com/shop/web:3.0.1
    Good:
        services:
          web:
            build: .
            image: registry.example.com/shop/web:3.0.1
            pull_policy: build
    Good:
        services:
          web:
            build: .
    """
    keys = (
        (service, key)
        for service in compose.services.values()
        if service.build
        and "pull_policy" not in service.node
        and (key := service.node.key("image"))
    )
    for service, key in compose.own(keys):
        yield at(key, "both build and image, without pull_policy", object=service.object)
