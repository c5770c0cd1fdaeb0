"""Ends of lines and blank lines, which the canonical format leaves as they are."""

from __future__ import annotations

from iachygiene.hcl import scan
from iachygiene.lazy import regex
from iachygiene.model import Edit, Findings, Fix, Location, Severity, Span, at
from iachygiene.parse.terraform import TerraformFile
from iachygiene.rule import rule

_MAYBE_BLANK = regex(r"\n[ \t\r]*\n[ \t\r]*\n")
_BLANK_LINES = regex(rf"(?:\A|(?<=[{scan.NEWLINE}{scan.LINE_COMMENT}])){scan.NEWLINE}{{2,}}")


@rule("TF003", TerraformFile, Severity.INFO, default="off")
def missing_final_newline(file: TerraformFile) -> Findings:
    """A file does not end in a line end.

    `terraform fmt` adds none. Programs that join files or read them by lines take the last
    line for a part of something else, and a line added below it changes two lines in the
    history. An empty file has no line to end.

    Good:
        locals {
          a = 1
        }
    """
    text = file.source.text
    if text and not text.endswith("\n"):
        end = len(text)
        line_end = "\r\n" if "\r\n" in text else "\n"
        fix = Fix("end the line", (Edit(Span(end, end), line_end),))
        last = text.rfind("\n") + 1
        yield at(Location(file.path, Span(last, end)), "the last line has no line end", fix=fix)


@rule("TF004", TerraformFile, Severity.INFO, default="off")
def consecutive_blank_lines(file: TerraformFile) -> Findings:
    """Two or more blank lines stand in a row.

    `terraform fmt` keeps them, however many there are; one is enough to set things apart.
    Lines within texts and comments are not judged.

    Bad:
        locals {
          a = 1


          b = 2
        }
    Fixed:
        locals {
          a = 1

          b = 2
        }
    Bad: below a comment
        # All there is.



        locals {
        }
    Fixed:
        # All there is.

        locals {
        }
    Good:
        locals {
          a = 1

          b = 2
        }
    Good: what is part of a text or a comment
        locals {
          a = <<-EOT
            one


            two
          EOT
        }
        /* one


        two */
    """
    text = file.source.text
    if not _MAYBE_BLANK.search("\n" + text):
        return
    tokens = scan.scan(text)
    for run in _BLANK_LINES.finditer(tokens.kinds):
        first, end = tokens.ends[run.start()], tokens.ends[run.end() - 1]
        count = run.end() - run.start()
        yield at(
            Location(file.path, Span(first, first)),
            f"{count} blank lines in a row",
            fix=Fix("keep one", (Edit(Span(first, end), ""),)),
        )


@rule("TF005", TerraformFile, Severity.INFO, default="off")
def crlf_in_terraform(file: TerraformFile) -> Findings:
    """Lines end in CRLF, as on Windows.

    Terraform reads them and `terraform fmt` keeps them, but a heredoc holds them too, so that
    the same configuration gives other values on another machine. The fix is not a safe one
    where there is a heredoc, for it changes the value.

    Good:
        locals {
          a = 1
        }
    """
    text = file.source.text
    first = text.find("\r\n")
    if first == -1:
        return
    count, last = text.count("\r\n"), text.rfind("\r\n")
    lines = f"{count} lines end" if count > 1 else "a line ends"
    edit = Edit(Span(first, last + 2), text[first : last + 2].replace("\r\n", "\n"))
    fix = Fix("end lines in LF", (edit,), safe="<<" not in text)
    start = text.rfind("\n", 0, first) + 1
    yield at(Location(file.path, Span(start, first)), f"{lines} in CRLF", fix=fix)
