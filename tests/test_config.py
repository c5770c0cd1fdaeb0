"""Finding, reading and checking the configuration, and what it says of rules and paths."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iachygiene import keys
from iachygiene import rule as registry
from iachygiene.config import Config, ConfigError, load
from iachygiene.model import Severity
from iachygiene.resolved import lines
from iachygiene.resolved import settings as settings_of
from iachygiene.rule import LANGUAGES, Rule, brief_of


def a_rule(code: str, name: str, folder: str, *, default: str = "on", **options: Any) -> Rule:
    def check() -> Iterator[Any]:
        return iter(())

    check.__module__ = f"iachygiene.rules.{folder}.theme"
    check.__kwdefaults__ = options or None
    check.__annotations__ = {"depth": "int | None", "mode": "Literal['fast', 'slow']"}
    check.__doc__ = "Summary.\n\nBad:\n    A\n"
    return Rule(
        code=code,
        name=name,
        unit=object,
        severity=Severity.WARNING,
        check=check,
        default=default,
        aliases=(f"peer:{name[:4].upper()}{code[-2:]}",),
        needs=None,
        sensitive=False,
        security=False,
        gives_way_to=(),
    )


PINS = a_rule(
    "DF3006",
    "unpinned-base-image",
    "dockerfile",
    require_digest=False,
    allowed=("a",),
    depth=None,
    mode="fast",
)
ROOT = a_rule("DF3002", "root-user", "dockerfile")
RARE = a_rule("DF3064", "rare-finding", "dockerfile", default="off")
HOST = a_rule("K8S201", "root-container", "kubernetes")
PORT = a_rule("K8S308", "host-port", "kubernetes", default="strict")
CHART = a_rule("KST501", "missing-resource", "kubernetes")
SYNTAX = a_rule("HYG001", "invalid-syntax", "toolkit")
ALL = (PINS, ROOT, RARE, HOST, PORT, CHART, SYNTAX)


@pytest.fixture(autouse=True)
def _registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_RULES", {rule.code: rule for rule in ALL})
    monkeypatch.setattr(registry, "_DOCUMENTS", {})
    monkeypatch.setattr(registry, "_BRIEFS", {rule.code: brief_of(rule) for rule in ALL})
    monkeypatch.setattr(registry, "_LOADED", set(LANGUAGES.values()))


@pytest.fixture
def configured(tmp_path: Path) -> Callable[[str], Config]:
    """The configuration of a repository with this `.iachygiene.toml`."""

    def configure(text: str, **more: Any) -> Config:
        (tmp_path / ".git").mkdir(exist_ok=True)
        (tmp_path / ".iachygiene.toml").write_text(dedent(text), encoding="utf-8")
        return load(str(tmp_path), **more)

    return configure


def on(config: Config, path: str = "") -> set[str]:
    return {rule.code for rule in ALL if config.enabled(rule, path)}


def mistakes(configured: Callable[[str], Config], text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        configured(text)
    return str(caught.value)


DEFAULT = {"DF3006", "DF3002", "K8S201", "KST501", "HYG001"}


# Finding it


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    config = load(str(tmp_path))
    assert config.file is None
    assert on(config) == DEFAULT
    assert config.fail_on is Severity.WARNING
    assert config.max_file_size == 10 * 1024 * 1024
    assert not config.excluded("vendor/x")
    assert config.is_default_selection


def test_the_search_goes_up_to_the_root_of_the_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".iachygiene.toml").write_text('ignore = ["DF3006"]')
    (tmp_path / "a" / "b").mkdir(parents=True)
    config = load(str(tmp_path / "a" / "b"))
    assert "DF3006" not in on(config)
    assert config.file == "../../.iachygiene.toml"


def test_the_search_does_not_leave_the_repository(tmp_path: Path) -> None:
    (tmp_path / ".iachygiene.toml").write_text("nonsense")
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    assert load(str(tmp_path / "repository")).file is None


def test_outside_of_a_repository_only_the_root_itself_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / ".iachygiene.toml").write_text("nonsense")
    (tmp_path / "below").mkdir()
    assert load(str(tmp_path / "below")).file is None


def test_pyproject_counts_when_it_has_our_table(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.iachygiene]\nignore = ["K8S"]\n')
    config = load(str(tmp_path))
    assert config.file == "pyproject.toml"
    assert "K8S201" not in on(config)


def test_pyproject_without_our_table_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".iachygiene.toml").write_text('ignore = ["K8S"]')
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "pyproject.toml").write_text("[tool.black]\n")
    assert load(str(tmp_path / "sub")).file == "../.iachygiene.toml"


def test_of_two_files_our_own_is_read_and_a_warning_names_the_other(tmp_path: Path) -> None:
    (tmp_path / ".iachygiene.toml").write_text("")
    (tmp_path / "pyproject.toml").write_text("[tool.iachygiene]\n")
    config = load(str(tmp_path))
    assert config.file == ".iachygiene.toml"
    assert config.warnings == (
        "pyproject.toml: [tool.iachygiene] is not read, .iachygiene.toml is beside it",
    )


def test_isolated_reads_nothing(tmp_path: Path) -> None:
    (tmp_path / ".iachygiene.toml").write_text("nonsense")
    assert load(str(tmp_path), isolated=True).file is None


def test_a_named_file_is_the_only_one_read(tmp_path: Path) -> None:
    (tmp_path / ".iachygiene.toml").write_text("nonsense")
    (tmp_path / "mine.toml").write_text('fail-on = "never"')
    config = load(str(tmp_path), file=str(tmp_path / "mine.toml"))
    assert config.file == "mine.toml"
    assert config.fail_on is None


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"error: cannot read the configuration .*: no such file"):
        load(str(tmp_path), file=str(tmp_path / "gone.toml"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xfe", "is not UTF-8"),
        (b"select = [\n", "error: invalid TOML"),
        (b"a = " + b"[" * 5000, "nested too deeply"),
        (b"#" * (1024 * 1024 + 1), "over the limit"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / ".iachygiene.toml").write_bytes(data)
    with pytest.raises(ConfigError, match=message):
        load(str(tmp_path))


def test_a_fifo_is_never_opened(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / ".iachygiene.toml")
    with pytest.raises(ConfigError, match="not a regular file"):
        load(str(tmp_path))


# Mistakes in it


def test_a_mistake_is_shown_with_its_place_and_the_nearest_right_spelling(
    configured: Callable[[str], Config],
) -> None:
    text = '\n[per-file-ignore]\n"x" = ["DF3006"]\n'
    assert mistakes(configured, text) == (
        "error: unknown key `per-file-ignore`\n"
        "  --> .iachygiene.toml:2:2\n"
        "   |\n"
        " 2 | [per-file-ignore]\n"
        "   |  ^^^^^^^^^^^^^^^ did you mean `per-file-ignores`?"
    )


def test_all_mistakes_are_told_at_once_in_their_order(
    configured: Callable[[str], Config],
) -> None:
    shown = mistakes(
        configured,
        """\
        select = ["DF3007", "K8S"]
        fail-on = "warn"
        max-file-size = "10 miles"
        [severity]
        unpinned-base-imag = "high"
        [kinds]
        "*.x" = "docker"
        """,
    )
    assert [line for line in shown.splitlines() if line.startswith("error")] == [
        "error: unknown rule `DF3007`",
        "error: wrong value for `fail-on`",
        "error: wrong value for `max-file-size`",
        "error: unknown rule `unpinned-base-imag`",
        "error: wrong value for `unpinned-base-imag`",
        "error: wrong value for `*.x`",
    ]
    for hint in ("`DF3006`", "`warning`", '"10 MiB"', "`unpinned-base-image`", "`dockerfile`"):
        assert hint in shown


@pytest.mark.parametrize(
    ("text", "message", "advice"),
    [
        ('select = "DF"', "wrong value for `select`", "a list of codes"),
        ("select = [1]", "wrong value for `select`", "the code, name or prefix"),
        ("require-reason = 1", "wrong value for `require-reason`", "true or false"),
        ("unit-timeout = 0", "wrong value for `unit-timeout`", "above 0"),
        ("rules = 1", "`rules` is not a table", "expected a table"),
        ("[overrides]\nx = 1", "`overrides` is not a list", "[[overrides]]"),
        ("[[overrides]]\nselect = []", "this override names no paths", "paths = "),
        ("[[overrides]]\npaths = []\nfail-on = 1", "unknown key `fail-on`", ""),
        ("[tools.terrafrom]\n", "unknown key `terrafrom`", "`terraform`"),
        ('[tools.terraform]\npolicy = "maybe"', "wrong value for `policy`", '"auto"'),
        ("[rules.root-usr]\n", "unknown rule `root-usr`", "`root-user`"),
        ("[rules.DF3]\n", "unknown rule `DF3`", ""),
        ("[rules.root-user]\nx = 1", "unknown option `x` of DF3002", "no options"),
        ("[rules.DF3006]\nrequire-digst = 1", "unknown option", "`require-digest`"),
        ("[rules.DF3006]\nrequire-digest = 1", "wrong value", "true or false"),
        ("[rules.DF3006]\nallowed = [1]", "wrong value for `allowed`", "a text"),
        ('[rules.DF3006]\ndepth = "x"', "wrong value for `depth`", "a whole number"),
        ('[rules.DF3006]\nmode = "fats"', "wrong value for `mode`", "`fast`"),
        ('[npm]\nversion = "10"', "wrong value for `version`", '"11"'),
        ('[npm]\nmapz = "allow"', "unknown key `mapz`", "`maps`"),
        ('[output]\nreports = ["json=/x"]', "wrong value for `reports`", "inside the repo"),
        ('[output]\nreports = ["yaml=x"]', "wrong value for `reports`", "sarif"),
        ('required-version = "new"', "wrong value for `required-version`", ">=1.2,<2"),
    ],
)
def test_mistakes(
    configured: Callable[[str], Config], text: str, message: str, advice: str
) -> None:
    shown = mistakes(configured, text)
    assert message in shown
    assert advice in shown
    assert "  --> .iachygiene.toml:" in shown


def test_a_version_that_does_not_hold_is_the_only_error(
    configured: Callable[[str], Config],
) -> None:
    shown = mistakes(configured, 'required-version = ">=99"\nkey-of-the-future = 1\n')
    assert "this configuration wants iachygiene >=99" in shown
    assert "key-of-the-future" not in shown


def test_a_place_in_pyproject_is_found_below_our_table(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.iachygiene]\nfail-on = "x"\n')
    with pytest.raises(ConfigError) as caught:
        load(str(tmp_path))
    assert "--> pyproject.toml:2:11\n" in str(caught.value)


def test_terminal_escapes_in_a_configuration_are_not_printed_raw(
    configured: Callable[[str], Config],
) -> None:
    assert "\x1b" not in mistakes(configured, '"\\u001b[2J" = 1\n# \u202e\n')


@pytest.mark.parametrize(
    ("specifier", "holds"),
    [
        (">=1.2,<2", True),
        (">=1.2, <1.4", False),
        ("==1.4", True),
        ("==1.4.0", True),
        ("!=1.4", False),
        ("~=1.3", True),
        ("~=1.3.0", False),
        (">1.4", False),
        ("<=1.4.0", True),
        ("1.4", None),
        (">=", None),
        ("", None),
        (">=1.x", None),
    ],
)
def test_versions_are_compared_by_their_numbers(specifier: str, holds: bool | None) -> None:
    assert keys.version_holds("1.4.0", specifier) is holds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10 MiB", 10 * 1024 * 1024),
        ("1.5 kB", 1500),
        ("1 B", 1),
        (2048, 2048),
        ("10MiB", None),
        ("x MiB", None),
        ("1.2.3 MiB", None),
        ("0 B", None),
        (-1, None),
        (True, None),
    ],
)
def test_sizes(text: object, size: int | None) -> None:
    assert keys.size(text) == size


# Selection


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("", DEFAULT),
        ('select = ["ALL"]', {rule.code for rule in ALL}),
        ('select = ["K8S"]', {"K8S201", "K8S308", "HYG001"}),
        ('select = ["DF30"]', {"DF3006", "DF3002", "DF3064", "HYG001"}),
        ('select = ["unpinned-base-image"]', {"DF3006", "HYG001"}),
        ('select = ["peer:UNPI06"]', {"DF3006", "HYG001"}),
        ('select = ["UNPI06"]', {"DF3006", "HYG001"}),
        ('extend-select = ["DF3064"]', DEFAULT | {"DF3064"}),
        ('ignore = ["DF"]', {"K8S201", "KST501", "HYG001"}),
        ('extend-ignore = ["KST"]', DEFAULT - {"KST501"}),
        ('ignore = ["DF"]\nextend-select = ["DF3006"]', {"DF3006", "K8S201", "KST501", "HYG001"}),
        ('ignore = ["DF3006"]\nextend-select = ["DF3006"]', DEFAULT - {"DF3006"}),
        ('select = ["DF", "K8S"]\nignore = ["DF30"]', {"K8S201", "K8S308", "HYG001"}),
        ('[severity]\nDF3006 = "off"', DEFAULT - {"DF3006"}),
        ('[severity]\nDF = "off"\nDF3006 = "error"', DEFAULT - {"DF3002"}),
        ("select = []", {"HYG001"}),
        ('ignore = ["HYG001"]', DEFAULT),
    ],
)
def test_selection(configured: Callable[[str], Config], text: str, codes: set[str]) -> None:
    assert on(configured(text)) == codes
    assert on(configured(text), "any/path") == codes


@pytest.mark.parametrize(
    ("text", "given", "codes"),
    [
        ('select = ["K8S"]', {"select": ["DF3006"]}, {"DF3006"}),
        ('ignore = ["DF3006"]', {"select": ["DF3006"]}, {"DF3006"}),
        ('ignore = ["DF3006"]', {"select": ["DF"]}, {"DF3002", "DF3064"}),
        ('ignore = ["DF3006"]', {"ignore": ["KST"]}, DEFAULT - {"KST501", "HYG001"}),
        ('extend-select = ["DF3006"]', {"ignore": ["DF"]}, {"K8S201", "KST501"}),
        ('[severity]\nDF3006 = "off"', {"select": ["DF3006"]}, {"DF3006"}),
        (
            "",
            {"extend-ignore": ["K8S"], "extend-select": ["DF3064"]},
            {"DF3006", "DF3002", "DF3064", "KST501"},
        ),
    ],
)
def test_the_command_line_wins(
    configured: Callable[[str], Config], text: str, given: dict[str, Any], codes: set[str]
) -> None:
    assert on(configured(text).with_command_line(given)) == codes | {"HYG001"}


def test_unknown_rules_on_the_command_line_are_errors_with_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        Config().with_command_line({"select": ["DF3007", "DF3", "root-usr"]})
    assert str(caught.value) == (
        "error: unknown rule `DF3007`\nhint: did you mean `DF3006`?\n"
        "error: unknown rule `root-usr`\nhint: did you mean `root-user`?"
    )


def test_wrong_values_on_the_command_line_are_errors() -> None:
    with pytest.raises(ConfigError, match="`loud` is no value of `fail-on`: expected one of"):
        Config().with_command_line({"fail-on": "loud"})


@pytest.mark.parametrize(
    ("text", "languages"),
    [
        ("", set(LANGUAGES.values())),
        ('select = ["DF3006"]', {"dockerfile", "toolkit"}),
        ('select = ["KST"]', {"kubernetes", "toolkit"}),
        ('select = ["root-container"]', {"kubernetes", "toolkit"}),
        (
            'select = []\n[[overrides]]\npaths = ["x"]\nextend-select = ["DF"]',
            {"dockerfile", "toolkit"},
        ),
    ],
)
def test_languages_of_which_no_rule_can_be_on_are_not_wanted(
    configured: Callable[[str], Config], text: str, languages: set[str]
) -> None:
    config = configured(text)
    assert {one for one in LANGUAGES.values() if config.wants_language(one)} == languages


def test_a_configuration_with_codes_alone_imports_no_other_language() -> None:
    code = dedent("""
        import sys, os, tempfile
        with tempfile.TemporaryDirectory() as root:
            with open(os.path.join(root, ".iachygiene.toml"), "w") as file:
                file.write('select = ["HYG002", "K8S"]\\nignore = ["DF"]')
            from iachygiene.config import load
            assert load(root).wants_language("kubernetes")
        print(sorted(name for name in sys.modules if name.startswith("iachygiene.rules.")))
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all("toolkit" in name for name in eval(done.stdout))


def test_a_run_without_a_file_imports_neither_toml_nor_globs(tmp_path: Path) -> None:
    code = (
        "import sys; from iachygiene.config import load; load(sys.argv[1]).excluded('x');"
        "heavy = {'tomllib', 'hashlib', 'difflib', 'iachygiene.rules'};"
        "print(heavy & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


# Paths, severities, options


def test_overrides_change_the_selection_for_their_paths(
    configured: Callable[[str], Config],
) -> None:
    config = configured("""
        ignore = ["KST"]
        [[overrides]]
        paths = ["legacy/**"]
        extend-ignore = ["DF"]
        [[overrides]]
        paths = ["legacy/new/"]
        extend-select = ["DF3006"]
    """)
    assert on(config, "app/Dockerfile") == DEFAULT - {"KST501"}
    assert on(config, "legacy/Dockerfile") == {"K8S201", "HYG001"}
    assert on(config, "legacy/new/Dockerfile") == {"DF3006", "K8S201", "HYG001"}


def test_a_select_of_an_override_replaces_the_one_of_the_file(
    configured: Callable[[str], Config],
) -> None:
    config = configured("""
        select = ["DF"]
        [[overrides]]
        paths = ["k8s/**"]
        select = ["K8S"]
    """)
    assert on(config, "k8s/a.yaml") == {"K8S201", "K8S308", "HYG001"}
    assert on(config) == on(config, "x") | on(config, "k8s/a.yaml")


def test_the_later_and_then_the_more_exact_severity_holds(
    configured: Callable[[str], Config],
) -> None:
    config = configured("""
        [severity]
        DF3 = "error"
        DF3006 = "info"
        [[overrides]]
        paths = ["x/**"]
        severity = { DF = "warning" }
    """)
    assert config.severity_of(PINS, "a") is Severity.INFO
    assert config.severity_of(ROOT, "a") is Severity.ERROR
    assert config.severity_of(PINS, "x/a") is Severity.WARNING
    assert config.severity_of(HOST, "a") is Severity.WARNING


def test_a_severity_of_the_finding_itself_yields_to_the_configuration_alone(
    configured: Callable[[str], Config],
) -> None:
    config = configured('[severity]\nDF3006 = "error"\n')
    assert config.severity_of(PINS, "a", Severity.INFO) is Severity.ERROR
    assert config.severity_of(ROOT, "a", Severity.INFO) is Severity.INFO


def test_options_are_given_by_the_names_of_parameters(
    configured: Callable[[str], Config],
) -> None:
    config = configured("""
        [rules.unpinned-base-image]
        require-digest = true
        allowed = ["b", "c"]
        [[overrides]]
        paths = ["x/**"]
        rules = { DF3006 = { require-digest = false, depth = 3 } }
    """)
    assert config.options_of(PINS, "a") == {"require_digest": True, "allowed": ("b", "c")}
    assert config.options_of(PINS, "x/a") == {
        "require_digest": False,
        "allowed": ("b", "c"),
        "depth": 3,
    }
    assert config.options_of(ROOT, "a") == {}


def test_per_file_ignores_name_the_pattern_that_mutes(
    configured: Callable[[str], Config],
) -> None:
    config = configured("""
        [per-file-ignores]
        "examples/**" = ["K8S"]
        "**/Dockerfile.dev" = ["unpinned-base-image"]
    """)
    assert config.ignored(HOST, "examples/a.yaml") == "examples/**"
    assert config.ignored(PINS, "a/b/Dockerfile.dev") == "**/Dockerfile.dev"
    assert config.ignored(PINS, "examples/a.yaml") == ""
    assert config.enabled(PINS, "a/b/Dockerfile.dev")


def test_excluded_paths_are_in_gitignore_syntax(configured: Callable[[str], Config]) -> None:
    config = configured('exclude = ["vendor/", "**/testdata/**", "!vendor/ours/"]\n')
    assert config.excluded("vendor/a.tf")
    assert config.excluded("a/vendor/a.tf")
    assert config.excluded("a/testdata/b/c.tf")
    assert not config.excluded("Vendor/a.tf")
    assert not config.excluded("a.tf")


def test_exclude_on_the_command_line_replaces_and_extend_exclude_adds(
    configured: Callable[[str], Config],
) -> None:
    config = configured('exclude = ["a/"]\nextend-exclude = ["b/"]\n')
    assert config.excluded("a/x")
    assert config.excluded("b/x")
    replaced = config.with_command_line({"exclude": ["c/"]})
    assert [replaced.excluded(path) for path in ("a/x", "b/x", "c/x")] == [False, False, True]
    extended = config.with_command_line({"extend-exclude": ["c/"]})
    assert [extended.excluded(path) for path in ("a/x", "b/x", "c/x")] == [True, True, True]


def test_patterns_are_relative_to_the_directory_of_the_file(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / ".iachygiene.toml").write_text(
        'exclude = ["/sub/x/"]\n[kinds]\n"sub/*.k" = "terraform"\n'
    )
    config = load(str(tmp_path / "sub"))
    assert config.excluded("x/a")
    assert config.kind_of("a.k") == "terraform"


def test_the_last_pattern_that_matches_gives_the_kind(configured: Callable[[str], Config]) -> None:
    config = configured("""
        [kinds]
        "deploy/*.yaml" = "kubernetes"
        "deploy/*.tpl.yaml" = "skip"
    """)
    assert config.kind_of("deploy/a.yaml") == "kubernetes"
    assert config.kind_of("deploy/a.tpl.yaml") == "skip"
    assert config.kind_of("other.yaml") is None


def test_plain_values(configured: Callable[[str], Config]) -> None:
    config = configured("""
        respect-gitignore = false
        fail-on = "error"
        min-severity = "warning"
        require-reason = true
        report-unused-suppressions = "off"
        max-file-size = "1 MiB"
        unit-timeout = 2.5
        [npm]
        max-map-size = "1 kB"
        [output]
        format = "concise"
        reports = ["json=build/out.json"]
    """)
    assert config.respect_gitignore is False
    assert (config.fail_on, config.min_severity) == (Severity.ERROR, Severity.WARNING)
    assert config.require_reason
    assert config.unused_suppressions is None
    assert (config.max_file_size, config.unit_timeout) == (1024 * 1024, 2.5)
    assert config.settings("kubernetes") == {}
    assert config.settings("npm") == {"max-map-size": 1000}
    assert config.settings("compose") == {}
    assert config.output_format == "concise"
    assert config.reports == (("json", "build/out.json"),)


def test_a_found_file_cannot_name_programs_or_switch_on_the_network(
    configured: Callable[[str], Config], tmp_path: Path
) -> None:
    text = '[tools.terraform]\npath = "./evil"\ntimeout = 999\npolicy = "always"\n'
    text += "init = true\n"
    config = configured(text)
    assert config.tool("terraform") == {
        "policy": "always",
        "timeout": 60,
        "path": "",
        "init": False,
    }
    assert [warning.partition(" is ignored")[0] for warning in config.warnings] == [
        ".iachygiene.toml: tools.terraform.path",
        ".iachygiene.toml: tools.terraform.init",
    ]
    named = load(str(tmp_path), file=str(tmp_path / ".iachygiene.toml"))
    assert named.tool("terraform")["path"] == "./evil"
    assert named.tool("terraform")["timeout"] == 999
    assert named.tool("terraform")["init"] is True
    assert "init" not in named.tool("helm")
    assert named.warnings == ()


def test_a_policy_on_the_command_line_wins(configured: Callable[[str], Config]) -> None:
    config = configured('[tools.terraform]\npolicy = "never"\ntimeout = 5\n')
    given = config.with_command_line({"tools": {"terraform": {"policy": "always"}}})
    assert given.tool("terraform")["policy"] == "always"
    assert given.tool("terraform")["timeout"] == 5


def test_every_value_has_an_origin(configured: Callable[[str], Config]) -> None:
    config = configured('fail-on = "error"\n').with_command_line({"min-severity": "error"})
    said = {name: (value, origin) for name, value, origin in settings_of(config)}
    assert said["fail-on"] == ("error", ".iachygiene.toml:1")
    assert said["min-severity"] == ("error", "command line")
    assert said["require-reason"] == (False, "default")


@pytest.mark.parametrize(
    ("text", "usual"),
    [
        ('fail-on = "error"', True),
        ('select = ["DEFAULT"]', True),
        ('ignore = ["DF3006"]', False),
        ('[severity]\nDF3006 = "off"', False),
        ('[[overrides]]\npaths = ["x"]\nextend-select = ["DF"]', False),
    ],
)
def test_whether_the_selection_is_the_default_one(
    configured: Callable[[str], Config], text: str, usual: bool
) -> None:
    assert configured(text).is_default_selection is usual


def test_a_configuration_survives_the_way_to_a_worker(configured: Callable[[str], Config]) -> None:
    config = configured("""
        ignore = ["KST"]
        exclude = ["a/"]
        [rules.DF3006]
        allowed = ["x"]
        [[overrides]]
        paths = ["legacy/**"]
        extend-ignore = ["DF"]
    """).with_command_line({"extend-select": ["DF3064"]})
    again = Config.restore(json.loads(json.dumps(config.dump())))
    for path in ("", "x", "legacy/x"):
        assert on(again, path) == on(config, path)
    assert again.options_of(PINS, "x") == {"allowed": ("x",)}
    assert again.excluded("a/b")
    assert again.digest == config.digest


def test_the_digest_changes_with_any_setting(configured: Callable[[str], Config]) -> None:
    one = configured('ignore = ["DF"]')
    assert one.digest.startswith("sha256:")
    assert one.digest == configured('ignore = ["DF"] # the same').digest
    assert one.digest != configured('ignore = ["K8S"]').digest
    assert one.digest != one.with_command_line({"select": ["DF"]}).digest


# The schema


VALID = """
required-version = ">=0"
select = ["DEFAULT"]
max-file-size = "1 MiB"
[severity]
DF3006 = "off"
[per-file-ignores]
"x" = ["DF"]
[[overrides]]
paths = ["x"]
ignore = ["DF"]
[rules.unpinned-base-image]
require-digest = true
[tools.terraform]
policy = "never"
[kinds]
"x" = "skip"
[output]
format = "json"
"""


def test_the_schema_accepts_what_the_check_accepts(configured: Callable[[str], Config]) -> None:
    import tomllib

    schema = keys.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    configured(VALID)
    jsonschema.validate(tomllib.loads(VALID), schema)


@pytest.mark.parametrize(
    "text",
    ["sellect = []", 'fail-on = "x"', "[tools.git]", '[kinds]\nx = "y"', "[[overrides]]\nx = 1"],
)
def test_the_schema_refuses_what_the_check_refuses(
    configured: Callable[[str], Config], text: str
) -> None:
    import tomllib

    mistakes(configured, text)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text), keys.schema())


PLAIN = st.recursive(
    st.one_of(st.booleans(), st.integers(-5, 5), st.sampled_from(["DF", "x", "error", "1 B"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["DF3006", "x", "paths", "policy"]), inner, max_size=2),
    ),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*keys.KEYS, *keys.TABLES, "other"]), PLAIN, max_size=4))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_document_gives_a_configuration_or_its_mistakes(
    configured: Callable[[str], Config], document: dict[str, Any]
) -> None:
    text = "".join(f"{key} = {_written(value)}\n" for key, value in document.items())
    try:
        config = configured(text)
    except ConfigError as error:
        assert str(error).startswith("error: ")
    else:
        on(config, "some/path")
        config.tool("terraform")
        list(lines(config))
        list(lines(config, "some/path"))


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_written(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return json.dumps(value)
