"""The service accounts that pods run under."""

from __future__ import annotations

from iachygiene.model import Edit, Findings, Fix, Severity, at
from iachygiene.parse.kubernetes import Manifest
from iachygiene.parse.workloads import falsehood, open_value, service_account
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known

_TOKEN_ALIASES = ("checkov:CKV_K8S_38", "trivy:KSV036")
_ACCOUNT_ALIASES = ("kube-linter:default-service-account", "checkov:CKV_K8S_41")


@rule("K8S220", Manifest, Severity.INFO, default="off", security=True, aliases=_TOKEN_ALIASES)
def service_account_token_automounted(manifest: Manifest) -> Findings:
    """A pod carries a token for the cluster's API.

    Most programs never speak to the cluster. Who gets into one finds the token all the same
    and may do what its service account may. `automountServiceAccountToken: false` leaves it
    out.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          automountServiceAccountToken: false
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod in manifest.pods:
        node = pod.spec.get("automountServiceAccountToken") if pod.spec else None
        if pod.spec is None or pod.partial or falsehood(node) or open_value(node):
            continue
        where = node.location if node is not None else pod.location
        message = "the token of the service account is mounted"
        yield at(where, message, object=pod.object, aliases=known(pod.owner, _TOKEN_ALIASES))


@rule("K8S221", Manifest, Severity.INFO, default="off", security=True, aliases=_ACCOUNT_ALIASES)
def default_service_account(manifest: Manifest) -> Findings:
    """A pod runs under the service account `default` of its namespace.

    All pods that name none share it: a right that one of them needs is given to all, and
    the audit log cannot tell them apart.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          serviceAccountName: web
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good: without its token the account is of no use
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          automountServiceAccountToken: false
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod in manifest.pods:
        if pod.spec is None or falsehood(pod.spec.get("automountServiceAccountToken")):
            continue
        account = service_account(pod)
        aliases = known(pod.owner, _ACCOUNT_ALIASES)
        if account is None or account.text == "":
            if not pod.partial:
                yield at(pod, "no service account is named", aliases=aliases)
        elif account.text == "default":
            message = 'the service account is "default"'
            yield at(account.location, message, object=pod.object, aliases=aliases)


@rule(
    "K8S222",
    Manifest,
    Severity.WARNING,
    aliases=("kube-linter:deprecated-service-account-field",),
)
def deprecated_service_account_field(manifest: Manifest) -> Findings:
    """A pod names its service account in the old field `serviceAccount`.

    The field has been a mere copy of `serviceAccountName` since Kubernetes 1.0. Where the
    two differ, the new one holds, whatever a reader takes from the old one.

    Bad:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          serviceAccount: web
          containers: [{name: web, image: "nginx:1.27.3"}]
    Fixed:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          serviceAccountName: web
          containers: [{name: web, image: "nginx:1.27.3"}]
    Bad: the two differ
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          serviceAccount: api
          serviceAccountName: web
          containers: [{name: web, image: "nginx:1.27.3"}]
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          serviceAccountName: web
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod in manifest.pods:
        old = pod.spec.entries.get("serviceAccount") if pod.spec else None
        if pod.spec is None or old is None or not pod.spec.text("serviceAccount"):
            continue
        new = pod.spec.text("serviceAccountName")
        if pod.spec.text("serviceAccount") == new:
            continue
        fix = None
        if "serviceAccountName" not in pod.spec and old.key in pod.spec.children:
            title = "write serviceAccountName"
            fix = Fix(title, (Edit(old.key.location.span, "serviceAccountName"),))
        aliases = known(pod.owner, ("kube-linter:deprecated-service-account-field",))
        message = '"serviceAccount" is the old name of "serviceAccountName"'
        yield at(old.key.location, message, object=pod.object, aliases=aliases, fix=fix)
