"""What must hold between what is switched on in the clouds and the rest of the configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem

from ..config.cloud_servers import AwsContainer, AzureContainer, GcpContainer, GcpFunction
from ..config.stack import StackConfig
from .rule import Rule, at

CLOUD_NAMES: Final = {"aws": "AWS", "gcp": "Google Cloud", "azure": "Azure"}
KINDS: Final = ("serverless", "containers")
GROUP: Final = ("azure", "group")


def switched_on(config: StackConfig) -> list[tuple[str, str]]:
    """Kind and cloud of everything that is on: ``("serverless", "aws")``."""
    return [
        (kind, cloud)
        for kind in KINDS
        for cloud in CLOUD_NAMES
        if (section := getattr(getattr(config, kind), cloud)) and section.enabled
    ]


def every_cloud_has_a_place(config: StackConfig) -> Iterator[Problem]:
    """What is switched on says where it goes."""
    for kind, cloud in switched_on(config):
        if getattr(config.clouds, cloud) is None:
            yield at(
                f"clouds.{cloud}",
                f"is missing, and {kind}.{cloud} is switched on",
                f"nobody knows where in {CLOUD_NAMES[cloud]} it goes",
                f"set it, or set {kind}.{cloud}.enabled: false",
            )


def something_is_deployed(config: StackConfig) -> Iterator[Problem]:
    """A stack has a place to serve from."""
    if not config.kubernetes.enabled and not switched_on(config):
        yield at(
            "kubernetes.enabled",
            "is false, and nothing is switched on in serverless or containers",
            "the stack would be empty: everything that it has made would be deleted",
            "switch something on, or set it to true",
        )


def keys_can_be_fetched_from_the_clouds(config: StackConfig) -> Iterator[Problem]:
    """Outside a cluster nobody mounts the issuer's keys, in dev as little as elsewhere."""
    on = switched_on(config)
    if on and config.environment == "dev" and config.protocol.jwks_url is None:
        yield at(
            "protocol.jwksUrl",
            f"is missing, and {'.'.join(on[0])} is switched on",
            "a function or a managed container can only fetch the keys, not mount them",
            "set it to the jwks_uri of your authorization server",
        )


def load_balancers_have_a_network(config: StackConfig) -> Iterator[Problem]:
    """What stands in a VPC is told which."""
    aws = config.clouds.aws
    if ("containers", "aws") in switched_on(config) and aws and aws.network is None:
        yield at(
            "clouds.aws.network",
            "is missing, and containers.aws is switched on",
            "its load balancer and its tasks have no subnet to stand in",
            "set vpc, cidr, publicSubnets and privateSubnets, or containers.aws.enabled: false",
        )


def images_are_where_cloud_run_pulls(config: StackConfig) -> Iterator[Problem]:
    """Cloud Run takes images of Artifact Registry and Docker Hub, and of no other registry."""
    section = config.containers.gcp
    if ("containers", "gcp") not in switched_on(config) or section is None:
        return
    image = section.image or config.images.server
    registry = image.partition("/")[0]
    if not (registry.endswith((".pkg.dev", "gcr.io")) or registry == "docker.io"):
        yield at(
            "containers.gcp.image",
            f"is {image}, of {registry}" if section.image else f"is missing: {image} would be used",
            "Cloud Run pulls from Artifact Registry and Docker Hub only (Cloud Run, Deploying "
            "container images)",
            "copy it to Artifact Registry: europe-west1-docker.pkg.dev/<project>/<repository>/"
            "qudag-mcp-server",
        )


def images_of_containers_are_pinned(config: StackConfig) -> Iterator[Problem]:
    """What is said of images.server in a cluster holds here, and for its copies."""
    unpinned: set[str] = set()
    for cloud, section in _containers(config):
        path = f"containers.{cloud}.image" if section.image else "images.server"
        image = section.image or config.images.server
        # In a cluster, images.server is asked about there.
        said = not section.image and config.kubernetes.enabled
        if (
            config.environment != "dev"
            and "@sha256:" not in image
            and not (said or path in unpinned)
        ):
            unpinned.add(path)
            yield at(
                path,
                f"{image} has no digest",
                "what runs tomorrow may not be what was tested today",
                f"append @sha256:… (crane digest {image})",
            )


def fewest_are_not_more_than_most(config: StackConfig) -> Iterator[Problem]:
    """Both bounds of a scale can hold at once."""
    scaled: list[tuple[str, AwsContainer | GcpContainer | AzureContainer | GcpFunction]] = [
        (f"containers.{cloud}", section) for cloud, section in _containers(config)
    ]
    if config.serverless.gcp:
        scaled.append(("serverless.gcp", config.serverless.gcp))
    for path, section in scaled:
        if section.min_instances > section.max_instances:
            yield at(
                f"{path}.minInstances",
                f"is {section.min_instances}, and maxInstances is {section.max_instances}",
                "the cloud refuses the service",
                "raise maxInstances, or lower minInstances",
            )


def secrets_are_of_the_same_account(config: StackConfig) -> Iterator[Problem]:
    """A role is given rights in its own account and region only."""
    place = config.clouds.aws
    if place is None:
        return
    for kind, section in (
        ("serverless", config.serverless.aws),
        ("containers", config.containers.aws),
    ):
        for name, arn in section.secrets.items() if section else ():
            region, account = arn.split(":")[3:5]
            if (region, account) != (place.region, place.account):
                yield at(
                    f"{kind}.aws.secrets.{name}",
                    f"is in {account}, {region}, and the stack in {place.account}, {place.region}",
                    "the server could not read it when it starts",
                    "copy the secret there, and write the copy's ARN",
                )


def groups_are_private(config: StackConfig) -> Iterator[Problem]:
    """A container group shows no certificate: tokens would cross the internet in clear."""
    section = config.containers.azure
    if section is None or section.kind != "group" or not section.enabled:
        return
    if section.public:
        yield at(
            "containers.azure.public",
            "is true, and kind is group",
            "a container group has no TLS of its own: tokens would cross the internet in clear",
            "set kind: app, which terminates TLS, or public: false",
        )
    if section.subnet is None:
        yield at(
            "containers.azure.subnet",
            "is missing, and kind is group",
            "without a subnet a group stands on the internet, without TLS",
            "set it to a subnet that is delegated to Microsoft.ContainerInstance/containerGroups",
        )


def secrets_have_a_vault(config: StackConfig) -> Iterator[Problem]:
    """Secrets in Azure are of one Key Vault, in which the app's identity is given rights."""
    for kind, section in (
        ("serverless", config.serverless.azure),
        ("containers", config.containers.azure),
    ):
        if section and section.secrets and section.vault is None:
            yield at(
                f"{kind}.azure.vault",
                "is missing, and secrets name versions in one",
                "the app could not be given the right to read them",
                "set it to the id of the Key Vault (az keyvault show --query id)",
            )


def an_app_has_a_name_of_its_own(config: StackConfig) -> Iterator[Problem]:
    """Nothing binds a name of yours to a container app: Azure would answer 404 there."""
    section = config.containers.azure
    if section and section.enabled and section.kind == "app" and section.domain:
        yield at(
            "containers.azure.domain",
            f"is {section.domain}, and kind is app",
            "Azure would answer 404 there, and the server would not answer to the app's own name",
            "leave it out: an app has a name of its own, which the output targets says",
        )


def who_drains_can_be_told_to(config: StackConfig) -> Iterator[Problem]:
    """An explicit drain goes to clouds that wait for it, or to none."""
    if config.protocol.drain_seconds is None:
        return
    azure = config.containers.azure
    deaf = [
        f"{kind}.{cloud}"
        for kind, cloud in switched_on(config)
        if kind == "serverless" or cloud == "gcp" or (azure and (cloud, azure.kind) == GROUP)
    ]
    if deaf:
        yield at(
            "protocol.drainSeconds",
            f"is {config.protocol.drain_seconds}, and {deaf[0]} is switched on",
            "its cloud waits as long as it likes: 10 s on Cloud Run, not at all for a function on "
            "AWS or Azure (docs/components/budget.md)",
            f"leave it out, or set {', '.join(f'{path}.enabled: false' for path in deaf)}",
        )


def _containers(
    config: StackConfig,
) -> Iterator[tuple[str, AwsContainer | GcpContainer | AzureContainer]]:
    for cloud in CLOUD_NAMES:
        if section := getattr(config.containers, cloud):
            yield cloud, section


CLOUD_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("clouds", "serverless", "containers"), every_cloud_has_a_place),
    (("kubernetes.enabled", "serverless", "containers"), something_is_deployed),
    (
        ("protocol.jwksUrl", "environment", "serverless", "containers"),
        keys_can_be_fetched_from_the_clouds,
    ),
    (("clouds.aws", "containers.aws"), load_balancers_have_a_network),
    (("containers.gcp", "images.server"), images_are_where_cloud_run_pulls),
    (
        ("containers", "environment", "images.server", "kubernetes.enabled"),
        images_of_containers_are_pinned,
    ),
    (("containers", "serverless.gcp"), fewest_are_not_more_than_most),
    (("clouds.aws", "serverless.aws", "containers.aws"), secrets_are_of_the_same_account),
    (("containers.azure",), groups_are_private),
    (("containers.azure",), an_app_has_a_name_of_its_own),
    (("protocol.drainSeconds", "serverless", "containers"), who_drains_can_be_told_to),
    (("containers.azure", "serverless.azure"), secrets_have_a_vault),
]
"""Each rule with what it reads."""
