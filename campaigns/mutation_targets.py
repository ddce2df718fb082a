"""The modules of the mutation campaign, and the tests that must notice a change in each."""

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from campaigns.mutants import Mutant, mutants_of

ROOT = Path(__file__).parents[1]

DISPATCH_TESTS = (
    "dispatch/test_dispatcher.py",
    "dispatch/test_breaks.py",
    "dispatch/test_hedging.py",
    "dispatch/test_probing.py",
    "dispatch/test_own_time.py",
    "dispatch/test_loop_lag.py",
    "dispatch/test_policy.py",
    "dispatch/test_retired.py",
    "dispatch/test_limits_of_models.py",
    "dispatch/test_extra.py",
    "dispatch/test_reasoning.py",
    "test_streams.py",
    "runtime/test_on_time.py",
)
"""Tests of whole calls: every module has them beside its own tests."""

OWN = {
    "dispatch.adapter_call": (
        "dispatch/test_adapter_call.py",
        "runtime/test_isolation.py",
        "runtime/test_shortages.py",
    ),
    "dispatch.assessment": ("dispatch/test_dispatcher.py",),
    "dispatch.attempt": (
        "dispatch/test_attempt.py",
        "dispatch/test_execution.py",
        "runtime/test_isolation.py",
    ),
    "dispatch.call_errors": ("dispatch/test_dispatcher.py", "test_errors.py", "test_client.py"),
    "dispatch.compatibility": (
        "dispatch/test_compatibility.py",
        "dispatch/test_limits_of_models.py",
        "dispatch/test_conversations_of_tools.py",
        "inputs/test_media.py",
        "inputs/test_schemas.py",
        "diagnostics/test_explain.py",
    ),
    "dispatch.dispatcher": ("dispatch/test_dispatcher.py",),
    "dispatch.execution": (
        "dispatch/test_execution.py",
        "dispatch/test_dispatcher.py",
        "dispatch/test_breaks.py",
        "plugins/test_house_rules.py",
    ),
    "dispatch.in_flight": (
        "dispatch/test_execution.py",
        "dispatch/test_hedging.py",
        "dispatch/test_attempt.py",
    ),
    "dispatch.live_routes": (
        "dispatch/test_live_routes.py",
        "config/test_reload.py",
        "resilience/test_shared_health.py",
        "plugins/test_house_rules.py",
        "test_client.py",
    ),
    "dispatch.policy": ("dispatch/test_policy.py", "diagnostics/test_explain.py"),
    "dispatch.redaction": ("dispatch/test_redaction.py", "dispatch/test_adapter_call.py"),
    "dispatch.routes": (
        "dispatch/test_routes.py",
        "dispatch/test_policy.py",
        "resilience/test_shared_health.py",
        "test_client.py",
    ),
    "dispatch.stream_buffer": ("dispatch/test_stream_buffer.py", "test_streams.py"),
    "dispatch.stream_gate": (
        "dispatch/test_stream_gate.py",
        "dispatch/test_adapter_call.py",
        "test_streams.py",
    ),
    "dispatch.target": ("dispatch/test_policy.py", "dispatch/test_adapter_call.py"),
    "dispatch.trail": (
        "dispatch/test_trail.py",
        "observe/test_log.py",
        "test_events.py",
        "diagnostics/test_replay.py",
    ),
    "resilience.breaker_states": (
        "resilience/test_circuit_breaker.py",
        "dispatch/test_retired.py",
        "resilience/test_circuit_breaker_model.py",
    ),
    "resilience.bulkhead": ("resilience/test_bulkhead.py",),
    "resilience.circuit_breaker": (
        "resilience/test_circuit_breaker.py",
        "dispatch/test_retired.py",
        "resilience/test_health.py",
        "resilience/test_circuit_breaker_model.py",
    ),
    "resilience.health": ("resilience/test_health.py", "resilience/test_shared_health.py"),
    "resilience.retry_budget": (
        "resilience/test_retry_budget.py",
        "resilience/test_circuit_breaker_model.py",
    ),
    "resilience.timeouts": ("resilience/test_timeouts.py",),
    "resilience.triggers": ("resilience/test_triggers.py",),
}
"""Every module of the two folders, with the tests about it: these run first."""


class Target(NamedTuple):
    """A module, and the tests that must notice what is changed in it."""

    name: str
    import_name: str
    path: Path
    tests: tuple[Path, ...]

    @property
    def digest(self) -> str:
        """Return a text that changes when the module or one of its tests changes."""
        return hashlib.sha256(
            b"\0".join(path.read_bytes() for path in (self.path, *self.tests))
        ).hexdigest()[:16]

    def mutants(self) -> list[Mutant]:
        """Return all its mutants, of one tree."""
        return mutants_of(ast.parse(self.path.read_text("utf-8")), self.name)


def targets(names: Iterable[str]) -> list[Target]:
    """Return the modules of these names, or all."""
    chosen = tuple(names) or tuple(OWN)
    folder = ROOT / "core" / "standby"
    tests = {
        name: tuple(ROOT / "tests" / path for path in dict.fromkeys((*OWN[name], *DISPATCH_TESTS)))
        for name in chosen
    }
    return [
        Target(name, f"standby.{name}", folder / f"{name.replace('.', '/')}.py", tests[name])
        for name in chosen
    ]
