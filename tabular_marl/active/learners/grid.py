"""Value grids, and how a number between two grid points is put back on one.

    points v_k = low + k h,   h = (high − low)/(points − 1)

"nearest": the closest point, halves upwards. "linear": v between v_k and v_{k+1} goes up with
probability (v − v_k)/h, else down: the grid then preserves means, at the price of noise. Values
beyond the ends are put on the ends. A projection is part of the learner that is solved: "nearest"
can freeze an update that moves by less than h/2, "linear" can join what the learner keeps apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tabular_marl.active.learners.rule import Array, Ints
from tabular_marl.validation import InputError, finite_array, integer, one_of

#: A number within this many steps h of a grid point, or of the middle between two, counts as that
#: (rounding of updates).
ON_POINT = 1e-9


@dataclass(frozen=True)
class Grid:
    """An even grid of values in [low, high], reward units; the module's docstring defines it.

    >>> Grid(0.0, 1.0, 5).project(np.array([0.4, 2.0]))[0][:, 0]
    array([2, 4])
    >>> Grid(0.0, 1.0, 5, "linear").project(np.array([0.4]))
    (array([[1, 2]]), array([[0.4, 0.6]]))
    """

    low: float
    high: float
    points: int
    projection: str = "nearest"

    def __post_init__(self) -> None:
        low, high = (float(finite_array(n, getattr(self, n), ())) for n in ("low", "high"))
        if not low < high:
            raise InputError("high", f"be above low = {low:g}", f"it was {high:g}")
        integer("points", self.points, 2)
        one_of("projection", self.projection, ("nearest", "linear"))

    @property
    def step(self) -> float:
        """h."""
        return (self.high - self.low) / (self.points - 1)

    def values(self, index: Ints) -> Array:
        """v_k for integers k of any shape."""
        return np.asarray(self.low + index * self.step)

    def project(self, values: Array) -> tuple[Ints, Array]:
        """Grid points [m, branches] and their probabilities, for values [m]."""
        place = np.clip((values - self.low) / self.step, 0, self.points - 1)
        close = np.rint(place)
        place = np.where(np.abs(place - close) <= ON_POINT, close, place)
        if self.projection == "nearest":
            return np.floor(place + 0.5 + ON_POINT).astype(np.int64)[:, None], np.ones(
                (place.size, 1)
            )
        below = np.minimum(np.floor(place), self.points - 2)
        up = place - below
        both = np.stack([below, below + 1], axis=1).astype(np.int64)
        return both, np.stack([1 - up, up], axis=1)

    def index(self, argument: str, values: Array) -> Ints:
        """The points that ``values`` are; InputError if one lies off the grid."""
        place = (values - self.low) / self.step
        close = np.rint(place)
        bad = (np.abs(place - close) > 1e-6) | (close < 0) | (close >= self.points)
        if bad.any():
            raise InputError(
                argument,
                f"lie on the grid {self.low:g}..{self.high:g} of step {self.step:g}",
                f"one was {values[bad].flat[0]:.12g}",
            )
        return close.astype(np.int64)
