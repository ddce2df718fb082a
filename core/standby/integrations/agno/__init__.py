"""standby inside Agno: `StandbyModel`, a chain as an Agno model, and `IntelligentModelFallback`.

::

    from agno.agent import Agent
    from standby.integrations.agno import StandbyModel

    agent = Agent(model=StandbyModel())
"""

try:
    # an extra
    import agno as _agno  # noqa: F401 # pyright: ignore[reportMissingImports,reportUnusedImport]
except ImportError as error:
    raise ImportError(
        "standby.integrations.agno needs Agno: pip install 'agno>=2.4,<4'", name="agno"
    ) from error

from standby.integrations.agno.model import StandbyModel
from standby.integrations.agno.wrapper import IntelligentModelFallback

__all__ = ["IntelligentModelFallback", "StandbyModel"]
