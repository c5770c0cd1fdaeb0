"""Verdicts of earlier runs, so that only what changed is judged again.

One file a root and configuration, in the user's cache folder: a line with version and
digest, then one JSON array. It is written whole and renamed; what is damaged, of another
version or of another tree is ignored. A verdict holds as long as everything that its job
looked at is as it was.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from iachygiene import __version__
from iachygiene.model import Broken, Job
from iachygiene.trace import Signature, Trace, digest, is_settled, listing_digest, signature

if TYPE_CHECKING:
    from iachygiene.files import Tree
    from iachygiene.judge import Verdict

SCHEMA = 5
MAX_TOTAL = 500 * 1024 * 1024
"""Bytes of all files in the folder; the oldest go first."""
_DAY = 86_400
_NOT_KEPT = frozenset(("HYG003", "HYG005"))
"""What may be otherwise next time though no file changed: permissions and time limits."""

_PARTS = ("alone", "linked", "facts")
"""What a verdict holds: findings without facts, with them, or facts alone."""

Row = list[Any]
"""A job's key, what it looked at (`Trace.dump`), and its verdict as JSON text."""


def folder(environment: Mapping[str, str]) -> str | None:
    """The user's cache folder for us, None where there is no home directory."""
    named = environment.get("IACHYGIENE_CACHE_DIR")
    if named:
        return named
    home = environment.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(home, "iachygiene") if os.path.isabs(home) else None


def refusal(directory: str) -> str:
    """Why a folder must not be used as a cache, "" where it may; makes it where it is missing."""
    try:
        os.makedirs(os.path.dirname(directory) or ".", exist_ok=True)
        with suppress(FileExistsError):
            os.mkdir(directory, 0o700)
        found = os.lstat(directory)
    except OSError as error:
        return (error.strerror or "cannot be made").lower()
    import stat

    if not stat.S_ISDIR(found.st_mode):
        return "not a directory"
    if hasattr(os, "getuid") and found.st_uid != os.getuid():
        return "it belongs to somebody else"
    if found.st_mode & 0o022:
        return "others may write to it"
    return "" if os.access(directory, os.W_OK) else "it cannot be written"


class Cache:
    """The verdicts known of one root under one configuration, read when it is made.

    `root` is a real path. `identity` is what else a verdict depends on; `hits` counts the jobs
    that were known, `files` their files that a run was asked about.
    """

    def __init__(self, directory: str, root: str, identity: str) -> None:
        self._tree: Tree
        self._directory = directory
        name = digest(f"{root}\n{identity}".encode("utf-8", "surrogatepass"))
        self._path = os.path.join(directory, f"{name[:40]}.json")
        self._head = f"iachygiene {__version__} {SCHEMA} {_code()}"
        self._rows: dict[str, Row] = {}
        self._kinds: dict[str, Row] = {}
        self._told: dict[str, Row] = {}
        self._tables: dict[int, tuple[Mapping[str, Any], str]] = {}
        self._stats: dict[str, Signature | None] = {}
        self._listings: dict[str, str] = {}
        self._answers: dict[tuple[str, str], Any] = {}
        self._linked: list[Any] = []
        self._listed = ""
        self._asked: list[str] = []
        self._changed = False
        self.hits = 0
        self.files = 0
        self._load()

    @property
    def holds_any(self) -> bool:
        """Whether anything is known from an earlier run, of whatever files."""
        return bool(self._rows or self._kinds)

    def begin(self, tree: Tree) -> None:
        """Answer for this tree from here on, and have it trace what is looked at."""
        tree.started = time.time_ns()
        tree.tracing = True
        self._tree = tree

    def _load(self) -> None:
        try:
            with open(self._path, "rb") as file:
                head, _, body = file.read().partition(b"\n")
        except OSError:
            return
        if head.decode("ascii", "replace") != f"{self._head} {digest(body)}":
            return
        try:
            rows, self._kinds, self._told, self._linked = json.loads(body)
        except (ValueError, TypeError):
            return
        self._rows = {row[0]: row for row in rows}

    def seen(self, path: str) -> tuple[str, tuple[int, list[str]]] | None:
        """What discovery saw in a file: its kind, "" for none, and `Tree.defined` of it."""
        known = self._kinds.get(path)
        if known is None or not self._is(path, known[0]):
            return None
        return known[1], (known[0][2], known[2])

    def keep_seen(self, path: str, kind: str, defined: tuple[int, list[str]]) -> None:
        """Remember what discovery saw in a file."""
        found = self._signature(path)
        if found is not None and is_settled(found, self._tree.started):
            self._kinds[path] = [found, kind, defined[1]]
            self._changed = True

    def grouped(
        self, kind: str, paths: Iterable[str], settings: Mapping[str, Any]
    ) -> list[Job] | None:
        """The jobs that files of a kind were put into; None where that may have changed."""
        text = self.told(f"jobs {kind}", self._grouping(paths, settings), self._tree)
        if text is None:
            return None
        tables, rows = json.loads(text)
        tables = [{**settings, **table} for table in tables]
        return [Job(kind, where, tuple(members), tables[own]) for where, members, own in rows]

    def keep_grouped(
        self,
        kind: str,
        paths: Iterable[str],
        settings: Mapping[str, Any],
        trace: Trace,
        jobs: Iterable[Job],
    ) -> None:
        """Remember the jobs of a kind; `trace` is what putting files into them looked at."""
        tables: dict[int, tuple[int, dict[str, Any]]] = {}
        rows = []
        for job in jobs:
            own = {
                key: value
                for key, value in job.settings.items()
                if key not in settings or settings[key] is not value
            }
            number, _ = tables.setdefault(id(job.settings), (len(tables), own))
            rows.append([job.directory, job.paths, number])
        text = json.dumps([[table for _, table in tables.values()], rows])
        self.keep_told(f"jobs {kind}", self._grouping(paths, settings), trace, text)

    def _grouping(self, paths: Iterable[str], settings: Mapping[str, Any]) -> str:
        tree = self._tree
        if not self._listed:
            listed = "\0".join(sorted(tree.listed))
            self._listed = digest(listed.encode("utf-8", "surrogatepass"))
        defined = [(path, found) for path, found in tree.defined.items() if found[1]]
        known = [self._listed, list(paths), defined, sorted(settings.items())]
        return digest(json.dumps(known, default=str).encode())

    def told(self, what: str, by: str, tree: Tree) -> str | None:
        """What a program said of something, as text; None where that is not known to hold.

        `by` is the program and its version. `tree` is that of the thread that asks.
        """
        row = self._told.get(what)
        return row[0] if row and row[2] == by and self._holds(row, tree) else None

    def keep_told(self, what: str, by: str, trace: Trace, text: str) -> None:
        """Remember what a program said, where it may be kept; `trace` is what it looked at."""
        from iachygiene.report.mask import masked

        looked_at = trace.dump()
        if trace.whole and masked(text) == text and _may_be_named(looked_at):
            self._told[what] = [text, looked_at, by]
            self._changed = True

    def find(self, jobs: Sequence[Job], *, linking: bool) -> list[Verdict | None]:
        """The verdict of each job, None where it is not known or does not hold.

        `linking` says whether it has to have yielded its facts.
        """
        return self._verdicts(jobs, ["linked" if linking else "alone"])

    def find_facts(self, jobs: Sequence[Job]) -> list[Verdict | None]:
        """The verdict of each job, which may be without findings; None as for `find`."""
        return self._verdicts(jobs, ["linked", "facts"])

    def _verdicts(self, jobs: Sequence[Job], parts: Sequence[str]) -> list[Verdict | None]:
        keys = [[self._key(job, part) for part in parts] for job in jobs]
        self._asked += [key for key, *_ in keys]
        rows = [next(filter(None, map(self._rows.get, each)), None) for each in keys]
        held = [row if row and self._holds(row, self._tree) else None for row in rows]
        texts = [row[2] for row in held if row]
        self.hits += len(texts)
        if not texts:
            return [None] * len(jobs)
        from iachygiene.worker import decoded

        verdicts = iter(decoded("[" + ",".join(texts) + "]"))
        return [next(verdicts) if row else None for row in held]

    def keep(self, job: Job, verdict: Verdict, *, linking: bool) -> None:
        """Remember the verdict of a job, unless it may be another one next time."""
        self._keep(job, verdict, "linked" if linking else "alone")

    def keep_facts(self, job: Job, verdict: Verdict) -> None:
        """Remember the facts of a job that no rule has judged."""
        self._keep(job, verdict, "facts")

    def _keep(self, job: Job, verdict: Verdict, part: str) -> None:
        if verdict.crashes or not verdict.trace:
            return
        if not (_may_be_named(verdict.trace) and _may_be_kept(verdict)):
            return
        from iachygiene.worker import encoded

        self._linked = []  # rests on what the verdict was before
        key = self._key(job, part)
        text = encoded(verdict._replace(seconds={}, trace=[]))
        self._rows[key] = [key, verdict.trace, text]
        self._changed = True

    def linked(self, outside: Sequence[str]) -> Verdict | None:
        """What the facts of all jobs asked for gave together; None where one is new.

        `outside` is what else that rests on.
        """
        if not self._linked or self.hits < len(self._asked):
            return None
        key, text = self._linked
        if key != self._linking(outside):
            return None
        from iachygiene.worker import decoded

        return decoded(f"[{text}]")[0]

    def keep_linked(self, outside: Sequence[str], verdict: Verdict) -> None:
        """Remember what the facts of all jobs asked for gave together."""
        if verdict.crashes or not _may_be_kept(verdict):
            return
        from iachygiene.worker import encoded

        self._linked = [self._linking(outside), encoded(verdict._replace(seconds={}))]
        self._changed = True

    def _linking(self, outside: Sequence[str]) -> str:
        return digest(json.dumps([self._asked, outside]).encode())

    def write(self, jobs: Iterable[Job]) -> None:
        """Write what changed; a folder that does not take it is no error."""
        if not self._changed:
            return
        from iachygiene.fix import remove

        wanted = {self._key(job, part) for job in jobs for part in _PARTS}
        rows = [row for key, row in self._rows.items() if key in wanted]
        told = {what: row for what, row in self._told.items() if self._are_there(row)}
        whole = [rows, self._kinds, told, self._linked]
        body = json.dumps(whole, separators=(",", ":")).encode()
        temporary = f"{self._path}.{os.urandom(6).hex()}"
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(f"{self._head} {digest(body)}\n".encode() + body)
            os.replace(temporary, self._path)
            _tidy(self._directory)
        except OSError:
            remove(temporary)

    def _key(self, job: Job, part: str) -> str:
        # Most jobs of a kind share one table, which can be large.
        table = self._tables.setdefault(id(job.settings), (job.settings, ""))
        if not table[1]:
            table = self._tables[id(job.settings)] = (job.settings, _settings(job))
        return _key(job, part, table[1])

    def _are_there(self, row: Row) -> bool:
        return all(self._signature(read[0]) is not None for read in row[1][0])

    def _holds(self, row: Row, tree: Tree) -> bool:
        files, listings, answers = row[1]
        for read in files:
            if not self._is(read[0], read[1]) and not self._reads(read):
                return False
        return all(
            self._listing_of(directory, tree) == known for directory, known in listings
        ) and all(self._answer(question, path, tree) == said for question, path, said in answers)

    def _listing_of(self, directory: str, tree: Tree) -> str:
        if directory not in self._listings:
            self._listings[directory] = listing_digest(tree.listdir(directory))
        return self._listings[directory]

    def _answer(self, question: str, path: str, tree: Tree) -> Any:
        # Jobs ask the same of directories that they share.
        if (question, path) not in self._answers:
            self._answers[question, path] = getattr(tree, question)(path)
        return self._answers[question, path]

    def _is(self, path: str, known: Sequence[int] | None) -> bool:
        found = self._signature(path)
        return known is not None and found is not None and list(found) == list(known)

    def _signature(self, path: str) -> Signature | None:
        if path not in self._stats:
            try:
                self._stats[path] = signature(os.stat(self._tree.absolute(path)))
            except OSError:
                self._stats[path] = None
        return self._stats[path]

    def _reads(self, read: Row) -> bool:
        """Whether a file whose times tell nothing has the contents that it had."""
        path, _, known = read
        found = self._signature(path)
        if found is None or not known or self._tree.is_link(path):
            return False
        try:
            same = digest(self._tree.raw(path, max(found[2], 1))) == known
        except Broken:
            return False
        if same and is_settled(found, self._tree.started):
            read[1] = found
            self._changed = True
        return bool(same)


def _key(job: Job, part: str, settings: str) -> str:
    what = [job.kind, job.directory, job.paths, settings, part]
    return digest(json.dumps(what).encode())[:32]


def _settings(job: Job) -> str:
    known = {name: job.settings[name] for name in sorted(job.settings)}
    return digest(json.dumps(known, default=str).encode())


def _code() -> str:
    """What tells one state of our own code from another that has the same version."""
    package = os.path.dirname(os.path.abspath(__file__))
    found: list[tuple[str, int, int]] = []
    waiting = [package]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.name.endswith((".py", ".xz")):
                    known = entry.stat()
                    found.append((entry.path, known.st_mtime_ns, known.st_size))
                elif entry.name != "__pycache__" and entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
    return digest(repr(sorted(found)).encode("utf-8", "surrogatepass"))[:16]


def _may_be_named(trace: Sequence[Any]) -> bool:
    """Whether what was looked at holds no secret: rules ask for paths that stand in files."""
    from iachygiene.report.mask import masked

    _, listings, answers = trace
    asked = "\n".join([*(path for path, _ in listings), *(path for _, path, _ in answers)])
    return masked(asked) == asked


def _may_be_kept(verdict: Verdict) -> bool:
    """Not what the next run may see otherwise, and nothing that holds a secret."""
    from iachygiene.report.mask import masked

    for finding in verdict.findings:
        if finding.rule in _NOT_KEPT:
            return False
        texts = [edit.text for edit in finding.fix.edits] if finding.fix else []
        if any(masked(text) != text for text in (finding.message, *texts)):
            return False
    return all(masked(comment.text) == comment.text for comment in verdict.comments)


def _is_ours(name: str) -> bool:
    """Whether a file is called as `Cache` calls them, a temporary one included."""
    head, _, tail = name.partition(".")
    return len(head) == 40 and not head.strip("0123456789abcdef") and tail.startswith("json")


def _tidy(directory: str) -> None:
    """Remove the oldest files beyond the limit, at most once a day."""
    stamp = os.path.join(directory, "tidied")
    now = time.time()
    try:
        if now - os.stat(stamp).st_mtime < _DAY:
            return
    except FileNotFoundError:
        pass
    with open(stamp, "wb"):
        os.utime(stamp)
    with os.scandir(directory) as entries:
        # The folder may be one that a person named, with files of theirs in it.
        ours = [entry for entry in entries if _is_ours(entry.name)]
        found = [(entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in ours]
    left = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if left <= MAX_TOTAL:
            return
        os.unlink(path)
        left -= size
