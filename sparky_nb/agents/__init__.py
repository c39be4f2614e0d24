"""Room 2, upper floor: agents, which make events by following an instruction. In: an instruction, a
chat's log, the notebook's tools; out: events through a task's port.
Never: the runner's threads, a server, a viewer; no vendor's library before an agent task runs."""

from sparky_nb.agents.assignment import Assignment
from sparky_nb.agents.drive import Agent, perform
from sparky_nb.agents.failures import AgentFailed, LimitReached, MissingExtra, ModelFailed
from sparky_nb.agents.settings import SETTINGS, AgentSettings
from sparky_nb.agents.tools import Tool, tool
from sparky_nb.agents.work import agent_work
from sparky_nb.events.model import MessageSent, Thought, ToolResult, ToolUse

__all__ = [
    "SETTINGS",
    "Agent",
    "AgentFailed",
    "AgentSettings",
    "Assignment",
    "LimitReached",
    "MessageSent",
    "MissingExtra",
    "ModelFailed",
    "Thought",
    "Tool",
    "ToolResult",
    "ToolUse",
    "agent_work",
    "perform",
    "tool",
]
