"""Policies kept as log ratios to a prior, so that no action is lost to underflow.

    λ = log π/p                                    −inf where π has dropped an action for good
    F_β[p e^λ](x) = F_β[p](x + λ/β)                a tilted prior is a gain added to the reward

A probability below 1e-308 still decides wherever a later tilt has nothing better to choose.
Units: λ is in log units, gains in reward units. Rows lie along ``axis``; priors broadcast.
"""

from __future__ import annotations

import math

import numpy as np

from tabular_marl.numerics.free_energy import free_energy, free_energy_and_tilt
from tabular_marl.solution import Array


def log_ratio(advantage: Array, beta: float, policy: Array, prior: Array) -> Array:
    """log π/p of the tilt π by ``advantage`` x − F_β[p](x); 0 where the prior is 0.

    An infinite ``beta`` has no finite exponent: there the ratio is that of ``policy``, as stored.
    """
    if math.isinf(beta):
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(policy / prior)
    else:
        ratio = beta * advantage
    return np.where(prior > 0, ratio, 0.0)


def absorb(ratio: Array, beta: float, prior: Array, axis: int) -> tuple[Array, Array]:
    """(g, p') with F_β[p'](x + g) = F_β[p e^λ](x) for all x, λ the ``ratio``."""
    dropped = np.isneginf(ratio)
    if beta and math.isfinite(beta):
        kept = normalised(np.where(dropped, 0.0, prior), axis)
        gain = np.where(dropped, 0.0, ratio) / beta
        # its rounding, 1e-16/β, is a constant to first order: take it out
        return gain - np.expand_dims(free_energy(gain, beta, kept, axis), axis), kept
    # a mean does not see what underflows; an optimum sees only which actions are left
    lowest = -np.inf if beta == 0 else -600.0
    kept = np.where(dropped, 0.0, prior * np.exp(np.maximum(ratio, lowest)))
    return np.zeros_like(kept), normalised(kept, axis)


def tilted(ratio: Array, prior: Array, axis: int) -> Array:
    """π = p e^λ, normalised."""
    return normalised(prior * np.exp(ratio - ratio.max(axis=axis, keepdims=True)), axis)


def free_energy_of_tilt(
    x: Array, beta: float, exponent: Array, beta_exponent: float, prior: Array, axis: int
) -> Array:
    """F_β[π](x) where π is the tilt of ``prior`` by ``exponent`` at ``beta_exponent``."""
    value, policy = free_energy_and_tilt(exponent, beta_exponent, prior, axis)
    advantage = exponent - np.expand_dims(value, axis)
    gain, kept = absorb(log_ratio(advantage, beta_exponent, policy, prior), beta, prior, axis)
    return free_energy(x + gain, beta, kept, axis)


def normalised(rows: Array, axis: int) -> Array:
    """``rows`` as probabilities along ``axis``."""
    total: Array = rows / rows.sum(axis=axis, keepdims=True)
    return total
