"""The configuration of the programs that write log lines to Elasticsearch or OpenSearch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .server_config import Port
from .toml_config import Section

StreamName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,199}$")]
"""A data stream: lowercase, not longer than the names of its indexes may be (255 bytes)."""


class StoreSection(Section):
    """The `[store]` section: where the store is, and the login.

    Attributes:
        kind: decides the type of a field in the mapping.
        url: with https, without a path of the API.
        index: data stream of all lines but security events.
        security_index: data stream of security events.
        ca_file: CA of its certificate; None: the public ones.
        user, password_file: login with a password; the file is read for each request.
        token_file, scheme: a token in the header `Authorization`, read for each request.
        timeout_seconds: for one request.
    """

    kind: Literal["elasticsearch", "opensearch"]
    url: Annotated[str, Field(pattern=r"^https://[^\s?#@]+$")]
    index: StreamName
    security_index: StreamName
    ca_file: Path | None = None
    user: str | None = None
    password_file: Path | None = None
    token_file: Path | None = None
    scheme: Literal["ApiKey", "Bearer"] = "ApiKey"
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 20

    @model_validator(mode="after")
    def has_one_login(self) -> Self:
        if (self.user is None) != (self.password_file is None):
            raise ValueError("user and password_file belong together: set both")
        if (self.user is None) == (self.token_file is None):
            raise ValueError("set either user and password_file, or token_file")
        return self

    @model_validator(mode="after")
    def security_events_are_apart(self) -> Self:
        if self.index == self.security_index:
            raise ValueError("index and security_index must differ")
        return self

    @property
    def streams(self) -> tuple[str, str]:
        """Both data streams."""
        return self.index, self.security_index


class ListenSection(Section):
    """The `[listen]` section of the forwarder.

    Attributes:
        port: for OTLP over HTTPS.
        metrics_port: for Prometheus, over HTTP.
        cert, key: files of the certificate, loaded again when they change.
    """

    host: str = "::"
    port: Port = 4318
    metrics_port: Port = 9090
    cert: Path
    key: Path


class RetentionSection(Section):
    """The `[retention]` section.

    Attributes:
        days: age of the newest line of an index after which the index is deleted.
        rollover_size: of an index, after which the next one begins; it does so once a day as well.
    """

    days: Annotated[int, Field(ge=1, le=3650)]
    rollover_size: Annotated[str, Field(pattern=r"^[0-9]+(mb|gb)$")] = "30gb"


class ForwarderClientSection(Section):
    """The `[forwarder]` section of `log-retention`: where it reports each successful run.

    Attributes:
        url: of the forwarder, without a path.
        ca_file: CA of its certificate.
    """

    url: Annotated[str, Field(pattern=r"^https://[^\s?#@]+$")]
    ca_file: Path


class ForwarderConfig(Section):
    """The file of `forward-logs`."""

    listen: ListenSection
    store: StoreSection


class RetentionConfig(Section):
    """The file of `log-retention`."""

    store: StoreSection
    retention: RetentionSection
    forwarder: ForwarderClientSection
