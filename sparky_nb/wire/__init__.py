"""The wire format as data: ``v1.json`` is generated from the Python types by
``python -m sparky_nb.wire`` and TypeScript is generated from it. Never edited by hand."""

from sparky_nb.wire.schema import SCHEMA_PATH, schema, schema_text

__all__ = ["SCHEMA_PATH", "schema", "schema_text"]
