"""What a `package.json` says of who may see the sources: licence, repository, registry."""

from __future__ import annotations

import re

from iachygiene.lazy import regex
from iachygiene.parse.json import Json

# Names of open licences in the SPDX list (https://spdx.org/licenses/), by family.
_OPEN = regex(
    r"(?:0BSD|AFL-[0-9.]+|A?GPL-[0-9.]+|LGPL-[0-9.]+|Apache-[0-9.]+|Artistic-[0-9.]+"
    r"|BlueOak-1\.0\.0|BSD-[1-4]-Clause(?:-[A-Za-z]+)?|BSL-1\.0|CC0-1\.0|CC-BY(?:-SA)?-[0-9.]+"
    r"|CDDL-[0-9.]+|CPL-1\.0|ECL-[0-9.]+|EPL-[0-9.]+|EUPL-[0-9.]+|ISC|MIT(?:-0)?|MPL-[0-9.]+"
    r"|MS-(?:PL|RL)|MulanPSL-2\.0|NCSA|OFL-1\.1|OSL-[0-9.]+|PostgreSQL|PSF-2\.0|Python-2\.0"
    r"|Unicode-3\.0|Unlicense|UPL-1\.0|W3C|WTFPL|X11|Zlib|ZPL-[0-9.]+)(?:-only|-or-later|\+)?"
)
_PUBLIC_REGISTRY = regex(r"(?:https?:)?//registry\.(?:npmjs\.org|yarnpkg\.com)/?")
_FORGES = {
    "github": "github.com",
    "gitlab": "gitlab.com",
    "bitbucket": "bitbucket.org",
}
_HOSTS = frozenset((*_FORGES.values(), "codeberg.org", "git.sr.ht", "gitee.com"))


def has_open_licence(manifest: Json) -> bool:
    """Whether the `license` field is an open expression of SPDX."""
    node = manifest.get("license")
    if node is not None and node.kind == "object":
        node = node.get("type")
    text = (node.text if node else None) or ""
    if len(text) > 500:
        return False
    # `A OR B` is open when one is, `A AND B` when both are; an exception only adds rights.
    text = re.sub(r" WITH [A-Za-z0-9.-]+", "", text.strip()).replace("(", " ").replace(")", " ")
    return bool(text.strip()) and all(
        any(_OPEN.fullmatch(name.strip()) for name in part.split(" OR "))
        for part in text.split(" AND ")
    )


def forge_of(manifest: Json) -> tuple[str, str] | None:
    """Host and `owner/name` of the repository, None where it is on no public forge."""
    node = manifest.get("repository")
    if node is not None and node.kind == "object":
        node = node.get("url")
    url = (node.text if node else None) or ""
    short = re.fullmatch(r"(?:(github|gitlab|bitbucket):)?([\w.~-]+/[\w.-]+)(?:#.*)?", url)
    if short:
        return _FORGES[short[1] or "github"], short[2].removesuffix(".git")
    long = re.match(r"(?:git\+)?(?:https|git)://(?:www\.)?([^/@:]+)/([^?#]+)", url)
    if long is None or long[1].lower() not in _HOSTS:
        return None
    names = long[2].strip("/").removesuffix(".git").split("/")
    return (long[1].lower(), "/".join(names[:2])) if len(names) > 1 else None


def private_registry(manifest: Json) -> Json | None:
    """The registry in `publishConfig` where it is not the public one.

    `"access": "public"` says that the package is public there too.
    """
    registry = manifest.get("publishConfig", "registry")
    access = manifest.get("publishConfig", "access")
    if registry is None or not registry.text or (access and access.text == "public"):
        return None
    return None if _PUBLIC_REGISTRY.fullmatch(registry.text) else registry
