"""What must hold of users' keys, whatever the code does: on a real server with a real PostgreSQL.

The keys are derived here a second time, with HMAC alone: a change of the derivation would lose what
users have encrypted.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from mcp import Client
from mcp.shared.exceptions import MCPError
from psycopg import sql

from runtime.vault_table import LONGEST_VALUE, MOST_ENTRIES
from tests.harness.postgres import HOW_TO_GET, Postgres, binaries, postgres
from tests.harness.server import (
    RunningServer,
    fetch,
    run_program,
    serving,
    settings,
    text_of,
    write_config,
)
from tests.harness.tokens import AUDIENCE, ISSUER, Issuer

pytestmark = [pytest.mark.slow, pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET)]

SECOND = "https://second.test"
SECRET = "the code of the safe is 4711"
KEM, DSA, VAULT = ("ml-kem-768", 64), ("ml-dsa-65", 32), ("vault", 32)
NAMES_TO_CONFUSE = [
    "ada",
    "Ada",
    "ada ",
    "adä",
    'ada"',
    'ada", "x',
    "ada\\",
    "\u0430da",
]
"""Users whose names are nearly equal, or end a text of JSON; the last one begins in Cyrillic."""


def derived(master: bytes, purpose: tuple[str, int], owner: str) -> bytes:
    """HKDF-SHA256 (RFC 5869) without salt, of the purpose and the user."""
    name, length = purpose
    info = json.dumps(["qudag-mcp", 1, name, owner]).encode()
    extracted = hmac.digest(bytes(32), master, "sha256")
    made = block = b""
    while len(made) < length:
        block = hmac.digest(extracted, block + info + bytes([len(made) // 32 + 1]), "sha256")
        made += block
    return made[:length]


@dataclass(frozen=True)
class Running:
    server: RunningServer
    database: Postgres
    issuer: Issuer
    second: Issuer
    masters: dict[str, bytes]

    def client(self, user: str, *, of_second: bool = False, era: str = "modern") -> Any:
        signer, iss = (self.second, SECOND) if of_second else (self.issuer, ISSUER)
        mode = "2026-07-28" if era == "modern" else "legacy"
        return self.server.client(mode, token=signer.token(iss=iss, sub=user))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Generator[Running]:
    directory = tmp_path_factory.mktemp("keys")
    second = Issuer.at(tmp_path_factory.mktemp("second-issuer"))
    masters = {section: secrets.token_urlsafe(32) for section in ("user_keys", "vault")}
    for section, master in masters.items():
        (directory / section).write_text(master)
    auth = {
        "issuer": ISSUER,
        "jwks_file": str(issuer.jwks_file),
        "resource_url": AUDIENCE,
        "additional_issuers": [{"issuer": SECOND, "jwks_file": str(second.jwks_file)}],
    }
    with postgres() as database:
        parts: dict[str, Any] = {
            "server": {"role": "monolith"},
            "auth": auth,
            "limits": {"messages_per_second": 0},
            "database": database.section(),
            **{s: {"master_key_file": str(directory / s)} for s in masters},
        }
        config = write_config(directory, settings(issuer, **parts))
        assert run_program("migrate", "--config", config).status == 0
        with serving(directory, issuer, **parts) as server:
            encoded = {section: master.encode() for section, master in masters.items()}
            yield Running(server, database, issuer, second, encoded)


async def called(client: Client, tool: str, **arguments: Any) -> tuple[bool, str]:
    result = await client.call_tool(tool, arguments)
    return bool(result.is_error), text_of(result) if result.content else ""


async def ok(client: Client, tool: str, **arguments: Any) -> str:
    failed, text = await called(client, tool, **arguments)
    assert not failed, text
    return text


async def public(client: Client) -> dict[str, Any]:
    keys = (await client.call_tool("public_keys", {})).structured_content
    assert keys is not None
    return keys


async def test_keys_are_those_of_the_documented_derivation(running: Running):
    """A server of another version must derive the same: else vaults and sealed texts are lost."""
    master = running.masters["user_keys"]
    kem = MLKEM768PrivateKey.from_seed_bytes(derived(master, KEM, "ada"))
    dsa = MLDSA65PrivateKey.from_seed_bytes(derived(master, DSA, "ada"))
    async with running.client("ada") as ada:
        assert await public(ada) == {
            "ml_kem_768": base64.b64encode(kem.public_key().public_bytes_raw()).decode(),
            "ml_dsa_65": base64.b64encode(dsa.public_key().public_bytes_raw()).decode(),
        }
        await ok(ada, "vault_write", name="safe", value=SECRET)
    with running.database.connect() as connection:
        found = connection.execute("SELECT encrypted FROM vault_entries WHERE owner = 'ada'")
        row: Any = found.fetchone()
    stored = bytes(row[0])
    cipher = AESGCM(derived(running.masters["vault"], VAULT, "ada"))
    bound = json.dumps(["ada", "safe"]).encode()
    assert cipher.decrypt(stored[1:13], stored[13:], bound).decode() == SECRET


async def test_users_with_similar_names_have_nothing_in_common(running: Running):
    seen: dict[str, str] = {}
    sealed: dict[str, str] = {}
    for user in NAMES_TO_CONFUSE:
        async with running.client(user) as client:
            keys = await public(client)
            seen |= {key: user for key in keys.values()}
            sealed[user] = await ok(client, "seal", text=user, public_key=keys["ml_kem_768"])
            await ok(client, "vault_write", name="same", value=user)
    assert len(seen) == 2 * len(NAMES_TO_CONFUSE)
    for user in NAMES_TO_CONFUSE:
        async with running.client(user) as client:
            assert await ok(client, "vault_read", name="same") == user
            opened = [
                other
                for other, text in sealed.items()
                if not (await called(client, "open_sealed", sealed_text=text))[0]
            ]
            assert opened == [user]


async def test_a_user_of_another_issuer_with_the_same_sub_is_another_user(running: Running):
    async with running.client("twin") as ours, running.client("twin", of_second=True) as theirs:
        mine, others = await public(ours), await public(theirs)
        assert not {*mine.values()} & {*others.values()}
        text = await ok(theirs, "seal", text=SECRET, public_key=mine["ml_kem_768"])
        assert (await called(theirs, "open_sealed", sealed_text=text))[0]
        assert await ok(ours, "open_sealed", sealed_text=text) == SECRET
        signature = await ok(theirs, "sign", text=SECRET)
        arguments = {"text": SECRET, "signature": signature, "public_key": mine["ml_dsa_65"]}
        verdict = await ours.call_tool("verify_signature", arguments)
        assert verdict.structured_content == {"valid": False}
        await ok(ours, "vault_write", name="safe", value=SECRET)
        assert (await called(theirs, "vault_read", name="safe"))[0]
        listed = await theirs.call_tool("vault_names", {})
        assert listed.structured_content == {"result": []}


async def test_no_tool_takes_a_user_or_a_private_key(running: Running):
    """A user is whom the token names: no argument can name another one."""
    async with running.client("ada") as ada:
        tools = {tool.name: tool for tool in (await ada.list_tools()).tools}
    arguments = {
        name: set(tools[name].input_schema.get("properties", {}))
        for name in tools
        if name in ("public_keys", "seal", "open_sealed", "sign", "verify_signature")
        or name.startswith("vault_")
    }
    assert arguments == {
        "public_keys": set(),
        "seal": {"text", "public_key"},
        "open_sealed": {"sealed_text"},
        "sign": {"text"},
        "verify_signature": {"text", "signature", "public_key"},
        "vault_write": {"name", "value"},
        "vault_read": {"name"},
        "vault_names": set(),
        "vault_delete": {"name"},
    }


def traces(secret: bytes) -> Iterator[str]:
    """How a secret, or most of it, could be written."""
    yield secret.hex()
    yield secret.decode("latin-1")
    yield repr(secret)[2:-1]
    for shift in range(3):  # within a longer text, base64 begins at each of three places
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(secret[shift : shift + 24]).decode()


async def everything_said(running: Running) -> str:
    """What callers, logs, metrics and the database show after calls of every tool."""
    said: list[str] = []
    for era in ("modern", "legacy"):
        async with (
            running.client("ada", era=era) as ada,
            running.client("eve", era=era) as eve,
        ):
            adas, eves = await public(ada), await public(eve)
            text = await ok(ada, "seal", text="hello", public_key=eves["ml_kem_768"])
            signature = await ok(ada, "sign", text="hello")
            calls: list[tuple[Client, str, dict[str, Any]]] = [
                (eve, "open_sealed", {"sealed_text": text}),
                (ada, "open_sealed", {"sealed_text": text}),
                (ada, "open_sealed", {"sealed_text": "A" * 2000}),
                (ada, "open_sealed", {"sealed_text": "!"}),
                (ada, "seal", {"text": "x", "public_key": adas["ml_dsa_65"]}),
                (ada, "seal", {"text": "x" * 60_000, "public_key": adas["ml_kem_768"]}),
                (ada, "verify_signature", {"text": "x", "signature": "!", "public_key": "!"}),
                (ada, "sign", {}),
                (ada, "vault_write", {"name": "a", "value": "b"}),
                (ada, "vault_read", {"name": "a"}),
                (ada, "vault_read", {"name": "absent"}),
                (ada, "vault_names", {}),
                (eve, "vault_read", {"name": "a"}),
                (ada, "vault_write", {"name": "a", "value": "x" * (LONGEST_VALUE + 1)}),
            ]
            said += [str(adas), str(eves), text, signature]
            for client, tool, arguments in calls:
                said.append(str(await client.call_tool(tool, arguments)))
            said.append(str(await ada.list_tools()))
            said.append(str(await ada.read_resource("config://server")))
            said.append(str(ada.instructions))
            try:
                said.append(str(await ada.read_resource("vault:///a")))
            except MCPError as error:
                said.append(str(error))
    with running.database.connect() as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        for (table,) in tables:
            query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(str(table)))
            for row in connection.execute(query):
                said += [
                    one.decode("latin-1") if isinstance(one, bytes) else str(one) for one in row
                ]
    said.append(running.server.log_file.read_text())
    said.append(fetch(running.server.metrics_url).text)
    return "\n".join(said)


async def test_no_key_is_in_an_answer_a_log_a_metric_or_the_database(running: Running):
    said = await everything_said(running)
    assert "ml_kem_768" in said
    assert "vault_write" in said
    kept = {f"master of {name}": master for name, master in running.masters.items()}
    for user in ("ada", "eve"):
        for name, length in (KEM, DSA):
            kept[f"{name} of {user}"] = derived(running.masters["user_keys"], (name, length), user)
        kept[f"vault of {user}"] = derived(running.masters["vault"], VAULT, user)
    shown = [what for what, secret in kept.items() if any(t in said for t in traces(secret))]
    assert shown == []


def test_traces_find_a_key_in_base64_hex_and_repr():
    """The search above would find one."""
    key = secrets.token_bytes(32)
    for before in (b"", b"a", b"ab"):
        assert any(t in base64.b64encode(before + key).decode() for t in traces(key))
    assert any(t in f"key={key.hex()}" for t in traces(key))
    assert any(t in str({"key": key}) for t in traces(key))


async def test_the_quota_of_entries_is_of_one_user(running: Running):
    with running.database.connect() as connection:
        for number in range(MOST_ENTRIES):
            row = ("full", f"{number}", b"")
            connection.execute("INSERT INTO vault_entries VALUES (%s, %s, %s)", row)
    async with running.client("full") as full, running.client("other") as other:
        failed, text = await called(full, "vault_write", name="one more", value="x")
        assert (failed, "delete one first" in text) == (True, True)
        await ok(full, "vault_write", name="0", value="replaced")
        assert await ok(full, "vault_read", name="0") == "replaced"
        await ok(other, "vault_write", name="one more", value="x")
        await ok(full, "vault_delete", name="1")
        await ok(full, "vault_write", name="one more", value="x")
    assert 'mcp_limited_total{limit="vault"} 1.0' in fetch(running.server.metrics_url).text


async def test_values_and_names_have_a_greatest_length(running: Running):
    async with running.client("writer") as client:
        await ok(client, "vault_write", name="n" * 200, value="v" * LONGEST_VALUE)
        assert await ok(client, "vault_read", name="n" * 200) == "v" * LONGEST_VALUE
        for name, value in (("n", "v" * (LONGEST_VALUE + 1)), ("n" * 201, "v"), ("", "v")):
            assert (await called(client, "vault_write", name=name, value=value))[0]
        listed = await client.call_tool("vault_names", {})
        assert listed.structured_content == {"result": ["n" * 200]}


def test_the_table_grants_nothing_to_other_roles_of_the_database(running: Running):
    with running.database.connect() as connection:
        granted = connection.execute(
            "SELECT DISTINCT grantee FROM information_schema.role_table_grants"
            " WHERE table_name = 'vault_entries'"
        ).fetchall()
        owner: Any = connection.execute(
            "SELECT tableowner FROM pg_tables WHERE tablename = 'vault_entries'"
        ).fetchone()
        assert granted == [owner]
        connection.execute("CREATE ROLE onlooker")
        connection.commit()
        for statement in (
            "SELECT * FROM vault_entries",
            "INSERT INTO vault_entries VALUES ('a', 'b', 'c')",
            "DELETE FROM vault_entries",
        ):
            connection.execute("SET ROLE onlooker")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)  # pyright: ignore[reportArgumentType]
            connection.rollback()


async def test_through_another_server_a_user_is_still_the_one_of_the_token(
    running: Running, tmp_path: Path
):
    behind = {"name": "back", "url": f"{running.server.plain}/mcp"}
    front: dict[str, Any] = {"server": {"role": "core"}, "tool_servers": [behind]}
    with serving(tmp_path, running.issuer, **front) as core:
        async with core.client(token=running.issuer.token(sub="far")) as far:
            await ok(far, "back__vault_write", name="safe", value=SECRET)
            keys = (await far.call_tool("back__public_keys", {})).structured_content
        async with core.client(token=running.issuer.token(sub="near")) as near:
            assert (await called(near, "back__vault_read", name="safe"))[0]
    async with running.client("far") as far:
        assert await ok(far, "vault_read", name="safe") == SECRET
        assert await public(far) == keys
