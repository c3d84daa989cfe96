"""The AWS account and region that components deploy to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..base.problems import Problem
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

    def elsewhere_problems(self, arns: Mapping[str, str | None]) -> list[Problem]:
        """A problem for each ARN of another region, which AWS services cannot use.

        Args:
            arns: by the path of the field that holds it.
        """
        return [
            Problem(
                path,
                f"is in {there}, and the server is in {self.region}",
                "AWS refuses it: both must be in one region",
                f"make one in {self.region}, and write its ARN",
            )
            for path, arn in arns.items()
            # What is no ARN is refused for its form.
            if arn and (there := [*arn.split(":"), *[""] * 4][3]) not in ("", self.region)
        ]
