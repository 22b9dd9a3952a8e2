"""What a handful of seeds say: the interquartile mean and its 95 % bootstrap interval.

IQM = mean of the middle half of the runs (Agarwal et al. 2021); intervals resample whole runs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats


def iqm(scores: ArrayLike, axis: int = -1) -> NDArray[np.float64]:
    """The mean of what is left after a quarter is cut at either end, along ``axis``.

    >>> float(iqm([0.0, 1.0, 2.0, 100.0]))
    1.5
    """
    return np.asarray(stats.trim_mean(np.asarray(scores, dtype=float), 0.25, axis=axis))


def iqm_interval(scores: ArrayLike, level: float = 0.95, seed: int = 0) -> NDArray[np.float64]:
    """The bootstrap interval of the IQM of [..., runs]; [2, ...], NaN-free for equal runs too."""
    held = np.asarray(scores, dtype=float)
    draws = np.random.default_rng(seed).integers(held.shape[-1], size=(2000, held.shape[-1]))
    tails = [50 * (1 - level), 50 * (1 + level)]
    flat = [np.percentile(iqm(row[draws]), tails) for row in held.reshape(-1, held.shape[-1])]
    return np.moveaxis(np.array(flat).reshape(*held.shape[:-1], 2), -1, 0)
