"""One statement, several arithmetics.

A claim's mathematics is one function ``gap(arithmetic, **instance)``. The same lines run on

    FLOAT      float64 arrays                      fast search
    BATCH      float64 arrays, many instances      bulk search: the batch is the *last* axis
    EXACT      fractions.Fraction                  decisions in rationals (no exp, no log)
    ball(bits) arb balls of python-flint           proof of one violation, enclosure over a box
    SYMBOLIC   SymPy expressions                   proof; write x = log t, then e^x is the symbol t

An array is always an ndarray, of float64 or of objects, so indexing, broadcasting, + − * / and
``.sum(axis=…)`` work everywhere. Use ``arithmetic.maximum`` and ``arithmetic.absolute`` instead of
NumPy's: comparisons of balls are not total. Count axes from the front (axis=0, 1, …) and never
index with ``...``: then the lines also run in BATCH, where every number becomes an array [N].
β may be the floats ``inf`` or ``-inf``.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from tabular_marl.verification.number_systems import (
    BATCH,
    EXACT,
    FLOAT,
    SYMBOLIC,
    Arithmetic,
    NotExact,
    Numbers,
    ball,
    is_infinite,
    rational,
)

__all__ = [
    "BATCH",
    "EXACT",
    "FLOAT",
    "SYMBOLIC",
    "Arithmetic",
    "NotExact",
    "Numbers",
    "ball",
    "expectation",
    "free_energy",
    "kl",
    "rational",
    "tilt",
]


def expectation(p: Numbers, x: Numbers, axis: int) -> Numbers:
    """Σ_k p_k x_k along ``axis``; p broadcasts against x by NumPy's rules."""
    return (p * x).sum(axis=axis)


def _extreme(x: Numbers, prior: Numbers, sign: int, axis: int, arithmetic: Arithmetic) -> Numbers:
    """max (sign 1) or min (sign −1) over the prior's support, by leaving the rest out; nothing is
    known of it (nan) where a ball leaves open whether an outcome is in the support."""
    x, prior = np.broadcast_arrays(x, prior)
    off = arithmetic.zeros(prior)
    if arithmetic in (FLOAT, BATCH):
        return sign * np.max(np.where(off, -np.inf, sign * x), axis=axis)
    unsure = arithmetic.may_vanish(prior) & ~off
    if unsure.any():
        # nan where unsure
        x = x + 0 / np.where(unsure, prior, arithmetic.number(1))  # type: ignore[operator]
    x, off = np.moveaxis(x, axis, -1), np.moveaxis(off, axis, -1)
    out = np.empty(x.shape[:-1], dtype=object)
    for index in np.ndindex(out.shape):
        out[index] = sign * arithmetic.maximum(sign * x[index][~off[index]])
    return out if out.ndim else out.item()


def _soft(x: Numbers, prior: Numbers, beta: Numbers, axis: int) -> Numbers:
    """F_β in floats, accurate at every |β x|, also where p or a tilted p nearly vanishes.

    Small differences are taken from the mean, with expm1 and log1p; else log Σ exp(β x + log p) is
    taken from its largest term. p counts as normalised.
    """
    x, prior = np.broadcast_arrays(x, prior)
    prior = prior / prior.sum(axis=axis, keepdims=True)
    off = prior == 0
    mean = np.where(off, 0.0, prior * x).sum(axis=axis, keepdims=True)
    away = np.where(off, 0.0, beta * (x - mean))
    excess = np.log1p((prior * np.expm1(np.clip(away, -1, 1))).sum(axis=axis))
    terms = np.where(off, -np.inf, beta * x + np.log(np.where(off, 1.0, prior)))
    top = np.max(terms, axis=axis)
    total = top + np.log(np.exp(terms - np.expand_dims(top, axis)).sum(axis=axis))
    near = np.max(np.abs(away), axis=axis) < 1
    return np.where(near, np.squeeze(mean, axis) + excess / beta, total / beta)[()]


def _constant(x: Numbers, prior: Numbers, axis: int) -> Numbers:
    """The common value of x over the support along ``axis``: then no logarithm is needed."""
    top = _extreme(x, prior, 1, axis, EXACT)
    if not np.all(top == _extreme(x, prior, -1, axis, EXACT)):
        raise NotExact("the free energy of different values is not rational")
    return top


def free_energy(
    x: Numbers, prior: Numbers, beta: Numbers, axis: int, arithmetic: Arithmetic
) -> Numbers:
    """F_β[p](x) = (1/β) log Σ_k p_k exp(β x_k) along ``axis``; exact limits at β = 0 and ±inf.

    ``prior`` broadcasts against x by NumPy's rules; None is uniform.

    >>> free_energy(FLOAT.array([1, 3]), FLOAT.array(["1/2", "1/2"]), float("-inf"), 0, FLOAT)
    np.float64(1.0)
    >>> free_energy(EXACT.array([1, 3]), None, 0, 0, EXACT)
    Fraction(2, 1)
    """
    if prior is None:
        prior = arithmetic.number(Fraction(1, np.shape(x)[axis]))
        prior = np.broadcast_to(np.asarray(prior), np.shape(x))
    if isinstance(beta, np.ndarray) and beta.ndim:  # BATCH: one β an instance
        soft = np.where((beta == 0) | np.isinf(beta), 1.0, beta)
        out = _soft(x, prior, soft, axis)
        out = np.where(beta == 0, expectation(prior, x, axis), out)
        if np.isinf(beta).any():
            out = np.where(beta == np.inf, _extreme(x, prior, 1, axis, arithmetic), out)
            out = np.where(beta == -np.inf, _extreme(x, prior, -1, axis, arithmetic), out)
        return out
    if is_infinite(beta):
        return _extreme(x, prior, 1 if beta > 0 else -1, axis, arithmetic)
    beta = arithmetic.number(beta)
    if bool(arithmetic.zeros(beta)):
        return expectation(prior, x, axis)
    if arithmetic is EXACT:
        return _constant(x, prior, axis)
    if arithmetic in (FLOAT, BATCH):
        return _soft(x, prior, beta, axis)
    return arithmetic.log((prior * arithmetic.exp(beta * x)).sum(axis=axis)) / beta


def tilt(x: Numbers, prior: Numbers, beta: Numbers, axis: int, arithmetic: Arithmetic) -> Numbers:
    """tilt_β[p](x)_k = p_k exp(β x_k) / Σ_j p_j exp(β x_j) along ``axis``, for finite β.

    >>> tilt(FLOAT.array([0, 0]), FLOAT.array(["1/4", "3/4"]), 2.0, 0, FLOAT)
    array([0.25, 0.75])
    """
    if prior is None:
        prior = arithmetic.number(Fraction(1, np.shape(x)[axis]))
    weights = beta * x
    if arithmetic is EXACT:
        weights = weights - np.expand_dims(_constant(weights, prior, axis), axis)
        weights = np.where(arithmetic.zeros(prior), EXACT.number(0), weights)
    if arithmetic in (FLOAT, BATCH):
        weights = weights - np.max(
            np.where(np.broadcast_to(prior == 0, np.shape(weights)), -np.inf, weights),
            axis=axis,
            keepdims=True,
        )
        weights = np.minimum(weights, 0.0)  # outside the support, where p = 0 anyway
    weights = prior * arithmetic.exp(weights)
    return weights / np.expand_dims(weights.sum(axis=axis), axis)


def kl(p: Numbers, q: Numbers, axis: int, arithmetic: Arithmetic) -> Numbers:
    """D_KL(p ‖ q) = Σ_k p_k log(p_k / q_k) along ``axis``, with 0 log 0 = 0; q > 0 wherever p > 0.

    >>> float(kl(FLOAT.array([1, 0]), FLOAT.array(["1/2", "1/2"]), 0, FLOAT)).__round__(6)
    0.693147
    """
    p, q = np.broadcast_arrays(p, q)
    one = arithmetic.number(1)
    off = arithmetic.zeros(p)
    ratio: Numbers = np.where(off, one, p)
    ratio = ratio / np.where(off, one, q)
    return (p * arithmetic.log(ratio)).sum(axis=axis)
