"""The backup of a plain optimum: a Markov decision process, or players who all share one aim.

    TV(s) = max_k { r(s, k) + γ Σ_t P(t|s, k) V(t) },     or min,     over all joint actions k

is what a recipe says whose aggregations all have β = +inf (or all −inf); axes with a single action
do not matter. Newton's method on it is policy iteration. It is the same operator as
:class:`~tabular_marl.numerics.backup.Backup`, for less: no tilts are made, the Jacobian is one row
a state, and actions that provably are not optimal are not looked at (kernels/greedy.py).

Shapes: rows dense [S·K, S] or CSR, reward [S, K], allowed [S, K], choice [S] the flat index of the
optimal joint action.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tabular_marl.numerics.kernels import greedy as kernels
from tabular_marl.numerics.linear import PolicyEquations
from tabular_marl.numerics.recipe import Level

Array = NDArray[np.float64]
Choice = NDArray[np.int64]
U = 2.0**-53

#: A policy that changed in more than this share of the states is evaluated to a relative residual
#: of ROUGH only.
MANY, ROUGH = 0.01, 0.03


def plain_optimum(levels: tuple[Level, ...]) -> tuple[float, NDArray[np.bool_]] | None:
    """(+1 for max or −1 for min, actions in the priors' support [S or 1, *A]), or None."""
    aims = {level.beta for level in levels if level.prior.shape[level.axis + 1] > 1}
    if len(aims) > 1 or not all(math.isinf(aim) for aim in aims):
        return None
    support: Any = True
    for level in levels:
        support = support & (level.prior > 0)
    return math.copysign(1.0, min(aims, default=math.inf)), np.asarray(support)


@dataclass(frozen=True)
class GreedySweep:
    """The residual d[s] = TV − V, computed within ``radius``, and the policy that attains TV.

    ``moved`` counts the states in which it differs from the sweep before.
    """

    residual: Array
    radius: Array
    choice: Choice
    accurate: bool
    moved: int


class Greedy:
    """The operator for the engine; ``sign`` +1 is a maximum, −1 a minimum.

    It remembers what its sweeps have proved about each action, so it serves one solve at a time.
    """

    def __init__(
        self,
        rows: Any,
        reward: Array,
        allowed: NDArray[np.bool_],
        sign: float,
        discount: float,
        equations: PolicyEquations,
    ) -> None:
        self.states, self.discount = reward.shape[0], discount
        self.signs = frozenset({sign})
        self._rows, self._reward, self._sign = rows, reward, sign
        self._equations = equations
        self._largest_reward = float(np.abs(reward).max())
        self._excess = np.empty(reward.size)
        self._excess_range: tuple[float, float] | None = None
        self._stale = np.where(allowed, np.inf, -np.inf)
        self._choice: Choice = np.argmax(allowed, axis=1)
        self._drift = 0.0
        self._last: tuple[float, Array] | None = None
        self._sparse = bool(sparse.issparse(rows))
        self._terms = int(np.diff(rows.indptr).max()) if self._sparse else self.states
        self._indices: Any = rows.indices if self._sparse else np.empty(0)
        if self._indices.dtype == np.int32:
            self._indices = self._indices.view(np.uint32)  # spares loops a test for indices below 0
        slot = self._terms if self._sparse and self._terms * self.states <= rows.nnz else 0
        self._slots = (
            slot,
            np.full(self.states, -1),
            np.empty(slot * self.states, dtype=np.uint32),
            np.empty(slot * self.states),
        )

    @property
    def row_excess(self) -> tuple[float, float]:
        """Bounds on Σ_t P(t | s, a) − 1 over the stored rows; none before the first sweep off 0."""
        if self.discount == 0.0:  # no row is ever used
            return 0.0, 0.0
        return (-1.0, math.inf) if self._excess_range is None else self._excess_range

    def sweep(
        self, offset: float, rest: Array, jacobian: bool = False, accurate: bool = False
    ) -> GreedySweep:
        """The residual at V = offset + rest, with its proved rounding error."""
        size = abs(offset) + float(np.abs(rest).max())
        excess = self._largest_excess() if size > 0 else 0.0
        # (n + 3) u max|w| for Σ P w, a few u for what is added to it, e V for the excess left out
        error = (self._terms + 12) * float(np.abs(rest).max()) + self._largest_reward
        error += 1.01 * excess * size / U
        slack = 4 * excess * size + 1e-12 * (size + abs(self._drift) + self._largest_reward)
        if self._last is not None:
            before, last = self._last
            self._drift += self.discount * float((self._sign * (rest - last)).max())
            slack += 4 * excess * (abs(before) + float(np.abs(last).max()))
        self._last = (offset, rest)
        held = self._choice.copy()
        residual, radius = np.empty(self.states), np.empty(self.states)
        given = (self._reward, self._excess, self._sign, self.discount, float(offset), rest)
        kept = (self._drift, slack, self._stale, self._choice, residual, radius, accurate, error)
        if self._sparse:
            csr = (self._rows.indptr, self._indices, self._rows.data)
            kernels.sparse_greedy(*csr, *given, *kept, *self._slots)
        else:
            kernels.dense_greedy(self._rows, *given, *kept)
        moved = int(np.count_nonzero(held != self._choice))
        return GreedySweep(residual, radius, self._choice.copy(), accurate, moved)

    def solve(self, swept: GreedySweep, right: Array, tolerance: float = 0.0) -> Array:
        """x with (I − γ P_w) x = right, to a residual of ``tolerance`` · max|right|.

        A policy that still moves in many states of a sparse game is evaluated roughly.
        """
        if not self._sparse:
            matrix = np.empty((self.states, self.states))
            kernels.gather(self._rows, swept.choice, self.discount, matrix)
            return self._equations.solve_assembled(matrix, right, tolerance).x
        if swept.moved > MANY * self.states:
            tolerance = max(tolerance, ROUGH)
        slot, action, indices, data = self._slots
        csr = (self._rows.indptr, self._indices, self._rows.data, swept.choice)
        if slot > 0 and np.array_equal(action, swept.choice):  # the policy's rows, one a state
            csr = (np.arange(0, data.size + 1, slot), indices, data, np.zeros_like(swept.choice))
        return self._equations.solve_chosen(*csr, right, tolerance).x

    def frozen(self, swept: GreedySweep, sign: float) -> Greedy:
        """Itself: with one curvature there is nothing to freeze."""
        return self

    def _largest_excess(self) -> float:
        if self._excess_range is None:
            if self._sparse:
                kernels.sparse_excesses(self._rows.indptr, self._rows.data, self._excess)
            else:
                kernels.dense_excesses(self._rows.reshape(-1), self.states, self._excess)
            self._excess_range = float(self._excess.min()), float(self._excess.max())
        return max(abs(bound) for bound in self._excess_range)
