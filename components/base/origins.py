"""Origins of web pages, as browsers write them."""

from __future__ import annotations


def without_usual_port(origin: str) -> str:
    """A browser leaves out the port that the scheme implies."""
    usual = ":443" if origin.startswith("https:") else ":80"
    return origin.removesuffix(usual)
