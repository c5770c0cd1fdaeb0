"""References that lead back to where they come from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from iachygiene import hcl
from iachygiene.model import Findings, Location, Severity, at
from iachygiene.parse.terraform import Block, TerraformModule
from iachygiene.parse.terraform_calls import State, directory_of, source_of, state_of, whole_module
from iachygiene.rule import rule
from iachygiene.rules.terraform.references import label, target
from iachygiene.rules.terraform.scopes import RESOURCES, Address, Scope, Site, scope

_Graph: TypeAlias = dict[Address, dict[Address, Location]]
"""What each node depends on, and where it says so."""

_MAX_DEPTH = 20
"""Modules within each other that are looked into for one cycle."""
_MAX_KNOWN = 500
_KNOWN_FLOWS: dict[State, dict[str, set[str]]] = {}
"""Of the modules looked into so far, as long as nothing in them changes."""
_OUTSIDE = frozenset(("provisioner", "connection", "validation", "postcondition", "precondition"))
"""What is worked out when its owner is done, or tells of it by itself."""


@rule("TF427", TerraformModule, Severity.ERROR)
def reference_cycle(module: TerraformModule) -> Findings:
    """References lead in a circle, so that nothing can be worked out first.

    The message names the whole way around. Inputs and outputs of local modules are
    followed: an output that has nothing to do with an input closes no circle. A local
    module that calls itself is a circle, too. That a resource refers to itself is a warning:
    `terraform validate` lets it pass, and only `terraform plan` refuses it.

    Bad: two local values
        locals {
          one = local.two
          two = local.one
        }
    Bad: resources
        resource "terraform_data" "one" {
          input = terraform_data.two.output
        }
        resource "terraform_data" "two" {
          depends_on = [terraform_data.three]
        }
        resource "terraform_data" "three" {
          input = "x-${local.one}"
        }
        locals {
          one = terraform_data.one.id
        }
    Bad: a resource of itself
        resource "terraform_data" "one" {
          input = terraform_data.one.id
        }
    Bad: through a module
        -- main.tf --
        module "network" {
          source = "./network"
          name   = local.name
        }
        locals {
          name = module.network.name
        }
        -- network/main.tf --
        variable "name" {
          type = string
        }
        output "name" {
          value = upper(var.name)
        }
    Bad: a module that calls itself
        module "again" {
          source = "./"
        }
    Good:
        locals {
          one   = local.two
          two   = local.three
          three = 3
        }
        resource "terraform_data" "one" {
          input = local.one
          provisioner "local-exec" {
            command = "echo ${self.id}"
          }
        }
    Good: the module gives something else back
        -- main.tf --
        module "network" {
          source = "./network"
          name   = module.network.id
        }
        -- network/main.tf --
        variable "name" {
          type = string
        }
        output "name" {
          value = upper(var.name)
        }
        output "id" {
          value = 1
        }
    """
    yield from _self_calls(module)
    if not module.complete:
        return
    known = scope(module)
    for circle in _circles(_graph(known)):
        whole = circle
        if any(node[0] == "module" for node, _ in circle):
            through = _through_modules(module, known)
            if through is None:
                continue
            found = list(_circles(through))
            mine = {node[:2] for node, _ in circle}
            whole = next((one for one in found if mine & {_plain(node)[:2] for node, _ in one}), [])
        if whole:
            names = [".".join(_shown(node)) for node, _ in whole]
            around = " -> ".join([*names, names[0]])
            node, place = whole[0]
            message = f"the references lead in a circle: {around}"
            severity = None
            if len(whole) == 1:
                message = f'"{names[0]}" refers to itself'
                if node[0] in RESOURCES:
                    severity = Severity.WARNING
            yield at(
                place,
                message,
                related=[where for _, where in whole[1:]],
                object=label(_plain(node)),
                severity=severity,
            )


def _plain(node: Address) -> Address:
    return node[:2] if node[0] == "module" else node


def _shown(node: Address) -> Address:
    """An address as references have it."""
    if node[0] == "resource":
        return node[1:]
    return (*node[:2], node[3]) if len(node) == 4 else node


def _self_calls(module: TerraformModule) -> Findings:
    for call in module.of("module"):
        source = source_of(module, call)
        if source is not None and directory_of(module, source) == module.directory:
            place = call.attributes["source"]
            yield at(place, f'"{source}" is this module itself', object=call.object)


def _graph(known: Scope) -> _Graph:
    graph: _Graph = defaultdict(dict)
    for site in known.sites:
        if site.owner[0] in ("output", "check", "import") or site.within in _OUTSIDE:
            continue
        for reference, address in _followed(site):
            if address == site.owner and address in known.instances:
                continue  # another instance of it, or what TF424 tells of
            leads = address[0] in ("local", "module") or address[0] in RESOURCES
            if leads and known.has(address):
                graph[site.owner].setdefault(address, site.place(reference))
    return graph


def _followed(site: Site) -> Iterator[tuple[hcl.Reference, Address]]:
    for reference in site.references:
        address = target(reference)
        if address is not None:
            yield reference, address


def _circles(
    graph: Mapping[Address, Mapping[Address, Location]],
) -> Iterator[list[tuple[Address, Location]]]:
    """One circle of each group of nodes that lead to each other, from its first node on."""
    for group in _groups(graph):
        start = min(group, key=lambda node: (_first_place(graph, node), node))
        yield _way_around(graph, start, group)


def _first_place(graph: Mapping[Address, Mapping[Address, Location]], node: Address) -> Location:
    return min(graph[node].values())


def _way_around(
    graph: Mapping[Address, Mapping[Address, Location]], start: Address, group: set[Address]
) -> list[tuple[Address, Location]]:
    """The shortest way from a node back to it."""
    came: dict[Address, Address] = {}
    waiting = [start]
    for node in waiting:
        for other in sorted(graph[node]):
            if other == start:
                way = [node]
                while way[-1] != start:
                    way.append(came[way[-1]])
                way.reverse()
                return [
                    (one, graph[one][after])
                    for one, after in zip(way, [*way[1:], start], strict=True)
                ]
            if other in group and other not in came:
                came[other] = node
                waiting.append(other)
    return []


def _groups(graph: Mapping[Address, Mapping[Address, Location]]) -> list[set[Address]]:
    """The strongly connected components with a circle (Tarjan, without recursion)."""
    index: dict[Address, int] = {}
    low: dict[Address, int] = {}
    stack: list[Address] = []
    on_stack: set[Address] = set()
    groups = []
    for root in list(graph):
        if root in index:
            continue
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        work = [(root, iter(graph[root]))]
        while work:
            node, others = work[-1]
            for other in others:
                if other not in graph:
                    continue
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(graph[other])))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    group = set()
                    while node not in group:
                        member = stack.pop()
                        on_stack.discard(member)
                        group.add(member)
                    if len(group) > 1 or node in graph[node]:
                        groups.append(group)
    return groups


def _through_modules(module: TerraformModule, known: Scope) -> _Graph | None:
    """The graph with an input and an output node for each of a call; None if one is unknown."""
    graph: _Graph = defaultdict(dict)
    calls = {call.labels[0]: call for call in module.of("module") if call.labels}
    for site in known.sites:
        if site.owner[0] in ("output", "check", "import") or site.within in _OUTSIDE:
            continue
        owner = site.owner
        if owner[0] == "module":
            owner = (*owner, "input", site.argument)
        for reference, address in _followed(site):
            if not known.has(address):
                continue
            place = site.place(reference)
            if address[0] == "module":
                step = _output_of(reference)
                if step is None:
                    continue
                address = (*address, "output", step)
            graph[owner].setdefault(address, place)
    for name, call in calls.items():
        flows = _flows(module, call, 0)
        for output, inputs in flows.items():
            for given in (*inputs, "count", "for_each"):
                if given in call.attributes:
                    place = call.attributes[given].location
                    end = ("module", name, "input", given)
                    graph["module", name, "output", output].setdefault(end, place)
    return graph


def _output_of(reference: hcl.Reference) -> str | None:
    names = [step.name for step in reference.steps if isinstance(step, hcl.Attr)]
    return names[1] if len(names) > 1 else None


def _flows(caller: TerraformModule, call: Block, depth: int) -> dict[str, set[str]]:
    """Outputs of a local module to the variables that they surely depend on."""
    if depth > _MAX_DEPTH:
        return {}
    mark = state_of(caller, call)
    if mark is not None and mark in _KNOWN_FLOWS:
        return _KNOWN_FLOWS[mark]
    module = whole_module(caller, call)
    if module is None or not module.complete:
        return {}
    flows = _flows_of(module, depth)
    if mark is not None:
        if len(_KNOWN_FLOWS) >= _MAX_KNOWN:
            _KNOWN_FLOWS.clear()
        _KNOWN_FLOWS[mark] = flows
    return flows


def _flows_of(module: TerraformModule, depth: int) -> dict[str, set[str]]:
    # Not `scope`, which keeps the last module alone: that of the caller is still needed.
    known = scope.__wrapped__(module)
    edges: dict[Address, set[Address]] = defaultdict(set)
    for site in known.sites:
        if site.within in _OUTSIDE:
            continue
        owner = site.owner
        if owner[0] == "module":
            owner = (*owner, "input", site.argument)
        for reference, address in _followed(site):
            if address[0] == "module":
                step = _output_of(reference)
                if step is None:
                    continue
                address = (*address, "output", step)
            edges[owner].add(address)
    for inner in module.of("module"):
        if inner.labels:
            for output, inputs in _flows(module, inner, depth + 1).items():
                edges["module", inner.labels[0], "output", output] |= {
                    ("module", inner.labels[0], "input", given) for given in inputs
                }
    outputs = [block.labels[0] for block in module.of("output") if block.labels]
    return {name: set(_variables_behind(edges, ("output", name))) for name in outputs}


def _variables_behind(edges: Mapping[Address, Iterable[Address]], start: Address) -> Iterator[str]:
    seen = {start}
    waiting = [start]
    while waiting:
        for other in edges.get(waiting.pop(), ()):
            if other not in seen:
                seen.add(other)
                waiting.append(other)
                if other[0] == "var":
                    yield other[1]
