"""Health checks of containers."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import dirname

from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.kubernetes import Container, ManifestSet, Object, Pod
from iachygiene.parse.workloads import services_of_pods
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known


@rule(
    "K8S401",
    ManifestSet,
    Severity.WARNING,
    aliases=("kube-score:pod-probes", "kube-linter:no-readiness-probe", "checkov:CKV_K8S_9"),
)
def service_pod_without_readiness(manifests: ManifestSet) -> Findings:
    """A Service sends traffic to a pod that has no readiness probe.

    Without one, Kubernetes takes a container for ready as soon as its process exists. The
    Service sends requests while the program still starts, and goes on when it no longer
    answers: every rollout then shows as errors to the clients. One readiness probe in the
    pod is enough.

    Bad:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers:
                - name: web
                  image: nginx:1.27.3
                  ports: [{containerPort: 8080}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec:
          selector: {app: web}
          ports: [{port: 80, targetPort: 8080}]
    Good:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers:
                - name: web
                  image: nginx:1.27.3
                  ports: [{containerPort: 8080}]
                  readinessProbe:
                    httpGet: {path: /healthz, port: 8080}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec:
          selector: {app: web}
          ports: [{port: 80, targetPort: 8080}]
    Good: no Service sends traffic to it
        apiVersion: v1
        kind: Pod
        metadata:
          name: web
          labels: {app: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
    """
    seen: set[Location] = set()
    for pod, services in _called_pods(manifests):
        container = _unready(pod, services)
        if container is None or container.location in seen:
            continue
        seen.add(container.location)
        early = all(_takes_unready(service) for service in services)
        yield at(
            container,
            f'no readiness probe, and Service "{services[0].name}" sends traffic here',
            related=[services[0].location.labelled("this Service")],
            severity=Severity.INFO if early else None,
            aliases=_readiness_aliases(pod, container, services),
        )


def _called_pods(manifests: ManifestSet) -> Iterator[tuple[Pod, list[Object]]]:
    """The whole, long-running pods that Services select, each with those Services."""
    callers = services_of_pods(manifests)
    for pod in manifests.pods:
        if pod.long_running and not pod.partial and id(pod) in callers:
            # A set may hold several variants of one application: the nearest Service first.
            yield pod, sorted(callers[id(pod)], key=lambda service: _distance(service, pod))


def _distance(service: Object, pod: Pod) -> int:
    path, other = service.location.path, pod.owner.location.path
    return 0 if path == other else 1 if dirname(path) == dirname(other) else 2


def _unready(pod: Pod, services: list[Object]) -> Container | None:
    """The container that should have a readiness probe, None where one of the pod has it."""
    if any("readinessProbe" in container.probes for container in pod.of("container", "sidecar")):
        return None
    targets = [
        port.get("targetPort") or port.get("port")
        for service in services
        if (ports := service.root.sequence("spec", "ports"))
        for port in ports.mappings()
    ]
    regular = list(pod.of("container"))
    called = [one for one in regular if any(one.declares_port(target) for target in targets)]
    return next(iter(called or regular), None)


def _takes_unready(service: Object) -> bool:
    node = service.root.scalar("spec", "publishNotReadyAddresses")
    return node is not None and node.value is True


def _readiness_aliases(pod: Pod, container: Container, services: list[Object]) -> tuple[str, ...]:
    aliases = ["kube-linter:no-readiness-probe", "checkov:CKV_K8S_9"]
    # kube-score is content with a probe in any container, where it can have no effect too,
    # and to it no namespace is another one than `default`.
    unready = not any("readinessProbe" in container.probes for container in pod.of("init"))
    if unready and any(one.namespace == pod.owner.namespace for one in services):
        aliases.append("kube-score:pod-probes")
    return known(container.owner, aliases)


@rule(
    "K8S402",
    ManifestSet,
    Severity.INFO,
    default="off",
    aliases=("kube-linter:no-readiness-probe", "checkov:CKV_K8S_9"),
)
def container_without_readiness(manifests: ManifestSet, *, probe_jobs: bool = False) -> Findings:
    """A container has no readiness probe.

    Kubernetes takes it for ready as soon as its process exists, and a rollout goes on as if
    the new program worked. Where a Service sends traffic, `service-pod-without-readiness`
    says so.

    Options:
        probe_jobs: report also what ends by itself, Jobs and CronJobs.

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
          containers:
            - name: web
              image: nginx:1.27.3
              readinessProbe: {httpGet: {path: /healthz, port: 8080}}
    """
    reported = {
        id(container.node)
        for pod, services in _called_pods(manifests)
        if (container := _unready(pod, services)) is not None
    }
    aliases = ("kube-linter:no-readiness-probe", "checkov:CKV_K8S_9")
    for container in _unprobed(manifests, "readinessProbe", probe_jobs):
        if id(container.node) not in reported:
            yield at(container, "no readiness probe", aliases=known(container.owner, aliases))


@rule(
    "K8S403",
    ManifestSet,
    Severity.INFO,
    default="strict",
    aliases=("kube-linter:no-liveness-probe", "checkov:CKV_K8S_8"),
)
def container_without_liveness(manifests: ManifestSet, *, probe_jobs: bool = False) -> Findings:
    """A container has no liveness probe.

    When its program hangs, nothing restarts it. A liveness probe should ask for little: one
    that asks for the database, too, restarts every pod when the database is slow.

    Options:
        probe_jobs: report also what ends by itself, Jobs and CronJobs.

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
          containers:
            - name: web
              image: nginx:1.27.3
              livenessProbe: {httpGet: {path: /alive, port: 8080}}
    Good: a Job ends by itself
        apiVersion: batch/v1
        kind: Job
        metadata: {name: migrate}
        spec:
          template:
            spec:
              restartPolicy: Never
              containers: [{name: migrate, image: "registry.example.com/migrate:1.4.2"}]
    """
    aliases = ("kube-linter:no-liveness-probe", "checkov:CKV_K8S_8")
    for container in _unprobed(manifests, "livenessProbe", probe_jobs):
        yield at(container, "no liveness probe", aliases=known(container.owner, aliases))


def _unprobed(manifests: ManifestSet, kind: str, jobs: bool) -> Iterator[Container]:
    """The regular containers without a kind of probe, once each."""
    seen: set[int] = set()
    for pod in manifests.pods:
        if pod.partial or not (pod.long_running or jobs):
            continue
        for container in pod.of("container"):
            if container.node.get(kind) is None and id(container.node) not in seen:
                seen.add(id(container.node))
                yield container


@rule(
    "K8S411",
    ManifestSet,
    Severity.WARNING,
    aliases=(
        "kube-linter:no-liveness-probe",
        "kube-linter:no-readiness-probe",
        "checkov:CKV_K8S_8",
        "checkov:CKV_K8S_9",
    ),
)
def container_without_health_check(manifests: ManifestSet) -> Findings:
    """A container that runs for good has no probe of any kind.

    Kubernetes then knows only whether the process exists. A program that hangs, or that lost
    its database, stays in service until somebody notices. A readiness probe takes it out of
    traffic, a liveness probe restarts it. A container beside one with probes is taken for
    its helper.

    Bad:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: worker}
        spec:
          selector: {matchLabels: {app: worker}}
          template:
            metadata: {labels: {app: worker}}
            spec:
              containers:
                - name: worker
                  image: registry.example.com/worker:1.4.2
    Good:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: worker}
        spec:
          selector: {matchLabels: {app: worker}}
          template:
            metadata: {labels: {app: worker}}
            spec:
              containers:
                - name: worker
                  image: registry.example.com/worker:1.4.2
                  livenessProbe:
                    exec: {command: [/app/worker, --check]}
                - name: log-shipper
                  image: fluent/fluent-bit:3.2.2
    Good: a Job ends by itself
        apiVersion: batch/v1
        kind: Job
        metadata: {name: migrate}
        spec:
          template:
            spec:
              restartPolicy: Never
              containers:
                - name: migrate
                  image: registry.example.com/migrate:1.4.2
    """
    covered = {
        container.location
        for pod, services in _called_pods(manifests)
        if (container := _unready(pod, services)) is not None
    }
    for pod in manifests.pods:
        if (pod.owner.group, pod.owner.kind) not in _HEALTH_CHECKED or pod.partial:
            continue
        if any(container.probes for container in pod.of("container", "sidecar")):
            continue
        for container in pod.of("container"):
            if container.location not in covered:
                covered.add(container.location)
                aliases = known(pod.owner, _HEALTH_ALIASES)
                yield at(container, "the container has no probe", aliases=aliases)


_HEALTH_ALIASES = (
    "kube-linter:no-liveness-probe",
    "kube-linter:no-readiness-probe",
    "checkov:CKV_K8S_8",
    "checkov:CKV_K8S_9",
)
_HEALTH_CHECKED = frozenset(
    (
        *(("", "ReplicationController"), ("apps.openshift.io", "DeploymentConfig")),
        *(("apps", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")),
        *(("extensions", kind) for kind in ("Deployment", "DaemonSet", "ReplicaSet")),
        ("argoproj.io", "Rollout"),
    )
)
