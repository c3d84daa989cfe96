"""Kinds of data stores: what each needs in the cluster, and where servers connect to."""

from __future__ import annotations

from typing import Any

import pytest

from components.kubernetes.party import Outside
from components.kubernetes.pod_settings import SecretKey
from components.mcp.timeout_budget import TimeoutBudget
from stacks.addresses import Addresses
from stacks.config.data import Data
from stacks.config.stack import StackConfig
from stacks.config.validation import validate
from stacks.data_kinds import KIND_FIELDS, KINDS, kind_of
from stacks.data_tiers import data_tiers
from stacks.flow_args import flow_args
from stacks.placement import placement
from stacks.platform_args import PlatformArgs
from stacks.required_secrets import required_secrets
from stacks.rules.capacity import manifests
from stacks.services import topology
from stacks.topologies.topology import POSTGRES, VALKEY, CoreService
from tests.harness.data_kinds import CACHES, DATABASES
from tests.invalid.cases import changed, refusals

THEIRS = {
    "host": "db.example.com",
    "port": 6432,
    "name": "mcp",
    "user": "mcp_owner",
    "password": {"secret": "their-database", "key": "pw"},
    "ca": {"secret": "their-database-ca", "key": "root.pem"},
    "networks": ["10.50.1.0/24"],
}
CACHE = {
    "host": "cache.example.com",
    "port": 6380,
    "password": {"secret": "their-cache", "key": "pw"},
    "ca": {"secret": "their-cache", "key": "ca.crt"},
    "networks": ["10.50.2.0/24"],
}
EXTERNAL: dict[str, Any] = {
    "kind": "external",
    "external": THEIRS,
    "cacheKind": "external",
    "externalCache": CACHE,
}


def config(data: dict[str, Any], **sections: Any) -> StackConfig:
    raw = changed("dev", {"topology": "microservices", **sections}, drop=("scaling",))
    return validate(raw | {"data": data}, stack="dev")


def core_toml(chosen: StackConfig) -> str:
    args = PlatformArgs(chosen, topology(chosen), TimeoutBudget())
    (core,) = [one for one in args.topology.services if isinstance(one, CoreService)]
    at = Addresses(namespace="ns", database_host="db.example.com", cache_host="cache.example.com")
    component, made = args.component(core, at)
    written = [
        m.fields["data"] for m in component.manifests(core.name, made) if m.kind == "ConfigMap"
    ]
    return next(data["server.toml"] for data in written if "server.toml" in data)


def test_every_choice_of_the_stack_file_has_a_kind_and_the_default_is_the_first():
    for store, field in KIND_FIELDS.items():
        stated = Data.model_fields[field]
        choices = Data.model_json_schema()["properties"][stated.alias]["enum"]
        assert sorted(KINDS[store]) == sorted(choices)
        assert next(iter(KINDS[store])) == stated.default


def test_every_section_and_field_of_a_kind_is_a_field_of_the_stack_file():
    named = {
        option
        for kinds in KINDS.values()
        for kind in kinds.values()
        for option in (kind.section, *kind.fields)
        if option
    }
    assert named <= set(Data.model_fields)


def test_external_stores_have_no_pods_no_certificate_and_no_generated_password():
    chosen = config(EXTERNAL)
    assert not {POSTGRES, VALKEY} & set(topology(chosen).workloads)
    kinds = {m.metadata["name"]: m.kind for m in manifests(chosen)}
    assert "StatefulSet" not in {kind for name, kind in kinds.items() if "qudag" not in name}
    secrets = {one["name"]: one for one in required_secrets(chosen)}
    assert "mcp-server-secrets" not in secrets
    assert not {name for name in secrets if name.endswith(("-postgres", "-redis"))}
    given = {name: one["keys"] for name, one in secrets.items() if one["kind"] == "given"}
    assert given == {
        "their-database": ["pw"],
        "their-database-ca": ["root.pem"],
        "their-cache": ["ca.crt", "pw"],
    }


def test_flows_to_external_stores_lead_to_the_given_addresses_and_ports():
    chosen = config(EXTERNAL)
    made = flow_args(chosen, topology(chosen), placement(chosen).namespace, "ns")
    assert Outside(name=POSTGRES, cidrs=["10.50.1.0/24"]) in made.outsides
    assert Outside(name=VALKEY, cidrs=["10.50.2.0/24"]) in made.outsides
    ports = {(flow.target, flow.port) for flow in made.flows if flow.target in (POSTGRES, VALKEY)}
    assert ports == {(POSTGRES, 6432), (VALKEY, 6380)}


def test_servers_read_host_user_password_and_authority_of_external_stores():
    text = core_toml(config(EXTERNAL))
    database = text.partition("[database]\n")[2].partition("\n[")[0]
    assert 'host = "db.example.com"\nport = 6432\nname = "mcp"\nuser = "mcp_owner"\n' in database
    assert 'password_file = "/etc/database/pw"\nca_file = "/etc/database-ca/root.pem"\n' in database
    redis = text.partition("[redis]\n")[2].partition("\n[")[0]
    assert 'host = "cache.example.com"\nport = 6380\n' in redis
    assert 'password_file = "/etc/cache/pw"\nca_file = "/etc/cache-ca/ca.crt"\n' in redis


def test_the_migration_and_the_servers_mount_the_secrets_of_external_stores():
    chosen = config(EXTERNAL)
    mounted: dict[str, set[str]] = {}
    for made in manifests(chosen):
        template = made.fields.get("spec", {}).get("template", {}).get("spec", {})
        for volume in template.get("volumes", ()):
            if secret := volume.get("secret"):
                mounted.setdefault(made.metadata["name"], set()).add(secret["secretName"])
    (migration,) = [names for name, names in mounted.items() if name.startswith("mcp-migration")]
    assert migration == {"their-database", "their-database-ca"}
    assert {"their-database", "their-database-ca", "their-cache"} <= mounted["mcp-core"]
    assert "mcp-server-secrets" not in {name for names in mounted.values() for name in names}


def test_servers_of_users_get_variables_and_the_authority_of_external_stores():
    image = {"image": "ghcr.io/acme/weather:1", "uses": ["postgres", "redis"]}
    chosen = config(EXTERNAL, servers={"weather": image})
    (service,) = [one for one in topology(chosen).services if one.name == "weather"]
    args = PlatformArgs(chosen, topology(chosen), TimeoutBudget())
    _, made = args.component(service, Addresses(namespace="ns"))
    assert made.env["DATABASE_URL"] == (
        "postgresql://db.example.com:6432/mcp?sslmode=verify-full"
        "&sslrootcert=/etc/database-ca/root.pem"
    )
    assert made.env["PGUSER"] == "mcp_owner"
    assert made.env["REDIS_URL"] == "rediss://cache.example.com:6380"
    assert made.env["REDIS_CA_FILE"] == "/etc/cache-ca/ca.crt"
    assert made.secret_env["PGPASSWORD"].secret == "their-database"
    assert made.authority_secret is None
    assert {path: one.secret for path, one in made.secret_files.items()} == {
        "/etc/database-ca": "their-database-ca",
        "/etc/cache-ca": "their-cache",
    }


@pytest.mark.parametrize("topology_name", ["microservices", "orchestration"])
def test_another_kind_of_one_store_renames_no_component_of_the_other(topology_name: str):
    def names(data: dict[str, Any]) -> dict[str, str]:
        chosen = config(data, topology=topology_name)
        tiers = data_tiers(chosen, topology(chosen))
        return {store: tier.name for tier in tiers for store in tier.stores}

    usual = names({})
    apart = {"microservices": "data", "orchestration": "data-cache"}[topology_name]
    assert usual == {POSTGRES: "data", VALKEY: apart}
    one = names({"kind": "external", "external": THEIRS})
    other = names({"cacheKind": "external", "externalCache": CACHE})
    assert one[VALKEY] == usual[VALKEY]
    assert other[POSTGRES] == usual[POSTGRES]


def test_a_namespace_without_pods_is_not_created():
    kept = config({}, topology="orchestration")
    chosen = config({"kind": "external", "external": THEIRS}, topology="orchestration")
    gone = set(placement(kept).every) - set(placement(chosen).every)
    assert [name.rpartition("-")[2] for name in gone] == ["database"]


def test_the_kind_of_an_invalid_section_is_the_default_for_the_other_rules():
    assert kind_of(StackConfig(data=Data(kind="external")), POSTGRES).name == "embedded"


def test_defaults_of_the_args_are_those_of_a_platform_without_choices():
    made = PlatformArgs(config({}), topology(config({})), TimeoutBudget())
    (core,) = [one for one in made.topology.services if isinstance(one, CoreService)]
    server = made.component(core, Addresses(namespace="ns", database_host="h", cache_host="h"))[1]
    database, cache = server.server.config.database, server.server.config.cache
    assert (database.password, database.authority, cache.authority) == (None, None, None)
    assert cache.user == "mcp-core"
    assert cache.password == SecretKey(secret="mcp-valkey-mcp-core", key="password")


IMAGE = f"registry.example.com/exporter:1.0@sha256:{'0' * 64}"
CLUSTER = {"cloudnativePg": {"image": f"registry.example.com/postgresql:17@sha256:{'0' * 64}"}}
STORES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    **{
        kind: (
            {"kind": kind, **section},
            {"databaseExporter": True},
            "data.databaseExporter",
            "postgresExporter",
        )
        for kind, section in {**DATABASES, "cloudnative-pg": CLUSTER}.items()
    },
    **{
        kind: (
            {"cacheKind": kind, **section},
            {"valkey": {"exporter": True}},
            "data.valkey",
            "valkeyExporter",
        )
        for kind, section in CACHES.items()
    },
}
"""By kind: its section, the exporter of the default kind, where it is refused, and its image."""


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("scraped", [True, False])
def test_an_exporter_of_another_kind_is_refused_once_with_everything_to_remove(
    kind: str, *, scraped: bool
):
    """Nothing asks for what would be refused as well: a scraper, an image or the exporter."""
    section, exporter, path, image = STORES[kind]
    network: dict[str, Any] = {"prometheus": {}} if scraped else {}

    def told(data: dict[str, Any], images: dict[str, str], environment: str) -> list[Any]:
        sections: dict[str, Any] = {"data": data, "network": network, "images": images}
        raw = changed("dev", {"topology": "microservices", **sections}, drop=("scaling",))
        found = refusals(raw | {"environment": environment})
        words = ("xporter", "data.valkey", "prometheus")
        return [one for one in found if any(word in str(one) for word in words)]

    for environment in ("dev", "staging"):
        (found,) = told(section | exporter, {}, environment)
        assert (found.path, found.consequence) == (f"qudag-mcp:{path}", "it would have no effect")
        assert "images." not in found.fix
        (found,) = told(section | exporter, {image: IMAGE}, environment)
        assert found.path == f"qudag-mcp:{path}"
        assert found.fix.startswith(f"remove it and images.{image}, or set ")
        (found,) = told(section, {image: IMAGE}, environment)
        assert (found.path, found.fix) == (f"qudag-mcp:images.{image}", "leave it out")
