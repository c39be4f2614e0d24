"""The command line: ``sparky`` and ``jupyter sparky`` (protocol.md §6).

In: words typed in a terminal. Out: text or JSON lines, and an exit status. Never: rules
of its own: it asks a log or a server. What is heavy is imported late."""

from sparky_nb.cli.main import main

__all__ = ["main"]
