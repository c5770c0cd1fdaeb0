"""Reading shell: a recursive-descent parser from text to the commands of `script.py`.

The grammar is bash's (https://www.gnu.org/software/bash/manual/bash.html), whatever shell
will run the script. What is read as a command, as an argument and as a script that does not
parse follows ShellCheck, on whose reading hadolint's rules stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from iachygiene.lazy import regex
from iachygiene.parse.script import Assignment, Command, Nesting, Pipeline, Script, Text, Word

MAX_NESTING = 50
"""Substitutions, subshells and compound commands inside each other."""
_NO_END = "a here-document has no end"
TOO_DEEP = f"the script nests deeper than {MAX_NESTING} levels"


def parse_shell(text: Text) -> Script:
    """Read a script; what follows a complete list and cannot go on from it is left out."""
    script = Script(text)
    parser = _Parser(script, text)
    try:
        parser.commands()
        if parser.pending:
            raise _Invalid(_NO_END)
    except _Invalid as problem:
        return Script(text, str(problem))
    return script


class _Invalid(Exception):
    """The script cannot be completed."""


_BLANK = regex(r"(?:[ \t\r]|\\\r?\n)*")
_COMMENT = regex(r"#[^\n]*")
_KEYWORD = regex(r"[a-z]+(?![^\s;&|<>()])|!(?=\s)")
_LITERAL = regex(r"[^ \t\r\n;&|<>()'\"\\$`{?*+@!]+")
_PLAIN_NAME = regex(r"[\w.:+-]+")
_EXTENDED_GLOB = regex(r"[?*+@]\(")
_QUOTED = regex(r'[^"\\$`]+')
_ANSI = regex(r"\$'(?:[^'\\]|\\.)*'", re.DOTALL)
_BACKTICKS = regex(r"`((?:[^`\\]|\\.)*)`", re.DOTALL)
_IN_SUM = regex(r"[^()\"'\\$`]+")
_TWO_OPERANDS = regex(r"\w[ \t]+\w")
_UNFINISHED_SUM = regex(r"(?:[<>=*/%&|^,]|(?<!\+)\+|(?<!-)-)[ \t]{0,8}\Z")
_IN_PARAMETER = regex(r"[^}\"'\\$`]+")
_PARAMETER = regex(r"\$\{[A-Za-z_0-9]+\}")
_ASSIGNMENT = regex(r"([A-Za-z_]\w*)(?:\[[^\]\s]*\])?\+?=", re.ASCII)
_REDIRECTION = regex(
    r"(?:\d+|\{[A-Za-z_]\w*\})?(?:&>>|&>|<<<|<<-|<<|<&|<>|>>|>&|>\||<(?!\()|>(?!\())", re.ASCII
)
_VARIABLE = regex(r"[A-Za-z_]\w*|[0-9@*#?$!_-]", re.ASCII)
_PARENTHESES = regex(r"[ \t\r]*\([ \t\r]*\)")
_FUNCTION_NAME = regex(r"[^\s;&|<>()'\"\\$`{}]+(?:[ \t\r]*\([ \t\r]*\))?")
_NAME = regex(r"[A-Za-z_]\w*", re.ASCII)
_OPERATOR = regex(r"\\?(?:==|!=|<=|>=|=~|[><=])|-(?!(?:a|o)(?![A-Za-z]))[A-Za-z]+")
_UNARY = regex(r"-[A-Za-z]+")
_JUNCTION = regex(r"\|\||&&|-[ao](?=[\s\\])")
_BRACE_STEP = regex(r"[^\s{},;&|<>()'\"\\$`.]+|[{},]|\.\.?|\\.|\$(?!\()|\"[^\"\\$`]*\"|'[^']*'")
_HEREDOC_WORD = regex(r"(?:[^\s;&|<>()'\"\\]|'[^'\n]*'|\"[^\"\n]*\"|\\.)+")
_QUOTES = regex(r"['\"\\]")

_WORD_ENDS = frozenset(" \t\r\n;&|<>()")
_CLOSERS = frozenset(("then", "do", "done", "fi", "esac", "elif", "else"))
_WRAPPERS = frozenset(("command", "builtin", "exec", "busybox"))
_DECLARING = frozenset(("export", "declare", "typeset", "local", "readonly"))


class _Parser:
    __slots__ = (
        *("braces", "braces_end", "depth", "end", "here", "no_sums", "pending"),
        *("s", "script", "source"),
    )

    def __init__(self, script: Script, source: Text, depth: int = 0) -> None:
        self.script = script
        self.source = source
        self.s = source.string
        self.end = len(self.s)
        self.here = 0
        self.depth = depth
        self.pending: list[tuple[str, bool]] = []
        self.no_sums: set[int] = set()
        self.braces: dict[int, int] = {}
        self.braces_end = 0

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise _Invalid(TOO_DEEP)

    # Blanks, line ends and tokens

    def blanks(self) -> None:
        here = _BLANK.match(self.s, self.here, self.end).end()  # type: ignore[union-attr]
        if here < self.end and self.s[here] == "#":
            here = _COMMENT.match(self.s, here, self.end).end()  # type: ignore[union-attr]
        self.here = here

    def line_breaks(self) -> None:
        self.blanks()
        while self.here < self.end and self.s[self.here] == "\n":
            self.here += 1
            if self.pending:
                self.skip_heredocs()
            self.blanks()

    def skip_heredocs(self) -> None:
        pending, self.pending = self.pending, []
        for word, dash in pending:
            line = None
            while line != word:
                if self.here >= self.end:
                    raise _Invalid(_NO_END)
                stop = self.s.find("\n", self.here, self.end)
                stop = self.end if stop == -1 else stop
                line = self.s[self.here : stop].removesuffix("\r")
                line = line.lstrip("\t") if dash else line
                self.here = stop + 1
            self.here = min(self.here, self.end)

    def at(self, token: str) -> bool:
        return self.s.startswith(token, self.here, self.end)

    def keyword(self) -> str:
        found = _KEYWORD.match(self.s, self.here, self.end)
        return found[0] if found else ""

    def expect(self, word: str) -> None:
        if self.keyword() != word:
            raise _Invalid(f"`{word}` is missing")
        self.here += len(word)

    def symbol(self, symbol: str) -> None:
        if not self.at(symbol):
            raise _Invalid(f"`{symbol}` is missing")
        self.here += len(symbol)

    # Lists and pipelines

    def commands(self, nesting: Nesting = (), required: bool = False) -> None:
        """Read a list up to what cannot belong to it."""
        self.line_breaks()
        if not self.and_or(nesting, ""):
            if required:
                raise _Invalid("a command is missing")
            return
        while True:
            self.blanks()
            operator = self.separator()
            if not operator:
                return
            self.line_breaks()
            if not self.and_or(nesting, operator):
                return

    def separator(self) -> str:
        if self.here >= self.end:
            return ""
        letter = self.s[self.here]
        if letter == "\n":
            return letter
        if (letter == ";" and not self.at(";;") and not self.at(";&")) or (
            letter == "&" and not self.at("&&")
        ):
            self.here += 1
            return letter
        return ""

    def and_or(self, nesting: Nesting, operator: str) -> bool:
        if not self.pipeline(nesting, operator):
            return False
        while True:
            self.blanks()
            if not (self.at("&&") or self.at("||")):
                return True
            operator = self.s[self.here : self.here + 2]
            self.here += 2
            self.line_breaks()
            if not self.pipeline(nesting, operator):
                raise _Invalid(f"nothing follows `{operator}`")

    def pipeline(self, nesting: Nesting, operator: str) -> bool:
        negated = self.keyword() == "!"
        if negated:
            self.here += 1
            self.blanks()
        edges = [len(self.script.commands)]
        if not self.command(nesting, operator):
            if negated:
                raise _Invalid("nothing follows `!`")
            return False
        bar = -1
        while True:
            self.blanks()
            if not self.at("|") or self.at("||"):
                break
            bar = self.here if bar == -1 else bar
            edges.append(len(self.script.commands))
            operator = "|&" if self.at("|&") else "|"
            self.here += len(operator)
            self.line_breaks()
            # Only here is a closing brace taken for the name of a command.
            brace = self.at("}") and self.simple_command(nesting, operator)
            if not (brace or self.command(nesting, operator)):
                raise _Invalid("nothing follows `|`")
        if bar != -1:
            commands = self.script.commands
            edges.append(len(commands))
            elements = [commands[a:b] for a, b in pairwise(edges)]
            place = self.source.location(bar, bar + 1)
            self.script.pipelines.append(Pipeline(place, elements))
        return True

    # Compound commands

    def command(self, nesting: Nesting, operator: str) -> bool:
        if self.here >= self.end:
            return False
        letter = self.s[self.here]
        if letter == "(":
            self.parentheses(nesting)
        elif letter == "{":
            # Also of `{name}>file`, as ShellCheck has it, and then without an end.
            self.group(nesting)
        elif letter == "[":
            self.condition()
        elif letter == "}":
            return False
        else:
            word = self.keyword() if "a" <= letter <= "z" else ""
            if word in _CLOSERS:
                return False
            read = _COMPOUND.get(word)
            if read is None:
                return self.simple_command(nesting, operator)
            self.here += len(word)
            self.enter()
            read(self, nesting)
            self.depth -= 1
        self.redirections()
        return True

    def timed(self, nesting: Nesting, operator: str) -> None:
        """Read what follows `time`: its options, and a pipeline."""
        self.blanks()
        while self.at("-"):
            self.word(nesting)
            self.blanks()
        self.enter()
        self.pipeline(nesting, operator)
        self.depth -= 1

    def redirections(self) -> None:
        self.blanks()
        while self.redirection():
            self.blanks()

    def parentheses(self, nesting: Nesting) -> None:
        if self.at("((") and self.sum(self.here, self.here + 2):
            return
        self.here += 1
        self.enter()
        self.commands((*nesting, "("), required=True)
        self.line_breaks()
        self.symbol(")")
        self.depth -= 1

    def group(self, nesting: Nesting) -> None:
        self.symbol("{")
        self.enter()
        self.commands((*nesting, "{"), required=True)
        self.line_breaks()
        self.symbol("}")
        self.depth -= 1

    def read_if(self, nesting: Nesting) -> None:
        self.commands((*nesting, "if"), required=True)
        self.expect("then")
        self.commands((*nesting, "then"), required=True)
        while self.keyword() == "elif":
            self.here += 4
            self.commands((*nesting, "if"), required=True)
            self.expect("then")
            self.commands((*nesting, "then"), required=True)
        if self.keyword() == "else":
            self.here += 4
            self.commands((*nesting, "else"), required=True)
        self.expect("fi")

    def read_while(self, nesting: Nesting) -> None:
        self.commands((*nesting, "while"), required=True)
        self.read_body(nesting)

    def read_body(self, nesting: Nesting) -> None:
        self.expect("do")
        self.commands((*nesting, "do"), required=True)
        self.expect("done")

    def read_for(self, nesting: Nesting) -> None:
        self.blanks()
        if self.at("(("):
            if not self.sum(self.here, self.here + 2, separators=True):
                raise _Invalid("`))` is missing")
        else:
            self.name()
            self.line_breaks()
            if self.keyword() == "in":
                self.here += 2
                self.blanks()
                while (
                    self.here < self.end
                    and self.s[self.here] not in ";\n"
                    and self.keyword() != "do"
                ):
                    self.word(nesting)
                    self.blanks()
        self.blanks()
        if self.at(";"):
            self.here += 1
        self.line_breaks()
        if self.at("{"):
            self.group(nesting)
        else:
            self.read_body(nesting)

    def name(self) -> None:
        found = _NAME.match(self.s, self.here, self.end)
        if not found:
            raise _Invalid("a name is missing")
        self.here = found.end()

    def read_case(self, nesting: Nesting) -> None:
        self.blanks()
        self.word(nesting)
        self.line_breaks()
        self.expect("in")
        self.line_breaks()
        while self.keyword() != "esac":
            if self.at("("):
                self.here += 1
                self.blanks()
            self.word(nesting)
            self.blanks()
            while self.at("|"):
                self.here += 1
                self.blanks()
                self.word(nesting)
                self.blanks()
            self.symbol(")")
            self.commands((*nesting, "case"))
            self.line_breaks()
            if self.at(";;") or self.at(";&"):
                self.here += 3 if self.at(";;&") else 2
                self.line_breaks()
            elif self.keyword() != "esac":
                raise _Invalid("`;;` is missing")
        self.expect("esac")

    def read_function(self, nesting: Nesting) -> None:
        self.blanks()
        found = _FUNCTION_NAME.match(self.s, self.here, self.end)
        if not found:
            raise _Invalid("the function has no name")
        self.here = found.end()
        self.function_body(nesting)

    def function_body(self, nesting: Nesting) -> None:
        self.line_breaks()
        if self.at("("):
            self.parentheses((*nesting, "function"))
        else:
            self.group((*nesting, "function"))

    def read_coprocess(self, nesting: Nesting) -> None:
        self.blanks()
        if not self.command(nesting, ""):
            raise _Invalid("nothing follows `coproc`")

    # Test expressions

    def condition(self) -> None:
        self.here += 2 if self.at("[[") else 1
        start = self.here
        self.line_breaks()
        self.enter()
        if not (self.at("]") and self.here > start):
            self.junction()
        self.depth -= 1
        self.line_breaks()
        self.here += 1 if self.at("]]") else 0
        self.symbol("]")

    def junction(self) -> None:
        self.term()
        self.line_breaks()
        while found := _JUNCTION.match(self.s, self.here, self.end):
            self.here = found.end()
            self.line_breaks()
            self.term()
            self.line_breaks()

    def term(self) -> None:
        while self.at("!") and not self.at("!("):
            self.here += 1
            self.line_breaks()
        if self.at("(") or self.at("\\("):
            self.here += 1 if self.at("(") else 2
            self.line_breaks()
            self.enter()
            self.junction()
            self.depth -= 1
            self.here += 1 if self.at("\\)") else 0
            self.symbol(")")
            return
        unary = _UNARY.match(self.s, self.here, self.end)
        if unary:
            self.here = unary.end()
            self.blanks()
            self.operand()
            return
        self.operand()
        self.blanks()
        operator = _OPERATOR.match(self.s, self.here, self.end)
        if operator:
            self.here = operator.end()
            self.line_breaks()
            if operator[0] == "=~":
                self.pattern()
            else:
                self.operand()

    def operand(self) -> None:
        if self.at("]") or self.here >= self.end:
            raise _Invalid("an operand is missing")
        raw = self.word(()).raw
        if raw.endswith("]") and "[" not in raw:
            raise _Invalid("no blank before `]`")

    def pattern(self) -> None:
        start, level = self.here, 0
        while self.here < self.end:
            letter = self.s[self.here]
            if letter in "()":
                level += 1 if letter == "(" else -1
                if level < 0:
                    break
                self.here += 1
            elif letter in "|<>;&" or (letter in " \t" and level > 0):
                self.here += 1
            elif letter in " \t\r\n":
                break
            else:
                self.word(())
        if self.here == start or level > 0:
            raise _Invalid("the pattern is not complete")

    # Simple commands

    def simple_command(self, nesting: Nesting, operator: str) -> bool:
        mark, start = len(self.script.commands), self.here
        if _EXTENDED_GLOB.match(self.s, start, self.end):
            raise _Invalid("a pattern stands for a command")
        words: list[Word] = []
        assignments: list[Assignment] = []
        while self.here < self.end:
            letter = self.s[self.here]
            if letter in ";|)\n" or (letter == "&" and not self.at("&>")):
                break
            if letter in "<>&0123456789{" and self.redirection():
                pass
            elif letter == "(":
                named = len(words) == 1 and not assignments
                found = _PARENTHESES.match(self.s, self.here, self.end) if named else None
                if named and not found and _PLAIN_NAME.fullmatch(words[0].raw):
                    raise _Invalid("`)` of a function is missing")
                if not found:
                    break
                self.here = found.end()
                self.function_body(nesting)
                self.redirections()
                return True
            else:
                declares = bool(words) and words[0].text in _DECLARING
                assignment = self.assignment(nesting) if declares or not words else None
                if assignment:
                    assignments.append(assignment)
                    if declares:
                        words.append(assignment.word)
                else:
                    words.append(self.word(nesting))
                    if len(words) == 1 and words[0].text == "time" and words[0].literal:
                        timed = Command(words[0], words, assignments, operator, nesting)
                        self.script.commands.insert(mark, timed)
                        self.timed(nesting, operator)
                        return True
            self.blanks()
        if words:
            name = _name_of(words)
            if name:
                command = Command(name, words, assignments, operator, nesting)
                self.script.commands.insert(mark, command)
        else:
            self.script.assignments += assignments
        return self.here > start

    def assignment(self, nesting: Nesting) -> Assignment | None:
        found = _ASSIGNMENT.match(self.s, self.here, self.end)
        if not found:
            return None
        start = self.here
        self.here = found.end()
        literal = True
        value: str | None = ""
        if self.at("("):
            self.array(nesting)
            value = None
        elif self.here < self.end and self.s[self.here] not in _WORD_ENDS:
            word = self.word(nesting)
            value, literal = word.text, word.literal
        text = self.s[start : found.end()] + (value or "")
        return Assignment(found[1], value, Word(self.source, start, self.here, text, literal))

    def array(self, nesting: Nesting) -> None:
        self.here += 1
        self.line_breaks()
        while not self.at(")"):
            if self.here >= self.end:
                raise _Invalid("`)` is missing")
            self.word(nesting)
            self.line_breaks()
        self.here += 1

    def redirection(self) -> bool:
        found = _REDIRECTION.match(self.s, self.here, self.end)
        if not found:
            return False
        self.here = found.end()
        self.blanks()
        if found[0].endswith(("<<", "<<-")) and not found[0].endswith("<<<"):
            word = _HEREDOC_WORD.match(self.s, self.here, self.end)
            if not word:
                raise _Invalid("the here-document has no name")
            self.here = word.end()
            self.pending.append((_QUOTES.sub("", word[0]), found[0].endswith("-")))
        else:
            self.word(())
        return True

    # Words

    def word(self, nesting: Nesting) -> Word:
        s, start, end = self.s, self.here, self.end
        found = _LITERAL.match(s, start, end)
        if found and (found.end() >= end or s[found.end()] in _WORD_ENDS):
            self.here = stop = found.end()
            if stop >= end or s[stop] not in "<>" or not s.startswith("(", stop + 1, end):
                return Word(self.source, start, stop, found[0], True)
            self.here = start
        parts: list[str] = []
        literal = True
        while self.here < end:
            letter = s[self.here]
            if letter in "<>" and s.startswith("(", self.here + 1, end):
                self.substitution(nesting, "(")
                literal = False
            elif letter in _WORD_ENDS:
                break
            else:
                literal = self.piece(letter, nesting, parts) and literal
        if self.here == start:
            raise _Invalid("a word is missing")
        return Word(self.source, start, self.here, "".join(parts), literal)

    def piece(self, letter: str, nesting: Nesting, parts: list[str]) -> bool:
        """Read one piece of a word; False where the shell would expand it."""
        s, here, end = self.s, self.here, self.end
        found = _LITERAL.match(s, here, end)
        if found:
            parts.append(found[0])
            self.here = found.end()
        elif letter == '"':
            return self.double_quoted(nesting, parts)
        elif letter == "$" or letter == "`":
            return self.expansion(nesting, parts, quoted=False)
        elif letter == "'":
            close = s.find("'", here + 1, end)
            if close == -1:
                raise _Invalid("a single quote is not closed")
            parts.append(s[here + 1 : close])
            self.here = close + 1
        elif letter == "\\":
            # A line break that is escaped vanishes, everything else stays.
            escaped = s[here + 1 : min(here + 2, end)]
            parts.append("" if escaped == "\n" else escaped or "\\")
            self.here = min(here + 2, end)
        elif letter == "{":
            close = self.brace_end(here)
            parts.append("" if close else "{")
            self.here = close or here + 1
        else:
            self.here += 1
            if s.startswith("(", self.here, end):
                self.extended_glob(nesting)
            parts.append(s[here : self.here])
        return True

    def extended_glob(self, nesting: Nesting) -> None:
        self.enter()
        self.here += 1
        while not self.at(")"):
            if self.here >= self.end:
                raise _Invalid("`)` is missing")
            if self.s[self.here] in "| \t\r\n":
                self.here += 1
            else:
                self.word(nesting)
        self.here += 1
        self.depth -= 1

    def brace_end(self, start: int) -> int:
        """Where the brace expansion that begins here ends, 0 where none does."""
        if start >= self.braces_end:
            open_braces: list[list[int]] = []
            here = start
            while found := _BRACE_STEP.match(self.s, here, self.end):
                token, here = found[0], found.end()
                if token == "{":
                    open_braces.append([found.start(), 0])
                elif token == "}" and open_braces:
                    opened, lists = open_braces.pop()
                    if lists:
                        self.braces[opened] = here
                elif token in (",", "..") and open_braces:
                    open_braces[-1][1] = 1
            self.braces_end = max(here, start + 1)
        return self.braces.get(start, 0)

    def double_quoted(self, nesting: Nesting, parts: list[str]) -> bool:
        s = self.s
        self.here += 1
        literal = True
        while self.here < self.end:
            letter = s[self.here]
            if letter == '"':
                self.here += 1
                return literal
            if letter == "\\":
                escaped = s[self.here + 1 : min(self.here + 2, self.end)]
                if escaped != "\n":
                    parts.append(escaped if escaped in '$`"\\' else "\\" + escaped)
                self.here += 2
            elif letter in "$`":
                literal = self.expansion(nesting, parts, quoted=True) and literal
            else:
                found = _QUOTED.match(s, self.here, self.end)
                parts.append(found[0] if found else letter)
                self.here = found.end() if found else self.here + 1
        raise _Invalid("a double quote is not closed")

    # Expansions

    def expansion(self, nesting: Nesting, parts: list[str], quoted: bool) -> bool:
        s, here, end = self.s, self.here, self.end
        if s[here] == "`":
            self.backticks(nesting, quoted)
            parts.append("${VAR}")
            return False
        found = _PARAMETER.match(s, here, end)
        if found:
            self.here = found.end()
            parts.append(found[0])
            return False
        follower = s[here + 1] if here + 1 < end else ""
        if follower == "(":
            is_sum = self.at("$((") and self.sum(here, here + 3)
            parts.append("${VAR}" if is_sum else self.substitution(nesting, "$("))
        elif follower == "{":
            self.parameter(nesting, quoted)
            parts.append(s[here : self.here])
        elif found := _VARIABLE.match(s, here + 1, end):
            self.here = found.end()
            parts.append(f"${{{found[0]}}}")
        elif follower == "[":
            close = s.find("]", here, end)
            if close == -1:
                raise _Invalid("`]` is missing")
            self.here = close + 1
            parts.append("${VAR}")
        elif follower == "'" and not quoted:
            found = _ANSI.match(s, here, end)
            if not found:
                raise _Invalid("a single quote is not closed")
            self.here = found.end()
            parts.append(found[0][2:-1])
            return True
        elif follower == '"' and not quoted:
            self.here += 1
            return self.double_quoted(nesting, parts)
        else:
            self.here += 1
            parts.append("$")
            return True
        return False

    def sum(self, start: int, inside: int, separators: bool = False) -> bool:
        """Read arithmetic whose contents begin at `inside`; False where it is none.

        `separators` allows semicolons, which only the head of a `for` has.
        """
        if start in self.no_sums:
            return False
        mark, bars = len(self.script.commands), len(self.script.pipelines)
        level = 0
        self.here = inside
        self.enter()
        while self.here < self.end:
            letter = self.s[self.here]
            if letter == ")" and level == 0:
                if not self.s.startswith("))", self.here, self.end):
                    break
                if _UNFINISHED_SUM.search(self.s, max(inside, self.here - 9), self.here):
                    break
                self.here += 2
                self.depth -= 1
                return True
            found = _IN_SUM.match(self.s, self.here, self.end)
            if found:
                if (not separators and ";" in found[0]) or _TWO_OPERANDS.search(found[0]):
                    break
                self.here = found.end()
            elif letter in "$`":
                self.expansion((), [], quoted=False)
            elif letter == '"':
                self.double_quoted((), [])
            else:
                level += (letter == "(") - (letter == ")")
                self.here += 2 if letter == "\\" else 1
        self.depth -= 1
        self.no_sums.add(start)
        self.here = start
        del self.script.commands[mark:], self.script.pipelines[bars:]
        return False

    def substitution(self, nesting: Nesting, opening: str) -> str:
        """Read `$(...)`, `<(...)` or `>(...)`, and give the text that stands for it."""
        self.here += 2
        self.enter()
        mark, inside = len(self.script.commands), (*nesting, opening)
        self.commands(inside)
        self.line_breaks()
        self.symbol(")")
        self.depth -= 1
        level = len(inside)
        own = [command for command in self.script.commands[mark:] if len(command.nesting) == level]
        if len(own) != 1 or own[0].operator:
            return "${}"
        return "${" + " ".join(word.text for word in own[0].words) + "}"

    def parameter(self, nesting: Nesting, quoted: bool) -> None:
        self.here += 2
        self.enter()
        if self.here < self.end and self.s[self.here] in " \t\n|":
            self.here += 1
            self.commands((*nesting, "${"))
            self.line_breaks()
        while self.here < self.end:
            letter = self.s[self.here]
            if letter == "}":
                self.here += 1
                self.depth -= 1
                return
            found = _IN_PARAMETER.match(self.s, self.here, self.end)
            if found:
                self.here = found.end()
            elif letter in "$`":
                self.expansion(nesting, [], quoted)
            elif letter == '"':
                self.double_quoted(nesting, [])
            elif letter == "'" and not quoted:
                self.piece(letter, nesting, [])
            else:
                self.here += 2 if letter == "\\" else 1
        raise _Invalid("`}` is missing")

    def backticks(self, nesting: Nesting, quoted: bool) -> None:
        found = _BACKTICKS.match(self.s, self.here, self.end)
        if not found:
            raise _Invalid("a backtick is not closed")
        self.enter()
        if "\\" in found[1]:
            source = self.unescaped(found.start(1), found.end(1), quoted)
            self.read_all(_Parser(self.script, source, self.depth), nesting)
        else:
            end, self.end, self.here = self.end, found.end(1), found.start(1)
            self.read_all(self, nesting)
            self.end = end
        self.here = found.end()
        self.depth -= 1

    def read_all(self, parser: _Parser, nesting: Nesting) -> None:
        parser.commands((*nesting, "`"))
        parser.line_breaks()
        if parser.here < parser.end:
            raise _Invalid("the text in backticks is not complete")

    def unescaped(self, start: int, end: int, quoted: bool) -> Text:
        """The text in backticks without the backslashes that only protect it there."""
        escaped = '$`\\"' if quoted else "$`\\"
        kept: list[int] = []
        here = start
        while here < end:
            if self.s[here] == "\\" and here + 1 < end and self.s[here + 1] in escaped:
                here += 1
            kept.append(here)
            here += 1
        string = "".join([self.s[place] for place in kept])
        origins = [self.source.origin(place) for place in kept] or [self.source.origin(start)]
        return Text(self.source.path, string, origins, range(len(origins)))


_COMPOUND: dict[str, Callable[[_Parser, Nesting], None]] = {
    "if": _Parser.read_if,
    "while": _Parser.read_while,
    "until": _Parser.read_while,
    "for": _Parser.read_for,
    "select": _Parser.read_for,
    "case": _Parser.read_case,
    "function": _Parser.read_function,
    "coproc": _Parser.read_coprocess,
}


def _name_of(words: list[Word]) -> Word | None:
    """The word that names a command, None where it is known only when the script runs."""
    first = words[0]
    if not first.literal:
        return None
    if first.text not in _WRAPPERS or len(words) == 1:
        return first
    here = 1
    if first.text == "exec":
        while here < len(words) and words[here].text.startswith("-"):
            here += 2 if words[here].text == "-a" else 1
        if here >= len(words):
            return first
    elif words[1].text.startswith("-"):
        return first
    return words[here] if words[here].literal else None
