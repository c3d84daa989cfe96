"""The forms of text in the clouds' sections: what AWS, Google Cloud and Azure call their things."""

from __future__ import annotations

from typing import Annotated, Final

from components.aws.facts import AWS_REFERENCE
from components.azure.facts import AZURE_VERSION
from components.gcp.facts import GCP_VERSION

from .forms import Form

_NOWHERE: Final = "the provider finds no such place: nothing could be made there"
_NOT_FOUND: Final = "the cloud finds nothing by it, and refuses what refers to it"

ACCOUNT: Final = Form(
    name="AWS account",
    pattern=r"^\d{12}$",
    words="the twelve digits of an AWS account, in quotes",
    examples=("123456789012",),
    consequence="resources could go to any account that the credentials happen to be for",
)
AWS_REGION: Final = Form(
    name="AWS region",
    pattern=r"^[a-z]{2}(-[a-z]+)+-\d$",
    words="a region of AWS",
    examples=("eu-west-1", "us-east-1"),
    consequence=_NOWHERE,
)
VPC: Final = Form(
    name="VPC",
    pattern=r"^vpc-([0-9a-f]{8}|[0-9a-f]{17})$",
    words="the id of a VPC",
    examples=("vpc-0a1b2c3d4e5f60718",),
    consequence=_NOT_FOUND,
)
SUBNET: Final = Form(
    name="subnet",
    pattern=r"^subnet-([0-9a-f]{8}|[0-9a-f]{17})$",
    words="the id of a subnet",
    examples=("subnet-0a1b2c3d4e5f60718",),
    consequence=_NOT_FOUND,
)
CERTIFICATE: Final = Form(
    name="certificate",
    pattern=r"^arn:aws:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]{36}$",
    words="the ARN of a certificate in AWS Certificate Manager",
    examples=(
        "arn:aws:acm:eu-west-1:123456789012:certificate/0a1b2c3d-0000-4000-8000-0123456789ab",
    ),
    consequence="the load balancer could not prove who it is",
)
TOPIC: Final = Form(
    name="SNS topic",
    pattern=r"^arn:aws:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$",
    words="the ARN of a topic of Amazon SNS",
    examples=("arn:aws:sns:eu-west-1:123456789012:on-call",),
    consequence="nobody would be told when an alarm goes off",
)
BUCKET: Final = Form(
    name="bucket",
    pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
    words="the name of a bucket of Amazon S3",
    examples=("qudag-access-logs",),
    consequence="the load balancer could write its log nowhere",
    longest=63,
)
AWS_SECRET: Final = Form(
    name="AWS secret",
    pattern=f"^{AWS_REFERENCE}$",
    words="the ARN of a secret whose name begins with qudag-mcp/, with the six characters that AWS "
    "puts at its end; :key:: after it is one key of a JSON secret",
    examples=("arn:aws:secretsmanager:eu-west-1:123456789012:secret:qudag-mcp/api-key-a1B2c3",),
    consequence="the server's role would be given somebody else's secret, or none",
    longest=512,
)
GCP_PROJECT: Final = Form(
    name="Google Cloud project",
    pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$",
    words="the id of a project: lower-case letters, digits and dashes, 6 to 30",
    examples=("qudag-prod",),
    consequence=_NOWHERE,
)
GCP_REGION: Final = Form(
    name="Google Cloud region",
    pattern=r"^[a-z]+-[a-z]+\d{1,2}$",
    words="a region of Google Cloud",
    examples=("europe-west1",),
    consequence=_NOWHERE,
)
GCP_NETWORK: Final = Form(
    name="Google Cloud network",
    pattern=r"^projects/[a-z][a-z0-9-]{4,28}[a-z0-9]/(global/networks|regions/[a-z0-9-]+/subnetworks)/[a-z][a-z0-9-]{0,62}$",
    words="the id of a network or of a subnetwork",
    examples=(
        "projects/qudag-prod/global/networks/main",
        "projects/qudag-prod/regions/europe-west1/subnetworks/main",
    ),
    consequence=_NOT_FOUND,
)
GCP_SECRET: Final = Form(
    name="Google Cloud secret",
    pattern=f"^{GCP_VERSION}$",
    words="one version of a secret, by its number",
    examples=("projects/qudag-prod/secrets/api-key/versions/3",),
    consequence="what runs tomorrow might read another secret than what was tested today",
    longest=512,
)
GCP_MEMBER: Final = Form(
    name="Google Cloud member",
    pattern=r"^(user|group|serviceAccount):[A-Za-z0-9._%+-]+@[a-z0-9.-]+$",
    words="a user, a group or a service account",
    examples=("serviceAccount:agent@qudag-prod.iam.gserviceaccount.com",),
    consequence="nobody would be let in by it, or everybody",
)
AZURE_ID: Final = Form(
    name="Azure id",
    pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    words="an id of 32 hexadecimal digits in five groups, in lower case",
    examples=("0a1b2c3d-0000-4000-8000-0123456789ab",),
    consequence=_NOWHERE,
)
AZURE_LOCATION: Final = Form(
    name="Azure location",
    pattern=r"^[a-z]+[0-9]?$",
    words="a location of Azure, in lower case and one word",
    examples=("westeurope", "eastus2"),
    consequence=_NOWHERE,
)
AZURE_RESOURCE: Final = Form(
    name="Azure resource",
    pattern=r"^/subscriptions/[0-9a-f-]{36}/resourceGroups/[\w.()-]+/providers/[\w.]+(/[\w.-]+)+$",
    words="the id of a resource of Azure",
    examples=(
        "/subscriptions/0a1b2c3d-0000-4000-8000-0123456789ab/resourceGroups/network/providers"
        "/Microsoft.Network/virtualNetworks/main/subnets/apps",
    ),
    consequence=_NOT_FOUND,
    longest=1024,
)
AZURE_SECRET: Final = Form(
    name="Azure secret",
    pattern=f"^{AZURE_VERSION}$",
    words="the address of one version of a secret in Key Vault",
    examples=(
        "https://qudag-prod.vault.azure.net/secrets/api-key/0123456789abcdef0123456789abcdef",
    ),
    consequence="what runs tomorrow might read another secret than what was tested today",
    longest=512,
)
VARIABLE: Final = Form(
    name="variable",
    pattern=r"^[A-Z][A-Z0-9_]{0,62}$",
    words="the name of an environment variable: capital letters, digits and _",
    examples=("API_KEY",),
    consequence="no process could be given it",
)
TAG: Final = Form(
    name="tag",
    pattern=r"^[a-z][a-z0-9_-]{0,62}$",
    words="lower-case letters, digits, _ and -, at most 63, beginning with a letter",
    examples=("team", "payments"),
    consequence="Google Cloud takes no other labels, and one list serves all clouds",
    longest=63,
)

CLOUD_FORMS: Final = {
    form.pattern: form
    for form in (
        *(ACCOUNT, AWS_REGION, VPC, SUBNET, CERTIFICATE, AWS_SECRET, TOPIC, BUCKET),
        *(GCP_PROJECT, GCP_REGION, GCP_NETWORK, GCP_SECRET, GCP_MEMBER),
        *(AZURE_ID, AZURE_LOCATION, AZURE_RESOURCE, AZURE_SECRET),
        *(VARIABLE, TAG),
    )
}
"""By pattern, as a refusal names it."""

Account = Annotated[str, ACCOUNT.field()]
AwsRegion = Annotated[str, AWS_REGION.field()]
Vpc = Annotated[str, VPC.field()]
Subnet = Annotated[str, SUBNET.field()]
Certificate = Annotated[str, CERTIFICATE.field()]
Topic = Annotated[str, TOPIC.field()]
Bucket = Annotated[str, BUCKET.field()]
AwsSecret = Annotated[str, AWS_SECRET.field()]
GcpProject = Annotated[str, GCP_PROJECT.field()]
GcpRegion = Annotated[str, GCP_REGION.field()]
GcpNetwork = Annotated[str, GCP_NETWORK.field()]
GcpSecret = Annotated[str, GCP_SECRET.field()]
GcpMember = Annotated[str, GCP_MEMBER.field()]
AzureId = Annotated[str, AZURE_ID.field()]
AzureLocation = Annotated[str, AZURE_LOCATION.field()]
AzureResource = Annotated[str, AZURE_RESOURCE.field()]
AzureSecret = Annotated[str, AZURE_SECRET.field()]
Variable = Annotated[str, VARIABLE.field()]
Tag = Annotated[str, TAG.field()]
