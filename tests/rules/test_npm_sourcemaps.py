from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from iachygiene.files import Tree
from iachygiene.model import Finding, Job, Severity
from iachygiene.parse.npm import NpmPackage, load
from iachygiene.rules.npm import originals, references, sourcemaps

OWN = '{"version": 3, "sources": ["../src/a.ts"], "sourcesContent": ["a\\nb\\n"], "mappings": ""}'
PLAIN = '{"version": 3, "sources": ["../src/a.ts"], "mappings": ""}'
INLINE = (
    "f()\n//# sourceMappingURL=data:application/json,%7B%22sources%22:[],%22mappings%22:%22%22%7D"
)
OPEN = {"license": "MIT", "repository": "https://github.com/acme/x"}


def findings(
    rule: str,
    root: Path,
    manifest: Mapping[str, Any],
    files: Mapping[str, str],
    **settings: Any,
) -> list[Finding]:
    """What one rule says of a package `x` that ships `dist`."""
    whole = {"name": "x", "version": "1.0.0", "files": ["dist"], **manifest}
    for name, text in {"package.json": json.dumps(whole, indent=1), **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")
    tree = Tree(str(root), listed=frozenset({"package.json", *files}))
    *_, unit = load(Job("npm", "", ("package.json",), settings), tree)
    assert isinstance(unit, NpmPackage)
    module = next(one for one in (sourcemaps, references, originals) if hasattr(one, rule))
    return list(getattr(module, rule)(unit))


def test_an_embedding_map_is_told_with_its_size_and_what_let_it_ship(tmp_path: Path) -> None:
    (found,) = findings("map_embeds_source", tmp_path, {}, {"dist/a.js.map": OWN})
    assert found.message == (
        'source map "dist/a.js.map" embeds 1 own file, 2 lines, 4 characters ("../src/a.ts")'
        "; no published file refers to it"
    )
    assert found.location.path == "dist/a.js.map"
    assert found.object == "package x"
    text = (tmp_path / "package.json").read_text()
    (because,) = found.related
    assert text[because.span.start : because.span.end] == '"dist"'
    assert because.label == "`files` lets it ship"


def test_the_negation_that_brings_a_directory_back_is_the_related_place(tmp_path: Path) -> None:
    files = {".npmignore": "dist\n!dist/a.js\n", "dist/a.js": "", "dist/a.js.map": OWN}
    (found,) = findings("map_embeds_source", tmp_path, {"files": None}, files)
    (because,) = found.related
    assert (because.path, because.span) == (".npmignore", (5, 15))
    assert because.label == "`!dist/a.js` lets it ship"


def test_a_map_that_nothing_leaves_out_is_related_to_the_manifest(tmp_path: Path) -> None:
    (found,) = findings("map_shipped", tmp_path, {"files": None}, {"a.js.map": PLAIN})
    (because,) = found.related
    assert (because.path, because.label) == (
        "package.json",
        "nothing in the package leaves it out",
    )


def test_the_three_largest_originals_are_named(tmp_path: Path) -> None:
    text = {
        "sources": ["a", "b", "c", "d", "node_modules/e"],
        "sourcesContent": ["1", "22", "333", "4444", "55555"],
        "mappings": "",
    }
    (found,) = findings("map_embeds_source", tmp_path, {}, {"dist/a.map": json.dumps(text)})
    assert '4 own files, 4 lines, 10 characters (largest "d", "c", "b")' in found.message
    assert "and 1 third-party file" in found.message


def test_more_than_ten_maps_are_one_finding_at_the_files_field(tmp_path: Path) -> None:
    files = {f"dist/{number:02}.js.map": OWN for number in range(12)}
    (found,) = findings("map_embeds_source", tmp_path, {}, files)
    assert found.message.startswith(
        '12 source maps embed 12 own files, 24 lines; first ten: "dist/00.js.map", '
    )
    assert '"dist/09.js.map"' in found.message and '"dist/10.js.map"' not in found.message
    text = (tmp_path / "package.json").read_text()
    assert text[found.location.span.start : found.location.span.end] == '"files"'


def test_ten_maps_are_told_apart(tmp_path: Path) -> None:
    files = {f"dist/{number}.js.map": PLAIN for number in range(10)}
    assert len(findings("map_shipped", tmp_path, {}, files)) == 10


@pytest.mark.parametrize(
    ("manifest", "severity"),
    [
        ({}, Severity.ERROR),
        ({"private": True}, Severity.WARNING),
        ({"publishConfig": {"registry": "https://npm.acme.corp"}}, Severity.WARNING),
        (OPEN, Severity.INFO),
        ({**OPEN, "name": "@acme/x"}, Severity.ERROR),
    ],
)
def test_an_embedding_map_weighs_by_where_the_package_goes(
    tmp_path: Path, manifest: dict[str, Any], severity: Severity
) -> None:
    files = {"dist/a.js.map": OWN, "src/a.ts": "a\nb\n"}
    (found,) = findings("map_embeds_source", tmp_path, manifest, files)
    assert found.severity == severity


def test_open_source_is_no_excuse_for_originals_outside_the_repository(tmp_path: Path) -> None:
    (found,) = findings("map_embeds_source", tmp_path, OPEN, {"dist/a.js.map": OWN})
    assert found.severity == Severity.ERROR


@pytest.mark.parametrize(
    ("rule", "settings", "count"),
    [
        ("map_embeds_source", {"maps": "allow"}, 0),
        ("map_shipped", {"maps": "allow"}, 0),
        ("map_inline", {"maps": "allow"}, 1),
        ("map_embeds_source", {"allow-maps": ["dist/**"]}, 0),
        ("map_shipped", {"allow-maps": ["dist/b*"]}, 0),
        ("map_inline", {"allow-maps": ["dist/**"]}, 0),
        ("map_shipped", {"allow-maps": ["other/**"]}, 1),
    ],
)
def test_the_configuration_allows_maps(
    tmp_path: Path, rule: str, settings: dict[str, Any], count: int
) -> None:
    files = {"dist/a.js.map": OWN, "dist/b.js.map": PLAIN, "dist/c.js": INLINE}
    assert len(findings(rule, tmp_path, {}, files, **settings)) == count


def test_an_inline_map_stands_at_its_comment_without_the_payload(tmp_path: Path) -> None:
    text = "f()\n//# sourceMappingURL=data:application/json,%7B%22mappings%22:%22" + "A" * 900
    (found,) = findings("map_inline", tmp_path, {}, {"dist/a.js": text + "%22%7D"})
    assert found.severity == Severity.WARNING
    assert text[slice(*found.location.span)] == "//# sourceMappingURL=data:application/js"


def test_an_inline_map_with_originals_is_an_error(tmp_path: Path) -> None:
    body = "%7B%22sources%22:[%22a%22],%22sourcesContent%22:[%22x%22],%22mappings%22:%22%22%7D"
    text = f"f()\n//# sourceMappingURL=data:application/json,{body}"
    (found,) = findings("map_inline", tmp_path, {}, {"dist/a.js": text})
    assert found.severity == Severity.ERROR
    assert "embeds 1 own file" in found.message


def test_a_data_url_of_something_else_is_no_map(tmp_path: Path) -> None:
    text = "f()\n//# sourceMappingURL=data:text/plain,hello"
    assert findings("map_inline", tmp_path, {}, {"dist/a.js": text}) == []


def test_maps_of_a_bundled_dependency_are_not_the_packages_own(tmp_path: Path) -> None:
    manifest = {"dependencies": {"d": "1"}, "bundleDependencies": ["d"], "files": []}
    files = {
        "node_modules/d/package.json": "{}",
        "node_modules/d/a.js.map": OWN,
        "node_modules/d/b.js": "f()\n//# sourceMappingURL=gone.map",
    }
    assert findings("map_embeds_source", tmp_path, manifest, files) == []
    (found,) = findings("map_dangling_reference", tmp_path, manifest, files)
    assert found.severity == Severity.INFO


def test_a_reference_that_leads_out_of_the_package_dangles(tmp_path: Path) -> None:
    text = "f()\n//# sourceMappingURL=../../maps/a.map"
    (found,) = findings("map_dangling_reference", tmp_path, {}, {"dist/a.js": text})
    assert found.location.span == (4, len(text))


@pytest.mark.parametrize(
    ("url", "severity"),
    [
        ("https://cdn.acme.com/a.map", Severity.WARNING),
        ("//cdn.acme.com/a.map", Severity.WARNING),
        ("https://user:secret@cdn.acme.com/a.map?key=1", Severity.WARNING),
        ("https://acme.s3.amazonaws.com/a.map", Severity.ERROR),
        ("https://s3.eu-west-1.amazonaws.com/acme/a.map", Severity.ERROR),
        ("https://acme.s3-website.eu-west-1.amazonaws.com/a.map", Severity.ERROR),
        ("https://storage.googleapis.com/acme/a.map", Severity.ERROR),
        ("https://acme.blob.core.windows.net/a.map", Severity.ERROR),
        ("https://pub-1.r2.dev/a.map", Severity.ERROR),
        ("s3://acme/a.map", Severity.ERROR),
        ("http://localhost:8080/a.map", Severity.ERROR),
        ("http://buildhost/a.map", Severity.ERROR),
        ("http://10.1.2.3/a.map", Severity.ERROR),
        ("http://172.20.0.1/a.map", Severity.ERROR),
        ("http://172.40.0.1/a.map", Severity.WARNING),
        ("https://maps.acme.internal/a.map", Severity.ERROR),
        ("https://raw.githubusercontent.com/other/x/main/a.map", Severity.WARNING),
    ],
)
def test_a_remote_map_weighs_by_its_host(tmp_path: Path, url: str, severity: Severity) -> None:
    files = {"dist/a.js": f"f()\n//# sourceMappingURL={url}"}
    (found,) = findings("map_remote_reference", tmp_path, OPEN, files)
    assert found.severity == severity
    assert "secret" not in found.message and "key=1" not in found.message


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/x/blob/main/a.map",
        "https://raw.githubusercontent.com/acme/x/main/a.map",
        "webpack://x/./a.map",
        "file:///home/me/a.map",
        "/maps/a.map",
        "maps/a.map",
    ],
)
def test_a_map_of_the_repository_or_of_no_host_is_not_remote(tmp_path: Path, url: str) -> None:
    files = {"dist/a.js": f"f()\n//# sourceMappingURL={url}"}
    assert findings("map_remote_reference", tmp_path, OPEN, files) == []


def test_remote_sources_of_one_map_are_one_finding_with_the_worst_first(tmp_path: Path) -> None:
    text = {
        "sources": ["https://a.com/1.ts", "https://a.com/2.ts"],
        "sections": [{"url": "gs://acme/x.map"}],
    }
    (found,) = findings("map_remote_reference", tmp_path, {}, {"dist/a.map": json.dumps(text)})
    assert found.severity == Severity.ERROR
    assert found.message == 'source map of "dist/a.map" points to "gs://acme/x.map" and 2 more'


def test_the_probable_maker_is_told(tmp_path: Path) -> None:
    text = {
        "version": 3,
        "sources": ["a.ts"],
        "sourcesContent": ["a"],
        "mappings": "",
        "names": [],
    }
    (found,) = findings("map_embeds_source", tmp_path, {}, {"dist/a.map": json.dumps(text)})
    assert found.message.endswith("; probably made by esbuild or tsup")
