"""Objects that the API of Kubernetes would not accept as they are written."""

from __future__ import annotations

from iachygiene.model import Edit, Findings, Fix, Severity, at
from iachygiene.parse.kubernetes import Manifest
from iachygiene.parse.yaml import Scalar
from iachygiene.rule import rule


@rule("K8S903", Manifest, Severity.ERROR, aliases=("kubeconform:type",))
def value_must_be_string(manifest: Manifest) -> Findings:
    """A value is a number or a boolean where Kubernetes takes only text.

    Labels, annotations, environment variables, arguments and the data of a ConfigMap are
    text. Without quotes, `8080`, `true`, `yes` and `1.10` are something else to YAML, and the
    API server refuses the object: "cannot unmarshal number into Go value of type string".

    Bad:
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: web
          labels:
            release: 1.10
        data:
          PORT: 8080
          DEBUG: yes
    Fixed:
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: web
          labels:
            release: "1.10"
        data:
          PORT: "8080"
          DEBUG: "yes"
    Bad: an environment variable, in a List
        apiVersion: v1
        kind: List
        items:
          - apiVersion: v1
            kind: Pod
            metadata: {name: web}
            spec:
              containers:
                - name: web
                  image: nginx:1.27.3
                  args: [--workers, 4]
                  env:
                    - name: PORT
                      value: 8080 # the default
    Fixed:
        apiVersion: v1
        kind: List
        items:
          - apiVersion: v1
            kind: Pod
            metadata: {name: web}
            spec:
              containers:
                - name: web
                  image: nginx:1.27.3
                  args: [--workers, "4"]
                  env:
                    - name: PORT
                      value: "8080" # the default
    Good:
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: web
          labels: {release: "1.10", since: 2024-01-01}
        data:
          PORT: "8080"
          EMPTY:
    """
    for one, violation in manifest.violations:
        if violation.kind == "string":
            fix = _quoted(violation.scalar) if violation.scalar else None
            yield at(violation.location, violation.message, object=one.object, fix=fix)


def _quoted(scalar: Scalar) -> Fix | None:
    """Quotes around a scalar; none around an anchored one, which may be a number elsewhere."""
    place = scalar.location.span
    written = scalar.file.text[scalar.start : scalar.end]
    if written != scalar.text or scalar.tag is not None:
        return None
    return Fix(f"quote {scalar.text}", (Edit(place, f'"{scalar.text}"'),))


@rule(
    "K8S904",
    Manifest,
    Severity.ERROR,
    aliases=("kubeconform:invalid", "kube-linter:schema-validation"),
    gives_way_to=("K8S512", "K8S520", "K8S603", "K8S701"),
)
def schema_violation(manifest: Manifest) -> Findings:
    """A field has the wrong type, or one that has to be there is missing.

    Objects are held against the schemas of the Kubernetes version in `[kubernetes] version`
    (the newest that is bundled without it, or `--kubernetes-version`), and custom resources
    against the CustomResourceDefinitions that are found in the scan. The API server refuses
    what does not fit. Patches need not have what is required.

    Bad: a text is no number
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          replicas: "3"
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers: [{name: web, image: "nginx:1.27.3"}]
    Bad: the port itself is missing
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec:
          selector: {app: web}
          ports:
            - name: http
              targetPort: 8080
    Bad: GB is no unit here, G is
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata: {name: data}
        spec:
          accessModes: [ReadWriteOnce]
          resources: {requests: {storage: 10GB}}
    Bad: a custom resource whose definition is in the scan
        -- crd.yaml --
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: shops.example.com}
        spec:
          group: example.com
          scope: Namespaced
          names: {kind: Shop, plural: shops}
          versions:
            - name: v1
              served: true
              storage: true
              schema:
                openAPIV3Schema:
                  type: object
                  properties:
                    spec:
                      type: object
                      required: [city]
                      properties:
                        city: {type: string}
                        tills: {type: integer, minimum: 1}
        -- shop.yaml --
        apiVersion: example.com/v1
        kind: Shop
        metadata: {name: north}
        spec:
          tills: 0
    Good:
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec:
          selector: {app: web}
          ports:
            - port: 80
              targetPort: 8080
    Good: a patch
        -- kustomization.yaml --
        resources: [service.yaml]
        patches: [{path: patch.yaml}]
        -- patch.yaml --
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec:
          ports: [{name: http}]
        -- service.yaml --
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec:
          selector: {app: web}
          ports: [{name: http, port: 80}]
    """
    for one, violation in manifest.violations:
        if violation.kind in ("invalid", "value"):
            aliases = None if violation.kind == "invalid" else ()
            yield at(violation.location, violation.message, object=one.object, aliases=aliases)


@rule(
    "K8S906",
    Manifest,
    Severity.ERROR,
    aliases=("kubeconform:additional-property", "kube-linter:schema-validation"),
)
def unknown_field(manifest: Manifest) -> Findings:
    """A field is not one that its object has.

    The API server drops what it does not know, or refuses it under strict validation, which
    is what kubectl asks for. A misspelled field has no effect then: a limit that is not
    enforced, a probe that never runs.

    Bad: another spelling, and another place
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              livenessprobe:
                httpGet: {path: /, port: 80}
              replicas: 2
    Bad: a field of an older version of the API
        apiVersion: networking.k8s.io/v1
        kind: Ingress
        metadata: {name: web}
        spec:
          rules:
            - http:
                paths:
                  - path: /
                    pathType: Prefix
                    backend: {serviceName: web, servicePort: 80}
    Good:
        apiVersion: v1
        kind: Pod
        metadata: {name: web}
        spec:
          containers:
            - name: web
              image: nginx:1.27.3
              livenessProbe:
                httpGet: {path: /, port: 80}
    Good: a kind that nothing here defines
        apiVersion: example.com/v1
        kind: Shop
        metadata: {name: north}
        spec: {anything: 1}
    """
    for one, violation in manifest.violations:
        if violation.kind == "unknown":
            message = violation.message
            if violation.near:
                message += f', but "{violation.near}" is one'
            yield at(violation.location, message, object=one.object)
