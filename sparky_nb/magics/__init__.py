"""A face: ``%sparky`` and ``%%sparky``. In: what a person types; out: handles, views, tables.
Never: anything that ``sparky_nb.api`` does not do for Python code as well."""

from sparky_nb.magics.extension import load, unload

__all__ = ["load", "unload"]
