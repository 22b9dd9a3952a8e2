# mypy: allow-untyped-defs, allow-untyped-calls
"""A recipe's level on lanes: free energies and tilts of many groups of outcomes at once.

    F_β[p](x) = m + (1/β) log Σ_k p_k e^{β(x_k − m)},      m the best x_k of the support

x holds ``groups`` groups of ``count`` blocks (lanes.py); prior[g·count + k] is the same for every
lane. Near log 1 the sum Σ p (e^y − 1) is used, so nothing cancels at small β.

Rounding, with u = 2⁻⁵³, n outcomes, spread = max − min, and Λ = −log of the smallest prior in use:

    |computed F − F| ≤ u min((3n + 17) spread, (n + 4 + 4Λ)/|β|) + u |F|

because y = β(x − m) rounds twice, which moves log Σ by 2u Σ w |y|, w the tilt; and 0 ≤ KL(w‖p) =
Σ w y − log Σ makes that at most 2u |log Σ|. Priors (2u), exponentials (2u) and n additions give Σ a
relative error of (n + 4) u, hence log Σ one of (n + 4) u, or of 1.41 (n + 4) u |log Σ| where
Σ ≥ 0.71; elsewhere 1 ≤ 3 |log Σ|. log and 1/β add 2u |log Σ|, and |log Σ| ≤ min(Λ, |β| spread).
An outcome with eʸ < 5e-131 counts as 5e-131, less than 1e-30 of the sum as long as no prior in use
is below 1e-100; its tilt is not resolved further.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tabular_marl.numerics.kernels.lanes import (
    exponentials,
    fma,
    largest,
    load,
    log_and_reciprocal,
    smallest,
    splat,
    store,
    where_equal,
)


@njit
def _best(x, first, count, prior, beta):
    """The largest (β > 0) or smallest of a group's blocks over the support of its prior."""
    best = splat(-np.inf if beta > 0.0 else np.inf)
    for k in range(first, first + count):
        if prior[k] > 0.0:
            best = largest(best, load(x, k)) if beta > 0.0 else smallest(best, load(x, k))
    return best


@njit(inline="always")
def _exponents(x, groups, count, prior, beta, full, free):
    """x ← β (x − m) and free ← m; ``full`` says that no prior is zero, which saves asking."""
    for g in range(groups):
        first = g * count
        best = load(x, first)
        if full and beta > 0.0:
            for k in range(first, first + count):
                best = largest(best, load(x, k))
        elif full:
            for k in range(first, first + count):
                best = smallest(best, load(x, k))
        else:
            best = _best(x, first, count, prior, beta)
        store(free, g, best)
        for k in range(first, first + count):
            store(x, k, smallest(splat(beta) * (load(x, k) - best), splat(0.0)))


@njit(inline="always")
def _normalise(x, groups, count, inverse, tilt, free):
    """free ← m + (1/β) log Σ and tilt ← tilt/Σ, from the blocks p eʸ and p (eʸ − 1)."""
    for g in range(groups):
        first = g * count
        total, missing = load(tilt, first), load(x, first)
        for k in range(first + 1, first + count):
            total = total + load(tilt, k)
            missing = missing + load(x, k)
        log_total, scale = log_and_reciprocal(total, missing)
        store(free, g, fma(log_total, splat(inverse), load(free, g)))
        for k in range(first, first + count):
            store(tilt, k, load(tilt, k) * scale)


@njit
def _finite(x, groups, count, prior, beta, inverse, tilt, free):
    """β finite and not 0. In stages over all groups: one group's work hides another's latency."""
    full = True
    for k in range(groups * count):
        full = full and prior[k] > 0.0
    if count == 2:  # the loops over a few outcomes unroll when their number is known
        _exponents(x, groups, 2, prior, beta, full, free)
    elif count == 3:
        _exponents(x, groups, 3, prior, beta, full, free)
    else:
        _exponents(x, groups, count, prior, beta, full, free)
    for k in range(groups * count):
        e, e_minus_1 = exponentials(load(x, k))
        store(tilt, k, splat(prior[k]) * e)
        store(x, k, splat(prior[k]) * e_minus_1)
    if count == 2:
        _normalise(x, groups, 2, inverse, tilt, free)
    elif count == 3:
        _normalise(x, groups, 3, inverse, tilt, free)
    else:
        _normalise(x, groups, count, inverse, tilt, free)


@njit
def _extreme(x, groups, count, prior, beta, tilt, free):
    """β = ±inf: the best outcome of the support; the prior restricted to the best ones."""
    for g in range(groups):
        best = _best(x, g * count, count, prior, beta)
        store(free, g, best)
        total = splat(0.0)
        for k in range(g * count, (g + 1) * count):
            p = where_equal(load(x, k), best, splat(prior[k]), splat(0.0))
            total = total + p
            store(tilt, k, p)
        for k in range(g * count, (g + 1) * count):
            store(tilt, k, load(tilt, k) / total)


@njit
def _mean(x, groups, count, prior, tilt, free):
    """β = 0: the expectation under the prior, which is the tilt."""
    for g in range(groups):
        total = splat(0.0)
        for k in range(g * count, (g + 1) * count):
            p = splat(prior[k])
            total = fma(p, load(x, k), total)
            store(tilt, k, p)
        store(free, g, total)


@njit
def aggregate(x, groups, count, prior, beta, inverse, tilt, free):
    """F_β of each group of x into free[g], its tilt into tilt; x is overwritten. inverse = 1/β."""
    if beta == 0.0:
        _mean(x, groups, count, prior, tilt, free)
    elif np.isinf(beta):
        _extreme(x, groups, count, prior, beta, tilt, free)
    else:
        _finite(x, groups, count, prior, beta, inverse, tilt, free)
