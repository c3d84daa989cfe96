"""Rights on your own key of AWS KMS."""

from __future__ import annotations

from .identity import Right


def key_rights(key: str | None) -> list[Right]:
    """The right to decrypt and encrypt with the key; none where AWS's own keys are used."""
    if key is None:
        return []
    return [
        Right(
            actions=("kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"),
            resources=[key],
        )
    ]
