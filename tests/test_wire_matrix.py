"""Every body for every model and kind of request: pinned in files, and valid by its vendor's rules.

`python -m tests.test_wire_matrix` writes the files again; review their difference.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from standby.dispatch.compatibility import adapt
from standby.errors import AttemptFailed
from tests.oracles.wrong_bodies import WRONG_BODIES
from tests.support.wire_requests import (
    ENDPOINT,
    MODELS,
    REQUESTS,
    broken_rules,
    build_body,
    read_request,
    targets,
)

SNAPSHOTS = Path(__file__).parent / "snapshots"
REFRESH = "python -m tests.test_wire_matrix"
OWN_THOUGHTS = ["what sol thought"]


def make_snapshot(name: str) -> dict[str, Any]:
    """Return a snapshot: each model's body and the parameters it lacks, or why it was not sent."""
    snapshot: dict[str, Any] = {}
    for model, target in targets().items():
        request = read_request(name)
        try:
            body = build_body(request, target)
        except AttemptFailed as error:
            snapshot[model] = {error.failure.kind.value: error.failure.message}
        else:
            snapshot[model] = {"body": body, "dropped": list(adapt(request, target)[1])}
    return snapshot


def format_snapshot(snapshot: Any) -> str:
    return json.dumps(snapshot, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def snapshot_path(name: str) -> Path:
    return SNAPSHOTS / f"{name.replace(',', '').replace(' ', '_')}.json"


@pytest.mark.parametrize("name", REQUESTS)
def test_every_body_is_as_pinned(name: str) -> None:
    path = snapshot_path(name)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    assert format_snapshot(make_snapshot(name)) == before, (
        f"{path.name} is missing or old; look at what changes after: {REFRESH}"
    )


def test_there_is_no_stale_snapshot() -> None:
    assert sorted(path.name for path in SNAPSHOTS.iterdir()) == sorted(
        snapshot_path(name).name for name in REQUESTS
    )


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", REQUESTS)
def test_every_body_keeps_its_vendors_rules(name: str, model: str) -> None:
    target, snapshot = targets()[model], make_snapshot(name)[model]
    if "body" not in snapshot:
        assert list(snapshot) == ["unsupported"]
        assert snapshot["unsupported"]
        return
    streamed = build_body(read_request(name), target, stream=True)
    for body in (snapshot["body"], streamed):
        assert broken_rules(body, target, OWN_THOUGHTS) == []


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", REQUESTS)
def test_streaming_changes_only_the_stream_fields(name: str, model: str) -> None:
    snapshot, request, target = make_snapshot(name)[model], read_request(name), targets()[model]
    if "body" not in snapshot:
        with pytest.raises(AttemptFailed, match=r"^\S"):
            build_body(request, target, stream=True)
        return
    streamed = build_body(request, target, stream=True)
    added: dict[str, Any] = {} if model.startswith("gemini") else {"stream": True}
    if "messages" in streamed:
        added["stream_options"] = {"include_usage": True}
    assert streamed == snapshot["body"] | added


def models_sent(name: str) -> set[str]:
    return {model for model, snapshot in make_snapshot(name).items() if "body" in snapshot}


def test_each_request_goes_to_the_models_that_support_it() -> None:
    everyone = set(MODELS)
    seeing = everyone - {"o3-mini", ENDPOINT}
    limited = {
        "tools and a schema": everyone - {"gemini-2.5-pro"},
        "a picture": seeing,
        "a picture by its URL": seeing,
        "a document": seeing,
        "sound": {"gemini-2.5-pro", "gemini-3.8-flash"},
        "a picture from a tool": {"gemini-3.8-flash", "gpt-5.6-sol"},
    }
    for name in REQUESTS:
        assert models_sent(name) == limited.get(name, everyone)


def change(value: Any, path: str, new: Any) -> Any:
    """Return a copy of JSON in which one value is changed."""
    copy = json.loads(json.dumps(value))
    *above, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    inner = copy
    for step in above:
        inner = inner[step]
    if new is ...:
        del inner[last]
    else:
        inner[last] = new
    return copy


@pytest.mark.parametrize(("model", "name", "path", "new", "message"), WRONG_BODIES)
def test_the_rules_refuse_a_wrong_body(
    model: str, name: str, path: str, new: Any, message: str
) -> None:
    target, body = targets()[model], make_snapshot(name)[model]["body"]
    assert broken_rules(body, target, OWN_THOUGHTS) == []
    assert message in "; ".join(broken_rules(change(body, path, new), target, OWN_THOUGHTS))


def write() -> None:
    """Write the snapshots again."""
    for path in SNAPSHOTS.glob("*.json"):
        path.unlink()
    for name in REQUESTS:
        snapshot_path(name).write_text(format_snapshot(make_snapshot(name)), encoding="utf-8")


if __name__ == "__main__":
    write()
