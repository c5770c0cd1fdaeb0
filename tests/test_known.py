"""What `terraform validate` says again of what the static rules found."""

from __future__ import annotations

from pathlib import Path

import pytest

from iachygiene.files import Tree
from iachygiene.model import Finding, Location, Severity, Span
from iachygiene.wrap.known import without_known

TEXT = "locals {\n  a = local.b\n}\n"
PLACE = Location("main.tf", Span(15, 22))


@pytest.mark.parametrize(
    ("severity", "left"), [(Severity.ERROR, ["TF421"]), (Severity.WARNING, ["TF421", "TF501"])]
)
def test_error_of_the_program_yields_to_an_error_alone(
    tmp_path: Path, severity: Severity, left: list[str]
) -> None:
    tmp_path.joinpath("main.tf").write_text(TEXT)
    static = Finding("TF421", severity, 'local value "b" is not declared', PLACE)
    said = Finding("TF501", Severity.ERROR, "Reference to undeclared local value", PLACE)
    found = without_known([static, said], Tree(str(tmp_path)))
    assert [one.rule for one in found] == left


def test_another_line_is_another_defect(tmp_path: Path) -> None:
    tmp_path.joinpath("main.tf").write_text(TEXT)
    static = Finding("TF421", Severity.ERROR, "m", PLACE)
    said = Finding("TF501", Severity.ERROR, "m", Location("main.tf", Span(0, 6)))
    assert without_known([static, said], Tree(str(tmp_path))) == [static, said]
