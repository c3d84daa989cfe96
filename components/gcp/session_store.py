"""The session store on Google Cloud: a database of Firestore."""

from __future__ import annotations

from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..mcp.server_config import State
from .identity import only_on
from .location import GcpLocation
from .naming import physical_name

_FIRESTORE: Final = "gcp:firestore/database:Database"


def session_store(
    owner: Component[Any],
    location: GcpLocation,
    user: CloudResource,
    *,
    protect: bool,
    key: str | None,
) -> tuple[State, list[pulumi.Resource]]:
    """The database as the server's configuration names it, and what the server should depend on.

    Firestore deletes expired items (TTL) within 24 hours, so the server checks the time as well
    (Firestore, Manage data retention with TTL policies).
    """
    database = CloudResource(
        _FIRESTORE,
        owner.named("state"),
        {
            "project": location.project,
            "name": physical_name(_FIRESTORE, owner, location, "state"),
            "locationId": location.region,
            "type": "FIRESTORE_NATIVE",
            "concurrencyMode": "OPTIMISTIC",
            "cmekConfig": {"kmsKeyName": key} if key else None,
            "pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_ENABLED",
            "deleteProtectionState": f"DELETE_PROTECTION_{'ENABLED' if protect else 'DISABLED'}",
            "deletionPolicy": "PREVENT" if protect else "DELETE",
        },
        opts=owner.owned(protect=protect),
    )
    name = database.output("name")
    ttl = CloudResource(
        "gcp:firestore/field:Field",
        owner.named("sessions-expiry"),
        {
            "project": location.project,
            "database": name,
            "collection": "sessions",
            "field": "expires_at",
            "ttlConfig": {},
            # An index on a rising value is a hot spot, and no query uses it.
            "indexConfig": {},
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
    return state, [ttl, use]
