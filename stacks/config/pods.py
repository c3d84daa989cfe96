"""Settings of pods: scheduling, labels, image pull secrets, variables and user ids."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .forms import FileName, LabelKey, LabelValue, ObjectName, OneLine, SecretName, VariableName
from .section import Section


class Toleration(Section):
    """Lets pods run on nodes with a taint."""

    key: LabelKey = Field(description="Key of the taint.")
    value: LabelValue | None = Field(default=None, description="Absent: any value.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Absent: each of the three."
    )
    seconds: int | None = Field(
        default=None,
        ge=0,
        le=3600,
        description="Seconds that a running pod stays on a node with a new taint NoExecute.",
    )


class SecretKey(Section):
    """One key of a Secret that exists already."""

    secret: SecretName = Field(description="Name of the Secret.")
    key: FileName = Field(description="Key in it.")


class Pods(Section):
    """Scheduling, labels, image pull secrets, variables and user ids of pods."""

    node_selector: dict[LabelKey, LabelValue] = Field(
        default={}, description="Labels of the nodes that the pods may run on."
    )
    tolerations: list[Toleration] | None = Field(
        default=None, description="Taints that the pods tolerate."
    )
    priority_class: ObjectName | None = Field(default=None, description="Absent: the cluster's.")
    runtime_class: ObjectName | None = Field(
        default=None, description="Such as gvisor; absent: the cluster's default runtime."
    )
    labels: dict[LabelKey, LabelValue] = Field(
        default={}, description="Labels of the pods besides those of the components."
    )
    annotations: dict[LabelKey, OneLine] = Field(
        default={}, description="Annotations of the pods besides those of the components."
    )
    image_pull_secrets: list[SecretName] | None = Field(
        default=None, description="Names of Secrets with the key .dockerconfigjson."
    )
    env: dict[VariableName, OneLine] = Field(
        default={},
        description="Variables of every container, such as HTTPS_PROXY; no credentials.",
    )
    secret_env: dict[VariableName, SecretKey] = Field(
        default={}, description="Variables whose values are keys of Secrets."
    )
    user_ids: Literal["nobody", "platform"] | None = Field(
        default=None,
        description="nobody (the default): 65534; platform: the cluster assigns them, as OpenShift "
        "does.",
    )
    user_namespaces: bool | None = Field(
        default=None,
        description="hostUsers: false. Absent: where podSecurityVersion is v1.36 or newer. Nodes "
        "need Linux 6.3 and containerd 2.0 or CRI-O.",
    )
    node_scale_down: Literal["evict", "prevent"] | None = Field(
        default=None,
        description="Whether an autoscaler of nodes may evict the pods to remove their node; "
        "absent: its own default, with which the cluster autoscaler keeps the node.",
    )
