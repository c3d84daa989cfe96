"""Section `kubernetes`: the cluster, the namespace and its quota."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from components.base import arg_forms, identity_forms
from components.base.constraints import Form
from components.base.versions import VERSIONS

from .forms import (
    Bytes,
    Cidr,
    Context,
    Cpu,
    DnsLabel,
    LabelKey,
    LabelValue,
    PodSecurityVersion,
    checked,
    constraint,
)
from .identities import Identity
from .pods import Pods
from .section import Section

Group = Annotated[str, constraint(arg_forms.GROUP), checked(arg_forms.GROUP)]


PLACE: Final = Form(
    name="key of a namespace",
    pattern="^[a-z]([-a-z0-9]{0,18}[a-z0-9])?$",
    words="lower-case letters, digits and dashes, at most 20, beginning with a letter and ending "
    "without a dash",
    examples=("agents",),
    consequence="resources and a namespace are named after it",
    longest=20,
)
KUBERNETES_FORMS: Final = {
    PLACE.pattern: PLACE,
    **{form.pattern: form for form in identity_forms.FORMS},
}
"""By pattern, as a refusal names it."""
PlaceName = Annotated[str, constraint(PLACE)]


class Quota(Section):
    """Hard limits of the namespace, in Kubernetes quantities and counts."""

    requests_cpu: Cpu = Field(default="10", description="Sum of CPU requests.")
    requests_memory: Bytes = Field(default="20Gi", description="Sum of memory requests.")
    limits_cpu: Cpu = Field(default="20", description="Sum of CPU limits.")
    limits_memory: Bytes = Field(default="40Gi", description="Sum of memory limits.")
    persistentvolumeclaims: int = Field(default=10, ge=0, description="Number of volume claims.")
    services: int = Field(default=10, ge=0, description="Number of Services.")
    secrets: int = Field(default=20, ge=0, description="Number of Secrets.")
    configmaps: int = Field(default=20, ge=0, description="Number of ConfigMaps.")
    pods: int = Field(default=100, ge=0, description="Number of pods that have not ended.")
    requests_ephemeral_storage: Bytes = Field(
        default="20Gi", description="Sum of requests for the nodes' disks."
    )
    limits_ephemeral_storage: Bytes = Field(
        default="100Gi", description="Sum of limits on the nodes' disks."
    )

    def hard(self) -> dict[str, str]:
        """The mapping that a ResourceQuota takes."""
        names = {
            name: name.replace("_", ".", 1).replace("_", "-") for name in type(self).model_fields
        }
        return {quota: str(getattr(self, name)) for name, quota in names.items()}


class People(Section):
    """Groups of people with RBAC roles in the namespace."""

    developers: list[Group] = Field(
        default=[], description="May read everything except Secrets, and read logs."
    )
    operators: list[Group] = Field(
        default=[], description="May also scale workloads, and evict or delete pods."
    )
    admins: list[Group] = Field(
        default=[],
        description="May also change the platform's objects, and its Secrets.",
    )


class Kubernetes(Section):
    """The cluster and the namespace."""

    enabled: bool = Field(
        default=True,
        description="false: no cluster; only cloud targets are deployed, and sections that only "
        "the platform in a cluster reads are refused.",
    )
    namespace: DnsLabel | None = Field(default=None, description="Absent: qudag-mcp-<environment>.")
    context: Context | None = Field(
        default=None,
        description="Context of your kubeconfig; the current context is not used by default.",
    )
    namespaces: dict[PlaceName, DnsLabel] = Field(
        default={},
        description="Further namespaces of the platform, by the key that servers.<name>.namespace "
        "has; absent for a key: <namespace>-<key>.",
    )
    namespace_labels: dict[LabelKey, LabelValue] = Field(
        default={}, description="Labels of the namespaces besides those of the platform."
    )
    api_server: list[Cidr] = Field(
        default=[],
        description="Networks of the API server (kubectl get service,endpointslices -n default); "
        "no pod may connect to them.",
    )
    pod_security_version: PodSecurityVersion = Field(
        default=VERSIONS["kubernetes"]["podSecurity"],
        description="Version of the restricted Pod Security Standard that is enforced.",
    )
    ip_families: Literal["PreferDualStack", "SingleStack", "RequireDualStack"] = Field(
        default="PreferDualStack",
        description="Of Services: IPv4 and IPv6 where the cluster has both, one, or both always.",
    )
    pods: Pods = Field(default_factory=Pods)
    service_pods: dict[str, Pods] = Field(
        default={},
        description="As pods, for one service, data store or job by its name; its own values come "
        "first.",
    )
    identities: dict[str, Identity] = Field(
        default={},
        description="Identities of a cloud, without a stored key, for the pods of services and "
        "jobs by their names; absent: they have none.",
    )
    token_networks: list[Cidr] = Field(
        default=[],
        description="Networks in which the token service of identities of aws "
        "(sts.<region>.amazonaws.com) or azure (login.microsoftonline.com) answers at port 443, "
        "such as its private endpoints.",
    )
    people: People = Field(default_factory=People)
    quota: Quota | None = Field(
        default=None, description="Quota of each namespace of the platform; absent: none."
    )
    container_limits: bool = Field(
        default=True,
        description="LimitRange: 50m-2 CPU, 64Mi-4Gi memory and 1Mi-4Gi disk a container, defaults "
        "between.",
    )
