"""The bundled schemas: which versions there are, and what each serves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import iachygiene.schemas
from iachygiene.keys import KUBERNETES_VERSIONS
from iachygiene.schemas import built_in
from iachygiene.schemas.built_in import groups, homes, release, serving
from iachygiene.schemas.check import STRING, Schema


def test_every_version_that_can_be_asked_for_is_bundled() -> None:
    assert tuple(built_in._whole()["versions"]) == KUBERNETES_VERSIONS


def test_the_file_stays_small() -> None:
    file = Path(iachygiene.schemas.__file__).with_name("kubernetes.json.xz")
    assert file.stat().st_size < 100_000


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
def test_every_definition_and_reference_of_a_version_resolves(version: str) -> None:
    whole = built_in._whole()
    api = release(version)
    for number in (index for index, at in enumerate(whole["versions"][version]) if at >= 0):
        source = json.loads(whole["definitions"][whole["versions"][version][number]])
        for field in json.dumps(source).split('"$ref": ')[1:]:
            target = int(field.partition("}")[0].partition(",")[0])
            assert whole["versions"][version][target] >= 0
        assert isinstance(api.definition(number), Schema)


def test_kinds_are_served_by_the_versions_that_have_them() -> None:
    assert serving("batch/v1", "CronJob") == KUBERNETES_VERSIONS
    assert serving("autoscaling/v2beta2", "HorizontalPodAutoscaler") == ("1.25",)
    assert serving("resource.k8s.io/v1", "DeviceClass")[0] == "1.34"
    assert serving("batch/v1beta1", "CronJob") == ()


def test_a_kind_that_a_version_does_not_serve_has_no_schema_there() -> None:
    assert release("1.25").schema("autoscaling/v2beta2", "HorizontalPodAutoscaler") is not None
    assert release("1.26").schema("autoscaling/v2beta2", "HorizontalPodAutoscaler") is None
    assert release("1.37").schema("example.com/v1", "Shop") is None


def test_homes_are_the_versions_of_a_kind() -> None:
    assert homes("1.30")["Deployment"] == ("apps/v1",)
    assert set(homes("1.30")["Event"]) == {"v1", "events.k8s.io/v1"}


def test_groups_are_those_of_kubernetes() -> None:
    assert {"", "apps", "batch", "networking.k8s.io"} <= groups()
    assert "argoproj.io" not in groups()


def test_fields_are_compiled_when_they_are_asked_for() -> None:
    schema = release("1.37").metadata
    assert schema.fields is not None
    assert "labels" in schema.fields
    assert schema.types & STRING == 0
