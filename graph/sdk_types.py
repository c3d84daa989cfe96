"""The properties of a resource type according to its cloud's SDK: names, types, required ones.

Asking an SDK means importing a part of its generated classes, seconds for three clouds. The answers
are stored next to the SDKs, under their versions; a later preview reads one small file.
"""

from __future__ import annotations

import enum
import hashlib
import inspect
import json
import typing
import warnings
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from types import NoneType
from typing import Any, Final, cast

import pulumi
from pulumi import _types  # pyright: ignore[reportPrivateUsage]  (its SDKs are read by it)
from pulumi.runtime import rpc

from components.clouds import CLOUDS, cloud_of

from .sdk_versions import Shape, sdk_of, sdk_version

_PLAIN: Final[Mapping[Any, Shape]] = {
    str: "str",
    int: "int",
    float: "float",
    bool: "bool",
    pulumi.Asset: "file",
    pulumi.Archive: "file",
}


def shapes_of(tokens: Iterable[str]) -> dict[str, Shape]:
    """The shape of each type of a cloud; None for a type that its SDK does not know.

    A type whose cloud's SDK is not installed is left out.
    """
    wanted = sorted(
        {token for token in tokens if (cloud := cloud_of(token)) and sdk_version(cloud.package)}
    )
    if not wanted:
        return {}
    kept = _kept_in()
    known: dict[str, Shape] = json.loads(kept.read_text()) if kept.is_file() else {}
    if missing := [token for token in wanted if token not in known]:
        known |= {token: asked(token) for token in missing}
        _keep(kept, known)
    return {token: known[token] for token in wanted}


def _kept_in() -> Path:
    versions = [f"{cloud.package} {sdk_version(cloud.package)}" for cloud in CLOUDS]
    source = Path(__file__).read_text()
    tag = hashlib.sha256("\n".join([*versions, source]).encode()).hexdigest()[:12]
    return Path(inspect.getfile(pulumi)).parents[1] / f"qudag_mcp_shapes_{tag}.json"


def _keep(file: Path, known: Mapping[str, Shape]) -> None:
    new = file.with_name(f"{file.name}.{id(known):x}")
    try:
        new.write_text(json.dumps(known, sort_keys=True))
        new.replace(file)
    except OSError:
        new.unlink(missing_ok=True)  # the folder is read-only: the SDK is asked again next time


def asked(token: str) -> Shape | None:
    """The shape as the SDK has it now; None for a type that it does not know."""
    found = sdk_class(token)
    return _shape(args_class(*found), ()) if found else None


def sdk_class(token: str) -> tuple[str, str] | None:
    """Module and name of the class that the SDK has for a type."""
    package, module, _ = token.split(":")
    import_module(sdk_of(package))
    # The registry by which the SDK itself turns a token into a class; only its name is private.
    for one in cast("Any", rpc)._RESOURCE_MODULES.get(f"{package}:{module}") or ():
        if name := one.mod_info["classes"].get(token):
            return one.mod_info["fqn"], name
    return None


def args_class(module: str, resource: str) -> type[Any]:
    """The class of a resource's inputs."""
    with warnings.catch_warnings(action="ignore"):  # of types that are not asked for
        imported = import_module(module)
    # Where a nested type already has the usual name, the generator calls it InitArgs.
    return getattr(imported, f"{resource}InitArgs", None) or getattr(imported, f"{resource}Args")


def _shape(hint: Any, within: tuple[Any, ...]) -> Shape:
    hint = _types.unwrap_type(hint)
    if plain := _PLAIN.get(hint):
        return plain
    if isinstance(hint, type) and _types.is_input_type(hint):
        return "any" if hint in within else _object(hint, (*within, hint))
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (list, typing.get_origin(typing.Sequence[str])):
        return ["list", _shape(inner[0], within)]
    if origin in (dict, typing.get_origin(typing.Mapping[str, str])):
        return ["map", _shape(inner[1], within)]
    return _one_of(inner, within)


def _one_of(choices: tuple[Any, ...], within: tuple[Any, ...]) -> Shape:
    """The enumeration in ``str | SomeEnum``; a file for a union of assets and archives."""
    for choice in choices:
        if isinstance(choice, type) and issubclass(choice, enum.Enum):
            return ["enum", [member.value for member in choice]]
    shapes = [_shape(choice, within) for choice in choices if choice is not NoneType]
    return "file" if "file" in shapes else "any"


def _object(cls: type[Any], within: tuple[Any, ...]) -> Shape:
    names = _types.input_type_py_to_pulumi_names(cls)
    parameters = inspect.signature(cls.__init__).parameters
    return {
        "properties": {
            name: _shape(hint, within) for name, hint in _types.input_type_types(cls).items()
        },
        "required": sorted(
            wire
            for name, wire in names.items()
            if name in parameters and parameters[name].default is inspect.Parameter.empty
        ),
    }
