"""What __main__.py runs: reads the configuration, builds its environment, exports the outputs."""

from __future__ import annotations

from importlib import import_module

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from .config import StackConfig
from .validation import KEY_PREFIX, parse, validate


def load() -> StackConfig:
    """The configuration of the running stack, as the engine hands it over.

    Raises:
        ProblemReport: everything that is wrong with it.
    """
    given = {
        key.removeprefix(KEY_PREFIX): value
        for key, value in {**get_config_env(), **CONFIG.get()}.items()
        if key.startswith(KEY_PREFIX)
    }
    return validate({name: parse(name, value) for name, value in given.items()})


def main() -> None:
    """Builds the stack's environment: stacks/dev.py, staging.py or prod.py."""
    config = load()
    environment = import_module(f"{__package__}.{config.environment}")
    for name, value in environment.build(config).items():
        pulumi.export(name, value)
