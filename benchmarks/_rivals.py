"""The rivals in NumPy: value iteration as people write it, with span bounds, and Anderson(5).

All solve V = F[r + γ P V] with the recipe a:β_a given b, then b:β_b, uniform priors, on dense
transition[s, a, b, t], to a proved error of ``tolerance``. They are written to be quick: one BLAS
product a sweep, in-place exponentials.
"""

from __future__ import annotations

import numpy as np


def free_energy(x, beta, axis):
    """(1/β) log mean exp(β x) along ``axis``, shifted by its extreme; β = ±inf is max or min."""
    if np.isinf(beta):
        return x.max(axis=axis) if beta > 0 else x.min(axis=axis)
    top = x.max(axis=axis, keepdims=True) if beta > 0 else x.min(axis=axis, keepdims=True)
    scaled = np.exp(beta * (x - top))
    return np.squeeze(top, axis) + np.log(scaled.mean(axis=axis)) / beta


class Backup:
    """T and its sweep counter."""

    def __init__(self, game, betas, discount):
        self.rows = game.transition.reshape(-1, game.num_states)
        self.reward = game.reward
        self.betas, self.discount = betas, discount
        self.sweeps = 0

    def __call__(self, value):
        self.sweeps += 1
        q = self.rows @ value
        q *= self.discount
        q = q.reshape(self.reward.shape)
        q += self.reward
        return free_energy(free_energy(q, self.betas[0], 1), self.betas[1], 1)


def sup_norm_value_iteration(game, betas, discount, tolerance, limit=200_000):
    """V ← TV until γ/(1 − γ) ‖TV − V‖∞ ≤ tolerance, or until V repeats to the last bit."""
    backup = Backup(game, betas, discount)
    value = np.zeros(game.num_states)
    threshold = tolerance * (1 - discount) / discount
    note = ""
    for _ in range(limit):
        new = backup(value)
        change = np.max(np.abs(new - value))
        value = new
        if change <= threshold:
            break
    else:
        note = f", STOPPED at the limit with change {change:.1e} > {threshold:.1e}"
    return value, f"{backup.sweeps} sweeps{note}"


def span_value_iteration(game, betas, discount, tolerance, limit=200_000):
    """The same with MacQueen's bounds: stop at half-width ≤ tolerance, return the middle."""
    backup = Backup(game, betas, discount)
    value = np.zeros(game.num_states)
    factor = discount / (1 - discount)
    note = ""
    for _ in range(limit):
        new = backup(value)
        change = new - value
        low, high = change.min(), change.max()
        value = new
        if factor * (high - low) / 2 <= tolerance:
            break
        # without this shift the sum grows to r/(1 − γ) and rounding hides the span
        value = value - value.mean()
    else:
        note = ", STOPPED at the limit"
    # T(V + c) = TV + γc, so the bounds hold at the shifted point as they are
    return value + factor * (high + low) / 2, f"{backup.sweeps} sweeps{note}"


def anderson(game, betas, discount, tolerance, memory=5, limit=50_000):
    """Anderson acceleration of depth 5 on V − mean V, with the same span bounds as stopping rule.

    A step that more than doubles the residual's span is undone by a plain sweep.
    """
    backup = Backup(game, betas, discount)
    factor = discount / (1 - discount)
    value = np.zeros(game.num_states)
    points, images = [], []
    last = np.inf
    note = ""
    for _ in range(limit):
        image = backup(value)
        change = image - value
        low, high = change.min(), change.max()
        if factor * (high - low) / 2 <= tolerance:
            break
        if high - low > 2 * last:
            points, images = [], []
        last = min(last, high - low)
        points = [*points, value][-memory - 1 :]
        images = [*images, image][-memory - 1 :]
        if len(points) == 1:
            value = image
        else:
            residuals = np.array(images) - np.array(points)
            residuals -= residuals.mean(axis=1, keepdims=True)
            differences = (residuals[1:] - residuals[:-1]).T
            mix = np.linalg.lstsq(differences, residuals[-1], rcond=None)[0]
            jumps = np.array(images)
            value = image - (jumps[1:] - jumps[:-1]).T @ mix
        value = value - value.mean()
    else:
        note = ", STOPPED at the limit"
    return image + factor * (high + low) / 2, f"{backup.sweeps} sweeps{note}"
