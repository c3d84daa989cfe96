"""Creates tables in moto's DynamoDB from the inputs that the AWS component registers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REGION = "eu-central-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
}


def create_table(client: Any, name: str, inputs: Mapping[str, Any]) -> None:
    """Create a table as the provider of aws:dynamodb/table:Table does, with its TTL."""
    stream = (
        {
            "StreamEnabled": inputs["streamEnabled"],
            "StreamViewType": inputs["streamViewType"],
        }
        if "streamEnabled" in inputs
        else None
    )
    indexes = [
        {
            "IndexName": index["name"],
            "KeySchema": [
                {"AttributeName": key["attributeName"], "KeyType": key["keyType"]}
                for key in index["keySchemas"]
            ],
            "Projection": {"ProjectionType": index["projectionType"]},
        }
        for index in inputs.get("globalSecondaryIndexes", ())
    ]
    client.create_table(
        TableName=name,
        BillingMode=inputs["billingMode"],
        AttributeDefinitions=[
            {"AttributeName": a["name"], "AttributeType": a["type"]} for a in inputs["attributes"]
        ],
        KeySchema=[{"AttributeName": inputs["hashKey"], "KeyType": "HASH"}],
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
        **({"StreamSpecification": stream} if stream else {}),
    )
    client.update_time_to_live(
        TableName=name,
        TimeToLiveSpecification={
            "AttributeName": inputs["ttl"]["attributeName"],
            "Enabled": inputs["ttl"]["enabled"],
        },
    )
