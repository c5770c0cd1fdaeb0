"""Environment variables of containers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from iachygiene.credentials import is_placeholder, may_be_secret, names_secret
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.kubernetes import Container, Manifest, is_unknown
from iachygiene.parse.workloads import items
from iachygiene.parse.yaml import Mapping, Scalar
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known, known_of

_TWICE = ("kube-linter:duplicate-env-var", "kube-score:environment-variable-key-duplication")
_SECRET = ("kube-linter:env-var-secret",)


class _Variable(NamedTuple):
    """An environment variable. `value` is None where none is written down."""

    container: Container
    node: Mapping
    name: Scalar
    value: Scalar | None


def _variables(manifest: Manifest) -> Iterator[_Variable]:
    seen: set[int] = set()
    for container in manifest.containers:
        for node in items(container.node, "env"):
            name = node.scalar("name")
            if name is not None and id(node) not in seen:
                seen.add(id(node))
                yield _Variable(container, node, name, node.scalar("value"))


@rule("K8S651", Manifest, Severity.WARNING, aliases=_TWICE)
def duplicate_env_var(manifest: Manifest) -> Findings:
    """An environment variable is set twice in one container.

    The last one holds, so that the first is a value that somebody believes in. And what
    merges the list by name, as `kubectl apply` does, may drop either.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              env:
                - {name: LEVEL, value: info}
                - {name: LEVEL, value: debug}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              env:
                - {name: LEVEL, value: info}
                - {name: FORMAT, value: json}
    """
    for container in manifest.containers:
        first: dict[str, Scalar] = {}
        reported: set[str] = set()
        for node in items(container.node, "env"):
            name = node.scalar("name")
            if name is None or first.setdefault(name.text, name) is name or name.text in reported:
                continue
            reported.add(name.text)
            yield at(
                name.location,
                f'"{name.text}" is set twice',
                related=[first[name.text].location.labelled("the first time")],
                object=container.object,
                aliases=known_of(container, _TWICE),
            )


def _holds_secret(variable: _Variable) -> bool:
    """Whether a variable holds a secret in plain words, as far as one can tell."""
    if variable.value is None or not names_secret(variable.name.text):
        return False
    text = variable.value.text
    return may_be_secret(text) and not is_placeholder(text) and not is_unknown(text)


@rule("K8S652", Manifest, Severity.WARNING, sensitive=True, security=True, aliases=_SECRET)
def plain_secret_in_env(manifest: Manifest) -> Findings:
    """A password, token or key stands in the manifest, as the value of a variable.

    Everybody who may read the repository or the Deployment has it, and it stays in the
    history when it is taken out. A Secret that is referred to (`secretKeyRef`) can be kept
    elsewhere, and changed.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              env: [{name: DB_PASSWORD, value: hunter22}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              env:
                - name: DB_PASSWORD
                  valueFrom: {secretKeyRef: {name: db, key: password}}
    Good: where a secret lies is none
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              env:
                - {name: DB_PASSWORD_FILE, value: /run/secrets/db}
                - {name: TOKEN_LIFETIME, value: "3600"}
                - {name: API_TOKEN, value: changeme}
    """
    for variable in _variables(manifest):
        if variable.value is not None and _holds_secret(variable):
            listed = "secret" in variable.name.text.lower()
            yield at(
                variable.value.location,
                f'the value of "{variable.name.text}" is written down',
                object=variable.container.object,
                aliases=known(variable.container.owner, _SECRET if listed else ()),
            )


@rule("K8S653", Manifest, Severity.INFO, default="off", sensitive=True, aliases=_SECRET)
def secret_named_env(manifest: Manifest) -> Findings:
    """A variable with "secret" in its name has a value, though hardly a secret one.

    What `plain-secret-in-env` reports is left out: here stand switches, numbers, paths and
    placeholders.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              env: [{name: SECRET_PATH, value: /run/secrets/db}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              env: [{name: CONFIG_PATH, value: /etc/web}]
    """
    for variable in _variables(manifest):
        name, value = variable.name.text, variable.value
        if value is None or not value.text.strip("\r\n") or "secret" not in name.lower():
            continue
        if not _holds_secret(variable):
            owner = variable.container.object
            aliases = known(variable.container.owner, _SECRET)
            yield at(value.location, f'"{name}" has a value', object=owner, aliases=aliases)


_VIA_ENV = ("kube-linter:read-secret-from-env-var", "checkov:CKV_K8S_35")


@rule("K8S654", Manifest, Severity.INFO, default="off", security=True, aliases=_VIA_ENV)
def secret_via_env(manifest: Manifest) -> Findings:
    """A container takes a Secret into its environment.

    The environment is handed on to every process it starts, and stands in crash reports and
    debug pages. A mounted file is read by who asks for it, and follows a change.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              env:
                - name: DB_PASSWORD
                  valueFrom: {secretKeyRef: {name: db, key: password}}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              volumeMounts: [{name: db, mountPath: /run/secrets/db, readOnly: true}]
          volumes: [{name: db, secret: {secretName: db}}]
    """
    seen: set[int] = set()
    for container in manifest.containers:
        for node in items(container.node, "env"):
            reference = node.mapping("valueFrom", "secretKeyRef")
            if reference is not None and id(reference) not in seen:
                seen.add(id(reference))
                where = reference.scalar("name") or node.scalar("name") or reference
                aliases = known(container.owner, _VIA_ENV)
                message = "a Secret is taken into the environment"
                yield at(where.location, message, object=container.object, aliases=aliases)
        for node in items(container.node, "envFrom"):
            name = node.scalar("secretRef", "name")
            if name is not None and id(name) not in seen:
                seen.add(id(name))
                aliases = known(container.owner, _VIA_ENV[1:])
                message = "a whole Secret is taken into the environment"
                yield at(name.location, message, object=container.object, aliases=aliases)
