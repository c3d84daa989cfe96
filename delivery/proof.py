"""The call that proves a platform: through its gateway, by the official client, in each era."""

from __future__ import annotations

import asyncio
import time

from components.problems import ProblemReport

from . import local_secrets
from .cluster import Cluster
from .outputs import Deployed, reachable
from .progress import Progress

SECONDS = 20.0
"""How long a ready platform may take until its first call succeeds: rules and routes settle."""


def proven(deployed: Deployed, cluster: Cluster, progress: Progress) -> str:
    """Lists the tools and calls one in each era that is served; what it found, in a few words.

    Where the issuer is not ours no token can be made, and nothing is called.

    Raises:
        ProblemReport: what the last of several tries met.
    """
    from .client import Endpoint, check, mint  # loads the MCP SDK: no earlier step waits for it

    outputs = deployed.outputs
    if not {"mcp_url", "namespace"} <= set(outputs):
        return "not called: the program exports no mcp_url, or no namespace"
    with (
        progress.step("A call through the gateway") as step,
        reachable(outputs["mcp_url"], deployed, cluster.kubectl) as url,
    ):
        private = local_secrets.signer_key(cluster.kubectl, outputs["namespace"])
        if private is None:
            step.result = "not called: no token can be made here for its issuer"
            return step.result
        token = mint(private, issuer=outputs["issuer"], audience=outputs["audience"])
        where = Endpoint(url=url, token=token, ca_file=deployed.ca_file)
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                step.result = asyncio.run(check(where, outputs["era"]))
                return step.result
            except ProblemReport as report:
                if time.monotonic() > deadline:
                    raise
                progress.say(report.problems[0].what[:100])
                time.sleep(1.0)
