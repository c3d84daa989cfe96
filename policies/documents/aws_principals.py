"""Whether a statement of an AWS policy applies to everyone, or to another account."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..ranges import everywhere
from .aws_policy import Condition, Statement

_EQUALS: Final = frozenset({"stringequals", "stringequalsignorecase", "arnequals"})
_LIKE: Final = frozenset({"stringlike", "arnlike"})

_CALLER: Final = frozenset(
    {
        *("aws:principalarn", "aws:principalaccount", "aws:principalorgid"),
        *("aws:principalorgpaths", "aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid"),
        *("aws:sourceorgpaths", "aws:sourceowner", "aws:sourcevpc", "aws:sourcevpce"),
        *("aws:userid", "aws:username", "aws:vpceaccount", "aws:vpceorgid", "kms:calleraccount"),
        *("s3:dataaccesspointaccount", "s3:dataaccesspointarn", "sts:externalid"),
        *("sns:endpoint", "elasticfilesystem:accesspointarn", "aws:principalserviceslist"),
    }
)
"""Keys whose value says who calls (S3 User Guide, The meaning of "public"; IAM condition keys)."""

_ACCOUNT: Final = re.compile(r"(?:arn:aws[\w-]*:iam::)?(\d{12})(?::root)?")
"""A principal that is a whole account."""


def is_everyone(statement: Statement) -> bool:
    """Whether an Allow statement applies to every AWS account, or to callers without a login."""
    if not statement.allows or any(map(_binds, statement.conditions)):
        return False
    named = any(
        name.strip() in ("*", "arn:aws:iam::*:root") and kind.casefold() in ("aws", "*")
        for kind, name in statement.principals
    )
    return named or (bool(statement.not_principals) and not statement.principals)


def _binds(condition: Condition) -> bool:
    """Whether a condition limits the callers to named ones."""
    operator, any_value, rest = condition.operator.partition("foranyvalue:")
    name = rest if any_value else operator
    if condition.key == "aws:sourceip":
        return name == "ipaddress" and not everywhere(condition.values)
    if condition.key not in _CALLER or name not in _EQUALS | _LIKE or not condition.values:
        return False
    return name in _EQUALS - {"arnequals"} or all(map(_is_bound, condition.values))


def _is_bound(pattern: str) -> bool:
    """Whether a pattern, despite its wildcards, names one account or one resource."""
    parts = pattern.split(":", 5)
    if len(parts) == 6 and parts[0] == "arn":
        # An ARN of S3 has no account: there the bucket's name says whose it is.
        named = parts[4] if parts[4] and parts[2] != "s3" else parts[5]
        return not set(named) <= {"*", "?"}
    return not set(pattern.replace("/", "")) <= {"*", "?"}


def foreign_accounts(statement: Statement, own: frozenset[str]) -> Iterator[str]:
    """Whole accounts that may assume a role, without a condition that says on whose behalf.

    Args:
        own: numbers of the accounts that the program deploys to.
    """
    if not statement.allows or any(map(_binds, statement.conditions)):
        return
    for kind, name in statement.principals:
        found = _ACCOUNT.fullmatch(name.strip())
        if kind.casefold() == "aws" and found and found[1] not in own:
            yield found[1]


def is_any_identity(statement: Statement) -> bool:
    """Whether every identity of a public provider of tokens may assume a role."""
    if not statement.allows:
        return False
    issuers = [name for kind, name in statement.principals if kind.casefold() == "federated"]
    shared = [keys for issuer in issuers for one, keys in SHARED_ISSUERS.items() if one in issuer]
    return any(not _names_identities(statement, keys) for keys in shared)


def _names_identities(statement: Statement, keys: tuple[str, ...]) -> bool:
    return any(
        condition.operator.removeprefix("foranyvalue:") in _EQUALS | _LIKE
        and condition.key.endswith(keys)
        and condition.values
        and all(map(_names_an_owner, condition.values))
        for condition in statement.conditions
    )


_SUBJECT: Final = (":sub", ":job_workflow_ref", ":repository", ":repository_id")
_APPLICATION: Final = (":aud", ":app_id", ":sub")
SHARED_ISSUERS: Final = {
    **dict.fromkeys(
        (
            *("token.actions.githubusercontent.com", "gitlab.com", "app.terraform.io"),
            *("api.pulumi.com/oidc", "oidc.circleci.com", "agent.buildkite.com"),
        ),
        _SUBJECT,
    ),
    **dict.fromkeys(
        (
            *("cognito-identity.amazonaws.com", "accounts.google.com", "www.amazon.com"),
            "graph.facebook.com",
        ),
        _APPLICATION,
    ),
}
"""Issuers that give tokens to everyone, with the ends of keys that say who, or of which program."""


def _names_an_owner(subject: str) -> bool:
    """Whether a token's subject, despite its wildcards, names the owner of the repository."""
    first = re.split(r"[/@:]", re.sub(r"^\w+:", "", subject), maxsplit=1)[0]
    return bool(first) and "*" not in first and "?" not in first
