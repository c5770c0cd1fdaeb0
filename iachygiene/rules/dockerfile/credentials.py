"""What credentials look like: names of files, tokens, and words that only stand for them."""

from __future__ import annotations

import math
import posixpath
import re
from collections import Counter

from iachygiene.lazy import regex
from iachygiene.model import SourceFile
from iachygiene.parse.dockerignore import BuildContext
from iachygiene.report.mask import token_in

_PUBLISHED = ("example", "sample", "template", "dist", "defaults", "default", "test", "schema")
_NAMES = frozenset(
    (
        *("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".pypirc", ".netrc", ".git-credentials"),
        *(".dockerconfigjson", "credentials.json", "kubeconfig", ".htpasswd", ".vault-token"),
        *("secrets.yml", "secrets.yaml"),
    )
)
_PATHS = (".docker/config.json", ".aws/credentials", ".kube/config")
_ENDINGS = (".key", ".p12", ".pfx", ".jks", ".keystore", ".tfstate", ".tfvars")
_SERVICE_ACCOUNT = regex(r"service[-_]account[\w.-]*\.json")
_NPM_LITERAL = regex(r"(?:_authToken|_password|_auth)\s*+=(?!\s*+[\"']?\$)\s*+\S")
_PLACEHOLDER = regex(
    r"(?:change[_-]?(?:me|it|this)|x{3,}|your[_-].*|<.*>|\$.*|\{\{.*|%.*%|.*example.*"
    r"|.*placeholder.*|todo|dummy.*|fake.*|none|null|undefined|test.*|default|sample.*"
    r"|replace.*|insert.*|to[_-]?be.*|not[_-]?a.*|.*\.\.\..*|(.)\1*)",
    re.IGNORECASE,
)
_WORDS = frozenset(("password", "secret", "token", "passw0rd", "p@ssw0rd", "supersecret", "admin"))
_SETTING = regex(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*[\"']?([^\s\"'#]*)", re.MULTILINE)
_SECRET = frozenset(
    (
        *("apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd"),
        *("pwd", "secret", "token"),
    )
)
_HARMLESS = frozenset(
    (
        *("public", "file", "path", "version", "dir", "url", "name", "id", "type", "length"),
        *("expiry", "ttl", "enabled", "algorithm"),
    )
)
_CERTIFICATE = regex(r"^ca|cert|chain|bundle|root|pub")
_FOR_TESTS = frozenset(
    ("test", "tests", "testdata", "fixtures", "fixture", "examples", "example", "mocks", "e2e")
)
_YAML_SECRET = regex(
    r"^\s*[\w.-]*(?:password|secret|token|api_?key)[\w.-]*\s*:\s*[\"']?([^\s\"'#{]{8,})",
    re.MULTILINE | re.IGNORECASE,
)
_PRIVATE_KEY = regex(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----")


def is_credentials_file(path: str) -> bool:
    """Whether a path is known as that of credentials, by its name alone.

    Environment files and `.npmrc` are not among them: what they hold decides.
    """
    name = posixpath.basename(path)
    stem = re.split(r"[.\-_]", name.lower())
    if any(word in _PUBLISHED for word in stem[1:]) or name.endswith(".pub"):
        return False
    if name in _NAMES or path.endswith(_PATHS) or _SERVICE_ACCOUNT.fullmatch(name):
        return True
    if name.endswith(".pem"):
        return not is_certificate(name)
    return name.endswith(_ENDINGS) and len(name) > 4


def is_certificate(name: str) -> bool:
    """Whether the name of a `.pem` says that it holds what may be seen."""
    lowered = name.lower()
    return (
        "key" not in lowered and re.search(r"^ca|cert|chain|bundle|root|pub", lowered) is not None
    )


def is_environment_file(name: str) -> bool:
    """Whether a name is `.env` or one of its variants that are not there to be shared."""
    if name == ".env":
        return True
    return name.startswith(".env.") and not name.endswith(_PUBLISHED)


def holds_secret(file: SourceFile | None, name: str) -> bool:
    """Whether an environment file or `.npmrc` holds a value that is secret."""
    text = file.shown_text if file is not None else ""
    if name == ".npmrc":
        return _NPM_LITERAL.search(text) is not None
    return any(
        token_in(found[2]) is not None or (says_secret(found[1]) and not is_placeholder(found[2]))
        for found in _SETTING.finditer(text)
    )


def is_secret_file(path: str, context: BuildContext) -> bool:
    """Whether a file of a build context holds credentials."""
    name = posixpath.basename(path)
    if name == ".npmrc" or is_environment_file(name):
        return holds_secret(context.file(path), name)
    if not is_credentials_file(path) or not _FOR_TESTS.isdisjoint(path.split("/")):
        return False
    return not _is_harmless(context.file(path), name)


def _is_harmless(file: SourceFile | None, name: str) -> bool:
    """Whether what a file holds shows that it is none of credentials, whatever its name."""
    if file is None:
        return False
    if name.endswith((".key", ".pem")):
        return private_key_in(file.shown_text) is None
    if name in ("secrets.yml", "secrets.yaml"):
        return not any(
            not is_placeholder(found[1]) and "$" not in found[1]
            for found in _YAML_SECRET.finditer(file.shown_text)
        )
    return False


def says_secret(name: str) -> bool:
    """Whether the words of a name say that it stands for a secret."""
    lowered = name.lower()
    words = lowered.split("_")
    if "access_key_id" in lowered:
        return True
    if ("gpg" in words or "pgp" in words) and "private" not in words:
        # Mostly the fingerprint of the key that a download is signed with.
        words = [word for word in words if word != "key"]
    if "__" in name and not name.isupper():
        # The path of a setting: a "Key" in it is one half of a pair.
        words = [word for word in words if word != "key"]
    return not _SECRET.isdisjoint(words) and _HARMLESS.isdisjoint(words)


def is_placeholder(value: str) -> bool:
    """Whether a value only stands where a secret is to be put, or is no secret at all."""
    if len(value) < 4 or value.lower() in _WORDS or value.isdigit():
        return True
    if value.lower() in ("true", "false", "enabled", "disabled") or value.startswith(("/", "./")):
        return True
    return _PLACEHOLDER.fullmatch(value) is not None


def is_random(value: str) -> bool:
    """Whether a value is of the kind that programs draw: eight or more, hardly repeated."""
    if len(value) < 8 or any(letter.isspace() for letter in value) or is_placeholder(value):
        return False
    counts = Counter(value).values()
    entropy = -sum(n / len(value) * math.log2(n / len(value)) for n in counts)
    kinds = (str.islower, str.isupper, str.isdigit)
    mixed = sum(any(kind(letter) for letter in value) for kind in kinds)
    return entropy >= 3.0 and mixed >= 2


def private_key_in(text: str) -> re.Match[str] | None:
    """The head of a private key in a text."""
    return _PRIVATE_KEY.search(text) if "PRIVATE KEY" in text else None
