"""One server without data stores, for trials and small installations.

It is the first architecture of the MCP-SSE deployment guide, with the resources and probes of the
guide's Deployment. nginx is in the server's pod: it terminates the clients' TLS on port 8443, and
limits their rate in memory.
"""

from typing import Final

from components.kubernetes.container import Probe
from components.kubernetes.resources import Resources

from .one_server import flows_of
from .topology import Front, MonolithService, Topology

SERVER: Final = "mcp-server"

SINGLE_SERVER: Final = Topology(
    name="single-server",
    front=Front(service=SERVER, upstream=SERVER, service_name="qudag-mcp"),
    authorizer=SERVER,
    services=[
        MonolithService(
            name=SERVER,
            form="environment",
            replicas=1,
            resources=Resources(cpu="500m", memory="256Mi", cpu_limit="1", memory_limit="512Mi"),
            health=Probe(delay=10, period=10, failures=3),
            readiness=Probe(delay=5, period=5, failures=2),
        ),
    ],
    flows=flows_of(SERVER, SERVER, stores=False),
)
