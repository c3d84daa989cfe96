"""Types for the text fields of the args of components on AWS."""

from __future__ import annotations

from typing import Annotated

from ..base.constraints import Range
from . import forms

AccountId = Annotated[str, forms.ACCOUNT]
Region = Annotated[str, forms.REGION]
VpcId = Annotated[str, forms.VPC]
SubnetId = Annotated[str, forms.SUBNET]
TargetNetwork = Annotated[str, forms.TARGET_NETWORK]
SecurityGroupId = Annotated[str, forms.SECURITY_GROUP]
Certificate = Annotated[str, forms.CERTIFICATE]
Topic = Annotated[str, forms.TOPIC]
BucketName = Annotated[str, forms.BUCKET]
SecretReference = Annotated[str, forms.SECRET]
DatabaseMachine = Annotated[str, forms.DATABASE_MACHINE]
CacheMachine = Annotated[str, forms.CACHE_MACHINE]
CachePassword = Annotated[str, forms.CACHE_PASSWORD]
PrefixListId = Annotated[str, forms.PREFIX_LIST]
RoleArn = Annotated[str, forms.ROLE_ARN]
KmsKey = Annotated[str, forms.KEY]
WebAcl = Annotated[str, forms.WEB_ACL]
AccessLogDays = Annotated[
    int, Range(least=1, most=3653, consequence="S3 refuses the rule that deletes access logs")
]
