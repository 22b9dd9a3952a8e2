"""The primitive: the free energy of a vector of values under a prior, and its gradient, the tilt.

    F_β[p](x) = (1/β) log Σ_k p_k exp(β x_k)        tilt_β[p](x)_k ∝ p_k exp(β x_k) = ∂F/∂x_k

    β → 0: Σ p_k x_k        β = +inf: max        β = −inf: min            (over the support of p)

x and F are in reward units, β in 1/reward, of either sign. For β > 0 F is
max_q {E_q x − KL(q‖p)/β}, for β < 0 the minimum of the same expression. F is monotone, and
F(x + c) = F(x) + c, so it is non-expansive in the sup norm. (report, the log-sum-exp of (14), (20),
(25), (58), in reward units: divide the report's Q by β.)

Rounding, with u = 2⁻⁵³, n outcomes, and spread = max − min of x over the support:

    |computed F − F| ≤ (2n + 50) u spread + u |F|
    |computed tilt_k − tilt_k| ≤ (2n + 20 + 6 |β| spread) u tilt_k      for tilt_k > 1e-290

for every β, also denormal ones and |β| spread beyond overflow; kernels/free_energy.py says why.
A prior row is used as p / Σp.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabular_marl.validation import (
    InputError,
    finite_array,
    inverse_temperature,
    probability_rows,
)

Array = NDArray[np.float64]


def free_energy(x: ArrayLike, beta: float, prior: ArrayLike | None = None, axis: int = -1) -> Array:
    """F_β[p](x) = (1/β) log Σ_k p_k exp(β x_k) along ``axis``.

    ``x`` holds finite numbers in reward units. ``prior`` is None (uniform), a vector along
    ``axis``, or an array that broadcasts with ``x``; it sums to one along ``axis``. The result has
    the broadcast shape without ``axis``. Raises InputError. Source: report (14), (25).

    >>> float(free_energy([0.0, 1.0], beta=0.0))
    0.5
    >>> float(free_energy([0.0, 1.0, 9.0], beta=float("inf"), prior=[0.5, 0.5, 0.0]))
    1.0
    >>> free_energy([[0.0, 1e6], [3.0, 3.0]], beta=-1.0).round(6).tolist()
    [0.693147, 3.0]
    """
    from tabular_marl.numerics.kernels.free_energy import free_energy_rows

    rows, weights, shape, beta, _ = _arguments(x, beta, prior, axis)
    value = np.empty(rows.shape[0])
    free_energy_rows(rows, weights, beta, value)
    return value.reshape(shape[:-1])


def tilt(x: ArrayLike, beta: float, prior: ArrayLike | None = None, axis: int = -1) -> Array:
    """The policy p_k exp(β x_k) / Σ_j p_j exp(β x_j) along ``axis``, which is ∂F/∂x.

    At β = ±inf it is the limit: the prior restricted to the maximisers (minimisers) over its
    support. Arguments as in :func:`free_energy`; the result has the broadcast shape, and sums to
    one along ``axis``. Raises InputError. Source: report (15), (26).

    >>> tilt([1.0, 2.0, 2.0], beta=float("inf"), prior=[0.5, 0.125, 0.375]).tolist()
    [0.0, 0.25, 0.75]
    """
    from tabular_marl.numerics.kernels.free_energy import tilt_rows

    rows, weights, shape, beta, at = _arguments(x, beta, prior, axis)
    tilted = np.empty_like(rows)
    tilt_rows(rows, weights, beta, tilted)
    return np.moveaxis(tilted.reshape(shape), -1, at)


def free_energy_and_tilt(
    x: ArrayLike, beta: float, prior: ArrayLike | None = None, axis: int = -1
) -> tuple[Array, Array]:
    """(F_β[p](x), tilt_β[p](x)), as :func:`free_energy` and :func:`tilt` give them.

    >>> value, policy = free_energy_and_tilt([0.0, 0.0], beta=2.0)
    >>> float(value), policy.tolist()
    (0.0, [0.5, 0.5])
    """
    from tabular_marl.numerics.kernels.free_energy import free_energy_rows, tilt_rows

    rows, weights, shape, beta, at = _arguments(x, beta, prior, axis)
    value, tilted = np.empty(rows.shape[0]), np.empty_like(rows)
    free_energy_rows(rows, weights, beta, value)
    tilt_rows(rows, weights, beta, tilted)
    return value.reshape(shape[:-1]), np.moveaxis(tilted.reshape(shape), -1, at)


def _arguments(
    x: ArrayLike, beta: float, prior: ArrayLike | None, axis: int
) -> tuple[Array, Array, tuple[int, ...], float, int]:
    """Checked (x as [rows, n], prior as [rows or 1, n], shape with ``axis`` last, β, axis ≥ 0)."""
    values = finite_array("x", x)
    beta = inverse_temperature("beta", beta)
    if values.ndim == 0 or not -values.ndim <= axis < values.ndim:
        raise InputError("axis", f"be an axis of x, which has {values.ndim}", f"it was {axis}")
    at = axis % values.ndim
    n = values.shape[at]
    if n == 0:
        raise InputError("x", f"have at least one outcome along axis {axis}", "it had none")
    moved = np.moveaxis(values, at, -1)
    if prior is None:
        weights = np.full((1, n), 1.0 / n)
    elif (given := finite_array("prior", prior)).ndim <= 1:
        weights = probability_rows("prior", given, (n,))[np.newaxis]
    else:
        if given.ndim != values.ndim or given.shape[at] != n:
            raise InputError(
                "prior",
                f"have shape ({n},), or {values.ndim} axes with {n} along axis {axis}",
                f"it had {given.shape}",
            )
        given = np.moveaxis(probability_rows("prior", given, axis=at), at, -1)
        try:
            moved, weights = np.broadcast_arrays(moved, given)
        except ValueError:
            raise InputError(
                "prior", f"broadcast with x of shape {values.shape}", f"it had {np.shape(prior)}"
            ) from None
        weights = np.ascontiguousarray(weights).reshape(-1, n)
    return np.ascontiguousarray(moved).reshape(-1, n), weights, moved.shape, beta, at
