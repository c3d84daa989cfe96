"""What __main__.py runs: reads the configuration, builds the stack, exports the outputs."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.config import (
    CONFIG,
    get_config_env,
    get_config_secret_keys_env,
    is_config_secret,
)

from components.base.image_reference import placeholder_problems
from components.base.problems import Problem, ProblemReport, nearest
from components.base.refusal import Refused
from graph.secrets import plaintext_secrets

from .config.stack import StackConfig
from .config.validation import KEY_PREFIX, parse, validate

ROOT = Path(__file__).resolve().parents[1]
"""The project's folder, where Pulumi.<stack>.yaml is."""

YOUNG_OBJECTS = 100_000
"""New objects between two garbage collections. Nearly all objects of a program live until its end:
with Python's default of 700, useless collections take a third of the time of a large platform, and
the last one, as Python ends, a sixth."""


def load() -> StackConfig:
    """The configuration of the running stack, as the engine hands it over.

    Raises:
        ProblemReport: everything that is wrong with it.
    """
    written: dict[str, Any] = {**get_config_env(), **CONFIG.get()}
    secret = {key for key in written if is_config_secret(key)} | {*get_config_secret_keys_env()}
    given = {
        name: parse(name, value)
        for key, value in written.items()
        if (name := key.removeprefix(KEY_PREFIX)) != key and key not in secret
    }
    others = {key: text for key, text in written.items() if not key.startswith(KEY_PREFIX)}
    found = [*_encrypted(secret), *_strays(written), *plaintext_secrets(others, secret)]
    if not pulumi.runtime.is_dry_run():
        found += _unpushed_images(given)
    try:
        return validate(given, stack=pulumi.get_stack(), found=found)
    except ProblemReport as report:
        from .config.line_numbers import located

        file = ROOT / f"Pulumi.{pulumi.get_stack()}.yaml"
        raise Refused(located(report.problems, file, given)) from None


def main() -> None:
    """Builds the stack and exports its outputs.

    Raises:
        Refused: a configuration, or what components were made of it, that cannot work.
    """
    if gc.get_threshold()[0] < YOUNG_OBJECTS:
        gc.set_threshold(YOUNG_OBJECTS)
        atexit.register(gc.freeze)
    config = load()
    # Imported once the configuration is sound: the components cost most of a refusal's time.
    from .environment import build

    try:
        outputs = build(config)
    except ProblemReport as report:
        raise Refused(report.problems) from report
    for name, value in outputs.items():
        pulumi.export(name, value)


def _encrypted(secret: set[str]) -> Iterator[Problem]:
    for key in sorted(key for key in secret if key.startswith(KEY_PREFIX)):
        yield Problem(
            key,
            "holds a value that is encrypted",
            "the secret would pass through this program into its state and the cluster's objects",
            f"remove it (pulumi config rm {key}); write names here, and put the value into the "
            "Secret of that name in the cluster",
        )


def _unpushed_images(given: Mapping[str, Any]) -> Iterator[Problem]:
    """Problems of images whose digest is the placeholder; a preview may show such a stack."""
    match given.get("kubernetes"):
        case {"enabled": False}:
            unused = {"images"}
        case _:
            unused = set[str]()
    for section, value in given.items():
        if section not in unused:
            yield from placeholder_problems(value, f"{KEY_PREFIX}{section}")


def _strays(keys: dict[str, Any]) -> Iterator[Problem]:
    """Problems of keys whose namespace is a misspelling of this project's name."""
    ours = KEY_PREFIX.removesuffix(":")
    for key in keys:
        namespace, _, name = key.partition(":")
        if namespace != ours and nearest(namespace, [ours]):
            yield Problem(
                key,
                f"is a key of {namespace!r}, and this program is {ours!r}",
                "it would have no effect, and no command would report that",
                f"write {KEY_PREFIX}{name}",
            )
