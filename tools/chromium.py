"""Opens a page in Chromium, unpacked by tools/browser, and asks it over its DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any, Final

from websockets.sync.client import ClientConnection, connect

CACHE: Final = Path(os.environ.get("QUDAG_MCP_CACHE", Path.home() / ".cache/qudag-mcp"))
UNPACKED: Final = CACHE / "browser/usr/lib/chromium/chromium"
_SECONDS: Final = 60


def program() -> str | None:
    """The path of Chromium: on PATH, or where tools/browser unpacks it; else None."""
    return which("chromium") or (str(UNPACKED) if UNPACKED.is_file() else None)


class Page:
    """One page of a running browser.

    Attributes:
        events: what the browser reported, in order: requests, errors, messages.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a method of the protocol."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=_SECONDS))
            if message.get("id") == self._number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def open(self, url: str, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Opens ``url`` at a width in CSS pixels, and waits until it is loaded."""
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        seen = len(self.events)
        self.call("Page.navigate", url=url)
        while not any(one["method"] == "Page.loadEventFired" for one in self.events[seen:]):
            self.events.append(json.loads(self._socket.recv(timeout=_SECONDS)))

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Presses and releases a key."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            shown = {"text": text} if text and kind == "keyDown" else {}
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **shown
            )

    def picture(self, *, height: int | None = None, scale: float = 1) -> bytes:
        """A PNG of the page: of its whole length, or of its upper part; smaller by ``scale``."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "scale": scale, "width": size["width"],
                "height": min(size["height"], height or size["height"])}  # fmt: skip
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(shot["data"])

    def printed(self) -> bytes:
        """The page as a PDF."""
        return base64.b64decode(self.call("Page.printToPDF")["data"])


@contextmanager
def browser_page() -> Generator[Page]:
    """A new page of a browser that is ended afterwards.

    Raises:
        FileNotFoundError: there is no Chromium.
    """
    found = program()
    if found is None:
        raise FileNotFoundError("no Chromium: get it with tools/browser")
    libraries = [str(each) for each in (CACHE / "browser/usr/lib").glob("*-linux-gnu")]
    libraries += [f"{each}/pulseaudio" for each in libraries]
    unpacked = {} if which("chromium") else {"LD_LIBRARY_PATH": ":".join(libraries)}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [
                found,
                *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
                *("--hide-scrollbars", "--remote-debugging-port=0", "--remote-allow-origins=*"),
                f"--user-data-dir={profile}",
                "about:blank",
            ],
            env=os.environ | unpacked,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            with connect(_page_address(browser), max_size=None) as socket:
                yield Page(socket)
        finally:
            browser.kill()
            browser.wait()


def _page_address(browser: subprocess.Popen[str]) -> str:
    """The address of the first page's socket, from what the browser prints when it starts."""
    import urllib.request

    assert browser.stderr is not None
    for line in browser.stderr:
        if found := re.search(r"ws://(127\.0\.0\.1:[0-9]+)/", line):
            with urllib.request.urlopen(f"http://{found[1]}/json/list") as listed:
                pages = json.load(listed)
            return next(one for one in pages if one["type"] == "page")["webSocketDebuggerUrl"]
    raise RuntimeError("Chromium ended without an address")
