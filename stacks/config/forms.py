"""The types of text fields in a configuration: pydantic's view of ``components.base.forms``."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from components.base import arg_forms, forms, network_forms
from components.base.constraints import Form

FORMS: Final = {
    form.pattern: form
    for form in (
        *(forms.CPU, forms.BYTES, forms.NGINX_BYTES, forms.DNS_LABEL, forms.SECRET_NAME),
        *(forms.OBJECT_NAME, forms.DOMAIN, forms.URL, forms.ORIGIN, forms.JWKS_URL),
        forms.WEB_URL,
        *(forms.AUDIENCE, forms.SCOPE),
        *(
            forms.IMAGE,
            forms.CONTEXT,
            forms.POD_SECURITY,
            network_forms.CIDR,
            network_forms.PROXY_NETWORK,
            forms.LABEL_KEY,
            forms.LABEL_VALUE,
        ),
        network_forms.IP_ADDRESS,
        *(forms.VARIABLE_NAME, forms.ONE_LINE, forms.EXPRESSION, forms.FILE_NAME),
        arg_forms.MULTIADDRESS,
        arg_forms.WORD,
        arg_forms.EGRESS_HOST,
        arg_forms.GROUP,
        arg_forms.TOOL,
        arg_forms.HEADER_NAME,
        arg_forms.PROMETHEUS_URL,
        network_forms.NETWORK_PORT,
    )
}
"""By pattern, as a refusal names it."""


def constraint(form: Form) -> Any:
    """What pydantic and the JSON Schema hold a text of ``form`` to."""
    return Field(
        pattern=form.pattern,
        min_length=form.shortest,
        max_length=form.longest,
        examples=list(form.examples),
    )


def refusal(reason: str, consequence: str, fix: str) -> PydanticCustomError:
    """What a validator raises, in the words that a person is told."""
    context = {"reason": reason, "consequence": consequence, "fix": fix}
    return PydanticCustomError("refused", "{reason}", context)


def checked(form: Form) -> AfterValidator:
    """The part of a form that its pattern cannot say."""

    def check(written: str) -> str:
        if problem := form.problem("", written):
            raise refusal(problem.what, problem.consequence, problem.fix)
        return written

    return AfterValidator(check)


def _as_text(value: object) -> object:
    """Converts a number of CPUs to text, so that ``cpu: 2`` needs no quotes."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Cpu = Annotated[
    str,
    BeforeValidator(_as_text),
    constraint(forms.CPU),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": forms.CPU.pattern},
                {"type": "number", "exclusiveMinimum": 0},
            ],
            "examples": list(forms.CPU.examples),
        }
    ),
]
Bytes = Annotated[str, constraint(forms.BYTES)]
NginxBytes = Annotated[str, constraint(forms.NGINX_BYTES)]
DnsLabel = Annotated[str, constraint(forms.DNS_LABEL)]
SecretName = Annotated[str, constraint(forms.SECRET_NAME)]
ObjectName = Annotated[str, constraint(forms.OBJECT_NAME)]
Domain = Annotated[str, constraint(forms.DOMAIN)]
Word = Annotated[str, constraint(arg_forms.WORD)]
HeaderName = Annotated[str, constraint(arg_forms.HEADER_NAME), checked(arg_forms.HEADER_NAME)]
ToolName = Annotated[str, constraint(arg_forms.TOOL)]
Url = Annotated[str, constraint(forms.URL), checked(forms.URL)]
WebUrl = Annotated[str, constraint(forms.WEB_URL), checked(forms.WEB_URL)]
Origin = Annotated[str, constraint(forms.ORIGIN), checked(forms.ORIGIN)]
PrometheusUrl = Annotated[
    str, constraint(arg_forms.PROMETHEUS_URL), checked(arg_forms.PROMETHEUS_URL)
]
JwksUrl = Annotated[str, constraint(forms.JWKS_URL), checked(forms.JWKS_URL)]
Audience = Annotated[str, constraint(forms.AUDIENCE)]
ScopeName = Annotated[str, constraint(forms.SCOPE)]
Image = Annotated[str, constraint(forms.IMAGE)]
Context = Annotated[str, constraint(forms.CONTEXT)]
PodSecurityVersion = Annotated[str, constraint(forms.POD_SECURITY)]
Cidr = Annotated[str, constraint(network_forms.CIDR), checked(network_forms.CIDR)]
ProxyCidr = Annotated[
    str, constraint(network_forms.PROXY_NETWORK), checked(network_forms.PROXY_NETWORK)
]
IpAddress = Annotated[str, constraint(network_forms.IP_ADDRESS), checked(network_forms.IP_ADDRESS)]
VariableName = Annotated[str, constraint(forms.VARIABLE_NAME)]
OneLine = Annotated[str, constraint(forms.ONE_LINE)]
Expression = Annotated[str, constraint(forms.EXPRESSION)]
FileName = Annotated[str, constraint(forms.FILE_NAME)]
Multiaddress = Annotated[str, constraint(arg_forms.MULTIADDRESS)]
LabelKey = Annotated[str, constraint(forms.LABEL_KEY)]
LabelValue = Annotated[str, constraint(forms.LABEL_VALUE)]
