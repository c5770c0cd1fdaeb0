"""What the blocks of the language itself may hold.

The union of what Terraform from 1.0 to 1.15 and OpenTofu to 1.11 know:
https://developer.hashicorp.com/terraform/language
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Shape(NamedTuple):
    """What a block may hold. `labels` are what its labels are called.

    `arguments` are None where others decide (a provider), and `blocks` likewise.
    """

    labels: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    arguments: frozenset[str] | None = frozenset()
    blocks: Mapping[str, Shape] | None = {}


def _shape(
    labels: str = "",
    required: str = "",
    arguments: str | None = "",
    blocks: Mapping[str, Shape] | None = {},
) -> Shape:
    needed = tuple(required.split())
    known = None if arguments is None else frozenset((*arguments.split(), *needed))
    return Shape(tuple(labels.split()), needed, known, blocks)


ANYTHING = _shape(arguments=None, blocks=None)
_CONDITION = _shape("", "condition error_message")
_CONDITIONS = {"precondition": _CONDITION, "postcondition": _CONDITION}
_TRIGGER = _shape(arguments=None, blocks=None)
_CONNECTION = _shape(
    arguments="type user password host port timeout script_path target_platform private_key "
    "certificate agent agent_identity host_key proxy_scheme proxy_host proxy_port "
    "proxy_user_name proxy_user_password bastion_host bastion_host_key bastion_port "
    "bastion_user bastion_password bastion_private_key bastion_certificate https insecure "
    "use_ntlm cacert",
)
_PROVISIONER = _shape("type", arguments=None, blocks=None)
LIFECYCLES = {
    "resource": _shape(
        arguments="create_before_destroy prevent_destroy ignore_changes replace_triggered_by "
        "destroy enabled",
        blocks={**_CONDITIONS, "action_trigger": _TRIGGER},
    ),
    "data": _shape(arguments="enabled", blocks=_CONDITIONS),
    "ephemeral": _shape(arguments="enabled", blocks=_CONDITIONS),
    "module": _shape(arguments="enabled"),
}
_RESOURCE = _shape("type name", arguments=None, blocks=None)
_REMOVED_PROVISIONER = _shape("type", arguments=None, blocks=None)

ROOT: Mapping[str, Shape] = {
    "terraform": _shape(
        arguments="required_version experiments language",
        blocks={
            "backend": _shape("type", arguments=None, blocks=None),
            "state_store": _shape("type", arguments=None, blocks=None),
            "cloud": ANYTHING,
            "required_providers": _shape(arguments=None),
            "provider_meta": _shape("provider", arguments=None, blocks=None),
            "encryption": ANYTHING,
        },
    ),
    "language": ANYTHING,
    "provider": _shape("name", arguments=None, blocks=None),
    "variable": _shape(
        "name",
        arguments="description default type sensitive ephemeral nullable deprecated const",
        blocks={"validation": _CONDITION},
    ),
    "locals": _shape(arguments=None),
    "output": _shape(
        "name",
        "value",
        "description depends_on sensitive ephemeral deprecated type",
        {"precondition": _CONDITION, "postcondition": _CONDITION},
    ),
    "module": _shape(
        "name", "source", None, {"lifecycle": LIFECYCLES["module"], "_": _shape(arguments=None)}
    ),
    "resource": _RESOURCE,
    "data": _RESOURCE,
    "ephemeral": _RESOURCE,
    "action": _RESOURCE,
    "moved": _shape("", "from to"),
    "removed": _shape(
        "",
        "from",
        "",
        {
            "lifecycle": _shape(arguments="destroy"),
            "connection": _CONNECTION,
            "provisioner": _REMOVED_PROVISIONER,
        },
    ),
    "import": _shape("", "to", "id provider for_each identity"),
    "check": _shape("name", "", "", {"data": _RESOURCE, "assert": _CONDITION}),
}

RESERVED_ARGUMENTS = {"provider": frozenset(("count", "depends_on", "source"))}
"""What a block that takes the arguments of others cannot have. OpenTofu gave `for_each` back."""
RESERVED_BLOCKS = {
    "provider": frozenset(("lifecycle", "locals")),
    **dict.fromkeys(("resource", "data", "ephemeral"), frozenset(("locals",))),
}
GONE_PROVISIONERS = frozenset(("chef", "habitat", "puppet", "salt-masterless"))
BACKENDS = frozenset(
    ("azurerm", "consul", "cos", "gcs", "http", "inmem", "kubernetes", "local", "oci", "oss")
) | {"pg", "remote", "s3"}
CONNECTION = _CONNECTION
PROVISIONERS: Mapping[str, Shape] = {
    "local-exec": _shape(
        "type", "command", "interpreter working_dir environment quiet when on_failure"
    ),
    "remote-exec": _shape("type", "", "inline script scripts when on_failure"),
    "file": _shape("type", "destination", "source content when on_failure"),
}
"""The provisioners that are part of the program; a connection may stand in each."""
