"""Forms of text in the section `servers`: names, keys of Secrets and paths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from components.base import arg_forms
from components.base.constraints import Form

from .server_metrics import METRICS_FORMS

NAME: Final = Form(
    name="server name",
    # With the usual prefix of its Secret, mcp-internal-tls-, 49 characters: a Secret's name has 50.
    pattern="^[a-z]([-a-z0-9]{0,30}[a-z0-9])?$",
    words="lower-case letters, digits and dashes, at most 32, beginning with a letter and ending "
    "without a dash",
    examples=("weather",),
    consequence="its URL, its certificate and objects of Kubernetes are named after it",
    longest=32,
)
SECRET_KEY: Final = Form(
    name="key of a Secret",
    pattern="^[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?/[A-Za-z0-9_][A-Za-z0-9._-]{0,252}$",
    words="the name of a Secret and a key in it, as SECRET/KEY",
    examples=("weather-credentials/api-key",),
    consequence="no pod would start; a password written here would be stored in Git",
    longest=304,
    secret=True,
)


def _no_parent(consequence: str) -> Callable[[str], tuple[str, str, str] | None]:
    def check(path: str) -> tuple[str, str, str] | None:
        if not {".", ".."} & set(path.split("/")):
            return None
        return (
            f"is {path!r}, with a step to the same or the parent directory",
            consequence,
            "write the path without . and ..",
        )

    return check


MCP_PATH: Final = Form(
    name="MCP path",
    pattern="^(/[-A-Za-z0-9._]+)+$",
    words="the path of a URL: letters, digits and . _ - between slashes",
    examples=("/mcp",),
    consequence="the gateway could not forward any call",
    check=_no_parent("requests would arrive at another path of the server"),
)
PATH_PREFIX: Final = Form(
    name="path prefix",
    pattern="^(/[A-Za-z0-9][-A-Za-z0-9._]*)+$",
    words="the beginning of a URL's path: letters, digits and . _ - between slashes, without a "
    "slash at the end",
    examples=("/api/v1",),
    consequence="the gateway could not forward any call",
    longest=100,
)
HEALTH_PATH: Final = Form(
    name="health path",
    pattern="^/[A-Za-z0-9._~/-]*$",
    words="the path of a URL, without query",
    examples=("/healthz",),
    consequence="the kubelet would ask for another path, and restart the pod",
    check=_no_parent("the kubelet would ask for another path, and restart the pod"),
)
FILE_PATH: Final = replace(
    arg_forms.PATH,
    examples=("/etc/weather/config.yaml", "/data"),
    check=_no_parent("the API server refuses the pods"),
)
SERVER_FORMS: Final = {
    form.pattern: form for form in (NAME, SECRET_KEY, MCP_PATH, PATH_PREFIX, HEALTH_PATH, FILE_PATH)
} | METRICS_FORMS
"""By pattern, as a refusal names it."""
