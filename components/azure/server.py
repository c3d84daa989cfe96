"""Base class of functions and containers on Azure: resource group, identity and logs."""

from __future__ import annotations

from typing import TypeVar

import pulumi

from ..base.cloud_resource import CloudResource
from ..mcp.cloud_server import CloudServer
from .identity import managed_identity
from .logs import log_workspace
from .resource_group import AzureGroup
from .server_args import AzureServerArgs

Args = TypeVar("Args", bound=AzureServerArgs)


class AzureServer(CloudServer[Args]):
    """A server on Azure, in a resource group of its own."""

    def deploy(self, args: Args) -> pulumi.Input[str]:
        group = AzureGroup(self, args.location)
        workspace = log_workspace(group, retention_days=args.log_retention_days)
        return self.serve(args, group, managed_identity(group), workspace)

    def serve(
        self,
        args: Args,
        group: AzureGroup,
        identity: CloudResource,
        workspace: CloudResource,
    ) -> pulumi.Input[str]:
        """Creates what serves; returns the URL that the paths are appended to.

        Args:
            args: the server's.
            group: what creates resources.
            identity: the managed identity of the server.
            workspace: the Log Analytics workspace for its logs.
        """
        raise NotImplementedError
