"""A server of the official SDK: when the sun rises and sets in a city, and when it is dark."""

from __future__ import annotations

import datetime
from typing import Any

from astral.sun import sun
from cities import CITIES
from mcp.server import MCPServer

mcp = MCPServer("weather", instructions="Ask for one of the cities of the resource cities://all.")


@mcp.tool()
def daylight(city: str, date: datetime.date) -> dict[str, Any]:
    """Sunrise and sunset in a city on a date, in UTC."""
    place = CITIES.get(city.lower())
    if place is None:
        raise ValueError(f"unknown city: {city}")
    found = sun(place, date=date)
    return {name: found[name].isoformat(timespec="minutes") for name in ("sunrise", "sunset")}


@mcp.resource("cities://all")
def cities() -> str:
    """The cities that it knows, one a line."""
    return "\n".join(sorted(CITIES))


if __name__ == "__main__":
    mcp.run()
