"""An MCP server over stdin and stdout with tools that simulate faults.

It needs only the standard library, and so starts fast. It speaks one era (`--era modern` or
`legacy`). Each tool call runs in a thread.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

META = "io.modelcontextprotocol/"
TOOLS = [
    *("echo", "pid", "env", "crash", "hang", "slow", "huge", "noise", "junk", "ask", "log"),
    *("change", "touch", "cancelled", "meta", "orphan", "run", "count", "settings", "close_stdout"),
]
OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--era", default="legacy")
OPTIONS.add_argument("--stubborn", action="store_true", help="ignore SIGTERM and the end of stdin")
OPTIONS.add_argument("--silent", action="store_true", help="answer nothing before initialize")
OPTIONS.add_argument("--fail-while", type=Path, help="exit at once while this file exists")
OPTIONS.add_argument("--deaf-after", type=int, default=0, help="read no more than so many lines")
OPTIONS.add_argument("rest", nargs="*", help="anything")


class Program:
    """The state of the process."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.modern = options.era == "modern"
        self.silent = options.silent
        self.writing = threading.Lock()
        self.cancelled: dict[Any, threading.Event] = {}
        self.reasons: list[Any] = []
        self.questions: dict[Any, list[Any]] = {}
        self.calls = 0
        self.settings: list[str] = []
        self.opening: dict[str, Any] = {}
        self.listening: list[Any] = []

    def write(self, message: dict[str, Any]) -> None:
        with self.writing:
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            sys.stdout.flush()

    def notify(self, method: str, **params: Any) -> None:
        self.write({"method": f"notifications/{method}", "params": params})

    def answer(self, number: Any, result: dict[str, Any]) -> None:
        if self.modern:
            result = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private", **result}
        self.write({"id": number, "result": result})

    def say(self, number: Any, value: Any) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        self.answer(number, {"content": [{"type": "text", "text": text}]})

    def refuse(self, number: Any, code: int, message: str) -> None:
        self.write({"id": number, "error": {"code": code, "message": message}})

    def read(self, message: dict[str, Any]) -> None:
        method, params = message.get("method"), message.get("params", {})
        number = message.get("id")
        if method is None:
            self.questions.pop(number, []).append(message)
        elif method == "notifications/cancelled":
            self.reasons.append(params.get("requestId"))
            if (event := self.cancelled.get(params.get("requestId"))) is not None:
                event.set()
        elif number is not None and (self.opening or not self.silent or method == "initialize"):
            self.request(number, method, params)

    def request(self, number: Any, method: str, params: dict[str, Any]) -> None:
        capabilities = {
            "tools": {"listChanged": True},
            "resources": {"subscribe": True, "listChanged": True},
            "logging": {},
            "tasks": {},
        }
        match method:
            case "initialize" if not self.modern:
                self.opening = params
                info = {"name": "faults", "version": "1"}
                revision = params["protocolVersion"]
                result = {"protocolVersion": revision, "capabilities": capabilities}
                self.answer(number, {**result, "serverInfo": info, "instructions": "break it"})
            case "server/discover" if self.modern:
                found = {"supportedVersions": ["2026-07-28"], "capabilities": capabilities}
                self.answer(number, found)
            case "subscriptions/listen" if self.modern:
                self.listening.append(number)
                acknowledged = {"notifications": params["notifications"]}
                self.tagged(number, "subscriptions/acknowledged", **acknowledged)
            case "tools/list":
                schema = {"type": "object"}
                heading = {"region": {"type": "string", "x-mcp-header": "Region"}}
                tools: list[dict[str, Any]] = [{"name": t, "inputSchema": schema} for t in TOOLS]
                tools[0] = {"name": "echo", "inputSchema": {**schema, "properties": heading}}
                self.answer(number, {"tools": tools})
            case "resources/read":
                self.refuse(number, -32002, "Resource not found")
            case "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe":
                self.settings.append(f"{method} {params.get('level', params.get('uri'))}")
                self.answer(number, {})
            case "ping" | "custom/thing":
                self.answer(number, {})
            case "tools/call":
                self.cancelled[number] = threading.Event()
                threading.Thread(target=self.call, args=(number, params), daemon=True).start()
            case _:
                self.refuse(number, -32601, f"no method {method}")

    def tagged(self, number: Any, method: str, **params: Any) -> None:
        self.notify(method, **params, _meta={f"{META}subscriptionId": number})

    def call(self, number: Any, params: dict[str, Any]) -> None:
        given = params.get("arguments", {})
        meta = params.get("_meta", {})
        match params["name"]:
            case "echo":
                self.say(number, given.get("text", ""))
            case "pid":
                self.say(number, str(os.getpid()))
            case "env":
                self.say(number, dict(os.environ))
            case "meta":
                self.say(number, meta)
            case "count":
                self.calls += 1
                self.say(number, str(self.calls))
            case "settings":
                self.say(number, {"settings": self.settings, "opening": self.opening})
            case "cancelled":
                self.say(number, self.reasons)
            case "crash":
                os._exit(given.get("status", 3))
            case "close_stdout":
                os.close(1)
            case "hang":
                pass
            case "slow":
                self.slow(number, given, meta.get("progressToken"))
            case "huge":
                self.say(number, "x" * given["bytes"])
            case "noise":
                for line in given["lines"]:
                    sys.stderr.write(line + "\n")
                sys.stderr.flush()
                self.say(number, "made")
            case "junk":
                with self.writing:
                    print(given["text"], flush=True)
                self.say(number, "printed")
            case "ask":
                self.ask(number, given)
            case "log":
                self.notify("message", level=given["level"], data=given["text"])
                self.say(number, "logged")
            case "change":
                self.report("tools/list_changed")
                self.say(number, "changed")
            case "touch":
                self.report("resources/updated", uri=given["uri"])
                self.say(number, "touched")
            case "orphan":
                left = subprocess.Popen(["sleep", "1000"])
                self.say(number, str(left.pid))
            case "run":
                subprocess.run(given["command"], check=True)
                self.say(number, "ran")
            case other:
                self.refuse(number, -32602, f"Unknown tool: {other}")

    def report(self, method: str, **params: Any) -> None:
        for number in self.listening if self.modern else [None]:
            if number is None:
                self.notify(method, **params)
            else:
                self.tagged(number, method, **params)

    def slow(self, number: Any, given: dict[str, Any], token: Any) -> None:
        steps = given.get("steps", 1)
        for step in range(1, steps + 1):
            if self.cancelled[number].wait(given["seconds"] / steps):
                return
            if token is not None:
                self.notify("progress", progressToken=token, progress=step, total=steps)
        self.say(number, given.get("text", "done"))

    def ask(self, number: Any, given: dict[str, Any]) -> None:
        question = f"ask-{given.get('name', 1)}"
        answers = self.questions[question] = []
        self.write({"id": question, "method": given["method"], "params": given.get("params", {})})
        deadline = time.monotonic() + 10
        while not answers and time.monotonic() < deadline:
            time.sleep(0.01)
        self.say(number, answers[0] if answers else "no answer")


def main() -> None:
    """Serve until stdin ends."""
    options = OPTIONS.parse_args()
    if options.fail_while is not None and options.fail_while.exists():
        sys.exit("the file is there")
    if options.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    program = Program(options)
    for number, line in enumerate(sys.stdin, 1):
        program.read(json.loads(line))
        if number == options.deaf_after:
            time.sleep(1000)
    while options.stubborn:
        time.sleep(1)


if __name__ == "__main__":
    main()
