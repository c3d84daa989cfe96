"""A server reads the same values in every form of its configuration, each from one source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from components.kubernetes.core import Core
from components.kubernetes.labels import CHECKSUM
from components.kubernetes.pod_checks import pod_problems
from components.kubernetes.pod_settings import PodSettings
from components.kubernetes.server import server_container
from components.mcp.config_forms import ConfigForm
from components.mcp.server_config import Cache, Database, PodAuth, PodServerConfig, ToolServer
from components.mcp.server_limits import ServerLimits
from components.mcp.timeout_budget import TimeoutBudget
from runtime.config import Config
from runtime.config_files import load
from runtime.config_forms import FORMS
from tests.harness.minimal_args import config, core, server
from tests.harness.server_files import WrittenFiles, written

OTHERS = [form for form in get_args(ConfigForm) if form != "server.toml"]
LEAST: dict[str, Any] = {}
MOST: dict[str, Any] = {
    "auth": PodAuth(issuer="https://i.example.com", jwks_url="https://i.example.com/keys"),
    "domain": "mcp.example.com",
    "database": Database(host="postgres-service.database"),
    "cache": Cache(host="redis-service.cache", port=6380),
    "tool_servers": [ToolServer(name="weather", host="weather-service", longest_tool_seconds=90)],
    "budget": TimeoutBudget(longest_tool=90),
    "limits": ServerLimits(connections=1000, concurrent_calls=100, messages_per_second=25),
    "log_level": "warning",
    "http": 8000,
    "https": 8001,
    "region": "us-east-1",
}
UNLIMITED: dict[str, Any] = {
    "limits": ServerLimits(messages_per_second=0),
    "cache": Cache(host="redis-service"),
    "workers": 3,
}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch):
    def reading(files: WrittenFiles) -> Config:
        for name, value in files.variables.items():
            monkeypatch.setenv(name, value)
        return load(files.server_toml)

    return reading


@pytest.mark.parametrize("form", OTHERS)
@pytest.mark.parametrize("values", [LEAST, MOST, UNLIMITED], ids=["least", "most", "unlimited"])
def test_a_server_reads_the_same_values_in_every_form(
    read: Any, tmp_path: Path, form: ConfigForm, values: dict[str, Any]
):
    stated = config(**values)
    one_file = read(written(tmp_path, stated))
    assert read(written(tmp_path, replace(stated, form=form))) == one_file


def keys_of(files: WrittenFiles) -> set[str]:
    """The keys of server.toml, as ``section.key``."""
    tables = files.toml()
    return {f"{name}.{key}" for name in tables if name != "include" for key in tables[name]}


@pytest.mark.parametrize(
    ("form", "moved"), [("server.yaml", 7), ("environment", 10), ("global-config", 7)]
)
def test_no_value_is_in_two_files(tmp_path: Path, form: ConfigForm, moved: int):
    values = MOST | {"tool_servers": ()}
    alone = keys_of(written(tmp_path / "one", config(**values)))
    beside = keys_of(written(tmp_path / "several", config(**values, form=form)))
    assert beside < alone
    assert len(alone) - len(beside) == moved


def test_every_key_that_a_server_reads_is_written_for_some_server(tmp_path: Path):
    keys: dict[str, set[str]] = {form: set() for form in FORMS}
    yaml = written(tmp_path / "yaml", config(**MOST, form="server.yaml")).yaml()
    keys["server.yaml"] = {f"{s}.{key}" for s, table in yaml.items() for key in table}
    keys["environment"] = {*written(tmp_path / "env", config(**MOST, form="environment")).variables}
    files = written(tmp_path / "global", config(**MOST, form="global-config"))
    keys["global-config"] = {file.name for file in files.directories["mcp-global-config"].iterdir()}
    keys["region-config"] = {*files.variables}
    assert keys == {form: {*known} for form, known in FORMS.items()}


@pytest.mark.parametrize("form", OTHERS)
@pytest.mark.parametrize(
    "change", [{"log_level": "error"}, {"limits": ServerLimits(concurrent_calls=7)}]
)
def test_a_changed_value_replaces_the_pods(form: ConfigForm, change: dict[str, Any]):
    assert checksum(config(form=form)) != checksum(config(form=form, **change))


def checksum(stated: PodServerConfig) -> str:
    (template,) = [
        made.fields["spec"]["template"]
        for made in Core.manifests("mcp-core", core(config=stated))
        if made.kind == "Deployment"
    ]
    return template["metadata"]["annotations"][CHECKSUM]


def test_a_variable_of_a_form_may_not_be_set_by_the_settings_of_the_pods_too():
    settings = PodSettings(env={"QUDAG_LOG_FORMAT": "text"})
    container = server_container(server(config=config(form="environment")))
    (problem,) = pod_problems([container], settings)
    assert problem.path == "containers[0].env_from.QUDAG_LOG_FORMAT"
