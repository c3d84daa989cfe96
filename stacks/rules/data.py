"""Rules for the data stores: options of the chosen kinds only, and a Valkey that keeps sessions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.base.versions import VERSIONS
from components.kubernetes.database_login import TOKEN_CLOUDS
from components.kubernetes.embedded_data import DEFAULT_RESOURCES
from components.kubernetes.resources import Resources
from components.kubernetes.valkey_args import memory_problem, replica_problems
from components.kubernetes.valkey_exporter import EXPORTER
from components.kubernetes.valkey_replicas import OWN
from components.kubernetes.valkey_users import RESERVED
from components.mcp.data_tier import CacheProfile
from components.mcp.era import has_sessions

from ..config.data import Data
from ..config.stack import StackConfig
from ..data_kinds import KIND_FIELDS, KINDS, chosen_kind, has_its_section, kind_of
from ..services import topology
from ..topologies.topology import POSTGRES, VALKEY
from ..valkey import exporters
from .container_resources import resource_problems
from .rule import Rule, at, path_of

EXPORTERS: Final = {
    POSTGRES: ("data.databaseExporter", "postgresExporter"),
    VALKEY: ("data.valkey.exporter", "valkeyExporter"),
}
"""The fields of each store's exporter: whether it runs, and its image."""


def sessions_are_kept(config: StackConfig) -> Iterator[Problem]:
    """Sessions are in a Valkey that evicts nothing."""
    era = config.protocol.era
    stored = has_sessions(era) and VALKEY in topology(config).data
    if stored and config.data.cache_profile == "cache":
        yield at(
            "data.cacheProfile",
            f"is cache, and protocol.era is {era}: sessions are kept in Valkey",
            "it would evict sessions when it is full, and lose all of them when it restarts",
            "leave it out, or set protocol.era: modern",
        )


def the_kind_has_its_section(config: StackConfig) -> Iterator[Problem]:
    """A kind that needs options has them."""
    for store in KINDS:
        kind, field = chosen_kind(config, store), _yaml(KIND_FIELDS[store])
        if not has_its_section(config, kind):
            section = _yaml(str(kind.section))
            yield at(
                f"data.{section}",
                f"is missing, and data.{field} is {kind.name}",
                f"it is not known where {store} is",
                f"add the section {section}, or remove data.{field}",
            )


def options_are_of_the_chosen_kind(config: StackConfig) -> Iterator[Problem]:
    """No option of a kind that is not chosen."""
    written = config.data.model_fields_set
    for store, kinds in KINDS.items():
        chosen, field = chosen_kind(config, store), _yaml(KIND_FIELDS[store])
        own = {chosen.section, *chosen.fields}
        for kind in kinds.values():
            for option in (kind.section, *kind.fields):
                if option in written and option not in own and getattr(config.data, option):
                    also = f" and images.{image}" if (image := _image(config, option)) else ""
                    yield at(
                        f"data.{_yaml(option)}",
                        f"is set, and data.{field} is {chosen.name}",
                        "it would have no effect",
                        f"remove it{also}, or set data.{field} to {kind.name}",
                    )


def _image(config: StackConfig, option: str | None) -> str | None:
    """The image of the exporter that an option of ``data`` asks for, if the file has it."""
    asked = {
        "database_exporter": (POSTGRES, config.data.database_exporter),
        "valkey": (VALKEY, config.data.valkey.exporter),
    }
    store, wanted = asked.get(str(option), (None, False))
    return EXPORTERS[store][1] if store and wanted and _given_images(config)[store] else None


def chosen_stores_are_used(config: StackConfig) -> Iterator[Problem]:
    """A store that is chosen has a server that connects to it."""
    flows = topology(config).flows if config.kubernetes.enabled else ()
    for store, kinds in KINDS.items():
        kind, field = chosen_kind(config, store), _yaml(KIND_FIELDS[store])
        is_default = kind is next(iter(kinds.values()))
        used = any(flow.target == store for flow in flows) or store in _used_in_clouds(config)
        if not is_default and not used:
            yield at(
                f"data.{field}",
                f"is {kind.name}, and no server of the stack uses {store}",
                "nothing would connect to it",
                f"remove it, choose a topology with {store}, or add {store} to uses of a server",
            )


def _used_in_clouds(config: StackConfig) -> set[str]:
    """The stores that servers in clouds use."""
    section = config.containers.of("aws")
    used = section and section.enabled and getattr(section, "database", None)
    return {POSTGRES} if used else set()


def databases_of_containers_are_there(config: StackConfig) -> Iterator[Problem]:
    """A container that uses the stack's database is in the cloud of that database."""
    if _used_in_clouds(config) and chosen_kind(config, POSTGRES).name != "rds":
        yield at(
            "containers.aws.database",
            f"is set, and data.kind is {config.data.kind}",
            "the tasks would have no database to connect to",
            "set data.kind: rds, or leave it out",
        )


def kinds_can_be_used(config: StackConfig) -> Iterator[Problem]:
    """What each chosen kind asks of the rest of the configuration."""
    for store in KINDS:
        yield from kind_of(config, store).problems(config)


def tokens_log_in(config: StackConfig) -> Iterator[Problem]:
    """Where tokens log in to PostgreSQL, each program that does so has an identity for them."""
    kind = kind_of(config, POSTGRES)
    token = kind.token(config)
    if token is None or not config.kubernetes.enabled:
        return
    planned, cloud = topology(config), TOKEN_CLOUDS[token]
    users = {flow.source for flow in planned.flows if flow.target == POSTGRES}
    own = {job.name for job in planned.jobs} | {service.name for service in planned.services}
    for name in sorted((users & own) - planned.only_audit):
        if name in config.cluster_servers:
            yield at(
                path_of("servers", name, "uses"),
                f"has postgres, and {kind.name} is logged in to with tokens",
                "a program of yours would have to get the tokens itself, and gets no password",
                "remove postgres, or choose a kind or login with a password",
            )
            continue
        identity = config.kubernetes.identities.get(name)
        if identity is None or getattr(identity, cloud) is None:
            yield at(
                path_of("kubernetes", "identities", name),
                f"is missing or of another cloud, and {name} logs in with tokens of {cloud}",
                "it would get no token: the database would refuse every connection",
                f"set {cloud} to the identity that the database knows",
            )
        elif identity.gcp and kind.account(config) not in (None, identity.gcp.service_account):
            yield at(
                path_of("kubernetes", "identities", name, "gcp", "serviceAccount"),
                f"is {identity.gcp.service_account}, and {kind.account(config)} logs in",
                "the database has no user of that account: it would refuse the connections",
                f"write {kind.account(config)}",
            )


def secrets_of_stores_are_their_own(config: StackConfig) -> Iterator[Problem]:
    """A Secret with a given password is not one whose values `up` generates."""
    names = config.secrets.names.items()
    used = {name: field for field, name in names if field not in ("internalTls", "valkeyUsers")}
    for store in KINDS:
        kind = kind_of(config, store)
        for option, key in (
            (kind.names_secret_in, kind.password(config)),
            ("ca.secret", kind.authority(config)),
        ):
            if key and key.secret in used:
                yield at(
                    f"data.{_yaml(str(kind.section))}.{option}",
                    f"is {key.secret}, which is also secrets.{used[key.secret]}",
                    "pods would be given keys that are not for them, and its keys would clash",
                    "name another Secret",
                )


def valkey_fits_its_container(config: StackConfig) -> Iterator[Problem]:
    """Valkey's memory fits the limit of its container, which fits the namespace."""
    if VALKEY not in topology(config).stores_in_pods:
        return
    valkey, path = config.data.valkey, "data.valkey.resources"
    limit = (valkey.resources or DEFAULT_RESOURCES).memory_limit
    found = memory_problem(
        valkey.memory,
        limit,
        CacheProfile(config.data.cache_profile),
        memory_path="data.valkey.memory",
        limit_path=f"{path}.memoryLimit",
    )
    if found:
        yield at(found.path, found.what, found.consequence, found.fix)
    if valkey.resources:
        resources = Resources(**valkey.resources.model_dump())
        yield from resource_problems(path, resources, config, ("cpu", "memory"))


def valkey_can_fail_over(config: StackConfig) -> Iterator[Problem]:
    """The Sentinels can agree, and no server has the name of a user of the pods themselves."""
    if VALKEY not in topology(config).stores_in_pods:
        return
    for found in replica_problems("data.valkey.replicas", config.data.valkey.replicas):
        yield at(found.path, found.what, found.consequence, found.fix)
    for name, server in config.cluster_servers.items():
        if VALKEY in server.uses and name in (*RESERVED, *OWN, EXPORTER):
            yield at(
                path_of("servers", name),
                "uses redis and has the name of a user of Valkey that is not for servers",
                "it would have the commands of that user",
                "give it another name",
            )


def exporters_can_be_scraped(config: StackConfig) -> Iterator[Problem]:
    """An exporter has an image and somebody who may read it, and its image is used."""
    running, given = exporters(config, topology(config)), _given_images(config)
    wanted = {POSTGRES: config.data.database_exporter, VALKEY: config.data.valkey.exporter}
    default = {
        POSTGRES: VERSIONS["images"]["postgresExporter"],
        VALKEY: VERSIONS["images"]["valkeyExporter"],
    }
    for store, (field, image) in EXPORTERS.items():
        exported = next(iter(KINDS[store].values()))
        of_another_kind = chosen_kind(config, store) is not exported
        if of_another_kind and wanted[store]:
            continue  # options_are_of_the_chosen_kind refuses the exporter
        if store in running and config.scraper is None:
            yield at(
                field,
                "is true, and network.prometheus is missing",
                "the network policies would let nobody read the metrics",
                "add network.prometheus, or leave it out",
            )
        if store in running and config.environment != "dev" and given[store] is None:
            yield at(
                f"images.{image}",
                f"is missing, and {field} is true",
                "a tag can be moved: an image that was never tested could run",
                f"name it with its digest: {default[store]}@sha256:…",
            )
        if store not in running and given[store]:
            yield at(
                f"images.{image}",
                f"is set, and no exporter of {store} runs",
                "it would have no effect",
                "leave it out" if of_another_kind else f"set {field}: true, or leave it out",
            )


def _given_images(config: StackConfig) -> dict[str, str | None]:
    """The image of each store's exporter that the file has."""
    images = config.images
    return {POSTGRES: images.postgres_exporter, VALKEY: images.valkey_exporter}


def _yaml(field: str) -> str:
    """A field of ``data`` as the stack file spells it."""
    return str(Data.model_fields[field].alias)


SESSION_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("data.cacheProfile", "protocol.era", "topology"), sessions_are_kept),
    (("data", "kubernetes.containerLimits", "topology"), valkey_fits_its_container),
    (("data", "servers", "topology"), valkey_can_fail_over),
    (
        ("data", "images", "network.prometheus", "observability", "environment", "topology"),
        exporters_can_be_scraped,
    ),
]
"""Rules of a cluster, each with what it reads."""

DATA_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("data",), the_kind_has_its_section),
    (("data",), options_are_of_the_chosen_kind),
    (("data", "topology", "servers", "kubernetes", "containers"), chosen_stores_are_used),
    (("data.kind", "containers.aws"), databases_of_containers_are_there),
    (("data", "clouds", "environment", "kubernetes.enabled"), kinds_can_be_used),
    (("data", "kubernetes", "topology", "servers", "audit"), tokens_log_in),
    (("data", "secrets"), secrets_of_stores_are_their_own),
]
"""Each rule with what it reads."""
