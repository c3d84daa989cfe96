"""What keeps a topology from working, found before anything is registered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.kubernetes import gateway
from components.mcp.roles import ROLES, ROLES_WITH_DATABASE

from .flow_checks import DROPPED, flow_problems, one_of
from .topology import (
    CLIENTS,
    OPTIONAL_PARTIES,
    POSTGRES,
    STORES,
    CoreService,
    GatewayService,
    MonolithService,
    NodeService,
    ServerService,
    Service,
    Topology,
)

_NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,43}[a-z0-9])?")
"""A DNS label with room for the longest suffix of what is made of a service's name."""


def topology_problems(topology: Topology) -> list[Problem]:
    """Everything about ``topology`` that cannot work, each with its path."""
    checks = (_names, _services, _forms, _tool_servers, _front, _data, _places, _jobs)
    return [problem for check in (*checks, flow_problems) for problem in check(topology)]


def _names(topology: Topology) -> Iterator[Problem]:
    for name, count in Counter([*topology.workloads, *OPTIONAL_PARTIES]).items():
        if count > 1:
            yield Problem(
                topology.at(f"{name}"),
                f"{count} services, data stores or jobs have this name",
                "flows would be ambiguous, and their Kubernetes objects would have equal names",
                "give each service, data store and job a name of its own",
            )
    services = {f"services.{service.name}": service.name for service in topology.services}
    jobs = {f"jobs.{job.name}": job.name for job in topology.jobs}
    for path, name in (services | jobs).items():
        if not _NAME.fullmatch(name):
            yield Problem(
                topology.at(path),
                f"{name!r} is not a name of at most 45 lower-case characters, digits and dashes",
                "the API server refuses the objects that are named after it",
                "begin with a-z, and end with a-z or 0-9",
            )


def _services(topology: Topology) -> Iterator[Problem]:
    kubernetes_services = {f"{service.name}-service" for service in topology.services}
    for service in topology.services:
        path = topology.at(f"services.{service.name}")
        if isinstance(service, ServerService):
            yield from _role(topology, service, path)
        if isinstance(service, NodeService) and service.scaling:
            yield Problem(
                f"{path}.scaling",
                "is set, but the number of nodes in a consensus network must not follow the load",
                "each change of the number of nodes would start an election",
                "leave scaling out, and set replicas",
            )
        for metric in service.scaling.object_metrics if service.scaling else ():
            if metric.service not in kubernetes_services:
                yield Problem(
                    f"{path}.scaling.object_metrics.{metric.name}",
                    f"describes the Service {metric.service}, which is not there",
                    "the autoscaler would have no value to scale by",
                    one_of(metric.service, sorted(kubernetes_services)),
                )


def _forms(topology: Topology) -> Iterator[Problem]:
    """Servers whose files would be ConfigMaps of the same names."""
    servers = [service for service in topology.services if isinstance(service, ServerService)]
    shared = [s for s in servers if s.form in ("environment", "global-config")]
    for form, count in Counter(service.form for service in shared).items():
        if count > 1:
            yield Problem(
                topology.at(f"services.{next(s.name for s in shared if s.form == form)}.form"),
                f"{count} servers have the form {form}, whose ConfigMaps have fixed names",
                "one of them would read the configuration of another",
                "give one of them this form, and the others server.toml",
            )


def _tool_servers(topology: Topology) -> Iterator[Problem]:
    """Servers whose tool flows form a loop."""
    offered = {s.name: [o.name for o in topology.tool_servers(s.name)] for s in topology.services}
    for name, direct in offered.items():
        reached = list(direct)
        for other in reached:  # it grows while it is read
            reached += [each for each in offered[other] if each not in reached]
        if name in reached:
            yield Problem(
                topology.at(f"services.{name}"),
                "has a flow to a server that has, directly or not, a flow back to it",
                "the servers would list each other's tools in a loop until the calls time out",
                f"remove the flow of tool calls from {name} to {' or '.join(direct)}",
            )


def _role(topology: Topology, service: ServerService, path: str) -> Iterator[Problem]:
    if service.role not in ROLES:
        yield Problem(
            f"{path}.role",
            f"the server has no role {service.role!r}",
            "the server would refuse its configuration, and its pods would not start",
            one_of(service.role, list(ROLES)),
        )
    if service.role in ROLES_WITH_DATABASE and not topology.uses(service.name, POSTGRES):
        yield Problem(
            path,
            f"has the role {service.role} without a flow to {POSTGRES}",
            "the tools of that role need the database: the server would have no tools",
            f"add a flow from {service.name} to {POSTGRES}:{STORES[POSTGRES]}",
        )


def _front(topology: Topology) -> Iterator[Problem]:
    services = {service.name: service for service in topology.services}
    path, front = topology.at("front"), topology.front
    service = services.get(front.service)
    fronts = [s.name for s in topology.services if isinstance(s, GatewayService | MonolithService)]
    if not isinstance(service, GatewayService | MonolithService):
        yield Problem(
            f"{path}.service",
            f"{front.service!r} is neither a gateway nor a monolith of this topology",
            "clients would have no service to connect to",
            one_of(front.service, fronts),
        )
        return
    for name in fronts:
        if name != front.service:
            yield Problem(
                topology.at(f"services.{name}"),
                "is a second gateway",
                f"no client could use it: clients connect to the front, {front.service}",
                "leave it out, or make it the front",
            )
    if not topology.allows(CLIENTS, front.service, gateway.HTTPS):
        yield Problem(
            f"{path}.service",
            f"no flow leads from {CLIENTS} to {front.service}:{gateway.HTTPS}",
            "the network policies would drop every client",
            f"add a flow from {CLIENTS} to {front.service}:{gateway.HTTPS}",
        )
    yield from _upstream(topology, service, services.get(front.upstream))


def _upstream(topology: Topology, front: Service, upstream: Service | None) -> Iterator[Problem]:
    path, name = topology.at("front.upstream"), topology.front.upstream
    if isinstance(front, MonolithService):
        if name != front.name:
            yield Problem(
                path,
                f"is {name}, but a monolith forwards calls within its own pods",
                "no call would be forwarded to it",
                f"write {front.name}",
            )
        return
    servers = [s.name for s in topology.services if isinstance(s, ServerService)]
    if not isinstance(upstream, ServerService):
        yield Problem(
            path,
            f"{name!r} is not a server of this topology",
            f"{front.name} would have no server to forward calls to",
            one_of(name, servers),
        )
    elif not topology.allows(front.name, name, upstream.https):
        yield Problem(
            path,
            f"no flow leads from {front.name} to {name}:{upstream.https}",
            f"{DROPPED}: every call would be answered 502",
            f"add a flow from {front.name} to {name}:{upstream.https}",
        )


def _data(topology: Topology) -> Iterator[Problem]:
    for store in topology.data:
        path = topology.at(f"data.{store}")
        if store not in STORES:
            yield Problem(
                path,
                "is no data store",
                "no component creates it",
                one_of(store, list(STORES)),
            )
        elif not (
            any(flow.target == store for flow in topology.flows)
            or any(store in server.get("uses", ()) for server in topology.servers.values())
        ):
            yield Problem(
                path,
                "is not the target of a flow",
                "it would run with a volume, and no workload could connect to it",
                f"add a flow to {store}:{STORES[store]}, or leave it out of data",
            )


def _places(topology: Topology) -> Iterator[Problem]:
    """Only data stores have a place: the other components share Secrets of one namespace."""
    for workload in topology.places:
        if workload not in topology.data:
            yield Problem(
                topology.at(f"places.{workload}"),
                "is no data store of the topology",
                "its pods would find neither their certificates nor the keys of the issuer",
                f"leave it out, or name one of: {', '.join(topology.data) or 'none'}",
            )


def _jobs(topology: Topology) -> Iterator[Problem]:
    migrated = [s.name for s in topology.services if isinstance(s, CoreService | MonolithService)]
    for job in topology.jobs:
        path = topology.at(f"jobs.{job.name}")
        if job.service not in migrated:
            yield Problem(
                f"{path}.service",
                f"{job.service!r} is neither a core nor a monolith of this topology",
                "the migration would not run, and no pod would wait for it",
                one_of(job.service, migrated),
            )
        elif not topology.uses(job.service, POSTGRES):
            yield Problem(
                f"{path}.service",
                f"{job.service} has no flow to {POSTGRES}",
                "the migration uses that service's configuration, which would have no database",
                f"add a flow from {job.service} to {POSTGRES}:{STORES[POSTGRES]}",
            )
        if POSTGRES not in topology.data:
            yield Problem(
                path,
                f"the topology has no {POSTGRES}",
                "the job would fail, and the rollout of its service would not start",
                f"add {POSTGRES} to data, or leave the job out",
            )
        elif not topology.allows(job.name, POSTGRES, STORES[POSTGRES]):
            yield Problem(
                path,
                f"no flow leads from {job.name} to {POSTGRES}:{STORES[POSTGRES]}",
                f"{DROPPED}: the job would fail, and the rollout of its service would not start",
                f"add a flow from {job.name} to {POSTGRES}:{STORES[POSTGRES]}",
            )
    for service, count in Counter(job.service for job in topology.jobs).items():
        if count > 1:
            yield Problem(
                topology.at(f"jobs ({service})"),
                f"{count} jobs migrate the database of {service}",
                "only one of them would be created",
                "leave one",
            )
