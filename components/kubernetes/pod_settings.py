"""Settings of pods: scheduling, labels, image pull secrets, variables and user ids."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal

import pulumi

from ..base.arg_types import (
    Delay,
    LabelKey,
    LabelValue,
    ObjectName,
    OneLine,
    SecretName,
    VariableName,
)
from ..base.credentials import looks_like_a_credential
from ..base.problems import Problem
from ..mcp.secret_key import SecretKey
from .cloud_identity import CloudIdentity
from .labels import IDENTITY, OWN_ANNOTATIONS, OWN_LABELS, OWN_PREFIXES

OWN_VARIABLES: Final = (
    *("POD_NAME", "POD_NAMESPACE", "QUDAG_ENV", "RUST_LOG"),
    *("DB_NAME", "DB_USER", "HOME", "NO_COLOR", "QUDAG_MCP_TRACES", "ROTATION_DELAY"),
)
"""Environment variables that components set themselves."""
EXPORTER_VARIABLES: Final = (
    *("DATA_SOURCE_NAME", "PGPASSFILE", "PG_EXPORTER_WEB_LISTEN_ADDRESS"),
    *("REDIS_ADDR", "REDIS_USER", "REDIS_PASSWORD", "REDIS_EXPORTER_SKIP_TLS_VERIFICATION"),
    *("REDIS_EXPORTER_WEB_LISTEN_ADDRESS", "REDIS_EXPORTER_CONFIG_COMMAND"),
    "REDIS_EXPORTER_SET_CLIENT_NAME",
)
"""Those of the exporters of the databases. A server may have its own: no exporter is beside it."""
BACKUP_VARIABLES: Final = (
    *("OWNER", "PASSWORD_FILE", "WAIT", "WORK"),
    *("PGDATABASE", "PGPORT", "PGSSLMODE", "PGSSLROOTCERT", "PGUSER"),
)
"""Those of the jobs that back up a database. A server may have its own."""
RESERVED_VARIABLES: Final = frozenset((*OWN_VARIABLES, *EXPORTER_VARIABLES, *BACKUP_VARIABLES))
"""Variables that no settings of pods may have."""


class UserIds(Enum):
    """Who decides on the user and group ids of the processes.

    NOBODY: 65534, in every container.
    PLATFORM: the cluster, as OpenShift's restricted-v2 does for each namespace. The pods set no id;
    ``runAsNonRoot`` stays true.
    """

    NOBODY = "nobody"
    PLATFORM = "platform"


@dataclass(frozen=True, kw_only=True)
class Toleration:
    """Lets pods run on nodes with a taint.

    Attributes:
        key: key of the taint.
        value: value of the taint; None: any.
        effect: effect of the taint; None: each of the three.
        seconds: how long a running pod stays on a node with a new taint NoExecute; None: no end.
    """

    key: LabelKey
    value: LabelValue | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    seconds: Delay | None = None

    def refusals(self) -> list[Problem]:
        """A problem if ``seconds`` is set and ``effect`` is not NoExecute."""
        if self.seconds is None or self.effect == "NoExecute":
            return []
        return [
            Problem(
                "seconds",
                f"is {self.seconds}, and effect is {self.effect or 'not set'}",
                "the API server refuses the pods",
                "set effect to NoExecute, or leave seconds out",
            )
        ]

    def spec(self) -> dict[str, Any]:
        """The Kubernetes toleration."""
        stated = {"value": self.value, "effect": self.effect, "tolerationSeconds": self.seconds}
        operator = "Exists" if self.value is None else "Equal"
        given = {name: value for name, value in stated.items() if value is not None}
        return {"key": self.key, "operator": operator, **given}


NODE_SCALE_DOWN: Final[Mapping[str, Mapping[str, str]]] = {
    "evict": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"},
    "prevent": {
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        "karpenter.sh/do-not-disrupt": "true",
    },
}
"""Annotations of pods that the cluster autoscaler and Karpenter read, by ``node_scale_down``."""


@dataclass(frozen=True, kw_only=True)
class PodSettings:
    """Scheduling, labels, image pull secrets, variables and user ids of pods.

    Attributes:
        node_selector: labels of the nodes that the pods may run on.
        tolerations: taints that the pods tolerate.
        priority_class: PriorityClass of the pods.
        runtime_class: RuntimeClass of the pods, such as ``gvisor``.
        labels: labels of the pods besides those of the components.
        annotations: annotations of the pods besides those of the components.
        image_pull_secrets: Secrets of the type kubernetes.io/dockerconfigjson.
        env: variables of every container, such as HTTPS_PROXY. What looks like a credential is
            refused.
        secret_env: variables of every container whose values are keys of Secrets.
        user_ids: see UserIds.
        user_namespaces: whether user ids in the pods differ from those of the node (``hostUsers:
            false``): Kubernetes 1.33, Linux 6.3, containerd 2.0 or CRI-O, and volumes whose file
            system supports idmapped mounts.
        node_scale_down: whether an autoscaler of nodes may evict the pods to remove their node
            (``evict``) or not (``prevent``); None: as it does by default. The cluster autoscaler
            keeps nodes with pods that have an emptyDir, as all of these have.
        identity: whose rights in a cloud the pods have; None: they have none.
    """

    node_selector: Mapping[LabelKey, LabelValue] = field(default_factory=dict[str, str])
    tolerations: Sequence[Toleration] = ()
    priority_class: ObjectName | None = None
    runtime_class: ObjectName | None = None
    labels: Mapping[LabelKey, LabelValue] = field(default_factory=dict[str, str])
    annotations: Mapping[LabelKey, OneLine] = field(default_factory=dict[str, str])
    image_pull_secrets: Sequence[SecretName] = ()
    env: Mapping[VariableName, OneLine] = field(default_factory=dict[str, str])
    secret_env: Mapping[VariableName, SecretKey] = field(default_factory=dict[str, SecretKey])
    user_ids: UserIds = UserIds.NOBODY
    user_namespaces: bool = False
    node_scale_down: Literal["evict", "prevent"] | None = None
    identity: CloudIdentity | None = None

    def refusals(self) -> list[Problem]:
        """See ``settings_problems`` and ``identity_problems``."""
        return [
            *settings_problems(
                labels=self.labels,
                annotations=self.annotations,
                env=self.env,
                secret_env=self.secret_env,
                node_scale_down=self.node_scale_down,
                spelled={
                    "env": "env",
                    "secret_env": "secret_env",
                    "node_scale_down": "node_scale_down",
                },
            ),
            *identity_problems(self.identity, env=self.env, secret_env=self.secret_env),
        ]

    def pod_fields(self) -> dict[str, Any]:
        """The fields of the pod spec that these settings add."""
        stated: dict[str, Any] = {
            "nodeSelector": dict(self.node_selector),
            "tolerations": [each.spec() for each in self.tolerations],
            "priorityClassName": self.priority_class,
            "runtimeClassName": self.runtime_class,
            "imagePullSecrets": [{"name": name} for name in self.image_pull_secrets],
        }
        given = {name: value for name, value in stated.items() if value}
        return given | ({"hostUsers": False} if self.user_namespaces else {})

    def pod_annotations(self) -> dict[str, pulumi.Input[str]]:
        """The annotations of the pods that these settings add."""
        chosen = NODE_SCALE_DOWN.get(self.node_scale_down or "", dict[str, str]())
        identity = {IDENTITY: self.identity.fingerprint} if self.identity else {}
        return {**self.annotations, **chosen, **identity}

    def pod_labels(self) -> dict[str, str]:
        """The labels of the pods that these settings add."""
        return {**self.labels, **(self.identity.pod_labels if self.identity else {})}

    def variables(self) -> list[dict[str, Any]]:
        """The environment variables that these settings add to each container."""
        return [
            *({"name": name, "value": value} for name, value in self.env.items()),
            *(key_variable(name, each) for name, each in self.secret_env.items()),
        ]


def key_variable(name: str, key: SecretKey) -> dict[str, Any]:
    """The environment variable ``name`` with the value of a key of a Secret."""
    return {
        "name": name,
        "valueFrom": {"secretKeyRef": {"name": key.secret, "key": key.key}},
    }


def settings_problems(
    *,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    env: Mapping[str, str],
    secret_env: Mapping[str, Any],
    node_scale_down: str | None,
    spelled: Mapping[str, str],
) -> Iterator[Problem]:
    """Problems of labels, annotations and variables: reserved names, and credentials in clear.

    Args:
        labels, annotations, env, secret_env, node_scale_down: as in PodSettings.
        spelled: the names of the last three fields where they were written.
    """
    for key in annotations.keys() & NODE_SCALE_DOWN.get(node_scale_down or "", {}).keys():
        yield Problem(
            f"annotations.{key}",
            f"is set, and {spelled['node_scale_down']} as well",
            "one of the two values would be lost",
            "leave one of the two out",
        )
    for where, given, own in (
        ("labels", labels, OWN_LABELS),
        ("annotations", annotations, OWN_ANNOTATIONS),
    ):
        for key in given:
            if key in own or key.startswith(OWN_PREFIXES):
                yield Problem(
                    f"{where}.{key}",
                    "is set by the component or by Kubernetes",
                    "selectors, network policies or checks of the pods would no longer hold",
                    "leave it out, or use a name of your own",
                )
    for field_name, given in (("env", env), ("secret_env", secret_env)):
        for name in given:
            if name in RESERVED_VARIABLES:
                yield Problem(
                    f"{spelled[field_name]}.{name}",
                    "is set by the component",
                    "the container would have the variable twice",
                    "leave it out",
                )
    yield from credential_problems(env=env, secret_env=secret_env, spelled=spelled)


def credential_problems(
    *, env: Mapping[str, Any], secret_env: Mapping[str, Any], spelled: Mapping[str, str]
) -> Iterator[Problem]:
    """Variables that are given twice, and credentials in clear; see ``settings_problems``."""
    for name, value in env.items():
        if name in secret_env:
            yield Problem(
                f"{spelled['env']}.{name}",
                f"is also in {spelled['secret_env']}",
                "the container would have the variable twice",
                "leave one of the two out",
            )
        if isinstance(value, str) and looks_like_a_credential(name, value):
            yield Problem(
                f"{spelled['env']}.{name}",
                "looks like a credential; its value is not shown here",
                "it would be stored in Git, in the state and in every pod's description",
                f"store it in a Secret, name that in {spelled['secret_env']}, and rotate it",
            )


def identity_problems(
    identity: CloudIdentity | None, *, env: Collection[str], secret_env: Collection[str]
) -> Iterator[Problem]:
    """Variables by which a pod would have other credentials than those of its identity."""
    for field_name, given in (("env", env), ("secret_env", secret_env)):
        for name in given:
            if identity and name in identity.system.variables:
                yield Problem(
                    f"{field_name}.{name}",
                    "is set, and the pods have an identity of a cloud",
                    "the cloud's webhook would leave it as it is: the pods would have no "
                    "credentials, or those of another identity",
                    "leave it out, or leave the identity out",
                )
