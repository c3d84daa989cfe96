"""Volume claims: shared by the pods of a Deployment, or one for each pod of a StatefulSet."""

from __future__ import annotations

from typing import Any

from ..base.kubernetes_object import Manifest
from .container import Claim
from .pod import PodArgs


def claims_of(args: PodArgs) -> list[Claim]:
    """Every claim that the containers mount."""
    return [claim for container in args.containers for claim in container.claims]


def shared_claims(workload: str, args: PodArgs) -> list[Manifest]:
    """The claims that the pods of a Deployment share."""
    return [
        Manifest(
            kind="PersistentVolumeClaim",
            role=claim.name,
            metadata=args.described(workload, shared_claim_name(workload, claim)),
            fields={"spec": claim_template(claim)["spec"]},
            protect=claim.protect,
        )
        for claim in claims_of(args)
    ]


def shared_claim_name(workload: str, claim: Claim) -> str:
    """Physical name of a claim that the pods of a Deployment share."""
    return f"{workload}-{claim.name}"


def claim_template(claim: Claim) -> dict[str, Any]:
    """An entry of a StatefulSet's ``volumeClaimTemplates``."""
    spec: dict[str, Any] = {
        "accessModes": [claim.access],
        "resources": {"requests": {"storage": claim.size}},
    }
    if claim.storage_class is not None:
        spec["storageClassName"] = claim.storage_class
    return {"metadata": {"name": claim.name}, "spec": spec}
