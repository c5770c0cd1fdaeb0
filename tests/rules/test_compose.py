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
from iachygiene.rule import rules_of
from iachygiene.rules.compose.dependencies import compose_depends_on_not_healthy
from iachygiene.rules.compose.healthchecks import compose_healthcheck_missing
from iachygiene.rules.compose.images import compose_unpinned_image
from iachygiene.rules.compose.ports import compose_unquoted_port
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


# --- CO403


def test_port_that_is_filled_in_is_no_number_to_yaml() -> None:
    files = {
        "compose.yaml": "services: {a: {image: x, ports: [\n${PORT}:22\n]}}",
        ".env": "PORT=22",
    }
    assert found(compose_unquoted_port, files) == []
    assert len(found(compose_unquoted_port, "services: {a: {ports: [\n22:22\n]}}")) == 1


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


# --- the rules about whole projects


def codes(files: str | Mapping[str, str]) -> list[tuple[str, str]]:
    """Code and message of all findings of all rules about Compose, whatever their default."""
    rules = [one for one in rules_of("compose") if one.unit is ComposeFile]
    return [
        (one.code, finding.message)
        for project in projects(files)
        for one in rules
        for finding in one.check(project)
    ]


def of(code: str, files: str | Mapping[str, str]) -> list[str]:
    return [message for found, message in codes(files) if found == code]


def test_shared_anchor_is_judged_once() -> None:
    text = """\
x-base: &base
  image: x:1
  privileged: true
  environment: {API_TOKEN: hunter22}
  security_opt: [seccomp=unconfined]
services:
  a: *base
  b: {<<: *base, command: [b]}
"""
    for code in ("CO201", "CO209", "CO601"):
        assert len(of(code, text)) == 1


@pytest.mark.parametrize(
    ("ports", "clash"),
    [
        (("80:80", "80:81"), True),
        (("127.0.0.1:80:80", "127.0.0.2:80:80"), False),
        (("127.0.0.1:80:80", "80:80"), True),
        (("80:80/udp", "80:80"), False),
        (("8000-8002:80-82", "8001:90"), True),
        (("8000-8002:80", "8001:90"), False),
        (("${A:-80}:80", "80:81"), True),
        (("${A}:80", "80:81"), False),
        (("80", "80"), False),
    ],
)
def test_ports_clash_where_both_take_one_for_sure(ports: tuple[str, str], clash: bool) -> None:
    one, other = ports
    text = f"services: {{a: {{image: x, ports: ['{one}']}}, b: {{image: x, ports: ['{other}']}}}}"
    assert bool(of("CO402", text)) is clash


def test_port_that_an_override_repeats_is_one_port() -> None:
    files = {
        "compose.yaml": "services: {a: {image: x, ports: ['80:80']}}",
        "compose.override.yaml": "services: {a: {ports: ['80:80']}}",
    }
    assert of("CO402", files) == []


def test_swarm_publishes_a_port_once_for_all_replicas() -> None:
    body = "{image: x, ports: ['80:80'], deploy: {replicas: 2}}"
    assert len(of("CO402", f"services: {{a: {body}}}")) == 1
    assert of("CO402", {"docker-compose.stack.yml": f"services: {{a: {body}}}"}) == []


@pytest.mark.parametrize(
    ("text", "circles"),
    [
        ("services: {a: {image: x, depends_on: [b]}, b: {image: x, links: [a]}}", 1),
        ("services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [b]}}", 1),
        ("services: {a: {image: x, depends_on: [c]}, b: {image: x, depends_on: [c]}}", 0),
        ("services: {a: {image: x, network_mode: 'service:a'}}", 1),
    ],
)
def test_circles_are_found_once_each(text: str, circles: int) -> None:
    assert len(of("CO307", text)) == circles


@pytest.mark.parametrize(
    ("environment", "reported"),
    [
        ("{URL: 'http://catalog:8000'}", False),
        ("{URL: 'http://catalgo:8000'}", True),
        ("{URL: 'http://catalog-1:8000'}", False),
        ("{URL: 'http://catolog.example.com:8000'}", False),
        ("{DB: 'postgres://x@localhost:8000/y'}", True),
        ("{PUBLIC_URL: 'http://localhost:8000'}", False),
        ("{CATALOG_URL: 'http://127.0.0.1:8000'}", True),
        ("{URL: 'http://localhost:9999'}", False),
        ("[URL=http://catalgo:8000]", True),
        ("{URL: }", False),
    ],
)
def test_hosts_in_the_environment_are_those_of_services(environment: str, reported: bool) -> None:
    text = f"""\
services:
  web: {{image: x, environment: {environment}}}
  catalog: {{image: x, expose: ["8000"]}}
"""
    assert bool(of("CO506", text)) is reported


@pytest.mark.parametrize(
    "more",
    [
        "networks: {default: {external: true}}",
        "",
    ],
)
def test_alias_and_hostname_are_names_too(more: str) -> None:
    text = f"""\
services:
  web: {{image: x, environment: {{A: 'http://catalogs:1', B: 'http://catalogx:1'}}}}
  catalog: {{image: x, hostname: catalogx, networks: {{default: {{aliases: [catalogs]}}}}}}
{more}
"""
    assert of("CO506", text) == []


@pytest.mark.parametrize(
    ("networks", "reported"),
    [
        ("[front]", True),
        ("[front, back]", False),
        ("{back: {}}", False),
        ("[same]", False),
        ("[$N]", False),
    ],
)
def test_networks_are_shared_by_what_they_are_called_in_the_end(
    networks: str, reported: bool
) -> None:
    text = f"""\
services:
  a: {{image: x, depends_on: [b], networks: {networks}}}
  b: {{image: x, networks: [back]}}
networks: {{front: , back: {{name: n}}, same: {{name: n}}}}
"""
    assert bool(of("CO507", text)) is reported


@pytest.mark.parametrize(
    ("key", "value", "reported"),
    [
        ("ports", "'80:80'", True),
        ("privileged", "perhaps", True),
        ("privileged", "'true'", False),
        ("environment", "x", True),
        ("environment", "[A=b]", False),
        ("command", "{a: b}", True),
        ("image", "[x]", True),
        ("x-mine", "{a: b}", False),
        ("volumes", "", False),
        ("tmpfs", "/tmp", False),
        ("imagee", "x", True),
    ],
)
def test_keys_and_forms_are_those_of_the_specification(
    key: str, value: str, reported: bool
) -> None:
    text = f"services:\n  a:\n    build: .\n    {key}: {value}\n"
    assert bool(of("CO705", text)) is reported


@pytest.mark.parametrize(
    "text",
    [
        "services: {a: {image: x, volumes: ['data:/x']}}\nvolumes: {data: }",
        "services: {a: {image: x, volumes: ['${V}:/x']}}\nvolumes: {data: }",
        "services: {a: {image: x}}\nvolumes: {data: {external: true}}",
        "include: [gone.yaml]\nservices: {a: {image: x}}\nvolumes: {data: }",
    ],
)
def test_definition_that_may_be_used_is_silent(text: str) -> None:
    assert of("CO502", text) == []


def test_definition_that_another_file_of_the_directory_names_is_silent() -> None:
    files = {
        "docker-compose.yml": "services: {a: {image: x}}\nvolumes: {data: }",
        "docker-compose-more.yml": "services: {a: {volumes: ['data:/x']}}",
    }
    assert of("CO502", files) == []


def test_nothing_that_is_absent_is_asked_of_overrides() -> None:
    text = "services: {a: {ports: ['8080:80'], depends_on: [b]}}"
    found = {code for code, _ in codes({"compose.prod.yaml": text})}
    assert found <= {"CO704"}


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.sampled_from(["null", "x", "'${A:-b}'", "'80:80'", "3", "true", "[]", "{}"]),
        lambda inner: (
            st.lists(inner, max_size=3).map(lambda all: f"[{', '.join(all)}]")
            | st.dictionaries(
                st.sampled_from(["image", "build", "ports", "depends_on", "networks", "condition"]),
                inner,
                max_size=3,
            ).map(lambda all: "{" + ", ".join(f"{key}: {one}" for key, one in all.items()) + "}")
        ),
        max_leaves=8,
    )
)
def test_no_rule_raises_whatever_a_service_holds(value: str) -> None:
    text = f"services: {{a: {{image: x, volumes: {value}, environment: {value}}}, b: {value}}}"
    more = f"\nvolumes: {{v: {value}}}\nsecrets: {{s: {value}}}\nnetworks: {value}"
    assert all(code.startswith("CO") for code, _ in codes(text + more))
