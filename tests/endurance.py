"""What takes long: kills at random moments, many runs at once, mutants. Tests do a little of it.

python -m tests.endurance kill 200
python -m tests.endurance together 60
python -m tests.endurance mutants 200
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

EXAMPLES = Path(__file__).parent.parent / "examples"
UNFORMATTED = "locals {\na=1\n}\n"
FORMATTED = "locals {\n  a = 1\n}\n"
FILES = 60
RUNS = 8


def command(*words: str) -> list[str]:
    return [sys.executable, "-I", "-m", "iachygiene", *words]


def environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}


def kill_fixes(root: Path, times: int, seed: int, complete: int = 1) -> int:
    """Kill `--fix` at random moments; gives how many kills came amid the writing.

    Every file is old or new after each, and the next run completes the work: that is tried
    after each `complete`-th.
    """
    chance = random.Random(seed)
    root.mkdir()
    paths = [root / f"d{number % 7}" / f"{number}.tf" for number in range(FILES)]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
    env = environment(root.parent)
    fixing = command("scan", "--fix", "--select", "TF001", "--engine", "builtin", "--no-cache")

    def prepare() -> None:
        for number, path in enumerate(paths):
            path.write_text(UNFORMATTED)
            path.chmod(0o640 + number % 8)

    def run() -> subprocess.Popen[bytes]:
        nothing = subprocess.DEVNULL
        return subprocess.Popen(fixing, cwd=root, env=env, stdin=nothing, stdout=nothing)

    def written() -> int:
        return sum(path.read_text() == FORMATTED for path in paths)

    prepare()
    started = time.monotonic()
    assert run().wait() == 0
    whole = time.monotonic() - started
    amid = 0
    for turn in range(times):
        prepare()
        process = run()
        # Half of the kills come when writing has begun, which is a short part of the run.
        if chance.random() < 0.5:
            while not written() and process.poll() is None:
                time.sleep(0.0005)
            time.sleep(chance.random() * 0.02)
        else:
            time.sleep(chance.random() * whole)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path in paths:
            assert path.read_text() in (UNFORMATTED, FORMATTED), path
        amid += 0 < written() < FILES
        if turn % complete == 0:
            assert run().wait() == 0
            assert written() == FILES
        for number, path in enumerate(paths):
            assert path.stat().st_mode & 0o777 == 0o640 + number % 8
        left = {path for path in root.rglob("*") if path.is_file()} - set(paths)
        assert all(path.name.startswith(".") and path.suffix != ".tf" for path in left), left
        for path in left:
            path.unlink()
    return amid


def run_together(root: Path, seconds: float) -> int:
    """Runs of one tree with one cache, some at a time; gives how many there were.

    All say what a single run without a cache says.
    """
    shutil.copytree(EXAMPLES / "shop", root / "shop")
    env = environment(root)
    words = ("scan", "--engine", "builtin", "--format", "json", "--reproducible")

    def start(*more: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command(*words, *more),
            cwd=root / "shop",
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def said(process: subprocess.Popen[bytes]) -> object:
        out, err = process.communicate()
        assert (process.returncode, err) == (1, b""), err
        report = json.loads(out)
        report["run"]["args"] = []
        return report

    expected = said(start("--no-cache"))
    deadline = time.monotonic() + seconds
    count = 0
    chance = random.Random(0)
    while not count or time.monotonic() < deadline:
        running = [start(*(("--jobs", "2") if number % 4 == 3 else ())) for number in range(RUNS)]
        for process in running:
            assert said(process) == expected
            count += 1
        for file in (root / "cache").rglob("*.json"):
            if chance.random() < 0.3:  # a cache that is gone or damaged meanwhile changes nothing
                file.write_bytes(file.read_bytes()[: chance.randrange(200)])
    assert not list((root / "cache").rglob("*.json.*"))
    return count


def mutants(data: bytes, others: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Some bytes flipped, cut, doubled, lines shuffled, tokens of other files spliced in."""
    chance = random.Random(seed)
    for _ in range(count):
        mutant = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(mutant) + 1)
            end = min(len(mutant), at + chance.randint(1, 40))
            match chance.randrange(6):
                case 0:
                    for place in range(at, min(end, at + 3)):
                        mutant[place] ^= 1 << chance.randrange(8)
                case 1:
                    del mutant[at:end]
                case 2:
                    mutant[at:at] = mutant[at:end] * chance.randint(1, 5)
                case 3:
                    lines = bytes(mutant).splitlines(keepends=True)
                    chance.shuffle(lines)
                    mutant = bytearray(b"".join(lines))
                case 4:
                    words = chance.choice(others).split()
                    mutant[at:end] = chance.choice(words) if words else b""
                case _:
                    mutant[at:at] = chance.choice(TOKENS)
        yield bytes(mutant)


TOKENS = (
    *(b"{", b"}", b"[", b"]", b"(", b")", b"${", b"%{", b"{{", b"}}", b'"', b"'", b"\\", b"\n"),
    *(b"&a ", b"*a", b"<<: ", b"---\n", b"!!", b"\t", b"\r", b"\0", b"\xff", b"\xef\xbb\xbf"),
    *(b"# iachygiene: ignore[", b"FROM ", b"RUN <<E\n", b"<<EOT\n", b"|\n", b">-\n", b"? ", b": "),
    *(b"1e999", b"/*", b"//", b"null", b"\xe2\x80\xae"),
)


def main(arguments: Sequence[str]) -> None:
    what, number = arguments[0], float(arguments[1])
    with TemporaryDirectory() as directory:
        started = time.monotonic()
        if what == "kill":
            amid = kill_fixes(Path(directory) / "root", int(number), seed=time.time_ns())
            print(f"{number:g} kills, {amid} of them amid the writing: all files whole")
        elif what == "together":
            print(f"{run_together(Path(directory), number)} runs said the same")
        elif what == "mutants":
            from tests.test_mutants import judge_all

            print(f"{judge_all(Path(directory), int(number), time.time_ns())} mutants judged")
        print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
