"""The options of `qudag-mcp-server bridge`, and the server configuration that they make."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from ..config import (
    Era,
    LoggingSection,
    ProtocolSection,
    ServerConfig,
    ServerSection,
)
from ..limits_config import MIB, LimitsSection
from ..otlp_config import RECEIVER
from ..server_config import Port
from ..toml_config import Section
from ..traces_config import TracesSection

Seconds = Annotated[float, Field(gt=0, le=7200)]


VARIABLES = "QUDAG_MCP_BRIDGE_"
"""An environment variable with this prefix sets an option that the command line does not."""


class BridgeConfig(ServerConfig):
    """The server configuration of a bridge."""

    @property
    def role(self) -> str:
        """The role that logs and metrics name."""
        return "bridge"


class BridgeOptions(Section):
    """The options, each under its name on the command line."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=lambda name: "--" + name.replace("_", "-")
    )

    port: Annotated[Port, Field(description="port of plain HTTP; TLS and tokens are in front")] = (
        8000
    )
    host: Annotated[str, Field(description="address to listen on; `::` is every address")] = "::"
    path: Annotated[
        str,
        Field(pattern=r"^/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-]$", description="where MCP is served"),
    ] = "/mcp"
    era: Annotated[
        Era,
        Field(
            description="modern (MCP 2026-07-28), legacy (sessions) or dual; sessions need a proxy "
            "that sends all requests of a session to the same pod"
        ),
    ] = "dual"
    name: Annotated[str, Field(description="the server's name in logs")] = ""
    metrics_port: Annotated[
        Port | None, Field(description="port of /metrics for Prometheus; absent: none")
    ] = None
    traces_endpoint: Annotated[
        str | None,
        Field(
            pattern=RECEIVER,
            description="URL of an OTLP receiver (HTTP with protobuf) that gets a span for each "
            "request, such as `https://collector:4318/v1/traces`",
        ),
    ] = None
    traces_ca: Annotated[
        Path | None, Field(description="CAs of the receiver; absent: those of the system")
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="least level of log lines")
    ] = "info"
    log_format: Annotated[
        Literal["json", "text"], Field(description="one JSON object or one text a line")
    ] = "json"
    longest_tool_seconds: Annotated[
        Seconds, Field(description="a longer request is cancelled and answered with an error")
    ] = 60
    drain_seconds: Annotated[
        Seconds, Field(description="from SIGTERM to exit, the end of the program included")
    ] = 75
    start_seconds: Annotated[
        Seconds, Field(description="from the start of the program to its first answer")
    ] = 30
    stop_seconds: Annotated[
        Seconds,
        Field(
            description="from closing stdin to SIGKILL; SIGTERM is sent after half of it. It is a "
            "part of the drain"
        ),
    ] = 6
    idle_seconds: Annotated[
        float, Field(gt=0, le=86_400, description="a session without requests for so long is ended")
    ] = 900
    max_message_bytes: Annotated[
        int,
        Field(
            ge=1024,
            le=256 * MIB,
            description="largest message in both directions; larger ones are refused",
        ),
    ] = 4 * MIB
    max_children: Annotated[
        int, Field(ge=1, le=10_000, description="processes of the program at once")
    ] = 20
    shared_children: Annotated[
        int, Field(ge=1, le=100, description="of these, processes that all modern requests share")
    ] = 1
    sessions_per_user: Annotated[
        int,
        Field(
            ge=1,
            le=10_000,
            description="sessions of one user, who is named by the header X-User of the gateway",
        ),
    ] = 10

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> dict[str, str]:
        """The options that variables set, by option; unknown variables are unknown options."""
        return {
            "--" + name.removeprefix(VARIABLES).lower().replace("_", "-"): value
            for name, value in environment.items()
            if name.startswith(VARIABLES)
        }

    @model_validator(mode="after")
    def the_drain_has_time_for_calls_and_the_program(self) -> Self:
        needed = self.longest_tool_seconds + self.stop_seconds
        if self.drain_seconds <= needed:
            raise ValueError(
                f"--drain-seconds is {self.drain_seconds:g}, but a call may run "
                f"{self.longest_tool_seconds:g} s (--longest-tool-seconds) and the program may "
                f"take {self.stop_seconds:g} s to end (--stop-seconds): set --drain-seconds higher"
            )
        return self

    @model_validator(mode="after")
    def sessions_have_children(self) -> Self:
        shared, most = self.shared_children, self.max_children
        if shared > most:
            raise ValueError(
                f"--shared-children is {shared}, but --max-children is {most}: raise --max-children"
            )
        if shared == most and self.era != "modern":
            raise ValueError(
                f"--max-children is {most}, and the modern era shares all of them, so no session "
                "could be opened: raise --max-children, or set --era modern"
            )
        return self

    @model_validator(mode="after")
    def ports_differ(self) -> Self:
        if self.port == self.metrics_port:
            raise ValueError(f"--port and --metrics-port are both {self.port}: choose two ports")
        return self

    @model_validator(mode="after")
    def spans_have_a_receiver(self) -> Self:
        if self.traces_ca is not None and self.traces_endpoint is None:
            raise ValueError("--traces-ca has no effect without --traces-endpoint: set both")
        if self.traces_ca is not None and not str(self.traces_endpoint).startswith("https:"):
            raise ValueError("--traces-ca has no effect on http://: use https://")
        return self

    @cached_property
    def traces(self) -> TracesSection | None:
        """Where the spans of requests go; None: there are none."""
        if self.traces_endpoint is None:
            return None
        return TracesSection(endpoint=self.traces_endpoint, ca_file=self.traces_ca)

    @cached_property
    def config(self) -> BridgeConfig:
        """The configuration of listeners, logs, metrics and the drain."""
        return BridgeConfig(
            server=ServerSection(
                host=self.host, port=self.port, metrics_port=self.metrics_port, name=self.name
            ),
            protocol=ProtocolSection(
                era=self.era,
                longest_tool_seconds=min(self.longest_tool_seconds, 3600),
                drain_seconds=self.drain_seconds - self.stop_seconds,
            ),
            limits=LimitsSection(max_body_bytes=self.max_message_bytes),
            logging=LoggingSection(level=self.log_level, format=self.log_format),
        )
