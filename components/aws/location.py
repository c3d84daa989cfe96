"""The AWS account and region that components deploy to."""

from __future__ import annotations

from dataclasses import dataclass

from .arg_types import AccountId, Region


@dataclass(frozen=True, kw_only=True)
class AwsLocation:
    """A region of an AWS account.

    Attributes:
        account: its twelve digits.
        region: such as eu-central-1.
    """

    account: AccountId
    region: Region
