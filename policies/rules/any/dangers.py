"""Rules for resources of any type: they find dangerous values by the names of properties."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from components.clouds import resource_type
from graph.resource_graph import Resource, ResourceGraph

from ...finding import Severity
from ...ranges import everywhere, texts
from ...rule import Check, Hit, Rule, at
from .downloads import runs_a_download
from .names import is_off, is_old_tls, is_on, words
from .plain_secrets import is_plain_secret
from .property_values import LONGEST, PropertyValue, is_unread, property_values

PUBLIC_DATA: Final = Rule(
    id="any-public-001",
    severity=Severity.CRITICAL,
    reference="https://cwe.mitre.org/data/definitions/552.html",
    refuses="data that everyone may read: a public access control list or container",
    fix="make it private, and name who may read it",
)
PUBLIC: Final = Rule(
    id="any-public-002",
    severity=Severity.HIGH,
    reference="https://cwe.mitre.org/data/definitions/668.html",
    refuses="a property that makes a service public, or that lifts what keeps it private",
    fix="switch public access off, and use a private address or a list of networks",
)
UNENCRYPTED: Final = Rule(
    id="any-encryption-001",
    severity=Severity.HIGH,
    reference="https://cwe.mitre.org/data/definitions/311.html",
    refuses="encryption that is switched off, or a certificate that is not checked",
    fix="switch it on",
)
OLD_TLS: Final = Rule(
    id="any-encryption-002",
    severity=Severity.HIGH,
    reference="https://www.rfc-editor.org/rfc/rfc8996",
    refuses="a TLS version before 1.2",
    fix="write 1.2 or newer",
)
PLAIN_SECRET: Final = Rule(
    id="any-secret-001",
    severity=Severity.CRITICAL,
    reference="https://cwe.mitre.org/data/definitions/798.html",
    refuses="a secret that the program contains in clear: in a property, or in a variable of the "
    "environment",
    fix="read it from the cloud's secret store; or set it with `pulumi config set --secret`",
    in_clear=True,
)
FROM_EVERYWHERE: Final = Rule(
    id="any-network-001",
    severity=Severity.HIGH,
    reference="https://cwe.mitre.org/data/definitions/1327.html",
    refuses="a list of sources that together are every address, on other ports than 80 and 443",
    fix="list the networks that need access",
)
EVERYONE: Final = Rule(
    id="any-principal-001",
    severity=Severity.CRITICAL,
    reference="https://cwe.mitre.org/data/definitions/732.html",
    refuses="a permission for everyone",
    fix="name the principals",
)
DOWNLOAD: Final = Rule(
    id="any-command-001",
    severity=Severity.HIGH,
    reference="https://cwe.mitre.org/data/definitions/494.html",
    refuses="a command that passes a download to a shell or another interpreter, also in base64",
    fix="download a file of a fixed version, compare its digest, then run it; or build an image",
)

UNREAD: Final = Rule(
    id="any-text-001",
    severity=Severity.MEDIUM,
    reference="https://csrc.nist.gov/glossary/term/fail_safe",
    refuses="a text that the rules do not read: one of more than 10 million characters, or a "
    "document that is nested too deep or repeats its parts by reference",
    fix="pass the text as a file, or accept the risk in `policy-waivers.yaml` with a reason",
)

_PUBLIC_LISTS: Final = re.compile(r"(public|authenticated)-?_?(read|readwrite|read-?_?write)?")
_EVERYONE: Final = frozenset(
    {
        *("allusers", "allauthenticatedusers", "system:anonymous", "system:unauthenticated"),
        "http://acs.amazonaws.com/groups/global/allusers",
        "http://acs.amazonaws.com/groups/global/authenticatedusers",
    }
)
_LONGEST_NAME: Final = max(map(len, _EVERYONE))
_CALLERS: Final = ("roles/run.invoker", "roles/cloudfunctions.invoker", "roles/run.servicesInvoker")
"""Roles that give no right but to call a service, which may be meant for everyone."""

_OUTGOING: Final = re.compile(r"egress|outbound|destination|route", re.IGNORECASE)
_WEB: Final = ({"80"}, {"443"}, {"80", "443"}, {"443-443"}, {"80-80"})


def dangers(graph: ResourceGraph) -> Iterator[Hit]:
    """Every danger in every resource of a provider."""
    for resource in graph.resources:
        if not resource.custom:
            continue
        for path in resource.plain_secrets:
            yield _plain_secret(resource, path)
        values = property_values(resource)
        for found in values:
            yield from _dangers_at(found)
        yield from _sources(resource, values)


def _plain_secret(resource: Any, path: str) -> Hit:
    return at(
        resource,
        path,
        "is a secret in clear",
        "everyone who can read the program or its state has it",
        PLAIN_SECRET.fix,
        PLAIN_SECRET.id,
    )


def _dangers_at(found: PropertyValue) -> Iterator[Hit]:
    said = words(found.name)
    value = found.value
    if said:
        yield from _by_name(found, said)
    if found.name.casefold() == "enabled" and is_off(value) and "encryption" in words(found.outer):
        yield _hit(found, UNENCRYPTED, "data is sent or stored unencrypted")
    if not isinstance(value, str):
        return
    if (len(value) > LONGEST or "\n" in value or value[:1] in "{[") and is_unread(value):
        what = f"has {len(value)} characters and is not read"
        so = "dangers in it are not found"
        yield at(found.resource, found.path, what, so, UNREAD.fix, UNREAD.id)
        if len(value) > LONGEST:
            return
    if "access list" in said and _PUBLIC_LISTS.fullmatch(value.casefold()):
        yield _hit(found, PUBLIC_DATA, "everyone could read it")
    if (
        len(value) <= _LONGEST_NAME
        and value.casefold() in _EVERYONE
        and not found.resource.type.startswith("kubernetes:rbac.authorization.k8s.io/")
        and found.holder.get("role") not in _CALLERS
    ):
        yield _hit(found, EVERYONE, "everyone on the internet would have that right")
    if runs_a_download(value):
        yield at(
            found.resource,
            found.path,
            "runs what it downloads",
            "who controls that address, or the way to it, controls the machine",
            DOWNLOAD.fix,
            DOWNLOAD.id,
        )
    if is_plain_secret(found, value):
        yield _plain_secret(found.resource, found.path)


def _by_name(found: PropertyValue, said: frozenset[str]) -> Iterator[Hit]:
    value = found.value
    if "public" in said:
        if str(value).casefold() in ("blob", "container"):
            yield _hit(found, PUBLIC_DATA, "everyone could read it")
        elif is_on(value) and not _serves(found.resource.type):
            yield _hit(found, PUBLIC, "everyone could reach it")
    if "keeps private" in said and is_off(value):
        yield _hit(found, PUBLIC, "it could become public")
    if ("encryption" in said and is_off(value)) or ("unsafe" in said and is_on(value)):
        yield _hit(found, UNENCRYPTED, "data is sent or stored unencrypted")
    if "least tls" in said and is_old_tls(value):
        yield _hit(found, OLD_TLS, "clients could use a TLS that is broken")
    if "principals" in said and value == "*" and not found.statement and not _by_url(found):
        yield _hit(found, EVERYONE, "everyone on the internet would have that right")


def _serves(token: str) -> bool:
    row = resource_type(token)
    return row is not None and row.serves


def _by_url(found: PropertyValue) -> bool:
    """Whether the right is to call a function by its URL, which its own rules check."""
    keys = ("functionUrlAuthType", "invokedViaFunctionUrl")
    return any(found.holder.get(key) for key in keys)


def _sources(resource: Resource, values: list[PropertyValue]) -> Iterator[Hit]:
    """Sources that are every address, of types that have no rules of their own."""
    if resource.type.startswith(("kubernetes:", "pulumi:")) or _OUTGOING.search(resource.type):
        return
    lists: dict[str, list[PropertyValue]] = {}
    for found in values:
        if "addresses" in words(found.name) or (
            found.name == "value" and "addresses" in words(found.outer)
        ):
            lists.setdefault(re.sub(r"\[\d+\]$", "", found.path), []).append(found)
    for path, given in lists.items():
        if _is_outgoing(path, given[0]) or _ports(given[0]) in _WEB:
            continue
        if everywhere([one.value for one in given]):
            yield at(
                resource,
                path,
                f"is every address: {', '.join(str(one.value) for one in given)}",
                "everyone could connect",
                FROM_EVERYWHERE.fix,
                FROM_EVERYWHERE.id,
            )


def _is_outgoing(path: str, found: PropertyValue) -> bool:
    holder = _folded(found.holder)
    way = {str(holder.get(key)).casefold() for key in ("direction", "type", "access", "action")}
    return bool(_OUTGOING.search(path)) or bool(way & {"egress", "outbound", "deny", "out"})


def _ports(found: PropertyValue) -> set[str]:
    keys = ("port", "ports", "portrange", "fromport", "toport", "destinationportrange")
    holder = _folded(found.holder)
    return {text for key in keys for text in texts(holder.get(key))}


def _folded(holder: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping with keys in small letters: a template has its names in another case."""
    return {str(key).casefold(): value for key, value in holder.items()}


def _hit(found: PropertyValue, rule: Rule, consequence: str) -> Hit:
    return at(found.resource, found.path, f"is {found.value!r}", consequence, rule.fix, rule.id)


DANGERS: Final = frozenset(
    rule.id
    for rule in (
        *(PUBLIC_DATA, PUBLIC, UNENCRYPTED, OLD_TLS, PLAIN_SECRET, EVERYONE, DOWNLOAD),
        *(FROM_EVERYWHERE, UNREAD),
    )
)
"""Ids of the rules in this module."""

CHECKS: Final = (
    Check(
        rules=(
            *(PUBLIC_DATA, PUBLIC, UNENCRYPTED, OLD_TLS, PLAIN_SECRET, EVERYONE, DOWNLOAD),
            *(FROM_EVERYWHERE, UNREAD),
        ),
        find=dangers,
    ),
)
