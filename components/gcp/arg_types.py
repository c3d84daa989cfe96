"""Types for the text fields of the args of components on Google Cloud."""

from __future__ import annotations

from typing import Annotated

from . import forms

ProjectId = Annotated[str, forms.PROJECT]
BillingAccount = Annotated[str, forms.BILLING_ACCOUNT]
NotificationChannel = Annotated[str, forms.CHANNEL]
Region = Annotated[str, forms.REGION]
NetworkId = Annotated[str, forms.NETWORK]
SecretVersion = Annotated[str, forms.SECRET]
Member = Annotated[str, forms.MEMBER]
ServiceAccount = Annotated[str, forms.SERVICE_ACCOUNT]
DatabaseMachine = Annotated[str, forms.DATABASE_MACHINE]
CacheMachine = Annotated[str, forms.CACHE_MACHINE]
KmsKey = Annotated[str, forms.KEY]
