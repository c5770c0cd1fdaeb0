"""Compose rules: what examples do not show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iachygiene.files import Tree
from iachygiene.model import Finding, Fix, Severity
from iachygiene.parse.compose import ComposeFile, group, load
from iachygiene.rules.compose.dependencies import compose_depends_on_not_healthy
from iachygiene.rules.compose.healthchecks import compose_healthcheck_missing
from iachygiene.rules.compose.images import compose_unpinned_image
from iachygiene.rules.compose.security import (
    compose_docker_socket,
    compose_privileged,
)
from iachygiene.rules.compose.users import compose_runs_as_root

Check = Callable[..., Iterator[Finding]]


def projects(files: str | Mapping[str, str]) -> list[ComposeFile]:
    if isinstance(files, str):
        files = {"compose.yaml": files}
    tree = Tree("/nowhere", listed=set(files))
    tree.overlay.update((path, text.encode()) for path, text in files.items())
    paths = [path for path in files if path.endswith((".yaml", ".yml"))]
    return [
        unit
        for job in group(paths, tree, {})
        for unit in load(job, tree)
        if isinstance(unit, ComposeFile)
    ]


def found(check: Check, files: str | Mapping[str, str], **options: Any) -> list[Finding]:
    """The findings of one rule in some files, or in one called compose.yaml."""
    return [finding for one in projects(files) for finding in check(one, **options)]


def flagged(text: str, finding: Finding) -> str:
    return text[slice(*finding.location.span)]


def fixed(text: str, fix: Fix | None) -> str:
    assert fix is not None
    assert not fix.safe
    for edit in sorted(fix.edits, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


# --- CO101


def test_image_is_flagged_without_its_quotes() -> None:
    text = "services:\n  db:\n    image: 'postgres:latest' # why\n"
    (finding,) = found(compose_unpinned_image, text)
    assert flagged(text, finding) == "postgres:latest"
    assert (finding.object, finding.severity) == ("service db", None)


@pytest.mark.parametrize("tag", ["stable", "edge", "nightly", "lts"])
def test_tag_that_is_meant_to_move_is_information(tag: str) -> None:
    (finding,) = found(compose_unpinned_image, f"services: {{a: {{image: 'x:{tag}'}}}}")
    assert finding.severity is Severity.INFO
    assert finding.message == f'"x:{tag}" has the tag "{tag}", which moves'


@pytest.mark.parametrize(
    "service",
    [
        "{image: 'x:stable@sha256:0123456789abcdef0123456789abcdef'}",
        "{image: 'x:1.2-stable'}",
        "{image: x, build: .}",
        "{image: '${IMAGE}'}",
        "{image: 'x:${TAG}'}",
        "{image: '${IMAGE:-x:1}'}",
        "{build: .}",
    ],
)
def test_image_that_is_pinned_or_not_known_is_quiet(service: str) -> None:
    assert found(compose_unpinned_image, f"services: {{a: {service}}}") == []


def test_image_that_services_share_is_reported_once() -> None:
    text = """\
x-base: &base {image: x}
services:
  a: {<<: *base}
  b: *base
  c: {extends: a}
"""
    assert len(found(compose_unpinned_image, text)) == 1


def test_image_of_another_projects_file_is_reported_there() -> None:
    files = {
        "a/compose.yaml": "services: {a: {extends: {file: ../b/compose.yaml, service: b}}}",
        "b/compose.yaml": "services: {b: {image: x}}",
    }
    assert [finding.location.path for finding in found(compose_unpinned_image, files)] == [
        "b/compose.yaml"
    ]


def test_image_that_an_override_replaces_is_not_judged() -> None:
    files = {
        "compose.yaml": "services: {a: {image: x}}",
        "compose.override.yaml": "services: {a: {image: 'x:1'}}",
    }
    assert found(compose_unpinned_image, files) == []


def test_demanded_digest_is_no_finding_of_a_peer() -> None:
    text = "services: {a: {image: 'x:1'}}"
    (finding,) = found(compose_unpinned_image, text, require_digest=True)
    assert finding.aliases == ()


# --- CO201, CO202, CO207


def test_privileged_flag_is_reported_where_it_stands_and_in_variants_too() -> None:
    text = "services:\n  a:\n    privileged: true\n"
    (finding,) = found(compose_privileged, {"compose.dev.yaml": text})
    assert flagged(text, finding) == "true"


@pytest.mark.parametrize("value", ["false", "'no'", "${P}", "${P:-false}", "[true]"])
def test_other_values_are_not_privileged(value: str) -> None:
    assert found(compose_privileged, f"services: {{a: {{image: x, privileged: {value}}}}}") == []


@pytest.mark.parametrize(
    "volume",
    [
        "/var/run/docker.sock:/x",
        "/run/user/1000/podman/podman.sock:/x",
        "/run/containerd/containerd.sock:/x:ro",
        "'${SOCK:-/var/run/docker.sock}:/x'",
        "{type: bind, source: /var/run/docker.sock, target: /x}",
    ],
)
def test_sockets_of_container_runtimes_are_found(volume: str) -> None:
    text = f"services:\n  a:\n    image: x:1\n    volumes: [{volume}]\n"
    assert len(found(compose_docker_socket, text)) == 1


@pytest.mark.parametrize(
    "volume", ["docker.sock.d:/x", "/x:/var/run/docker.sock", "/var/run/mysqld.sock:/x"]
)
def test_other_mounts_are_no_sockets(volume: str) -> None:
    text = f"services:\n  a:\n    image: x:1\n    volumes: [{volume}]\n"
    assert found(compose_docker_socket, text) == []


@pytest.mark.parametrize(
    "image", ["tecnativa/docker-socket-proxy:1", "wollomatic/socket-proxy:1", "${P:-x/socketproxy}"]
)
def test_socket_of_a_proxy_is_a_warning(image: str) -> None:
    volumes = "['/var/run/docker.sock:/var/run/docker.sock']"
    text = f"services: {{a: {{image: '{image}', volumes: {volumes}}}}}"
    assert [one.severity for one in found(compose_docker_socket, text)] == [Severity.WARNING]


@pytest.mark.parametrize("user", ["root", "0", "'0'", "'0:0'", "root:web", "${U:-0}", "00"])
def test_root_is_found_in_every_spelling(user: str) -> None:
    text = f"services:\n  a:\n    image: x:1\n    user: {user}\n"
    assert [flagged(text, finding) for finding in found(compose_runs_as_root, text)] == [user]


@pytest.mark.parametrize("user", ["web", "'1000:0'", "'${U}'", "''", "':0'", "10", "null"])
def test_other_users_are_not_root(user: str) -> None:
    assert found(compose_runs_as_root, f"services: {{a: {{image: x, user: {user}}}}}") == []


# --- CO301


def test_dependency_is_flagged_and_the_health_check_named() -> None:
    text = """\
services:
  web:
    image: x:1
    depends_on:
      - db
  db:
    image: y:1
    healthcheck: {test: [CMD, 'true']}
"""
    (finding,) = found(compose_depends_on_not_healthy, text)
    assert flagged(text, finding) == "db"
    assert finding.object == "service web"
    assert [text[slice(*place.span)] for place in finding.related] == ["healthcheck"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "    depends_on:\n    - db # first\n    - 'cache'\n",
            "    depends_on:\n      db:\n        condition: service_healthy # first\n"
            "      cache:\n        condition: service_started\n",
        ),
        (
            "    depends_on:\r\n      - db\r\n",
            "    depends_on:\r\n      db:\r\n        condition: service_healthy\r\n",
        ),
        (
            "    depends_on:\n      db: {condition: service_started, restart: true}\n",
            "    depends_on:\n      db: {condition: service_healthy, restart: true}\n",
        ),
    ],
)
def test_fix_waits_for_the_health_check(before: str, after: str) -> None:
    text = (
        "services:\n  db:\n    image: y:1\n    healthcheck: {test: [CMD, 'true']}\n"
        "  cache:\n    image: z:1\n  web:\n    image: x:1\n"
    )
    (finding,) = found(compose_depends_on_not_healthy, text + before)
    assert fixed(text + before, finding.fix) == text + after
    assert found(compose_depends_on_not_healthy, text + after) == []


@pytest.mark.parametrize(
    "dependency",
    [
        "[&x db]",
        "{db: }",
        "{db: {restart: true}}",
        '{db: {condition: "service_started"}}',
        "{db: {condition: '${C:-service_started}'}}",
    ],
)
def test_dependency_of_an_unusual_form_is_reported_and_at_least_not_broken(dependency: str) -> None:
    text = (
        f"services:\n  web:\n    image: x:1\n    depends_on: {dependency}\n"
        "  db:\n    image: y:1\n    healthcheck: {test: [CMD, 'true']}\n"
    )
    (finding,) = found(compose_depends_on_not_healthy, text)
    if finding.fix is not None:
        assert found(compose_depends_on_not_healthy, fixed(text, finding.fix)) == []


@pytest.mark.parametrize("names", ["[db, db]", "[\n  db, # why\n  ]", "[&x db, *x]"])
def test_list_that_the_long_form_cannot_say_has_no_fix(names: str) -> None:
    text = (
        f"services:\n  web:\n    image: x:1\n    depends_on: {names}\n"
        "  db:\n    image: y:1\n    healthcheck: {test: [CMD, 'true']}\n"
    )
    assert {finding.fix for finding in found(compose_depends_on_not_healthy, text)} == {None}


@pytest.mark.parametrize(
    "other",
    [
        "{image: y, healthcheck: {disable: true}}",
        "{image: y}",
        "{build: .}",
    ],
)
def test_service_without_a_health_check_cannot_be_waited_for(other: str) -> None:
    text = f"services: {{web: {{image: x, depends_on: [db, gone]}}, db: {other}}}"
    assert found(compose_depends_on_not_healthy, text) == []


# --- CO303


def test_missing_health_check_stands_at_the_name_and_says_why() -> None:
    text = "services:\n  web:\n    image: x:1\n    ports: ['80:80']\n"
    (finding,) = found(compose_healthcheck_missing, text)
    assert flagged(text, finding) == "web"
    assert finding.message == "no health check, and it publishes ports"


def test_every_service_on_request() -> None:
    text = "services: {a: {image: x}, b: {image: x, healthcheck: {disable: true}}}"
    assert found(compose_healthcheck_missing, text) == []
    (finding,) = found(compose_healthcheck_missing, text, every_service=True)
    assert (finding.object, finding.message) == ("service a", "no health check")


@pytest.mark.parametrize(
    "service",
    [
        "{image: x, ports: []}",
        "{image: x, expose: [80]}",
        "{image: x, ports: [80], healthcheck: {test: [NONE]}}",
        "{image: x, ports: [80], restart: 'no', profiles: [tools]}",
        "{provider: {type: model}, ports: [80]}",
        "{ports: [80]}",
    ],
)
def test_services_that_need_none_or_have_one_elsewhere_are_quiet(service: str) -> None:
    assert found(compose_healthcheck_missing, f"services: {{a: {service}}}") == []


def test_health_check_of_an_override_counts() -> None:
    files = {
        "compose.yaml": "services: {a: {image: x, ports: [80]}}",
        "compose.override.yaml": "services: {a: {healthcheck: {test: [CMD, 'true']}}}",
    }
    assert found(compose_healthcheck_missing, files) == []


# --- any input

ITEMS = st.lists(st.sampled_from(["db", "'db'", "cache", "*x", "db # c", "{a: b}"]), max_size=4)


@settings(max_examples=200, deadline=None)
@given(ITEMS, st.sampled_from(["    ", "      "]), st.booleans())
def test_fix_never_breaks_a_file(items: list[str], indent: str, flow: bool) -> None:
    block = "".join(f"{indent}- {item}\n" for item in items)
    inline = "[" + ", ".join(item.removesuffix(" # c") for item in items) + "]"
    text = (
        "x-name: &x db\nservices:\n  web:\n    image: x:1\n    depends_on:"
        + (f" {inline}\n" if flow else f"\n{block}")
        + "  db:\n    image: y:1\n    healthcheck: {test: [CMD, 'true']}\n"
    )
    for finding in found(compose_depends_on_not_healthy, text):
        if finding.fix is not None:
            after = fixed(text, finding.fix)
            assert [list(one.services) for one in projects(after)] == [["web", "db"]]
            assert found(compose_depends_on_not_healthy, after) == []


ODD = st.sampled_from(
    ["null", "[]", "{}", "3", "x", "'${y}'", "[null, 3, {a: b}]", "{a: [b]}", "true", "[a]"]
)
BODIES = st.dictionaries(
    st.sampled_from(
        [
            *("image", "build", "extends", "user", "privileged", "volumes", "ports"),
            *("depends_on", "healthcheck", "restart", "profiles", "provider"),
        ]
    ),
    ODD,
    max_size=6,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "3"]), BODIES, max_size=3))
def test_no_rule_stumbles_over_an_odd_shape(services: dict[str, dict[str, str]]) -> None:
    bodies = (
        f"  {name}: {{{', '.join(f'{key}: {value}' for key, value in body.items())}}}\n"
        for name, body in services.items()
    )
    text = "services:\n" + "".join(bodies)
    for check in (
        compose_unpinned_image,
        compose_privileged,
        compose_docker_socket,
        compose_depends_on_not_healthy,
        compose_healthcheck_missing,
    ):
        for finding in found(check, text):
            start, end = finding.location.span
            assert 0 <= start <= end <= len(text)
