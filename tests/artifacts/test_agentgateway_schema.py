"""The configuration of agentgateway fits the schema that its repository publishes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from components.kubernetes.agentgateway_args import Agentgateway
from tests.harness.agentgateway import rendered
from tests.harness.routed_gateway import FILES, OWN_HOST, WEATHER, route

SCHEMA = os.environ.get("AGENTGATEWAY_SCHEMA")
VARIANTS: dict[str, dict[str, Any]] = {
    "no routes": {"agentgateway": None},
    "routes": {"routes": [route("weather", WEATHER, hostname=OWN_HOST), route("files", FILES)]},
    "all": {
        "routes": [
            route("weather", WEATHER, forward_token=True),
            route("files", FILES, auth="server", path="/api/mcp"),
        ],
        "agentgateway": Agentgateway(
            jwks_url="https://issuer.test/keys", additional_audiences=["qudag"]
        ),
        "tls_minimum": "1.2",
        "hsts_preload": True,
        "allowed_origins": ["https://page.example.com"],
    },
}


@pytest.mark.skipif(SCHEMA is None, reason="AGENTGATEWAY_SCHEMA names no schema/config.json of it")
@pytest.mark.parametrize("given", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_fits_the_published_schema(given: dict[str, Any]):
    assert SCHEMA is not None
    schema = json.loads(Path(SCHEMA).read_text())
    validator: Any = jsonschema.Draft202012Validator(schema)
    assert list(validator.iter_errors(json.loads(rendered(**given)))) == []
