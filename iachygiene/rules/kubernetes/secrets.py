"""Secrets and other data that stand in manifests."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.credentials import is_placeholder, may_be_secret, names_secret
from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.kubernetes import Manifest, Object, is_unknown
from iachygiene.parse.yaml import Scalar
from iachygiene.rule import rule

_NO_SECRETS = frozenset(
    (
        *("ca.crt", "tls.crt", "cert", "certificate", "namespace", "url", "uri", "endpoint"),
        *("type", "name", "project", "server", "host", "hostname", "port", "username", "user"),
        *("user-id", "token-id", "expiration", "usage-bootstrap-authentication", "description"),
        *("usage-bootstrap-signing", "auth-extra-groups", "enableOCI", "insecure", "database"),
        "dhparam.pem",
    )
)
"""Keys of Secrets whose values are none."""
_MAX_LINES, _MAX_LINE, _MAX_TEXT = 5_000, 1_000, 100_000
_BEGIN_PRIVATE_KEY = ("PRIVATE KEY-----", "-----BEGIN PGP PRIVATE")


@rule("K8S655", Manifest, Severity.WARNING, sensitive=True, security=True)
def secret_in_manifest(manifest: Manifest) -> Findings:
    """A Secret stands in the manifest with its values.

    Base64 hides nothing: everybody who may read the repository has the secret, and it stays
    in the history when it is taken out. Sealed Secrets, External Secrets and SOPS keep what
    is in Git unreadable; what they encrypted is not reported, nor are placeholders, nor a
    whole file of configuration in which nothing is called a secret or looks like one.

    Bad:
        apiVersion: v1
        kind: Secret
        metadata: {name: db}
        stringData:
          username: shop
          password: hunter22
    Bad:
        apiVersion: v1
        kind: Secret
        metadata: {name: db}
        data:
          password: aHVudGVyMjI=
    Good: nothing is in it yet
        apiVersion: v1
        kind: Secret
        metadata: {name: db}
        type: Opaque
    Good:
        apiVersion: v1
        kind: Secret
        metadata: {name: db}
        stringData:
          username: shop
          password: ENC[AES256_GCM,data:p673w==,iv:YY=,tag:UQ=,type:str]
        sops: {version: 3.9.2}
    Good:
        apiVersion: external-secrets.io/v1
        kind: ExternalSecret
        metadata: {name: db}
        spec:
          secretStoreRef: {kind: ClusterSecretStore, name: vault}
          target: {name: db}
          data: [{secretKey: password, remoteRef: {key: shop/db, property: password}}]
    """
    for one in manifest.objects:
        if (one.group, one.kind) != ("", "Secret") or one.root.get("sops") is not None:
            continue
        values = [value for key, value in _values(one) if key.text not in _NO_SECRETS]
        if values:
            what = f"{len(values)} values are" if len(values) > 1 else "a value is"
            yield at(values[0].location, f"{what} written down", object=one.object)


def _values(secret: Object) -> Iterator[tuple[Scalar, Scalar]]:
    """Keys and values of a Secret that are no placeholders."""
    for field in ("stringData", "data"):
        part = secret.root.mapping(field)
        for entry in part.entries.values() if part else ():
            if type(entry.value) is not Scalar:
                continue
            text = entry.value.text.strip()
            if field == "data":
                text = _decoded(text)
            open_text = is_placeholder(text) or is_unknown(text) or text.startswith("ENC[")
            open_text = open_text or _is_plain_file(text)
            if not open_text and may_be_secret(text.replace("$", "")):
                yield entry.key, entry.value


_SETTING = regex(r"(?<![\w.-])([A-Za-z][\w.-]{0,80})['\"]?[ \t]{0,9}[:=][ \t]{0,9}['\"]?[^\s'\",}]")
_CREDENTIALS = regex(r"://[^/\s:@]{0,80}:[^@\s/]{1,80}@")


def _is_plain_file(text: str) -> bool:
    """Whether a value is a whole file in which nothing is called a secret or looks like one."""
    from iachygiene.parse.secrets import find_secrets

    if "\n" not in text or any(mark in text for mark in _BEGIN_PRIVATE_KEY):
        return False
    lines = text.splitlines()[:_MAX_LINES]
    names = {name for line in lines for name in _SETTING.findall(line[:_MAX_LINE])}
    if not names or any(map(names_secret, names)) or _CREDENTIALS.search(text[:_MAX_TEXT]):
        return False
    return not any(find_secrets(text.encode()))


def _decoded(text: str) -> str:
    from base64 import b64decode
    from binascii import Error

    try:
        return b64decode(text, validate=True).decode("latin-1").strip()
    except (Error, ValueError):
        return text


@rule(
    "K8S656",
    Manifest,
    Severity.WARNING,
    default="strict",
    sensitive=True,
    security=True,
    aliases=("trivy:KSV109",),
)
def secret_in_configmap(manifest: Manifest) -> Findings:
    """A ConfigMap holds a password, token or key.

    Whoever may look at the namespace may read its ConfigMaps, and they are shown in the
    open. A private key is an error.

    Bad:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web}
        data: {db-password: hunter22}
    Bad:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web}
        data:
          tls.pem: |
            -----BEGIN PRIVATE KEY-----
            MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
            -----END PRIVATE KEY-----
    Good:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web}
        data: {db-host: db, db-password-file: /run/secrets/db}
    """
    for key, value, one in _config_data(manifest):
        text = value.text
        if any(mark in text for mark in _BEGIN_PRIVATE_KEY) and "-----BEGIN" in text:
            message = f'"{key.text}" holds a private key'
            yield at(value.location, message, object=one.object, severity=Severity.ERROR)
        elif "\n" in text.strip() or is_placeholder(text) or is_unknown(text):
            continue
        elif names_secret(key.text) and may_be_secret(text):
            message = f'the value of "{key.text}" is written down'
            yield at(value.location, message, object=one.object)


def _config_data(manifest: Manifest) -> Iterator[tuple[Scalar, Scalar, Object]]:
    for one in manifest.objects:
        part = one.root.mapping("data") if (one.group, one.kind) == ("", "ConfigMap") else None
        for entry in part.entries.values() if part else ():
            if type(entry.value) is Scalar:
                yield entry.key, entry.value, one


@rule("K8S657", Manifest, Severity.WARNING)
def source_map_in_configmap(manifest: Manifest) -> Findings:
    """A ConfigMap holds a source map.

    A source map tells the original program back from what was built of it, comments and
    all. Beside a script that a web server serves, everybody can take it.

    Bad:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: pages}
        data:
          app.js: "console.log(1)"
          app.js.map: '{"version": 3, "sources": ["app.ts"], "names": [], "mappings": "AAAA"}'
    Good:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: pages}
        data:
          app.js: "console.log(1)"
          nginx.map: "default 0;"
    """
    for key, value, one in _config_data(manifest):
        if key.text.endswith(".map") and _is_source_map(value.text):
            yield at(key.location, f'"{key.text}" is a source map', object=one.object)


def _is_source_map(text: str) -> bool:
    from iachygiene.parse.npm_maps import MapTooLarge, read_map

    try:
        return read_map(text.encode(), 100_000) is not None
    except MapTooLarge:
        return True
