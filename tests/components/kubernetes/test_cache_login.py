"""A server logs in to a cache of a cloud with a token of the args, and mounts no password."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any, Final

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.cloud_identity import (
    AwsIdentity,
    AzureIdentity,
    CloudIdentity,
    GoogleIdentity,
)
from components.kubernetes.core import Core, CoreArgs
from components.kubernetes.pod_settings import PodSettings
from components.mcp.cache_token import CacheToken
from components.mcp.secret_key import SecretKey
from components.mcp.server_config import Cache
from graph.resource_graph import ResourceGraph
from runtime.config import Config
from tests.harness import record
from tests.harness.graph_queries import objects
from tests.harness.minimal_args import server

ID: Final = "0a1b2c3d-0000-4000-8000-0123456789ab"
AWS: Final = CloudIdentity(aws=AwsIdentity(role="arn:aws:iam::123456789012:role/mcp"))
GOOGLE: Final = CloudIdentity(
    gcp=GoogleIdentity(service_account="mcp-core@acme-prod.iam.gserviceaccount.com")
)
AZURE: Final = CloudIdentity(azure=AzureIdentity(client_id=ID, tenant_id=ID))
ELASTICACHE: Final = CacheToken(
    kind="elasticache", user="weather-user", cache_name="weather", region="eu-west-1"
)
MEMORYSTORE: Final = CacheToken(kind="memorystore", authority="of the instance")
REDIS: Final = CacheToken(kind="azure", user=ID)
EVERY: Final = [(ELASTICACHE, AWS), (MEMORYSTORE, GOOGLE), (REDIS, AZURE)]


def core(token: CacheToken, identity: CloudIdentity | None, **changes: Any) -> ResourceGraph:
    given = server(pods=PodSettings(identity=identity))
    cache = Cache(host="cache.example.com", token=token, **changes)
    given = replace(given, config=replace(given.config, role="core", cache=cache, database=None))
    return record(lambda: Core("core", CoreArgs(server=given)) and None)


def refused(*args: Any, **changes: Any) -> dict[str, str]:
    with pytest.raises(ProblemReport) as report:
        core(*args, **changes)
    return {problem.path: str(problem) for problem in report.value.problems}


@pytest.mark.parametrize(("token", "identity"), EVERY)
def test_the_server_reads_the_token_and_mounts_no_password(
    token: CacheToken, identity: CloudIdentity
):
    made = core(token, identity)
    (files,) = [one["data"] for one in objects(made, "ConfigMap") if "server.toml" in one["data"]]
    read = Config.model_validate(tomllib.loads(files["server.toml"])).redis
    assert read is not None
    assert (read.token, read.user) == (token.kind, token.user)
    assert (read.cache_name, read.region) == (token.cache_name, token.region)
    assert read.public_authorities is (token.authority is None)
    if read.ca_file:
        assert files[read.ca_file.name] == token.authority
    (deployment,) = objects(made, "Deployment")
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    mounted = {one["secret"]["secretName"] for one in volumes if "secret" in one}
    assert mounted == {"mcp-internal-tls", "mcp-issuer-keys"}


@pytest.mark.parametrize(("token", "identity"), EVERY)
@pytest.mark.parametrize("other", [None, AWS, GOOGLE, AZURE])
def test_pods_without_an_identity_of_that_cloud_are_refused(
    token: CacheToken, identity: CloudIdentity, other: CloudIdentity | None
):
    if other != identity:
        assert "set pods.identity" in refused(token, other)["core.server.config.cache.token"]


SECRET: Final = SecretKey(secret="s", key="k")


@pytest.mark.parametrize(
    ("token", "changes", "path", "words"),
    [
        (ELASTICACHE, {"password": SECRET}, "password", "leave password or token out"),
        (ELASTICACHE, {"user": "weather"}, "user", "leave user or token out"),
        (ELASTICACHE, {"authority": SECRET}, "authority", "leave authority or token out"),
        (ELASTICACHE, {"sentinels": ["a"]}, "sentinels", "leave sentinels or token out"),
        (replace(ELASTICACHE, region=None), {}, "token.region", "set it"),
        (replace(ELASTICACHE, cache_name=None), {}, "token.cache_name", "set it"),
        (replace(ELASTICACHE, user="a b"), {}, "token.user", "name of a user"),
        (replace(MEMORYSTORE, authority=None), {}, "token.authority", "set it"),
        (replace(MEMORYSTORE, user="default"), {}, "token.user", "leave it out"),
        (replace(REDIS, region="eu-west-1"), {}, "token.region", "leave it out"),
    ],
)
def test_args_by_which_the_server_could_not_log_in_are_refused(
    token: CacheToken, changes: dict[str, Any], path: str, words: str
):
    identity = next(one for each, one in EVERY if each.kind == token.kind)
    assert words in refused(token, identity, **changes)[f"core.server.config.cache.{path}"]
