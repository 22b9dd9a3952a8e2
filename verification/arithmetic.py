"""One statement, several arithmetics.

A claim's mathematics is one function ``gap(arithmetic, **instance)``. The same lines run on

    FLOAT      float64 arrays                      fast search
    BATCH      float64 arrays, many instances      bulk search: the batch is the *last* axis
    EXACT      fractions.Fraction                  decisions in rationals (no exp, no log)
    ball(bits) arb balls of python-flint           proof of one violation, enclosure over a box
    SYMBOLIC   SymPy expressions                   proof; write x = log t, then e^x is the symbol t

An array is always an ndarray, of float64 or of objects, so indexing, broadcasting, + − * / and
``.sum(axis=…)`` work everywhere. Use ``arithmetic.maximum`` and ``arithmetic.absolute`` instead of
NumPy's: comparisons of balls are not total. Count axes from the front (axis=0, 1, …) and never
index with ``...``: then the lines also run in BATCH, where every number becomes an array [N].
β may be the floats ``inf`` or ``-inf``.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: a number of some arithmetic, or an ndarray of them
Numbers = Any


class NotExact(ArithmeticError):
    """The exact arithmetic met a number that is not rational."""


def rational(value: Any) -> Any:
    """``"p/q"``, int, float or Fraction as an exact Fraction; ±inf stays a float.

    >>> rational("9/10"), rational(0.5), rational("-inf")
    (Fraction(9, 10), Fraction(1, 2), -inf)
    """
    if isinstance(value, str) and value.strip() in ("inf", "+inf", "-inf"):
        return float(value)
    if isinstance(value, (float, np.floating)):
        value = float(value)
        return value if math.isinf(value) else Fraction(value)
    if isinstance(value, np.integer):
        return Fraction(int(value))
    return Fraction(value)


def _infinite(value: Any) -> bool:
    return isinstance(value, float) and math.isinf(value)


class Arithmetic:
    """The float64 arithmetic, and the interface of the others."""

    name = "float"
    #: trailing axes that number instances rather than outcomes
    batch_axes = 0

    @contextlib.contextmanager
    def context(self) -> Iterator[None]:
        """Evaluate inside this (the balls set their precision here)."""
        yield

    def number(self, value: Any) -> Numbers:
        """One rational (int, "p/q", Fraction, float) as a number of this arithmetic."""
        return value if isinstance(value, float) else float(rational(value))

    def array(self, nested: Any) -> NDArray[Any]:
        """Nested lists of rationals as an ndarray; an ndarray of floats is returned as it is."""
        if isinstance(nested, np.ndarray) and nested.dtype.kind == "f":
            return nested
        values = np.array(nested, dtype=object)
        return np.array([float(rational(v)) for v in values.flat]).reshape(values.shape)

    def exp(self, x: Numbers) -> Numbers:
        return np.exp(x)

    def log(self, x: Numbers) -> Numbers:
        return np.log(x)

    def absolute(self, x: Numbers) -> Numbers:
        return np.abs(x)

    def maximum(self, x: Numbers, axis: int | tuple[int, ...] | None = None) -> Numbers:
        """max over ``axis`` (all axes by default)."""
        return np.max(x, axis=self._axes(x, axis))

    def minimum(self, x: Numbers, axis: int | tuple[int, ...] | None = None) -> Numbers:
        """min over ``axis`` (all axes by default)."""
        return -self.maximum(-np.asarray(x), axis)

    def total(self, x: Numbers, axis: int | tuple[int, ...] | None = None) -> Numbers:
        """Σ over ``axis`` (all axes by default)."""
        return np.sum(x, axis=self._axes(x, axis))

    def norm(self, x: Numbers) -> Numbers:
        """The sup norm max |x| over all entries."""
        return self.maximum(self.absolute(x))

    def zeros(self, x: Numbers) -> NDArray[np.bool_]:
        """Where x is exactly zero."""
        return np.asarray(x == 0, dtype=bool)

    def solve(self, matrix: Numbers, right: Numbers) -> Numbers:
        """x with matrix[i, j] x[j] = right[i]."""
        return np.linalg.solve(matrix, right)

    def _axes(self, x: Numbers, axis: int | tuple[int, ...] | None) -> int | tuple[int, ...]:
        return tuple(range(np.ndim(x) - self.batch_axes)) if axis is None else axis


class _Batch(Arithmetic):
    name = "batch"
    batch_axes = 1

    def number(self, value: Any) -> Numbers:
        return value if isinstance(value, np.ndarray) else super().number(value)

    def solve(self, matrix: Numbers, right: Numbers) -> Numbers:
        solved = np.linalg.solve(np.moveaxis(matrix, -1, 0), np.moveaxis(right, -1, 0)[..., None])
        return np.moveaxis(solved[..., 0], 0, -1)


class _Objects(Arithmetic):
    """Arrays of Python objects."""

    def array(self, nested: Any) -> NDArray[Any]:
        values = np.array(nested, dtype=object)
        out = np.empty(values.shape, dtype=object)
        out.flat = [self.number(v) for v in values.flat]
        return out

    def _map(self, function: Any, x: Numbers) -> Numbers:
        if not isinstance(x, np.ndarray):
            return function(self.number(x))
        out = np.empty(x.shape, dtype=object)
        out.flat = [function(self.number(v)) for v in x.flat]
        return out

    def exp(self, x: Numbers) -> Numbers:
        return self._map(self._exp, x)

    def log(self, x: Numbers) -> Numbers:
        return self._map(self._log, x)

    def absolute(self, x: Numbers) -> Numbers:
        return self._map(abs, x)

    def maximum(self, x: Numbers, axis: int | tuple[int, ...] | None = None) -> Numbers:
        x = np.asarray(x, dtype=object)
        axes = self._axes(x, axis)
        axes = tuple(a % x.ndim for a in (axes if isinstance(axes, tuple) else (axes,)))
        kept = tuple(a for a in range(x.ndim) if a not in axes)
        rows = x.transpose(*kept, *axes).reshape(*(x.shape[a] for a in kept), -1)
        out = np.empty(rows.shape[:-1], dtype=object)
        for index in np.ndindex(out.shape):
            out[index] = functools.reduce(self._larger, list(rows[index]))
        return out if out.ndim else out.item()

    def minimum(self, x: Numbers, axis: int | tuple[int, ...] | None = None) -> Numbers:
        return -self.maximum(-np.asarray(x, dtype=object), axis)

    def zeros(self, x: Numbers) -> NDArray[np.bool_]:
        values = np.asarray(x, dtype=object)
        return np.array([self._zero(v) for v in values.flat], dtype=bool).reshape(values.shape)

    def solve(self, matrix: Numbers, right: Numbers) -> Numbers:
        """Gauss elimination; the pivot is the first entry that is certainly not zero."""
        rows = np.concatenate([self.array(matrix), self.array(right)[:, None]], axis=1)
        size = len(rows)
        for k in range(size):
            pivot = next((i for i in range(k, size) if not self._may_vanish(rows[i, k])), None)
            if pivot is None:
                raise ZeroDivisionError("the matrix is singular, or not certainly regular")
            rows[[k, pivot]] = rows[[pivot, k]]
            rows[k] = rows[k] / rows[k, k]
            for i in range(size):
                if i != k:
                    rows[i] = rows[i] - rows[i, k] * rows[k]
        return rows[:, -1]

    def _exp(self, x: Any) -> Any:
        raise NotImplementedError

    def _log(self, x: Any) -> Any:
        raise NotImplementedError

    def _larger(self, x: Any, y: Any) -> Any:
        return max(x, y)

    def _zero(self, x: Any) -> bool:
        return bool(x == 0)

    def _may_vanish(self, x: Any) -> bool:
        return self._zero(x)


class _Exact(_Objects):
    name = "exact"

    def number(self, value: Any) -> Any:
        return value if isinstance(value, Fraction) else rational(value)

    def _exp(self, x: Any) -> Any:
        if x == 0:
            return Fraction(1)
        raise NotExact(f"exp({x}) is not rational")

    def _log(self, x: Any) -> Any:
        if x == 1:
            return Fraction(0)
        raise NotExact(f"log({x}) is not rational")


class _Ball(_Objects):
    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.name = f"balls at {bits} bits"

    @contextlib.contextmanager
    def context(self) -> Iterator[None]:
        from flint import ctx

        before = ctx.prec
        ctx.prec = self.bits
        try:
            yield
        finally:
            ctx.prec = before

    def number(self, value: Any) -> Any:
        from flint import arb, fmpq

        if isinstance(value, arb):
            return value
        value = rational(value)
        return value if _infinite(value) else arb(fmpq(value.numerator, value.denominator))

    def _exp(self, x: Any) -> Any:
        return x.exp()

    def _log(self, x: Any) -> Any:
        return x.log()

    def _larger(self, x: Any, y: Any) -> Any:
        return x.max(y)

    def _zero(self, x: Any) -> bool:
        return bool(x.is_zero())

    def _may_vanish(self, x: Any) -> bool:
        return bool(x.contains(0))


class _Symbolic(_Objects):
    name = "symbolic"

    def number(self, value: Any) -> Any:
        import sympy

        if isinstance(value, sympy.Basic):
            return value
        value = rational(value)
        return value if _infinite(value) else sympy.Rational(value.numerator, value.denominator)

    def _exp(self, x: Any) -> Any:
        import sympy

        return sympy.exp(sympy.expand(x))

    def _log(self, x: Any) -> Any:
        import sympy

        return sympy.log(x)

    def _larger(self, x: Any, y: Any) -> Any:
        import sympy

        return sympy.Max(x, y)

    def _may_vanish(self, x: Any) -> bool:
        import sympy

        return bool(sympy.cancel(x) == 0)


FLOAT: Arithmetic = Arithmetic()
BATCH: Arithmetic = _Batch()
EXACT: Arithmetic = _Exact()
SYMBOLIC: Arithmetic = _Symbolic()


def ball(bits: int = 128) -> Arithmetic:
    """Ball arithmetic with ``bits`` of precision."""
    return _Ball(bits)


def expectation(p: Numbers, x: Numbers, axis: int) -> Numbers:
    """Σ_k p_k x_k along ``axis``; p broadcasts against x by NumPy's rules."""
    return (p * x).sum(axis=axis)


def _extreme(x: Numbers, prior: Numbers, sign: int, axis: int, arithmetic: Arithmetic) -> Numbers:
    """max (sign 1) or min (sign −1) over the prior's support, by leaving the rest out."""
    x, prior = np.broadcast_arrays(x, prior)
    off = arithmetic.zeros(prior)
    if arithmetic in (FLOAT, BATCH):
        return sign * np.max(np.where(off, -np.inf, sign * x), axis=axis)
    x, off = np.moveaxis(x, axis, -1), np.moveaxis(off, axis, -1)
    out = np.empty(x.shape[:-1], dtype=object)
    for index in np.ndindex(out.shape):
        out[index] = sign * arithmetic.maximum(sign * x[index][~off[index]])
    return out if out.ndim else out.item()


def _soft(x: Numbers, prior: Numbers, beta: Numbers, axis: int) -> Numbers:
    """F_β in floats, accurate at every |β x|: differences are taken from the mean where they are
    small and from the dominating outcome elsewhere, with expm1 and log1p; p counts as normalised.
    """
    x, prior = np.broadcast_arrays(x, prior)
    off = prior == 0
    total = prior.sum(axis=axis, keepdims=True)
    mean = np.where(off, 0.0, prior * x).sum(axis=axis, keepdims=True) / total
    lead = np.where(off, -np.inf, beta * x)
    best = np.take_along_axis(x, np.argmax(lead, axis=axis, keepdims=True), axis)
    spread = np.max(np.where(off, 0.0, np.abs(beta * (x - mean))), axis=axis, keepdims=True)
    centre = np.where(spread < 1, mean, best)
    excess = prior * np.expm1(np.where(off, 0.0, beta * (x - centre))) / total
    return np.squeeze(centre, axis) + np.log1p(excess.sum(axis=axis)) / beta


def _constant(x: Numbers, prior: Numbers, axis: int) -> Numbers:
    """The common value of x over the support along ``axis``: then no logarithm is needed."""
    top = _extreme(x, prior, 1, axis, EXACT)
    if not np.all(top == _extreme(x, prior, -1, axis, EXACT)):
        raise NotExact("the free energy of different values is not rational")
    return top


def free_energy(
    x: Numbers, prior: Numbers, beta: Numbers, axis: int, arithmetic: Arithmetic
) -> Numbers:
    """F_β[p](x) = (1/β) log Σ_k p_k exp(β x_k) along ``axis``; exact limits at β = 0 and ±inf.

    ``prior`` broadcasts against x by NumPy's rules; None is uniform.

    >>> free_energy(FLOAT.array([1, 3]), FLOAT.array(["1/2", "1/2"]), float("-inf"), 0, FLOAT)
    np.float64(1.0)
    >>> free_energy(EXACT.array([1, 3]), None, 0, 0, EXACT)
    Fraction(2, 1)
    """
    if prior is None:
        prior = arithmetic.number(Fraction(1, np.shape(x)[axis]))
        prior = np.broadcast_to(np.asarray(prior), np.shape(x))
    if isinstance(beta, np.ndarray) and beta.ndim:  # BATCH: one β an instance
        soft = np.where((beta == 0) | np.isinf(beta), 1.0, beta)
        out = _soft(x, prior, soft, axis)
        out = np.where(beta == 0, expectation(prior, x, axis), out)
        if np.isinf(beta).any():
            out = np.where(beta == np.inf, _extreme(x, prior, 1, axis, arithmetic), out)
            out = np.where(beta == -np.inf, _extreme(x, prior, -1, axis, arithmetic), out)
        return out
    if _infinite(beta):
        return _extreme(x, prior, 1 if beta > 0 else -1, axis, arithmetic)
    beta = arithmetic.number(beta)
    if bool(arithmetic.zeros(beta)):
        return expectation(prior, x, axis)
    if arithmetic is EXACT:
        return _constant(x, prior, axis)
    if arithmetic in (FLOAT, BATCH):
        return _soft(x, prior, beta, axis)
    return arithmetic.log((prior * arithmetic.exp(beta * x)).sum(axis=axis)) / beta


def tilt(x: Numbers, prior: Numbers, beta: Numbers, axis: int, arithmetic: Arithmetic) -> Numbers:
    """tilt_β[p](x)_k = p_k exp(β x_k) / Σ_j p_j exp(β x_j) along ``axis``, for finite β.

    >>> tilt(FLOAT.array([0, 0]), FLOAT.array(["1/4", "3/4"]), 2.0, 0, FLOAT)
    array([0.25, 0.75])
    """
    if prior is None:
        prior = arithmetic.number(Fraction(1, np.shape(x)[axis]))
    weights = beta * x
    if arithmetic is EXACT:
        weights = weights - np.expand_dims(_constant(weights, prior, axis), axis)
        weights = np.where(arithmetic.zeros(prior), Fraction(0), weights)
    if arithmetic in (FLOAT, BATCH):
        weights = weights - np.max(
            np.where(np.broadcast_to(prior == 0, np.shape(weights)), -np.inf, weights),
            axis=axis,
            keepdims=True,
        )
        weights = np.minimum(weights, 0.0)  # outside the support, where p = 0 anyway
    weights = prior * arithmetic.exp(weights)
    return weights / np.expand_dims(weights.sum(axis=axis), axis)


def kl(p: Numbers, q: Numbers, axis: int, arithmetic: Arithmetic) -> Numbers:
    """D_KL(p ‖ q) = Σ_k p_k log(p_k / q_k) along ``axis``, with 0 log 0 = 0; q > 0 wherever p > 0.

    >>> float(kl(FLOAT.array([1, 0]), FLOAT.array(["1/2", "1/2"]), 0, FLOAT)).__round__(6)
    0.693147
    """
    p, q = np.broadcast_arrays(p, q)
    one = arithmetic.number(1)
    off = arithmetic.zeros(p)
    ratio = np.where(off, one, p) / np.where(off, one, q)
    return (p * arithmetic.log(ratio)).sum(axis=axis)
