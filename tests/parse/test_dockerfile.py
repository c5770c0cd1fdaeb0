"""Dockerfiles as the rules see them."""

from __future__ import annotations

import gc
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iachygiene.files import Tree
from iachygiene.model import Broken, Job, Trouble
from iachygiene.parse.dockerfile import (
    Copy,
    Dockerfile,
    From,
    Healthcheck,
    Instruction,
    Onbuild,
    Run,
    Variables,
    comments,
    expand,
    facts,
    load,
)


def read_all(text: str) -> tuple[Dockerfile, list[Trouble]]:
    tree = Tree("/nowhere")
    tree.overlay["Dockerfile"] = text.encode()
    *troubles, unit = load(Job("dockerfile", "", ("Dockerfile",)), tree)
    assert isinstance(unit, Dockerfile)
    return unit, [one for one in troubles if isinstance(one, Trouble)]


def read(text: str) -> Dockerfile:
    unit, troubles = read_all(text)
    assert troubles == []
    return unit


def first(text: str) -> Instruction:
    return read(f"FROM a:1\n{text}\n").instructions[1]


def messages(text: str) -> list[str]:
    return [trouble.message for trouble in read_all(text)[1]]


def test_continued_instruction_is_joined_and_its_words_stand_at_their_places() -> None:
    text = "FROM a:1\nRUN apt-get update \\\n  # a comment\n\n && apt-get \\\n  install -y curl\n"
    run = read(text).instructions[1]
    assert isinstance(run, Run)
    command = run.script.commands[1]
    assert [word.text for word in command.words] == ["apt-get", "install", "-y", "curl"]
    assert [text[slice(*word.location.span)] for word in command.words] == [
        "apt-get",
        "install",
        "-y",
        "curl",
    ]
    assert text[slice(*run.location.span)] == "RUN apt-get update"
    assert text[slice(*run.extent)] == text[9:-1]


def test_word_over_a_continuation_spans_both_lines() -> None:
    text = "FROM a:1\nRUN ec\\\nho a\n"
    run = read(text).instructions[1]
    assert isinstance(run, Run)
    assert run.script.commands[0].name == "echo"
    assert text[slice(*run.script.commands[0].location.span)] == "ec\\\nho"


def test_escape_directive_changes_the_continuation_character() -> None:
    unit = read("# escape=`\nFROM a:1\nRUN a `\n  b\nCOPY c:\\x\\ c:\\y\n")
    assert unit.escape == "`"
    assert [one.keyword for one in unit.instructions] == ["FROM", "RUN", "COPY"]
    assert [word.text for word in unit.instructions[2].words] == ["c:\\x\\", "c:\\y"]


def test_directives_count_only_in_the_first_lines() -> None:
    unit = read("# Syntax = docker/dockerfile:1\n# a remark\n# escape=`\nFROM a:1\n")
    assert unit.directives == {"syntax": "docker/dockerfile:1"}


def test_positions_do_not_count_the_byte_order_mark_and_keep_carriage_returns() -> None:
    unit = read("\ufeffFROM a:1\r\nUSER root\r\n")
    user = unit.instructions[1].argument
    assert (user.text, user.location.span) == ("root", (15, 19))


def test_double_escape_at_the_end_of_a_line_continues_nothing() -> None:
    assert messages("FROM a:1\nRUN echo \\\\\nls\n") == ['unknown instruction "ls"']


@pytest.mark.parametrize(
    ("text", "scripts"),
    [
        ("RUN <<EOF\na\nb\nEOF", ["a", "b"]),
        ("RUN <<-EOF\n\ta\n\tEOF", ["a"]),
        ("RUN <<'E F'\na\nE F", ["a"]),
        ("RUN <<EOF bash\na\nEOF", ["bash", "a"]),
        ("RUN a <<EOF && c\nb\nEOF", ["a"]),
        ("RUN <<A cat <<B\na\nA\nb\nB", ["a"]),
        ("RUN a <<< text; b", ["a", "b"]),
        ("RUN cat<<EOF\nb\nEOF", ["cat"]),
        ('RUN a "<<EOF"; b', ["a", "b"]),
        ("RUN a 1 << 2; b", ["a"]),
        ("RUN a $((1 << 2)); b\nUSER c", ["a", "b"]),
        ("RUN a '<< 2'; b\nUSER c", ["a", "b"]),
        ("RUN a; b << c\nUSER c", []),
        ("RUN a; b << c", ["a", "b"]),
        ("RUN --mount=type=cache,target=/x a", ["a"]),
        ('RUN ["a", "b", "c d"]', ["a"]),
        ('RUN [ "$a" ] && b', ["b"]),
        ("RUN <<EOF\na\nEOF\nUSER x", ["a"]),
    ],
)
def test_commands_of_a_run(text: str, scripts: list[str]) -> None:
    run = first(text)
    assert isinstance(run, Run)
    assert [one.name for one in run.script.commands] == scripts


def test_command_in_a_here_document_stands_at_its_exact_place() -> None:
    text = "FROM a:1\nRUN <<EOF\nset -e\n  apt-get update\nEOF\n"
    run = read(text).instructions[1]
    assert isinstance(run, Run)
    assert text[slice(*run.script.commands[1].location.span)] == "apt-get"


def test_several_here_documents_have_their_own_bodies() -> None:
    copy = first("COPY <<one <<'two' /dir/\n1\none\n2\ntwo")
    assert isinstance(copy, Copy)
    assert [(one.body.string, one.expands) for one in copy.heredocs] == [
        ("1\n", True),
        ("2\n", False),
    ]
    assert copy.context_sources == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("RUN <<EOF\na\n", 'the here-document "EOF" has no end'),
        ("RUN <<EOF\na\n EOF\n", 'the here-document "EOF" has no end: line 4 is indented'),
        ("RUN <<EOF\na\nEOF \n", 'the here-document "EOF" has no end: line 4 has blanks behind it'),
        ("RUN <<-EOF\na\n  EOF\n", 'the here-document "EOF" has no end: line 4 is indented'),
    ],
)
def test_here_document_without_end_names_the_near_miss(text: str, message: str) -> None:
    unit, troubles = read_all(f"FROM a:1\n{text}USER root\n")
    assert [trouble.message for trouble in troubles] == [message]
    assert [one.keyword for one in unit.instructions] == ["FROM", "USER"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('CMD ["a", "b c"]', ["a", "b c"]),
        ('CMD [ "a\\tb\\u0041" , "\\$x" ]', ["a\tbA", "$x"]),
        ("CMD []", []),
        ("CMD ['a']", None),
        ('CMD ["a",]', None),
        ('CMD ["a"] # x', None),
        ("CMD a b", None),
    ],
)
def test_json_form(text: str, words: list[str] | None) -> None:
    found = first(text).exec_form
    assert (None if found is None else [word.text for word in found]) == words


def test_word_of_the_json_form_stands_at_its_exact_place() -> None:
    text = 'FROM a:1\nRUN ["apt-get", \\\n "install"]\n'
    run = read(text).instructions[1]
    assert isinstance(run, Run)
    words = run.exec_form or []
    assert [text[slice(*word.location.span)] for word in words] == ['"apt-get"', '"install"']
    place = run.script.commands[0].words[1].location
    assert text[slice(*place.span)] == "install"


def test_flags_are_no_arguments() -> None:
    copy = first("COPY --from=build --chown='a:b' --link x y /z/")
    assert isinstance(copy, Copy)
    assert [(flag.name, flag.value) for flag in copy.flags] == [
        ("from", "build"),
        ("chown", "a:b"),
        ("link", ""),
    ]
    assert ([word.text for word in copy.sources], copy.target.text) == (["x", "y"], "/z/")


def test_mount_options() -> None:
    run = first("RUN --mount=type=cache,dst=/root/.cache/pip,sharing=${X} pip install x")
    assert isinstance(run, Run)
    assert run.mounts[0].options == {"type": "cache", "dst": "/root/.cache/pip", "sharing": "${X}"}
    assert run.caches(".cache/pip")
    assert not run.caches("/var")


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("ENV A=1 B=\"x y\" C='z' D=a\\ b", [("A", "1"), ("B", "x y"), ("C", "z"), ("D", "a b")]),
        ("ENV A b  c", [("A", "b  c")]),
        ("LABEL a.b=c", [("a.b", "c")]),
        ('LABEL "a b"=c', [("a b", "c")]),
        ("ARG A", [("A", None)]),
        ("ARG A=1 B", [("A", "1"), ("B", None)]),
        ("ENV A=", [("A", "")]),
    ],
)
def test_pairs(text: str, pairs: list[tuple[str, str | None]]) -> None:
    found = first(text)
    assert isinstance(found, Variables)
    assert [(one.name.text, one.value.text if one.value else None) for one in found.pairs] == pairs


def test_pair_stands_at_its_exact_place() -> None:
    text = 'FROM a:1\nENV A=1 \\\n  B="x y"\n'
    found = read(text).instructions[1]
    assert isinstance(found, Variables)
    assert text[slice(*found.pairs[1].name.location.span)] == "B"
    assert text[slice(*found.pairs[1].location.span)] == 'B="x y"'


def test_healthcheck_and_onbuild_hold_another_instruction() -> None:
    check = first("HEALTHCHECK --interval=1m30s CMD curl -f x")
    assert isinstance(check, Healthcheck)
    assert check.command is not None
    assert check.command.argument.text == "curl -f x"
    trigger = first("ONBUILD run apt-get update")
    assert isinstance(trigger, Onbuild)
    assert isinstance(trigger.trigger, Run)
    assert trigger.trigger.script.commands[0].has("update")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("RNU a", 'unknown instruction "RNU"'),
        ("RUN", "RUN has no argument"),
        ("RUN --mount=type=cache,target=/x", "RUN has no argument"),
        ("ENV A", 'ENV takes pairs, "A" has no value'),
        ("LABEL a", 'LABEL takes pairs, "a" has no value'),
        ("ENV A=b c", 'ENV takes pairs, "c" has no "="'),
        ('ENV A="b', "the quote is not closed"),
        ("COPY a", "COPY takes a source and a target"),
        ("COPY --link --link a b", "COPY has a flag twice"),
        ("FROM a AS", "FROM takes one image and, with AS, the name of the stage"),
        ("FROM a b", "FROM takes one image and, with AS, the name of the stage"),
        ("FROM a:", '"a:" has an empty tag'),
        ("HEALTHCHECK curl", "HEALTHCHECK takes NONE or CMD"),
    ],
)
def test_refused_instruction_is_reported_and_reading_goes_on(text: str, message: str) -> None:
    unit, troubles = read_all(f"FROM a:1\n{text}\nUSER x\n")
    assert [(one.kind, one.message) for one in troubles] == [("syntax", message)]
    assert "hadolint:DL1000" in troubles[0].aliases
    assert unit.instructions[-1].keyword == "USER"


@pytest.mark.parametrize(
    "text",
    [
        "FROM localhost:5000/img:tag",
        "FROM a:1 # a remark",
        "from a:1 as b",
        "HEALTHCHECK --interval=500ms CMD a",
        "EXPOSE 80/sctp ${P:-80}/tcp",
        "COPY --foo=1 a b",
        "RUN --device=x a",
        "ADD <<EOF /x\na\nEOF",
        "RUN [ ] && x",
        "SHELL bash",
        "CMD []",
        "run a",
    ],
)
def test_valid_or_tolerated_instruction_is_not_reported(text: str) -> None:
    assert messages(f"FROM a:1\n{text}\n") == []


@pytest.mark.parametrize("text", ["", "\n \n", "# only a comment\n"])
def test_file_without_instruction_is_reported(text: str) -> None:
    assert messages(text) == ["the file holds no instruction"]


def test_second_escape_directive_is_reported() -> None:
    assert messages("# escape=`\n# escape=\\\nFROM a:1\n") == ['a second "escape" directive']


def test_limits_are_named() -> None:
    for text, limit in (
        (
            "FROM a:1\n" + "USER x\n" * 20_001,
            "the number of instructions is over the limit of 20,000",
        ),
        (
            "FROM a:1\n" + "RUN <<X\nX\n" * 1_001,
            "the number of here-documents is over the limit of 1,000",
        ),
        ("FROM a:1\n" * 1_001, "the number of stages is over the limit of 1,000"),
        (
            "FROM a:1\nRUN a" + " \\\n b" * 300_000,
            "the length of an instruction is over the limit of 1,048,576",
        ),
    ):
        with pytest.raises(Broken) as broken:
            read_all(text)
        assert broken.value.trouble[0::2] == ("over-limit", limit)


def test_stage_inherits_from_the_stage_it_builds_on() -> None:
    unit = read(
        "ARG TAG=3.12\nFROM python:${TAG} AS base\nUSER app\nEXPOSE 80\nHEALTHCHECK CMD a\n"
        "FROM base AS Final\nEXPOSE 81\n"
    )
    stage = unit.final_stage
    assert stage is not None
    assert stage.builds_on_stage
    assert (stage.name, stage.object, stage.image.text) == ("Final", "stage Final", "base")
    assert stage.chain[-1].resolved.text == "python:3.12"
    assert stage.effective_user_text == "app"
    assert [port.text for port in stage.exposed_ports] == ["80", "81"]
    assert stage.healthcheck is unit.of("HEALTHCHECK")[0]


def test_names_of_stages_are_the_same_in_any_case_and_never_have_a_tag() -> None:
    unit = read("FROM a:1 AS Build\nFROM build\nFROM build:1\n")
    assert [stage.builds_on_stage for stage in unit.stages] == [False, True, False]


def test_user_is_resolved_through_arguments_and_environment() -> None:
    unit = read("ARG U=root\nFROM a:1\nARG U\nENV V=${U}\nUSER $V\n")
    assert unit.stages[0].effective_user_text == "root"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a$X-${Y}", "a1-"),
        ("${Y:-d}${Y-d}${X:+p}", "dp"),
        ("${Z}", None),
        ("${Z:-d}", "d"),
        ("${X#1}", None),
    ],
)
def test_expansion(text: str, value: str | None) -> None:
    assert expand(text, {"X": "1", "Y": "", "Z": None}) == value


def test_comment_reaches_the_whole_instruction_below_it() -> None:
    text = "# one\n# two\n\nFROM a:1\n  # three\nRUN a \\\n  # four\n  b\n# five\n"
    found = sorted(comments(read(text)))
    reached = [(one.text, text[slice(*one.reach)], one.leading) for one in found]
    assert reached == [
        (" one", "FROM a:1", True),
        (" two", "FROM a:1", True),
        (" three", "RUN a \\\n  # four\n  b", False),
        (" four", "  b", False),
        (" five", "", False),
    ]


def test_text_of_a_here_document_is_no_comment() -> None:
    assert list(comments(read("FROM a:1\nRUN <<EOF\n# text\nEOF\n"))) == []


def test_facts_of_the_stages() -> None:
    unit = read("FROM a:1 AS x\nUSER 0\nHEALTHCHECK CMD a\nFROM x\nHEALTHCHECK NONE\n")
    rows = [(one.name, one.final, one.base, one.user, one.healthcheck) for one in facts(unit)]
    check = unit.of("HEALTHCHECK")[0].location
    assert rows == [("x", False, "a:1", "0", check), ("", True, "a:1", "0", None)]


def test_context_is_the_nearest_directory_that_has_every_source(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "src").mkdir()
    (tmp_path / "docker" / "Dockerfile").write_text("FROM a:1\nCOPY src /src\nCOPY *.x $Y /z/\n")
    tree = Tree(str(tmp_path))
    (unit,) = load(Job("dockerfile", "docker", ("docker/Dockerfile",)), tree)
    assert isinstance(unit, Dockerfile)
    assert unit.context is not None
    assert unit.context.directory == ""


def test_context_is_unknown_where_a_source_is_nowhere(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM a:1\nCOPY dist /dist\n")
    (unit,) = load(Job("dockerfile", "", ("Dockerfile",)), Tree(str(tmp_path)))
    assert isinstance(unit, Dockerfile)
    assert unit.context is None


_PIECES = st.sampled_from(
    [
        *(
            "FROM a:1",
            "FROM a AS b",
            "RUN ",
            "COPY ",
            "ENV ",
            "ARG ",
            "LABEL ",
            "USER ",
            "ONBUILD ",
        ),
        *(
            "HEALTHCHECK ",
            "CMD ",
            "# escape=`",
            "# x",
            "\\",
            "`",
            "\\\n",
            "<<EOF",
            "EOF",
            "<<-'X Y'",
        ),
        *(
            "\n",
            "\n",
            "\n",
            "\r\n",
            "\t",
            " ",
            '"',
            "'",
            "[",
            "]",
            '["a", "b"]',
            "--from=b ",
            "A=1 ",
        ),
        *(
            "$X",
            "${X:-",
            "}",
            "\ufeff",
            "é",
            "\u2028",
            "\x0b",
            "\x0c",
            "=",
            "NONE",
            "CMD",
            "a",
            "--",
        ),
    ]
)


@settings(max_examples=400)
@given(st.lists(_PIECES, max_size=40).map("".join) | st.text(max_size=200))
def test_any_text_ends_in_a_view_whose_spans_lie_in_the_file(text: str) -> None:
    try:
        unit, troubles = read_all(text.replace("\0", ""))
    except (Broken, UnicodeEncodeError):
        return
    length = len(unit.file.text)
    places = [trouble.location for trouble in troubles]
    for instruction in unit.instructions:
        places += [instruction.location, instruction.argument.location]
        places += [word.location for word in instruction.words]
        places += [flag.location for flag in instruction.flags]
        if isinstance(instruction, Run):
            places += [word.location for one in instruction.script.commands for word in one.words]
        if isinstance(instruction, Variables):
            places += [pair.location for pair in instruction.pairs]
        if isinstance(instruction, From):
            places.append(instruction.image.location)
    for comment in comments(unit):
        places += [comment.location, comment.location._replace(span=comment.reach)]
    for place in places:
        assert 0 <= place.span.start <= place.span.end <= length
    list(facts(unit))


@pytest.mark.parametrize(
    "unit",
    [
        *("RUN a | b\n", "RUN a \\\n", "USER x\n", "RUN <<X\n", "ENV A=1\n", "# x\n", "RNU a\n"),
        *(
            'ENV A="\n',
            'CMD ["a",\n',
            "COPY a b\n",
            "\\\n",
            "ONBUILD ",
            '"\\',
            "--a ",
            "ARG X=$X\n",
        ),
    ],
)
def test_time_grows_linearly_with_the_length_of_a_file(unit: str) -> None:
    def seconds(count: int) -> float:
        gc.disable()
        started = time.process_time()
        with suppress(Broken):
            read_all("FROM a:1\n" + unit * count)
        elapsed = time.process_time() - started
        gc.enable()
        return elapsed

    seconds(100)
    small = min(seconds(5_000) for _ in range(2))
    assert min(seconds(10_000) for _ in range(2)) < 3 * small + 0.05


def test_twenty_thousand_runs_are_read_with_their_commands_in_under_five_seconds() -> None:
    gc.disable()
    started = time.process_time()
    unit = read("FROM a:1\n" + "RUN apt-get update && apt-get install -y curl | tee x\n" * 20_000)
    assert sum(len(run.script.commands) for run in unit.stages[0].runs) == 60_000
    assert time.process_time() - started < 5
    gc.enable()


def test_commands_of_all_stages_by_name_in_order() -> None:
    unit = read(
        "FROM a:1 AS x\nRUN b && a 1\nONBUILD RUN a 2\n"
        "FROM x\nRUN a 3 && b\nRUN <<EOF\n#!/usr/bin/env python3\na\nEOF\n"
    )
    found = [(ran.stage.object, ran.command.words[-1].text) for ran in unit.ran("b", "a", "c")]
    assert found == [("stage x", "b"), ("stage x", "1"), ("stage 1", "3"), ("stage 1", "b")]
    assert unit.ran("c") == []
