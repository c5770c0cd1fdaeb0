"""Edge cases of the rules about single instructions that their examples do not show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from iachygiene.files import Tree
from iachygiene.model import Finding, Findings, Job
from iachygiene.parse.dockerfile import Dockerfile, load
from iachygiene.rules.dockerfile.copies import (
    add_instead_of_copy,
    archive_copied_then_extracted,
    copy_target_not_directory,
    copy_to_relative_target,
)
from iachygiene.rules.dockerfile.instructions import (
    inline_ignore_pragma,
    invalid_exposed_port,
    maintainer_instruction,
    shell_form_command,
)
from iachygiene.rules.dockerfile.platforms import redundant_target_platform
from iachygiene.rules.dockerfile.references import (
    copy_from_unknown_stage,
    untrusted_base_registry,
)
from iachygiene.rules.dockerfile.repeats import repeated_cmd
from iachygiene.rules.dockerfile.users import named_user
from iachygiene.rules.dockerfile.variables import env_self_reference, secret_like_variable_name

Check = Callable[..., Findings]


def check(rule: Check, text: str, root: Path, **options: object) -> list[Finding]:
    (root / "Dockerfile").write_text(text)
    (unit,) = load(Job("dockerfile", "", ("Dockerfile",)), Tree(str(root)))
    assert isinstance(unit, Dockerfile)
    return list(rule(unit, **options))


def flagged(found: list[Finding], text: str) -> list[str]:
    return [text[slice(*finding.location.span)] for finding in found]


@pytest.mark.parametrize(
    "comment",
    [
        "#hadolint ignore=DL3006",
        "# hadolint ignore = DL3006 , SC2086 # why",
        "#\thadolint  ignore= DL3006",
    ],
)
def test_pragma_may_hold_blanks_and_a_remark(comment: str, tmp_path: Path) -> None:
    text = f"FROM debian:12\n{comment}\nRUN make\n"
    assert flagged(check(inline_ignore_pragma, text, tmp_path), text) == [comment]


@pytest.mark.parametrize(
    "comment",
    [
        "# hadolint ignore=DL3006,",
        "# hadolint ignore=DL3006 DL3007",
        "# hadolint ignore=dl3006",
        "# hadolint ignore=all",
        "# Hadolint ignore=DL3006",
        "# hadolint stage ignore=DL3006",
        "## hadolint ignore=DL3006",
    ],
)
def test_comment_that_is_no_pragma_is_left_alone(comment: str, tmp_path: Path) -> None:
    assert not check(inline_ignore_pragma, f"FROM debian:12\n{comment}\nRUN make\n", tmp_path)


def test_each_port_that_is_too_high_is_underlined(tmp_path: Path) -> None:
    text = f"FROM debian:12\nEXPOSE 80 70000/TCP 080000 80000-10 {'9' * 5000} $P-70000\n"
    assert flagged(check(invalid_exposed_port, text, tmp_path), text) == [
        *("70000/TCP", "080000", "80000-10", "9" * 5000)
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        "app && other",
        "app $PORT",
        "exec app",
        "A=1 app",
        "app \\\n  --serve",
        "'app'",
        "app *.txt",
    ],
)
def test_what_needs_a_shell_is_not_rewritten_as_json(arguments: str, tmp_path: Path) -> None:
    (found,) = check(shell_form_command, f"FROM debian:12\nCMD {arguments}\n", tmp_path)
    assert found.fix is None


def test_command_beside_an_entrypoint_is_not_rewritten_as_json(tmp_path: Path) -> None:
    text = 'FROM debian:12\nENTRYPOINT ["/init"]\nCMD app\n'
    (found,) = check(shell_form_command, text, tmp_path)
    assert found.fix is None


def test_backslashes_of_a_windows_file_are_nothing_special(tmp_path: Path) -> None:
    text = '# escape=`\nFROM windows:1\nCMD ["C:\\\\dir\\\\"]\n'
    assert not check(shell_form_command, text, tmp_path)


@pytest.mark.parametrize("name", ["a\\b", "a $b", 'a "b" c', "a \\\n b"])
def test_maintainer_that_a_label_would_change_has_no_fix(name: str, tmp_path: Path) -> None:
    (found,) = check(maintainer_instruction, f"FROM debian:12\nMAINTAINER {name}\n", tmp_path)
    assert found.fix is None


@pytest.mark.parametrize(
    "source", ["app.zip", "*.cfg", "$APP", "git@example.com:a/b", "ftp://x/y", "app.tar.zst"]
)
def test_add_that_may_do_more_than_copy_has_no_fix(source: str, tmp_path: Path) -> None:
    (found,) = check(add_instead_of_copy, f"FROM debian:12\nADD {source} /app\n", tmp_path)
    assert found.fix is None


def test_add_of_a_here_document_is_left_alone(tmp_path: Path) -> None:
    text = "FROM debian:12\nADD <<EOF /etc/motd\nhello\nEOF\n"
    assert not check(add_instead_of_copy, text, tmp_path)


def test_here_documents_are_several_sources(tmp_path: Path) -> None:
    text = "FROM debian:12\nCOPY <<A <<B /etc\none\nA\ntwo\nB\n"
    assert flagged(check(copy_target_not_directory, text, tmp_path), text) == ["/etc"]


@pytest.mark.parametrize(
    "command",
    ["tar --exclude=x -f a.tar", "tar -C /opt -zxf '/tmp/a.tar'", "(set -e; unxz a.tar)"],
)
def test_command_that_extracts_is_seen_anywhere(command: str, tmp_path: Path) -> None:
    text = f"FROM debian:12\nCOPY a.tar /tmp/\nRUN {command}\n"
    assert flagged(check(archive_copied_then_extracted, text, tmp_path), text) == ["a.tar"]


@pytest.mark.parametrize(
    "command", ["tar xf a.tar", "/bin/tar -xf a.tar", "tar -tf a.tar", "tar -x < a.tar"]
)
def test_command_that_hadolint_does_not_see_extracting_is_left_alone(
    command: str, tmp_path: Path
) -> None:
    text = f"FROM debian:12\nCOPY a.tar /tmp/\nRUN {command}\n"
    assert not check(archive_copied_then_extracted, text, tmp_path)


def test_archive_of_an_earlier_stage_is_left_alone(tmp_path: Path) -> None:
    text = "FROM debian:12 AS a\nCOPY a.tar /\nRUN tar -xf a.tar\nFROM debian:12\n"
    assert not check(archive_copied_then_extracted, text, tmp_path)


def test_working_directory_is_inherited_by_image_name_only_without_alias(tmp_path: Path) -> None:
    named = "FROM d:1 AS a\nWORKDIR /a\nFROM d:1\nCOPY x .\n"
    unnamed = "FROM d:1\nWORKDIR /a\nFROM d:2\nCOPY x .\n"
    assert check(copy_to_relative_target, named, tmp_path)
    assert not check(copy_to_relative_target, unnamed, tmp_path)


@pytest.mark.parametrize("name", ["0", "00", "0x", "1e5"])
def test_name_that_begins_with_the_number_of_a_stage_is_known(name: str, tmp_path: Path) -> None:
    text = f"FROM a:1\nFROM b:1\nCOPY --from={name} /a /b\n"
    assert not check(copy_from_unknown_stage, text, tmp_path)


@pytest.mark.parametrize("name", ["2", "-1", "later", "99999999999999999999"])
def test_name_of_no_stage_so_far_is_unknown(name: str, tmp_path: Path) -> None:
    text = f"FROM a:1\nFROM b:1\nCOPY --from={name} /a /b\nFROM c:1 AS later\n"
    assert flagged(check(copy_from_unknown_stage, text, tmp_path), text) == [f"--from={name}"]


@pytest.mark.parametrize("pattern", ["*", "*.example.com", "reg.*", "reg.example.com"])
def test_trusted_registries_may_be_patterns(pattern: str, tmp_path: Path) -> None:
    text = "FROM reg.example.com/a:1\n"
    options = {"trusted_registries": (pattern,)}
    assert not check(untrusted_base_registry, text, tmp_path, **options)


@pytest.mark.parametrize("pattern", ["*docker*", "example.com", "REG.example.com", "reg"])
def test_pattern_has_its_asterisk_at_one_end(pattern: str, tmp_path: Path) -> None:
    text = "FROM reg.example.com/a:1\n"
    options = {"trusted_registries": (pattern,)}
    assert check(untrusted_base_registry, text, tmp_path, **options)


def test_platform_in_quotes_is_redundant_but_unseen_by_hadolint(tmp_path: Path) -> None:
    text = 'FROM --platform="$TARGETPLATFORM" debian:12\n'
    (found,) = check(redundant_target_platform, text, tmp_path)
    assert found.aliases == ("buildkit:RedundantTargetPlatform",)
    assert found.fix is not None


def test_every_repetition_is_told_with_the_one_before(tmp_path: Path) -> None:
    text = "FROM debian:12\nCMD a\nCMD b\nCMD c\n"
    found = check(repeated_cmd, text, tmp_path)
    assert flagged(found, text) == ["CMD b", "CMD c"]
    assert [text[slice(*one.related[0].span)] for one in found] == ["CMD a", "CMD b"]


@pytest.mark.parametrize("user", ["${A}", "$A", "$AB", "x$A", "1000:$A", "1000", ":1"])
def test_user_by_number_or_argument_is_left_alone(user: str, tmp_path: Path) -> None:
    assert not check(named_user, f"FROM debian:12\nARG A\nUSER {user}\n", tmp_path)


@pytest.mark.parametrize("user", ["${A:-1}", "$B", "$Z", "1000a", "root"])
def test_any_other_user_is_reported(user: str, tmp_path: Path) -> None:
    text = f"FROM debian:12\nARG A B\nENV Z=1\nUSER {user}\n"
    assert flagged(check(named_user, text, tmp_path), text) == [user]


@pytest.mark.parametrize("value", ["'$A'", "\\$A", "$$A", "${X:-$A}", "$A.x"])
def test_neither_quotes_nor_escapes_hide_a_variable(value: str, tmp_path: Path) -> None:
    text = f"FROM debian:12\nENV A=1 B={value}\n"
    assert flagged(check(env_self_reference, text, tmp_path), text) == [f"B={value}"]


def test_variable_set_twice_in_one_env_is_another_pair(tmp_path: Path) -> None:
    text = "FROM debian:12\nENV A=$A A=1\n"
    assert flagged(check(env_self_reference, text, tmp_path), text) == ["A=$A"]


def test_second_name_of_an_argument_is_unseen_by_hadolint(tmp_path: Path) -> None:
    text = "FROM debian:12\nARG A_TOKEN B_TOKEN\n"
    first, second = check(secret_like_variable_name, text, tmp_path)
    assert first.aliases is None
    assert second.aliases == ("buildkit:SecretsUsedInArgOrEnv",)
