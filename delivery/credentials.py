"""Whether this machine may speak to the clouds that a stack goes to; only those are asked about."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from components.base.problems import Problem, ProblemReport
from graph.resource_graph import ResourceGraph

_MAKER: Final = Path("/sys/class/dmi/id/sys_vendor")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a cloud's provider looks for credentials.

    Attributes:
        cloud: its name for people.
        variables: environment variables, any of which is enough.
        files: files below the home folder, any of which is enough; a variable that says where else
            they are is among the variables.
        maker: what a machine of that cloud says its maker is: it has an identity of its own.
        switch: the configuration that switches the cloud off.
        fix: how to log in.
    """

    cloud: str
    variables: tuple[str, ...]
    files: tuple[str, ...]
    maker: str
    switch: str
    fix: str

    def found(self, environment: Mapping[str, str], home: Path, maker: str) -> bool:
        """Whether there are some; whether they are good only the cloud can tell."""
        return (
            any(environment.get(name) for name in self.variables)
            or any((home / name).exists() for name in self.files)
            or self.maker in maker
        )


SOURCES: Final[Mapping[str, Source]] = {
    "pulumi:providers:aws": Source(
        cloud="AWS",
        variables=(
            *("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"),
            *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
            *("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"),
        ),
        files=(".aws/credentials", ".aws/config"),
        maker="Amazon",
        switch="qudag-mcp:clouds.aws",
        fix="aws sso login, or set AWS_PROFILE",
    ),
    "pulumi:providers:gcp": Source(
        cloud="Google Cloud",
        variables=(
            *("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CREDENTIALS"),
            *("GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_CONFIG"),
        ),
        files=(".config/gcloud/application_default_credentials.json",),
        maker="Google",
        switch="qudag-mcp:clouds.gcp",
        fix="gcloud auth application-default login",
    ),
    "pulumi:providers:azure-native": Source(
        cloud="Azure",
        variables=(
            *("ARM_CLIENT_ID", "AZURE_CLIENT_ID", "ARM_USE_MSI", "ARM_USE_OIDC"),
            "AZURE_CONFIG_DIR",
        ),
        files=(".azure/azureProfile.json", ".azure/msal_token_cache.json"),
        maker="Microsoft",
        switch="qudag-mcp:clouds.azure",
        fix="az login, or set ARM_CLIENT_ID with what belongs to it",
    ),
}
"""By the type of the provider that is switched on."""


def refuse_without_credentials(
    graph: ResourceGraph,
    *,
    environment: Mapping[str, str] = os.environ,
    home: Path | None = None,
    maker: Path = _MAKER,
) -> None:
    """Stops before anything is made where a cloud of the stack has no credentials here.

    Raises:
        ProblemReport: one problem a cloud.
    """
    made_by = maker.read_text() if maker.is_file() else ""
    problems = [
        Problem(
            source.switch,
            f"is set, and this machine has no credentials for {source.cloud}",
            "what goes elsewhere would be made, and then this would fail",
            f"{source.fix}; or switch it off: take {source.switch} out of the stack's file",
        )
        for token, source in SOURCES.items()
        if graph.all(token) and not source.found(environment, home or Path.home(), made_by)
    ]
    if problems:
        raise ProblemReport(problems)
