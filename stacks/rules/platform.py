"""What must hold between sections: each rule a function, all of them asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import Final

from components.base.image_reference import has_digest, has_version
from components.base.problems import Problem
from components.mcp.timeout_budget import STEP

from ..config.protocol import Protocol
from ..config.stack import StackConfig
from ..topologies import TOPOLOGIES
from ..topologies.checks import topology_problems
from .agentgateway import AGENTGATEWAY_RULES
from .alerts import ALERT_RULES
from .audit import AUDIT_RULES
from .backup import BACKUP_RULES
from .backup_bucket import BUCKET_RULES
from .caches import CACHE_RULES
from .capacity import containers_fit_their_limits, the_quota_fits
from .clouds import CLOUD_RULES
from .cluster import CLUSTER_RULES
from .data import DATA_RULES, SESSION_RULES
from .domains import DOMAIN_RULES
from .edge import EDGE_RULES
from .egress import EGRESS_RULES
from .identities import IDENTITY_RULES
from .logs import LOG_RULES
from .metrics import METRIC_RULES
from .observability import OBSERVABILITY_RULES
from .own_alertmanager import OWN_ALERTMANAGER_RULES
from .own_code import OWN_CODE_RULES
from .own_grafana import OWN_GRAFANA_RULES
from .pod_variables import POD_VARIABLE_RULES
from .probes import PROBE_RULES
from .rule import Rule, at
from .scaling import SCALING_RULES
from .secret_store import SECRET_STORE_RULES
from .server_environment import SERVER_ENVIRONMENT_RULES
from .server_fields import SERVER_FIELD_RULES
from .server_metrics import SERVER_METRIC_RULES
from .server_targets import SERVER_TARGET_RULES
from .server_traces import SERVER_TRACE_RULES
from .servers import SERVER_RULES, servers_need_a_gateway
from .sinks import SINK_RULES
from .stored_bytes import STORED_BYTES_RULES
from .tokens import ISSUER_RULES, TOKEN_RULES
from .topology_servers import TOPOLOGY_SERVER_RULES
from .vertical import VERTICAL_RULES
from .without_cluster import WITHOUT_CLUSTER_RULES
from .workers import WORKER_RULES


def broken_rules(
    config: StackConfig, *, wrong: Collection[str] = (), stack: str | None = None
) -> list[Problem]:
    """The problems of every rule that reads nothing of what is already known to be ``wrong``.

    Args:
        config: with defaults in place of what is wrong.
        wrong: paths, with their prefix.
        stack: the stack's name, where there is one.
    """
    rules = [*RULES, (("environment",), partial(the_stack_is_its_environment, stack=stack))]
    unread = {
        read
        for read in {each for reads, _ in rules for each in reads}
        if any(_overlap(path, f"qudag-mcp:{read}") for path in wrong)
    }
    return [
        problem for reads, rule in rules if unread.isdisjoint(reads) for problem in rule(config)
    ]


def _overlap(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return long.startswith(short) and long[len(short) :][:1] in ("", ".", "[")


def drain_outlives_the_longest_tool(config: StackConfig) -> Iterator[Problem]:
    """A stopping server waits longer than any call may take."""
    protocol = config.protocol
    if (drain := protocol.drain_seconds) and drain <= protocol.longest_tool_seconds:
        yield at(
            "protocol.drainSeconds",
            f"is {drain} s, but a tool may run {protocol.longest_tool_seconds} s",
            "every rollout would interrupt calls in progress",
            f"leave it out, or set at least {protocol.longest_tool_seconds + STEP}",
        )


def images_are_pinned(config: StackConfig) -> Iterator[Problem]:
    """Outside dev an image is its digest; in dev it has at least a tag that is not latest."""
    for name, image in config.images.model_dump(by_alias=True, exclude_none=True).items():
        if name in ("gatewayEngine", "qudagProfile"):
            continue
        if config.environment != "dev" and not has_digest(image):
            yield at(
                f"images.{name}",
                f"{image} has no digest",
                "a tag can be moved: an image that was never tested could run",
                f"append @sha256:… (crane digest {image})",
            )
        elif not has_version(image):
            yield at(
                f"images.{name}",
                f"{image} names no version",
                "every node may run another build",
                "append a version tag, such as :1.2.3",
            )


def the_released_node_has_an_image(config: StackConfig) -> Iterator[Problem]:
    """The server's image plays a seed node; the released program it does not hold."""
    if config.images.qudag_profile == "upstream" and config.images.qudag_node is None:
        yield at(
            "images.qudagNode",
            "is missing, and images.qudagProfile is upstream",
            "the server's image would run, which holds no `qudag`: no node would start",
            "set it to an image that holds both; docs/components/qudag-node.md says how it is made",
        )


def a_domain_outside_dev(config: StackConfig) -> Iterator[Problem]:
    """Certificates and tokens name a host; without one, any host would do."""
    if config.environment != "dev" and config.domain is None:
        yield at(
            "domain",
            "is missing",
            "the servers would answer to any host name, and no certificate could be right",
            "set it to the platform's public name, such as mcp.example.com",
        )


def a_context_outside_dev(config: StackConfig) -> Iterator[Problem]:
    """A stack that people depend on says which cluster it belongs to."""
    if config.environment != "dev" and config.kubernetes.context is None:
        yield at(
            "kubernetes.context",
            "is missing",
            "it would go to whichever cluster the kubeconfig happens to point at",
            "set it to a name from: kubectl config get-contexts -o name",
        )


def published_keys_outside_dev(config: StackConfig) -> Iterator[Problem]:
    """Keys made for a local cluster must never sign for a real one."""
    if config.environment != "dev" and config.protocol.jwks_url is None:
        yield at(
            "protocol.jwksUrl",
            "is missing",
            "tokens could only be signed by keys that `up` makes for local clusters",
            "set it to the jwks_uri of your authorization server, such as "
            "https://login.example.com/realms/qudag/protocol/openid-connect/certs",
        )


def an_issuer_outside_dev(config: StackConfig) -> Iterator[Problem]:
    """Tokens come from a real authorization server."""
    default = Protocol.model_fields["issuer"].default
    if config.environment != "dev" and config.protocol.issuer == default:
        yield at(
            "protocol.issuer",
            "is the placeholder of a local cluster",
            "no real authorization server signs for it: every call would be refused",
            "set it to your authorization server, such as https://login.example.com/realms/qudag",
        )


def the_topology_can_work(config: StackConfig) -> Iterator[Problem]:
    """The topology's flows, data, jobs and front fit together."""
    yield from topology_problems(TOPOLOGIES[config.topology])


def the_stack_is_its_environment(config: StackConfig, *, stack: str | None) -> Iterator[Problem]:
    """A stack named after an environment that people depend on has that environment's rules."""
    if stack in ("staging", "prod") and config.environment != stack:
        yield at(
            "environment",
            f"is {config.environment} in the stack {stack}",
            f"the rules of {config.environment} would hold for what people take for {stack}",
            f"set it to {stack}, or give the stack another name",
        )


def where_a_cluster_is_on(rule: Rule) -> Rule:
    """The rule, for a stack of which something goes to a cluster."""

    def asked(config: StackConfig) -> Iterable[Problem]:
        return rule(config) if config.kubernetes.enabled else ()

    return asked


_Row = tuple[tuple[str, ...], Rule]

_OF_A_CLUSTER: Final[list[_Row]] = [
    (("images", "environment"), images_are_pinned),
    (("images",), the_released_node_has_an_image),
    (("domain", "environment"), a_domain_outside_dev),
    (("kubernetes.context", "environment"), a_context_outside_dev),
    *AUDIT_RULES,
    *ISSUER_RULES,
    (("topology",), the_topology_can_work),
    *SCALING_RULES,
    *VERTICAL_RULES,
    *METRIC_RULES,
    *POD_VARIABLE_RULES,
    (("scaling", "topology", "kubernetes.containerLimits"), containers_fit_their_limits),
    (("scaling", "topology", "servers", "kubernetes.quota"), the_quota_fits),
    *WORKER_RULES,
    *CLUSTER_RULES,
    *IDENTITY_RULES,
    *CACHE_RULES,
    *SESSION_RULES,
    *LOG_RULES,
    *SINK_RULES,
    *STORED_BYTES_RULES,
    *OBSERVABILITY_RULES,
    *OWN_ALERTMANAGER_RULES,
    *OWN_GRAFANA_RULES,
    *PROBE_RULES,
    *ALERT_RULES,
    *SECRET_STORE_RULES,
    *BACKUP_RULES,
    *BUCKET_RULES,
    *EDGE_RULES,
    *AGENTGATEWAY_RULES,
    *SERVER_RULES,
    *TOPOLOGY_SERVER_RULES,
    *SERVER_ENVIRONMENT_RULES,
    *SERVER_METRIC_RULES,
    *SERVER_TRACE_RULES,
    *SERVER_FIELD_RULES,
    *EGRESS_RULES,
]
"""What is asked where something goes to a cluster."""

RULES: Final[list[_Row]] = [
    (("protocol.drainSeconds", "protocol.longestToolSeconds"), drain_outlives_the_longest_tool),
    (("protocol.issuer", "environment"), an_issuer_outside_dev),
    (("protocol.jwksUrl", "environment"), published_keys_outside_dev),
    *TOKEN_RULES,
    *DOMAIN_RULES,
    *DATA_RULES,
    (("servers", "kubernetes.enabled", "images.gatewayEngine"), servers_need_a_gateway),
    *(
        (("kubernetes.enabled", *reads), where_a_cluster_is_on(rule))
        for reads, rule in _OF_A_CLUSTER
    ),
    *SERVER_TARGET_RULES,
    *CLOUD_RULES,
    *WITHOUT_CLUSTER_RULES,
    *OWN_CODE_RULES,
]
"""Each rule with what it reads."""
