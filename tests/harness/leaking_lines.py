"""Log lines with secrets and personal data, which nobody may read."""

from __future__ import annotations

from typing import Final

from tests.harness.canaries import Canary

PERSON: Final = "maria.keller@example.com"
SECRET: Final = Canary.of("a secret in a log line")
JWT: Final = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtYXJpYSJ9.c2lnbmF0dXJl"
LEAKING: Final = (
    f"login of {PERSON} from 203.0.113.77",
    f"peer 2001:db8:aaaa:bbbb::77 sent Authorization: Bearer {SECRET.text}",
    f"connecting to postgres://app:{SECRET.text}@db.example.com/app",
    f'{{"event":"called","password":"{SECRET.text}","who":"{PERSON}","client":"203.0.113.77"}}',
    f'{{"event":"called","args":{{"deep":["{PERSON}",{{"api_key":"{SECRET.text}"}}]}}}}',
    f'{{"event":"called","url":"https://example.com/a?token={SECRET.text}","jwt":"{JWT}"}}',
    f'{{"event":"request","subject":"{PERSON}","status":200}}',
    f"2026-11-29 09:00:00.000 UTC [7] STATEMENT:  ALTER ROLE app PASSWORD '{SECRET.text}'",
    f"password={SECRET.text} and secret: {SECRET.text}",
    f"-----BEGIN PRIVATE KEY-----{SECRET.text}-----END PRIVATE KEY-----",
    f"{{broken json of {PERSON} token={SECRET.text}",
    f'{{"event":"{PERSON}"}}',
)
"""Lines that programs of others may write."""
PERSONAL: Final = ("maria", "203.0.113.77", "aaaa", "c2lnbmF0dXJl")
