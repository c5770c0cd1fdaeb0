"""Tokens of HCL text, with their places.

The scanner has three modes: outside of strings, inside `"..."`, and inside a heredoc.
It never fails: what is no token has the kind `INVALID` and is the last token before the
end; the syntax check decides whether that token is reached. Source of the forms: the
specification of the HCL native syntax,
https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md
"""

from __future__ import annotations

import re
from itertools import accumulate

from iachygiene.lazy import regex

# A kind is one character, so that the kinds of a file are a string.
NEWLINE = "n"
LINE_COMMENT = "#"  # includes its line end, and stands for it
COMMENT = "c"  # /* */, or a comment that ends with the file
NAME = "i"
FOR, IF, IN, CONSTANT, ELSE, ENDIF, ENDFOR = "fINKlmg"  # names, too: CONSTANT is true, false, null
INTEGER = "0"
DECIMAL = "9"  # a number with a point
STRING = "s"  # a quoted string without sequences, quotes included
OPEN_QUOTE = '"'  # of a string with sequences
CLOSE_QUOTE = "'"
TEXT = "t"  # in a string with sequences, or in a heredoc
HEREDOC = "h"  # <<NAME with its line end
HEREDOC_END = "e"  # the whole last line without its line end
INTERPOLATION = "$"
DIRECTIVE = "D"
SEQUENCE_END = "~"
MINUS = "-"
STAR = "*"
OPERATOR = "o"  # the other binary operators
ARROW = ">"
ELLIPSIS = "&"
NAMESPACE = ";"
INVALID = "x"
END = "z"  # the end of the file, with the blanks before it

NAMES = frozenset(NAME + FOR + IF + IN + CONSTANT + ELSE + ENDIF + ENDFOR)
COMMENTS = frozenset(LINE_COMMENT + COMMENT)

_FIXED = {
    **{mark: mark for mark in "()[]{}=.,?:!-*"},
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "&&", "||", "+", "/", "%"), OPERATOR),
    **dict.fromkeys(("true", "false", "null"), CONSTANT),
    "for": FOR,
    "if": IF,
    "in": IN,
    "else": ELSE,
    "endif": ENDIF,
    "endfor": ENDFOR,
    "=>": ARROW,
    "...": ELLIPSIS,
    "::": NAMESPACE,
    "~}": SEQUENCE_END,
    "\n": NEWLINE,
    "\r\n": NEWLINE,
    '"': OPEN_QUOTE,
    "": END,
}

# Names take every non-ASCII character here and are looked at again: classes with wide
# Unicode ranges are slow to compile.
_NAME = r"[^\x00-\x40\x5b-\x5e\x60\x7b-\x7f][^\x00-\x2c\x2e\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]*"
_NORMAL = regex(
    rf"""[ \t]*(
      {_NAME}
    | \r?\n
    | "[^"\\$%\r\n]*(?:
          (?:\\[nrt"\\] | \\u[0-9a-fA-F]{{4}} | \\U[0-9a-fA-F]{{8}} | \$\$\{{ | %%\{{ | [$%](?!\{{))
          [^"\\$%\r\n]*)*"
    | [0-9]+(?:\.*(?:[0-9]|[eE][+-]?[0-9]))*
    | \#[^\n]*\n? | //[^\n]*\n?
    | /\*[^*]*(?:\*(?!/)[^*]*)*(?:\*/)?
    | <<-?{_NAME}\r?\n
    | [=!<>]=|&&|\|\||=>|::|\.\.\.|~\}}|[-+*/%<>=!?:.,()\[\]{{}}"]
    | [^ \t]
    | \Z
    )""",
    re.X,
)
_QUOTED = regex(
    r"""(\$\$\{~?|%%\{~?|(?:[^$%"\\\r\n]|\\[^\r\n])+)|(\$\{~?|%\{~?)|(")|([$%])|[\s\S]"""
)
_HEREDOC_TEXT = regex(r"[^$%\n]*(?:(?:\$\$\{|%%\{|[$%](?!\{))[^$%\n]*)*\n?")
_ESCAPES = regex(r"[^\\]*(?:\\(?:[nrt\"\\]|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})[^\\]*)*")
_CODES = regex(r"\\(?:[nrt\"\\]|(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}))")
_NUMBER = regex(r"[0-9]+(\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
_LONE_RETURN = regex(r"\r(?!\n)")
# A lone surrogate is a byte that was not UTF-8. The reference takes the three bytes of an
# encoded surrogate for a character.
_SURROGATE = regex(r"\udced[\udca0-\udcbf][\udc80-\udcbf]|([\ud800-\udfff])")
# Unicode's White_Space: str.strip() would also take U+001C to U+001F.
_WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_REMEMBERED = 50_000


class Tokens:
    """The tokens of a text: kinds, texts and end offsets (code points), side by side.

    The last token has the kind `END` unless the scanner gave up on an `INVALID` one.
    """

    __slots__ = ("ends", "kinds", "texts")

    def __init__(self, kinds: str, texts: list[str], ends: list[int]) -> None:
        self.kinds = kinds
        self.texts = texts
        self.ends = ends

    def start(self, index: int) -> int:
        """Where a token starts, in code points."""
        return self.ends[index] - len(self.texts[index])


class _Kinds(dict[str, str]):
    """The kind of each token text outside of strings; remembers names and short strings."""

    def __missing__(self, text: str) -> str:
        first = text[0]
        if first == "#" or text.startswith("//"):
            return LINE_COMMENT if text[-1] == "\n" else COMMENT
        if first == "/":
            return COMMENT if len(text) >= 4 and text.endswith("*/") else INVALID
        if first == "<":
            return HEREDOC if text.isascii() or bad_character(heredoc_name(text)) < 0 else INVALID
        if first == '"':
            kind = INVALID if bad_escape(text) >= 0 or bad_byte(text) >= 0 else STRING
        elif first in "0123456789":
            number = _NUMBER.fullmatch(text)
            kind = INVALID if not number else DECIMAL if number[1] else INTEGER
        elif text.isascii():
            kind = NAME if first.isalpha() or first == "_" else INVALID
        else:
            kind = NAME if bad_character(text) < 0 else INVALID
        if len(self) >= _REMEMBERED:
            self.clear()
            self.update(_FIXED)
        if len(text) < 200:
            self[text] = kind
        return kind


_KINDS = _Kinds(_FIXED)
_TURNS = frozenset((OPEN_QUOTE, HEREDOC, "{", "}", SEQUENCE_END, INVALID, END))


def bad_escape(text: str) -> int:
    """Where the first illegal escape sequence of a quoted text starts, -1 without one."""
    if "\\" not in text:
        return -1
    legal = _ESCAPES.match(text)
    end = legal.end() if legal else 0
    if "\\u" in text or "\\U" in text:
        for match in _CODES.finditer(text, 0, end):
            if match[1] and not _is_scalar(int(match[1][1:], 16)):
                return match.start()
    return end if end < len(text) else -1


def bad_byte(text: str) -> int:
    """Where the first byte stands that was not UTF-8, -1 without one."""
    if text.isascii():
        return -1
    return next((match.start() for match in _SURROGATE.finditer(text) if match[1]), -1)


def _is_scalar(code: int) -> bool:
    return code < 0xD800 or 0xDFFF < code < 0x110000


def bad_character(name: str) -> int:
    """Where the first character stands that may not be in such a name, -1 without one."""
    if name.isascii():
        return -1
    from iachygiene.hcl.unicode import may_continue, may_start

    for index, character in enumerate(name):
        if not character.isascii() and not (may_continue if index else may_start)(character):
            return index
    return -1


def heredoc_name(opener: str) -> str:
    """The name in the opener of a heredoc."""
    return opener.rstrip("\r\n").lstrip("<").removeprefix("-")


def is_heredoc_end(line: str, name: str) -> bool:
    """Whether a line, given without its line end, ends the heredoc of that name."""
    return line.strip(_WHITE_SPACE) == name


def text_pieces(text: str) -> list[str]:
    """The tokens of the inside of a quoted string without sequences."""
    return [match[0] for match in _QUOTED.finditer(text)]


def scan_plain(text: str) -> Tokens | None:
    """The tokens of a text without template sequences and heredocs, much faster; else None.

    They come without `ends`.
    """
    texts = _NORMAL.findall(text)
    kinds = "".join(map(_KINDS.__getitem__, texts))
    return None if _NOT_PLAIN.search(kinds) else Tokens(kinds, texts, [])


_NOT_PLAIN = regex(rf'["{HEREDOC}{SEQUENCE_END}{INVALID}]')


def scan(text: str) -> Tokens:
    """The tokens of a whole text. Takes time in proportion to its length."""
    kinds: list[str] = []
    texts: list[str] = []
    ends: list[int] = []
    # What encloses the place, innermost last: QUOTE, a heredoc's name after "<",
    # "$" for a sequence, "{" for a brace inside a sequence.
    modes: list[str] = []
    position = 0
    while not kinds or kinds[-1] not in (END, INVALID):
        mode = modes[-1] if modes else ""
        if mode == OPEN_QUOTE:
            position = _scan_quoted(text, position, modes, kinds, texts, ends)
        elif mode.startswith("<"):
            position = _scan_heredoc(text, position, modes, kinds, texts, ends)
        else:
            position = _scan_normal(text, position, modes, kinds, texts, ends)
    return Tokens("".join(kinds), texts, ends)


def _scan_normal(
    text: str,
    position: int,
    modes: list[str],
    kinds: list[str],
    texts: list[str],
    ends: list[int],
) -> int:
    """Add tokens until the mode changes or the text ends; give the place reached."""
    for match in _NORMAL.finditer(text, position):
        lexeme = match[1]
        kind = _KINDS[lexeme]
        if kind in _TURNS:
            if kind == "{" and modes:
                modes.append("{")
            elif kind == "}" and modes:
                if modes.pop() == "$":
                    kind = SEQUENCE_END
            elif kind == SEQUENCE_END and (not modes or modes.pop() != "$"):
                kind = INVALID
            elif kind == OPEN_QUOTE:
                modes.append(OPEN_QUOTE)
            elif kind == HEREDOC:
                modes.append("<" + heredoc_name(lexeme))
            elif kind == INVALID:
                _add_invalid(lexeme, match.end(), kinds, texts, ends)
                return match.end()
            if kind not in "{}":
                kinds.append(kind)
                texts.append(lexeme)
                ends.append(match.end())
                return match.end()
        kinds.append(kind)
        texts.append(lexeme)
        ends.append(match.end())
    raise AssertionError("the end of the text is a token")


def _add_invalid(
    lexeme: str, end: int, kinds: list[str], texts: list[str], ends: list[int]
) -> None:
    """Add an invalid token; of a name that turns invalid, its good beginning as a name."""
    if lexeme[0] not in '"/<0123456789':
        bad = max(bad_character(lexeme), 0)
        end -= len(lexeme) - bad
        if bad:
            kinds.append(NAME)
            texts.append(lexeme[:bad])
            ends.append(end)
        lexeme = lexeme[bad]
        end += 1
    kinds.append(INVALID)
    texts.append(lexeme)
    ends.append(end)


def _scan_quoted(
    text: str,
    position: int,
    modes: list[str],
    kinds: list[str],
    texts: list[str],
    ends: list[int],
) -> int:
    """Add the tokens up to a sequence or behind the closing quote."""
    for match in _QUOTED.finditer(text, position):
        lexeme = match[0]
        position = match.end()
        which = match.lastindex
        if which in (1, 4):
            bad = bad_escape(lexeme) >= 0 or bad_byte(lexeme) >= 0
            kind = INVALID if bad else TEXT
        elif which == 2:
            kind = INTERPOLATION if lexeme[0] == "$" else DIRECTIVE
        else:
            kind = CLOSE_QUOTE if which == 3 else INVALID
        kinds.append(kind)
        texts.append(lexeme)
        ends.append(position)
        if kind != TEXT:
            if kind == CLOSE_QUOTE:
                modes.pop()
            elif kind != INVALID:
                modes.append("$")
            return position
    return _add_end(text, kinds, texts, ends)


def _scan_heredoc(
    text: str,
    position: int,
    modes: list[str],
    kinds: list[str],
    texts: list[str],
    ends: list[int],
) -> int:
    """Add the text up to a sequence, or up to the last line and that line."""
    name = modes[-1][1:]
    start = position
    last_line = -1  # where the line that ends the heredoc ends
    while position < len(text):
        if text[position - 1] == "\n":
            end = text.find("\n", position)
            if end >= 0 and is_heredoc_end(text[position:end], name):
                last_line = end - (text[end - 1] == "\r")
                break
        stretch = _HEREDOC_TEXT.match(text, position)
        assert stretch  # the pattern also matches nothing
        position = stretch.end()
        if position == stretch.start() or text[position - 1] != "\n":
            break
    if position > start:
        lexeme = text[start:position]
        bad = _LONE_RETURN.search(lexeme) or bad_byte(lexeme) >= 0
        kinds.append(INVALID if bad else TEXT)
        texts.append(lexeme)
        ends.append(position)
        if bad:
            return position
    if position == len(text):
        return _add_end(text, kinds, texts, ends)
    if last_line >= 0:
        end = last_line
        kinds.append(INVALID if "\r" in text[position:end] else HEREDOC_END)
        modes.pop()
    else:
        end = position + (3 if text.startswith("~", position + 2) else 2)
        kinds.append(INTERPOLATION if text[position] == "$" else DIRECTIVE)
        modes.append("$")
    texts.append(text[position:end])
    ends.append(end)
    return end


def _add_end(text: str, kinds: list[str], texts: list[str], ends: list[int]) -> int:
    kinds.append(END)
    texts.append("")
    ends.append(len(text))
    return len(text)


def comments(text: str) -> list[tuple[int, int, str]]:
    """The comments of a text: start, end (line end not counted), text without its marks.

    Only comments before the first thing that is no token are found.
    """
    tokens = scan(text)
    found = []
    for kind, lexeme, end in zip(tokens.kinds, tokens.texts, tokens.ends, strict=True):
        if kind in COMMENTS:
            found.append(comment(lexeme, end))
    return found


def comment(lexeme: str, end: int) -> tuple[int, int, str]:
    """A row of `comments` for the token that ends there."""
    start = end - len(lexeme)
    shown = lexeme.rstrip("\r\n") if lexeme[:2] != "/*" else lexeme
    inner = shown[1:] if shown[0] == "#" else shown[2:]
    if shown[:2] == "/*":
        inner = inner[:-2]
    return start, start + len(shown), inner


def line_starts(text: str) -> list[int]:
    """Offsets of the lines' first characters; the line end is a line feed."""
    return [0, *accumulate(len(line) + 1 for line in text.split("\n"))][:-1]
