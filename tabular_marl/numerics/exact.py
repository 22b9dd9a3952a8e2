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

import itertools
import math
from typing import Any

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]


class ExactProduct:
    """x ↦ P x in balls, for integer vectors x, to ``bits`` bits relative to max |x|.

    What is left of P after the slices, and the product's digits below 2^−bits max |x|, become a
    radius.

    >>> ExactProduct(np.array([[0.5, 0.25], [0.1, 0.9]]), bits=64)([4, 8], arb(1))[0]
    4.00000000000000
    """

    def __init__(self, matrix: Any, bits: int) -> None:
        self._bits = bits
        self._is_sparse = bool(sparse.issparse(matrix))
        if self._is_sparse:
            matrix = matrix.tocsr()
            entries = np.asarray(matrix.data, dtype=np.float64)
            self.longest_row = max(1, int(np.diff(matrix.indptr).max(initial=1)))
        else:
            entries = np.asarray(matrix, dtype=np.float64)
            self.longest_row = int(entries.shape[1])
        self.row_sums = np.asarray(matrix.sum(axis=1), dtype=np.float64).reshape(-1)
        # Sums over at most ``most`` slices, enough for P to 2^−bits, need log2(most) spare bits.
        most = 8 << ((bits - 1) // 128).bit_length()
        spare = most.bit_length() - 1
        self.width = (53 - spare - math.ceil(math.log2(self.longest_row + 1))) // 2
        slices: list[Any] = []
        remainder = entries
        while not slices or (
            len(slices) < min(most, math.ceil(bits / self.width)) and remainder.any()
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

    def __call__(self, x: list[int], scale: arb) -> Any:
        """scale · P x, an array with a ball for each row."""
        digits = self._digits(x)
        count, depth = digits.shape[1], len(self._slices)
        # Limb m collects the products of weight 2^(w(m − depth)); carries make all but the
        # highest at most 2^(w−1) in size.
        limbs = np.zeros((count + depth - 1, self.row_sums.shape[0]))
        for i, part in enumerate(self._slices):
            limbs[depth - 1 - i : depth - 1 - i + count] += (part @ digits).T
        unit = 2.0**self.width
        for low, high in itertools.pairwise(limbs):
            carry = np.rint(low / unit)
            low -= carry * unit
            high += carry
        largest = max(abs(n) for n in x)
        # The limbs below ``first`` add up to less than 2^(w(first − depth)) ≤ 2^(1−bits) max |x|.
        first = depth + min(0, (largest.bit_length() - self._bits) // self.width)
        first = min(max(first, 0), len(limbs) - 1)
        radius = arb(0) if first == 0 else arb(2) ** (self.width * (first - depth))
        radius += arb(self._left_over) * self.longest_row * largest
        powers = [scale * arb(2) ** (self.width * (m - depth)) for m in range(first, len(limbs))]
        return self._balls(limbs[first:], powers, scale * arb(0, radius))

    def _digits(self, x: list[int]) -> Array:
        """Signed base-2^w digits [S, count], lowest first."""
        base = (1 << self.width) - 1
        count = max(1, -(-max(abs(n).bit_length() for n in x) // self.width))
        shifts = [self.width * j for j in range(count)]
        digits = np.array([[(abs(n) >> s) & base for s in shifts] for n in x], dtype=np.float64)
        digits[[n < 0 for n in x]] *= -1.0
        return digits

    def _balls(self, limbs: Array, powers: list[arb], radius: arb) -> Any:
        """Σ_m limbs[m] powers[m] + radius, neighbouring limbs first joined to one double."""
        unit = 2.0**self.width
        last = len(limbs) - 1
        starts = range(0, last, 2)
        columns = [limbs[m] + unit * limbs[m + 1] if m + 1 < last else limbs[m] for m in starts]
        columns.append(limbs[last])
        weights = [powers[m] for m in (*starts, last)]
        if not radius.is_zero():
            columns.append(np.ones_like(columns[0]))
            weights.append(radius)
        flat = np.stack(columns, axis=1).ravel().tolist()
        sums = arb_mat(len(columns[0]), len(columns), flat) * arb_mat(len(weights), 1, weights)
        balls: Any = np.empty(len(columns[0]), dtype=object)
        balls[:] = sums.entries()
        return balls
