"""The scripts of RUN, with the shell that reads them and the variables they have."""

from __future__ import annotations

import pytest

from iachygiene.files import Tree
from iachygiene.model import Job
from iachygiene.parse.dockerfile import Dockerfile, load
from iachygiene.parse.runs import RunScript, run_scripts


def scripts(text: str) -> list[RunScript]:
    tree = Tree("/nowhere")
    tree.overlay["Dockerfile"] = text.encode()
    (unit,) = load(Job("dockerfile", "", ("Dockerfile",)), tree)
    assert isinstance(unit, Dockerfile)
    return list(run_scripts(unit))


def shells(text: str) -> list[str]:
    return [one.shell for one in scripts(text)]


def test_the_shell_is_sh_without_a_word_about_it() -> None:
    assert shells("FROM a:1\nRUN x\n") == ["/bin/sh"]


def test_shell_counts_from_there_to_the_end_of_its_stage() -> None:
    text = 'FROM a:1\nRUN x\nSHELL ["/bin/bash", "-c"]\nRUN y\nFROM b:1\nRUN z\n'
    assert shells(text) == ["/bin/sh", "/bin/bash", "/bin/sh"]


def test_a_stage_has_the_shell_and_the_variables_of_the_one_it_builds_on() -> None:
    text = 'FROM a:1 AS one\nARG A\nENV B=1 C=2\nSHELL ["/bin/bash", "-c"]\nFROM one\nRUN x\n'
    assert [(one.shell, one.variables) for one in scripts(text)] == [
        ("/bin/bash", frozenset("ABC"))
    ]


def test_variables_are_those_set_before_the_script() -> None:
    text = "ARG GLOBAL\nFROM a:1\nARG A\nRUN x\nENV B=1\nRUN y\nFROM a:2\nRUN z\n"
    assert [sorted(one.variables) for one in scripts(text)] == [["A"], ["A", "B"], []]


def test_a_name_that_no_shell_has_is_left_out() -> None:
    assert scripts("FROM a:1\nENV a-b=1 c=2\nRUN x\n")[0].variables == {"c"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# hadolint shell=bash\nFROM a:1\nRUN x\nFROM b:1\nRUN y\n", ["bash", "bash"]),
        ("FROM a:1\n# hadolint shell=bash\nRUN x\nFROM b:1\nRUN y\n", ["bash", "/bin/sh"]),
        ("FROM a:1\nRUN x\n#hadolint  shell = /bin/bash -e\nRUN y\n", ["/bin/sh", "/bin/bash"]),
        ('FROM a:1\n# hadolint shell=bash\nSHELL ["sh", "-c"]\nRUN x\n', ["sh"]),
        ('FROM a:1\nSHELL ["sh", "-c"]\n# hadolint shell=bash\nRUN x\n', ["bash"]),
        ("FROM a:1\nRUN x \\\n# hadolint shell=bash\n y\nRUN z\n", ["/bin/sh", "/bin/sh"]),
    ],
)
def test_a_comment_names_the_shell_of_what_follows(text: str, found: list[str]) -> None:
    assert shells(text) == found


@pytest.mark.parametrize("shell", ["pwsh", "powershell -Command", "cmd /S /C", "/usr/bin/pwsh"])
def test_a_shell_of_another_kind_has_no_script(shell: str) -> None:
    words = ", ".join(f'"{word}"' for word in shell.split())
    assert scripts(f"FROM a:1\nSHELL [{words}]\nRUN x\n") == []
    assert scripts(f"# hadolint shell={shell}\nFROM a:1\nRUN x\n") == []


def test_the_json_form_has_no_script() -> None:
    assert scripts('FROM a:1\nRUN ["echo", "x"]\n') == []


def test_what_onbuild_holds_is_a_script() -> None:
    assert [one.text.string for one in scripts("FROM a:1\nONBUILD RUN echo\n")] == [
        "ONBUILD RUN echo"[12:]
    ]


def test_the_first_line_of_a_here_document_names_its_shell() -> None:
    assert shells("FROM a:1\nRUN <<EOF\n#!/usr/bin/env bash\nx\nEOF\n") == ["/bin/bash"]
    assert shells("FROM a:1\nRUN <<EOF\n#!/usr/bin/env python3\nx\nEOF\n") == []


def test_a_here_document_is_read_by_the_program_behind_its_marker() -> None:
    assert shells("FROM a:1\nRUN <<EOF bash\nx\nEOF\n") == ["/bin/bash"]
    assert shells("FROM a:1\nRUN <<EOF python3\nx\nEOF\n") == []
    assert shells("FROM a:1\nRUN <<EOF\nx\nEOF\n") == ["/bin/sh"]


def test_of_a_command_with_a_here_document_only_the_command_is_the_script() -> None:
    (script,) = scripts("FROM a:1\nRUN cat <<EOF > /x\n$y\nEOF\n")
    assert script.text.string.strip() == "cat"
