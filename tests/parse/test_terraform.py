"""Reading Terraform files: files, modules, blocks, values and comments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iachygiene.files import Tree
from iachygiene.hcl import UNKNOWN
from iachygiene.model import Broken, Job, Location, SourceFile, Trouble
from iachygiene.parse.terraform import (
    Block,
    Formatting,
    TerraformFile,
    TerraformJson,
    TerraformModule,
    comments,
    formatted,
    is_module_file,
    load,
)


def units_of(root: Path, engine: str = "builtin", **files: str) -> list[Any]:
    """The units of files given by name, with `_` for the dots of their endings."""
    names = []
    for name, text in files.items():
        stem, _, ending = name.partition("_")
        names.append(f"{stem}.{ending.replace('_', '.')}")
        (root / names[-1]).write_bytes(text.encode())
    tree = Tree(str(root), listed=frozenset(names))
    return list(load(Job("terraform", "", tuple(names), {"engine": engine}), tree))


def module_of(root: Path, **files: str) -> TerraformModule:
    (module,) = (unit for unit in units_of(root, **files) if isinstance(unit, TerraformModule))
    return module


def text_at(root: Path, location: Location) -> str:
    return (root / location.path).read_bytes().decode()[slice(*location.span)]


# Units --------------------------------------------------------------------------------------


def test_each_file_is_a_unit_with_its_format_and_the_module_comes_last(tmp_path: Path) -> None:
    units = units_of(tmp_path, a_tf="a=1\n", prod_tfvars="b = 1\n", x_tftest_hcl="c = 1\n")
    assert [type(unit).__name__ for unit in units] == [
        *("TerraformFile", "Formatting") * 3,
        "TerraformModule",
    ]
    assert [unit.changes for unit in units if isinstance(unit, Formatting)] == [True, False, False]
    assert [file.source.path for file in units[-1].files] == ["a.tf"]


def test_where_a_program_formats_the_parser_does_not(tmp_path: Path) -> None:
    units = units_of(tmp_path, engine="terraform", a_tf="a=1\n")
    assert [type(unit).__name__ for unit in units] == ["TerraformFile", "TerraformModule"]


@pytest.mark.parametrize("engine", ["builtin", "terraform"])
def test_a_broken_file_is_a_trouble_and_the_others_are_units(engine: str, tmp_path: Path) -> None:
    units = units_of(tmp_path, engine, a_tf="a = = 1\n", b_tf="b = 1\n")
    (trouble,) = (unit for unit in units if isinstance(unit, Trouble))
    assert trouble.kind == "syntax"
    assert text_at(tmp_path, trouble.location) == "="
    assert [unit.path for unit in units if isinstance(unit, TerraformFile)] == ["b.tf"]
    assert units[-1].complete is False


def test_a_broken_file_of_values_leaves_the_module_complete(tmp_path: Path) -> None:
    assert module_of(tmp_path, a_tf="a = 1\n", b_tfvars="b = {\n").complete


def test_deep_nesting_is_over_a_limit(tmp_path: Path) -> None:
    (trouble,) = units_of(tmp_path, a_tf="a = " + "[" * 5000 + "]" * 5000 + "\n")
    assert trouble.kind == "over-limit"


def test_broken_json_is_a_trouble(tmp_path: Path) -> None:
    (trouble,) = units_of(tmp_path, a_tf_json='{"a": }')
    assert (trouble.kind, trouble.location.path) == ("syntax", "a.tf.json")


def test_a_directory_of_values_is_no_module(tmp_path: Path) -> None:
    units = units_of(tmp_path, a_tfvars="a = 1\n")
    assert not [unit for unit in units if isinstance(unit, TerraformModule)]


def test_the_place_of_a_module_is_its_main_file(tmp_path: Path) -> None:
    assert module_of(tmp_path, a_tf="", main_tf="", z_tf="").location == Location("main.tf")


def test_a_mark_at_the_beginning_is_a_change_of_its_own() -> None:
    assert formatted(SourceFile("a.tf", b"\xef\xbb\xbfa = 1\n")).changes
    assert not formatted(SourceFile("a.tf", b"a = 1\n")).changes


# Blocks -------------------------------------------------------------------------------------

MODULE = """\
module "vpc" {
  source = "a/b/c" # where
  names  = ["x", "y"]
}

resource "aws_s3_bucket" logs {
  lifecycle {
    prevent_destroy = true
  }
}
"""


def test_blocks_have_labels_places_and_names(tmp_path: Path) -> None:
    module = module_of(tmp_path, main_tf=MODULE)
    (vpc,), (logs,) = module.of("module"), module.of("resource")
    assert (vpc.labels, vpc.object) == (("vpc",), "module vpc")
    assert text_at(tmp_path, vpc.location) == 'module "vpc"'
    assert (logs.labels, logs.object) == (("aws_s3_bucket", "logs"), "resource aws_s3_bucket.logs")
    assert text_at(tmp_path, logs.location) == 'resource "aws_s3_bucket" logs'
    (lifecycle,) = logs.of("lifecycle")
    assert lifecycle.object == "lifecycle"
    assert lifecycle.attributes["prevent_destroy"].constant is True


def test_attributes_have_texts_and_places(tmp_path: Path) -> None:
    (vpc,) = module_of(tmp_path, main_tf=MODULE).of("module")
    source = vpc.attributes["source"]
    assert source.text == '"a/b/c"'
    assert text_at(tmp_path, source.location) == '"a/b/c"'
    assert text_at(tmp_path, source.whole) == 'source = "a/b/c"'
    assert source.constant == "a/b/c"
    assert vpc.attributes["names"].constant is UNKNOWN


def test_values_are_read_by_python_hcl2(tmp_path: Path) -> None:
    (vpc,) = module_of(tmp_path, main_tf=MODULE).of("module")
    assert vpc.values() == {"source": "a/b/c", "names": ["x", "y"]}


def test_values_that_python_hcl2_refuses_are_none(tmp_path: Path) -> None:
    (locals_,) = module_of(tmp_path, main_tf='locals {\n  a = "${~x~}"\n}\n').of("locals")
    assert locals_.values() is None


def test_override_files_replace_arguments(tmp_path: Path) -> None:
    module = module_of(
        tmp_path,
        main_tf='module "a" {\n  source  = "a/b/c"\n  version = "1.0"\n}\n',
        override_tf='module "a" {\n  version = "2.0"\n}\n',
        more_override_tf="",
    )
    (call,) = module.of("module")
    assert call.location.path == "main.tf"
    assert call.attributes["source"].constant == "a/b/c"
    assert call.attributes["version"].constant == "2.0"


def test_names_of_override_files_end_in_it(tmp_path: Path) -> None:
    module = module_of(
        tmp_path,
        a_tf='module "a" {\n  version = "1"\n}\n',
        **{"dev-override_tf": 'module "a" {\n  version = "2"\n}\n'},
    )
    assert [call.attributes["version"].constant for call in module.of("module")] == ["1", "2"]


def test_a_tofu_file_is_read_instead_of_its_twin(tmp_path: Path) -> None:
    module = module_of(
        tmp_path,
        main_tf="locals {\n  a = 1\n}\n",
        main_tofu="locals {\n  a = 2\n}\n",
        other_tf="",
    )
    assert [file.source.path for file in module.files] == ["main.tofu", "other.tf"]
    assert [block.attributes["a"].constant for block in module.of("locals")] == [2]


# JSON ---------------------------------------------------------------------------------------

JSON = """\
{
  "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
  "module": {"vpc": {"source": "a/b/c", "count": 2}, "db": [{"source": "./db"}]},
  "provider": {"aws": [{"region": "x"}, {"alias": "y"}]},
  "resource": {"aws_s3_bucket": {"logs": {"bucket": "${var.x}", "lifecycle": {"a": true}}}}
}
"""


def test_blocks_of_json_files_are_like_others(tmp_path: Path) -> None:
    module = module_of(tmp_path, main_tf_json=JSON)
    assert [call.object for call in module.of("module")] == ["module vpc", "module db"]
    assert [text_at(tmp_path, call.location) for call in module.of("module")] == ['"vpc"', '"db"']
    assert [block.labels for block in module.of("provider")] == [("aws",), ("aws",)]
    (bucket,) = module.of("resource")
    assert bucket.labels == ("aws_s3_bucket", "logs")
    assert bucket.attributes["bucket"].constant is UNKNOWN
    assert bucket.of("lifecycle")[0].attributes["a"].constant is True
    (terraform,) = module.of("terraform")
    (providers,) = terraform.of("required_providers")
    assert list(providers.attributes) == ["aws"]
    assert module.of("module")[0].values() == {"source": "a/b/c", "count": "2"}


def test_json_files_are_not_formatted(tmp_path: Path) -> None:
    units = units_of(tmp_path, a_tf_json="{ }")
    assert [type(unit).__name__ for unit in units] == ["TerraformJson", "TerraformModule"]


@pytest.mark.parametrize(
    "text", ["[]", "1", '{"module": 1}', '{"module": {"a": null}}', '{"a":[]}']
)
def test_json_of_another_form_has_no_blocks_or_empty_ones(text: str, tmp_path: Path) -> None:
    assert not any(call.attributes for call in module_of(tmp_path, a_tf_json=text).of("module"))


# Constants ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"a/b/c"', "a/b/c"),
        ("var.known", "known"),
        ("local.known", "x-known"),
        ('"git::${var.known}?ref=${local.one}"', "git::known?ref=1"),
        ("null", None),
        ("var.bare", UNKNOWN),
        ("var.missing", UNKNOWN),
        ("var.hidden", UNKNOWN),
        ("local.round", UNKNOWN),
        ("local.known.more", UNKNOWN),
        ("data.a.b", UNKNOWN),
        ('lower("A")', UNKNOWN),
        ('"%{ if true }a%{ endif }"', UNKNOWN),
    ],
)
def test_constants_follow_variables_and_locals(value: str, expected: Any, tmp_path: Path) -> None:
    module = module_of(
        tmp_path,
        main_tf=f"""\
module "a" {{
  source = {value}
}}
variable "known" {{
  default = "known"
}}
variable "bare" {{
}}
variable "hidden" {{
  default   = "x"
  sensitive = true
}}
locals {{
  known = "x-${{var.known}}"
  one   = "1"
  round = local.about
  about = local.round
}}
""",
    )
    found = module.constant(module.of("module")[0].attributes["source"])
    assert found is expected if expected is UNKNOWN else found == expected


# Comments -----------------------------------------------------------------------------------

COMMENTED = """\
# file

/* several
   lines */
locals {
  a = 1 # trailing
  # one
  // two

  b = 2

  c = <<-E
    # text
  E
  # last
}

# block
module "x" {
  # inner
  providers = {
    a = b
  }
}
x = 1 /* y */
# end
"""


def test_comments_reach_their_line_or_what_stands_below(tmp_path: Path) -> None:
    (file,) = (
        unit for unit in units_of(tmp_path, main_tf=COMMENTED) if isinstance(unit, TerraformFile)
    )
    reaches = {
        comment.text.split()[0]: COMMENTED[slice(*comment.reach)].split("\n")
        for comment in comments(file)
    }
    block = COMMENTED[COMMENTED.index("module") : COMMENTED.index("\nx = 1")].split("\n")
    table = COMMENTED[COMMENTED.index("locals") : COMMENTED.index("\n\n# block")].split("\n")
    assert reaches == {
        "file": table,
        "several": table,
        "trailing": ["  a = 1 # trailing"],
        "one": ["  b = 2"],
        "two": ["  b = 2"],
        "last": ["}"],
        "block": block,
        "inner": ["  providers = {"],
        "y": ["x = 1 /* y */"],
        "end": [""],
    }


def test_comments_before_any_code_lead_their_file(tmp_path: Path) -> None:
    (file,) = (
        unit for unit in units_of(tmp_path, main_tf=COMMENTED) if isinstance(unit, TerraformFile)
    )
    assert [comment.text.split()[0] for comment in comments(file) if comment.leading] == [
        "file",
        "several",
    ]


def test_a_comment_in_front_of_code_speaks_for_its_own_line(tmp_path: Path) -> None:
    units = units_of(tmp_path, main_tf="/* a */ x = 1\ny = 2\n")
    (comment,) = comments(units[0])
    assert (comment.reach, comment.text) == ((0, 13), " a ")


def test_many_comments_take_time_in_proportion(tmp_path: Path) -> None:
    text = "# a\n" * 20_000 + "x = 1\n"
    (file,) = (unit for unit in units_of(tmp_path, m_tf=text) if isinstance(unit, TerraformFile))
    assert {comment.reach for comment in comments(file)} == {(80_000, 80_005)}


def test_only_files_carry_comments(tmp_path: Path) -> None:
    module = module_of(tmp_path, main_tf="# iachygiene\n")
    assert list(comments(module)) == []


# Any text -----------------------------------------------------------------------------------

TOKENS = st.sampled_from(
    [
        *'{}[]()=,.:?"\n#$%*-<>!~ ',
        *("a", "for", "in", "if", "${", "%{", "<<E\n", "E\n", 'module "x" ', "source = "),
        *("/*", "*/", "//", "\r\n", "é", "\ufeff", "1", "\\", "null"),
    ]
)


@settings(max_examples=150, deadline=2000)
@given(st.lists(TOKENS, max_size=40).map("".join))
def test_any_text_is_units_or_a_trouble_inside_the_file(text: str) -> None:
    source = SourceFile("a.tf", text.encode())
    try:
        formatting = formatted(source)
    except Broken as broken:
        span = broken.trouble.location.span
        assert 0 <= span.start <= span.end <= len(source.text)
        return
    for quirk in formatting.quirks:
        assert quirk.location.span.end <= len(source.text)
    file = TerraformFile(source)
    for comment in comments(file):
        assert 0 <= comment.reach.start <= comment.reach.end <= len(source.text)
    module = TerraformModule("", [file], True)
    for block in module.of("module"):
        _walk(block, len(source.text))


def _walk(block: Block, end: int) -> None:
    assert 0 <= block.location.span.start < block.location.span.end <= end
    for attribute in block.attributes.values():
        assert 0 < attribute.location.span.start <= attribute.location.span.end <= end
        assert attribute.constant is not Ellipsis


def test_a_hidden_file_is_no_part_of_the_module() -> None:
    assert is_module_file("infra/main.tf")
    assert not is_module_file("infra/.main.tf")
    assert not is_module_file(".main.tf.json")


ANY = st.binary(max_size=200) | st.lists(TOKENS, max_size=40).map(
    lambda tokens: "".join(tokens).encode()
)


@settings(max_examples=200, deadline=2000)
@given(ANY, st.sampled_from(["a.tf", "a.tf.json", "a.tfvars", ".a.tf"]))
def test_any_bytes_are_units_or_a_trouble_of_their_file(data: bytes, name: str) -> None:
    tree = Tree("/nowhere", listed=frozenset([name]))
    tree.overlay[name] = data
    for unit in load(Job("terraform", "", (name,), {"engine": "builtin"}), tree):
        if isinstance(unit, Trouble):
            assert unit.kind in ("syntax", "undecodable", "over-limit", "lfs")
            assert unit.location.path == name
        else:
            assert isinstance(unit, Formatting | TerraformFile | TerraformJson | TerraformModule)


@pytest.mark.parametrize("bracket", ["[", "(", "{ a = ", "f(", '"${', "b {\n", "x ? "])
def test_deep_nesting_is_over_the_limit(bracket: str) -> None:
    name = "a.tf"
    tree = Tree("/nowhere", listed=frozenset([name]))
    start = "" if bracket.startswith("b") else "a = "
    tree.overlay[name] = (start + bracket * 100_000).encode()
    (unit,) = load(Job("terraform", "", (name,), {"engine": "builtin"}), tree)
    assert isinstance(unit, Trouble)
    assert unit.kind == "over-limit"
