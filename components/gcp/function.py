"""The server as a function of Google Cloud (2nd gen), built from an archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.versions import VERSIONS
from ..mcp.timeout_budget import Distance
from .function_args import GcpFunctionArgs
from .identity import service_account
from .location import GcpLocation
from .naming import physical_name
from .network import network_interfaces
from .secrets import version_parts
from .server import GcpServer

ENTRY_POINT: Final = "mcp"
RUNTIME: Final = "python" + VERSIONS["python"]["functions"].replace(".", "")
_INGRESS: Final = {
    "all": "ALLOW_ALL",
    "internal": "ALLOW_INTERNAL_ONLY",
    "internal-and-load-balancer": "ALLOW_INTERNAL_AND_GCLB",
}
_BUCKET: Final = "gcp:storage/bucket:Bucket"
_REPOSITORY: Final = "gcp:artifactregistry/repository:Repository"
_PROJECT_ROLE: Final = "gcp:projects/iAMMember:IAMMember"
_COPIES: Final = "projects/_/buckets/gcf-v2-sources-"


class GcpFunction(GcpServer[GcpFunctionArgs]):
    """A function (2nd gen) with its source, two service accounts, session store and logs."""

    args_type = GcpFunctionArgs
    RESOURCE_TYPE: ClassVar = "gcp:cloudfunctionsv2/function:Function"
    NOUN: ClassVar = "function"

    def service(
        self,
        args: GcpFunctionArgs,
        name: str,
        account: CloudResource,
        variables: dict[str, Any],
        waits: Sequence[pulumi.Resource],
    ) -> tuple[CloudResource, pulumi.Output[str]]:
        build, build_rights = self._build(args)
        function = CloudResource(
            self.RESOURCE_TYPE,
            self.named("function"),
            {
                "project": args.location.project,
                "location": args.location.region,
                "name": name,
                "buildConfig": build,
                "kmsKeyName": args.kms_key,
                "serviceConfig": {
                    "serviceAccountEmail": account.output("email"),
                    "ingressSettings": _INGRESS[args.access.ingress],
                    "timeoutSeconds": args.config.budget.at(Distance.GATEWAY).timeout,
                    "availableMemory": f"{args.memory_mb}Mi",
                    "availableCpu": f"{args.cpu:g}",
                    "maxInstanceRequestConcurrency": args.concurrency,
                    "minInstanceCount": args.min_instances,
                    "maxInstanceCount": args.max_instances,
                    "allTrafficOnLatestRevision": True,
                    "environmentVariables": variables,
                    "secretEnvironmentVariables": _secrets(args.secrets),
                    **_egress(args.location),
                },
            },
            opts=self.owned(depends_on=[*waits, *build_rights]),
        )
        # The URL of the service: at the function's older URL every path begins with its name.
        url = function.output("serviceConfig").apply(lambda made: made.get("uri"))
        return function, url

    def _build(self, args: GcpFunctionArgs) -> tuple[dict[str, Any], list[pulumi.Resource]]:
        """The build, by a service account of its own, and what the build depends on."""
        location = args.location
        bucket = CloudResource(
            _BUCKET,
            self.named("source"),
            {
                "project": location.project,
                "name": physical_name(_BUCKET, self, location, "source"),
                "location": location.region,
                "uniformBucketLevelAccess": True,
                "publicAccessPrevention": "enforced",
                "encryption": {"defaultKmsKeyName": args.kms_key} if args.kms_key else None,
                "versioning": {"enabled": True},
                "lifecycleRules": [
                    {
                        "action": {"type": "Delete"},
                        "condition": {"daysSinceNoncurrentTime": 90, "withState": "ARCHIVED"},
                    }
                ],
            },
            opts=self.owned(),
        )
        source = CloudResource(
            "gcp:storage/bucketObject:BucketObject",
            self.named("archive"),
            {
                "bucket": bucket.output("name"),
                "name": f"{args.archive.tag}.zip",
                "source": args.archive.asset(),
                "contentType": "application/zip",
            },
            opts=self.owned(),
        )
        images = CloudResource(
            _REPOSITORY,
            self.named("images"),
            {
                "project": location.project,
                "location": location.region,
                "repositoryId": physical_name(_REPOSITORY, self, location, "images"),
                "format": "DOCKER",
                "kmsKeyName": args.kms_key,
                "cleanupPolicies": [
                    {"id": "newest", "action": "KEEP", "mostRecentVersions": {"keepCount": 5}},
                    {"id": "old", "action": "DELETE", "condition": {"olderThan": "7776000s"}},
                ],
            },
            opts=self.owned(),
        )
        builder = service_account(self, location, "build", purpose="what builds the function")
        build = {
            "runtime": RUNTIME,
            "entryPoint": ENTRY_POINT,
            "serviceAccount": builder.output("id"),
            "dockerRepository": images.output("id"),
            "automaticUpdatePolicy": {},  # security patches of the runtime, without a deployment
            "source": {
                "storageSource": {
                    "bucket": bucket.output("name"),
                    "object": source.output("name"),
                }
            },
        }
        return build, self._build_rights(location, builder, bucket, images)

    def _build_rights(
        self,
        location: GcpLocation,
        builder: CloudResource,
        bucket: CloudResource,
        images: CloudResource,
    ) -> list[pulumi.Resource]:
        """The roles of Cloud Build's account (Cloud Run functions, Custom build account)."""
        member = builder.output("member")
        return [
            CloudResource(
                "gcp:storage/bucketIAMMember:BucketIAMMember",
                self.named("build-reads-source"),
                {
                    "bucket": bucket.output("name"),
                    "role": "roles/storage.objectViewer",
                    "member": member,
                },
                opts=self.owned(),
            ),
            CloudResource(
                "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember",
                self.named("build-writes-images"),
                {
                    "project": location.project,
                    "location": location.region,
                    "repository": images.output("repositoryId"),
                    "role": "roles/artifactregistry.writer",
                    "member": member,
                },
                opts=self.owned(),
            ),
            # Cloud Functions copies the source into its own bucket, which it creates with the
            # project's first function: before that there is no bucket to set a policy on.
            CloudResource(
                _PROJECT_ROLE,
                self.named("build-reads-copy"),
                {
                    "project": location.project,
                    "role": "roles/storage.objectViewer",
                    "member": member,
                    "condition": {
                        "title": "only sources of functions",
                        "expression": f'resource.name.startsWith("{_COPIES}")',
                    },
                },
                opts=self.owned(),
            ),
            # The role to write logs exists on a project only.
            CloudResource(
                _PROJECT_ROLE,
                self.named("build-writes-logs"),
                {
                    "project": location.project,
                    "role": "roles/logging.logWriter",
                    "member": member,
                },
                opts=self.owned(),
            ),
        ]


def _secrets(secrets: Mapping[str, str]) -> list[dict[str, str]]:
    versions = {variable: version_parts(name) for variable, name in sorted(secrets.items())}
    return [
        {"key": variable, "projectId": project, "secret": secret, "version": number}
        for variable, (project, secret, number) in versions.items()
    ]


def _egress(location: GcpLocation) -> dict[str, Any]:
    """Private addresses through the VPC, all others directly."""
    through = network_interfaces(location)
    if not through:
        return {}
    return {
        "directVpcEgress": "VPC_EGRESS_PRIVATE_RANGES_ONLY",
        "directVpcNetworkInterfaces": through,
    }
