"""Reads role.yaml, the file with the role of an agent, and the variables of the agent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import Field

from .toml_config import ConfigError, Section, text_of, validated

FILE_VARIABLE, ROLE_VARIABLE, MODEL_VARIABLE = "ROLE_CONFIG", "ROLE_ID", "LLM_MODEL"


class AgentRole(Section):
    """The content of role.yaml.

    Attributes:
        role: identifier of the role.
        title: its name for people.
        instructions: what an agent of this role does, for the model that plays it.
    """

    role: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    title: Annotated[str, Field(min_length=1)]
    instructions: Annotated[str, Field(min_length=1)]


def role_of(variables: Mapping[str, str]) -> AgentRole | None:
    """The role in the file that a variable names; None without one; raises `ConfigError`."""
    if FILE_VARIABLE not in variables:
        return None
    source = Path(variables[FILE_VARIABLE])
    found = validated(source, _keys(source), AgentRole)
    stated = variables.get(ROLE_VARIABLE, found.role)
    if stated != found.role:
        problem = f"role: is {found.role}, but the variable {ROLE_VARIABLE} is {stated}"
        raise ConfigError(source, [problem])
    return found


def _keys(source: Path) -> dict[str, Any]:
    import yaml

    try:
        content: object = yaml.safe_load(text_of(source, "YAML"))
    except yaml.YAMLError as error:
        raise ConfigError(source, [f"is not YAML: {' '.join(str(error).split())}"]) from None
    if not isinstance(content, dict):
        raise ConfigError(source, ["must have the keys role, title and instructions"])
    return cast("dict[str, Any]", content)
