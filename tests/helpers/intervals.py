"""Confidence intervals by SciPy, for comparison with those in figures."""

import numpy as np
from scipy import stats


def interval(values):
    """Ends of the 95% interval of the mean over the first axis."""
    return stats.t.interval(0.95, len(values) - 1, np.mean(values, axis=0), stats.sem(values, axis=0))
