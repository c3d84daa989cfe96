"""Forms of the identities that clouds give to pods."""

from __future__ import annotations

from typing import Final

from .constraints import Form

_NO_CREDENTIALS: Final = "the cloud would give the pods no credentials: all requests would fail"

AWS_ROLE: Final = Form(
    name="ARN of a role",
    pattern=r"^arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}$",
    words="the ARN of a role of AWS IAM",
    examples=("arn:aws:iam::123456789012:role/qudag-mcp-secrets",),
    consequence=_NO_CREDENTIALS,
    longest=600,
)
GOOGLE_ACCOUNT: Final = Form(
    name="Google service account",
    pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]@[a-z][a-z0-9-]{4,28}[a-z0-9]\.iam\.gserviceaccount\.com$",
    words="the e-mail address of a Google service account",
    examples=("qudag-mcp-secrets@qudag-prod.iam.gserviceaccount.com",),
    consequence=_NO_CREDENTIALS,
    longest=100,
)
AZURE_ID: Final = Form(
    name="id of Azure",
    pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    words="a UUID in lower case",
    examples=("3f2504e0-4f89-41d3-9a0c-0305e82c3301",),
    consequence=_NO_CREDENTIALS,
    longest=36,
)
FORMS: Final = (AWS_ROLE, GOOGLE_ACCOUNT, AZURE_ID)
