"""A mistake in a file or variable that server.toml includes is reported with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli_w
import yaml

from runtime.config import Config
from runtime.config_files import load
from runtime.toml_config import ConfigError

AUTH = {"issuer": "https://i.test", "jwks_file": "keys.json"}


def stated(folder: Path, *include: dict[str, str], **sections: Any) -> Path:
    source = folder / "server.toml"
    source.write_text(tomli_w.dumps({"include": list(include), "auth": AUTH, **sections}))
    return source


def with_yaml(folder: Path, content: Any, **sections: Any) -> Path:
    (folder / "server.yaml").write_text(
        content if isinstance(content, str) else yaml.safe_dump(content)
    )
    path = str(folder / "server.yaml")
    return stated(folder, {"form": "server.yaml", "path": path}, **sections)


def with_directory(folder: Path, form: str, files: dict[str, str], **sections: Any) -> Path:
    there = folder / "files"
    there.mkdir()
    for name, text in files.items():
        (there / name).write_text(text)
    return stated(folder, {"form": form, "path": str(there)}, **sections)


def problems(source: Path) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load(source)
    folder = source.parent
    return [problem.replace(f"{folder}/", "") for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            {"server": {"prot": 1}},
            "server.yaml: server.prot: unknown key; did you mean server.port?",
        ),
        ({"server": {"version": "1.0.0"}}, "server.yaml: server.version: unknown key"),
        ({"server": {"port": 0}}, "server.yaml: server.port: input should be greater than or"),
        ({"logging": {"level": "loud"}}, "server.yaml: logging.level: input should be 'debug'"),
        (
            {"monitoring": {"health_check_path": "/healthz"}},
            "server.yaml: monitoring.health_check_path: is /healthz, and must be /health",
        ),
        (
            {"monitoring": {"metrics_enabled": "maybe"}},
            "server.yaml: monitoring.metrics_enabled: is maybe, and must be true or false",
        ),
        ({"server": 8080}, "server.yaml: server: must be a section with keys"),
        ("- 1", "server.yaml: must have sections with keys"),
        ("a: [", "server.yaml: is not YAML: "),
    ],
)
def test_a_mistake_in_server_yaml_is_told_with_its_key(tmp_path: Path, content: Any, said: str):
    assert said in problems(with_yaml(tmp_path, content))[0]


def test_a_value_that_server_toml_has_too_is_refused(tmp_path: Path):
    source = with_yaml(tmp_path, {"server": {"port": 8080}}, server={"port": 8080})
    assert problems(source) == [
        "server.yaml: server.port: server.toml: server.port sets the same value: remove one of them"
    ]


def test_all_mistakes_are_told_at_once(tmp_path: Path):
    content = {"server": {"prot": 1}, "monitoring": {"health_check_path": "/"}}
    assert len(problems(with_yaml(tmp_path, content))) == 2
    content = {"server": {"port": 0}, "logging": {"level": "loud"}}
    assert len(problems(with_yaml(tmp_path, content, protocol={"era": "old"}))) == 3


@pytest.mark.parametrize(
    ("form", "files", "said"),
    [
        ("global-config", {"LOG_LEVEL": "LOUD"}, "files/LOG_LEVEL: input should be 'debug'"),
        ("global-config", {"LOGLEVEL": "INFO"}, "files/LOGLEVEL: unknown key; did you mean LOG_"),
        ("global-config", {"REGION": "here"}, "files/REGION: unknown key; known here: ENVIRONMENT"),
        ("global-config", {"MONITORING_ENABLED": "on"}, "files/MONITORING_ENABLED: is on, and"),
        ("region-config", {"REGION": "us east"}, "files/REGION: string should match pattern"),
        ("environment", {"QUDAG_REQUIRE_AUTH": "false"}, "is false, and must be true: MCP is not"),
        ("environment", {"QUDAG_PROTOCOL": "http"}, "is http, and must be https: MCP is served"),
        ("environment", {"QUDAG_REDIS_URL": "redis://r:1"}, "must begin with rediss://"),
        ("environment", {"QUDAG_REDIS_URL": "rediss://u:p@r:1"}, "has a user or a password"),
        ("environment", {"QUDAG_REDIS_URL": "rediss://r:1/0"}, "must be rediss://HOST:PORT"),
        ("environment", {"QUDAG_REDIS_URL": "rediss://r:port"}, "must be rediss://HOST:PORT"),
    ],
)
def test_a_mistake_in_a_directory_is_told_with_its_file(
    tmp_path: Path, form: str, files: dict[str, str], said: str
):
    assert said in problems(with_directory(tmp_path, form, files))[0]


def test_hidden_files_of_a_volume_are_not_read(tmp_path: Path):
    source = with_directory(tmp_path, "region-config", {"REGION": "eu-west-1\n", "..data": "x"})
    assert load(source).server.region == "eu-west-1"


def test_variables_are_read_only_where_server_toml_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("REGION", "eu-west-1")
    assert load(stated(tmp_path)).server.region is None
    assert load(stated(tmp_path, {"form": "region-config"})).server.region == "eu-west-1"


def test_a_mistake_in_a_variable_is_told_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("REGION", "eu west")
    (said,) = problems(stated(tmp_path, {"form": "region-config"}))
    assert said.startswith("variable REGION: string should match pattern")


def test_a_value_of_two_included_sources_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("QUDAG_LOG_LEVEL", "info")
    (tmp_path / "files").mkdir()
    (tmp_path / "files/LOG_LEVEL").write_text("INFO")
    both = (
        {"form": "environment"},
        {"form": "global-config", "path": str(tmp_path / "files")},
    )
    assert problems(stated(tmp_path, *both)) == [
        "files/LOG_LEVEL: variable QUDAG_LOG_LEVEL sets the same value: remove one of them"
    ]


@pytest.mark.parametrize(
    ("include", "said"),
    [
        ({"form": "server.json"}, "server.toml: include.0.form: input should be 'server.yaml'"),
        ({"form": "server.yaml"}, "server.toml: include: the form server.yaml needs path"),
        ({"form": "global-config", "path": "absent"}, "include: absent is not a directory"),
        ({"form": "server.yaml", "path": "absent"}, "absent: cannot be read: No such file"),
        ({"form": "environment", "pth": "x"}, "include.0.pth: unknown key; did you mean path?"),
    ],
)
def test_a_wrong_include_is_refused(tmp_path: Path, include: dict[str, str], said: str):
    assert said in problems(stated(tmp_path, include))[0]


def switched(folder: Path, form: str, key: str, **sections: Any) -> Config:
    return load(with_directory(folder, form, {key: "false"}, **sections))


def test_false_turns_metrics_off_wherever_their_port_is(tmp_path: Path):
    server = {"metrics_port": 9090}
    assert (
        switched(tmp_path, "global-config", "MONITORING_ENABLED", server=server).server.metrics_port
        is None
    )


def test_false_turns_the_limit_of_messages_off(tmp_path: Path):
    limits = {"messages_per_second": 25}
    config = switched(tmp_path, "global-config", "RATE_LIMITING_ENABLED", limits=limits)
    assert config.limits.messages_per_second == 0
