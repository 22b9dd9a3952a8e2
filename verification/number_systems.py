"""The arithmetics themselves: float64, batches of float64, rationals, balls, symbols.

``arithmetic`` says how they are used, and holds the formulas over them.
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
    """``"p/q"``, int, float, hex float or Fraction as an exact Fraction; ±inf stays a float.

    >>> rational("9/10"), rational(0.5), rational("-0x1.8p+1"), rational("-inf")
    (Fraction(9, 10), Fraction(1, 2), Fraction(-3, 1), -inf)
    """
    if isinstance(value, str) and "0x" in value:
        return Fraction(float.fromhex(value))
    if isinstance(value, str) and value.strip() in ("inf", "+inf", "-inf"):
        return float(value)
    if isinstance(value, (float, np.floating)):
        value = float(value)
        return value if math.isinf(value) else Fraction(value)
    if isinstance(value, np.integer):
        return Fraction(int(value))
    return Fraction(value)


def is_infinite(value: Any) -> bool:
    """Whether this is one of the floats ±inf, the limits of β."""
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

    def may_vanish(self, x: Numbers) -> NDArray[np.bool_]:
        """Where x may be zero."""
        return self.zeros(x)

    def solve(self, matrix: Numbers, right: Numbers) -> Numbers:
        """x with matrix[i, j] x[j] = right[i]."""
        return np.linalg.solve(matrix, right)

    def hull(self, low: Numbers, high: Numbers) -> Numbers:
        """What is known of numbers between ``low`` and ``high``: in balls all of them, in other
        arithmetics the middle."""
        return (low + high) / 2

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
        return np.asarray(self._map(lambda v: v, np.array(nested, dtype=object)), dtype=object)

    def _map(self, function: Any, x: Numbers) -> Numbers:
        if not isinstance(x, np.ndarray):
            return function(self.number(x))
        out: NDArray[Any] = np.empty(x.shape, dtype=object)
        for index in np.ndindex(x.shape):
            out[index] = function(self.number(x[index]))
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

    def may_vanish(self, x: Numbers) -> NDArray[np.bool_]:
        """Where x may be zero: a ball that contains 0, or what :meth:`zeros` says."""
        values = np.asarray(x, dtype=object)
        found = [self._may_vanish(v) for v in values.flat]
        return np.array(found, dtype=bool).reshape(values.shape)

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
    name = "rationals"

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
        return value if is_infinite(value) else arb(fmpq(value.numerator, value.denominator))

    def hull(self, low: Numbers, high: Numbers) -> Numbers:
        return np.frompyfunc(lambda one, two: one.union(two), 2, 1)(low, high)

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
        return value if is_infinite(value) else sympy.Rational(value.numerator, value.denominator)

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
