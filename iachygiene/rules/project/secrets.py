"""Secrets that are mounted here and copied there."""

from __future__ import annotations

from posixpath import basename, normpath

from iachygiene.model import Findings, Severity, at
from iachygiene.parse.project import Project, SecretFact, is_below
from iachygiene.rule import rule


@rule("PRJ109", Project, Severity.WARNING, default="off", security=True)
def secret_file_mounted_and_copied(project: Project) -> Findings:
    """A file that Compose mounts as a secret is copied into the image as well.

    Mounted, it is there while the container runs. Copied, it is in a layer of the image for
    everybody who can pull it, whatever a later instruction removes.

    Bad:
        -- compose.yaml --
        services:
          api:
            build: .
            secrets: [db]
        secrets:
          db: {file: conf/db_password.txt}
        -- Dockerfile --
        FROM python:3.13-slim
        COPY conf /conf
        -- conf/db_password.txt --
        hunter22
    Good:
        -- compose.yaml --
        services:
          api:
            build: .
            secrets: [db]
        secrets:
          db: {file: secrets/db_password.txt}
        -- Dockerfile --
        FROM python:3.13-slim
        COPY conf /conf
        -- conf/api.toml --
        level = "info"
        -- secrets/db_password.txt --
        hunter22
    """
    for secret in project.of(SecretFact):
        stage = project.stage_of(secret.dockerfile, secret.target)
        context = secret.context
        if stage is None or context is None or not is_below(secret.path, context):
            continue
        if "example" in basename(secret.path):
            continue
        for source in stage.copied:
            whole = normpath(f"{context}/{source}" if context else source)
            whole = "" if whole == "." else whole
            if secret.path == whole or not whole or secret.path.startswith(whole + "/"):
                message = f'"{secret.path}" is a secret, and copied into the image'
                related = [stage.location.labelled("copied here")]
                yield at(secret.location, message, object=secret.object, related=related)
                break
