"""A plugin that watches and tests, for files that name one."""

from standby.plugin import hookimpl


@hookimpl
def standby_observers() -> list[object]:
    return [print]


@hookimpl
def standby_predicates() -> dict[str, object]:
    return {"no-price": print}
