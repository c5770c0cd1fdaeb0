"""Wrong usage: one line that says what is wrong, and a next step."""

from __future__ import annotations

import pytest

from tests.reliability import Scanner


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        ("scan --selct DF", "no such option: --selct", "did you mean `--select`"),
        ("scan --fail-on warn", "invalid value for '--fail-on'", "did you mean `warning`?"),
        ("scan --format jso", "invalid value for '--format'", "did you mean `json`?"),
        ("scan --format zzz", "invalid value for '--format'", "`iachygiene scan --help`"),
        ("scan --since", "option '--since' requires an argument", "`iachygiene scan --help`"),
        ("scan --since --new-only", "--since needs a revision", "`iachygiene scan --help`"),
        ("scan --new-only", "--new-only needs --since REF", "`iachygiene scan --help`"),
        ("scan --select DF30066", "unknown rule `DF30066`", "did you mean `DF3066`?"),
        ("scn", "no such command or path: scn", "did you mean `scan`?"),
        ("baseline crate", "no such command 'crate'", "did you mean `create`?"),
        ("explain", "CODE|NAME|ALIAS... is missing", "`iachygiene explain --help`"),
    ],
)
def test_an_error_names_the_next_step(words: str, said: str, hint: str, scanner: Scanner) -> None:
    code, out, err = scanner.plain(*words.split())
    assert (code, out) == (2, "")
    first, second = err.splitlines()
    assert first.startswith(f"error: {said}")
    assert second.startswith(f"hint: {hint}")


def test_a_group_without_a_command_prints_its_help(scanner: Scanner) -> None:
    code, _, err = scanner.plain("baseline")
    assert code == 2
    assert err.startswith("Usage: iachygiene baseline")


def test_a_file_of_no_known_kind_is_named(scanner: Scanner) -> None:
    scanner.write("notes.txt", "")
    code, out, err = scanner.plain("scan", "notes.txt")
    assert (code, out) == (0, "")
    assert err == "nothing to check: no known kind of file: notes.txt\n"
