"""Who can connect: listeners of load balancers and permissions to call a function."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from graph.resource_graph import UNKNOWN, Resource, ResourceGraph
from graph.tree import branch, entries

from ...finding import Severity
from ...rule import Check, Hit, Rule, at
from .types import LISTENER, PERMISSION, URL

_ACCEPTED: Final = re.compile(r"ELBSecurityPolicy-(TLS13-1-[23]|TLS-1-2|FS-1-2)-\S+")
"""Policies that refuse TLS before 1.2 (Elastic Load Balancing, Security policies)."""


_OWN_FUNCTION: Final = "qudag-mcp:index:AwsLambda"
"""The component whose function URL is public and whose server checks tokens."""

BROKEN_TLS: Final = Rule(
    id="aws-elb-006",
    severity=Severity.HIGH,
    reference="AWS Security Hub ELB.17",
    refuses="a listener that accepts TLS versions before 1.2",
    fix="write ELBSecurityPolicy-TLS13-1-3-2021-06",
)
WITHOUT_TLS: Final = Rule(
    id="aws-elb-007",
    severity=Severity.HIGH,
    reference="AWS Security Hub ELB.1",
    refuses="a listener without TLS that does anything but redirect",
    fix="write redirect",
)
ANY_ACCOUNT: Final = Rule(
    id="aws-lambda-009",
    severity=Severity.CRITICAL,
    reference="AWS Security Hub Lambda.1",
    refuses="a function that every AWS account may call, not only through its URL",
    fix="name who calls it",
)
ANY_SOURCE: Final = Rule(
    id="aws-lambda-010",
    severity=Severity.MEDIUM,
    reference="https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html",
    refuses="a function that a service may call on behalf of every account",
    fix="name the API's executionArn",
)
OPEN_URL: Final = Rule(
    id="aws-lambda-011",
    severity=Severity.HIGH,
    reference="https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",
    refuses="a function URL that everyone may call without signing in to AWS, except that of "
    "`LambdaFunction`, whose server checks tokens",
    fix="write AWS_IAM; or waive the rule if the function checks who calls it",
)


def listeners_and_permissions_are_bounded(graph: ResourceGraph) -> Iterator[Hit]:
    """Listeners are reached over TLS, and functions are called by those who are named."""
    for listener in graph.all(LISTENER):
        yield from _listener(listener)
    for url in graph.all(URL):
        of_component = str(url.parent).rpartition("::")[0].endswith(_OWN_FUNCTION)
        if url.inputs.get("authorizationType") == "NONE" and not of_component:
            what, so = "is NONE", "everyone on the internet could call the function"
            yield at(url, "authorizationType", what, so, OPEN_URL.fix, OPEN_URL.id)
    for permission in graph.all(PERMISSION):
        given = permission.inputs
        by_url = given.get("functionUrlAuthType") or given.get("invokedViaFunctionUrl")
        if given.get("principal") == "*" and not by_url:
            what = "lets every AWS account call the function, not only through its URL"
            yield at(
                permission,
                "principal",
                what,
                "any account could call it",
                ANY_ACCOUNT.fix,
                ANY_ACCOUNT.id,
            )
        if str(given.get("principal")).endswith(".amazonaws.com") and not given.get("sourceArn"):
            what = "lets a service call the function on behalf of every account"
            so = "another account's API could call it"
            yield at(permission, "sourceArn", what, so, ANY_SOURCE.fix, ANY_SOURCE.id)


def _listener(listener: Resource) -> Iterator[Hit]:
    given = listener.inputs
    if str(given.get("protocol")).upper() in ("HTTPS", "TLS"):
        policy = given.get("sslPolicy")
        if policy != UNKNOWN and not _ACCEPTED.fullmatch(str(policy)):
            shown = "is missing" if policy is None else f"is {policy}"
            what = f"{shown}: TLS versions before 1.2 are accepted"
            yield at(
                listener,
                "sslPolicy",
                what,
                "tokens are sent over the internet with broken encryption",
                BROKEN_TLS.fix,
                BROKEN_TLS.id,
            )
        return
    if str(given.get("protocol", "HTTP")).upper() != "HTTP":
        return  # TCP and UDP: what is inside is not seen
    for index, action in enumerate(entries(given, "defaultActions")):
        kind = branch(action).get("type")
        if kind not in ("redirect", UNKNOWN):
            path = f"defaultActions[{index}].type"
            what = f"is {kind} without TLS"
            yield at(
                listener,
                path,
                what,
                "tokens are sent over the internet unencrypted",
                WITHOUT_TLS.fix,
                WITHOUT_TLS.id,
            )


CHECK: Final = Check(
    rules=(BROKEN_TLS, WITHOUT_TLS, ANY_ACCOUNT, ANY_SOURCE, OPEN_URL),
    types=(LISTENER, PERMISSION, URL),
    find=listeners_and_permissions_are_bounded,
)
