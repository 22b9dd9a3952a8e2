"""The iterations that find a fixed point V = TV; d = TV − V, and P_w as in numerics/backup.py.

    value iteration   V ← TV, shifted to the midpoint of the span bounds
    Anderson          the mixture of the last images TV whose residual would be smallest
    Newton            V ← V + (I − γ P_w)⁻¹ d
    cooling           Newton at higher temperatures first, each start from the last
    nested Newton     put tangents for the convex parts of T, solve that by Newton, and repeat

Newton on a T of one curvature converges from anywhere: if T is convex (all β ≥ 0) its tangent at V
lies below it, so the next V is at most V* and has TV ≥ V; the sequence then rises (falls, for
β ≤ 0). With both signs it can cycle. Nested Newton cannot: T' with tangents at V for its convex
parts has T' ≤ T and T'V = TV, so its fixed point V' has V' ≤ V* and TV' ≥ V', and the next one lies
between TV' and V*. It is policy iteration over one side (Hoffman and Karp 1966), and each inner
problem is concave. So Newton steps go on while they pay; then cooling, which is quicker, finds a
start from which they do; behind it stand nested steps, which need no luck, and behind them value
iteration, which contracts by γ whatever happens.
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np
from numpy.typing import NDArray

from tabular_marl.numerics.search import Mixed, Operator, Point, Search

Array = NDArray[np.float64]

#: Anderson's memory.
MEMORY = 5
#: Newton steps in a row, and at one temperature while cooling; rounds of 1, 2, 4, … nested steps.
MAX_NEWTON, MAX_COOLING, MAX_TURNS = 60, 8, 7
#: Where cooling ends when an inverse temperature is infinite, in 1/(spread of the rewards).
COLD = 1e5
#: Newton is not tried when the first sweep's contraction says that no more than this are left.
FEW = 3


def value_iteration(search: Search, point: Point) -> None:
    """Plain sweeps, each shifted to the midpoint of the span bounds, to the end."""
    search.patience = 10 + 0.5 / (1 - search.operator.discount)
    while search.status is None:
        point = search.look(*_image(search, point))


def anderson(search: Search, point: Point) -> None:
    """Mixtures of the last images; a mixture that does not help is replaced by the plain image."""
    gamma = search.operator.discount
    search.patience = 10
    images: list[Array] = []
    residuals: list[Array] = []
    while search.status is None:
        d = point.swept.residual - point.middle
        images.append(point.rest + d)
        residuals.append(d)
        del images[: -MEMORY - 1], residuals[: -MEMORY - 1]
        changes = np.array([d - old for old in residuals[:-1]]).reshape(-1, d.size)
        mix = np.linalg.lstsq(changes.T, d, rcond=None)[0]
        step = d - sum((m * (images[-1] - old) for m, old in zip(mix, images, strict=False)), 0 * d)
        trial = search.look(*point.moved(step, point.middle / (1 - gamma)))
        if trial.spread > point.spread and mix.size and search.status is None:
            images.clear()
            residuals.clear()
            trial = search.look(*_image(search, point))
        point = trial


def auto(search: Search, point: Point) -> None:
    """One plain sweep; more of them if it contracts so well that few are left; else Newton."""
    start, point = point, search.look(*_image(search, point), jacobian=True)
    if search.status is None:
        left = math.inf
        if point.spread < start.spread:
            left = math.log(search.goal / point.spread) / math.log(point.spread / start.spread)
        (value_iteration if left <= FEW else newton)(search, point)


def newton(search: Search, point: Point) -> None:
    """Newton steps; with both curvatures, help out of cycles; value iteration behind them."""
    mixed = len(search.operator.signs) > 1
    point = _newton_steps(search, point, mixed)
    if search.status is None and mixed:
        point = _newton_steps(search, _cool(search, point), mixed)
    for turn in range(MAX_TURNS if mixed else 0):
        if search.status is not None:
            return
        point = _nested_steps(search, point, 2**turn)
        if search.status is None:
            point = _newton_steps(search, point, mixed)
    if search.status is None:
        value_iteration(search, point)


def _newton_steps(search: Search, point: Point, careful: bool) -> Point:
    """Newton steps; if ``careful``, until two do not halve the residual. The best point found."""
    best, misses, ratio = point, 0, 1.0
    for _ in range(MAX_NEWTON):
        step = _newton_step(search.operator, point, ratio)
        if step is None:
            break
        # Convergence is quadratic: the ratio of successive residuals squares each time.
        last = point.spread * ratio**2 < 0.1 * search.goal
        old, point = point, search.look(*step, jacobian=True, last=last)
        ratio = point.spread / old.spread if old.spread > 0 else 1.0
        if point.spread < best.spread:
            best = point
        if search.status is not None:
            break
        if careful and point.spread > max(0.5 * old.spread, 4 * point.noise):
            misses += 1
            if misses > 1:
                break
    return best


def _cool(search: Search, point: Point) -> Point:
    """Follow the fixed point from a high temperature to the one asked for, by Newton steps.

    The fixed point is unique at each temperature and moves with it continuously. A temperature is
    left as soon as the residual is below it; after one that takes too many steps, the next attempt
    goes less far from the last that did not.
    """
    operator = cast(Mixed, search.operator)
    if operator.reward_spread == 0.0:
        return point
    coldest = min(operator.steepest, COLD / operator.reward_spread)
    beta, change = min(1.0 / operator.reward_spread, coldest), 2.0
    while search.sweeps < search.limit and change > 1.05:
        soft = operator.softened(beta)
        here = search.sweep(soft, point.offset, point.rest, jacobian=True)
        for _ in range(MAX_COOLING):
            step = _newton_step(soft, here, 0.1) if here.spread * beta > 1.0 else None
            if step is None:
                break
            here = search.sweep(soft, *step, jacobian=True)
        if here.spread * beta > 1.0:
            beta, change = beta / change, math.sqrt(change)
        else:
            point = here
            if beta >= coldest:
                break
        beta = min(beta * change, coldest)
    return search.look(point.offset, point.rest, jacobian=True)


def _nested_steps(search: Search, point: Point, count: int) -> Point:
    """``count`` steps of policy iteration on the convex side, with Newton on the concave one."""
    for _ in range(count):
        inner = cast(Mixed, search.operator).frozen(point.swept, +1.0)
        here = search.sweep(inner, point.offset, point.rest, jacobian=True)
        for _ in range(MAX_NEWTON):
            step = _newton_step(inner, here, 0.1)
            if step is None or search.sweeps >= search.limit:
                break
            here = search.sweep(inner, *step, jacobian=True)
            if here.spread <= max(1e-3 * point.spread, 2 * here.noise):
                break
        point = search.look(here.offset, here.rest, jacobian=True)
        if search.status is not None:
            break
    return point


def _image(search: Search, point: Point) -> tuple[float, Array]:
    """TV, shifted to the midpoint of the span bounds."""
    gamma = search.operator.discount
    return point.moved(point.swept.residual, gamma / (1 - gamma) * point.middle)


def _newton_step(operator: Operator, point: Point, ratio: float) -> tuple[float, Array] | None:
    """V + (I − γ P_w)⁻¹ d, the constant part of d apart; None where the solve breaks down.

    ``ratio`` is that of the last two residuals: it says how exact a solve can pay.
    """
    d = point.swept.residual - point.middle
    step = operator.solve(point.swept, d, min(1e-3, max(1e-2 * ratio**2, 1e-10)))
    if not np.isfinite(step).all():
        return None
    return point.moved(step, point.middle / (1 - operator.discount))
