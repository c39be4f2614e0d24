"""The default home of a log: one SQLite file in WAL mode. In: the contract; out: rows and wire
bytes. Never: a checkpoint in a task's thread, nor any other handle on the database file."""

from sparky_nb.log.sqlite.log import SqliteLog

__all__ = ["SqliteLog"]
