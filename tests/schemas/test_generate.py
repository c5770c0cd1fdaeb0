"""The script that writes the bundled schemas, on a package made up for it."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.schemas import generate_kubernetes

METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
SHARED = {
    METADATA: {"type": ["object", "null"], "properties": {"name": {"type": "string"}}},
    QUANTITY: {"oneOf": [{"type": "string"}, {"type": "number"}]},
}


def shop(size: dict[str, object]) -> dict[str, object]:
    return {
        "description": "A shop.",
        "properties": {
            "metadata": {"$ref": f"#/$defs/{METADATA}", "description": "Of the shop."},
            "size": size,
        },
        "required": ["size"],
        "type": ["object", "null"],
        "x-kubernetes-group-version-kind": [{"group": "apps", "kind": "Shop", "version": "v1"}],
    }


def test_definitions_are_trimmed_and_stored_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package.whl"
    with ZipFile(package, "w") as file:
        for minor, size in (
            (9, {"type": ["integer", "null"], "format": "int32", "default": 1}),
            (10, {"$ref": f"#/$defs/{QUANTITY}"}),
        ):
            name = f"schemas/v1.{minor}.0-local/_definitions.json"
            file.writestr(name, json.dumps({"$defs": {**SHARED, "io.k8s.Shop": shop(size)}}))
    target = tmp_path / "kubernetes.json.xz"
    monkeypatch.setattr(generate_kubernetes, "TARGET", target)
    generate_kubernetes.main(str(package))
    whole = json.loads(lzma.decompress(target.read_bytes()))
    assert list(whole["versions"]) == ["1.9", "1.10"]
    assert list(whole["kinds"]) == ["apps/v1 Shop"]
    old, new = (
        json.loads(whole["definitions"][row[whole["kinds"]["apps/v1 Shop"]]])
        for row in whole["versions"].values()
    )
    assert old["properties"]["size"] == {"type": "integer", "format": "int32"}
    assert list(new["properties"]["size"]) == ["$ref"]
    assert (old["required"], old["type"]) == (["size"], "object")
    # The two shared definitions, and each version's own.
    assert len(whole["definitions"]) == 4
