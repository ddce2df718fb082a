"""Events: each has call, chain, model and time; none has a field for a message's content."""

import msgspec
import pytest

from standby import events
from standby.events import Event
from standby.failures import Attempt, Kind

KINDS = [
    value for value in vars(events).values() if isinstance(value, type) and issubclass(value, Event)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_event_has_call_chain_model_and_time_by_name(kind: type[Event]) -> None:
    assert kind.__struct_fields__[:4] == ("call", "chain", "model", "at")
    with pytest.raises(TypeError, match="Extra positional arguments provided"):
        kind("call")  # type: ignore[call-arg, misc] # the point


def test_no_event_has_a_field_that_could_hold_messages() -> None:
    types = {field.type for kind in KINDS for field in msgspec.structs.fields(kind)}
    assert types <= {
        str,
        float,
        int,
        bool,
        Kind,
        Attempt,
        tuple[str, ...],
    }  # the last: a file's problems
