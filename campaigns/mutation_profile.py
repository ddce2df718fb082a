"""The Hypothesis profile of `python -m campaigns.mutation`.

The examples are the same each time; none is kept and none is shrunk. A mutant dies at once, and its
counterexamples must not reach later tests.
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
    """Load the profile after `conftest.py` has loaded its own."""
    settings.load_profile("mutation")
