"""Fields that the sections of servers in the clouds share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .cloud_forms import Entry, Folder
from .section import Section

Public = Annotated[
    bool,
    Field(
        description="Accept requests from the internet; the server checks the token of each call."
    ),
]
Instances = Annotated[int, Field(ge=0, le=1000, description="Fewest instances.")]
MostInstances = Annotated[int, Field(ge=1, le=1000, description="Most instances.")]
Concurrency = Annotated[
    int, Field(ge=1, le=1000, description="Concurrent requests of one instance.")
]


class ServerSection(Section):
    """A server in a cloud, which can be switched off without removing its settings."""

    enabled: Annotated[bool, Field(description="false: nothing of this target is created.")] = True


class FunctionSection(ServerSection):
    """A server as a function: the reference server, or a folder of the user's own code."""

    code: Annotated[
        Folder | None,
        Field(
            description="Folder with a Python server of yours, relative to the stack file; absent: "
            "the reference server."
        ),
    ] = None
    entry: Annotated[
        Entry | None,
        Field(description="Module and name of the server in that folder; absent: server:mcp."),
    ] = None
