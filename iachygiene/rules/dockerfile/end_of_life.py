"""Base images whose makers have stopped repairing them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from iachygiene.image import ImageRef
from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.dockerfile import Dockerfile
from iachygiene.rule import rule
from iachygiene.rules.dockerfile.known_images import family

AS_OF = "2026-08-22"
"""The day on which the tables were compared with https://endoflife.date."""

_ALWAYS = "2000-01-01"
_ENDS: Mapping[str, Mapping[str, str]] = {
    # With long-term support, which volunteers give.
    "debian": {
        "7": "2018-05-31",
        "8": "2020-06-30",
        "9": "2022-07-01",
        "10": "2024-06-30",
        "11": "2026-08-31",
        "12": "2028-06-30",
        "13": "2030-06-30",
    },
    # Without the paid support.
    "ubuntu": {
        "12.04": "2017-04-28",
        "14.04": "2019-04-02",
        "16.04": "2021-04-02",
        "17.10": "2018-07-19",
        "18.04": "2023-05-31",
        "18.10": "2019-07-18",
        "19.04": "2020-01-23",
        "19.10": "2020-07-06",
        "20.04": "2025-05-31",
        "20.10": "2021-07-22",
        "21.04": "2022-01-20",
        "21.10": "2022-07-14",
        "22.04": "2027-04-01",
        "22.10": "2023-07-20",
        "23.04": "2024-01-20",
        "23.10": "2024-07-12",
        "24.04": "2029-05-31",
        "24.10": "2025-07-10",
        "25.04": "2026-01-17",
        "25.10": "2026-07-01",
        "26.04": "2031-04-30",
    },
    "alpine": {
        **{f"2.{minor}": "2015-11-01" for minor in range(1, 8)},
        "3.0": "2016-05-01",
        "3.1": "2016-11-01",
        "3.2": "2017-05-01",
        "3.3": "2017-11-01",
        "3.4": "2018-05-01",
        "3.5": "2018-11-01",
        "3.6": "2019-05-01",
        "3.7": "2019-11-01",
        "3.8": "2020-05-01",
        "3.9": "2020-11-01",
        "3.10": "2021-05-01",
        "3.11": "2021-11-01",
        "3.12": "2022-05-01",
        "3.13": "2022-11-01",
        "3.14": "2023-05-01",
        "3.15": "2023-11-01",
        "3.16": "2024-05-23",
        "3.17": "2024-11-22",
        "3.18": "2025-05-09",
        "3.19": "2025-11-01",
        "3.20": "2026-04-01",
        "3.21": "2026-11-01",
        "3.22": "2027-05-01",
        "3.23": "2027-11-01",
        "3.24": "2028-06-01",
    },
    "centos": {"5": "2017-03-31", "6": "2020-11-30", "7": "2024-06-30", "8": "2021-12-31"},
    "node": {
        "0": "2016-12-31",
        "4": "2018-04-30",
        "5": "2016-06-30",
        "6": "2019-04-30",
        "7": "2017-06-30",
        "8": "2019-12-31",
        "9": "2018-06-30",
        "10": "2021-04-30",
        "11": "2019-06-30",
        "12": "2022-04-30",
        "13": "2020-06-01",
        "14": "2023-04-30",
        "15": "2021-06-01",
        "16": "2023-09-11",
        "17": "2022-06-01",
        "18": "2025-04-30",
        "19": "2023-06-01",
        "20": "2026-04-30",
        "21": "2024-06-01",
        "22": "2027-04-30",
        "23": "2025-06-01",
        "24": "2028-04-30",
        "25": "2026-06-01",
        "26": "2029-04-30",
    },
    "python": {
        "2": "2020-01-01",
        "2.6": "2013-10-29",
        "2.7": "2020-01-01",
        "3.3": "2017-09-29",
        "3.4": "2019-03-18",
        "3.5": "2020-09-30",
        "3.6": "2021-12-23",
        "3.7": "2023-06-27",
        "3.8": "2024-10-07",
        "3.9": "2025-10-31",
        "3.10": "2026-10-31",
        "3.11": "2027-10-31",
        "3.12": "2028-10-31",
        "3.13": "2029-10-31",
    },
    "golang": {
        **{f"1.{minor}": "2018-08-24" for minor in range(2, 10)},
        "1.10": "2019-02-25",
        "1.11": "2019-09-03",
        "1.12": "2020-02-25",
        "1.13": "2020-08-11",
        "1.14": "2021-02-16",
        "1.15": "2021-08-16",
        "1.16": "2022-03-15",
        "1.17": "2022-08-02",
        "1.18": "2023-02-01",
        "1.19": "2023-09-06",
        "1.20": "2024-02-06",
        "1.21": "2024-08-13",
        "1.22": "2025-02-11",
        "1.23": "2025-08-12",
        "1.24": "2026-02-10",
        "1.25": "2026-08-19",
    },
    "php": {
        "5": "2018-12-31",
        "5.3": "2014-08-14",
        "5.4": "2015-09-14",
        "5.5": "2016-07-21",
        "5.6": "2018-12-31",
        "7": "2022-11-28",
        "7.0": "2019-01-10",
        "7.1": "2019-12-01",
        "7.2": "2020-11-30",
        "7.3": "2021-12-06",
        "7.4": "2022-11-28",
        "8.0": "2023-11-26",
        "8.1": "2025-12-31",
        "8.2": "2026-12-31",
        "8.3": "2027-12-31",
        "8.4": "2028-12-31",
    },
    "ruby": {
        "2": "2023-03-31",
        "2.0": "2016-02-24",
        "2.1": "2017-03-31",
        "2.2": "2018-03-31",
        "2.3": "2019-03-31",
        "2.4": "2020-03-31",
        "2.5": "2021-03-31",
        "2.6": "2022-03-31",
        "2.7": "2023-03-31",
        "3.0": "2024-04-23",
        "3.1": "2025-03-26",
        "3.2": "2026-03-31",
        "3.3": "2027-03-31",
        "3.4": "2028-03-31",
    },
    "dotnet": {
        "2.1": "2021-08-21",
        "2.2": "2019-12-23",
        "3.0": "2020-03-03",
        "3.1": "2022-12-13",
        "5.0": "2022-05-10",
        "6.0": "2024-11-12",
        "7.0": "2024-05-14",
        "8.0": "2026-11-10",
        "9.0": "2026-11-10",
        "10.0": "2028-11-14",
    },
}
_NAMES = {
    "wheezy": "7",
    "jessie": "8",
    "stretch": "9",
    "buster": "10",
    "bullseye": "11",
    "precise": "12.04",
    "trusty": "14.04",
    "xenial": "16.04",
    "artful": "17.10",
    "bionic": "18.04",
    "cosmic": "18.10",
    "disco": "19.04",
    "eoan": "19.10",
    "focal": "20.04",
    "groovy": "20.10",
    "hirsute": "21.04",
    "impish": "21.10",
    "kinetic": "22.10",
    "lunar": "23.04",
    "mantic": "23.10",
    "oracular": "24.10",
    "plucky": "25.04",
    "questing": "25.10",
}
_LANGUAGES = frozenset(
    ("rust", "nginx", "postgres", "redis", "httpd", "gcc", "perl", "maven", "eclipse-temurin")
)
_DEBIAN = frozenset(("wheezy", "jessie", "stretch", "buster", "bullseye"))
_RELEASE = regex(r"(?:^|-)(" + "|".join(_NAMES) + r")(?![a-z])")
_ALPINE = regex(r"-alpine(\d+\.\d+)")
_VERSION = regex(r"(?:centos|stream|v)?(\d+)(?:\.(\d+))?")


@rule("DF5204", Dockerfile, Severity.WARNING)
def eol_base(dockerfile: Dockerfile, *, today: str = AS_OF) -> Findings:
    """A stage starts from a release that is no longer repaired.

    What is found in it from then on stays open, and its package lists vanish from the servers
    one day. Judged are the official images of debian, ubuntu, alpine, centos, node, python,
    golang, php, ruby and openjdk, and those of .NET, with the dates that
    https://endoflife.date had on 2026-08-22: for Debian the end of long-term support, for
    Ubuntu that of the free one. The image openjdk is no longer made at all.

    Options:
        today: the day to judge for, as YYYY-MM-DD; by default that of the table.

    Bad:
        FROM debian:10-slim
    Bad:
        FROM node:16-alpine
    Bad: the distribution below a language
        FROM python:3.13-slim-buster
    Bad: the image is no longer made
        FROM openjdk:17-jdk-slim
    Bad:
        -- .iachygiene.toml --
        [rules.eol-base]
        today = "2030-01-01"
        -- Dockerfile --
        FROM node:22
    Good:
        FROM node:22
    Good: an image of somebody else
        FROM registry.example.com/node:16
    Good: nothing tells the release
        FROM debian:stable
    """
    for stage in dockerfile.stages:
        if stage.builds_on_stage:
            continue
        image = stage.resolved
        for what, end in _ends(image):
            if end <= today:
                since = f"since {end}" if end > _ALWAYS else "and no longer made"
                yield at(
                    stage.image,
                    f'"{image.text.partition("@")[0]}": {what} is out of support {since}',
                    object=stage.object,
                )
                break


def _ends(image: ImageRef) -> Iterator[tuple[str, str]]:
    """What an image is made of and until when that is repaired."""
    name = family(image)
    tag = image.tag.text if image.tag else ""
    if name == "openjdk":
        yield "the image openjdk", _ALWAYS
    if name == "centos":
        # There was nothing after 8, the stream images included.
        yield "CentOS", _ENDS["centos"].get(_cycle(tag, _ENDS["centos"]), "2021-12-31")
    if image.tag is None or (name not in _ENDS and name not in _LANGUAGES):
        return
    table = _ENDS.get(name, {})
    if not image.tag.unknown:
        cycle = _cycle(tag, table)
        if cycle in table:
            yield f"{name} {cycle}", table[cycle]
    if found := _RELEASE.search(tag):
        distribution = "debian" if found[1] in _DEBIAN else "ubuntu"
        yield f"{distribution} {found[1]}", _ENDS[distribution][_NAMES[found[1]]]
    if found := _ALPINE.search(tag):
        yield f"alpine {found[1]}", _ENDS["alpine"].get(found[1], "9999")


def _cycle(tag: str, table: Mapping[str, str]) -> str:
    """The part of a version that has an end of its own: two numbers, or the first."""
    found = _VERSION.match(tag)
    if found is None:
        return ""
    both = f"{found[1]}.{found[2]}" if found[2] else found[1]
    return both if both in table else found[1]
