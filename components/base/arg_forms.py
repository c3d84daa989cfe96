"""Forms of text for args of components that the stack file does not use."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from .constraints import Form
from .forms import API_REFUSES, LABEL, no_such_port

_NAME: Final = r"(?!.*::)(?=.*[A-Za-z0-9])[^\x00-\x1f\x7f'\"\\/]+"
NAME: Final = Form(
    name="component name",
    pattern=f"^{_NAME}$",
    words="a name of at most 63 characters, with a letter or digit, without quotes, / and ::",
    examples=("mcp-server",),
    consequence="resources are named after it, and Pulumi or the clouds refuse such names",
    longest=63,
)
SERVER_NAME: Final = replace(NAME, pattern=f"^({_NAME})?$", shortest=0)
"""As ``NAME``; empty where the component fills it in."""


def kubernetes_name(longest: int) -> Form:
    """The form of a component's name from which names of Kubernetes objects are derived.

    Args:
        longest: the most characters; with the longest suffix a name has at most 63.
    """
    return Form(
        name="component name",
        pattern="^[a-z]([-a-z0-9]*[a-z0-9])?$",
        words=f"lower-case letters, digits and dashes, at most {longest}, beginning with a letter",
        examples=("mcp-server",),
        consequence="objects of Kubernetes are named after it, and the API server refuses them",
        longest=longest,
    )


HOST: Final = Form(
    name="host",
    pattern=rf"^({LABEL}(\.{LABEL})*|\[[0-9a-f:.]+\])$",
    words="a host name or an IP address alone, without port and path",
    examples=("mcp-core-service.qudag.svc", "127.0.0.1"),
    consequence="no connection could be made to it",
)


def _egress_host(written: str) -> tuple[str, str, str] | None:
    """Refuses names that clusters and clouds resolve to addresses of their own, and large ports."""
    host, _, port = written.rpartition(":")
    suffix = host.rpartition(".")[2]
    if suffix in _INSIDE:
        what = f"is {written}, and names that end in .{suffix} are inside a cluster or a cloud"
        return what, "a server could connect to what others run", "name a host on the internet"
    if int(port) > 65535:
        return f"is {written}: ports end at 65535", EGRESS_HOST.consequence, "write another port"
    return None


_INSIDE: Final = ("svc", "local", "internal", "localhost", "arpa", "lan", "corp", "home", "test")
EGRESS_HOST: Final = Form(
    name="host and port",
    pattern=rf"^({LABEL}\.)+([a-z]{{2,63}}|xn--[-a-z0-9]{{0,58}}[a-z0-9]):[1-9][0-9]{{0,4}}$",
    words="the full name of a host in lower case, a colon and a port, without * and https://",
    examples=("api.weather.gov:443",),
    consequence="no connection could be made to it",
    check=_egress_host,
)


def _group(written: str) -> tuple[str, str, str] | None:
    if not written.startswith("system:"):
        return None
    return (
        f"is {written}, a group of Kubernetes itself",
        "everyone with an account, or the cluster's own parts, would have the role",
        "name a group of your identity provider",
    )


GROUP: Final = Form(
    name="group",
    pattern="^[^\\x00-\\x20\\x7f]([^\\x00-\\x1f\\x7f]{0,251}[^\\x00-\\x20\\x7f])?$",
    words="the name of a group as the cluster's authentication has it, on one line",
    examples=("oidc:mcp-developers",),
    consequence="nobody would have the role",
    longest=253,
    check=_group,
)
TOOL: Final = Form(
    name="tool",
    pattern="^[A-Za-z0-9_./-]+$",
    words="the name of a tool: letters, digits and . _ - /",
    examples=("echo",),
    consequence="no call could name it in its header",
    longest=128,
)
PATH: Final = Form(
    name="path",
    pattern="^(/[A-Za-z0-9._-]+)+$",
    words="an absolute path: letters, digits and . _ - between slashes",
    examples=("/var/lib/qudag",),
    consequence=API_REFUSES,
    longest=1024,
)
URL_PATH: Final = Form(
    name="URL path",
    pattern="^/[A-Za-z0-9._~/%?=&-]*$",
    words="the path of a URL",
    examples=("/health",),
    consequence="the kubelet would probe another path and restart the pod",
    longest=1024,
)
ENDPOINT_PATH: Final = Form(
    name="path of an endpoint",
    pattern=r"^/((?!\.{1,2}(/|$))[A-Za-z0-9._-]+(/(?!\.{1,2}(/|$))[A-Za-z0-9._-]+)*/?)?$",
    words="the path of a URL: letters, digits and . _ - between slashes",
    examples=("/mcp",),
    consequence="requests would arrive at another path of the server, or at none",
    longest=1024,
)
PORT_NAME: Final = Form(
    name="port name",
    pattern="^(?=.*[a-z])[a-z0-9](-?[a-z0-9])*$",
    words="lower-case letters, digits and dashes, at most 15, with a letter",
    examples=("https",),
    consequence=API_REFUSES,
    longest=15,
)
QUANTITY: Final = Form(
    name="quantity",
    pattern="^[0-9]{1,15}([.][0-9]{1,9})?(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$",
    words="a quantity of Kubernetes: a number, with a unit such as m, k, Mi or Gi where it has one",
    examples=("100", "100m", "10Gi"),
    consequence=API_REFUSES,
    longest=28,
)
RESOURCE_NAME: Final = Form(
    name="resource name",
    pattern=r"^[a-z]([-a-z0-9.]*[a-z0-9])?(/[a-z0-9]([-a-zA-Z0-9._]*[a-z0-9])?)?$",
    words="the name of a resource of Kubernetes",
    examples=("requests.cpu", "count/deployments.apps"),
    consequence=API_REFUSES,
)
METRIC: Final = Form(
    name="metric",
    pattern="^[A-Za-z_][A-Za-z0-9_:./-]*$",
    words="the name of a metric: letters, digits and _ : . / -",
    examples=("http_requests_per_second",),
    consequence="no metric has such a name: the autoscaler would remove no pods",
)


def _inside(written: str) -> tuple[str, str, str] | None:
    """There is such a port, and plain HTTP is for Services of the cluster."""
    if refused := no_such_port(written):
        return refused
    host = written.removeprefix("http://").partition("/")[0].partition(":")[0]
    if written.startswith("https://") or host.endswith((".svc", ".svc.cluster.local")):
        return None
    return (
        f"is {written}, and plain HTTP is for a Service of the cluster",
        PROMETHEUS_URL.consequence,
        "write an https:// URL, or the name of a Service with its namespace, which ends in .svc",
    )


PROMETHEUS_URL: Final = Form(
    name="URL of Prometheus",
    pattern=rf"^https?://{LABEL}(\.{LABEL})*(:[1-9][0-9]{{0,4}})?(/[A-Za-z0-9._~-]+)*$",
    words="an https:// URL of host, port and path, or an http:// URL of a Service of the cluster",
    examples=("http://prometheus.monitoring.svc:9090", "https://prometheus.example.com"),
    consequence="answers could be changed in transit: anyone in between could scale the pods",
    longest=512,
    check=_inside,
)
VALKEY_BYTES: Final = Form(
    name="Valkey size",
    pattern="^[1-9][0-9]{0,8}(kb|mb|gb)$",
    words="a whole number above 0 with its unit: kb, mb or gb",
    examples=("256mb",),
    consequence="Valkey would not start, or fill its container's memory",
)
DURATION: Final = Form(
    name="duration",
    pattern="^[1-9][0-9]{0,6}(ms|s|m|h)$",
    words="a whole number above 0 with its unit: ms, s, m or h",
    examples=("30s",),
    consequence="the server would not start",
)
SECRET_ARN: Final = Form(
    name="secret ARN",
    pattern="^arn:aws[a-z-]{0,8}:secretsmanager:[a-z0-9-]{1,32}:[0-9]{12}:secret:"
    "[A-Za-z0-9/_+=.@!-]{1,512}$",
    words="the ARN of a secret in AWS Secrets Manager",
    examples=("arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0a1b2c-a1B2c3",),
    consequence="the server could not read the password",
    secret=True,
)
WORD: Final = Form(
    name="word",
    pattern="^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
    words="a word of letters, digits and . _ -, at most 63",
    examples=("core",),
    consequence=API_REFUSES,
    longest=63,
)
SET_BY_SENDERS: Final = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-encoding", "content-length"),
        *("content-type", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding"),
        *("upgrade", "user-agent"),
    }
)
"""Headers, in small letters, that programs set themselves when they send OTLP over HTTP."""


def _sets_it_itself(name: str) -> tuple[str, str, str] | None:
    if name.lower() not in SET_BY_SENDERS:
        return None
    return (
        f"is {name}, which the sender sets itself",
        "the receiver would refuse what is sent, or find no token in it",
        "write the header in which the receiver expects the token, such as DD-API-KEY",
    )


HEADER_NAME: Final = Form(
    name="header",
    pattern="^[A-Za-z][A-Za-z0-9_-]{0,62}$",
    words="the name of a header: letters, digits, - and _, a letter first, at most 63",
    examples=("DD-API-KEY",),
    consequence="the token would be sent in no header: the receiver would refuse what is sent",
    longest=63,
    check=_sets_it_itself,
)
DATA_STREAM: Final = Form(
    name="data stream",
    pattern="^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$",
    words="lowercase letters, digits and . _ -, at most 63",
    examples=("qudag-mcp-logs",),
    consequence="Elasticsearch and OpenSearch would make no data stream of this name",
    longest=63,
)


def _no_keyword(name: str) -> tuple[str, str, str] | None:
    if name not in ("all", "replication", "sameuser", "samerole", "samegroup"):
        return None
    return (
        f"is {name!r}, a keyword of pg_hba.conf",
        "PostgreSQL would accept other users, or access to other databases",
        "use another name, such as qudag_mcp",
    )


DATABASE_NAME: Final = Form(
    name="database name",
    pattern="^[a-z_][a-z0-9_]*$",
    words="lower-case letters, digits and _, at most 63, beginning with a letter",
    examples=("qudag_mcp",),
    consequence="PostgreSQL would refuse it, or read it as a keyword of pg_hba.conf",
    longest=63,
    check=_no_keyword,
)
DATABASE_USER: Final = Form(
    name="database user",
    pattern="^[A-Za-z_][A-Za-z0-9_.@-]*$",
    words="letters, digits and _ . @ -, at most 63, beginning with a letter",
    examples=("qudag", "mcp-core@acme-prod.iam"),
    consequence="PostgreSQL would refuse it, or read it as a keyword of pg_hba.conf",
    longest=63,
    check=_no_keyword,
)
MULTIADDRESS: Final = Form(
    name="multiaddress",
    pattern="^(/[A-Za-z0-9._:-]+)+$",
    words="a multiaddress",
    examples=("/dns4/node.example.com/tcp/4001", "/ip4/192.0.2.1/tcp/4001"),
    consequence="the node would not find its peer, or not start",
    longest=512,
)
DIGEST: Final = Form(
    name="digest",
    pattern="^[0-9a-f]{64}$",
    words="the 64 hexadecimal digits of a digest",
    examples=("0123456789abcdef" * 4,),
    consequence="names are made of it: two archives could have one name",
    longest=64,
)
LINE: Final = Form(
    name="line",
    pattern=r"^[^\x00-\x1f\x7f\u0085\u2028\u2029\ud800-\udfff]+$",
    words="one line of text",
    examples=("metrics",),
    consequence="it would break the line that it is written into",
    longest=4096,
)
ANY_LINE: Final = replace(LINE, pattern=f"({LINE.pattern})?", shortest=0, longest=100_000)
"""The form of a text arg without a specific form."""
TEXT: Final = Form(
    name="text",
    pattern=r"^[^\x00\ud800-\udfff]*$",
    words="text without the character NUL and without half characters (surrogates)",
    examples=("--verbose",),
    consequence="no process accepts it as an argument",
    shortest=0,
    longest=1_000_000,
)
DOCUMENT: Final = replace(
    TEXT,
    name="document",
    pattern=r"^(?:[^\x00\ud800-\udfff]*)$",
    words="the text of a document in JSON or YAML, which json.dumps(...) makes of a mapping",
    examples=("{}",),
    consequence="it is written to a file, and a file has text",
)
"""As ``TEXT``, for the content of a file: rules, routes, dashboards, configurations.

Refusals find a form by its pattern, so the same characters are written in another way."""
EMAIL_ADDRESS: Final = Form(
    name="e-mail address",
    pattern=r"^[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$",
    words="one e-mail address",
    examples=("mcp-alerts@company.com",),
    consequence="the mail would not arrive",
)
