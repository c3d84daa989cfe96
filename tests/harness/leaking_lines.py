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
    # What Redis's and Valkey's clients write: a URL without a user.
    f"connecting to redis://:{SECRET.text}@redis:6379/0",
    f"connecting to mysql://app:p@{SECRET.text}@db/app",
    f'{{"event":"called","dbPassword":"{SECRET.text}","sessionToken":"{SECRET.text}"}}',
    f'{{"event":"called","passwords":["{SECRET.text}"],"tokens":["{SECRET.text}"]}}',
    f'{{"event":"called","secret":{{"value":"{SECRET.text}"}},"credentials":["{SECRET.text}"]}}',
    f'{{"event":"called","aws_secret_access_key":"{SECRET.text}","signingKey":"{SECRET.text}"}}',
    f'{{"event":"called","args":"{{\\"password\\": \\"{SECRET.text}\\"}}"}}',
    f'args={{\\"apiKey\\": \\"{SECRET.text}\\"}}',
    f"password=\"two words {SECRET.text}\" passphrase='two words {SECRET.text}'",
    f"exec tool --api-key {SECRET.text} --db-password {SECRET.text}",
    f"Authorization: {SECRET.text}, authorization: Token {SECRET.text}",
    f"Cookie: theme=dark; session={SECRET.text}",
    f"ALTER ROLE app PASSWORD E'it\\'s {SECRET.text}'",
    f"ALTER ROLE app PASSWORD 'it''s {SECRET.text}'",
    f"ALTER ROLE app PASSWORD $$it's {SECRET.text}$$",
    *(
        f"pushed with {prefix}{SECRET.text}"
        for prefix in (
            *(
                "ghp_",
                "gho_",
                "github_pat_",
                "glpat-",
                "hf_",
                "hvs.",
                "npm_",
                "sk-",
                "xoxb-",
                "AIza",
            ),
        )
    ),
    "login of maría.keller@example.com from fe80::aaaa:1 and 2a00::aaaa",
)
"""Lines that programs of others may write."""
READABLE: Final = (
    "172 total_tokens=532, max_tokens: 4096",
    "the token is refused, secret passwords not found",
    "GET https://example.com:8443/a@b",
    "std::vector and face::cafe at 12:34:56",
)
"""Lines without a secret, which stay as they are."""
PERSONAL: Final = ("maria", "mar\u00eda", "keller", "203.0.113.77", "aaaa", "c2lnbmF0dXJl")
