"""Time grows no faster than the input: twice the text, about twice the time, for every kind.

What is measured is processor time, the least of several runs, at n and at 4n. Linear work
takes four times as long, quadratic work sixteen times; the limit lies between them, and only
work that is over it every time it is measured fails.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import process_time

import pytest

from iachygiene.config import Config
from iachygiene.engine import scan

LIMIT = 8.0
FLOOR = 0.01
"""Seconds that do not depend on the input, and are no part of the ratio."""
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\n"


def lines(form: str) -> Callable[[int], str]:
    return lambda n: "".join(form.replace("@", str(number)) for number in range(n))


def under(head: str, form: str, foot: str = "") -> Callable[[int], str]:
    body = lines(form)
    return lambda n: head + body(n) + foot


INPUTS: dict[str, tuple[str, int, Callable[[int], str]]] = {
    "terraform blocks": (
        "main.tf",
        450,
        lines('variable "v@" {\n  type = string\n}\noutput "o@" {\n  value = var.v@\n}\n'),
    ),
    "terraform attributes": ("main.tf", 800, under("locals {\n", '  a@ = "${b}"\n', "}\n")),
    "terraform list": ("main.tf", 4500, under("locals {\n  a = [\n", "    @,\n", "  ]\n}\n")),
    "terraform operators": ("main.tf", 4500, under("locals {\n  a = 1", " + @", "\n}\n")),
    "terraform width": ("main.tf", 3000, under('locals {\n  a = "', "ab${c}@", '"\n}\n')),
    "terraform comments": ("main.tf", 700, lines("# iachygiene: ignore[TF001] -- @\n")),
    "dockerfile instructions": (
        "Dockerfile",
        600,
        under("FROM debian:12.5\n", "RUN apt-get install -y a@\n"),
    ),
    "dockerfile stages": (
        "Dockerfile",
        240,
        lines("FROM debian:12.5 AS s@\nCOPY --from=s0 /a /b\n"),
    ),
    "dockerfile continued": (
        "Dockerfile",
        1200,
        under("FROM debian:12.5\nRUN true", " && \\\n  cd /a@"),
    ),
    "dockerfile labels": ("Dockerfile", 1200, under("FROM debian:12.5\nLABEL", ' a@="b"')),
    "dockerfile heredocs": (
        "Dockerfile",
        240,
        under("FROM debian:12.5\n", "RUN <<EOT\necho @\nEOT\n"),
    ),
    "dockerfile suppressions": (
        "Dockerfile",
        450,
        under("FROM debian:12.5\n", "# iachygiene: ignore[DF4006] -- @\nRUN a | b@\n"),
    ),
    "kubernetes documents": (
        "pods.yaml",
        180,
        lines(
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a@, namespace: b}\n"
            "spec:\n  containers:\n    - {name: c, image: nginx}\n---\n"
        ),
    ),
    "kubernetes containers": (
        "pod.yaml",
        180,
        under(POD + "spec:\n  containers:\n", "    - {name: c@, image: nginx}\n"),
    ),
    "kubernetes keys": (
        "map.yaml",
        2400,
        under(POD.replace("Pod", "ConfigMap") + "data:\n", "  k@: v\n"),
    ),
    "kubernetes variables": (
        "pod.yaml",
        600,
        under(
            POD + "spec:\n  containers:\n    - name: c\n      image: nginx\n      env:\n",
            "        - {name: V@, value: x}\n",
        ),
    ),
    "kubernetes aliases": (
        "map.yaml",
        2400,
        under(POD.replace("Pod", "ConfigMap") + "x: &x [1]\ndata:\n", "  k@: *x\n"),
    ),
    "compose services": (
        "compose.yaml",
        150,
        under("services:\n", "  s@:\n    image: nginx\n    ports: ['@:80']\n"),
    ),
    "compose variables": (
        "compose.yaml",
        900,
        under("services:\n  web:\n    image: nginx\n    environment:\n", "      V@: ${X@:-y}\n"),
    ),
    "npm dependencies": (
        "package.json",
        1500,
        under(
            '{"name": "a", "version": "1.0.0", "dependencies": {', '"d@": "1.0.0",\n', '"e": "1"}}'
        ),
    ),
    "npm scripts": (
        "package.json",
        1200,
        under('{"name": "a", "version": "1.0.0", "scripts": {', '"s@": "a && b",\n', '"e": "f"}}'),
    ),
    "npm files": (
        "package.json",
        250,
        under('{"name": "a", "version": "1.0.0", "files": [', '"f@/*.js",\n', '"e"]}'),
    ),
}


def seconds(root: Path, repeats: int) -> float:
    """The least processor time of a scan."""
    config = Config().with_command_line({"select": ["ALL"]})
    best = float("inf")
    for _ in range(repeats):
        started = process_time()
        result = scan(str(root), config=config, engine="builtin", workers=1)
        best = min(best, process_time() - started)
        assert not result.crashes
        assert not {one.rule for one in result.findings} & {"HYG001", "HYG005"}
    return best


@pytest.mark.parametrize("what", INPUTS)
def test_time_is_linear_in_the_input(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path, size, generate = INPUTS[what]
    roots = []
    for factor in (1, 4):
        root = tmp_path / str(factor)
        root.mkdir()
        (root / path).write_text(generate(size * factor))
        roots.append(root)
    small, large = roots
    seconds(small, 1)  # imports and caches of patterns
    ratios = []
    for attempt in range(4):
        ratios.append(seconds(large, 1 + attempt) / (seconds(small, 2 + attempt) + FLOOR))
        if ratios[-1] <= LIMIT:
            return
    pytest.fail(f"four times the input takes {min(ratios):.1f} times the time")
