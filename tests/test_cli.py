"""The command line as a person, a pipe or a job meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CLEAN = "FROM debian:12.6-slim\n# hello\nUSER 1000\n"


def run(
    *arguments: str, cwd: Path, stdin: str = "", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the installed program as a process of its own, outside any terminal."""
    kept = {name: value for name, value in os.environ.items() if name != "IACHYGIENE_REPORTS"}
    return subprocess.run(
        [sys.executable, "-I", "-m", "iachygiene", *arguments],
        cwd=cwd,
        input=stdin,
        env={**kept, **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_version_imports_no_parser_and_no_rule(tmp_path: Path) -> None:
    program = (
        "import sys; from iachygiene.cli import main; main(['--version']); "
        "print(*sorted(m for m in sys.modules if m.startswith('iachygiene') or m == 'yaml'))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    version, modules = done.stdout.splitlines()
    assert version.startswith("iachygiene ")
    wanted = ("", ".cli", ".commands", ".interrupt")
    assert modules.split() == [f"iachygiene{name}" for name in wanted]


def test_no_arguments_print_the_help(tmp_path: Path) -> None:
    done = run(cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("scan", "fmt", "rules", "explain", "npm-files", "doctor", "version", "init"):
        assert f"\n  {command} " in done.stdout


def test_clean_file_gives_0(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(CLEAN)
    done = run("scan", "--select", "DF3006", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "no findings" in done.stdout


def test_finding_gives_1(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\n")
    done = run("scan", "--select", "DF3006", "--format", "concise", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("Dockerfile:1:6: warning DF3006 ")


def test_path_before_a_command_is_scanned(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\n")
    assert run("Dockerfile", cwd=tmp_path).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scan", "nope"], "no such file or directory: nope"),
        (["scann"], "no such command or path: scann\nhint: did you mean `scan`?"),
        (["scan", "--select", "DF3060606"], "DF3060606"),
        (["scan", "--select", "DF399"], "DF399"),
        (["scan", "--no-such-option"], "no such option"),
        (["scan", "--report", "nope=x"], "expected FMT=PATH"),
        (["scan", "--report", "json=a", "--report", "sarif=a"], "two reports go to one path"),
        (["-C", "nope", "scan"], "cannot change to nope"),
        (["--config", "nope.toml", "scan"], "nope.toml"),
        (["explain", "XY123"], "XY123"),
    ],
)
def test_wrong_usage_gives_2_and_says_why(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.lower().startswith("error: ")
    assert said.lower() in done.stderr.lower()


def test_nothing_to_check_is_said_and_gives_0_or_with_strict_3(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x\n")
    done = run("scan", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "nothing to check\n")
    assert run("scan", "--strict", cwd=tmp_path).returncode == 3


def test_exit_zero_and_fail_on_change_only_the_code_of_findings(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\n")
    select = ("scan", "--select", "DF3006")
    assert run(*select, "--exit-zero", cwd=tmp_path).returncode == 0
    assert run(*select, "--fail-on", "error", cwd=tmp_path).returncode == 0
    assert run(*select, "--fail-on", "never", cwd=tmp_path).returncode == 0
    assert run(*select, "--fail-on", "info", cwd=tmp_path).returncode == 1


def test_exit_code_does_not_depend_on_the_format(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\n")
    for form in ("text", "concise", "json", "sarif", "github", "markdown"):
        assert run("scan", "--format", form, cwd=tmp_path).returncode == 1, form


def test_json_goes_to_stdout_alone_whatever_the_verbosity(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\n")
    done = run("-v", "scan", "--format", "json", cwd=tmp_path)
    assert json.loads(done.stdout)["summary"]["exit_code"] == 1


def test_reports_are_written_beside_what_stdout_gets(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\n")
    env = {"IACHYGIENE_REPORTS": "json=out/a.json sarif=out/a.sarif"}
    done = run("scan", "--format", "concise", cwd=tmp_path, env=env)
    assert done.returncode == 1
    assert json.loads((tmp_path / "out" / "a.json").read_text())["findings"]
    assert json.loads((tmp_path / "out" / "a.sarif").read_text())["version"] == "2.1.0"
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["a.json", "a.sarif"]


def test_report_that_cannot_be_written_gives_4(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\n")
    (tmp_path / "taken").write_text("")
    done = run("scan", "--report", "json=taken/a.json", cwd=tmp_path)
    assert done.returncode == 4
    assert "error: report not written" in done.stderr


def test_closed_pipe_ends_quietly_with_141(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}.Dockerfile").write_text("FROM debian\n" * 400)
    shell = f'"{sys.executable}" -I -m iachygiene scan --format concise; echo "code $?" >&2'
    done = subprocess.run(
        ["bash", "-c", f"({shell}) | head -n 1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == "code 141\n"


def test_no_escape_sequence_reaches_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\n# \x1b[31mred\n")
    done = run("scan", cwd=tmp_path)
    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr


def test_paths_come_from_a_file_or_stdin(tmp_path: Path) -> None:
    for name in ("a.Dockerfile", "b.Dockerfile"):
        (tmp_path / name).write_text("FROM debian\n")
    arguments = ("scan", "--select", "DF3006", "--format", "concise", "--files-from", "-")
    for stdin in ("b.Dockerfile\n", "b.Dockerfile\0"):
        done = run(*arguments, cwd=tmp_path, stdin=stdin)
        assert [line.partition(":")[0] for line in done.stdout.splitlines()] == ["b.Dockerfile"]


def test_named_file_is_checked_though_it_is_excluded_or_ignored(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\n")
    (tmp_path / ".gitignore").write_text("Dockerfile\n")
    assert run("scan", cwd=tmp_path).returncode == 0
    assert run("scan", "Dockerfile", cwd=tmp_path).returncode == 1
    excluding = ("scan", "--exclude", "Dockerfile", "Dockerfile")
    assert run(*excluding, cwd=tmp_path).returncode == 1
    assert run(*excluding, "--force-exclude", cwd=tmp_path).returncode == 0


def test_shared_options_stand_before_or_behind_the_command(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\n")
    (tmp_path / "own.toml").write_text('ignore = ["DF"]\n')
    for arguments in (["--config", "own.toml", "scan"], ["scan", "--config", "own.toml"]):
        assert run(*arguments, cwd=tmp_path).returncode == 0
    assert run("scan", "-qq", cwd=tmp_path).stdout == ""


def test_fix_writes_and_the_code_describes_what_is_left(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text("locals {\na=1\n}\n")
    arguments = ("scan", "--select", "TF001", "--engine", "builtin")
    done = run(*arguments, "--diff", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines()[:2] == ["--- a/main.tf", "+++ b/main.tf"]
    assert (tmp_path / "main.tf").read_text() == "locals {\na=1\n}\n"
    assert run(*arguments, "--fix", cwd=tmp_path).returncode == 0
    assert (tmp_path / "main.tf").read_text() == "locals {\n  a = 1\n}\n"


def test_nothing_is_written_without_fix(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text("locals {\na=1\n}\n")
    (tmp_path / "Dockerfile").write_text("FROM debian\n")
    before = {path.name: path.stat() for path in tmp_path.iterdir()}
    run("scan", cwd=tmp_path)
    after = {path.name: path.stat() for path in tmp_path.iterdir()}
    assert {name: one.st_mtime_ns for name, one in before.items()} == {
        name: one.st_mtime_ns for name, one in after.items()
    }


def test_configuration_error_gives_2_with_its_place(tmp_path: Path) -> None:
    (tmp_path / ".iachygiene.toml").write_text('[per-file-ignore]\n"a" = ["DF3006"]\n')
    done = run("scan", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--> .iachygiene.toml:1:2" in done.stderr
    assert "did you mean `per-file-ignores`?" in done.stderr


def test_every_bad_file_is_a_finding_and_the_others_are_judged(tmp_path: Path) -> None:
    (tmp_path / "latin.tf").write_bytes(b"# gr\xfcn\n")
    (tmp_path / "nul.tf").write_bytes(b"a = 1\0\n")
    (tmp_path / "broken.tf").write_text("resource {\n")
    (tmp_path / "unformatted.tf").write_text("locals {\na=1\n}\n")
    (tmp_path / "conflict.yaml").write_text(
        "apiVersion: v1\nkind: Pod\n<<<<<<< a\nx: 1\n=======\nx: 2\n>>>>>>> b\n"
    )
    (tmp_path / "Dockerfile").write_text("FROM debian\n")
    (tmp_path / "loop.tf").symlink_to("loop.tf")
    (tmp_path / "large.yaml").write_text("a: " + "x" * (10 << 20) + "\n")
    done = run("scan", "--format", "json", "--engine", "builtin", cwd=tmp_path)
    found = {(one["path"], one["rule"]) for one in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert found >= {
        ("latin.tf", "HYG004"),
        ("nul.tf", "HYG004"),
        ("broken.tf", "HYG001"),
        ("unformatted.tf", "TF001"),
        ("conflict.yaml", "HYG006"),
        ("loop.tf", "HYG003"),
        ("large.yaml", "HYG005"),
        ("Dockerfile", "DF3006"),
    }
    assert done.stderr == ""


def test_fmt_with_a_program_names_files_that_do_not_parse(tmp_path: Path) -> None:
    (tmp_path / "bad.tf").write_text("locals {\n  a = \n")
    (tmp_path / "latin.tf").write_bytes(b"# gr\xfcn\n")
    for engine in ("auto", "builtin"):
        done = run("fmt", "--check", "--engine", engine, cwd=tmp_path)
        assert done.returncode == 1
        assert "bad.tf:" in done.stderr
        assert "latin.tf:" in done.stderr


def test_fmt_shows_the_line_that_does_not_parse(tmp_path: Path) -> None:
    (tmp_path / "bad.tf").write_text("a = 1\nb = [1 2]\n")
    (tmp_path / "lossy.tf").write_text("a = b[true]\n")
    done = run("fmt", "--engine", "builtin", cwd=tmp_path)
    lines = done.stderr.splitlines()
    assert lines[0] == 'error: bad.tf:2:8: "," or "]" is expected between elements, not "2"'
    assert lines[2].split("|") == ["   2 ", " b = [1 2]"]
    assert lines[3].split("|")[1] == " " + " " * 7 + "^"
    assert "lossy.tf:1:6: left alone" in lines[4]
    assert "^^^^^^" in lines[7]


def test_removing_a_comment_keeps_the_code_behind_it(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('# c\n/* iachygiene: ignore[TF001] x */ variable "a" {}\n')
    run("scan", "--select", "TF001", "--fix", "--engine", "builtin", cwd=tmp_path)
    assert (tmp_path / "main.tf").read_text() == '# c\nvariable "a" {}\n'


def test_suppression_is_not_called_unused_where_its_rule_could_not_run(tmp_path: Path) -> None:
    text = "locals {\n  # iachygiene: ignore[TF001] because\n  a = 1\n}\n"
    (tmp_path / "a.tf").write_text(text)
    (tmp_path / "b.tf").write_text("locals {\n  y = \n")
    run("scan", "--fix", "--engine", "builtin", cwd=tmp_path)
    assert (tmp_path / "a.tf").read_text() == text


def test_link_that_is_named_is_judged_as_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "real.tf").write_text("locals {\na=1\n}\n")
    (tmp_path / "link.tf").symlink_to("real.tf")
    arguments = ("scan", "--select", "TF001", "--engine", "builtin", "--format", "concise")
    done = run(*arguments, "link.tf", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("real.tf:")


def test_file_that_does_not_parse_is_not_fixed_and_no_rule_is_blamed(tmp_path: Path) -> None:
    text = b"FROM alpine:3.20\r\nFOO bar\r\nRUN echo a\r\n"
    (tmp_path / "Dockerfile").write_bytes(text)
    assert run("scan", "--fix", cwd=tmp_path).returncode == 1
    assert run("scan", "--diff", cwd=tmp_path).returncode == 1
    assert (tmp_path / "Dockerfile").read_bytes() == text


def test_empty_list_of_files_is_nothing_to_check(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text("locals {\na=1\n}\n")
    done = run("scan", "--files-from", "-", "--fix", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "nothing to check\n")
    assert (tmp_path / "main.tf").read_text() == "locals {\na=1\n}\n"


def test_report_goes_into_a_pipe_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\n")
    done = run("scan", "--report", "json=/dev/stderr", cwd=tmp_path)
    assert json.loads(done.stderr)["summary"]["exit_code"] == 1
    assert Path("/dev/stderr").exists()


@pytest.mark.parametrize("path", ["../out.txt", "Dockerfile", "link/out.txt"])
def test_configuration_cannot_place_a_report_anywhere(path: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    (root / "Dockerfile").write_text("FROM debian\n")
    (root / ".iachygiene.toml").write_text(f'[output]\nreports = ["text={path}"]\n')
    assert run("scan", cwd=root).returncode == 2
    assert (root / "Dockerfile").read_text() == "FROM debian\n"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["root"]


def test_patch_applies_where_lines_hold_other_separators(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('locals {\na="x\u2028y" # \x0c\n}\n')
    done = run("scan", "--select", "TF001", "--diff", "--engine", "builtin", cwd=tmp_path)
    subprocess.run(["git", "apply"], cwd=tmp_path, input=done.stdout, text=True, check=True)
    assert (tmp_path / "main.tf").read_text() == 'locals {\n  a = "x\u2028y" # \x0c\n}\n'


@pytest.mark.parametrize(
    "arguments",
    [["--today", "soon"], ["--tool", "terrform=always"], ["--tool", "terraform=maybe"]],
)
def test_values_of_options_are_checked(arguments: list[str], tmp_path: Path) -> None:
    assert run("scan", *arguments, cwd=tmp_path).returncode == 2


def test_closed_streams_are_no_defect(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\n")
    shell = f'"{sys.executable}" -I -m iachygiene scan'
    for redirection in (">&-", "<&-", "2>&-"):
        done = subprocess.run(
            ["bash", "-c", f"{shell} {redirection}"], cwd=tmp_path, capture_output=True, check=False
        )
        assert done.returncode == 1, redirection


def test_standard_input_is_checked_as_a_file(tmp_path: Path) -> None:
    tmp_path.joinpath("web").mkdir()
    command = [sys.executable, "-I", "-m", "iachygiene", "scan", "--stdin-filename"]
    done = subprocess.run(
        [*command, "web/Dockerfile", "-", "--format", "concise", "--select", "DF3006"],
        cwd=tmp_path,
        input="FROM debian\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("web/Dockerfile:1:6: warning DF3006 ")
    assert list(tmp_path.joinpath("web").iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [("-",), ("--stdin-filename", "Dockerfile"), ("--stdin-filename", "a", "-", "--fix")],
)
def test_standard_input_needs_a_name_and_is_not_fixed(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    command = [sys.executable, "-I", "-m", "iachygiene", "scan", *words]
    done = subprocess.run(
        command, cwd=tmp_path, input="", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")


def test_what_is_not_done_in_time_is_not_checked(tmp_path: Path) -> None:
    for number in range(30):
        tmp_path.joinpath(f"Dockerfile.{number}").write_text("FROM debian:12\n" * 50)
    command = [sys.executable, "-I", "-m", "iachygiene", "scan", "--no-cache", "--fail-on", "never"]
    done = subprocess.run(
        [*command, "--timeout", "0.0001", "--format", "json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    report = json.loads(done.stdout)
    assert not report["summary"]["complete"]
    assert {one["why"] for one in report["files"]["skipped"]} == {"timeout"}


def test_completion_offers_commands_and_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-I", "-m", "iachygiene"]
    script = subprocess.run(
        [*command, "completion", "bash"], capture_output=True, text=True, check=True
    ).stdout
    assert "_IACHYGIENE_COMPLETE=bash_complete" in script
    monkeypatch.setenv("_IACHYGIENE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "iachygiene scan --select DF300")
    monkeypatch.setenv("COMP_CWORD", "3")
    offered = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    assert "DF3006" in offered


def test_the_kind_project_narrows_the_rules_and_switches_none_on(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian:12\nRUN apt-get update\n")
    (tmp_path / ".iachygiene.toml").write_text('extend-select = ["DF5305"]\nignore = ["DF3009"]\n')

    def found(*kinds: str) -> list[str]:
        options = [word for kind in kinds for word in ("--kind", kind)]
        done = run("scan", "--format", "json", *options, cwd=tmp_path)
        return [one["rule"] for one in json.loads(done.stdout)["findings"]]

    assert found("dockerfile", "project") == found("dockerfile") != []
    assert found("project") == []
