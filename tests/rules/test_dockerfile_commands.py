"""Edge cases of the rules about commands in RUN that their examples do not show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from iachygiene.files import Tree
from iachygiene.model import Finding, Findings, Job
from iachygiene.parse.dockerfile import Dockerfile, load
from iachygiene.rules.dockerfile.apt import (
    apt_command,
    apt_install_without_yes,
    unpinned_apt_package,
)
from iachygiene.rules.dockerfile.languages import (
    pip_cache_kept,
    unpinned_gem,
    unpinned_go_package,
    unpinned_npm_package,
    unpinned_pip_package,
)
from iachygiene.rules.dockerfile.layers import consecutive_runs
from iachygiene.rules.dockerfile.packages import apk_cache_kept, zypper_cache_kept
from iachygiene.rules.dockerfile.rpm import dnf_cache_kept, unpinned_yum_package, yum_cache_kept
from iachygiene.rules.dockerfile.shell import (
    curl_and_wget,
    pipe_without_pipefail,
    useradd_large_uid,
)

Check = Callable[..., Findings]


def check(rule: Check, text: str, root: Path) -> list[Finding]:
    (root / "Dockerfile").write_text(text)
    (unit,) = load(Job("dockerfile", "", ("Dockerfile",)), Tree(str(root)))
    assert isinstance(unit, Dockerfile)
    return list(rule(unit))


def flagged(found: list[Finding], text: str) -> list[str]:
    return [text[slice(*finding.location.span)] for finding in found]


def test_packages_of_one_command_are_one_finding(tmp_path: Path) -> None:
    text = "FROM debian:12\nRUN apt-get install \\\n  a=1 'b' \\\n  c d e f\n"
    (finding,) = found = check(unpinned_apt_package, text, tmp_path)
    assert flagged(found, text) == ["'b'"]
    assert finding.message == '"b", "c", "d", "e" and 1 more have no version'


@pytest.mark.parametrize("rule", [apt_install_without_yes, apt_command])
def test_json_form_is_found_and_not_fixed(rule: Check, tmp_path: Path) -> None:
    command = "apt" if rule is apt_command else "apt-get"
    text = f'FROM debian:12\nRUN ["{command}", "install", "a"]\n'
    (finding,) = found = check(rule, text, tmp_path)
    assert flagged(found, text) == [command]
    assert finding.fix is None


def test_option_is_written_on_the_line_of_its_command(tmp_path: Path) -> None:
    text = "FROM alpine:3.20\nRUN apk \\\n  add \\\n  # why\n  curl\n"
    (finding,) = check(apk_cache_kept, text, tmp_path)
    assert finding.fix is not None
    (edit,) = finding.fix.edits
    place = text.index("add") + len("add")
    assert (tuple(edit.span), edit.text) == ((place, place), " --no-cache")


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("useradd -u123456 username", ["username"]),
        ("useradd -u123456 joe", []),
        ("useradd --uid 123456 joe", []),
        ("useradd -u -u 123456", ["123456"]),
        ("useradd -u", []),
    ],
)
def test_user_number_is_looked_for_as_hadolint_does(
    command: str, found: list[str], tmp_path: Path
) -> None:
    text = f"FROM debian:12\nRUN {command}\n"
    assert flagged(check(useradd_large_uid, text, tmp_path), text) == found


@pytest.mark.parametrize(
    ("rule", "command", "found"),
    [
        (unpinned_pip_package, "pip install git@x svn@x hg+http://x/y@1", []),
        (unpinned_pip_package, "pip install gitpython/x", ["gitpython/x"]),
        (unpinned_pip_package, "pip install hg+other/x bzr+file/x", []),
        (unpinned_pip_package, "pip install -- a==1", ["--"]),
        (unpinned_npm_package, "npm install install a@1", []),
        (unpinned_npm_package, "npm install a@1 install", ["install"]),
        (unpinned_npm_package, "npm --prefix /x install a", []),
        (unpinned_gem, "gem install -N -f a", ["a"]),
        (unpinned_gem, "gem install --foo=1 a", []),
        (unpinned_go_package, "go x@v1 y run z", ["y"]),
        (unpinned_go_package, "go run run a", []),
        (unpinned_go_package, "go install a; go run b@v1", []),
        (unpinned_go_package, "go tool get a@v1 b@none", ["b@none"]),
        (unpinned_yum_package, "yum install a-1 b-1-c%d java-1.8.0-openjdk", ["b-1-c%d"]),
        (unpinned_yum_package, "yum install a-1-é @b x.rpm", ["a-1-é"]),
        (yum_cache_kept, "yum install all", ["yum"]),
        (yum_cache_kept, "yum install a && rm -rf /tmp && yum install b", []),
        (zypper_cache_kept, "zypper in clean", ["zypper"]),
        (dnf_cache_kept, "dnf install a; dnf clean all; microdnf install b", ["microdnf"]),
        (pip_cache_kept, "PIP_NO_CACHE_DIR=yes1 pip install a", []),
        (pip_cache_kept, "PIP_NO_CACHE_DIR=0 a; PIP_NO_CACHE_DIR=1 pip install a", ["pip"]),
    ],
)
def test_verdict_is_the_one_of_hadolint(
    rule: Check, command: str, found: list[str], tmp_path: Path
) -> None:
    text = f"FROM debian:12\nRUN {command}\n"
    assert flagged(check(rule, text, tmp_path), text) == found


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("FROM a:1 AS b\nENV X=1\nFROM b:2\n", True),
        ("FROM a:1 AS b\nENV X=1\nFROM c:1 AS b\n", False),
        ("FROM a:1 AS b\nENV X=1\nFROM c:1 AS b\nFROM b\n", True),
        ("FROM a:1\nENV X=1\nFROM a:1\n", False),
        ("FROM a:1 AS b\nARG X\nFROM c:1\n", True),
        ("FROM a:1\nARG A X\n", False),
    ],
)
def test_variable_pins_where_its_stage_has_it(text: str, known: bool, tmp_path: Path) -> None:
    text += "RUN yum install a-$X\n"
    assert flagged(check(unpinned_yum_package, text, tmp_path), text) == ["a-$X"] * (not known)


@pytest.mark.parametrize(
    ("text", "off"),
    [
        ("FROM a:1\nENV PIP_NO_CACHE_DIR=1\nFROM a:2\n", True),
        ("FROM a:1 AS b\nENV PIP_NO_CACHE_DIR=1\nFROM a:1\n", False),
        ("FROM a:1\nENV PIP_NO_CACHE_DIR=1\nFROM c:1 AS a\nFROM a:3\n", False),
        ("FROM a:1\nENV PIP_NO_CACHE_DIR=1\nENV PIP_NO_CACHE_DIR=0\n", True),
        ("FROM a:1\nENV PIP_NO_CACHE_DIR=off\n", False),
        ("FROM a:1\nONBUILD ENV PIP_NO_CACHE_DIR=1\n", False),
    ],
)
def test_setting_of_pip_is_kept_by_name(text: str, off: bool, tmp_path: Path) -> None:
    text += "RUN pip install a\n"
    assert flagged(check(pip_cache_kept, text, tmp_path), text) == ["pip"] * (not off)


def test_each_run_is_told_once_both_downloaders_were_seen(tmp_path: Path) -> None:
    text = "FROM a:1\nRUN curl a\nRUN wget b\nRUN make\nRUN curl c\nFROM a:1\nRUN curl d\n"
    found = check(curl_and_wget, text, tmp_path)
    assert flagged(found, text) == ["wget", "curl"]
    assert [flagged([f._replace(location=f.related[0])], text) for f in found] == [
        ["curl"],
        ["wget"],
    ]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("--mount=type=bind,target=/x", "--mount=dst=/x", True),
        ("--mount=target=/x,ro", "--mount=target=/x,readonly=true", True),
        ("--mount=target=/x,rw=false", "--mount=target=/x,ro", True),
        ("--mount=type=secret,id=x,required", "--mount=type=secret,id=x,required=true", True),
        ("--mount=target=/x,src=y", "--mount=target=/x,source=y", True),
        ("--mount=type=cache,target=/x,sharing=shared", "--mount=type=cache,target=/x", False),
        ("--network=default", "", False),
        ("--network=none", "--network=host", False),
    ],
)
def test_runs_are_compared_by_what_their_flags_mean(
    first: str, second: str, same: bool, tmp_path: Path
) -> None:
    text = f"FROM a:1\nRUN {first} a\nRUN {second} b\n"
    assert len(check(consecutive_runs, text, tmp_path)) == same


@pytest.mark.parametrize(
    ("shell", "safe"),
    [
        ('["/bin/bash", "-opipefail", "-c"]', False),
        ('["/bin/ash", "-eo", "pipefail", "-c"]', True),
        ('["/usr/bin/pwsh"]', False),
        ('["cmd", "/S"]', True),
        ("[]", False),
        ('["a", "\'"]', False),
    ],
)
def test_shell_that_stops_at_a_failure(shell: str, safe: bool, tmp_path: Path) -> None:
    text = f"FROM a:1\nSHELL {shell}\nRUN a | b\n"
    assert flagged(check(pipe_without_pipefail, text, tmp_path), text) == ["|"] * (not safe)


def test_from_in_onbuild_begins_no_stage(tmp_path: Path) -> None:
    text = "FROM a:1\nONBUILD FROM b:1\nONBUILD RUN yum install a-$X\nONBUILD RUN pip install b\n"
    assert flagged(check(unpinned_yum_package, text, tmp_path), text) == ["a-$X"]
    assert flagged(check(pip_cache_kept, text, tmp_path), text) == ["pip"]
