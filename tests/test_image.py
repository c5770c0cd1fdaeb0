"""References as they are read, and the policy on them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.image import ImageRef, parse_image, pin_problem, reference_problem
from iachygiene.model import Location, Span


def read(text: str) -> ImageRef:
    return parse_image(text, Location("Dockerfile", Span(5, 5 + len(text))))


def test_all_parts_have_their_own_span() -> None:
    digest = "sha256:" + "0" * 64
    image = read(f"registry.example.com:5000/shop/api:1.4@{digest}")
    assert image.registry == ("registry.example.com:5000", Span(5, 30), False)
    assert image.repository == ("shop/api", Span(31, 39), False)
    assert image.tag == ("1.4", Span(40, 43), False)
    assert image.digest == (digest, Span(44, 115), False)


def test_port_of_a_registry_is_no_tag() -> None:
    assert read("localhost:5000/api").tag is None


def test_first_component_without_dot_or_port_belongs_to_the_repository() -> None:
    assert read("shop/api:1").registry is None


def test_quotes_of_the_location_are_left_out_of_the_spans() -> None:
    image = parse_image("nginx:1", Location("pod.yaml", Span(10, 19)))
    assert image.location.span == Span(11, 18)
    assert image.tag == ("1", Span(17, 18), False)


def test_parts_of_a_text_that_was_unescaped_get_the_span_of_the_whole() -> None:
    image = parse_image("nginx:1", Location("pod.yaml", Span(10, 30)))
    assert image.tag == ("1", Span(10, 30), False)


def test_colon_inside_a_variable_starts_no_tag() -> None:
    image = read("${REGISTRY:-docker.io}/api")
    assert image.tag is None
    assert image.repository.unknown


def test_default_of_a_tag_variable_is_part_of_the_tag() -> None:
    tag = read("api:${TAG:-a:b@c}").tag
    assert tag is not None
    assert (tag.text, tag.unknown) == ("${TAG:-a:b@c}", True)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("docker.io/library/nginx:1", "nginx"),
        ("index.docker.io/shop/api", "shop/api"),
        ("library/nginx", "nginx"),
        ("quay.io/library/nginx@sha256:0", "quay.io/library/nginx"),
        ("localhost/api:2", "localhost/api"),
    ],
)
def test_name_is_the_short_form_without_tag_and_digest(text: str, name: str) -> None:
    assert read(text).name == name


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nginx", '"nginx" has neither tag nor digest'),
        ("host:5000/app", '"host:5000/app" has neither tag nor digest'),
        ("nginx:latest", '"nginx:latest" has the tag "latest"'),
        ("$REGISTRY/nginx:latest", '"$REGISTRY/nginx:latest" has the tag "latest"'),
        ("nginx:", '"nginx:" has an empty tag'),
        ("", "the image reference is empty"),
        ("nginx:1.27", None),
        ("nginx:LATEST", None),
        ("nginx:latest@sha256:" + "0" * 64, None),
        ("nginx@sha256:" + "0" * 64, None),
        ("nginx@${DIGEST}", None),
        ("nginx:${TAG}", None),
        ("$IMAGE", None),
        ("{{ .Values.image }}", None),
        ("<image>", None),
        ("nginx$SUFFIX", None),
    ],
)
def test_pin_problem(text: str, problem: str | None) -> None:
    assert pin_problem(read(text)) == problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nginx:1.27", '"nginx:1.27" has no digest'),
        ("nginx:${TAG}", None),
        ("nginx@sha256:" + "0" * 64, None),
    ],
)
def test_pin_problem_where_a_digest_is_required(text: str, problem: str | None) -> None:
    assert pin_problem(read(text), require_digest=True) == problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Shop/api:1", '"Shop/api:1" has upper-case letters in its repository'),
        ("https://shop/api", '"https://shop/api" begins with the scheme of a URL'),
        ("api: 1", '"api: 1" is empty or holds a blank'),
        ("api:", '"api:" has an invalid tag'),
        ("api:-1", '"api:-1" has an invalid tag'),
        ("api@sha256:0123", '"api@sha256:0123" has an invalid digest'),
        ("a//b", '"a//b" has an invalid repository'),
        ("Host.example:5000/a__b-c.d/e:V1", None),
        ("api:{{ .Tag }}", None),
    ],
)
def test_reference_problem(text: str, problem: str | None) -> None:
    assert reference_problem(read(text)) == problem


@given(st.text(alphabet="ab/:@.${}()<> -A\n\x00%", max_size=60) | st.text(max_size=30))
def test_any_text_is_read_and_its_parts_lie_inside(text: str) -> None:
    image = read(text)
    for part in (image.registry, image.repository, image.tag, image.digest):
        if part is not None:
            assert text[part.span.start - 5 : part.span.end - 5] == part.text
    pin_problem(image, require_digest=True)
    reference_problem(image)


@pytest.mark.parametrize("unit", ["${", "{{", "a-", "a.", "$", "<", "@", ":", "/"])
def test_time_grows_linearly_with_the_length_of_a_reference(unit: str) -> None:
    started = time.process_time()
    image = read(unit * 30_000)
    reference_problem(image)
    assert time.process_time() - started < 0.5
