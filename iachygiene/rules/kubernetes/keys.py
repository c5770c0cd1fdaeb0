"""The keys of mappings: written twice, read as a boolean, out of order."""

from __future__ import annotations

from iachygiene.model import Edit, Findings, Fix, Severity, at
from iachygiene.parse.kubernetes import Manifest
from iachygiene.parse.yaml import BOOLEANS, Mapping, Scalar
from iachygiene.rule import rule

_WORDS = frozenset(word for word in BOOLEANS if word.lower() not in ("true", "false"))


@rule("K8S902", Manifest, Severity.ERROR, aliases=("kubeconform:duplicate-key",))
def duplicate_key(manifest: Manifest) -> Findings:
    """A mapping has one key twice, and the first value is lost.

    YAML forbids it, most readers take the last value without a word, and kubectl warns or
    refuses. What was meant with the first one never reaches the cluster. Compose refuses a
    file with such a mapping as a whole.

    Bad:
        apiVersion: v1
        kind: Service
        metadata:
          name: web
          labels: {app: web}
          labels: {tier: front}
        spec:
          selector: {app: web}
          ports: [{port: 80}]
    Bad: two merges are one key too
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web}
        data:
          <<: &common {LOG: info}
          <<: &more {COLOR: blue}
    Bad: in a Compose file
        -- compose.yaml --
        services:
          web:
            image: registry.example.com/shop/web:3.0.1
            restart: always
            environment: {LEVEL: info}
            restart: unless-stopped
    Good: each item of a list is a mapping of its own
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec:
          selector: {app: web}
          ports:
            - {name: http, port: 80}
            - {name: https, port: 443}
    Good: what a merge brings is not written twice
        -- compose.yaml --
        x-shared: &shared
          restart: always
        services:
          web:
            <<: *shared
            image: registry.example.com/shop/web:3.0.1
            restart: unless-stopped
    """
    for owner, mapping in manifest.doubtful_mappings:
        for first, again in mapping.duplicates():
            yield at(
                again,
                f'"{again.text}" is already a key of this mapping',
                related=[first.location.labelled("the first, whose value is lost")],
                object=owner,
            )


@rule("K8S905", Manifest, Severity.WARNING)
def ambiguous_boolean_key(manifest: Manifest) -> Findings:
    """A key is written `on`, `yes`, `y` or the like without quotes, and is read as a boolean.

    Kubernetes' tools read YAML 1.1, where these words are true and false, also as keys: the
    ConfigMap gets an entry called "true" instead.

    Bad:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: axes}
        data:
          x: "3"
          y: "4"
    Fixed:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: axes}
        data:
          x: "3"
          "y": "4"
    Good: a text in a block scalar, a value, and longer names
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: axes, labels: {yes-or-no: "no"}}
        data:
          script: |
            on: push
            y: 4
    """
    for owner, mapping in manifest.doubtful_mappings if manifest.objects else ():
        for key in mapping.children[::2]:
            if type(key) is Scalar and key.text in _WORDS and isinstance(key.value, bool):
                word = "true" if key.value else "false"
                written = key.location.span
                quoted = Fix(f'quote "{key.text}"', (Edit(written, f'"{key.text}"'),))
                yield at(
                    key,
                    f'the key "{key.text}" is read as {word}',
                    object=owner,
                    fix=None if key.tag else quoted,
                )


@rule("K8S918", Manifest, Severity.INFO, default="off", aliases=("kube-linter:sorted-keys",))
def unsorted_keys(manifest: Manifest) -> Findings:
    """The keys of a mapping are not in the order of their bytes.

    A fixed order keeps differences between versions of a manifest small. Upper case letters
    come before lower case ones.

    Bad:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web, labels: {app: web}}
        data: {A: "1"}
    Good:
        apiVersion: v1
        data: {A: "1", a: "2"}
        kind: ConfigMap
        metadata: {labels: {app: web}, name: web}
    """
    for owner, mapping in manifest.mappings_that(_is_unsorted):
        keys = [key for key in mapping.children[::2] if type(key) is Scalar and key.text]
        for key, text in zip(keys, sorted(key.text for key in keys), strict=True):
            if owner and key.text != text:
                message = f'"{text}" comes before "{key.text}" in a sorted mapping'
                yield at(key, message, object=owner)
                break


def _is_unsorted(mapping: Mapping) -> bool:
    children = mapping.children
    if len(children) == 2:
        return False
    # The order of code points is that of their bytes.
    texts = [key.text for key in children[::2] if type(key) is Scalar and key.text]
    return texts != sorted(texts)
