"""PostgreSQL with standbys, run by the operator CloudNativePG in the platform's cluster."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pulumi

from components.base.arguments import arguments, camel
from components.base.image_reference import has_digest
from components.base.problems import Problem, ProblemReport
from components.kubernetes.cloudnative_pg import (
    CloudNativePgDataTier,
    pooler_name,
    service_names,
)
from components.kubernetes.cloudnative_pg_args import CloudNativePgDataTierArgs
from components.kubernetes.cloudnative_pg_policies import instance_pods, pooler_pods
from components.kubernetes.dns import Dns, DnsPods
from components.kubernetes.party import Neighbour
from components.kubernetes.pod_settings import SecretKey
from components.mcp.audit_log import KEEPER, WRITER

from ..config.cloudnative_pg import CloudNativePg
from ..config.problem import at
from ..config.stack import StackConfig
from ..topologies import TOPOLOGIES
from ..topologies.topology import POSTGRES
from .kind import AuditPasswords, DataKind, Tier

SECTION: Final = "data.cloudnativePg"
BUCKET_LATER: Final = {
    "aws": "s3://created-by-the-stack",
    "gcp": "gs://created-by-the-stack",
    "azure": "https://createdbythestack.blob.core.windows.net/backups",
}
"""In the place of the URL of a bucket that the stack creates, until it is known."""
_AUDIT_SECRETS: Final = {"audit_secret": "auditSecret", "audit_keeper_secret": "auditKeeperSecret"}
"""Fields of the section that name Secrets of the audit log's roles, as the stack file has them."""
_NO_ARGS: Final = {
    **dict.fromkeys(("operator", *_AUDIT_SECRETS), True),
    "backup": {"recovery_point_minutes": True},  # for alerts alone
}
"""Fields of the section that the component does not take."""
_OF_THE_STACK: Final = {"apiServer": "kubernetes.apiServer"}
"""Args of the component that another section of the stack file has."""


def cloudnative_pg_args(
    config: StackConfig,
    stores: Sequence[str],  # noqa: ARG001
    namespace: pulumi.Input[str],
) -> CloudNativePgDataTierArgs:
    """The args of the component, without its clients."""
    return arguments(CloudNativePgDataTierArgs, _given(config, namespace), at=POSTGRES)


def _given(config: StackConfig, namespace: pulumi.Input[str]) -> Mapping[str, Any]:
    section, network = section_of(config), config.network
    scraper = config.scraper
    if section.backup is not None and section.backup.url is None:
        url = BUCKET_LATER[section.backup.provider]
        section = section.model_copy(
            update={"backup": section.backup.model_copy(update={"url": url})}
        )
    return {
        **section.model_dump(exclude_none=True, exclude=_NO_ARGS),
        "roles": [*(role.model_dump(exclude_none=True) for role in section.roles), *_audit(config)],
        "cluster": POSTGRES,
        "namespace": namespace,
        "tls_secret": config.secrets.internal_tls_of(POSTGRES),
        "ca_secret": config.secrets.internal_ca,
        "api_server": config.kubernetes.api_server,
        "storage_class": config.data.storage_class,
        "protect": config.data.protect,
        "operator": Neighbour(name="operator", **section.operator.model_dump()),
        "prometheus": Neighbour(name="prometheus", **scraper.model_dump()) if scraper else None,
        "dns": Dns(
            pods=[DnsPods(**each.model_dump()) for each in network.dns.pods],
            addresses=network.dns.addresses,
        ),
    }


def with_archive(args: Any, url: pulumi.Input[str]) -> CloudNativePgDataTierArgs:
    """The args with the URL of the stack's own bucket, unless they have another one."""
    given: CloudNativePgDataTierArgs = args
    if given.backup is None or given.backup.url not in BUCKET_LATER.values():
        return given
    return replace(given, backup=replace(given.backup, url=url))


def archives_to_created_bucket(config: StackConfig) -> bool:
    """Whether WAL files go to the bucket that the stack creates."""
    section = config.data.cloudnative_pg
    return section is not None and section.backup is not None and section.backup.url is None


def _audit(config: StackConfig) -> list[dict[str, str]]:
    """The roles of the audit log, which the operator makes; the migration lets one make tables."""
    if not config.audit.enabled:
        return []
    section = section_of(config)
    roles = ((WRITER, section.audit_secret), (KEEPER, section.audit_keeper_secret))
    return [{"name": name, "password_secret": secret} for name, secret in roles]


def with_clients(args: Any, clients: Sequence[Neighbour]) -> CloudNativePgDataTierArgs:
    """The args with the pods that may connect."""
    return replace(args, clients=clients)


def section_of(config: StackConfig) -> CloudNativePg:
    """The kind's section."""
    assert config.data.cloudnative_pg is not None  # the_kind_has_its_section
    return config.data.cloudnative_pg


def _namespace(config: StackConfig) -> str:
    place = TOPOLOGIES[config.topology].places.get(POSTGRES)
    if place is None:
        return config.namespace
    return config.kubernetes.namespaces.get(place, f"{config.namespace}-{place}")


class CloudNativePgDatabase(DataKind):
    """PostgreSQL of CloudNativePG."""

    name = "cloudnative-pg"
    store = POSTGRES
    section = "cloudnative_pg"
    section_required = True
    names_secret_in = "credentialsSecret"  # noqa: S105  (the name of a field)
    reads_authority = True
    tier = Tier(
        name="postgres",
        component=CloudNativePgDataTier,
        args=cloudnative_pg_args,
        in_namespaces=True,
        with_clients=with_clients,
        with_archive=with_archive,
    )

    def host(self, config: StackConfig) -> str:
        front = pooler_name(POSTGRES) if section_of(config).pooler else f"{POSTGRES}-rw"
        return f"{front}.{_namespace(config)}.svc"

    def password(self, config: StackConfig) -> SecretKey:
        return SecretKey(secret=section_of(config).credentials_secret, key="password")

    def audit_passwords(self, config: StackConfig) -> AuditPasswords:
        section = section_of(config)
        return AuditPasswords(
            writer=SecretKey(secret=section.audit_secret, key="password"),
            keeper=SecretKey(secret=section.audit_keeper_secret, key="password"),
        )

    def party(self, config: StackConfig) -> Neighbour:
        pods = pooler_pods if section_of(config).pooler else instance_pods
        return Neighbour(name=POSTGRES, namespace=_namespace(config), labels=pods(POSTGRES))

    def services(self, config: StackConfig) -> list[str]:
        return service_names(POSTGRES, pooler=section_of(config).pooler is not None)

    def secrets(self, config: StackConfig) -> list[str]:
        section = section_of(config)
        roles = [role.password_secret for role in section.roles]
        audit = [role["password_secret"] for role in _audit(config)]
        return [section.credentials_secret, *roles, *audit]

    def problems(self, config: StackConfig) -> Iterable[Problem]:
        section = section_of(config)
        try:
            arguments(CloudNativePgDataTierArgs, _given(config, config.namespace), at=POSTGRES)
        except ProblemReport as report:
            further = (
                f"{POSTGRES}.roles[{len(section.roles)}]",
                f"{POSTGRES}.roles[{len(section.roles) + 1}]",
            )
            for problem in report.problems:
                if not problem.path.startswith(further):  # the stack file has no such entry
                    yield _of_the_stack_file(problem)
        if config.environment == "prod" and section.backup is None:
            yield at(
                f"{SECTION}.backup",
                "is missing, and environment is prod",
                "what is lost with the volumes, or dropped by mistake, is lost for good",
                "add a bucket: provider, url, identity and networks",
            )
        if config.environment != "dev" and not has_digest(section.image):
            yield at(
                f"{SECTION}.image",
                f"{section.image} has no digest",
                "the same tag may be another image tomorrow",
                "append @sha256: and the digest",
            )
        if section.pod_monitor and config.scraper is None:
            yield at(
                f"{SECTION}.podMonitor",
                "is set, and network.prometheus is not",
                "no network policy would let Prometheus read the metrics",
                "set network.prometheus, or remove podMonitor",
            )
        yield from _secret_problems(section)
        yield from _audit_problems(config)


def _secret_problems(section: CloudNativePg) -> Iterator[Problem]:
    for index, role in enumerate(section.roles):
        if role.password_secret == section.credentials_secret:
            yield _shared(
                f"roles[{index}].passwordSecret", role.password_secret, "credentialsSecret"
            )


def _audit_problems(config: StackConfig) -> Iterator[Problem]:
    """Secrets of the audit log's roles that have no effect, or that another role has."""
    section = section_of(config)
    taken = {section.credentials_secret: "credentialsSecret"} | {
        role.password_secret: f"roles[{index}].passwordSecret"
        for index, role in enumerate(section.roles)
    }
    for field, written in _AUDIT_SECRETS.items():
        secret = getattr(section, field)
        if not config.audit.enabled:
            if field in section.model_fields_set:
                yield at(
                    f"{SECTION}.{written}",
                    "is set, and audit.enabled is false",
                    "it would have no effect: there is no audit log",
                    "set audit.enabled: true, or remove it",
                )
        elif secret in taken:
            yield _shared(written, secret, taken[secret])
        else:
            taken[secret] = written


def _shared(path: str, secret: str, other: str) -> Problem:
    return at(
        f"{SECTION}.{path}",
        f"is {secret}, which is also {other}",
        "its username can be that of one role only: the other one could not log in",
        "name a Secret of its own",
    )


def _of_the_stack_file(problem: Problem) -> Problem:
    """A problem of the component's args, at the path of the stack file."""
    steps = problem.path.removeprefix(f"{POSTGRES}.").split(".")
    spelled = steps if steps[0] == "parameters" else map(camel, steps)
    path = ".".join(spelled)
    path = _OF_THE_STACK.get(path, f"{SECTION}.{path}")
    names = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")

    def written(text: str) -> str:
        return names.sub(lambda found: camel(found[0]), text)

    return at(path, problem.what, problem.consequence, written(problem.fix))
