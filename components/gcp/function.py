"""The server as a function of Google Cloud: built from an archive, called over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.limits import refuse
from ..base.versions import VERSIONS
from ..mcp.archive import Archive
from ..mcp.server_config import CloudServerConfig
from ..mcp.server_toml import CONFIG_VARIABLE, environment_toml
from ..mcp.target import McpTarget
from ..mcp.timeout_budget import Distance
from .checks import problems
from .facts import GCP_FUNCTION_TIMEOUT
from .identity import (
    GcpAccess,
    account,
    interfaces,
    kept_logs,
    kept_state,
    may_call,
    may_read,
    physical,
    version_of,
)
from .location import GcpLocation

ENTRY_POINT: Final = "mcp"
RUNTIME: Final = "python" + VERSIONS["python"]["functions"].replace(".", "")
_INGRESS: Final = {
    "all": "ALLOW_ALL",
    "internal": "ALLOW_INTERNAL_ONLY",
    "internal-and-load-balancer": "ALLOW_INTERNAL_AND_GCLB",
}
_FUNCTION: Final = "gcp:cloudfunctionsv2/function:Function"
_BUCKET: Final = "gcp:storage/bucket:Bucket"
_REPOSITORY: Final = "gcp:artifactregistry/repository:Repository"
_PROJECT_ROLE: Final = "gcp:projects/iAMMember:IAMMember"
_COPIES: Final = "projects/_/buckets/gcf-v2-sources-"


@dataclass(frozen=True, kw_only=True)
class GcpFunctionArgs:
    """What a function needs to know.

    Attributes:
        location: where it is put.
        archive: what it runs.
        config: the server's configuration; the time of a request follows from its budget.
        access: who may call it.
        secrets: what the server reads from its environment: by variable, one version of a secret,
            ``projects/<project>/secrets/<name>/versions/<number>``.
        memory: of an instance; the source documents' 1024 MB.
        cpu: of an instance; several requests at once need a whole one.
        concurrency: requests at once to an instance.
        min_instances, max_instances: how many are kept, and how many there may be.
        log_days: how long logs are kept.
        protect: refuse to delete what holds sessions.
    """

    location: GcpLocation
    archive: Archive
    config: CloudServerConfig
    access: GcpAccess
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    memory: str = "1Gi"
    cpu: str = "1"
    concurrency: int = 80
    min_instances: int = 0
    max_instances: int = 10
    log_days: int = 30
    protect: bool = False


class GcpFunction(McpTarget[GcpFunctionArgs]):
    """A function (2nd gen), its source, its two identities and what it may reach."""

    args_type = GcpFunctionArgs

    def build(self, args: GcpFunctionArgs) -> None:
        config, location = replace(args.config, name=self.name), args.location
        timeout = config.budget.at(Distance.GATEWAY).timeout
        refuse(problems(args, GCP_FUNCTION_TIMEOUT))
        name = physical(_FUNCTION, self, location)
        server = account(self, location, "run", purpose="what the function may do")
        state, kept = kept_state(self, location, server, config.era, protect=args.protect)
        build, may_build = self._built(args)
        function = CloudResource(
            _FUNCTION,
            self.named("function"),
            {
                "project": location.project,
                "location": location.region,
                "name": name,
                "buildConfig": build,
                "serviceConfig": {
                    "serviceAccountEmail": server.output("email"),
                    "ingressSettings": _INGRESS[args.access.ingress],
                    "timeoutSeconds": timeout,
                    "availableMemory": args.memory,
                    "availableCpu": args.cpu,
                    "maxInstanceRequestConcurrency": args.concurrency,
                    "minInstanceCount": args.min_instances,
                    "maxInstanceCount": args.max_instances,
                    "allTrafficOnLatestRevision": True,
                    "environmentVariables": {
                        CONFIG_VARIABLE: environment_toml(config, state=state)
                    },
                    "secretEnvironmentVariables": _secrets(args.secrets),
                    **_egress(location),
                },
            },
            opts=self.owned(depends_on=[*may_read(self, server, args.secrets), *kept, *may_build]),
        )
        may_call(self, location, function.output("name"), args.access)
        kept_logs(self, location, name, days=args.log_days)
        # The service's own address: at the function's older one every path begins with its name.
        address = function.output("serviceConfig").apply(lambda made: made.get("uri"))
        base = f"https://{config.domain}" if config.domain else address
        self.answers_at(base, issuer=config.auth.issuer, era=config.era)

    def _built(self, args: GcpFunctionArgs) -> tuple[dict[str, Any], list[pulumi.Resource]]:
        """How it is built, by an account that can do nothing else; and what that waits for."""
        location = args.location
        bucket = CloudResource(
            _BUCKET,
            self.named("source"),
            {
                "project": location.project,
                "name": physical(_BUCKET, self, location, "source"),
                "location": location.region,
                "uniformBucketLevelAccess": True,
                "publicAccessPrevention": "enforced",
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
                "repositoryId": physical(_REPOSITORY, self, location, "images"),
                "format": "DOCKER",
                "cleanupPolicies": [
                    {"id": "newest", "action": "KEEP", "mostRecentVersions": {"keepCount": 5}},
                    {"id": "old", "action": "DELETE", "condition": {"olderThan": "7776000s"}},
                ],
            },
            opts=self.owned(),
        )
        builder = account(self, location, "build", purpose="what builds the function")
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
        return build, self._may_build(location, builder, bucket, images)

    def _may_build(
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
            # The service copies the source into a bucket of its own, which it makes by itself on
            # the project's first function: there is nothing to set a policy on before that.
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
            # Logs are written to a project; there is nothing finer to be allowed.
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
    versions = {variable: version_of(name) for variable, name in sorted(secrets.items())}
    return [
        {"key": variable, "projectId": project, "secret": secret, "version": number}
        for variable, (project, secret, number) in versions.items()
    ]


def _egress(location: GcpLocation) -> dict[str, Any]:
    """Private addresses through the location's network, all others straight out."""
    through = interfaces(location)
    if not through:
        return {}
    return {
        "directVpcEgress": "VPC_EGRESS_PRIVATE_RANGES_ONLY",
        "directVpcNetworkInterfaces": through,
    }
