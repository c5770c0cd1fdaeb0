"""Jobs and CronJobs, and how pods are restarted."""

from __future__ import annotations

from collections.abc import Iterator

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.kubernetes import Manifest, Object
from iachygiene.parse.workloads import known_text
from iachygiene.rule import rule
from iachygiene.rules.kubernetes.peers import known

_TTL = ("kube-linter:job-ttl-seconds-after-finished",)
_HOOKS = ("helm.sh/hook", "argocd.argoproj.io/hook")


def _jobs(manifest: Manifest, *kinds: str) -> Iterator[Object]:
    for one in manifest.objects:
        if one.group == "batch" and one.kind in kinds and not one.partial:
            yield one


@rule("K8S522", Manifest, Severity.INFO, default="off", aliases=_TTL)
def job_ttl_mismatch(manifest: Manifest, *, peer_forms: bool = False) -> Findings:
    """A Job stays for ever after it ended, or a CronJob's jobs are cleared away twice.

    A finished Job and its pods stay in the cluster until somebody deletes them, unless
    `ttlSecondsAfterFinished` says when. A CronJob clears away by itself, and by the number
    of jobs it should keep. What a hook of Helm or Argo CD runs is cleared away by those.

    Options:
        peer_forms: report hooks as well.

    Bad:
        apiVersion: batch/v1
        kind: Job
        metadata: {name: migrate}
        spec:
          template:
            spec:
              restartPolicy: Never
              containers: [{name: migrate, image: "registry.example.com/migrate:1.4.2"}]
    Bad:
        apiVersion: batch/v1
        kind: CronJob
        metadata: {name: backup}
        spec:
          schedule: "20 3 * * *"
          jobTemplate:
            spec:
              ttlSecondsAfterFinished: 600
              template:
                spec:
                  restartPolicy: Never
                  containers: [{name: backup, image: "registry.example.com/backup:1.4.2"}]
    Good:
        apiVersion: batch/v1
        kind: Job
        metadata: {name: migrate}
        spec:
          ttlSecondsAfterFinished: 600
          template:
            spec:
              restartPolicy: Never
              containers: [{name: migrate, image: "registry.example.com/migrate:1.4.2"}]
    """
    for job in _jobs(manifest, "Job", "CronJob"):
        annotations = job.root.mapping("metadata", "annotations")
        hooked = annotations is not None and any(name in annotations for name in _HOOKS)
        if job.version != "v1" or (hooked and not peer_forms):
            continue
        if job.kind == "Job" and job.get("spec", "ttlSecondsAfterFinished") is None:
            yield at(job, "ttlSecondsAfterFinished is not set")
        node = job.get("spec", "jobTemplate", "spec", "ttlSecondsAfterFinished")
        if job.kind == "CronJob" and node is not None:
            yield at(node.location, "a CronJob clears away its jobs itself", object=job.object)


@rule(
    "K8S523", Manifest, Severity.INFO, default="off", aliases=("kube-score:cronjob-has-deadline",)
)
def cronjob_without_deadline(manifest: Manifest) -> Findings:
    """A CronJob does not say how late its jobs may start.

    After the cluster's controller was away it starts what it missed, at any hour. And when
    it missed more than a hundred starts, it starts none again, unless
    `startingDeadlineSeconds` bounds what it looks at.

    Bad:
        apiVersion: batch/v1
        kind: CronJob
        metadata: {name: backup}
        spec:
          schedule: "20 3 * * *"
          jobTemplate:
            spec:
              template:
                spec:
                  restartPolicy: Never
                  containers: [{name: backup, image: "registry.example.com/backup:1.4.2"}]
    Good:
        apiVersion: batch/v1
        kind: CronJob
        metadata: {name: backup}
        spec:
          schedule: "20 3 * * *"
          startingDeadlineSeconds: 3600
          jobTemplate:
            spec:
              template:
                spec:
                  restartPolicy: Never
                  containers: [{name: backup, image: "registry.example.com/backup:1.4.2"}]
    """
    for job in _jobs(manifest, "CronJob"):
        if job.get("spec", "startingDeadlineSeconds") is None:
            yield at(job, "startingDeadlineSeconds is not set")


@rule("K8S524", Manifest, Severity.ERROR, aliases=("kube-score:cronjob-restartpolicy",))
def invalid_job_restart_policy(manifest: Manifest) -> Findings:
    """The pods of a Job would be restarted for ever.

    A pod's restart policy is `Always` unless it says otherwise, and a Job could never end:
    the API server refuses it. `Never` or `OnFailure` has to be written down.

    Bad:
        apiVersion: batch/v1
        kind: Job
        metadata: {name: migrate}
        spec:
          template:
            spec:
              containers: [{name: migrate, image: "registry.example.com/migrate:1.4.2"}]
    Good:
        apiVersion: batch/v1
        kind: Job
        metadata: {name: migrate}
        spec:
          template:
            spec:
              restartPolicy: OnFailure
              containers: [{name: migrate, image: "registry.example.com/migrate:1.4.2"}]
    """
    for pod in manifest.pods:
        owner = pod.owner
        if (owner.group, owner.kind) not in _ENDING or pod.spec is None:
            continue
        node = pod.spec.scalar("restartPolicy")
        aliases = ("kube-score:cronjob-restartpolicy",) * (owner.kind == "CronJob")
        # KEDA writes a policy where a ScaledJob has none.
        if node is None and not pod.partial and owner.kind != "ScaledJob":
            message = 'the restart policy is "Always" where none is written'
            yield at(pod, message, aliases=aliases)
        elif node is not None and known_text(node) not in ("", "Never", "OnFailure"):
            message = f'the restart policy is "{node.text}"'
            yield at(node.location, message, object=pod.object, aliases=aliases)


_ENDING = frozenset((("batch", "Job"), ("batch", "CronJob"), ("keda.sh", "ScaledJob")))


@rule("K8S525", Manifest, Severity.INFO, default="off", aliases=("kube-linter:restart-policy",))
def restart_policy_not_explicit(manifest: Manifest) -> Findings:
    """A pod's restart policy is not written down, or is `Never`.

    Where none is written it is `Always`. Some teams want to read it.

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
          restartPolicy: Always
          containers: [{name: web, image: "nginx:1.27.3"}]
    """
    for pod in manifest.pods:
        node = pod.spec.scalar("restartPolicy") if pod.spec else None
        aliases = known(pod.owner, ("kube-linter:restart-policy",))
        if node is None and not pod.partial:
            yield at(pod, "the restart policy is not written down", aliases=aliases)
        elif node is not None and known_text(node) not in ("", "Always", "OnFailure"):
            message = f'the restart policy is "{node.text}"'
            yield at(node.location, message, object=pod.object, aliases=aliases)
