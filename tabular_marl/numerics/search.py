"""A fixed-point solve under way: the operator's protocol, a swept point, the best proved answer.

The engine knows an operator T only through :class:`Operator`, so anything monotone with
T(V + c) = TV + γ c (up to the rounding of stored probabilities) can be solved by it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tabular_marl.numerics.span import midpoint
from tabular_marl.solution import Status

Array = NDArray[np.float64]


class Swept(Protocol):
    """The residual d[s] = TV − V at one V, and a proved bound on its rounding error."""

    @property
    def residual(self) -> Array:
        """d[s] as computed."""

    @property
    def radius(self) -> Array:
        """|computed d − d| ≤ radius[s]."""

    @property
    def accurate(self) -> bool:
        """Whether the radius is as small as the operator can make it."""


class Operator(Protocol):
    """T: monotone, with T(V + c) between TV + γ(1 + e) c and TV + γ(1 + e') c; see row_excess."""

    states: int
    discount: float

    @property
    def signs(self) -> frozenset[float]:
        """The curvatures that occur in T: +1.0 convex parts, −1.0 concave ones."""

    @property
    def row_excess(self) -> tuple[float, float]:
        """Bounds on Σ_t P(t|s,a) − 1; infinite while unknown."""

    def sweep(
        self, offset: float, rest: Array, jacobian: bool = False, accurate: bool = False
    ) -> Any:
        """What T does at V = offset + rest: a :class:`Swept`.

        ``jacobian``: ``solve`` will follow; ``accurate``: make the radius small, whatever it takes.
        """

    def solve(self, swept: Any, right: Array, tolerance: float = 0.0) -> Array:
        """(I − γ P_w)⁻¹ right at the swept V, to a residual of tolerance · max|right|."""


class Mixed(Operator, Protocol):
    """What an operator with both curvatures must offer beside, to be solved without fail."""

    @property
    def steepest(self) -> float:
        """The largest inverse temperature |β| in T, possibly infinite."""

    @property
    def reward_spread(self) -> float:
        """max − min of the rewards; where β is its inverse T is nearly linear."""

    def softened(self, limit: float) -> Mixed:
        """T with every |β| cut to at most ``limit``."""

    def frozen(self, swept: Any, sign: float) -> Mixed:
        """T with the parts of one curvature replaced by their tangents at the swept V."""


@dataclass(frozen=True)
class Point:
    """V = offset + rest, swept: d lies within ``spread`` of ``middle``, give or take ``noise``."""

    offset: float
    rest: Array
    swept: Any
    middle: float
    spread: float
    noise: float

    def moved(self, step: Array, shift: float) -> tuple[float, Array]:
        """(offset, rest) of V + step + shift, with the rest centred."""
        rest = self.rest + step
        centre = (float(rest.max()) + float(rest.min())) / 2
        rest -= centre
        return self.offset + (shift + centre), rest


@dataclass
class Search:
    """One solve: where it may look, the best answer it has proved, and whether it is over."""

    operator: Operator
    tol: float
    limit: int
    value: Array  # the start, until something is proved
    patience: float = 2
    status: Status | None = None
    bound: float = math.inf
    residual: float = math.inf
    sweeps: int = 0
    history: list[float] = field(default_factory=list)
    _idle: int = 0
    _mark: float = math.inf
    _accurate: bool = False

    @property
    def goal(self) -> float:
        """The half-spread of d that proves ``tol``, rounding apart."""
        gamma = self.operator.discount
        return self.tol * (1 - gamma) / gamma if gamma > 0 else math.inf

    def sweep(
        self,
        operator: Operator,
        offset: float,
        rest: Array,
        jacobian: bool = False,
        accurate: bool = False,
    ) -> Point:
        """One counted sweep of any operator."""
        self.sweeps += 1
        swept = operator.sweep(offset, rest, jacobian, accurate)
        high, low = float(swept.residual.max()), float(swept.residual.min())
        noise = float(swept.radius.max()) + 2.0**-52 * float(np.abs(rest).max())
        return Point(offset, rest, swept, (high + low) / 2, (high - low) / 2, noise)

    def look(self, offset: float, rest: Array, jacobian: bool = False, last: bool = False) -> Point:
        """Sweep T, keep the proved answer if it is the best so far, and see whether to stop.

        ``last`` says that this look is expected to end the solve.
        """
        point = self.sweep(
            self.operator, offset, rest, jacobian and not last, last or self._accurate
        )
        error = self._keep(point)
        if error > self.tol and point.spread <= 4 * point.noise and not point.swept.accurate:
            self._accurate = True
            point = self.sweep(self.operator, offset, rest, jacobian, True)
            error = self._keep(point)
        self.history.append(error)
        self._idle += 1
        if error < 0.9 * self._mark:
            self._mark, self._idle = error, 0
        self.status = self._verdict(point)
        return point

    def _keep(self, point: Point) -> float:
        swept, operator = point.swept, self.operator
        if operator.row_excess[1] == math.inf and not swept.residual.any():
            operator.sweep(1.0, point.rest)  # V = 0 is the answer: learn the rows' excess elsewhere
            self.sweeps += 1
        found = midpoint(
            point.offset, point.rest, swept.residual, swept.radius,
            operator.discount, operator.row_excess,
        )  # fmt: skip
        if found.error < self.bound:
            self.value, self.bound, self.residual = found.value, found.error, point.spread
        return found.error

    def _verdict(self, point: Point) -> Status | None:
        if self.bound <= self.tol:
            return Status.CONVERGED
        if math.isfinite(self.bound) and (
            point.spread <= 0.1 * point.noise
            or (point.spread <= 4 * point.noise and self._idle >= self.patience)
        ):
            return Status.FLOOR
        if self.sweeps >= self.limit:
            return Status.ITERATION_LIMIT
        if self._idle > 20 + 1 / (1 - self.operator.discount):
            return Status.STALLED
        return None
