"""`terraform init` in data directories of ours, for who asks for it on the command line.

What was installed is kept in the user's cache folder, as long as a module calls the same
modules and requires the same providers. Inits of all runs wait for each other, because the
cache of provider programs that they share is not safe otherwise:
https://developer.hashicorp.com/terraform/cli/config/config-file#provider-plugin-cache
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock

from iachygiene.lazy import regex
from iachygiene.tools import TERRAFORM, Program, first_line
from iachygiene.wrap.shadow import LOCK_FILE

TIMEOUT = 600.0
"""Seconds for one `init`."""

_CODES = frozenset((0, 1))
_ERROR = regex(r"[ │|]*Error: (.*)")
_PASSED_ON = frozenset(
    (
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "SSH_AUTH_SOCK", "TF_CLI_CONFIG_FILE"),
    )
)
_DONE = "installed-by-iachygiene"
# What the network may be to blame for; a second attempt can succeed.
_PASSING = ("Failed to", "Could not", "Error accessing", "Error downloading")


class Installer:
    """Runs `init` where it was not done before; `folder` is where all of it is kept."""

    def __init__(self, program: Program, root: str, folder: str) -> None:
        self._program = program
        self._root = root
        self._folder = os.path.join(folder, "terraform")
        self._lock = Lock()

    def data(self, *keys: str) -> str:
        """The data directory that belongs to these keys, be it there or not."""
        from hashlib import sha256

        key = sha256("\0".join((self._program.path, *keys)).encode("utf-8", "surrogateescape"))
        return os.path.join(self._folder, key.hexdigest()[:32])

    def install(self, directory: str, data: str) -> str:
        """Install what a module needs, from a directory that may be written to.

        Gives why that failed, else an empty text.
        """
        with self._alone():
            if os.path.exists(os.path.join(data, _DONE)):
                return ""
            why = self._init(directory, data)
            if why.startswith(_PASSING):
                why = self._init(directory, data)
            if why:
                shutil.rmtree(data, ignore_errors=True)
            return why

    def _init(self, directory: str, data: str) -> str:
        shutil.rmtree(data, ignore_errors=True)
        os.makedirs(data, 0o700)
        readonly = os.path.exists(os.path.join(directory, LOCK_FILE))
        run = TERRAFORM.run(
            *("init", "-backend=false", "-input=false", "-no-color"),
            *(["-lockfile=readonly"] if readonly else []),
            program=self._program,
            root=self._root,
            cwd=directory,
            known=_CODES,
            timeout=TIMEOUT,
            variables={**_credentials(os.environ.items()), **self._places(data)},
        )
        if run.answered and run.code == 0:
            with open(os.path.join(data, _DONE), "xb"):
                return ""
        said = next(filter(None, map(_ERROR.match, run.stderr.splitlines())), None)
        return said[1].strip() if said else run.detail or first_line(run.stderr) or "it failed"

    def _places(self, data: str) -> dict[str, str]:
        plugins = os.path.join(self._folder, "plugins")
        os.makedirs(plugins, 0o700, exist_ok=True)
        return {
            "TF_DATA_DIR": data,
            "TF_PLUGIN_CACHE_DIR": plugins,
            # The lock file that init writes is a copy of ours.
            "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1",
        }

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other init runs, in this process or in another."""
        os.makedirs(self._folder, 0o700, exist_ok=True)
        with self._lock, open(os.path.join(self._folder, "lock"), "ab") as file:
            try:
                import fcntl
            except ImportError:  # Windows has none
                yield
                return
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _credentials(environment: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment
        if name in _PASSED_ON or name.startswith("TF_TOKEN_")
    }
