"""How well the static checks of Terraform files agree with `terraform validate`.

    python benchmarks/static_validation.py ask ANSWERS.json [--provider PROGRAM] DIRECTORY...
    python benchmarks/static_validation.py score ANSWERS.json... [--misses]

`ask` runs `terraform validate -json` on every module below the directories and keeps what it
says; nothing is written into them. Local modules are made known without `init`. Where a
directory is called `*-files`, as in Terraform's own test data, each of its files is a module
of its own. With `--provider`, a program that speaks the plug-in protocol and accepts
whatever resource types the JSON file in `ANY_SCHEMA` names, the real program gets to
references and cycles without any true provider; without it, only modules that use no
provider are judged to the end.

`score` runs the static rules on the same modules: an error of the program is found when a
finding stands on its line, a finding is false where the program accepts the module.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from iachygiene import hcl
from iachygiene.files import Tree
from iachygiene.model import Job, Location, Severity, SourceFile, Trouble
from iachygiene.parse.terraform import load
from iachygiene.rule import load_language, rules_of

META = {"count", "for_each", "provider", "depends_on", "lifecycle", "provisioner", "connection"}
REGISTRY = re.compile(r"^[a-z0-9-]+/[a-z0-9-_]+/[a-z0-9]+(//.*)?$", re.IGNORECASE)
NOT_STATIC = re.compile(
    "Module not installed|Missing required provider|Failed to (load|obtain|instantiate)|"
    "Unsupported Terraform Core version|Required plugins|provisioner plugin|Module source has"
    "|Module version requirements|Inconsistent dependency|no package for|Plugin"
    # What a provider's schema says, or this script's lack of one.
    "|failed to read schema|does not support resource type|an object with 0 attributes"
    "|failed to read module manifest|not a write-only|exported attribute named"
    # What depends on the command line, or on builds with experiments.
    "|No value for required variable|experimental features|type .state_store. are not expected"
)


def modules(directory: Path) -> list[Path]:
    """Directories and single files below a directory that are a module each."""
    found: list[Path] = []
    for here, below, names in os.walk(directory):
        below[:] = sorted(name for name in below if name not in (".git", ".terraform"))
        files = [name for name in names if name.endswith((".tf", ".tf.json"))]
        if here.endswith("-files"):
            found += [Path(here, name) for name in sorted(files)]
        elif files:
            found.append(Path(here))
    return found


def parsed(path: Path) -> hcl.Body | None:
    try:
        return hcl.parse(SourceFile(str(path), path.read_bytes()).text)
    except Exception:  # a file that does not parse has nothing to offer
        return None


class Described:
    """What a module and the local ones below it use of providers: a schema for `--provider`."""

    def __init__(self, directory: Path, made: Path) -> None:
        self.providers = {"registry.terraform.io/hashicorp/" + "null"}
        self.types: dict[str, dict[str, Any]] = {"resource": {}, "data": {}, "ephemeral": {}}
        self.body: dict[str, Any] = {"attributes": [], "blocks": {}}
        self.names: set[str] = set()
        self.functions: set[str] = set()
        self.calls = [{"Key": "", "Source": "", "Dir": "."}]
        self.made = made
        self.root = directory
        self.read(directory, "", 0)

    def read(self, directory: Path, key: str, depth: int) -> None:
        locals_: dict[str, str] = {}
        bodies = [body for path in sorted(directory.glob("*.tf")) if (body := parsed(path))]
        for body in bodies:
            for block in body.blocks:
                self.block(block, locals_)
            for node in self.walk(body):
                if isinstance(node, hcl.Attr):
                    self.names.add(node.name)
                elif isinstance(node, hcl.Call) and node.name.startswith("provider::"):
                    self.functions.add(node.name.split("::")[-1])
        for body in bodies:
            for block in body.blocks:
                if block.type in self.types and block.labels:
                    name = block.labels[0].partition("_")[0]
                    given = block.body.attributes.get("provider")
                    if given and isinstance(given.expr, hcl.Reference):
                        name = given.expr.name
                    self.provider(name, locals_)
                elif block.type == "provider" and block.labels:
                    self.provider(block.labels[0], locals_)
                elif block.type == "module" and block.labels and depth < 12:
                    self.call(block, directory, key, depth, bodies)

    def provider(self, name: str, locals_: dict[str, str]) -> None:
        if re.fullmatch("[a-z0-9-]+", name, re.IGNORECASE):
            source = locals_.get(name, f"hashicorp/{name}").lower()
            if source.count("/") == 1:
                source = "registry.terraform.io/" + source
            if source.count("/") == 2 and "terraform.io/builtin" not in source:
                self.providers.add(source)

    def block(self, block: hcl.Block, locals_: dict[str, str]) -> None:
        if block.type == "terraform":
            for inner in block.body.blocks:
                if inner.type == "required_providers":
                    for name, attribute in inner.body.attributes.items():
                        source = None
                        if isinstance(attribute.expr, hcl.Object):
                            for item in attribute.expr.items:
                                if item.name == "source":
                                    source = hcl.literal(item.value)
                        locals_[name] = source if isinstance(source, str) else f"hashicorp/{name}"
                        self.provider(name, locals_)
                elif inner.type == "provider_meta":
                    self.body["attributes"] += list(inner.body.attributes)
        elif block.type == "provider":
            self.merge(self.body, block.body)
        elif block.type in self.types and block.labels:
            self.merge(self.types[block.type].setdefault(block.labels[0], new_body()), block.body)
        elif block.type == "check":
            for inner in block.body.blocks:
                self.block(inner, locals_)

    def merge(self, into: dict[str, Any], body: hcl.Body, meta: set[str] = META) -> None:
        into["attributes"] += [name for name in body.attributes if name not in meta]
        for block in body.blocks:
            name, inner = block.type, block.body
            if name == "_":
                self.merge(into, inner, set())
                continue
            if name == "dynamic" and block.labels:
                name = block.labels[0]
                content = [one for one in inner.blocks if one.type == "content"]
                inner = content[0].body if content else inner
            if name not in meta:
                self.merge(into["blocks"].setdefault(name, new_body()), inner, {"dynamic"})

    def call(
        self, block: hcl.Block, directory: Path, key: str, depth: int, bodies: list[hcl.Body]
    ) -> None:
        given = block.body.attributes.get("source")
        source = hcl.literal(given.expr) if given else None
        if not isinstance(source, str):
            return
        inner = f"{key}.{block.labels[0]}" if key else block.labels[0]
        row = {"Key": inner, "Source": source}
        if source.startswith(("./", "../")):
            below = Path(os.path.normpath(directory / source))
            if below.is_dir():
                row["Dir"] = os.path.relpath(below, self.root)
                self.calls.append(row)
                if len(self.calls) < 300:
                    self.read(below, inner, depth + 1)
            return
        if not REGISTRY.match(source):
            return
        version = block.body.attributes.get("version")
        wanted = hcl.literal(version.expr) if version else None
        number = re.search(r"\d+(\.\d+)*", wanted) if isinstance(wanted, str) else None
        row["Source"] = "registry.terraform.io/" + source
        row["Version"] = ".".join((*(number[0] if number else "1").split("."), "0", "0")[:3])
        row["Dir"] = os.path.relpath(self.invent(block, bodies), self.root)
        self.calls.append(row)

    def invent(self, call: hcl.Block, bodies: list[hcl.Body]) -> Path:
        """A module that takes what the call gives and gives what is asked of the call."""
        where = Path(tempfile.mkdtemp(dir=self.made))
        meta = {"source", "version", "providers", "count", "for_each", "depends_on", "lifecycle"}
        text = [
            f'variable "{name}" {{\n  default = null\n}}\n'
            for name in call.body.attributes
            if name not in meta
        ]
        outputs = set()
        for body in bodies:
            for node in hcl.walk(body):
                if isinstance(node, hcl.Reference) and node.name == "module" and node.steps:
                    outputs |= {step.name for step in node.steps if isinstance(step, hcl.Attr)}
        text += [
            f'output "{name}" {{\n  value = terraform_data.any.output\n}}\n' for name in outputs
        ]
        text.append('resource "terraform_data" "any" {\n  input = timestamp()\n}\n')
        (where / "main.tf").write_text("".join(text))
        return where

    def walk(self, node: hcl.Node) -> list[hcl.Node]:
        found, waiting = [], [node]
        while waiting:
            node = waiting.pop()
            found.append(node)
            waiting += node.children()
        return found

    def schema(self) -> dict[str, Any]:
        names = sorted(self.names)
        for table in self.types.values():
            for body in table.values():
                body["attributes"] = sorted({*body["attributes"], *names} - META)
        return {
            **self.types,
            "provider": self.body,
            "meta": self.body,
            "functions": sorted(self.functions),
        }


def new_body() -> dict[str, Any]:
    return {"attributes": [], "blocks": {}}


def ask(module: Path, provider: str | None, program: str) -> dict[str, Any]:
    """What `terraform validate` says of one module; one file is put into a directory first."""
    with tempfile.TemporaryDirectory(prefix="static-") as scratch:
        where = Path(scratch)
        directory = module
        if module.is_file():
            directory = where / "module"
            directory.mkdir()
            shutil.copy(module, directory / module.name)
        data = where / "data"
        (data / "modules").mkdir(parents=True)
        described = Described(directory, where)
        (data / "modules" / "modules.json").write_text(json.dumps({"Modules": described.calls}))
        variables = {**os.environ, "TF_DATA_DIR": str(data), "CHECKPOINT_DISABLE": "1"}
        variables["ANY_SCHEMA"] = str(where / "schema.json")
        variables["TF_CLI_CONFIG_FILE"] = str(where / "terraform.rc")
        (where / "schema.json").write_text(json.dumps(described.schema()))
        rows = []
        for number, source in enumerate(sorted(described.providers) if provider else ()):
            folder = where / f"p{number}"
            folder.mkdir()
            (folder / f"terraform-provider-{source.rpartition('/')[2]}").symlink_to(str(provider))
            rows.append(f'    "{source}" = "{folder}"\n')
        (where / "terraform.rc").write_text(
            "provider_installation {\n  dev_overrides {\n" + "".join(rows) + "  }\n  direct {}\n}\n"
        )
        try:
            run = subprocess.run(
                [program, "validate", "-json", "-no-tests"],
                cwd=directory,
                env=variables,
                capture_output=True,
                timeout=120,
                check=False,
            )
            said = json.loads(run.stdout[run.stdout.index(b"{") :])
        except (ValueError, subprocess.TimeoutExpired) as error:
            return {"failed": str(error)[:200], "diagnostics": [], "valid": False}
        reached = [
            str(Path(os.path.normpath(directory / row["Dir"])))
            for row in described.calls
            if "static-" not in row["Dir"]
        ]
        return {
            "valid": said["valid"],
            "diagnostics": said["diagnostics"],
            "reached": sorted(set(reached)) if module.is_dir() else [],
        }


def digest(module: Path) -> str:
    files = [module] if module.is_file() else sorted(module.glob("*.tf*"))
    parts = [path.name.encode() + path.read_bytes() for path in files if path.is_file()]
    calls = b"source" in b"".join(parts) and b"module" in b"".join(parts)
    return hashlib.sha256(b"\0".join([*parts, str(module).encode() if calls else b""])).hexdigest()


def ask_all(answers: Path, directories: list[Path], provider: str | None, program: str) -> None:
    known = json.loads(answers.read_text()) if answers.exists() else {}
    digests = {one["digest"] for one in known.values() if "digest" in one}
    todo = []
    for directory in directories:
        for module in modules(directory):
            if str(module) not in known:
                mark = digest(module)
                if mark not in digests:
                    digests.add(mark)
                    todo.append((module, mark))
    print(f"{len(todo)} modules to ask about", file=sys.stderr)
    with ThreadPoolExecutor(2) as pool:
        for number, ((module, mark), said) in enumerate(
            zip(todo, pool.map(lambda one: ask(one[0], provider, program), todo), strict=True)
        ):
            known[str(module)] = {**said, "digest": mark}
            if number % 50 == 49:
                write(answers, known)
                print(number + 1, file=sys.stderr)
    write(answers, known)


def write(answers: Path, known: dict[str, Any]) -> None:
    fresh = answers.with_suffix(".new")
    fresh.write_text(json.dumps(known))
    fresh.replace(answers)


class Judge:
    """The static findings of modules, by the directory."""

    def __init__(self, root: Path) -> None:
        names = [str(path.relative_to(root)) for path in root.rglob("*.tf*") if path.is_file()]
        self.root = root
        self.tree = Tree(str(root), listed=frozenset(names))
        load_language("terraform")
        self.rules = [one for one in rules_of("terraform") if one.code.startswith("TF4")]

    def findings(self, directory: Path) -> list[tuple[str, int, str, str]]:
        """File, line, code and message of everything found in one directory."""
        below = str(directory.relative_to(self.root)).removeprefix(".")
        paths = [
            f"{below}/{name}" if below else name
            for name in sorted(path.name for path in directory.iterdir())
            if name.endswith((".tf", ".tf.json")) and not name.startswith(".")
        ]
        found = []
        for unit in load(Job("terraform", below, tuple(paths), {"engine": "none"}), self.tree):
            if isinstance(unit, Trouble):
                found.append((unit.location, "HYG001", unit.message))
            for one in self.rules:
                if type(unit) is one.unit:
                    found += [
                        (f.location, mark(f.severity or one.severity, one.code), f.message)
                        for f in one.check(unit)
                    ]
        return [
            (str(self.root / place.path), self.line(place), code, message)
            for place, code, message in found
        ]

    def line(self, place: Location) -> int:
        return SourceFile(place.path, self.tree.raw(place.path)).position(place.span.start)[0]


def mark(severity: Severity, code: str) -> str:
    """The code of an error, and that of a warning with a mark."""
    return code if severity is Severity.ERROR else f"{code}?"


def corpus(module: Path) -> Path:
    """The repository that a module is in."""
    for above in (module, *module.parents):
        if (above / ".git").exists():
            return above
    return module


def wants_aliases(module: Path) -> bool:
    """Whether a module is complete only with the provider configurations of a caller."""
    files = [module] if module.is_file() else list(module.glob("*.tf*"))
    return any(b"configuration_aliases" in path.read_bytes() for path in files if path.is_file())


def score(answers: list[Path], verbose: bool) -> None:
    found_total, missed, false, extra, masked = Counter(), [], [], [], Counter()
    valid = 0
    judges: dict[Path, Judge] = {}
    cache: dict[Path, list[tuple[str, int, str, str]]] = {}
    known = {name: one for path in answers for name, one in json.loads(path.read_text()).items()}
    for name, said in known.items():
        module = Path(name)
        if module.is_file():
            with tempfile.TemporaryDirectory(prefix="static-") as scratch:
                shutil.copy(module, scratch)
                here = Path(scratch).resolve()
                found = [
                    (str(module), line, code, message)
                    for _, line, code, message in Judge(here).findings(here)
                ]
        else:
            root = corpus(module)
            judge = judges.get(root) or judges.setdefault(root, Judge(root))
            found = []
            for reached in {str(module), *said.get("reached", ())}:
                directory = Path(reached)
                if (
                    directory not in cache
                    and directory.is_dir()
                    and root in (directory, *directory.parents)
                ):
                    cache[directory] = judge.findings(directory)
                found += cache.get(directory, [])
        if said["valid"]:
            valid += 1
            false += [(name, *one) for one in found if not one[2].endswith("?")]
            continue
        places = {(path, line) for path, line, *_ in found}
        lines = set()
        for one in said["diagnostics"]:
            if one["severity"] != "error":
                continue
            if NOT_STATIC.search(one["summary"]) or NOT_STATIC.search(one["detail"]):
                masked[one["summary"]] += 1
                continue
            where = one.get("range")
            if one["summary"] == "Provider configuration not present" and wants_aliases(module):
                masked["provider aliases of a caller"] += 1
                continue
            base = module.parent if module.is_file() else module
            if where:
                path = os.path.normpath(base / where["filename"])
                hit = (path, where["start"]["line"]) in places
                lines.add((path, where["start"]["line"]))
            else:
                hit = any(code in ("TF427", "TF427?", "TF430") for _, _, code, _ in found)
            if hit:
                found_total[one["summary"]] += 1
            else:
                line = where["start"]["line"] if where else 0
                missed.append(
                    (one["summary"], name, where and where["filename"], line, one["detail"])
                )
        extra += [(name, *one) for one in found if (one[0], one[1]) not in lines]
    hits = sum(found_total.values())
    print(f"{valid} valid modules, {len(false)} findings in them")
    for one in false[: 400 if verbose else 40]:
        print("  FALSE", *one[1:])
    print(f"{hits} of {hits + len(missed)} errors found, {hits / max(1, hits + len(missed)):.1%}")
    print(f"not judged to the end: {dict(masked)}")
    for summary, number in sorted(Counter(one[0] for one in missed).items(), key=lambda x: -x[1]):
        print(f"  MISSED {number} of {number + found_total[summary]} {summary}")
        if verbose:
            for one in missed:
                if one[0] == summary:
                    print("     ", *one[1:4], " ".join(one[4].split())[:150])
    if verbose:
        for one in extra:
            print("  EXTRA", *one[1:])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    asking = commands.add_parser("ask")
    asking.add_argument("answers", type=Path)
    asking.add_argument("directories", type=Path, nargs="+")
    asking.add_argument("--provider")
    asking.add_argument("--program", default="terraform")
    scoring = commands.add_parser("score")
    scoring.add_argument("answers", type=Path, nargs="+")
    scoring.add_argument("--misses", action="store_true")
    options = parser.parse_args()
    if options.command == "ask":
        ask_all(
            options.answers.resolve(),
            [one.resolve() for one in options.directories],
            options.provider,
            options.program,
        )
    else:
        score(options.answers, options.misses)
