"""What the server verifies of a database's certificate: its authority, and its name."""

from __future__ import annotations

from typing import Any, Final

import pytest
from pydantic import ValidationError

from runtime.database_pool import connection_options
from runtime.store_config import PostgresSection

THERE: Final = {"host": "10.30.128.3", "name": "qudag_mcp", "user": "qudag"}


@pytest.mark.parametrize(
    ("written", "mode"),
    [({}, "verify-full"), ({"verify": "full"}, "verify-full"), ({"verify": "ca"}, "verify-ca")],
)
def test_the_name_is_verified_unless_the_authority_is_of_one_server(
    written: dict[str, Any], mode: str
):
    section = PostgresSection.model_validate({**THERE, "ca_file": "/etc/ca.crt", **written})
    options = connection_options(section)
    assert (options["sslmode"], options["sslrootcert"]) == (mode, "/etc/ca.crt")


@pytest.mark.parametrize(
    "written", [{"verify": "ca"}, {"verify": "none", "ca_file": "/etc/ca.crt"}]
)
def test_an_authority_that_is_not_named_cannot_be_verified(written: dict[str, Any]):
    with pytest.raises(ValidationError, match="verify"):
        PostgresSection.model_validate({**THERE, **written})
