"""The same files give the same bytes, however they are listed and by how many processes."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from iachygiene.config import Config
from iachygiene.discover import Listing, walk
from iachygiene.engine import Options, Scan, run
from iachygiene.files import Tree
from iachygiene.model import Location
from iachygiene.report.options import ReportOptions

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shops")
    shutil.copytree(EXAMPLES, root / "all", ignore=shutil.ignore_patterns(".terraform"))
    return root / "all"


def scanned(root: Path, workers: int, seed: int | None = None) -> Scan:
    paths = list(walk(str(root), gitignore=False))
    if seed is not None:
        random.Random(seed).shuffle(paths)
    options = Options(engine="builtin", workers=workers)
    config = Config().with_command_line({"tools": {"terraform": {"policy": "never"}}})
    return run(str(root), Listing(paths, from_git=False), config, options)


def rendered(scan: Scan) -> str:
    from iachygiene.report import json

    return "".join(json.render(scan.result, scan.files, ReportOptions(reproducible=True)))


def test_two_workers_say_what_one_process_says(shops: Path) -> None:
    one = scanned(shops, 1)
    assert one.result.findings
    assert rendered(scanned(shops, 2)) == rendered(one)


def test_order_of_the_listing_does_not_matter(shops: Path) -> None:
    expected = rendered(scanned(shops, 1))
    for seed in range(3):
        assert rendered(scanned(shops, 1, seed)) == expected


def test_spans_lie_in_their_files(shops: Path) -> None:
    scan = scanned(shops, 1)
    tree = Tree(str(shops))
    places: list[Location] = [one.location for one in scan.result.findings]
    places += [place for one in scan.result.findings for place in one.related]
    for place in places:
        length = len(tree.read(place.path).text)
        assert 0 <= place.span.start <= place.span.end <= length, place


def test_no_rule_crashes(shops: Path) -> None:
    assert scanned(shops, 1).result.crashes == []
