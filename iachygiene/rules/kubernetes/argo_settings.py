"""Settings of Image Updater that reach nothing, or cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from iachygiene.distance import nearest
from iachygiene.lazy import regex
from iachygiene.model import Findings, Severity, at
from iachygiene.parse.argo import (
    SETTINGS,
    Application,
    ArgoSet,
    Setting,
    updater_annotations,
)
from iachygiene.parse.kubernetes import is_unknown
from iachygiene.parse.yaml import Entry, Scalar, Sequence
from iachygiene.rule import rule

_OF_ALIAS = (
    *SETTINGS.values(),
    *("helm.image-name", "helm.image-tag", "helm.image-spec", "kustomize.image-name", "tag-match"),
)
_OF_APPLICATION = (
    *("image-list", "write-back-method", "write-back-target", "git-branch", "git-repository"),
    *("update-strategy", "allow-tags", "ignore-tags", "force-update", "pull-secret"),
)
_ALIAS = regex(r"[a-zA-Z0-9][a-zA-Z0-9._/-]*")


def _aliases(application: Application) -> dict[str, str] | None:
    """The aliases of the image list as annotations spell them; None where it is not known."""
    listed = updater_annotations(application).get("image-list")
    if listed is None or type(listed.value) is not Scalar or is_unknown(listed.value.text):
        return None
    found: dict[str, str] = {}
    for entry in listed.value.text.split(","):
        alias, equals, _ = entry.strip().partition("=")
        if equals:
            found[alias.strip().replace("/", "_")] = alias.strip()
    return found


def _split(key: str) -> tuple[str, str] | None:
    """Alias and setting of an annotation's name; None where it is no setting of an alias."""
    for setting in sorted(_OF_ALIAS, key=len, reverse=True):
        if key.endswith("." + setting):
            return key.removesuffix("." + setting), setting
    return None


@rule("ARG208", ArgoSet, Severity.ERROR)
def image_updater_alias_mismatch(argo: ArgoSet) -> Findings:
    """A setting of Image Updater belongs to no image.

    Settings of one image begin with its alias in `image-list`. Under another alias, or by a
    name that is not known, a setting has no effect and nobody says so: an image goes on to be
    updated without the filter that was meant for it. An alias may hold letters, digits, dots,
    dashes and underscores, and is there once.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/wed.allow-tags: regexp:^1
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/web.alow-tags: regexp:^1
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=example/web:~1.4,web=example/api:~2
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: shop/web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/shop_web.allow-tags: regexp:^1
            argocd-image-updater.argoproj.io/write-back-method: git
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for application in argo.applications:
        aliases = _aliases(application)
        annotations = updater_annotations(application)
        if aliases is None:
            continue
        for key, entry in annotations.items():
            message = _misfit(key, aliases)
            if message:
                yield at(entry.key.location, message, object=application.object)
        yield from _bad_aliases(annotations["image-list"], application)
    for reference in argo.references:
        seen: set[str] = set()
        images = reference.node.sequence("images")
        for image in images.mappings() if images else ():
            alias = image.scalar("alias")
            if alias is None or is_unknown(alias.text):
                continue
            if alias.text in seen:
                message = f'the alias "{alias.text}" is there twice'
                yield at(alias.location, message, object=reference.object)
            elif not _ALIAS.fullmatch(alias.text):
                message = f'"{alias.text}" cannot be an alias'
                yield at(alias.location, message, object=reference.object)
            seen.add(alias.text)


def _misfit(key: str, aliases: dict[str, str]) -> str:
    if key in _OF_APPLICATION or is_unknown(key):
        return ""
    found = _split(key)
    if found is not None:
        if found[0] in aliases:
            return ""
        near = nearest(found[0], aliases)
        hint = f', perhaps "{near}"' if near else ""
        return f'no image has the alias "{found[0]}"{hint}'
    alias, dot, setting = key.partition(".")
    if dot and alias in aliases:
        near = nearest(setting, _OF_ALIAS)
    else:
        setting, near = key, nearest(key, _OF_APPLICATION)
        if key in SETTINGS.values():
            return f'"{key}" is a setting of single images, it needs an alias'
    hint = f', perhaps "{near}"' if near else ""
    return f'"{setting}" is no setting of Image Updater{hint}'


def _bad_aliases(listed: Entry, application: Application) -> Findings:
    seen: set[str] = set()
    for entry in listed.value.text.split(",") if type(listed.value) is Scalar else ():
        alias, equals, _ = (part.strip() for part in entry.partition("="))
        if not equals:
            continue
        if alias in seen:
            message = f'the alias "{alias}" is there twice'
            yield at(listed.value.location, message, object=application.object)
        elif not _ALIAS.fullmatch(alias):
            message = f'"{alias}" cannot be an alias'
            yield at(listed.value.location, message, object=application.object)
        seen.add(alias)


def _written(argo: ArgoSet, name: str) -> Iterator[tuple[Setting, str, str]]:
    """Each place that writes a setting, with the object and the ImageUpdater's namespace."""
    for application in argo.applications:
        for key, (_, value) in updater_annotations(application).items():
            if key.rpartition(".")[2] == name and type(value) is Scalar:
                setting = Setting(value.text.strip(), value.location)
                yield setting, application.object, ""
    field = next(field for field, own in SETTINGS.items() if own == name)
    for owner in argo.updaters:
        spec = owner.root.mapping("spec")
        holders = [spec] if spec else []
        for reference in argo.references:
            if reference.owner is owner:
                images = reference.node.sequence("images")
                holders += [reference.node, *(images.mappings() if images else ())]
        for holder in holders:
            node = holder.get("commonUpdateSettings", field)
            for item in node if type(node) is Sequence else (node,):
                if type(item) is Scalar:
                    yield Setting(item.text.strip(), item.location), owner.object, owner.namespace


_NOT_GO = regex(r"\(\?(?:[=!]|<[=!]|>|P=|\()|\\[1-9]|\\k<|[*+?}]\+")
"""What other engines know and Go's does not: looking around, back-references and the like."""


@rule("ARG209", ArgoSet, Severity.ERROR)
def image_updater_invalid_match(argo: ArgoSet) -> Findings:
    """A filter of tags that Image Updater cannot read.

    `allow-tags` is `any`, or `regexp:` with a regular expression of Go, which can neither look
    around (`(?=`, `(?!`) nor back to a group. Where it does not fit, no tag is allowed at all and
    nothing is updated. `ignore-tags` is a list of patterns with `*`, never of expressions.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/web.allow-tags: ^1[.]4
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/web.allow-tags: regexp:^(?!.*-rc)1[.]
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/web.ignore-tags: regexp:^latest$
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/web.allow-tags: regexp:^1[.]4[.][0-9]+$
            argocd-image-updater.argoproj.io/web.ignore-tags: "latest, *-rc*"
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for setting, owner, _ in _written(argo, "allow-tags"):
        text = setting.text
        function, colon, expression = text.partition(":")
        if not text or text == "any" or is_unknown(text):
            continue
        if function.strip() != "regexp" or not colon:
            message = f'"{text}" is neither "any" nor "regexp:" with an expression'
            yield at(setting.location, message, object=owner)
        elif why := _not_go(expression):
            message = f'"{expression}" is no regular expression of Go: {why}'
            yield at(setting.location, message, object=owner)
    for setting, owner, _ in _written(argo, "ignore-tags"):
        if setting.text.startswith("regexp:"):
            message = "ignore-tags takes patterns with *, no regular expressions"
            yield at(setting.location, message, object=owner)


def _not_go(expression: str) -> str:
    found = _NOT_GO.search(expression)
    if found:
        return f'"{found[0]}" is not known to it'
    if len(expression) > 1000:
        return ""
    try:
        # Go's own escapes and classes, in words that Python's engine has.
        plain = re.sub(r"\\(?:[pP](?:[A-Za-z]|\{\^?\w+\})|[zQECa])", "x", expression)
        re.compile(re.sub(r"\[\[:\^?\w+:\]", "[", plain))
    except (re.error, OverflowError) as error:
        return str(error)
    return ""


_PULL_SECRET = regex(
    r"pullsecret:(?P<pull>[^/:#\s]+)/[^/#\s]+|secret:(?P<secret>[^/:#\s]+)/[^/#\s]+#\S+"
    r"|env:\S+|ext:/\S+"
)


@rule("ARG212", ArgoSet, Severity.ERROR)
def image_updater_invalid_pull_secret(argo: ArgoSet) -> Findings:
    """The credentials for a registry are named in a way that Image Updater does not know.

    The forms are `pullsecret:namespace/name`, `secret:namespace/name#field`, `env:VARIABLE` and
    `ext:/path/of/script`. A Secret has to be in the namespace of the ImageUpdater: others are
    refused, so that nobody reads credentials that are not theirs.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/web.pull-secret: shop-registry
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Bad:
        apiVersion: argocd-image-updater.argoproj.io/v1alpha1
        kind: ImageUpdater
        metadata: {name: shop, namespace: argocd}
        spec:
          applicationRefs:
            - namePattern: web
              images:
                - alias: web
                  imageName: registry.example.com/shop/web:~1.4
                  commonUpdateSettings: {pullSecret: "pullsecret:shop/registry"}
    Good:
        apiVersion: argocd-image-updater.argoproj.io/v1alpha1
        kind: ImageUpdater
        metadata: {name: shop, namespace: argocd}
        spec:
          applicationRefs:
            - namePattern: web
              images:
                - alias: web
                  imageName: registry.example.com/shop/web:~1.4
                  commonUpdateSettings: {pullSecret: "pullsecret:argocd/registry"}
    """
    for setting, owner, namespace in _written(argo, "pull-secret"):
        if not setting.text or is_unknown(setting.text) or "<" in setting.text:
            continue
        found = _PULL_SECRET.fullmatch(setting.text)
        there = (found["pull"] or found["secret"] or "") if found else ""
        if found is None:
            message = f'"{setting.text}" is no reference to credentials'
            yield at(setting.location, message, object=owner)
        elif there and namespace and there != namespace:
            message = f'the Secret is in "{there}", the ImageUpdater in "{namespace}"'
            yield at(setting.location, message, object=owner)


@rule("ARG215", ArgoSet, Severity.ERROR)
def image_updater_missing_image_list(argo: ArgoSet) -> Findings:
    """An Application has settings for Image Updater and no list of images.

    The annotation `image-list` says what is to be updated; without it, or with an entry that
    has an alias and no image, Image Updater skips the Application.

    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/web.update-strategy: digest
            argocd-image-updater.argoproj.io/write-back-method: git
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Bad:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=
            argocd-image-updater.argoproj.io/write-back-method: git
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    Good:
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
          namespace: argocd
          annotations:
            argocd-image-updater.argoproj.io/image-list: web=registry.example.com/shop/web:~1.4
            argocd-image-updater.argoproj.io/write-back-method: git
        spec:
          project: shop
          source: {repoURL: "https://git.example.com/shop.git", targetRevision: main, path: web}
          destination: {server: https://kubernetes.default.svc, namespace: shop}
    """
    for application in argo.applications:
        annotations = updater_annotations(application)
        listed = annotations.get("image-list")
        if listed is None:
            if annotations and application.whole:
                first = next(iter(annotations.values())).key
                message = "settings of Image Updater, but no image-list"
                yield at(first.location, message, object=application.object)
            continue
        text = listed.value.text if type(listed.value) is Scalar else ""
        if is_unknown(text):
            continue
        entries = [entry.strip() for entry in text.split(",")]
        empty = next((entry for entry in entries if entry.endswith("=")), None)
        if not any(entries):
            yield at(listed.key.location, "the image-list is empty", object=application.object)
        elif empty is not None:
            message = f'"{empty}" in the image-list names no image'
            yield at(listed.value.location, message, object=application.object)
