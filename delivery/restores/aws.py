"""Commands of the AWS CLI that restore a database of Amazon RDS to a new instance."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from graph.resource_graph import Resource, ResourceGraph

from ..database_restore import Wanted
from .live import LONGEST_OF_A_CLOUD, component_of, external_section, live_one, provider_of
from .plan import Command, Plan, flag
from .target import Target, target

INSTANCE: Final = "aws:rds/instance:Instance"
_GROUP: Final = "aws:ec2/securityGroup:SecurityGroup"
_PARAMETERS: Final = "aws:rds/parameterGroup:ParameterGroup"


def rds_plan(
    graph: ResourceGraph, data: Mapping[str, Any], stack: str, wanted: Wanted, now: datetime
) -> Plan:
    """How to restore the stack's database.

    Args:
        data: the section ``data`` of the stack file.

    Raises:
        ProblemReport: it cannot be restored as wanted.
    """
    live = live_one(graph, INSTANCE)
    source = str(live.inputs["identifier"])
    days = int(live.inputs["backupRetentionPeriod"])
    new = target(wanted, source, now=now, longest=LONGEST_OF_A_CLOUD, days=days)
    where = ["--region", str(provider_of(graph, live)["region"])]
    component = component_of(graph, live)
    outputs = component.outputs
    section = data.get("rds", {})
    token_user = section.get("tokenUser")
    return Plan(
        title=new.title(f"the RDS instance {source}"),
        commands=[
            Command(
                purpose="The newest second to which it can be restored.",
                words=[
                    *("aws", "rds", "describe-db-instances", *where),
                    *("--db-instance-identifier", source),
                    *("--query", "DBInstances[0].LatestRestorableTime", "--output", "text"),
                ],
            ),
            _group(_child(graph, component, _GROUP), where),
            _restore(live, new, where, str(_child(graph, component, _PARAMETERS).inputs["name"])),
            Command(
                purpose="Wait for it.",
                words=[
                    *("aws", "rds", "wait", "db-instance-available", *where),
                    *("--db-instance-identifier", new.name),
                ],
            ),
            _modify(live, new, where),
            Command(
                purpose="Its host, and the secret with its new password.",
                words=[
                    *("aws", "rds", "describe-db-instances", *where),
                    *("--db-instance-identifier", new.name, "--query"),
                    "DBInstances[0].[Endpoint.Address,MasterUserSecret.SecretArn]",
                    *("--output", "text"),
                ],
            ),
        ],
        differs=[
            "its host: the live one keeps its own;",
            "its password: RDS creates another one. "
            + ("No server uses it;" if token_user else "Write it to the Secret below;"),
            "a read replica, alarms on its identifier, and log groups with a retention: RDS makes "
            f"/aws/rds/instance/{new.name}/… without one;",
            "servers with containers.aws.database use data.kind rds alone: copy rows back;",
            f"if {source} is deleted: aws rds describe-db-instance-automated-backups "
            f"--db-instance-identifier {source} shows the ARN for "
            "--source-db-instance-automated-backups-arn, in place of "
            "--source-db-instance-identifier.",
        ],
        external=external_section(
            section,
            host="the host that the last command prints",
            name=str(outputs["database_name"]),
            user=token_user or str(outputs["database_user"]),
            token="rds" if token_user else None,
        ),
        component=component,
        stack=stack,
    )


def _child(graph: ResourceGraph, component: Resource, type: str) -> Resource:
    found = (each for each in graph.children(component.urn) if each.type == type)
    return next(found)


def _group(group: Resource, where: list[str]) -> Command:
    """The id of the security group, which only the cloud knows."""
    return Command(
        purpose="The security group of the live one.",
        words=[
            *("aws", "ec2", "describe-security-groups", *where, "--filters"),
            f"Name=group-name,Values={group.inputs['name']}",
            f"Name=vpc-id,Values={group.inputs['vpcId']}",
            *("--query", "SecurityGroups[0].GroupId", "--output", "text"),
        ],
        variable="group",
    )


def _restore(live: Resource, new: Target, where: list[str], parameters: str) -> Command:
    given = live.inputs
    when = ["--restore-time", new.time] if new.time else ["--use-latest-restorable-time"]
    return Command(
        purpose="Restore. The subnet group, the security group, the parameter group, the standby, "
        "logs and protections would not be copied: they are options.",
        words=[
            *("aws", "rds", "restore-db-instance-to-point-in-time", *where),
            *("--source-db-instance-identifier", str(given["identifier"])),
            *("--target-db-instance-identifier", new.name, *when),
            *("--db-instance-class", str(given["instanceClass"])),
            *("--db-subnet-group-name", str(given["dbSubnetGroupName"])),
            *("--vpc-security-group-ids", "$group"),
            *("--db-parameter-group-name", parameters),
            *flag(bool(given["multiAz"]), "multi-az"),
            "--no-publicly-accessible",
            *flag(bool(given["deletionProtection"]), "deletion-protection"),
            *("--ca-certificate-identifier", str(given["caCertIdentifier"])),
            *("--backup-retention-period", str(given["backupRetentionPeriod"])),
            *("--max-allocated-storage", str(given["maxAllocatedStorage"])),
            "--enable-iam-database-authentication",
            *("--enable-cloudwatch-logs-exports", *given["enabledCloudwatchLogsExports"]),
            *("--copy-tags-to-snapshot", "--auto-minor-version-upgrade"),
        ],
    )


def _modify(live: Resource, new: Target, where: list[str]) -> Command:
    def key(option: str, field: str) -> list[str]:
        return [option, str(live.inputs[field])] if live.inputs.get(field) else []

    return Command(
        purpose="What a restore of PostgreSQL has no options for: a password that RDS keeps, and "
        "Performance Insights.",
        words=[
            *("aws", "rds", "modify-db-instance", *where),
            *("--db-instance-identifier", new.name, "--manage-master-user-password"),
            *key("--master-user-secret-kms-key-id", "masterUserSecretKmsKeyId"),
            "--enable-performance-insights",
            *key("--performance-insights-kms-key-id", "performanceInsightsKmsKeyId"),
            "--apply-immediately",
        ],
    )
