"""The `.env` file beside a Compose file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.files import Tree
from iachygiene.parse.compose import ComposeFile, group, load
from iachygiene.parse.compose_env import fill_in, read_env


def project(env: str, compose: str, *, listed: bool = True) -> ComposeFile:
    files = {"a/compose.yaml": compose, "a/.env": env}
    tree = Tree("/nowhere", listed=set(files) if listed else {"a/compose.yaml"})
    tree.overlay.update((path, text.encode()) for path, text in files.items())
    ((found,),) = [load(job, tree) for job in group(["a/compose.yaml"], tree, {})]
    assert isinstance(found, ComposeFile)
    return found


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("TAG=1.2", {"TAG": "1.2"}),
        ("export TAG = 1.2 # the newest", {"TAG": "1.2"}),
        ("TAG='a b' # c", {"TAG": "a b"}),
        ('TAG="a # b"', {"TAG": "a # b"}),
        ("TAG=", {}),
        ("# TAG=1", {}),
        ("TAG", {}),
        ("A=x\nTAG=${A}-y", {"A": "x", "TAG": "x-y"}),
        ("A=x\nTAG='${A}-y'", {"A": "x"}),
        ("TAG=${B}", {}),
        ("TAG=1\nTAG=2", {"TAG": "2"}),
        ("DB_PASSWORD=hunter22\nAPI_TOKEN=x", {}),
    ],
)
def test_lines_of_an_env_file(line: str, values: dict[str, str]) -> None:
    assert read_env(line) == values


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("app:$TAG", "app:1.2"),
        ("app:${TAG}", "app:1.2"),
        ("app:${TAG:-3}", "app:1.2"),
        ("app:${TAG-3}", "app:1.2"),
        ("app:${TAG:?set it}", "app:1.2"),
        ("app:$$TAG", "app:$$TAG"),
        ("app:${OTHER:-3}", "app:${OTHER:-3}"),
        ("app:${OTHER}", "app:${OTHER}"),
        ("${OTHER:-app:${TAG}}", "${OTHER:-app:1.2}"),
    ],
)
def test_variables_are_filled_in_as_compose_does(text: str, filled: str) -> None:
    assert fill_in(text, {"TAG": "1.2"}) == filled


COMPOSE = """\
x-image: &image {image: "app:${TAG}"}
services:
  web:
    <<: *image
    build: {context: "$SRC", args: {TAG: "$TAG"}}
    ports: ["${PORT}:80"]
    environment: {TAG: "$TAG"}
    command: serve $TAG
volumes:
  data: {name: "data-$TAG"}
"""


def test_values_stand_in_what_says_what_to_run_and_nowhere_else() -> None:
    found = project("TAG=1.2\nSRC=./src\nPORT=22\n", COMPOSE)
    web = found.services["web"]
    assert web.image is not None
    assert (web.image.text, web.text("command")) == ("app:1.2", "serve $TAG")
    assert web.build is not None
    assert (web.build.context, web.build.dockerfile) == ("a/src", "a/src/Dockerfile")
    assert [one.value for one in web.variables("environment")] == ["$TAG"]
    assert [one.value for one in web.variables("build", "args")] == ["$TAG"]
    assert [port.published for port in web.ports] == [(22, 22)]
    assert found.root.text("volumes", "data", "name") == "data-1.2"
    location = web.image.location
    assert found.files[0].text[slice(*location.span)].strip('"') == "app:${TAG}"


def test_ignored_env_file_is_somebody_s_own() -> None:
    web = project("TAG=1.2", COMPOSE, listed=False).services["web"]
    assert web.image is not None
    assert web.image.unknown


@given(st.text("AB_=$\"'{}:-? #\n1é", max_size=60), st.text("$A{}:-?B_1", max_size=30))
def test_any_text_is_read(env: str, text: str) -> None:
    values = read_env(env)
    assert not any("$" in value or not value for value in values.values())
    assert fill_in(text, {}) == text
    fill_in(text, values)
