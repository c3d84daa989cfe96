"""Serves a program that speaks MCP over stdin and stdout as a Streamable HTTP server.

`command.py` reads the options. `legacy.py` has a process for each session, `modern.py` shares the
processes of `pool.py` among all requests. Both talk to a process through `conversation.py`.
`runtime/hosts/bridge.py` is something else: it connects blocking hosts to the event loop.
"""
