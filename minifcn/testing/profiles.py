"""How much Hypothesis tries: `dev`, `ci`, `intense` or `mutation`, chosen by the variable MINIFCN_HYPOTHESIS."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings

from minifcn.errors import ArgumentError

VARIABLE = "MINIFCN_HYPOTHESIS"
PROFILES: dict[str, dict[str, Any]] = {
    "dev": {"max_examples": 50},  # other examples on every run
    "ci": {"max_examples": 50, "derandomize": True},  # the same ones: it fails for a change and never by chance
    "intense": {"max_examples": 2000},  # for a search
    # For thousands of runs of the same tests, one for each change of the source: nobody reads the smallest example.
    "mutation": {"max_examples": 50, "derandomize": True, "phases": [Phase.explicit, Phase.generate], "database": None},
}


def load_profile() -> str:
    """Make the profiles known to Hypothesis and load the one that the environment names; returns its name.

    A busy machine must not turn a right answer into a failure, so nothing is timed.
    """
    calm: dict[str, Any] = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow]}
    for name, options in PROFILES.items():
        # On top of Hypothesis' defaults, not of what happens to be loaded.
        settings.register_profile(name, settings.get_profile("default"), **calm, **options)
    chosen = os.environ.get(VARIABLE, "dev")
    if chosen not in PROFILES:
        raise ArgumentError(f"{VARIABLE} is {chosen!r}; use one of {', '.join(PROFILES)}.")
    settings.load_profile(chosen)
    return chosen
