"""Where a process of ours begins: the command line and the pre-commit hooks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence


def begin() -> None:
    """Set the process up: collection of cycles off, and signals that end it with their code.

    Our trees have no cycles, and looking for some takes half of a long run.
    """
    import atexit
    import gc

    from iachygiene.interrupt import listen

    gc.disable()
    atexit.register(gc.freeze)
    listen()
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command `iachygiene`; gives the exit code."""
    begin()
    from iachygiene.commands import run

    return run(list(sys.argv[1:] if arguments is None else arguments))


def _path_or_option(word: str) -> str:
    """A word of a hook's command line; what is there as a file is never an option.

    The runner puts the names of a repository's files behind the options, unmarked.
    """
    return f"./{word}" if word.startswith("-") and os.path.lexists(word) else word


def hook(
    name: str,
    *,
    select: Sequence[str] = (),
    kinds: Sequence[str] = (),
    fix: bool = False,
    all_files: bool = False,
) -> Callable[..., int]:
    """The `main` of a hook module: `scan` with a preset, file names as the focus.

    `all_files` is for hooks that are given no names and look at the whole repository.
    """
    preset = ["scan", "--hook", name]
    preset += [word for code in select for word in ("--select", code)]
    preset += [word for kind in kinds for word in ("--kind", kind)]
    preset += ["--fix"] if fix else []

    def main(arguments: Sequence[str] | None = None) -> int:
        begin()
        from iachygiene.commands import run

        given = [*map(_path_or_option, sys.argv[1:] if arguments is None else arguments)]
        if not (all_files or any(not word.startswith("-") for word in given)):
            return 0
        return run([*preset, *given])

    return main
