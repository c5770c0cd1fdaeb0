"""Regular expressions of the package: none takes more than linear time on what is made for it.

Every pattern is collected: those that a module names, and those that stand in
a call. Of each, texts are made that repeat what its repetitions repeat.
"""

from __future__ import annotations

import ast
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from re import _parser  # type: ignore[attr-defined]
from time import process_time
from typing import Any, NamedTuple

import iachygiene

PACKAGE = Path(iachygiene.__file__).parent
SIZE = 6000
LIMIT = 0.02
"""Seconds for a text of that size: a quadratic search takes several times as long."""
ENOUGH = 0.25
LONG = 64
"""Repetitions up to that count are no growth."""
FUNCTIONS = (
    "compile",
    "search",
    "match",
    "fullmatch",
    "sub",
    "subn",
    "split",
    "findall",
    "finditer",
)
BOUNDED = {
    "carryover/tflint.py:_is_common": "compiled to see whether it can be, and not searched",
    "rules/kubernetes/argo_settings.py:_not_go": "compiled to see whether it can be",
    "patterns.py:is_usable": "compiled to see whether it can be",
    "rules/terraform/structure.py:_pattern": "a person's own, see test_patterns",
    "schemas/check.py:_pattern": "of a schema in the scanned files; its repeats are counted",
    "rules/dockerfile/continuations.py:trailing_escape_space": "of one of two characters",
    "deceptive.py:deceptive": "one class of letters",
    "lazy.py:__getattr__": "of a name of a module, seen where that is given",
    "discover.py:beside": "searched in the name of a file",
    "discover.py:is_touched": "searched in the name of a file",
    "discover.py:lies_beside": "searched in the name of a file",
    "hcl/parse.py:_dedent": "so many blanks at the beginning of a line",
    "rules/dockerfile/arguments.py:_assigns": "a name, escaped, and what stands around it",
    "rules/dockerfile/arguments.py:_place": "a name, escaped, and what stands around it",
    "rules/dockerfile/tls.py:_match": "made of patterns that stand beside it, seen at import",
}
"""Functions that make a pattern of something else, and why that may be."""
SHORT = {
    "github|gitlab|bitbucket": "an address in a manifest, matched whole",
    "s3[.-]": "the name of a host, matched whole",
    "GENERATE_SOURCEMAP[ ": "a line of a file of variables",
    "stats|meta|metafile": "the name of a file",
    "[A-Za-z][A-Za-z0-9+.-]*:|/": "matched at the beginning",
    "[A-Za-z0-9._-]+/[A-Za-z0-9._-]+": "a variable of a GitHub job, matched whole",
    "[0-9]+\\.[0-9]+(?:\\.[0-9]+)?": "the first 4 kB of what a program says",
    "[ \\t]*#[ \\t]*[A-Za-z]": "one line, matched whole",
}
"""Parts of patterns that are quadratic when searched for, and what keeps their text short."""


class Found(NamedTuple):
    """A pattern, its flags, where it is from, and whether it is searched for anywhere in a text."""

    pattern: Any
    flags: int
    where: str
    anywhere: bool = True


_COLLECT = """
import importlib, pkgutil, re, sys
import iachygiene, iachygiene.lazy
found, really, begin = {}, re._compile, iachygiene.lazy._Lazy.__init__
def note(pattern, flags, frame):
    if "/iachygiene/" in frame.f_code.co_filename and isinstance(pattern, (str, bytes)):
        where = frame.f_code.co_filename.rpartition("/iachygiene/")[2]
        found[pattern, flags] = f"{where}:{frame.f_lineno}"
def spy(pattern, flags):
    made = really(pattern, flags)
    frame = sys._getframe(1)
    while frame and frame.f_code.co_filename == re.__file__:
        frame = frame.f_back
    if not frame.f_code.co_filename.endswith("/lazy.py"):
        note(pattern, made.flags, frame)
    return made
def named(self, pattern, flags):
    begin(self, pattern, flags)
    note(pattern, really(pattern, flags).flags, sys._getframe(2))
re._compile = spy
iachygiene.lazy._Lazy.__init__ = named
for module in pkgutil.walk_packages(iachygiene.__path__, "iachygiene."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print([(pattern, int(flags), where) for (pattern, flags), where in found.items()])
"""


def compiled_at_import() -> list[Found]:
    done = subprocess.run(
        [sys.executable, "-I", "-c", _COLLECT], capture_output=True, text=True, check=True
    )
    anchored = set(anchored_lines())
    return [
        Found(pattern, flags, where, where not in anchored)
        for pattern, flags, where in ast.literal_eval(done.stdout)
    ]


def anchored_lines() -> Iterator[str]:
    """The lines that give a pattern a name under which it is only matched at a beginning."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}
    used: dict[tuple[Path | None, str], set[str]] = {}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                name = node.value.id
                place = path if name.startswith("_") else None
                used.setdefault((place, name), set()).add(node.attr)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                place = path if node.id.startswith("_") else None
                used.setdefault((place, node.id), set()).add("")
    for path, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                how = used.get((path if name.startswith("_") else None, name), set())
                if isinstance(node.value, ast.Call) and how - {"", "pattern"} <= {
                    "match",
                    "fullmatch",
                }:
                    for line in range(node.lineno, (node.end_lineno or 0) + 1):
                        yield f"{path.relative_to(PACKAGE).as_posix()}:{line}"


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """The calls of `re` in functions: path, name of the function, call."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            for node in ast.walk(function):
                called = node.func if isinstance(node, ast.Call) else None
                if (
                    isinstance(called, ast.Attribute)
                    and isinstance(called.value, ast.Name)
                    and (called.value.id, called.attr in FUNCTIONS) == ("re", True)
                ):
                    assert isinstance(node, ast.Call)
                    yield path.relative_to(PACKAGE).as_posix(), function.name, node


def in_calls() -> Iterator[Found]:
    for path, name, call in calls():
        if isinstance(call.args[0], ast.Constant):
            assert isinstance(call.func, ast.Attribute)
            anywhere = call.func.attr not in ("match", "fullmatch")
            yield Found(call.args[0].value, 0, f"{path}:{name}", anywhere)


def sample(tree: Any, pick: int) -> str:
    """A text that a parsed pattern matches, or nearly."""
    text = ""
    for operation, argument in tree:
        match str(operation):
            case "LITERAL":
                text += chr(argument)
            case "NOT_LITERAL":
                text += "b" if argument == ord("a") else "a"
            case "ANY":
                text += "a"
            case "IN":
                text += _letter(argument, pick)
            case "BRANCH":
                text += sample(argument[1][pick % len(argument[1])], pick)
            case "SUBPATTERN":
                text += sample(argument[3], pick)
            case "ATOMIC_GROUP":
                text += sample(argument, pick)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                text += sample(argument[2], pick) * max(argument[0], 1 - pick)
    return text


_CATEGORIES = {
    "CATEGORY_DIGIT": "0123456789",
    "CATEGORY_SPACE": " \t",
    "CATEGORY_WORD": "aA0_",
    "CATEGORY_NOT_SPACE": "aA0._-/'\"$",
    "CATEGORY_NOT_WORD": " .-",
    "CATEGORY_NOT_DIGIT": "ab ",
}


def _letter(members: Any, pick: int) -> str:
    letters: set[str] = set()
    negated = False
    for operation, argument in members:
        match str(operation):
            case "NEGATE":
                negated = True
            case "LITERAL":
                letters.add(chr(argument))
            case "RANGE":
                letters.update(map(chr, range(argument[0], min(argument[1], 255) + 1)))
            case "CATEGORY":
                letters.update(_CATEGORIES.get(str(argument), "a"))
    if negated:
        letters = set(map(chr, range(32, 127))) - letters
    wanted = 'a 0./-_"' if pick == 0 else ' 0/-."_a'
    return next((letter for letter in wanted if letter in letters), min(letters, default="a"))


def repeated(tree: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """The parts that may be repeated without end, with a text that leads to them."""
    for index, (operation, argument) in enumerate(tree):
        here = before + sample(tree[:index], 0)
        match str(operation):
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                if int(argument[1]) >= LONG:
                    yield here, argument[2]
                yield from repeated(argument[2], here)
            case "SUBPATTERN":
                yield from repeated(argument[3], here)
            case "ATOMIC_GROUP":
                yield from repeated(argument, here)
            case "ASSERT" | "ASSERT_NOT":
                yield from repeated(argument[1], here)
            case "BRANCH":
                for branch in argument[1]:
                    yield from repeated(branch, here)


def attacks(found: Found) -> Iterator[tuple[str, str]]:
    """What to begin a text with, and what to repeat in it."""
    tree = _parser.parse(found.pattern, found.flags)
    made = [("", sample(tree, 0)), *(("", letter) for letter in ' a/"$')]
    for before, part in repeated(tree):
        for pick in (0, 1):
            unit = sample(part, pick)
            made += [(head, one) for head in ("", before) for one in (unit, before + unit)]
    yield from (one for one in dict.fromkeys(made) if one[1])


def _search(pattern: re.Pattern[Any], text: Any, anywhere: bool) -> float:
    """Seconds of a search or of a match, `ENOUGH` for one that takes longer."""

    def stop(_number: int, _frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    started = process_time()
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, ENOUGH)
        if anywhere:
            pattern.search(text)
        else:
            pattern.match(text)
            pattern.fullmatch(text)
    except TimeoutError:
        return ENOUGH
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    return process_time() - started


def slowest(found: Found) -> tuple[float, str]:
    """The most seconds that a text takes, and that text in words."""
    pattern = re.compile(found.pattern, found.flags)
    worst = (0.0, "")
    for head, unit in attacks(found):
        for tail in ("", "\x00!"):
            text: Any = head + unit * (SIZE // len(unit)) + tail
            if isinstance(found.pattern, bytes):
                text = text.encode("latin-1", "replace")
            seconds = _search(pattern, text, found.anywhere)
            if LIMIT < seconds < ENOUGH:  # once more: the machine may have been busy
                seconds = min(seconds, _search(pattern, text, found.anywhere))
            worst = max(worst, (seconds, f"{head!r} and then {unit!r} again and again, {tail!r}"))
            if seconds > LIMIT:
                return worst
    return worst


def test_every_pattern_takes_linear_time() -> None:
    every = [*compiled_at_import(), *in_calls()]
    assert len(every) > 450
    slow = []
    for found in every:
        text = found.pattern if isinstance(found.pattern, str) else found.pattern.decode("latin-1")
        if not any(part in text for part in SHORT):
            seconds, what = slowest(found)
            if seconds > LIMIT:
                slow.append(f"{found.where}: {text[:100]!r} takes {seconds:.2f} s on {what}")
    assert not slow, "\n".join(slow)


def test_patterns_made_at_run_time_are_known() -> None:
    made = {
        f"{path}:{name}"
        for path, name, call in calls()
        if not isinstance(call.args[0], ast.Constant) and call.func.attr in FUNCTIONS  # type: ignore[attr-defined]
    }
    assert made <= BOUNDED.keys(), made - BOUNDED.keys()


def test_slow_patterns_are_found() -> None:
    for pattern in (r"(a+)+$", r"\s+$x", r"[ab]*[bc]*d", r"a\d+b"):
        bad = pattern != r"a\d+b"
        assert (slowest(Found(pattern, 0, ""))[0] > LIMIT) is bad, pattern


def test_no_module_compiles_a_pattern_when_it_is_imported() -> None:
    inside = {(path, node.lineno) for path, _, node in calls()}
    everywhere = {
        (path.relative_to(PACKAGE).as_posix(), node.lineno)
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile"
    }
    assert everywhere <= inside, "iachygiene.lazy.regex compiles one when it is first used"
