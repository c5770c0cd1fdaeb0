"""What a repository's own records say of it, read with GitPython and no program of git's.

GitPython may start git: its command class is replaced by one that asks through `git.ask`,
so nothing runs that the repository's configuration names.
"""

from __future__ import annotations

import os
from typing import Any

from iachygiene.lazy import regex

_HOST = regex(r"(?:[a-z+]+://)?(?:[^@/\s]+@)?([A-Za-z0-9.-]+)[:/]")


def opened(root: str) -> Any:
    """GitPython's `Repo` of a working tree, None where there is none or GitPython refuses it."""
    from iachygiene.tools import find

    program = find("git", root)
    if program is None:
        return None
    # GitPython asks the program it finds for its version when it is imported.
    os.environ["GIT_PYTHON_GIT_EXECUTABLE"] = program
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import git
    from git.exc import GitError

    class Guarded(git.Git):
        def execute(self, command: Any, *_arguments: Any, **_options: Any) -> Any:
            from iachygiene.git import Refusal, ask

            words = [str(word) for word in command][1:]
            answer = ask(root, words[0], *words[1:])
            if isinstance(answer, Refusal):
                raise git.GitCommandError(words, 1, answer.detail)
            return answer.decode(errors="replace").rstrip("\n")

    class Repository(git.Repo):
        GitCommandWrapperType = Guarded

    try:
        return Repository(root)
    except (GitError, OSError, ValueError):
        return None


def remotes(root: str) -> frozenset[str]:
    """The hosts that a repository's remotes name, in lower case."""
    repository = opened(root)
    if repository is None:
        return frozenset()
    found = set()
    with repository.config_reader("repository") as reader:
        for section in reader.sections():
            if section.startswith("remote "):
                for address in reader.get_values(section, "url", ""):
                    host = _HOST.match(str(address))
                    if host:
                        found.add(host[1].lower())
    return frozenset(found)
