"""Volume claims: shared by the pods of a Deployment, or for each pod of a StatefulSet."""

from __future__ import annotations

from typing import Any, Final

from ..base.kubernetes_object import Manifest
from .container import Claim
from .pod import PodArgs

TEMPLATE_SIZES: Final = "spec.volumeClaimTemplates[*].spec.resources.requests.storage"
"""Sizes in the templates of a StatefulSet, which the API server refuses to change."""


def claims_of(args: PodArgs) -> list[Claim]:
    """Every claim that the containers mount; several of them may mount the same one."""
    claims = [claim for container in args.containers for claim in container.claims]
    return list({claim.name: claim for claim in claims}.values())


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


def pod_claims(workload: str, args: PodArgs, pods: int) -> list[Manifest]:
    """The claims of each pod of a StatefulSet, under the names by which its controller finds them.

    They are objects of their own, because a StatefulSet's templates cannot be changed: a larger
    size grows the volume in place, if its storage class allows that (``allowVolumeExpansion``). A
    claim that the controller has made, or that an earlier scale has left, is taken over.
    """
    return [
        Manifest(
            kind="PersistentVolumeClaim",
            role=f"{claim.name}-{pod}",
            metadata={
                **args.described(workload, f"{claim.name}-{workload}-{pod}"),
                "annotations": {
                    # The controller owns the size of a claim that it has made.
                    "pulumi.com/patchForce": "true",
                    # Many classes make the volume only when the pod is scheduled.
                    "pulumi.com/skipAwait": "true",
                },
            },
            fields={"spec": claim_template(claim)["spec"]},
            protect=claim.protect,
            keep=True,
            patch=True,
        )
        for claim in claims_of(args)
        for pod in range(pods)
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
