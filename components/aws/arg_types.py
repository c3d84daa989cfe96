"""Types for the text fields of the args of components on AWS."""

from __future__ import annotations

from typing import Annotated

from . import forms

AccountId = Annotated[str, forms.ACCOUNT]
Region = Annotated[str, forms.REGION]
VpcId = Annotated[str, forms.VPC]
SubnetId = Annotated[str, forms.SUBNET]
SecurityGroupId = Annotated[str, forms.SECURITY_GROUP]
Certificate = Annotated[str, forms.CERTIFICATE]
Topic = Annotated[str, forms.TOPIC]
BucketName = Annotated[str, forms.BUCKET]
SecretReference = Annotated[str, forms.SECRET]
DatabaseMachine = Annotated[str, forms.DATABASE_MACHINE]
CacheMachine = Annotated[str, forms.CACHE_MACHINE]
CachePassword = Annotated[str, forms.CACHE_PASSWORD]
