"""Types for the text fields of the args of components on Azure."""

from __future__ import annotations

from typing import Annotated

from . import forms

AzureId = Annotated[str, forms.ID]
Region = Annotated[str, forms.LOCATION]
ResourceId = Annotated[str, forms.RESOURCE]
SecretVersion = Annotated[str, forms.SECRET]
DatabaseMachine = Annotated[str, forms.DATABASE_MACHINE]
CacheMachine = Annotated[str, forms.CACHE_MACHINE]
TagName = Annotated[str, forms.TAG_NAME]
TagValue = Annotated[str, forms.TAG_VALUE]
KeyUri = Annotated[str, forms.KEY_URI]
ActionGroupId = Annotated[str, forms.ACTION_GROUP]
Month = Annotated[str, forms.MONTH]
