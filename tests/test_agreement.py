"""Things that are said twice agree: manifest, modules, README, version, wheel, tree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

import iachygiene
from iachygiene.discover import hook_exclude, hook_pattern
from iachygiene.rule import all_rules

TOP = Path(__file__).parent.parent
HOOKS: list[dict[str, Any]] = yaml.safe_load(
    (TOP / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
)
BY_ID = {hook["id"]: hook for hook in HOOKS}

EVERY_KIND = ("terraform", "dockerfile", "compose", "kubernetes", "npm")
FILES = {
    "iachygiene": hook_pattern(EVERY_KIND),
    "iachygiene-fix": hook_pattern(EVERY_KIND),
    "terraform-fmt": hook_pattern(("terraform",), ("main",)),
    "terraform-validate": hook_pattern(("terraform",)),
    "terraform-hygiene": hook_pattern(("terraform",)),
    "dockerfile-hygiene": hook_pattern(("dockerfile",)),
    "kubernetes-hygiene": hook_pattern(("kubernetes",)),
    "compose-hygiene": hook_pattern(("compose",)),
    "npm-sourcemaps": hook_pattern(("npm",)),
}
"""The `files` pattern of each hook that looks at file names."""


def matches(hook: dict[str, Any], path: str) -> bool:
    """Whether pre-commit gives a file to a hook: both patterns are searched in the path."""
    return bool(re.search(hook["files"], path)) and not re.search(hook["exclude"], path)


def test_every_hook_has_a_module_of_its_name() -> None:
    modules = {path.stem for path in (TOP / "hooks").glob("*.py")} - {"__init__"}
    assert {identifier.replace("-", "_") for identifier in BY_ID} == modules


@pytest.mark.parametrize("identifier", BY_ID)
def test_a_hook_starts_its_own_module_apart_from_the_working_directory(identifier: str) -> None:
    module = identifier.replace("-", "_")
    assert BY_ID[identifier]["entry"] == f"python -I -m iachygiene.hooks.{module}"
    assert BY_ID[identifier]["language"] == "python"


@pytest.mark.parametrize("identifier", BY_ID)
def test_a_hook_module_says_the_id_it_is_for(identifier: str) -> None:
    text = (TOP / "hooks" / f"{identifier.replace('-', '_')}.py").read_text(encoding="utf-8")
    assert f'"""Hook `{identifier}`: ' in text
    assert f'main = hook("{identifier}"' in text


@pytest.mark.parametrize("identifier", BY_ID)
def test_one_process_sees_all_files(identifier: str) -> None:
    assert BY_ID[identifier]["require_serial"] is True


def test_the_readme_lists_the_hooks_in_the_order_of_the_manifest() -> None:
    readme = (TOP / "README.md").read_text(encoding="utf-8")
    section = readme.partition("\n### Hooks\n")[2].partition("\n#")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE) == list(BY_ID)


def test_the_readme_shows_what_the_program_prints(update: bool) -> None:
    file = TOP / "README.md"
    readme = file.read_text(encoding="utf-8")
    start, _, rest = readme.partition("```console\n$ iachygiene ")
    block, _, end = rest.partition("```\n")
    command, _, picture = block.partition("\n")
    printed = subprocess.run(
        [sys.executable, "-I", "-m", "iachygiene", *command.split()],
        cwd=TOP,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    ).stdout
    printed = re.sub(r"in \d+\.\d+ s", "in 0.09 s", printed)
    if update:
        picture = printed
        text = f"{start}```console\n$ iachygiene {command}\n{printed}```\n{end}"
        file.write_text(text, encoding="utf-8")
    assert printed == picture, "look, then: pytest --update"


def test_the_readme_counts_the_rules() -> None:
    readme = (TOP / "README.md").read_text(encoding="utf-8")
    counts = re.findall(r"^\| [^|]+ \| `([A-Z0-9]+)` \| (\d+) \| (\d+) \|$", readme, re.MULTILINE)
    rules = [(rule.code.rstrip("0123456789"), rule.fixable) for rule in all_rules()]
    prefixes = {prefix for prefix, _ in rules}
    assert {prefix: (int(every), int(fixable)) for prefix, every, fixable in counts} == {
        prefix: (sum(one == prefix for one, _ in rules), rules.count((prefix, True)))
        for prefix in prefixes
    }
    assert f"| all | | {len(rules)} | {sum(fixable for _, fixable in rules)} |" in readme


@pytest.mark.parametrize("identifier", FILES)
def test_the_files_of_a_hook_are_those_of_the_kinds_table(identifier: str) -> None:
    found = BY_ID[identifier]["files"]
    assert found == FILES[identifier], f"files: '{FILES[identifier]}'"
    assert BY_ID[identifier]["exclude"] == hook_exclude(), f"exclude: '{hook_exclude()}'"


def test_only_the_hook_for_the_whole_repository_looks_at_no_names() -> None:
    assert set(BY_ID) - set(FILES) == {"iachygiene-all"}
    assert BY_ID["iachygiene-all"]["pass_filenames"] is False


MUST_MATCH = {
    "terraform-fmt": "main.tf a/b.tofu prod.tfvars x.tftest.hcl x.tfmock.hcl x.tfquery.hcl"
    " x.tofutest.hcl",
    "terraform-validate": "main.tf main.tf.json .terraform.lock.hcl infra/.terraform.lock.hcl",
    "terraform-hygiene": "main.tf modules/vpc/main.tf.json prod.tfvars",
    "dockerfile-hygiene": "Dockerfile a/Dockerfile dockerfile Containerfile Dockerfile.dev"
    " Dockerfile-dev Dockerfile_prod api.dockerfile api.Dockerfile .dockerignore"
    " Dockerfile.dockerignore",
    "kubernetes-hygiene": "k8s/web.yaml web.yml kustomization.yaml base/Kustomization",
    "compose-hygiene": "compose.yaml docker-compose.yml docker-compose.dev.yaml compose.prod.yml",
    "npm-sourcemaps": "package.json web/package.json .npmignore .gitignore dist/a.js dist/a.mjs"
    " dist/a.js.map dist/a.cjs.map dist/a.d.ts.map dist/a.css.map vite.config.ts vite.config.mjs"
    " rollup.config.mts webpack.config.js web/webpack.config.prod.ts webpack.prod.ts"
    " tsup.config.json nuxt.config.ts build.ts tsconfig.json web/tsconfig.build.json jsconfig.json"
    " angular.json babel.config.json .babelrc .babelrc.json .swcrc .env web/.env.production"
    " .env.production.local",
}

MUST_NOT_MATCH = {
    "terraform-fmt": "main.tf.bak tf main.hcl terragrunt.hcl main.tf.json .terraform/x/main.tf"
    " README.md notatf",
    "terraform-validate": "a/.terraform/modules/x/main.tf lock.hcl",
    "dockerfile-hygiene": "docs/dockerfiles.md Dockerfiles/readme MyDockerfileX Dockerfile.d/x.txt",
    "kubernetes-hygiene": "web.json values.toml yaml Kustomization.md",
    "compose-hygiene": "my-compose.json compose/readme.md decompose.txt",
    "npm-sourcemaps": "node_modules/x/package.json mypackage.json.txt tiles.map package.jsonc"
    " src/index.ts src/config.ts mytsconfig.json .environment .env.example",
    "iachygiene": "README.md main.py node_modules/a/package.json LICENSE",
}


@pytest.mark.parametrize(
    ("identifier", "path"),
    [(one, path) for one, all_ in MUST_MATCH.items() for path in all_.split()],
)
def test_a_hook_is_given(identifier: str, path: str) -> None:
    assert matches(BY_ID[identifier], path)
    assert matches(BY_ID["iachygiene"], path)


@pytest.mark.parametrize(
    ("identifier", "path"),
    [(one, path) for one, all_ in MUST_NOT_MATCH.items() for path in all_.split()],
)
def test_a_hook_is_not_given(identifier: str, path: str) -> None:
    assert not matches(BY_ID[identifier], path)


def test_the_version_is_the_one_of_the_package() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert iachygiene.__version__ == project["version"]


def test_the_wheel_holds_the_modules_of_the_tree_and_no_others(tmp_path: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    sources = [path for path in listed if path and (TOP / path).is_file()]
    copy = tmp_path / "source"
    for path in sources:
        if path.startswith(("iachygiene/", "hooks/", "pyproject.toml", "README.md")):
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            (copy / path).write_bytes((TOP / path).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, copy],
        check=True,
        cwd=tmp_path,
    )
    (wheel,) = tmp_path.glob("*.whl")
    packed = {
        name
        for name in zipfile.ZipFile(wheel).namelist()
        if not re.match(r"[^/]+\.dist-info/", name)
    }
    own = {path for path in sources if path.startswith("iachygiene/")}
    hooks = {f"iachygiene/{path}" for path in sources if path.startswith("hooks/")}
    assert packed == own | hooks
