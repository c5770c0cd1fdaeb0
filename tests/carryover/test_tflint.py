"""What a configuration of tflint becomes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iachygiene.carryover.tflint import settings
from iachygiene.config import load
from iachygiene.rule import rules_of

OFF = ["TF006", "TF106", "TF202", "TF204", "TF205", "TF206", "TF207"]


def test_nothing_said_is_nothing_set() -> None:
    assert settings("") == ({}, [])
    assert settings('plugin "terraform" {\n  enabled = true\n}\n') == ({}, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'plugin "terraform" {\n  enabled = true\n  preset  = "all"\n}\n',
            {"extend-select": [code for code in OFF if code != "TF106"]},
        ),
        (
            'rule "terraform_module_shallow_clone" {\n  enabled = true\n}\n',
            {"extend-select": ["TF106"]},
        ),
        ('rule "terraform_typed_variables" {\n  enabled = false\n}\n', {"ignore": ["TF203"]}),
        (
            'config {\n  format = "compact"\n  force = true\n}\n',
            {"output": {"format": "concise"}, "fail-on": "never"},
        ),
        (
            'rule "terraform_module_pinned_source" {\n  enabled = true\n  style = "semver"\n'
            '  default_branches = ["dev"]\n}\n',
            {"rules": {"unpinned-module-source": {"style": "semver", "default-branches": ["dev"]}}},
        ),
        (
            'rule "terraform_required_providers" {\n  enabled = true\n  source = false\n}\n',
            {"rules": {"incomplete-provider-requirement": {"source": False}}},
        ),
        (
            'rule "terraform_module_version" {\n  enabled = true\n  exact = true\n}\n',
            {"rules": {"unpinned-registry-module": {"exact": True}}},
        ),
    ],
)
def test_what_is_said_is_set(text: str, expected: dict[str, Any]) -> None:
    assert settings(text) == (expected, [])


def test_rules_can_be_chosen_one_by_one() -> None:
    text = "config {\n  disabled_by_default = true\n}\n"
    text += 'rule "terraform_typed_variables" {\n  enabled = true\n}\n'
    carried = settings(text)
    with_peer = [one for one in rules_of("terraform") if any("tflint:" in a for a in one.aliases)]
    on = [one.code for one in with_peer if one.default == "on"]
    assert carried.settings == {"ignore": [code for code in on if code != "TF203"]}


NAMES = """rule "terraform_naming_convention" {
  enabled = true
  format  = "mixed_snake_case"
  custom_formats = {
    dashed = {
      description = "with dashes"
      regex       = "^[a-z-]+$"
    }
  }
  variable {
    format = "dashed"
  }
  module {
    custom = "x$"
  }
  output {
    format = "none"
  }
  data {
    custom = "[[:alpha:]]"
  }
}
"""


def test_formats_of_names_become_ours() -> None:
    carried = settings(NAMES)
    assert carried.settings["extend-select"] == ["TF206"]
    assert carried.settings["rules"]["unconventional-name"] == {
        "format": "mixed_snake_case",
        "variable": "^[a-z-]+$",
        "module": "^.*(?:x$)",
        "output": "none",
    }
    assert carried.notes == ['rule "terraform_naming_convention": [[:alpha:]] is not read']


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ('plugin "aws" {\n  enabled = true\n}\n', 'plugin "aws" has no counterpart'),
        (
            'rule "aws_instance_invalid_type" {\n  enabled = true\n}\n',
            'rule "aws_instance_invalid_type" has no counterpart',
        ),
        (
            'rule "terraform_typed_variables" {\n  enabled = true\n  ignorable = false\n}\n',
            'rule "terraform_typed_variables": comments can switch it off here',
        ),
        (
            'rule "terraform_module_version" {\n  enabled = true\n  exact = "yes"\n}\n',
            'rule "terraform_module_version": `exact` is not carried over',
        ),
        ('config {\n  varfile = ["a"]\n}\n', "`varfile` has no counterpart"),
        ('config {\n  format = "checkstyle"\n}\n', "`format`: checkstyle has no counterpart"),
        ("config {\n", "the file is not read: the block has no end"),
        ("other {\n}\n", '"other" is no block of tflint'),
    ],
)
def test_what_has_no_counterpart_is_noted(text: str, note: str) -> None:
    assert settings(text).notes == [note]


def test_a_plugin_that_is_off_reports_nothing() -> None:
    ignored = settings('plugin "terraform" {\n  enabled = false\n}\n').settings["ignore"]
    assert "TF203" in ignored
    assert "TF001" not in ignored


PARTS = st.sampled_from(
    (
        *('rule "terraform_naming_convention" {\n', "config {\n", 'plugin "terraform" {\n', "}\n"),
        *("format = 1\n", "format = []\n", "enabled = true\n", 'custom = "(\\n"\n'),
        *("custom_formats = { a = 1 }\n", "default_branches = x\n", "data {\n", "preset = null\n"),
        *('"', "\x00"),
    )
)


@given(st.lists(PARTS, max_size=12).map("".join))
def test_any_text_gives_settings_or_a_note(text: str) -> None:
    carried = settings(text)
    assert set(carried.settings) <= {"extend-select", "ignore", "rules", "output", "fail-on"}
    assert all("\n" not in note for note in carried.notes)


def test_what_is_set_is_a_configuration_of_ours(tmp_path: Any) -> None:
    carried = settings(NAMES)
    names = carried.settings["rules"]["unconventional-name"]
    lines = ["[rules.unconventional-name]", *(f"{key} = '{value}'" for key, value in names.items())]
    (tmp_path / ".iachygiene.toml").write_text("\n".join(lines) + "\n")
    assert load(str(tmp_path)).file is not None
