"""Cases of a test that only `make test-slow` runs."""

import pytest


def slow(*cases):
    """Marks cases, of one parameter each, for `pytest.mark.parametrize`."""
    return [pytest.param(case, marks=pytest.mark.slow) for case in cases]
