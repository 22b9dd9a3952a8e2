"""Products with the transition matrix that do not round at all, at the speed of BLAS.

    P x = Σ_i Σ_j 2^(−w(i+1)) 2^(wj) P_i x_j

P's doubles are cut into integer slices P_i of w bits, the fixed-point numbers x into integer digits
x_j of w bits. With at most n stored entries a row, w is so small that every sum of products stays
below 2^53: double arithmetic then computes it exactly, in whatever order a library adds. This is
the error-free splitting of Ozaki, Ogita, Oishi and Rump (2012); it replaces one ball operation
for each transition probability by a handful of matrix products.

Shapes: matrix [rows, S], dense or CSR, entries in [0, 2); x a list of S Python integers.
The result is a column of balls [rows] in units of x; python-flint is imported here and in balls.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]
#: At most this many slices of P (so that sums over slices keep 4 spare bits).
_MOST_SLICES = 16


class ExactProduct:
    """x ↦ P x in balls, for integer vectors x; exact but for the final rounding to ``bits`` bits.

    Whatever of P lies below 2^−bits is kept as a radius.

    >>> ExactProduct(np.array([[0.5, 0.25], [0.1, 0.9]]), bits=64)([4, 8])[0]
    4.00000000000000
    """

    def __init__(self, matrix: Any, bits: int) -> None:
        self._is_sparse = bool(sparse.issparse(matrix))
        if self._is_sparse:
            matrix = matrix.tocsr()
            entries = np.asarray(matrix.data, dtype=np.float64)
            self.longest_row = max(1, int(np.diff(matrix.indptr).max(initial=1)))
        else:
            entries = np.asarray(matrix, dtype=np.float64)
            self.longest_row = int(entries.shape[1])
        self.row_sums = np.asarray(matrix.sum(axis=1), dtype=np.float64).reshape(-1)
        self.width = (53 - 4 - math.ceil(math.log2(self.longest_row + 1))) // 2
        slices: list[Any] = []
        remainder = entries
        while not slices or (
            len(slices) < min(_MOST_SLICES, math.ceil(bits / self.width)) and remainder.any()
        ):
            scale = 2.0 ** (self.width * (len(slices) + 1))
            digits = np.rint(remainder * scale)
            remainder = remainder - digits / scale
            slices.append(self._like(matrix, digits))
        self._slices = slices
        self._left_over = float(np.abs(remainder).max(initial=0.0))

    def _like(self, matrix: Any, entries: Array) -> Any:
        if not self._is_sparse:
            return entries
        return sparse.csr_array((entries, matrix.indices, matrix.indptr), shape=matrix.shape)

    def largest_row_sum(self) -> arb:
        """A proved upper bound on max_row Σ_t P[row, t]."""
        rounding = arb(self.longest_row) * arb(2) ** -52
        return arb(float(self.row_sums.max())) * (1 + rounding)

    def __call__(self, x: list[int]) -> NDArray[np.object_]:
        """P x, a ball each row."""
        digits = self._digits(x)
        count, depth = digits.shape[1], len(self._slices)
        # Limb m collects the products of weight 2^(w(m − depth)).
        limbs = np.zeros((count + depth - 1, self.row_sums.shape[0]))
        for i, part in enumerate(self._slices):
            limbs[depth - 1 - i : depth - 1 - i + count] += (part @ digits).T
        return self._balls(limbs, depth, x)

    def _digits(self, x: list[int]) -> Array:
        """Signed base-2^w digits [S, count], lowest first."""
        base = (1 << self.width) - 1
        count = max(1, -(-max(abs(n).bit_length() for n in x) // self.width))
        shifts = [self.width * j for j in range(count)]
        digits = np.array([[(abs(n) >> s) & base for s in shifts] for n in x], dtype=np.float64)
        digits[[n < 0 for n in x]] *= -1.0
        return digits

    def _balls(self, limbs: Array, depth: int, x: list[int]) -> NDArray[np.object_]:
        """Carry, join neighbouring limbs to full doubles, and add them up in balls."""
        unit = 2.0**self.width
        for low, high in zip(limbs[:-1], limbs[1:], strict=True):
            carry = np.rint(low / unit)
            low -= carry * unit
            high += carry
        powers = [self.width * (m - depth) for m in range(len(limbs))]
        pairs = [m for m in range(0, len(limbs) - 2, 2)]
        joined = [limbs[m] + unit * limbs[m + 1] for m in pairs]
        rest = range(2 * len(pairs), len(limbs))
        columns = np.stack([*joined, *(limbs[m] for m in rest)], axis=1)
        weights = [arb(2) ** powers[m] for m in (*pairs, *rest)]
        total = arb_mat(*columns.shape, columns.ravel().tolist()) * arb_mat(len(weights), 1, weights)
        balls = np.array(total.entries(), dtype=object)
        if self._left_over:
            largest = max(abs(n) for n in x)
            balls = balls + arb(0, arb(self._left_over) * self.longest_row * largest)
        return balls
