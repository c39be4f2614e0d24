"""Tools of the notebook → tools as pydantic-ai knows them."""

from __future__ import annotations

import functools
import inspect
from typing import Any

from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic_ai import FunctionToolset
from pydantic_ai import Tool as ModelTool
from pydantic_ai.exceptions import UserError

from sparky_nb.agents.assignment import Assignment
from sparky_nb.agents.tools import Tool


def toolset(assignment: Assignment) -> FunctionToolset[None]:
    """The assignment's tools. One that can't be described is left out, and that is said."""
    made = []
    for tool in assignment.tools.values():
        try:
            made.append(_model_tool(tool))
        except (UserError, PydanticSchemaGenerationError, PydanticUserError, NameError) as error:
            assignment.voice.note(f"the tool {tool.name} can't be offered to the model: {error}")
    return FunctionToolset(made)


def _model_tool(tool: Tool) -> ModelTool[None]:
    signature = inspect.signature(tool.function)

    @functools.wraps(tool.function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        return await tool.call(*bound.args, **bound.kwargs)

    return ModelTool(call, takes_ctx=False, name=tool.name, description=tool.description)
