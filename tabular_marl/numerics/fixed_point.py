"""The engine: the fixed point V* = TV* of a monotone γ-contraction, with a proved error bound.

Newton       V ← V + (I − γ P_w)⁻¹ (TV − V)               DESIGN: soft policy iteration for β > 0
Span bounds  lo ≤ TV − V ≤ hi  ⇒  V + lo/(1 − γ) ≤ V* ≤ V + hi/(1 − γ)         (MacQueen)
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabular_marl.solution import NotConverged, Status
from tabular_marl.validation import InputError, one_of

Array = NDArray[np.float64]
Method = Literal["auto", "newton", "value-iteration", "anderson"]
METHODS = ("auto", "newton", "value-iteration", "anderson")
U = 2.0**-53


@dataclass(frozen=True)
class FixedPoint:
    """V* within ``error_bound`` (proved, in the sup norm), and how it was found.

    ``residual`` is max |TV − V| at ``value`` as far as it was measured, ``history`` the proved
    error bound after each iteration, ``seconds`` wall time.
    """

    value: Array
    status: Status
    iterations: int
    residual: float
    error_bound: float
    history: tuple[float, ...]
    seconds: float
    method: str


def fixed_point(
    backup: Any,
    method: str = "auto",
    tol: float = 1e-10,
    max_iterations: int | None = None,
    initial: ArrayLike | None = None,
    on_failure: str = "raise",
) -> FixedPoint:
    """Solve V = TV to a proved sup-norm error of ``tol`` reward units."""
    started = time.perf_counter()
    one_of("method", method, METHODS)
    limit = 1_000_000 if max_iterations is None else max_iterations
    offset, rest = 0.0, np.zeros(backup.states)
    if initial is not None:
        given = np.asarray(initial, dtype=np.float64)
        offset = float((given.max() + given.min()) / 2)
        rest = given - offset
    history: list[float] = []
    best: tuple[float, Array, float] | None = None
    since = 0
    status = Status.ITERATION_LIMIT
    sweeps_left = 0
    last = np.inf
    for _ in range(limit):
        sweep = backup.sweep(offset, rest)
        value, bound = _enclose(backup, offset, rest, sweep)
        history.append(bound)
        d = sweep.residual
        if best is None or bound < best[0]:
            best = (bound, value, float(np.max(np.abs(d))))
            since = 0
        else:
            since += 1
        if bound <= tol:
            status = Status.CONVERGED
            break
        noise = float(np.max(sweep.radius))
        spread = float(np.max(d) - np.min(d))
        if spread <= 4 * noise and since >= 2:
            status = Status.FLOOR
            break
        middle = (float(np.max(d)) + float(np.min(d))) / 2 / (1 - backup.discount)
        if method != "value-iteration" and sweeps_left == 0 and spread < 0.9 * last:
            step = backup.solve(sweep.weights, d)
            last = spread
        else:
            sweeps_left = sweeps_left - 1 if sweeps_left else 10
            if sweeps_left == 0:
                last = np.inf
            step = d + backup.discount * middle
        rest = rest + step
        shift = (float(rest.max()) + float(rest.min())) / 2
        rest -= shift
        offset += shift
    assert best is not None
    bound, value, residual = best
    result = FixedPoint(value, status, len(history), residual, bound, tuple(history),
                        time.perf_counter() - started, method)
    if status is Status.ITERATION_LIMIT and on_failure == "raise":
        raise NotConverged(f"{status.value} Proved error bound {bound:.3g}, asked {tol:.3g}.", result)
    return result


def _enclose(backup: Any, offset: float, rest: Array, sweep: Any) -> tuple[Array, float]:
    """The best value from one sweep, TV and the midpoint of the span bounds, with its error."""
    low_sum, high_sum = backup.row_sums
    lower = float(np.min(sweep.residual - sweep.radius))
    upper = float(np.max(sweep.residual + sweep.radius))
    gamma = backup.discount
    gap = (1 - gamma) * (1 - 2 * U)

    def shift(d: float, excess: float) -> float:
        rate = gap - gamma * excess - U * abs(gamma * excess) * 4
        return d / rate if rate > 0 else np.copysign(np.inf, d)

    lo = shift(lower, high_sum if lower < 0 else low_sum)
    hi = shift(upper, high_sum if upper > 0 else low_sum)
    lo -= 8 * U * abs(lo)
    hi += 8 * U * abs(hi)
    middle = (lo + hi) / 2
    value = offset + (rest + (sweep.residual + gamma * middle))
    size = float(np.max(np.abs(value))) + abs(offset) + float(np.max(np.abs(rest)))
    bound = (hi - lo) / 2 * gamma * (1 + 1e-9) + float(np.max(sweep.radius)) + 6 * U * (
        size + abs(middle)) + 1e-9 * gamma * abs(middle) * (abs(high_sum) + abs(low_sum))
    return value, bound
