"""Compose projects: which files belong together, how they merge, what services say."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iachygiene.files import Tree
from iachygiene.model import Trouble, Unchecked
from iachygiene.parse import yaml
from iachygiene.parse.compose import (
    ComposeFile,
    Service,
    comments,
    facts,
    group,
    load,
)
from iachygiene.parse.compose_references import references
from iachygiene.parse.compose_variables import expand
from iachygiene.parse.project import BuildFact, PortFact, SecretFact


def tree_of(files: Mapping[str, str]) -> Tree:
    tree = Tree("/nowhere", listed=set(files))
    tree.overlay.update((path, text.encode()) for path, text in files.items())
    return tree


def units(files: Mapping[str, str]) -> list[ComposeFile | Trouble | Unchecked]:
    tree = tree_of(files)
    paths = [path for path in files if path.endswith((".yaml", ".yml"))]
    return [unit for job in group(paths, tree, {}) for unit in load(job, tree)]


def project(files: str | Mapping[str, str]) -> ComposeFile:
    """The one project of some files, or of one called compose.yaml."""
    (found,) = units({"compose.yaml": files} if isinstance(files, str) else files)
    assert isinstance(found, ComposeFile)
    return found


def service(text: str) -> Service:
    (found,) = project(text).services.values()
    return found


def texts(node: yaml.Node | None) -> list[str]:
    assert type(node) is yaml.Sequence
    return [item.text for item in node.scalars()]


# --- which files are projects


@pytest.mark.parametrize(
    "name", ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose-ci.yaml"]
)
def test_file_of_a_known_name_is_a_project(name: str) -> None:
    assert project({name: "services: {a: {}}"}).location.path == name


@pytest.mark.parametrize("key", ["image: x", "build: .", "extends: b", "provider: {type: x}"])
def test_file_of_another_name_is_a_project_if_its_services_say_what_runs(key: str) -> None:
    assert list(project({"stack.yml": f"services: {{a: {{{key}}}}}"}).services) == ["a"]


@pytest.mark.parametrize(
    "text",
    [
        "services: {a: {ports: [80]}}",
        "services: [postgres]\nimage: x\n",
        "services: {a: {image: x}}\napiVersion: v1\n",
        "services:\n",
        "- services\n",
        "",
    ],
)
def test_file_of_another_name_and_shape_is_nothing(text: str) -> None:
    assert units({"stack.yml": text}) == []


def test_projects_of_one_directory_are_judged_apart() -> None:
    files = {
        "docker-compose.yml": "services: {a: {image: x}}",
        "docker-compose-ci.yml": "services: {b: {image: x}}",
        "other/compose.yaml": "services: {c: {image: x}}",
    }
    found = [list(unit.services) for unit in units(files) if isinstance(unit, ComposeFile)]
    assert found == [["a"], ["b"], ["c"]]


def test_broken_file_is_a_trouble_and_its_neighbour_is_read() -> None:
    files = {"compose.yaml": "services: [", "docker-compose-ci.yml": "services: {a: {image: x}}"}
    assert [type(unit) for unit in units(files)] == [Trouble, ComposeFile]


def test_template_is_not_checked() -> None:
    text = "services:\n  {{ name }}:\n    image: x\n    {% if y %}\n"
    assert units({"compose.yaml": text}) == [
        Unchecked("compose.yaml", "template", "not YAML until it is rendered")
    ]


@pytest.mark.parametrize(
    ("name", "partial"),
    [
        ("compose.yaml", False),
        ("docker-compose-prod.yml", False),
        ("compose.prod.yaml", True),
        ("docker-compose.override.yml", True),
    ],
)
def test_file_that_is_called_a_variant_is_partial(name: str, partial: bool) -> None:
    assert project({name: "services: {a: {image: x}}"}).partial is partial


# --- merging


def test_override_of_the_same_directory_is_merged() -> None:
    files = {
        "docker-compose.yml": """\
services:
  a:
    image: x:1
    command: [one]
    ports: ["80:80"]
    environment: {A: 1, B: 1}
    volumes: ["data:/data", "./conf:/conf"]
    depends_on: [b]
""",
        "docker-compose.override.yml": """\
services:
  a:
    image: x:2
    command: [two]
    ports: ["81:81"]
    environment: [B=2, C=3]
    volumes: ["./mine:/data"]
    depends_on: {c: {condition: service_healthy}}
  d:
    image: y
""",
    }
    found = project(files)
    assert list(found.services) == ["a", "d"]
    one = found.services["a"]
    assert one.text("image") == "x:2"
    assert texts(one.node.get("command")) == ["two"]
    assert texts(one.node.get("ports")) == ["80:80", "81:81"]
    assert texts(one.node.get("volumes")) == ["./mine:/data", "./conf:/conf"]
    environment = one.node.mapping("environment")
    assert environment is not None
    assert environment.text_map() == {"A": "1", "B": "2", "C": "3"}
    assert [(each.name, each.condition) for each in one.dependencies] == [
        ("b", ""),
        ("c", "service_healthy"),
    ]
    assert not found.partial


def test_merged_nodes_stand_where_they_were_written() -> None:
    base = "services:\n  a:\n    image: x\n    user: root\n"
    over = "services:\n  a:\n    image: yy\n"
    found = project({"compose.yaml": base, "compose.override.yaml": over}).services["a"]
    image, user = found.node.scalar("image"), found.node.scalar("user")
    assert image is not None
    assert user is not None
    assert (image.location.path, over[slice(*image.location.span)]) == (
        "compose.override.yaml",
        "yy",
    )
    assert (user.location.path, base[slice(*user.location.span)]) == ("compose.yaml", "root")
    assert (found.location.path, base[slice(*found.location.span)]) == ("compose.yaml", "a")


def test_reset_and_override_tags_do_what_they_say() -> None:
    files = {
        "compose.yaml": "services: {a: {image: x, user: root, ports: ['80:80', '81:81']}}",
        "compose.override.yaml": "services: {a: {user: !reset null, ports: !override ['82:82']}}",
    }
    found = project(files).services["a"]
    assert "user" not in found.node
    assert texts(found.node.get("ports")) == ["82:82"]


def test_null_in_an_override_changes_nothing() -> None:
    files = {
        "compose.yaml": "services: {a: {image: x, environment: {A: 1}}}",
        "compose.override.yaml": "services: {a: {environment: , build: }}",
    }
    assert project(files).services["a"].text("environment", "A") == "1"


def test_build_in_short_form_is_a_context_to_merge_with() -> None:
    files = {
        "compose.yaml": "services: {a: {build: ./app}}",
        "compose.override.yaml": "services: {a: {build: {target: dev}}}",
    }
    build = project(files).services["a"].build
    assert build is not None
    assert (build.dockerfile, build.target) == ("app/Dockerfile", "dev")


def test_included_files_are_merged_below_the_file_and_its_override() -> None:
    files = {
        "app/compose.yaml": "include: [../db/compose.yaml]\nservices: {a: {image: x}}\n",
        "app/compose.override.yaml": "services: {db: {ports: !override []}}\n",
        "db/compose.yaml": "services: {db: {build: ., ports: ['5432:5432']}}\n",
    }
    found = project(files)
    assert set(found.services) == {"a", "db"}
    assert found.services["db"].node.sequence("ports") is not None
    assert len(found.services["db"].node.sequence("ports") or ()) == 0
    build = found.services["db"].build
    assert build is not None
    assert build.dockerfile == "db/Dockerfile"
    assert {file.path for file in found.files} == set(files)


@pytest.mark.parametrize(
    "text",
    [
        "include: [compose.yaml]\nservices: {a: {image: x}}",
        "include: [{path: [missing.yaml, ../outside.yaml]}]\nservices: {a: {image: x}}",
        "include: {a: b}\nservices: {a: {image: x}}",
        "include: [https://example.com/compose.yaml]\nservices: {a: {image: x}}",
    ],
)
def test_includes_that_lead_nowhere_are_left_out(text: str) -> None:
    assert list(project(text).services) == ["a"]


def test_files_that_include_one_another_end() -> None:
    files = {
        "a/compose.yaml": "include: [../b/compose.yaml]\nservices: {a: {image: x}}",
        "b/compose.yaml": "include: [../a/compose.yaml]\nservices: {b: {image: x}}",
    }
    assert set(project(files).services) == {"a", "b"}


def test_service_extends_one_of_its_file() -> None:
    text = """\
services:
  base:
    image: x
    environment: {A: 1}
  a:
    extends: base
    environment: {B: 2}
  b:
    extends: {service: a}
    image: y
"""
    found = project(text).services["b"]
    environment = found.node.mapping("environment")
    assert environment is not None
    assert environment.text_map() == {"A": "1", "B": "2"}
    assert found.text("image") == "y"


def test_service_extends_one_of_another_file_with_the_paths_of_that() -> None:
    files = {
        "app/compose.yaml": "services: {a: {extends: {file: ../common/base.yml, service: base}}}",
        "common/base.yml": "services: {base: {build: {context: ., dockerfile: My.dockerfile}}}",
    }
    tree = tree_of(files)
    (job,) = group(["app/compose.yaml"], tree, {})
    (found,) = load(job, tree)
    assert isinstance(found, ComposeFile)
    build = found.services["a"].build
    assert build is not None
    assert build.dockerfile == "common/My.dockerfile"


@pytest.mark.parametrize(
    "extends",
    ["a", "missing", "{service: a}", "{file: missing.yml, service: x}", "[x]", "{file: /x}", "b"],
)
def test_extends_that_leads_nowhere_or_in_a_circle_ends(extends: str) -> None:
    text = f"services: {{a: {{image: x, extends: {extends}}}, b: {{extends: a}}}}"
    assert set(project(text).services) == {"a", "b"}


def test_anchors_and_merge_keys_are_resolved() -> None:
    text = """\
x-base: &base
  image: x:1
  restart: always
services:
  a:
    <<: *base
    user: root
  b: *base
"""
    found = project(text).services
    assert found["a"].text("image") == found["b"].text("image") == "x:1"


# --- variables


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain", "plain"),
        ("${A:-x}", "x"),
        ("${A-x}:${B:-}", "x:"),
        ("${A:-${B:-y}}", "y"),
        ("${A}", "${A}"),
        ("$A", "$A"),
        ("${A:?must be set}", "${A:?must be set}"),
        ("${A:+x}", "${A:+x}"),
        ("${A:-$B}", "${A:-$B}"),
        ("$${A:-x}", "${A:-x}"),
        ("a$$b", "a$b"),
        ("${A:-a-b:c}", "a-b:c"),
        ("${", "${"),
    ],
)
def test_defaults_of_variables_are_filled_in(text: str, expanded: str) -> None:
    assert expand(text) == expanded


# --- what services say


@pytest.mark.parametrize(
    ("volume", "source", "target"),
    [
        ("data:/data", "data", "/data"),
        ("./a:/b:ro", "./a", "/b"),
        ("/anonymous", "", "/anonymous"),
        ("'${A:-/x}:/y'", "/x", "/y"),
        ("'${A:?no}:/y'", "${A:?no}", "/y"),
        ("'C:\\x:/y'", "C:\\x", "/y"),
        ("{source: ./a, target: /b}", "./a", "/b"),
        ("{target: /b}", "", "/b"),
        ("'${'", "", "${"),
    ],
)
def test_volumes_are_read_in_all_forms(volume: str, source: str, target: str) -> None:
    (found,) = service(f"services:\n  a:\n    image: x\n    volumes: [{volume}]\n").volumes
    assert (found.source, found.target) == (source, target)


@pytest.mark.parametrize(
    ("build", "dockerfile", "target"),
    [
        (".", "app/Dockerfile", ""),
        ("..", "Dockerfile", ""),
        ("../web/", "web/Dockerfile", ""),
        ("{context: ../web, dockerfile: d/Dev, target: dev}", "web/d/Dev", "dev"),
        ("{dockerfile: ../Dockerfile}", "Dockerfile", ""),
        ("{context: '${DIR:-src}'}", "app/src/Dockerfile", ""),
        ("{context: '${DIR}'}", None, ""),
        ("../..", None, ""),
        ("/abs", None, ""),
        ("https://github.com/a/b.git", None, ""),
        ("git@github.com:a/b.git", None, ""),
        ("{dockerfile_inline: FROM x}", None, ""),
    ],
)
def test_dockerfile_of_a_build_is_resolved(build: str, dockerfile: str | None, target: str) -> None:
    (found,) = units({"app/compose.yaml": f"services: {{a: {{build: {build}}}}}"})
    assert isinstance(found, ComposeFile)
    result = found.services["a"].build
    assert result is not None
    assert (result.dockerfile, result.target) == (dockerfile, target)


@pytest.mark.parametrize(
    ("check", "is_there"),
    [
        ("{test: [CMD, 'true']}", True),
        ("{test: curl -f x}", True),
        ("{interval: 5s}", True),
        ("{disable: true}", False),
        ("{test: [NONE]}", False),
        ("{test: NONE}", False),
        ("null", False),
    ],
)
def test_health_check_may_be_switched_off(check: str, is_there: bool) -> None:
    found = service(f"services: {{a: {{image: x, healthcheck: {check}}}}}").healthcheck
    assert (found is not None) is is_there


@pytest.mark.parametrize(
    ("dockerfile", "has_one"),
    [
        ("FROM x\nHEALTHCHECK CMD true\n", True),
        ("FROM x\n  healthcheck --interval=5s \\\n  CMD true\n", True),
        ("FROM x\nHEALTHCHECK NONE\n", False),
        ("FROM x\n# HEALTHCHECK CMD true\n", False),
        ("FROM x\nRUN echo HEALTHCHECK CMD\n", False),
    ],
)
def test_health_check_of_the_dockerfile_is_known(dockerfile: str, has_one: bool) -> None:
    files = {"compose.yaml": "services: {a: {build: web}}", "web/Dockerfile": dockerfile}
    assert project(files).services["a"].dockerfile_has_healthcheck is has_one


def test_flags_may_be_texts() -> None:
    text = "services: {a: {image: x, privileged: '${P:-true}', init: 'false'}}"
    assert service(text).flag("privileged") is not None
    assert service(text).flag("init") is None


# --- facts and comments


def builds(text: str) -> list[BuildFact]:
    return [fact for fact in facts(project(text)) if isinstance(fact, BuildFact)]


def test_service_that_names_build_and_image_is_a_fact() -> None:
    image = "docker.io/library/x:${TAG}"
    text = f"services:\n  a:\n    image: {image}\n    build: {{context: sub, target: t}}\n"
    (fact,) = builds(text)
    assert fact[1:] == ("service a", "x", "sub/Dockerfile", "t", "sub", "compose")
    assert text[slice(*fact.location.span)] == "build"


@pytest.mark.parametrize("body", ["build: .", "{image: $X, build: .}"])
def test_build_without_a_known_name_is_a_fact_without_one(body: str) -> None:
    body = body if body.startswith("{") else f"{{{body}}}"
    assert [fact.image for fact in builds(f"services: {{a: {body}}}")] == [""]


@pytest.mark.parametrize("body", ["image: x", "{image: x, build: $DIR}"])
def test_service_that_builds_nothing_known_is_no_build(body: str) -> None:
    body = body if body.startswith("{") else f"{{{body}}}"
    assert builds(f"services: {{a: {body}}}") == []


@pytest.mark.parametrize(
    ("body", "ports"),
    [
        ("{build: ., ports: ['80:8000', '81:9000-9001']}", [(8000, 8000), (9000, 9001)]),
        ("{build: ., ports: ['53:53/udp', '$P:$P']}", []),
        ("{build: ., ports: ['80:8000'], command: [serve]}", []),
        ("{image: x, ports: ['80:8000']}", [(8000, 8000)]),
        ("{provider: {type: x}, ports: ['80:8000']}", []),
    ],
)
def test_ports_that_a_service_counts_on_are_facts(body: str, ports: list[tuple[int, int]]) -> None:
    found = facts(project(f"services: {{a: {body}}}"))
    assert [(one.first, one.last) for one in found if isinstance(one, PortFact)] == ports


def test_secret_file_of_a_built_service_is_a_fact() -> None:
    files = {
        "compose.yaml": "services: {a: {build: ., secrets: [s]}}\nsecrets: {s: {file: s.txt}}\n",
        "s.txt": "hunter22",
    }
    (fact,) = (one for one in facts(project(files)) if isinstance(one, SecretFact))
    assert (fact.path, fact.dockerfile, fact.context) == ("s.txt", "Dockerfile", "")


# --- ports, references and files


@pytest.mark.parametrize(
    ("port", "ip", "published", "target", "protocol"),
    [
        ("'80'", "", None, (80, 80), "tcp"),
        ("80", "", None, (80, 80), "tcp"),
        ("'8080:80/udp'", "", (8080, 8080), (80, 80), "udp"),
        ("'127.0.0.1:8080:80'", "127.0.0.1", (8080, 8080), (80, 80), "tcp"),
        ("'127.0.0.1::80'", "127.0.0.1", None, (80, 80), "tcp"),
        ("'[::1]:8080:80'", "[::1]", (8080, 8080), (80, 80), "tcp"),
        ("'${A:-8080}:80'", "", (8080, 8080), (80, 80), "tcp"),
        ("'${A:?no}:80'", "", None, (80, 80), "tcp"),
        ("'8000-8002:80-82'", "", (8000, 8002), (80, 82), "tcp"),
        ("{target: 80, published: '8080', host_ip: '::1'}", "::1", (8080, 8080), (80, 80), "tcp"),
        ("{target: 80}", "", None, (80, 80), "tcp"),
        ("x", "", None, None, "tcp"),
    ],
)
def test_ports_are_read_in_all_forms(
    port: str,
    ip: str,
    published: tuple[int, int] | None,
    target: tuple[int, int] | None,
    protocol: str,
) -> None:
    (found,) = service(f"services:\n  a:\n    image: x\n    ports: [{port}]\n").ports
    assert (found.host_ip, found.published, found.target, found.protocol) == (
        ip,
        published,
        target,
        protocol,
    )


@pytest.mark.parametrize(
    ("port", "fixed"),
    [
        ("'8080:80'", [(8080, 80)]),
        ("'8000-8001:80-81'", [(8000, 80), (8001, 81)]),
        ("'8000-8001:80'", []),
        ("'80'", []),
        ("'8080:$P'", [(8080, None)]),
    ],
)
def test_ports_that_are_taken_for_sure(port: str, fixed: list[tuple[int, int | None]]) -> None:
    (found,) = service(f"services:\n  a:\n    image: x\n    ports: [{port}]\n").ports
    assert list(found.fixed) == fixed


def test_references_of_a_service_are_found_in_all_forms() -> None:
    text = """\
services:
  a:
    build: {context: ., secrets: [b]}
    depends_on: {c: {condition: service_started}, d: {required: false}}
    network_mode: service:e
    links: ["f:alias"]
    volumes_from: ["g:ro", "container:other"]
    networks: {h: {aliases: [x]}}
    volumes: ["ii:/x", "./j:/y", {type: volume, source: k, target: /z}, "$L:/l"]
    secrets: [{source: m}]
    configs: [n]
"""
    assert [(one.kind, one.name) for one in references(service(text))] == [
        ("services", "c"),
        ("services", "e"),
        ("services", "f"),
        ("services", "g"),
        ("networks", "h"),
        ("volumes", "ii"),
        ("volumes", "k"),
        ("secrets", "m"),
        ("configs", "n"),
        ("secrets", "b"),
    ]


def test_files_that_a_project_asks_for_are_named_with_what_is_known_of_them() -> None:
    files = {
        "app/compose.yaml": """\
include: [../gone/compose.yaml]
services:
  a:
    build: {context: ../web, dockerfile: Prod.dockerfile}
    env_file: [a.env, {path: b.env, required: false}, $C]
""",
        "app/a.env": "X=1",
        "web/Prod.dockerfile": "FROM x",
    }
    found = project(files)
    assert {(one.what, one.path, one.required) for one in found.named_files} == {
        ("include", "gone/compose.yaml", True),
        ("build context", "web", True),
        ("Dockerfile", "web/Prod.dockerfile", True),
        ("env_file", "app/a.env", True),
        ("env_file", "app/b.env", False),
    }
    assert not found.complete


@pytest.mark.parametrize(
    ("other", "partial"),
    [
        ("services: {a: {command: x}}", True),
        ("services: {db: {image: y}}", True),
        ("services: {b: {image: y}}", False),
    ],
)
def test_file_beside_a_usual_one_may_be_made_for_it(other: str, partial: bool) -> None:
    files = {
        "docker-compose.yml": "services: {a: {image: x}, db: {image: x}}",
        "docker-compose-more.yml": other,
    }
    found = [one for one in units(files) if isinstance(one, ComposeFile)]
    by_name = {one.location.path: one.partial for one in found}
    assert by_name == {"docker-compose.yml": False, "docker-compose-more.yml": partial}


@pytest.mark.parametrize(
    ("extends", "complete", "lost"),
    [
        ("b", True, []),
        ("missing", False, ["missing"]),
        ("{file: gone.yml, service: x}", False, []),
        ("{file: base.yml, service: x}", False, ["x"]),
    ],
)
def test_what_is_extended_and_not_found_is_noted(
    extends: str, complete: bool, lost: list[str]
) -> None:
    files = {
        "compose.yaml": f"services: {{a: {{extends: {extends}}}, b: {{image: x}}}}",
        "base.yml": "services: {y: {image: x}}",
    }
    found = [one for one in units(files) if "a" in getattr(one, "services", {})]
    (one,) = found
    assert isinstance(one, ComposeFile)
    assert one.services["a"].complete is complete
    assert [node.text for node in one.lost_services] == lost


def test_comments_of_all_files_of_a_project_are_found() -> None:
    files = {
        "compose.yaml": "services: {a: {image: x}} # iachygiene: 1\n",
        "compose.override.yaml": "services: {a: {image: y}} # iachygiene: 2\n",
    }
    assert [found.text for found in comments(project(files))] == [
        " iachygiene: 1",
        " iachygiene: 2",
    ]


# --- any input

VALUES = st.recursive(
    st.sampled_from(["null", "x", "'${A:-b}'", "'${'", "3", "!reset null", "!override [a]", "*x"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda all: f"[{', '.join(all)}]")
        | st.dictionaries(st.sampled_from(["a", "<<", "test", "context"]), inner, max_size=3).map(
            lambda all: "{" + ", ".join(f"{key}: {value}" for key, value in all.items()) + "}"
        )
    ),
    max_leaves=6,
)
SERVICES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.dictionaries(
            st.sampled_from(
                [
                    *("image", "build", "extends", "volumes", "depends_on"),
                    *("healthcheck", "environment", "ports", "user"),
                ]
            ),
            VALUES,
            max_size=5,
        ),
    ),
    max_size=3,
).map(
    lambda all: (
        "x-a: &x {a: b}\nservices:\n"
        + "".join(
            f"  {name}: {{{', '.join(f'{key}: {value}' for key, value in body.items())}}}\n"
            for name, body in all
        )
    )
)


@settings(max_examples=400, deadline=None)
@given(SERVICES, SERVICES)
def test_any_shape_of_services_is_read(base: str, over: str) -> None:
    for unit in units({"compose.yaml": base, "compose.override.yaml": over}):
        if isinstance(unit, ComposeFile):
            list(facts(unit))
            for one in unit.services.values():
                list(one.volumes)
                list(one.dependencies)
                list(references(one))
                assert all(port.location.path in unit.paths for port in one.ports)
                assert one.healthcheck is None or one.healthcheck.text == "healthcheck"
                assert one.location.path in unit.paths
                assert one.image is None or one.image.location.path in unit.paths
