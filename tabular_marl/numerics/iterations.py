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

#: Looks without progress before the floating-point floor is accepted; Newton steps before others.
PATIENCE, MAX_NEWTON, MAX_NESTED = 2, 60, 100
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
    """V = offset + rest, swept, with half the spread of its residual."""

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
    idle: int = 0
    started: float = field(default_factory=time.perf_counter)

    def look(self, offset: float, rest: Array, jacobian: bool = False) -> Point:
        """Sweep at a point and keep its proved answer if it is the best; sets ``status`` at the end."""
        point = self.sweep(self.operator, offset, rest, jacobian)
        found = midpoint(
            offset, rest, point.sweep.residual, point.sweep.radius,
            self.operator.discount, self.operator.row_excess,
        )  # fmt: skip
        self.history.append(found.error)
        self.idle = 0 if found.error < 0.9 * self.bound else self.idle + 1
        if found.error < self.bound:
            self.value, self.bound, self.residual = found.value, found.error, point.spread
        if self.bound <= self.tol:
            self.status = Status.CONVERGED
        elif point.spread <= 0.1 * point.noise or (
            point.spread <= 4 * point.noise and self.idle >= PATIENCE
        ):
            self.status = Status.FLOOR
        elif self.sweeps >= self.limit:
            self.status = Status.ITERATION_LIMIT
        return point

    def sweep(self, operator: Operator, offset: float, rest: Array, jacobian: bool) -> Point:
        """One counted sweep of any operator."""
        self.sweeps += 1
        sweep = operator.sweep(offset, rest, jacobian)
        high, low = float(sweep.residual.max()), float(sweep.residual.min())
        return Point(
            offset, rest, sweep, (high + low) / 2, (high - low) / 2, float(sweep.radius.max())
        )


def value_iteration(search: Search, point: Point) -> None:
    """Sweeps, each shifted to the midpoint of the span bounds, to the end."""
    gamma = search.operator.discount
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
    """Newton's method; with both signs, nested Newton as soon as a step does not help enough."""
    operator = search.operator
    mixed = len(operator.signs) > 1
    last = np.inf
    best = point
    failures = 0
    for _ in range(MAX_NEWTON):
        if search.status is not None:
            return
        if mixed and point.spread > 0.5 * last and point.spread > 4 * point.noise:
            failures += 1
            if failures > 1:
                break
        last = point.spread
        if point.spread < best.spread:
            best = point
        step = newton_step(operator, point, search.tol)
        if step is None:
            break
        point = search.look(*step, jacobian=True)
    if search.status is None and mixed:
        nested_newton(search, best)
    if search.status is None:
        value_iteration(search, best)


def nested_newton(search: Search, point: Point) -> None:
    """Policy iteration over one sign, with Newton on the other inside."""
    for _ in range(MAX_NESTED):
        point = search.look(point.offset, point.rest)
        if search.status is not None:
            return
        inner = search.operator.frozen(point.sweep, +1.0)
        goal = max(1e-3 * point.spread, 0.1 * search.tol * (1 - search.operator.discount))
        here = search.sweep(inner, point.offset, point.rest, True)
        for _ in range(MAX_NEWTON):
            if here.spread <= max(goal, 2 * here.noise) or search.sweeps >= search.limit:
                break
            step = newton_step(inner, here, search.tol)
            if step is None:
                break
            here = search.sweep(inner, *step, True)
        point = here


def newton_step(operator: Operator, point: Point, tol: float) -> tuple[float, Array] | None:
    """V + (I − γ P_w)⁻¹ d, the constant part of d apart; None where the solve breaks down."""
    d = point.sweep.residual - point.middle
    step = operator.solve(point.sweep, d, 1e-4)
    if not np.isfinite(step).all():
        return None
    return point.moved(step, point.middle / (1 - operator.discount))
