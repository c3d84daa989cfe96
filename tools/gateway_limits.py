"""The table of what one client may do at the gateway of a stack, for its documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from stacks.config.validation import KEY_PREFIX, validate
from stacks.services import topology

ROOT = Path(__file__).resolve().parents[1]


def limits_table(stack: str) -> str:
    """Rates and connections at one pod of the gateway, and at the fewest and the most of them."""
    written: dict[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    config = validate(
        {key.removeprefix(KEY_PREFIX): value for key, value in written.items()}, stack=stack
    )
    limits = config.edge.rate_limits
    if limits is None:
        raise ValueError(f"{stack} has no rate limits")
    scaled = topology(config)
    front = next(s for s in scaled.services if s.name == scaled.front.service)
    fewest, most = (
        (front.scaling.min, front.scaling.max)
        if front.scaling
        else (front.replicas, front.replicas)
    )
    rows = [
        f"| {zone} | {one} | {fewest * one} | {most * one} |"
        for zone, one in {
            "`api`, requests a second": limits.api.requests_per_second,
            "`api`, burst": limits.api.burst,
            "`api`, calls at a time": limits.api.connections,
            "`api`, standing streams": limits.api.streams,
            "`websocket`, opened a second": limits.websocket.requests_per_second,
            "`websocket`, at a time": limits.websocket.connections,
            "`upload`, requests a second": limits.upload.requests_per_second,
        }.items()
    ]
    head = f"| limit in {stack} | at one pod | at {fewest} pods | at {most} pods |"
    return "\n".join([head, "|---|---|---|---|", *rows])
