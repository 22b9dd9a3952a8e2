"""What a handful of seeds say: the interquartile mean and its 95 % bootstrap interval.

IQM = mean of the middle half of the runs (Agarwal et al. 2021); intervals resample whole runs.
Over several tasks the runs of each are resampled among themselves (stratified), and the middle half
is that of all runs together. Runs that failed are NaN and are left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

DRAWS = 2000


def iqm(scores: ArrayLike, axis: int = -1) -> NDArray[np.float64]:
    """The mean of what is left after a quarter is cut at either end, along ``axis``.

    >>> float(iqm([0.0, 1.0, 2.0, 100.0]))
    1.5
    """
    held = np.sort(np.moveaxis(np.asarray(scores, dtype=float), axis, -1), axis=-1)  # NaN is last
    count = np.isfinite(held).sum(-1, keepdims=True)
    cut, place = count // 4, np.arange(held.shape[-1])
    kept = (place >= cut) & (place < count - cut)
    with np.errstate(invalid="ignore"):  # none at all have no mean
        mean: NDArray[np.float64] = np.where(kept, held, 0.0).sum(-1) / kept.sum(-1)
    return mean


def iqm_interval(scores: ArrayLike, level: float = 0.95, seed: int = 0) -> NDArray[np.float64]:
    """The bootstrap interval of the IQM of each row of [..., runs]; [2, ...]."""
    held = np.asarray(scores, dtype=float)
    rows = [stratified_interval(row[None], level, seed) for row in held.reshape(-1, held.shape[-1])]
    return np.moveaxis(np.array(rows).reshape(*held.shape[:-1], 2), -1, 0)


def stratified_interval(
    scores: ArrayLike, level: float = 0.95, seed: int = 0
) -> NDArray[np.float64]:
    """The interval of the IQM over all of [tasks, runs], resampling runs within their task; [2].

    >>> stratified_interval([[1.0, 1.0], [3.0, 3.0]])  # what differs between tasks is no noise
    array([2., 2.])
    """
    random = np.random.default_rng(seed)
    drawn = []
    for task in np.asarray(scores, dtype=float):
        runs = task[np.isfinite(task)]
        if len(runs):
            drawn.append(runs[random.integers(len(runs), size=(DRAWS, len(runs)))])
    if not drawn:
        return np.full(2, np.nan)
    tails = [50 * (1 - level), 50 * (1 + level)]
    return np.asarray(np.percentile(iqm(np.concatenate(drawn, axis=1)), tails))
