"""Policy evaluation: the linear systems that Newton's method meets.

    (I − γ P_w) x = b,      P_w[s, t] = Σ_a w[s, a] P[s, a, t]          report (14), its Jacobian

``w[s, :]`` is a joint policy, so P_w is a stochastic matrix and I − γ P_w an M-matrix: it is
non-singular for γ < 1, ‖(I − γ P_w)⁻¹‖∞ ≤ 1/(1 − γ), and therefore ‖x − x*‖∞ ≤ ‖b − (I − γ P_w) x‖∞ / (1 − γ).

Shapes: transition dense [S, *A, S], or CSR (S·N, S) with rows (s, a1, …, an) in C order;
weights [S, *A] or [S, N]; b, x [S]. Units: those of the reward.
Dense games are eliminated (LU); sparse ones packed into one CSR of P_w and solved by a Krylov
method, with Gauss–Seidel, which cannot fail, behind it. Memory is proportional to the stored entries.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from tabular_marl.numerics.kernels import sparse as kernels

Array = NDArray[np.float64]
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class LinearSolution:
    """x[s] with ‖b − (I − γ P_w) x‖∞ = ``residual`` (measured), and how it was found."""

    x: Array
    residual: float
    iterations: int
    method: str


class PolicyEquations:
    """(I − γ P_w) x = b for one game and any number of policies w.

    ``solve(weights, b, tolerance, initial)`` stops when the residual's sup norm is at most
    ``tolerance`` · ‖b‖∞, or at the rounding floor, whichever is larger.

    >>> P = np.array([[[0.0, 1.0], [1.0, 0.0]], [[0.5, 0.5], [0.0, 1.0]]])
    >>> PolicyEquations(P, 0.5).solve(np.array([[1.0, 0.0], [0.0, 1.0]]), np.ones(2)).x
    array([2., 2.])
    """

    def __init__(self, transition: Any, discount: float) -> None:
        self.discount = float(discount)
        self.is_sparse = bool(sparse.issparse(transition))
        if self.is_sparse:
            rows = transition.tocsr()
            self._indptr, self._indices, self._data = rows.indptr, rows.indices, rows.data
            self.num_states = int(rows.shape[1])
        else:
            self._dense = np.asarray(transition, dtype=np.float64)
            self.num_states = int(self._dense.shape[-1])
            self._dense = self._dense.reshape(self.num_states, -1, self.num_states)

    def solve(
        self,
        weights: Array,
        b: Array,
        tolerance: float = 0.0,
        initial: Array | None = None,
    ) -> LinearSolution:
        """x with ‖b − (I − γ P_w) x‖∞ ≤ max(tolerance ‖b‖∞, rounding floor)."""
        w = np.ascontiguousarray(weights, dtype=np.float64).reshape(self.num_states, -1)
        b = np.ascontiguousarray(b, dtype=np.float64)
        return (
            self._solve_sparse(w, b, tolerance, initial) if self.is_sparse else self._solve_dense(w, b)
        )

    def _solve_dense(self, w: Array, b: Array) -> LinearSolution:
        matrix = np.matmul(w[:, None, :], self._dense)[:, 0, :]
        matrix *= -self.discount
        matrix[np.diag_indices_from(matrix)] += 1.0
        x = linalg.lu_solve(linalg.lu_factor(matrix, check_finite=False), b, check_finite=False)
        return LinearSolution(x, float(np.max(np.abs(b - matrix @ x))), 1, "lu")

    def _solve_sparse(
        self, w: Array, b: Array, tolerance: float, initial: Array | None
    ) -> LinearSolution:
        states = self.num_states
        capacity = kernels.count_selected(self._indptr, w)
        indptr = np.empty(states + 1, dtype=np.int64)
        indices = np.empty(capacity, dtype=np.int32)
        data = np.empty(capacity)
        diagonal = np.empty(states)
        kernels.pack(
            self._indptr, self._indices, self._data, w, self.discount, indptr, indices, data, diagonal
        )
        matrix = (indptr, indices, data, diagonal)
        scale = float(np.max(np.abs(b), initial=0.0))
        x = np.zeros(states) if initial is None else np.array(initial, dtype=np.float64)
        target = max(tolerance, 4 * EPSILON / (1 - self.discount)) * scale
        done, size = kernels.bicgstab(*matrix, x, b, target, 1000)
        if size <= target:
            return LinearSolution(x, size, done, "bicgstab")
        sweeps = math.ceil(math.log(target / size) / math.log(self.discount)) + 1
        done += kernels.gauss_seidel(*matrix, x, b, target * (1 - self.discount) / 2, sweeps)
        size = kernels.residual(*matrix, x, b, np.empty(states))
        return LinearSolution(x, size, done, "gauss-seidel")
