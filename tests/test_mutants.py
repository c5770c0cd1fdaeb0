"""Damaged files: whatever they hold, each is judged or named, in time, and no rule crashes.

A mutant that failed becomes a stored case: its bytes go to `tests/corpus/mutants/`, in a file
`WHAT+NAME` where NAME is the name to judge it under.
"""

from __future__ import annotations

from pathlib import Path
from time import process_time

from iachygiene.config import Config
from iachygiene.discover import locate
from iachygiene.engine import Options, Scan, run
from iachygiene.files import Tree
from tests.endurance import EXAMPLES, mutants

CORPUS = Path(__file__).parent / "corpus"
STORED = CORPUS / "mutants"
SLOW = 3.0
"""Seconds of processor time that no mutant of a small file may take."""
ALL = Config().with_command_line({"select": ["ALL"]})


def sources() -> list[Path]:
    """The files of the corpus and of the examples that are parsed."""
    endings = ("Dockerfile", ".tf", ".tfvars", ".yaml", ".yml", ".json", ".hcl", ".dockerignore")
    found = [
        path
        for top in (CORPUS / "storefront", EXAMPLES / "shop")
        for path in sorted(top.rglob("*"))
        if path.is_file() and path.name.endswith(endings) and path.stat().st_size < 20_000
    ]
    assert len(found) > 20
    return found


def judged(root: Path, *, fix: bool) -> Scan:
    place = locate([str(root)])
    return run(str(root), place.listing, ALL, Options(engine="builtin", workers=1, fix=fix))


def judge(root: Path, path: Path, data: bytes) -> None:
    """Judge one file twice, with its fixes the second time; raises AssertionError."""
    path.write_bytes(data)
    for fix in (False, True):
        started = process_time()
        scan = judged(root, fix=fix)
        assert process_time() - started < SLOW
        assert scan.result.crashes == []
        assert scan.result.exit_code in (0, 1, 3)
    tree = Tree(str(root))
    for finding in judged(root, fix=False).result.findings:
        for place in (finding.location, *finding.related):
            if place.path == path.name:
                length = len(tree.source(place.path).shown_text)
                assert 0 <= place.span.start <= place.span.end <= length, finding


def judge_all(directory: Path, count: int, seed: int) -> int:
    """Judge so many mutants of each file; one that fails is written beside and named."""
    files = sources()
    others = [path.read_bytes() for path in files]
    done = 0
    for number, file in enumerate(files):
        root = directory / str(number)
        root.mkdir()
        path = root / file.name
        for mutant in mutants(file.read_bytes(), others, count, seed + number):
            try:
                judge(root, path, mutant)
            except BaseException:
                print(f"this mutant of {file} fails:\n{mutant!r}")
                raise
            done += 1
    return done


def test_damaged_files_are_judged_or_named(tmp_path: Path) -> None:
    assert judge_all(tmp_path, 15, seed=20261126) > 400


def test_mutants_that_failed_once_do_not_fail_again(tmp_path: Path) -> None:
    for number, case in enumerate(sorted(STORED.glob("*"))):
        root = tmp_path / str(number)
        root.mkdir()
        judge(root, root / case.name.partition("+")[2], case.read_bytes())
