"""Names for what clouds make: inside each cloud's limits, and as unique as they were before.

A name that is too long loses letters of its words, never of the suffix that keeps two stacks, or
two accounts that share one name space, apart.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from .problems import Problem, ProblemReport

UNIQUE = 8
"""Hexadecimal digits of a suffix: 2 stacks in 65,000 of one organisation share one by chance."""


@dataclass(frozen=True, kw_only=True)
class NameRule:
    """What a cloud lets a name be.

    Attributes:
        longest: characters.
        shortest: characters.
        form: regular expression that a whole name must match.
        source: the cloud's document that says so.
        key: property that holds the name.
    """

    longest: int
    form: str
    source: str
    shortest: int = 1
    key: str = "name"

    def problem(self, path: str, name: str) -> Problem | None:
        """Why ``name`` cannot be, if it cannot."""
        if len(name) > self.longest or len(name) < self.shortest:
            what = f"{name!r} has {len(name)} characters, and {self._length} are allowed"
        elif not re.fullmatch(self.form, name):
            what = f"{name!r} does not match {self.form}"
        else:
            return None
        # In front of what is too short, or begins as the cloud's own names do.
        instead = next(n for n in (self._made_of(name), self._made_of("mcp", name)) if n)
        return Problem(path, what, f"the cloud refuses it ({self.source})", f"write {instead!r}")

    def _made_of(self, *words: str) -> str | None:
        try:
            return fitted(self, *words)
        except ProblemReport:
            return None

    @property
    def _length(self) -> str:
        return f"{self.shortest} to {self.longest}"

    @property
    def separator(self) -> str:
        """What stands between words: a dash, where the form has it."""
        return "-" if re.fullmatch(self.form, "a" * self.shortest + "-a") else ""


_DASHED: Final = r"[a-z]([a-z0-9-]*[a-z0-9])?"
_AWS_DASHED: Final = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_AWS_WORD: Final = r"[A-Za-z0-9_-]+"
_AWS_LOWER: Final = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
_AZURE: Final = "Azure Resource Manager, naming rules and restrictions"

_AZURE_DASHED: Final = r"[a-z]([a-z0-9]|-(?=[a-z0-9]))*"
_AZURE_DASHED_OR_DIGIT: Final = r"[a-z0-9]([a-z0-9]|-(?=[a-z0-9]))*"

_IN_PLAIN: Final = r"[a-z0-9]([a-z0-9-]*[a-z0-9])"

NAME_RULES: Final[dict[str, NameRule]] = {
    "aws:apigatewayv2/api:Api": NameRule(
        longest=128, form=r"[A-Za-z0-9 ._-]+", source="API Gateway V2 API, CreateApi"
    ),
    "aws:cloudwatch/logGroup:LogGroup": NameRule(
        longest=512, form=r"[A-Za-z0-9_./#-]+", source="CloudWatch Logs API, CreateLogGroup"
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": NameRule(
        longest=255, form=r"[A-Za-z0-9_./ -]+", source="CloudWatch API, PutMetricAlarm"
    ),
    "aws:dynamodb/table:Table": NameRule(
        longest=255, form=r"[A-Za-z0-9_.-]+", source="DynamoDB API, CreateTable", shortest=3
    ),
    "aws:ec2/securityGroup:SecurityGroup": NameRule(
        longest=255,
        form=r"(?!sg-)[A-Za-z0-9 ._:/()#,@+=;{}!$*-]+",
        source="EC2 API, CreateSecurityGroup",
    ),
    "aws:ecs/cluster:Cluster": NameRule(
        longest=255, form=_AWS_WORD, source="ECS API, CreateCluster"
    ),
    "aws:ecs/service:Service": NameRule(
        longest=255, form=_AWS_WORD, source="ECS API, CreateService"
    ),
    "aws:ecs/taskDefinition:TaskDefinition": NameRule(
        longest=255, form=_AWS_WORD, source="ECS API, RegisterTaskDefinition", key="family"
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": NameRule(
        longest=255, form=_AWS_LOWER, source="ElastiCache API, CreateCacheParameterGroup"
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": NameRule(
        longest=40,
        form=_AWS_LOWER,
        source="ElastiCache API, CreateReplicationGroup",
        key="replicationGroupId",
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": NameRule(
        longest=255, form=_AWS_LOWER, source="ElastiCache API, CreateCacheSubnetGroup"
    ),
    "aws:elasticache/user:User": NameRule(
        longest=40,
        form=_AWS_LOWER,
        source="ElastiCache User Guide, Authenticating with IAM",
        key="userId",
    ),
    "aws:elasticache/userGroup:UserGroup": NameRule(
        longest=40, form=_AWS_LOWER, source="ElastiCache API, CreateUserGroup", key="userGroupId"
    ),
    "aws:iam/role:Role": NameRule(
        longest=64, form=r"[A-Za-z0-9_+=,.@-]+", source="IAM API, CreateRole"
    ),
    "aws:rds/instance:Instance": NameRule(
        longest=63, form=_AWS_LOWER, source="RDS API, CreateDBInstance", key="identifier"
    ),
    "aws:rds/parameterGroup:ParameterGroup": NameRule(
        longest=255, form=_AWS_LOWER, source="RDS API, CreateDBParameterGroup"
    ),
    "aws:rds/subnetGroup:SubnetGroup": NameRule(
        longest=255, form=_AWS_LOWER, source="RDS API, CreateDBSubnetGroup"
    ),
    "aws:s3/bucket:Bucket": NameRule(
        longest=63,
        form=_IN_PLAIN,
        source="S3 User Guide, Bucket naming rules",
        shortest=3,
        key="bucket",
    ),
    "aws:scheduler/schedule:Schedule": NameRule(
        longest=64, form=r"[A-Za-z0-9_.-]+", source="EventBridge Scheduler API, CreateSchedule"
    ),
    "aws:sqs/queue:Queue": NameRule(longest=80, form=_AWS_WORD, source="SQS API, CreateQueue"),
    "aws:lb/loadBalancer:LoadBalancer": NameRule(
        longest=32, form=r"(?!internal-)" + _AWS_DASHED, source="ELBv2 API, CreateLoadBalancer"
    ),
    "aws:lb/targetGroup:TargetGroup": NameRule(
        longest=32, form=_AWS_DASHED, source="ELBv2 API, CreateTargetGroup"
    ),
    "aws:lambda/function:Function": NameRule(
        longest=64, form=r"[A-Za-z0-9_-]+", source="Lambda API, CreateFunction"
    ),
    "gcp:cloudrunv2/service:Service": NameRule(
        longest=49, form=_DASHED, source="Cloud Run Admin API v2, Service"
    ),
    "gcp:cloudfunctionsv2/function:Function": NameRule(
        # 63 for a function, but the Cloud Run service that it is has its name
        longest=49,
        form=_DASHED,
        source="Cloud Run Admin API v2, Service",
    ),
    "gcp:serviceaccount/account:Account": NameRule(
        shortest=6, longest=30, form=_DASHED, source="IAM API, serviceAccounts", key="accountId"
    ),
    "gcp:storage/bucket:Bucket": NameRule(
        shortest=3, longest=63, form=_IN_PLAIN, source="Cloud Storage, Bucket naming guidelines"
    ),
    "gcp:artifactregistry/repository:Repository": NameRule(
        longest=63, form=_DASHED, source="Artifact Registry API, Repository", key="repositoryId"
    ),
    "gcp:memorystore/instance:Instance": NameRule(
        longest=63, form=_DASHED, source="Memorystore for Valkey API, Instance", key="instanceId"
    ),
    "gcp:sql/databaseInstance:DatabaseInstance": NameRule(
        # 98 with the project's id
        longest=67,
        form=_DASHED,
        source="Cloud SQL for PostgreSQL, Instance settings, Instance ID",
    ),
    "gcp:firestore/database:Database": NameRule(
        shortest=4, longest=63, form=_DASHED, source="Firestore, Manage databases, Database ID"
    ),
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": NameRule(
        longest=100,
        form=r"[A-Za-z0-9][A-Za-z0-9._-]*",
        source="Logging API, LogBucket",
        key="bucketId",
    ),
    "gcp:logging/projectSink:ProjectSink": NameRule(
        longest=100, form=r"[A-Za-z0-9][A-Za-z0-9._-]*", source="Logging API, LogSink"
    ),
    "azure-native:storage:StorageAccount": NameRule(
        shortest=3, longest=24, form=r"[a-z0-9]+", source=_AZURE, key="accountName"
    ),
    "azure-native:app:ContainerApp": NameRule(
        shortest=2, longest=32, form=_AZURE_DASHED, source=_AZURE, key="containerAppName"
    ),
    "azure-native:app:ManagedEnvironment": NameRule(
        shortest=2, longest=60, form=_AZURE_DASHED, source=_AZURE, key="environmentName"
    ),
    "azure-native:applicationinsights:Component": NameRule(
        longest=255, form=r"[\w.()-]*[\w()-]", source=_AZURE, key="resourceName"
    ),
    "azure-native:containerinstance:ContainerGroup": NameRule(
        longest=63, form=_AZURE_DASHED, source=_AZURE, key="containerGroupName"
    ),
    "azure-native:dbforpostgresql:Server": NameRule(
        shortest=3, longest=63, form=_AZURE_DASHED, source=_AZURE, key="serverName"
    ),
    "azure-native:managedidentity:UserAssignedIdentity": NameRule(
        shortest=3, longest=128, form=r"[A-Za-z0-9][\w-]+", source=_AZURE, key="resourceName"
    ),
    "azure-native:network:PrivateEndpoint": NameRule(
        longest=64, form=r"[A-Za-z0-9]([\w.-]*\w)?", source=_AZURE, key="privateEndpointName"
    ),
    "azure-native:operationalinsights:Workspace": NameRule(
        shortest=4,
        longest=63,
        form=r"[A-Za-z0-9][A-Za-z0-9-]+[A-Za-z0-9]",
        source=_AZURE,
        key="workspaceName",
    ),
    "azure-native:redisenterprise:RedisEnterprise": NameRule(
        longest=60, form=r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", source=_AZURE, key="clusterName"
    ),
    "azure-native:resources:ResourceGroup": NameRule(
        longest=90, form=r"[\w.()-]*[\w()-]", source=_AZURE, key="resourceGroupName"
    ),
    "azure-native:storage:Table": NameRule(
        shortest=3, longest=63, form=r"[A-Za-z][A-Za-z0-9]+", source=_AZURE, key="tableName"
    ),
    "azure-native:storage:BlobContainer": NameRule(
        shortest=3, longest=63, form=_AZURE_DASHED_OR_DIGIT, source=_AZURE, key="containerName"
    ),
    "azure-native:web:AppServicePlan": NameRule(longest=60, form=r"[A-Za-z0-9-]+", source=_AZURE),
    "azure-native:web:WebApp": NameRule(shortest=2, longest=60, form=_AWS_DASHED, source=_AZURE),
}
"""By type token; each with the property that holds the name."""


def unique(*parts: str) -> str:
    """A suffix that follows from ``parts`` alone: the same at each run, other for other parts."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:UNIQUE]


def fitted(rule: NameRule, *words: str, suffix: str = "") -> str:
    """``words`` and ``suffix`` as one name that ``rule`` allows: the words give way.

    Raises:
        ProblemReport: no letter of the words would be left.
    """
    separator = rule.separator
    kept = [word for each in words for word in re.split(r"[^a-z0-9]+", each.lower()) if word]
    tail = f"{separator}{suffix}" if suffix else ""
    room = rule.longest - len(tail)
    head = separator.join(kept).lstrip("0123456789-")
    # A cloud that forbids a beginning, or so short a name, takes it with ours in front.
    for start in (head, f"mcp{separator}{head}") if head else ():
        whole = start[: max(room, 0)].rstrip("-") + tail
        if len(whole) >= rule.shortest and re.fullmatch(rule.form, whole):
            return whole
    what = f"no name of {rule.shortest} to {rule.longest} characters can be made of it"
    raise ProblemReport(
        [
            Problem(
                " ".join(words) or "name",
                what,
                f"the cloud refuses it ({rule.source})",
                "use another name, with at least three letters",
            )
        ]
    )
