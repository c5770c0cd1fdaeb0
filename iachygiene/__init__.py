"""Format and hygiene of Terraform, Dockerfiles, Kubernetes, Compose and npm packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iachygiene.engine import scan
    from iachygiene.model import Finding, Findings, Severity, at
    from iachygiene.rule import rule

__version__ = "0.1.0"
HOME = "https://github.com/iachygiene/iachygiene"
"""Where the project lives; the metadata of the package says the same."""

__all__ = ["Finding", "Findings", "Severity", "__version__", "at", "rule", "scan"]

_HOMES = {
    "Finding": "iachygiene.model",
    "Findings": "iachygiene.model",
    "Severity": "iachygiene.model",
    "at": "iachygiene.model",
    "rule": "iachygiene.rule",
    "scan": "iachygiene.engine",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that start-up pays for none."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
