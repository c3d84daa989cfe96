"""The command `qudag-mcp-server log-retention`: makes the data streams of log lines, and deletes
indexes whose newest line is older than the retention.

Each run does what is due, and a run with nothing due changes nothing. It uses requests that
Elasticsearch and OpenSearch have without a plugin or a licence. Then it reports the run to
`log-forwarder`, whose metrics have the age of the last run that succeeded.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2

from .elasticsearch_client import StoreClient, StoreError
from .elasticsearch_config import ForwarderClientSection, RetentionConfig, RetentionSection
from .elasticsearch_documents import index_template
from .toml_config import ConfigError, StartError, read_table

RETENTION_PATH: Final = "/v1/retention"
"""Path of the forwarder to which a successful run is reported."""


async def keep(client: StoreClient, section: RetentionSection, now: datetime) -> list[str]:
    """Do what is due for both data streams; returns what was done.

    Raises:
        StoreError: the store is away, refuses a request, or gives an answer that is not one of its
            API. The rest is left to the next run.
    """
    done: list[str] = []
    for stream in client.section.streams:
        try:
            done += [line async for line in _keep(client, section, stream, now)]
        except (
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
            OverflowError,
            OSError,
        ) as error:
            why = f"{type(error).__name__}: {error}"
            raise StoreError(f"{stream}: an answer is not one of the store's API ({why})") from None
    return done


async def _keep(
    client: StoreClient, section: RetentionSection, stream: str, now: datetime
) -> AsyncIterator[str]:
    template = index_template(stream, client.section.kind)
    changed = await _digest(client, stream) != template["_meta"]["digest"]
    if changed:
        # Without its digest, so that a run that fails before an index has it is made up for.
        await client.ask("PUT", f"_index_template/{stream}", template | {"_meta": {}})
        yield f"{stream}: the index template is stored"
    indexes = await _indexes(client, stream)
    if not indexes:
        await client.ask("PUT", f"_data_stream/{stream}")
        yield f"{stream}: the data stream is created"
    else:
        # A new template is for the next index.
        due = {} if changed else {"max_age": "1d", "max_size": section.rollover_size}
        conditions = {"conditions": due} if due else {}
        _, answer = await client.ask("POST", f"{stream}/_rollover", conditions)
        if answer["rolled_over"]:
            yield f"{stream}: {answer['new_index']} is the new index"
    if changed:
        await client.ask("PUT", f"_index_template/{stream}", template)
    oldest = now - timedelta(days=section.days)
    for index in indexes[:-1]:  # the last one is written to
        newest = await _newest(client, index)
        if newest is None or newest < oldest:
            await client.ask("DELETE", index)
            yield f"{stream}: {index} is deleted, its newest line is from {newest or 'no day'}"


async def _digest(client: StoreClient, stream: str) -> str | None:
    """The digest of the template that is stored; None: there is none, or no index has it yet."""
    status, found = await client.ask("GET", f"_index_template/{stream}", allowed=(200, 404))
    if status == 404:
        return None
    return found["index_templates"][0]["index_template"].get("_meta", {}).get("digest")


async def _indexes(client: StoreClient, stream: str) -> list[str]:
    """The indexes of a data stream, oldest first; empty without the stream."""
    status, found = await client.ask("GET", f"_data_stream/{stream}", allowed=(200, 404))
    if status == 404:
        return []
    return [one["index_name"] for one in found["data_streams"][0]["indices"]]


async def _newest(client: StoreClient, index: str) -> datetime | None:
    """The time of the newest line of an index; None if it has none.

    Raises:
        StoreError: not the whole index was searched, so its newest line may be another.
    """
    asked = {
        "size": 0,
        "track_total_hits": True,
        "aggs": {"newest": {"max": {"field": "@timestamp"}}},
    }
    # Without the parameter, shards that cannot be searched are left out.
    path = f"{index}/_search?allow_partial_search_results=false"
    _, answer = await client.ask("POST", path, asked)
    if answer["timed_out"] is not False or answer["_shards"]["failed"] != 0:
        raise StoreError(f"{index}: not the whole index was searched")
    newest: Any = answer["aggregations"]["newest"]["value"]
    if newest is not None:
        return datetime.fromtimestamp(newest / 1000, UTC)
    if answer["hits"]["total"]["value"] != 0:
        raise StoreError(f"{index}: it has lines, and none of them has a time")
    return None


def log_retention(arguments: Sequence[str]) -> int:
    """Run it once: exit status 0 done, 1 failed, 2 wrong usage or configuration."""
    parser = argparse.ArgumentParser("qudag-mcp-server log-retention", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="its configuration, in TOML")
    try:
        config = read_table(parser.parse_args(arguments).config, RetentionConfig)
        asyncio.run(_run(config))
    except ConfigError as error:
        return _failed(error, 2)
    except (StartError, StoreError) as error:
        return _failed(error, 1)
    return 0


async def _run(config: RetentionConfig) -> None:
    client = StoreClient(config.store)
    try:
        for line in await keep(client, config.retention, datetime.now(UTC)):
            print(f"log retention: {line}", flush=True)
    finally:
        await client.close()
    await report_run(config.forwarder)


_NOT_REPORTED: Final = "the run could not be reported to log-forwarder"


async def report_run(forwarder: ForwarderClientSection) -> None:
    """Report a run that has succeeded to log-forwarder.

    Raises:
        StoreError: it does not answer as it should.
    """
    try:
        verify = ssl.create_default_context(cafile=forwarder.ca_file)
        async with httpx2.AsyncClient(verify=verify, timeout=20, trust_env=False) as http:
            answer = await http.post(f"{forwarder.url}{RETENTION_PATH}")
    except (httpx2.HTTPError, OSError) as error:
        raise StoreError(f"{_NOT_REPORTED}: {type(error).__name__}: {error}") from None
    if answer.status_code != 200:
        raise StoreError(f"{_NOT_REPORTED}: {answer.status_code}")


def _failed(error: Exception, status: int) -> int:
    for line in str(error).splitlines():
        print(f"qudag-mcp-server: {line}", file=sys.stderr)
    return status
