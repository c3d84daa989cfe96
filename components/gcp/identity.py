"""What a server has on Google Cloud however it runs there: its identity, secrets, state, logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..base.naming import fitted, unique
from ..mcp.era import Era, has_sessions
from ..mcp.server_config import State
from .facts import NAME_RULES
from .location import GcpLocation

Ingress = Literal["all", "internal", "internal-and-load-balancer"]
"""From where requests are taken: anywhere; the project's networks; these and a load balancer."""

EVERYONE: Final = "allUsers"
INVOKER: Final = "roles/run.invoker"

_ACCOUNT: Final = "gcp:serviceaccount/account:Account"
_FIRESTORE: Final = "gcp:firestore/database:Database"
_LOG_BUCKET: Final = "gcp:logging/projectBucketConfig:ProjectBucketConfig"
_LOG_SINK: Final = "gcp:logging/projectSink:ProjectSink"


@dataclass(frozen=True, kw_only=True)
class GcpAccess:
    """Who may call it, before the server looks at their token.

    Attributes:
        public: everyone; then only the server's own check of tokens stands before the tools.
        invokers: IAM members that may call it when it is not public, such as
            ``serviceAccount:agent@project.iam.gserviceaccount.com``.
        ingress: see Ingress.
    """

    public: bool = False
    invokers: Sequence[str] = ()
    ingress: Ingress = "all"


def physical(token: str, owner: Component[Any], location: GcpLocation, *role: str) -> str:
    """The name in the project of what plays ``role`` in ``owner``."""
    stack = (pulumi.get_project(), pulumi.get_stack(), location.project, location.region)
    return fitted(NAME_RULES[token], owner.name, *role, suffix=unique(*stack, owner.name, *role))


def interfaces(location: GcpLocation) -> list[dict[str, str]]:
    """The location's network as a server reaches private addresses through it; none for none."""
    interface = {"network": location.network, "subnetwork": location.subnetwork}
    named = {key: value for key, value in interface.items() if value}
    return [named] if location.network else []


def version_of(name: str) -> tuple[str, str, str]:
    """Project, secret and number of a version."""
    _, project, _, secret, _, number = name.split("/")
    return project, secret, number


def account(
    owner: Component[Any], location: GcpLocation, role: str, *, purpose: str
) -> CloudResource:
    """A service account of ``owner``'s own, without any role."""
    return CloudResource(
        _ACCOUNT,
        owner.named(f"{role}-account"),
        {
            "project": location.project,
            "accountId": physical(_ACCOUNT, owner, location, role),
            "displayName": f"{owner.name}: {purpose}",
        },
        outputs=("email", "member"),
        opts=owner.owned(),
    )


def may_read(
    owner: Component[Any], reader: CloudResource, secrets: Mapping[str, str]
) -> list[pulumi.Resource]:
    """Lets ``reader`` read exactly these secrets; what starts with them waits for it."""
    return [
        CloudResource(
            "gcp:secretmanager/secretIamMember:SecretIamMember",
            owner.named(f"reads-{secret}"),
            {
                "project": project,
                "secretId": secret,
                "role": "roles/secretmanager.secretAccessor",
                "member": reader.output("member"),
            },
            opts=owner.owned(),
        )
        for project, secret in sorted({version_of(name)[:2] for name in secrets.values()})
    ]


def kept_state(
    owner: Component[Any], location: GcpLocation, user: CloudResource, era: Era, *, protect: bool
) -> tuple[State | None, list[pulumi.Resource]]:
    """A Firestore for sessions where the era has them: what the server is told, what it waits for.

    The database forgets what has expired by itself: within 24 hours, so that a reader looks at
    the time as well (Firestore, Manage data retention with TTL policies).
    """
    if not has_sessions(era):
        return None, []
    database = CloudResource(
        _FIRESTORE,
        owner.named("state"),
        {
            "project": location.project,
            "name": physical(_FIRESTORE, owner, location, "state"),
            "locationId": location.region,
            "type": "FIRESTORE_NATIVE",
            "concurrencyMode": "OPTIMISTIC",
            "pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_ENABLED",
            "deleteProtectionState": f"DELETE_PROTECTION_{'ENABLED' if protect else 'DISABLED'}",
            "deletionPolicy": "PREVENT" if protect else "DELETE",
        },
        opts=owner.owned(protect=protect),
    )
    name = database.output("name")
    expiry = CloudResource(
        "gcp:firestore/field:Field",
        owner.named("sessions-expiry"),
        {
            "project": location.project,
            "database": name,
            "collection": "sessions",
            "field": "expires_at",
            "ttlConfig": {},
            "indexConfig": {},  # an index on a rising number is a hot spot, and nobody asks it
        },
        opts=owner.owned(),
    )
    # IAM has no policy on a database; a condition on its name is the finest there is.
    use = CloudResource(
        "gcp:projects/iAMMember:IAMMember",
        owner.named("uses-state"),
        {
            "project": location.project,
            "role": "roles/datastore.user",
            "member": user.output("member"),
            "condition": only_on(
                "its own database",
                pulumi.Output.concat(f"projects/{location.project}/databases/", name),
            ),
        },
        opts=owner.owned(),
    )
    state = State(kind="firestore", where={"project": location.project, "database": name})
    return state, [expiry, use]


def only_on(what: str, name: pulumi.Input[str]) -> dict[str, Any]:
    """A condition by which a right on the project is one on the resource of that name."""
    expression = pulumi.Output.concat('resource.name == "', name, '"')
    return {"title": f"only {what}", "expression": expression}


def kept_logs(owner: Component[Any], location: GcpLocation, service: str, *, days: int) -> None:
    """A log bucket that keeps what the service writes for ``days``, and the route into it."""
    bucket = CloudResource(
        _LOG_BUCKET,
        owner.named("logs"),
        {
            "project": location.project,
            "location": location.region,
            "bucketId": physical(_LOG_BUCKET, owner, location, "logs"),
            "retentionDays": days,
        },
        outputs=("name",),
        opts=owner.owned(),
    )
    CloudResource(
        _LOG_SINK,
        owner.named("log-route"),
        {
            "project": location.project,
            "name": physical(_LOG_SINK, owner, location, "logs"),
            "destination": pulumi.Output.concat("logging.googleapis.com/", bucket.output("id")),
            "filter": 'resource.type="cloud_run_revision" AND '
            f'resource.labels.service_name="{service}" AND '
            f'resource.labels.location="{location.region}"',
            # Within one project a sink writes to a log bucket without an identity of its own.
            "uniqueWriterIdentity": False,
        },
        opts=owner.owned(),
    )


def may_call(
    owner: Component[Any],
    location: GcpLocation,
    service: pulumi.Input[str],
    access: GcpAccess,
) -> None:
    """Lets in whom ``access`` names; IAM refuses all others before a request reaches the server."""
    members = {"everyone": EVERYONE} if access.public else {m: m for m in access.invokers}
    for name, member in members.items():
        CloudResource(
            "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
            owner.named(f"called-by-{name}"),
            {
                "project": location.project,
                "location": location.region,
                "name": service,
                "role": INVOKER,
                "member": member,
            },
            opts=owner.owned(),
        )
