"""Shell scripts as the rules see them."""

from __future__ import annotations

import gc
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iachygiene.parse.script import Script, Text
from iachygiene.parse.shell import TOO_DEEP, parse_shell


def read(script: str) -> Script:
    return parse_shell(Text("Dockerfile", script, (0,)))


def commands(script: str) -> list[str]:
    return [" ".join(word.text for word in command.words) for command in read(script).commands]


def names(script: str) -> list[str]:
    return [command.name for command in read(script).commands]


def place(script: str, word: str) -> str:
    """The text at the place of the first command's word of that text."""
    found = next(one for one in read(script).commands[0].words if one.text == word)
    return script[slice(*found.location.span)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("a && b || c; d & e | f", ["a", "b", "c", "d", "e", "f"]),
        ("(a; b) && { c; }", ["a", "b", "c"]),
        ("if a; then b; elif c; then d; else e; fi", ["a", "b", "c", "d", "e"]),
        ("for i in x y; do a; done; for ((i=0;i<3;i++)); do b; done", ["a", "b"]),
        ("for i in x do a; done", ["a"]),
        ("while a; do b; done; until c; do d; done", ["a", "b", "c", "d"]),
        ("case $x in a|b) c ;; (*) d; esac", ["c", "d"]),
        ("f() { a; }; function g { b; }; f", ["a", "b", "f"]),
        ('a $(b `c` "$(d)") ${x:-$(e)}', ["a", "b", "c", "d", "e"]),
        ("a `b \\`c\\``", ["a", "b", "c"]),
        ("a <(b) >(c)", ["a", "b", "c"]),
        ("a # b; c", ["a"]),
        ("a\nb\n\nc", ["a", "b", "c"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("cat <<X\nb\nX\nc", ["cat", "c"]),
        ("cat <<-'X'\n\tb\n\tX\nc", ["cat", "c"]),
        ("! a; time b; time -p c | d", ["a", "time", "b", "time", "c", "d"]),
        ("x=1 time b && \\time -p c", ["time", "b", "time", "c"]),
        ("{fd}>x a", []),
        ("a <<< x\n\nb", ["a", "b"]),
        ("a 2>&1 >b 3<c &>d", ["a"]),
        ("x=1; y=$(a) b; z=(c $(d))", ["b", "a", "d"]),
        ("[ -f x ] && a; [[ $y =~ ^(b|c)$ ]] && d; (( 1 + 2 )) && e", ["a", "d", "e"]),
        ("echo $((1 + $(a))) $((b); c)", ["echo", "a", "b", "c"]),
        ("$x a; ${y}b; \"c\"; \\d; 'e'", ["c", "d", "e"]),
    ],
)
def test_commands_are_found_in_source_order(script: str, expected: list[str]) -> None:
    assert names(script) == expected


@pytest.mark.parametrize(
    "script",
    [
        "a 'b",
        'a "b',
        "a `b",
        "a $(b",
        "a ${b",
        "a &&",
        "a |",
        "(a",
        "{ a }",
        "if a; then b",
        "while a; done",
        "a (b)",
        "[ a b ] && c",
        "[ -z ] && c",
        "[ a = ] && c",
        "[ ! ] && c",
        "[ $a $op $b ] && c",
        "[-f x] && c",
        "cat <<X\nb",
    ],
)
def test_script_that_cannot_be_completed_has_no_commands(script: str) -> None:
    result = read(script)
    assert result.commands == []
    assert result.problem


@pytest.mark.parametrize("script", ["a; fi; b", "a; }; b", "a) b", "a;; b", "a; then b", "a; ; b"])
def test_what_cannot_follow_a_complete_list_is_left_out(script: str) -> None:
    assert names(script) == ["a"]


@pytest.mark.parametrize(
    "test",
    [
        "[ ]",
        "[ a ]",
        "[ ! -f x ]",
        "[ a -foo b ]",
        "[ \\( a \\) -o b ]",
        "[[ a < b && ( c || d ) ]]",
    ],
)
def test_test_expression_is_no_command(test: str) -> None:
    assert names(f"{test} && a") == ["a"]


@pytest.mark.parametrize(
    ("script", "name", "arguments"),
    [
        ("command apt-get install x", "apt-get", ["apt-get", "install", "x"]),
        ("command -v wget", "command", ["-v", "wget"]),
        ("exec -a n -c sudo x", "sudo", ["-a", "n", "-c", "sudo", "x"]),
        ("busybox wget x", "wget", ["wget", "x"]),
        ("X=1 a b", "a", ["b"]),
        ("/usr/bin/sudo a", "/usr/bin/sudo", ["a"]),
    ],
)
def test_name_and_arguments_of_a_command(script: str, name: str, arguments: list[str]) -> None:
    command = read(script).commands[0]
    assert command.name == name
    assert [word.text for word in command.arguments] == arguments


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("'a b'\"c $X\"d", "a bc ${X}d"),
        ("${X}", "${X}"),
        ("${X:-a=1}", "${X:-a=1}"),
        ("$(cmd a b)", "${cmd a b}"),
        ("$(x=1 id)", "${id}"),
        ("`cmd`", "${VAR}"),
        ("$((1 + 2))", "${VAR}"),
        ("a{b,c}:1", "a:1"),
        ("{a,b}", ""),
        ("{}", "{}"),
        ("*.deb", "*.deb"),
        ("a\\ b", "a b"),
        ('"a\\$b\\n"', "a$b\\n"),
        ("$'a'", "a"),
    ],
)
def test_text_of_an_argument(written: str, text: str) -> None:
    assert [word.text for word in read(f"run {written} end").commands[0].arguments] == [text, "end"]


def test_flags_are_split_into_letters_and_long_names() -> None:
    command = read("tar -xzf --file=a - -- b").commands[0]
    assert list(command.flags) == ["x", "z", "f", "file"]
    assert [word.text for word in command.plain] == ["-", "--", "b"]


def test_value_of_a_dropped_flag_is_no_plain_argument() -> None:
    command = read("apt-get -yt stable install --target-release=x y").commands[0]
    left = [word.text for word in command.plain_without(("t", "target-release"))]
    assert left == ["install", "y"]


def test_operators_and_nesting_of_commands() -> None:
    found = [
        (one.name, one.operator, one.nesting)
        for one in read("a || (b; $(c)); if d; then e; fi").commands
    ]
    assert found == [
        ("a", "", ()),
        ("b", "", ("(",)),
        ("c", "", ("(", "$(")),
        ("d", "", ("if",)),
        ("e", "", ("then",)),
    ]


def test_pipeline_has_the_commands_of_each_element() -> None:
    script = "curl $(url) | { tee x; sh; }"
    pipeline = read(script).pipelines[0]
    assert [[one.name for one in element] for element in pipeline.elements] == [
        ["curl", "url"],
        ["tee", "sh"],
    ]
    assert script[slice(*pipeline.location.span)] == "|"


@pytest.mark.parametrize(
    ("script", "word", "expected"),
    [
        ("apt-get 'in'stall", "install", "'in'stall"),
        ("a b$(c d)e f", "b${c d}e", "b$(c d)e"),
        ("x=1 a b", "a", "a"),
    ],
)
def test_word_stands_at_its_exact_place(script: str, word: str, expected: str) -> None:
    assert place(script, word) == expected


def test_word_in_escaped_backticks_stands_at_its_exact_place() -> None:
    script = "a `b \\`c d\\``"
    inner = read(script).commands[-1]
    assert script[slice(*inner.words[1].location.span)] == "d"


def test_bare_assignment_is_no_command() -> None:
    script = read("x=1 y=$z; a")
    assert [(one.name, one.value) for one in script.assignments] == [("x", "1"), ("y", "${z}")]
    assert [one.name for one in script.commands] == ["a"]


def test_nesting_beyond_the_limit_is_named() -> None:
    assert read("$(" * 60 + ")" * 60).problem == TOO_DEEP


_PIECES = st.sampled_from(
    [
        *(
            "a",
            "b c",
            "'",
            '"',
            "`",
            "$(",
            ")",
            "${",
            "}",
            "{",
            "(",
            "$((",
            "))",
            "[",
            "]",
            "[[",
            "]]",
        ),
        *(
            " ",
            "\n",
            ";",
            "&&",
            "||",
            "|",
            "&",
            "<<X",
            "<",
            ">",
            "#",
            "\\",
            "$",
            "$x",
            "=",
            "!",
            "x=",
        ),
        *(
            "if",
            "then",
            "fi",
            "for",
            "in",
            "do",
            "done",
            "case",
            "esac",
            ";;",
            "{a,b}",
            "f()",
            "\r\n",
        ),
    ]
)


@settings(max_examples=400)
@given(st.lists(_PIECES, max_size=40).map(" ".join) | st.lists(_PIECES, max_size=40).map("".join))
def test_any_text_is_read_and_every_word_lies_inside(text: str) -> None:
    script = read(text)
    for command in script.commands:
        for word in command.words:
            start, end = word.location.span
            assert 0 <= start <= end <= len(text)
            assert text[start:end] == word.raw or "`" in text


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "a $(b) ",
            "a | ",
            "a && ",
            "`",
            "{",
            "(",
            "$((",
            "$(( 1 ",
            "${x:-",
            '"$x" ',
            "'",
            "[ a ] ; ",
        ),
        *(
            "case x in a) b;; esac; ",
            "<<X ",
            "\\",
            "x=(",
            "@(",
            "a=1 ",
            "if a; then ",
            "{a,",
            "\n",
            "!",
        ),
    ],
)
def test_time_grows_linearly_with_the_length_of_a_script(unit: str) -> None:
    def seconds(count: int) -> float:
        gc.disable()
        started = time.process_time()
        read(unit * count)
        elapsed = time.process_time() - started
        gc.enable()
        return elapsed

    seconds(100)
    first = min(seconds(5_000) for _ in range(2))
    assert min(seconds(10_000) for _ in range(2)) < 3 * first + 0.02
