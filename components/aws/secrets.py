"""Secrets of AWS Secrets Manager that a server reads from its environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..base.problems import Problem
from .identity import Right


def reserved_problems(secrets: Mapping[str, str], prefixes: Sequence[str]) -> list[Problem]:
    """A problem for each variable with a prefix reserved for the runtime or the component."""
    return [
        Problem(
            f"secrets.{variable}",
            f"begins with {prefix}, which is reserved",
            "AWS refuses the variable, or the server would not find its own configuration",
            f"use the name {variable.removeprefix(prefix)}",
        )
        for variable in secrets
        for prefix in prefixes
        if variable.startswith(prefix)
    ]


def secret_rights(secrets: Mapping[str, str]) -> list[Right]:
    """The right to read exactly these secrets; none for none."""
    arns = sorted({":".join(reference.split(":")[:7]) for reference in secrets.values()})
    return [Right(actions=("secretsmanager:GetSecretValue",), resources=arns)] if arns else []
