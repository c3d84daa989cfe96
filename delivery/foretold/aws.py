"""Outputs of AWS resources that follow from names, region and account."""

from __future__ import annotations

from typing import Final

_ARN: Final = "arn:aws:{service}:{{region}}:{{account}}:{rest}"


def _arn(service: str, rest: str) -> str:
    return _ARN.format(service=service, rest=rest)


AWS: Final = {
    "aws:iam/role:Role": {"arn": "arn:aws:iam::{account}:role/{name}"},
    "aws:lambda/function:Function": {
        "arn": _arn("lambda", "function:{name}"),
        "invokeArn": "arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/"
        "arn:aws:lambda:{region}:{account}:function:{name}/invocations",
    },
    "aws:dynamodb/table:Table": {
        "arn": _arn("dynamodb", "table/{name}"),
        "streamArn": _arn("dynamodb", "table/{name}/stream/latest"),
    },
    "aws:sqs/queue:Queue": {"arn": _arn("sqs", "{name}")},
    "aws:cloudwatch/logGroup:LogGroup": {"arn": _arn("logs", "log-group:{name}")},
    "aws:s3/bucket:Bucket": {"id": "{bucket}", "arn": "arn:aws:s3:::{bucket}"},
}
