"""Carry requests down one chain. Knows no provider, no model's name and no file."""

import asyncio
import random
from collections.abc import Collection
from contextlib import nullcontext

from standby.dispatch.execution import Emit, Execution, Watch
from standby.dispatch.stream_gate import Put
from standby.dispatch.target import Route
from standby.dispatch.trail import Trail
from standby.events import Event
from standby.types import Reply, Request


class Dispatcher:
    """Carries requests down one chain."""

    def __init__(
        self,
        route: Route,
        *,
        emit: Emit,
        jitter: random.Random,
        watch: Watch = nullcontext,
        unwanted: Collection[type[Event]] = (),
    ) -> None:
        """Prepare; nothing is attempted yet.

        Args:
            route: the chain, ready to be used.
            emit: takes every event.
            jitter: draws the pauses before retries.
            watch: surrounds each call.
            unwanted: the types of events that need not be made.

        """
        self.route = route
        self._emit = emit
        self._jitter = jitter
        self._watch = watch
        self._unwanted = unwanted

    def start(self, request: Request, deadline: float, put: Put | None = None) -> Execution:
        """Make the execution of one request, for the running event loop.

        Args:
            request: the caller's request.
            deadline: seconds for the whole call, counted from now.
            put: takes the chunks of a stream, besides the reply; by default there are none.

        Returns:
            The execution; nothing is sent before its `run` is awaited, which it can be once.

        """
        clock = asyncio.get_running_loop().time
        return Execution(
            self.route,
            request,
            trail=Trail(self.route.name, self._emit, clock, self._unwanted),
            jitter=self._jitter,
            deadline=deadline,
            put=put,
            watch=self._watch,
        )

    async def run(
        self, request: Request, *, deadline: float | None = None, put: Put | None = None
    ) -> Reply:
        """Return the first good reply, with the trail on it.

        Args:
            request: the caller's request.
            deadline: seconds for the whole call; by default the chain's own.
            put: takes the chunks of a stream; by default the reply comes whole.

        Returns:
            The reply.

        Raises:
            CallFailed: no model answered, one said stop, a stream broke, or the time is up; it has
                the trail.

        """
        seconds = self.route.chain.deadline if deadline is None else deadline
        return await self.start(request, seconds, put).run()
