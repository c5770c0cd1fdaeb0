"""What a manifest asks of a container against what the image's Dockerfile gives."""

from __future__ import annotations

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.project import Link, Project
from iachygiene.rule import rule


@rule("PRJ103", Project, Severity.ERROR)
def non_root_manifest_root_image(project: Project) -> Findings:
    """A manifest demands a non-root user, and the image's Dockerfile ends as root or by name.

    With `runAsNonRoot: true` and no `runAsUser` the kubelet looks at the image's user. Root
    is refused, and so is a name, which it cannot verify: the container never starts. The
    Dockerfile is the one that a Compose service builds this very image from.

    Bad:
        -- compose.yaml --
        services:
          api:
            build: ./api
            image: registry.example.com/shop/api
        -- api/Dockerfile --
        FROM python:3.12-slim
        RUN useradd app
        USER app
        CMD ["python", "-m", "api"]
        -- k8s/api.yaml --
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: api}
        spec:
          selector: {matchLabels: {app: api}}
          template:
            metadata: {labels: {app: api}}
            spec:
              securityContext: {runAsNonRoot: true}
              containers:
                - name: api
                  image: registry.example.com/shop/api:1.4.2
    Good: a number can be verified
        -- compose.yaml --
        services:
          api:
            build: ./api
            image: registry.example.com/shop/api
        -- api/Dockerfile --
        FROM python:3.12-slim
        RUN useradd --uid 10001 app
        USER 10001
        CMD ["python", "-m", "api"]
        -- k8s/api.yaml --
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: api}
        spec:
          selector: {matchLabels: {app: api}}
          template:
            metadata: {labels: {app: api}}
            spec:
              securityContext: {runAsNonRoot: true}
              containers:
                - name: api
                  image: registry.example.com/shop/api:1.4.2
    Good: the manifest names the user itself
        -- compose.yaml --
        services:
          api:
            build: ./api
            image: registry.example.com/shop/api
        -- api/Dockerfile --
        FROM python:3.12-slim
        USER root
        CMD ["python", "-m", "api"]
        -- k8s/api.yaml --
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: api}
        spec:
          selector: {matchLabels: {app: api}}
          template:
            metadata: {labels: {app: api}}
            spec:
              securityContext: {runAsNonRoot: true, runAsUser: 10001}
              containers:
                - name: api
                  image: registry.example.com/shop/api:1.4.2
    """
    told = set()
    for link in project.links():
        place = link.container.non_root
        if place is None or link.container.run_as_user is not None:
            continue
        # A pod says it once for all its containers, and once is enough to hear it.
        why = _why_not_verifiable(link)
        if why and (place, link.stage.location) not in told:
            told.add((place, link.stage.location))
            where = link.stage.user_location or link.stage.location
            related = [where.labelled("the user of the image"), link.build.location]
            yield at(place, why, object=link.container.object, related=related)


def _why_not_verifiable(link: Link) -> str | None:
    user = link.stage.user
    if user is None or "$" in user:
        return None
    name = user.partition(":")[0]
    if name.isascii() and name.isdigit():
        return f'runAsNonRoot, but the image runs as "{user}", root' if int(name) == 0 else None
    if name == "root":
        return 'runAsNonRoot, but the image runs as "root"'
    return f'runAsNonRoot, but the image names its user "{name}" and not by number'


@rule("PRJ104", Project, Severity.WARNING, gives_way_to=("K8S401", "K8S411"))
def healthcheck_without_probe(project: Project) -> Findings:
    """An image has a HEALTHCHECK and its workload has no probe.

    Kubernetes ignores HEALTHCHECK. Whoever wrote it meant the container to be watched, and
    there it is not: the same request belongs into a readiness or liveness probe.

    Bad:
        -- compose.yaml --
        services:
          api:
            build: ./api
            image: registry.example.com/shop/api
        -- api/Dockerfile --
        FROM python:3.12-slim
        HEALTHCHECK CMD ["python", "-m", "api.health"]
        CMD ["python", "-m", "api"]
        -- k8s/api.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: api}
        spec:
          containers:
            - name: api
              image: registry.example.com/shop/api:1.4.2
    Good:
        -- compose.yaml --
        services:
          api:
            build: ./api
            image: registry.example.com/shop/api
        -- api/Dockerfile --
        FROM python:3.12-slim
        HEALTHCHECK CMD ["python", "-m", "api.health"]
        CMD ["python", "-m", "api"]
        -- k8s/api.yaml --
        apiVersion: v1
        kind: Pod
        metadata: {name: api}
        spec:
          containers:
            - name: api
              image: registry.example.com/shop/api:1.4.2
              readinessProbe:
                exec: {command: ["python", "-m", "api.health"]}
    Good: a Job runs to its end and has no use for probes
        -- compose.yaml --
        services:
          api:
            build: ./api
            image: registry.example.com/shop/api
        -- api/Dockerfile --
        FROM python:3.12-slim
        HEALTHCHECK CMD ["python", "-m", "api.health"]
        CMD ["python", "-m", "api"]
        -- k8s/job.yaml --
        apiVersion: batch/v1
        kind: Job
        metadata: {name: migrate}
        spec:
          template:
            spec:
              restartPolicy: Never
              containers:
                - name: migrate
                  image: registry.example.com/shop/api:1.4.2
    """
    for link in project.links():
        container = link.container
        if link.stage.healthcheck is None or container.probed:
            continue
        if container.long_running and not container.partial:
            check = link.stage.healthcheck.labelled("Kubernetes ignores this HEALTHCHECK")
            message = "the container has no probe, its image has a HEALTHCHECK"
            related = [check, link.build.location]
            yield at(container.location, message, object=container.object, related=related)
