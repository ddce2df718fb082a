"""standby inside Agno: `StandbyModel`, a chain as an Agno model, and `IntelligentModelFallback`, the wrapper that it replaces.

::

    from agno.agent import Agent
    from standby.integrations.agno import StandbyModel

    agent = Agent(model=StandbyModel())
"""

from standby.integrations.agno.model import StandbyModel
from standby.integrations.agno.wrapper import IntelligentModelFallback

__all__ = ["IntelligentModelFallback", "StandbyModel"]
