"""What Hypothesis does under `python -m campaigns.mutation`: the same examples each time, none kept, none made smaller.

A mutant is to die at once, and must not leave its counterexamples to the tests of tomorrow.
"""

from hypothesis import Phase, settings

settings.register_profile(
    "mutation",
    database=None,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)


def pytest_collection() -> None:
    """Take the profile after `conftest.py` has taken its own."""
    settings.load_profile("mutation")
