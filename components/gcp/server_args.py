"""Args that servers on Google Cloud have in common, and their checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..base.arg_types import SecretVariable
from ..base.limits import Limit, instances_problems
from ..base.problems import Problem
from ..mcp.cloud_server import CloudServerArgs, drain_problems, variables_problems
from ..mcp.timeout_budget import STEP, Distance
from ..mcp.user_container import UserContainer
from .access import GcpAccess
from .arg_types import KmsKey, SecretVersion
from .facts import CLOUD_RUN_CONCURRENCY
from .location import GcpLocation
from .otlp import GcpOtlpReceiver

STOPS: Final = "Cloud Run ends an instance 10 s after telling it to (Container runtime contract)"


@dataclass(frozen=True, kw_only=True)
class GcpServerArgs(CloudServerArgs):
    """What every server on Google Cloud is given.

    Attributes:
        location: project, region and network.
        access: who may call it.
        secrets: by environment variable, one version of a secret,
            ``projects/<project>/secrets/<name>/versions/<number>``.
        kms_key: id of your key in Cloud KMS, which encrypts what the server stores; None: keys of
            Google. Another key replaces the session store and the repository of a function.
        cpu: CPUs of an instance.
        memory_mb: MiB of an instance.
        concurrency: most requests that an instance handles at once.
        min_instances: fewest instances.
        max_instances: most instances.
    """

    location: GcpLocation
    access: GcpAccess
    secrets: Mapping[SecretVariable, SecretVersion] = field(default_factory=dict[str, str])
    kms_key: KmsKey | None = None
    cpu: float = 1
    memory_mb: int = 512
    concurrency: int = 100
    min_instances: int = 0
    max_instances: int = 10

    @property
    def front_of(self) -> UserContainer | None:
        """The user's image that the server is the reverse proxy for; a function has none."""
        return None

    @property
    def receiver(self) -> GcpOtlpReceiver | None:
        """What gets spans and copies of log lines; a function sends none."""
        return None

    def refusals(self) -> list[Problem]:
        return [
            *super().refusals(),
            *variables_problems("secrets", self.secrets),
            *drain_problems(self.config, stops=STOPS),
            *self.location.key_problems("kms_key", self.kms_key),
            *instances_problems(self.min_instances, self.max_instances),
            *CLOUD_RUN_CONCURRENCY.problems(
                "concurrency", self.concurrency, fix=f"set at most {CLOUD_RUN_CONCURRENCY.most}"
            ),
        ]

    def timeout_problems(self, limit: Limit) -> list[Problem]:
        """A tool that may run longer than the cloud waits for a request."""
        return limit.problems(
            "config.budget.longest_tool",
            self.config.budget.at(Distance.GATEWAY).timeout,
            fix=f"set at most {limit.most - STEP}",
        )
