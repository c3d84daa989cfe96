"""A secret that somebody writes into the server's configuration is refused and not repeated."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.config import ENVIRONMENT, Config, MigrationConfig, load_environment
from runtime.config_files import load
from runtime.toml_config import ConfigError, Section, read_table
from tests.harness.canaries import Canary, leaks

CANARY = Canary.of("a secret in the configuration")
KEYS = ("password", "secret", "token", "api_key", "private_key", "master_key", "connection_string")


def sections(model: type[Section]) -> Iterator[tuple[str, type[Section]]]:
    """The header of each section of a configuration, with its model."""
    for name, field in model.model_fields.items():
        header = f"[[{name}]]" if typing.get_origin(field.annotation) is tuple else f"[{name}]"
        for each in (field.annotation, *typing.get_args(field.annotation)):
            if isinstance(each, type) and issubclass(each, Section):
                yield header, each


@pytest.mark.parametrize("key", KEYS)
def test_a_secret_under_an_unknown_key_of_any_section(tmp_path: Path, key: str):
    source = tmp_path / "server.toml"
    found = 0
    for model in (Config, MigrationConfig):
        for header, section in sections(model):
            if key in section.model_fields:
                continue
            source.write_text(f'{header}\n{key} = "{CANARY.text}"\n')
            with pytest.raises(ConfigError) as refused:
                load(source) if model is Config else read_table(source, model)
            assert f".{key}: unknown key" in str(refused.value)
            assert leaks([CANARY], {header: str(refused.value)}) == []
            found += 1
    assert found > 10


@pytest.mark.parametrize(
    "text",
    [
        f"[database]\npassword = {CANARY.text}\n",
        f'[database]\npassword = "{CANARY.text}\n',
        f'[database]\npassword = "a"\npassword = "{CANARY.text}"\n',
        f'[database]\nport = "{CANARY.text}"\n',
        f'[redis]\nhost = "rediss://:{CANARY.text}@cache.example.com"\nport = "x"\n',
        f'[auth]\nissuer = ["{CANARY.text}"]\n',
        f'[user_keys]\nmaster_key_file = ["{CANARY.text}"]\n',
        f'[[tool_servers]]\nname = "a"\nurl = "https://me:{CANARY.text}@tools.example.com/mcp"\n',
        f'[server]\nworkers = "{CANARY.text}"\n',
    ],
)
def test_a_secret_where_another_value_belongs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
):
    source = tmp_path / "server.toml"
    source.write_text(text)
    monkeypatch.setenv(ENVIRONMENT, text)
    for read in (lambda: load(source), load_environment):
        with pytest.raises(ConfigError) as refused:
            read()
        assert leaks([CANARY], {"the refusal": str(refused.value)}) == []


@pytest.mark.parametrize("form", ["environment", "global-config", "region-config"])
def test_a_secret_in_an_url_of_another_configuration(tmp_path: Path, form: str):
    source = tmp_path / "server.toml"
    source.write_text(f'[[include]]\nform = "{form}"\npath = "{tmp_path}"\n')
    for key in ("QUDAG_REDIS_URL", "QUDAG_DATABASE_URL", "redis-url", "database-url"):
        (tmp_path / key).write_text(f"rediss://me:{CANARY.text}@cache.example.com:6379")
    with pytest.raises(ConfigError) as refused:
        load(source)
    assert leaks([CANARY], {"the refusal": str(refused.value)}) == []
