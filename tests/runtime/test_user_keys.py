"""Keys of users: known answers of FIPS 203 and 204, and two real servers that exchange texts."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem
from mcp import Client

from runtime.master_key import KeysError
from runtime.user_keys import UserKeys, is_signature, sealed
from runtime.user_keys_config import MasterKeySection
from runtime.vault_keys import VaultKeys
from tests.harness.server import ERAS, RunningServer, run_program, serving, settings, text_of
from tests.harness.server import write_config as written
from tests.harness.tokens import Issuer

eras = pytest.mark.parametrize("era", ERAS)
VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent / "vectors/post_quantum.json").read_text()
)
TEXT = "für Eve: 🔑"


def digest(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()


def test_key_encapsulation_has_the_known_answers_of_fips_203():
    vectors = VECTORS["ml_kem_768"]
    for known in vectors["keys"]:
        key = mlkem.MLKEM768PrivateKey.from_seed_bytes(bytes.fromhex(known["seed"]))
        assert digest(key.public_key().public_bytes_raw()) == known["public_key_sha256"]
    for known in vectors["decapsulations"]:
        key = mlkem.MLKEM768PrivateKey.from_seed_bytes(bytes.fromhex(known["seed"]))
        secret = key.decapsulate(bytes.fromhex(known["ciphertext"]))
        assert secret.hex() == known["shared_secret"]


def test_signatures_have_the_known_answers_of_fips_204():
    vectors = VECTORS["ml_dsa_65"]
    for known in vectors["keys"]:
        key = mldsa.MLDSA65PrivateKey.from_seed_bytes(bytes.fromhex(known["seed"]))
        assert digest(key.public_key().public_bytes_raw()) == known["public_key_sha256"]
    public = mldsa.MLDSA65PublicKey.from_public_bytes(bytes.fromhex(vectors["public_key"]))
    for known in vectors["signatures"]:
        names = ("signature", "message", "context")
        signature, message, context = (bytes.fromhex(known[name]) for name in names)
        refused = contextlib.nullcontext() if known["valid"] else pytest.raises(InvalidSignature)
        with refused:
            public.verify(signature, message, context)


@dataclass(frozen=True)
class Keys:
    """User keys under one master key, whose file a test may rewrite."""

    file: Path
    keys: UserKeys
    vault: VaultKeys

    @classmethod
    def at(cls, file: Path, *masters: str) -> Keys:
        file.write_text("\n".join(masters or [secrets.token_urlsafe(32)]))
        section = MasterKeySection(master_key_file=file)
        return cls(file, UserKeys(section), VaultKeys(section))


@pytest.fixture
def ours(tmp_path: Path) -> Keys:
    return Keys.at(tmp_path / "master")


def changed(encoded: str, position: int) -> str:
    """The same bytes but for one bit."""
    content = bytearray(base64.b64decode(encoded))
    content[position] ^= 1
    return base64.b64encode(content).decode()


@pytest.mark.parametrize("position", [0, 1, 600, 1088, 1089, 1100, 1101, -1])
def test_a_sealed_text_that_was_changed_is_not_opened(ours: Keys, position: int):
    text = sealed(TEXT, ours.keys.public("eve").ml_kem_768)
    assert ours.keys.opened(text, "eve") == TEXT
    with pytest.raises(KeysError):
        ours.keys.opened(changed(text, position), "eve")


def test_only_the_owner_of_the_key_opens_a_sealed_text(ours: Keys, tmp_path: Path):
    text = sealed(TEXT, ours.keys.public("eve").ml_kem_768)
    for keys, user in ((ours, "ada"), (ours, "Eve"), (Keys.at(tmp_path / "other"), "eve")):
        with pytest.raises(KeysError, match="another key than yours"):
            keys.keys.opened(text, user)


def test_equal_texts_are_sealed_and_encrypted_differently_each_time(ours: Keys):
    public = ours.keys.public("eve").ml_kem_768
    assert len({sealed(TEXT, public) for _ in range(20)}) == 20
    assert len({ours.vault.encrypted(TEXT, "eve", "a") for _ in range(20)}) == 20


@pytest.mark.parametrize("wrong", ["", "AAAA", "!", "ä", "A" * 1600])
def test_what_is_no_key_or_sealed_text_is_refused(ours: Keys, wrong: str):
    for use in (
        lambda: sealed(TEXT, wrong),
        lambda: is_signature("AAAA", TEXT, wrong),
        lambda: ours.keys.opened(wrong, "eve"),
    ):
        with pytest.raises(KeysError):
            use()


def test_a_signature_is_of_one_text_by_one_user(ours: Keys):
    signature, public = ours.keys.signed(TEXT, "ada"), ours.keys.public("ada").ml_dsa_65
    assert is_signature(signature, TEXT, public)
    assert not is_signature(signature, f"{TEXT} ", public)
    assert not is_signature(signature, TEXT, ours.keys.public("eve").ml_dsa_65)
    assert not is_signature(changed(signature, 100), TEXT, public)
    assert not is_signature(signature[:-4], TEXT, public)
    raw = base64.b64decode(public)
    with pytest.raises(InvalidSignature):  # it is no signature of bytes without our context
        mldsa.MLDSA65PublicKey.from_public_bytes(raw).verify(
            base64.b64decode(signature), TEXT.encode()
        )


def test_a_stored_value_belongs_to_its_user_and_name(ours: Keys, tmp_path: Path):
    stored = ours.vault.encrypted(TEXT, "ada", "bank")
    assert ours.vault.decrypted(stored, "ada", "bank") == TEXT
    assert TEXT.encode() not in stored
    other = Keys.at(tmp_path / "other").vault
    wrong: list[Callable[[], str]] = [
        lambda: ours.vault.decrypted(stored, "eve", "bank"),
        lambda: ours.vault.decrypted(stored, "ada", "mail"),
        lambda: other.decrypted(stored, "ada", "bank"),
        lambda: ours.vault.decrypted(stored[:-1], "ada", "bank"),
        lambda: ours.vault.decrypted(b"\x02" + stored[1:], "ada", "bank"),
        lambda: ours.vault.decrypted(b"", "ada", "bank"),
    ]
    for read in wrong:
        with pytest.raises(KeysError):
            read()


def test_an_older_master_key_still_opens_what_was_made_with_it(ours: Keys):
    old = ours.file.read_text()
    stored = ours.vault.encrypted(TEXT, "ada", "bank")
    text = sealed(TEXT, ours.keys.public("ada").ml_kem_768)
    ours.file.write_text(f"{secrets.token_urlsafe(32)}\n{old}\n")
    assert ours.vault.decrypted(stored, "ada", "bank") == TEXT
    assert ours.keys.opened(text, "ada") == TEXT
    newer = ours.vault.encrypted(TEXT, "ada", "bank")
    ours.file.write_text(old)
    with pytest.raises(KeysError):
        ours.vault.decrypted(newer, "ada", "bank")


@pytest.mark.parametrize("content", ["", "short", f"{'a' * 40}\nshort"])
def test_a_short_master_key_is_refused_where_it_is_used(ours: Keys, content: str):
    ours.file.write_text(content)
    with pytest.raises(KeysError, match="too short"):
        ours.keys.public("ada")


@contextlib.contextmanager
def crypto(directory: Path, issuer: Issuer, master: Path) -> Generator[RunningServer]:
    keys = {"master_key_file": str(master)}
    with serving(directory, issuer, server={"role": "crypto"}, user_keys=keys) as server:
        yield server


async def said(client: Client, tool: str, **arguments: str) -> str:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text_of(result)
    return text_of(result)


async def refusal(client: Client, tool: str, **arguments: str) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return text_of(result)


@pytest.mark.slow
@eras
async def test_two_servers_exchange_sealed_and_signed_texts(
    tmp_path: Path, issuer: Issuer, era: str
):
    north, south = Keys.at(tmp_path / "north"), Keys.at(tmp_path / "south")
    with (
        crypto(tmp_path, issuer, north.file) as one,
        crypto(tmp_path, issuer, south.file) as other,
    ):
        async with (
            one.client(era, token=issuer.token(sub="ada")) as ada,
            other.client(era, token=issuer.token(sub="eve")) as eve,
            other.client(era, token=issuer.token(sub="mallory")) as mallory,
        ):
            eves = (await eve.call_tool("public_keys", {})).structured_content
            adas = (await ada.call_tool("public_keys", {})).structured_content
            assert eves is not None
            assert adas is not None
            text = await said(ada, "seal", text=TEXT, public_key=eves["ml_kem_768"])
            signature = await said(ada, "sign", text=TEXT)
            assert await said(eve, "open_sealed", sealed_text=text) == TEXT
            check = {"text": TEXT, "signature": signature, "public_key": adas["ml_dsa_65"]}
            verdict = await eve.call_tool("verify_signature", check)
            assert verdict.structured_content == {"valid": True}
            verdict = await eve.call_tool("verify_signature", check | {"text": "other"})
            assert verdict.structured_content == {"valid": False}
            for client in (mallory, ada):
                refused = await refusal(client, "open_sealed", sealed_text=text)
                assert "another key than yours" in refused
            assert "another key" in await refusal(
                eve, "open_sealed", sealed_text=changed(text, 700)
            )
            assert "no ML-KEM-768 key" in await refusal(
                ada, "seal", text="a", public_key=adas["ml_dsa_65"]
            )
        for server in (one, other):
            logged = server.log_file.read_text()
            secret = (TEXT, text, signature, *north.file.read_text().split(), eves["ml_kem_768"])
            assert [word for word in secret if word[:40] in logged] == []


@pytest.mark.slow
async def test_replicas_with_one_master_key_have_the_same_keys(tmp_path: Path, issuer: Issuer):
    master = Keys.at(tmp_path / "master").file
    seen: list[Any] = []
    for _ in range(2):
        with crypto(tmp_path, issuer, master) as server:
            async with server.client() as client:
                seen.append((await client.call_tool("public_keys", {})).structured_content)
    assert seen[0] == seen[1]


async def test_without_a_master_key_there_are_no_such_tools(tmp_path: Path, issuer: Issuer):
    with serving(tmp_path, issuer, server={"role": "crypto"}) as server:
        async with server.client("legacy") as client:
            tools = [tool.name for tool in (await client.list_tools()).tools]
            assert tools == ["echo"]
            assert "no keys of users" in (client.instructions or "")


def test_a_master_key_that_is_not_there_is_named_at_the_start(tmp_path: Path, issuer: Issuer):
    absent = {"master_key_file": str(tmp_path / "absent")}
    config = settings(issuer, server={"role": "crypto"}, user_keys=absent)
    ended = run_program("--config", written(tmp_path, config))
    assert ended.status == 2
    assert f"user_keys.master_key_file: {tmp_path}/absent does not exist" in ended.stderr
