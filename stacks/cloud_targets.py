"""The servers in the clouds: what is switched on, as the component that it is.

Another cloud is one module in ``targets/``, one line here, and its section in the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pulumi

from archives.ensure import ensure
from archives.hosts import HOSTS
from components.base.problems import Problem, ProblemReport
from components.mcp.target import McpTarget

from .cloud_providers import CloudProviders
from .config.stack import StackConfig
from .rules.clouds import switched_on
from .targets import aws, azure, gcp
from .targets.target import Clouds, Target

TARGETS: Final[Mapping[tuple[str, str], Target]] = {
    (kind, cloud): target
    for cloud, module in (("aws", aws), ("gcp", gcp), ("azure", azure))
    for kind, target in module.TARGETS.items()
}
"""By section and cloud."""


def cloud_targets(config: StackConfig) -> dict[str, McpTarget[Any]]:
    """Every server in a cloud that is switched on, by its name.

    Raises:
        ProblemReport: what their clouds cannot do, of all of them at once, by section.
    """
    on = [TARGETS[kind, cloud] for kind, cloud in switched_on(config)]
    hosts = [HOSTS[target.host] for target in on if target.host]
    archives = {host.name: made for host, made in zip(hosts, ensure(hosts), strict=True)}
    clouds = Clouds(config, CloudProviders(config), archives)
    made: dict[str, McpTarget[Any]] = {}
    problems: list[Problem] = []
    for (kind, cloud), target in zip(switched_on(config), on, strict=True):
        options = pulumi.ResourceOptions(providers=clouds.providers.of([cloud, *target.beside]))
        try:
            made[target.name] = target.build(target.name, clouds, options)
        except ProblemReport as report:
            section = f"qudag-mcp:{kind}.{cloud}"
            problems += [replace(one, path=f"{section} ({one.path})") for one in report.problems]
    if problems:
        raise ProblemReport(problems)
    return made
