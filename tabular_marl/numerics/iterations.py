"""The iterations that find a fixed point V = TV; each asks a :class:`Search` to look at a point.

    value iteration   V ← TV, shifted to the midpoint of the span bounds
    Anderson          the combination of the last m images TV whose residual is smallest
    Newton            V ← V + (I − γ P_w)⁻¹ (TV − V)
    nested Newton     freeze the temperatures of one sign at their tangents; solve by Newton; repeat

Newton with temperatures of one sign converges from anywhere: for β > 0 T is convex, its tangent at
V lies below it, so the next V is at most V*, has TV ≥ V, and the sequence rises (β < 0: falls).
With both signs it can cycle. Nested Newton cannot: T_V, the operator with all β > 0 frozen at V, has
T_V ≤ T and T_V V = TV, so its fixed point V' satisfies V' ≤ V*, TV' ≥ V', and the next lies between
TV' and V*; it is policy iteration for one side (Hoffman and Karp 1966), and every inner problem has
one sign. Value iteration stands behind both.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tabular_marl.numerics.span import midpoint
from tabular_marl.solution import Status

Array = NDArray[np.float64]

#: Newton steps in a row, and steps of nested Newton between two attempts (1, 2, 4, …).
MAX_NEWTON, MAX_TURNS = 60, 64
#: Anderson's memory.
MEMORY = 5


class Operator(Protocol):
    """What the engine needs of T: monotone, T(V + c) = TV + γ c up to the rows' excess over one."""

    states: int
    discount: float

    @property
    def signs(self) -> frozenset[float]:
        """The signs of curvature that occur: +1 convex parts, −1 concave parts."""

    @property
    def row_excess(self) -> tuple[float, float]:
        """Bounds on Σ_t P(t|s,a) − 1."""

    def sweep(self, offset: float, rest: Array, jacobian: bool = False) -> Any:
        """.residual, .radius [S]: TV − V at V = offset + rest and a proved bound on its error."""

    def solve(self, sweep: Any, right: Array, tolerance: float = 0.0) -> Array:
        """(I − γ P_w)⁻¹ right, to a residual of tolerance · max|right|."""

    def frozen(self, sweep: Any, sign: float) -> Operator:
        """T with the parts of one curvature replaced by their tangents at the sweep's V."""


@dataclass
class Point:
    """V = offset + rest, swept: the middle of its residual, half its spread, and the rounding noise."""

    offset: float
    rest: Array
    sweep: Any
    middle: float
    spread: float
    noise: float

    def moved(self, step: Array, shift: float) -> tuple[float, Array]:
        """(offset, rest) of V + step + shift, centred."""
        rest = self.rest + step
        centre = (float(rest.max()) + float(rest.min())) / 2
        return self.offset + (shift + centre), rest - centre


@dataclass
class Search:
    """One solve under way: the best proved answer so far, and whether to go on."""

    operator: Operator
    tol: float
    limit: int
    sweeps: int = 0
    status: Status | None = None
    value: Array = field(default_factory=lambda: np.empty(0))
    bound: float = np.inf
    residual: float = np.inf
    history: list[float] = field(default_factory=list)
    mark: float = np.inf
    idle: int = 0
    patience: float = 2
    started: float = field(default_factory=time.perf_counter)

    def look(self, offset: float, rest: Array, jacobian: bool = False) -> Point:
        """Sweep at a point and keep its proved answer if it is the best; sets ``status`` at the end."""
        point = self.sweep(self.operator, offset, rest, jacobian)
        found = midpoint(
            offset, rest, point.sweep.residual, point.sweep.radius,
            self.operator.discount, self.operator.row_excess,
        )  # fmt: skip
        self.history.append(found.error)
        self.idle += 1
        if found.error < 0.9 * self.mark:
            self.mark, self.idle = found.error, 0
        if found.error < self.bound:
            self.value, self.bound, self.residual = found.value, found.error, point.spread
        if self.bound <= self.tol:
            self.status = Status.CONVERGED
        elif np.isfinite(self.bound) and point.spread <= 0.1 * point.noise:
            self.status = Status.FLOOR
        elif self.idle >= self.patience and point.spread <= 4 * point.noise:
            self.status = Status.FLOOR
        elif self.sweeps >= self.limit:
            self.status = Status.ITERATION_LIMIT
        elif self.idle > 20 + 1 / (1 - self.operator.discount):
            self.status = Status.STALLED
        return point

    def sweep(self, operator: Operator, offset: float, rest: Array, jacobian: bool) -> Point:
        """One counted sweep of any operator."""
        self.sweeps += 1
        sweep = operator.sweep(offset, rest, jacobian)
        high, low = float(sweep.residual.max()), float(sweep.residual.min())
        noise = float(sweep.radius.max()) + 2.0**-52 * float(np.abs(rest).max())
        return Point(offset, rest, sweep, (high + low) / 2, (high - low) / 2, noise)


def value_iteration(search: Search, point: Point) -> None:
    """Sweeps, each shifted to the midpoint of the span bounds, to the end."""
    gamma = search.operator.discount
    search.patience = 10 + 0.5 / (1 - gamma)
    while search.status is None:
        shift = gamma / (1 - gamma) * point.middle
        point = search.look(*point.moved(point.sweep.residual, shift))


def anderson(search: Search, point: Point) -> None:
    """Anderson mixing of the last images; falls back on the plain image of the best point."""
    gamma = search.operator.discount
    best, images, residuals = point, [], []  # type: Point, list[Array], list[Array]
    while search.status is None:
        if point.spread > best.spread:
            images.clear()
            residuals.clear()
            point = best
        best = point
        f = point.sweep.residual - point.middle
        images.append(point.rest + f)
        residuals.append(f)
        del images[: -MEMORY - 1], residuals[: -MEMORY - 1]
        step = f
        if len(images) > 1:
            steps = np.array([f - g for g in residuals[:-1]])
            mix = np.linalg.lstsq(steps.T, f, rcond=None)[0]
            step = f - mix @ np.array([images[-1] - g for g in images[:-1]])
        trial = search.look(*point.moved(step, point.middle / (1 - gamma)))
        if trial.spread > point.spread and len(images) > 1 and search.status is None:
            trial = search.look(*point.moved(f, point.middle / (1 - gamma)))
            images.clear()
            residuals.clear()
            best = trial
        point = trial


def newton(search: Search, point: Point) -> None:
    """Newton's method; with both signs in turns with nested Newton; value iteration behind them."""
    mixed = len(search.operator.signs) > 1
    turns = 1
    while search.status is None and turns <= MAX_TURNS:
        best = _newton_steps(search, point, mixed)
        if search.status is not None:
            return
        if not mixed:
            point = best
            break
        point = _nested_steps(search, best, turns)
        turns *= 2
    if search.status is None:
        value_iteration(search, point)


def _newton_steps(search: Search, point: Point, careful: bool) -> Point:
    """Newton steps; if ``careful``, until two of them did not halve the residual. The best point."""
    best, misses = point, 0
    for _ in range(MAX_NEWTON):
        step = newton_step(search.operator, point)
        if step is None:
            return best
        last, point = point.spread, search.look(*step, jacobian=True)
        if point.spread < best.spread:
            best = point
        if search.status is not None:
            return best
        if careful and point.spread > max(0.5 * last, 4 * point.noise):
            misses += 1
            if misses > 1:
                break
    return best


def _nested_steps(search: Search, point: Point, count: int) -> Point:
    """``count`` steps of policy iteration over the convex side, Newton on the other inside."""
    for _ in range(count):
        inner = search.operator.frozen(point.sweep, +1.0)
        here = search.sweep(inner, point.offset, point.rest, True)
        for _ in range(MAX_NEWTON):
            if here.spread <= max(1e-3 * point.spread, 2 * here.noise):
                break
            step = newton_step(inner, here)
            if step is None or search.sweeps >= search.limit:
                break
            here = search.sweep(inner, *step, True)
        point = search.look(here.offset, here.rest, jacobian=True)
        if search.status is not None:
            break
    return point


def newton_step(operator: Operator, point: Point) -> tuple[float, Array] | None:
    """V + (I − γ P_w)⁻¹ d, the constant part of d apart; None where the solve breaks down."""
    d = point.sweep.residual - point.middle
    step = operator.solve(point.sweep, d, 1e-4)
    if not np.isfinite(step).all():
        return None
    return point.moved(step, point.middle / (1 - operator.discount))
