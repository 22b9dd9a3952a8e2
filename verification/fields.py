"""The parts of an instance: arrays, distributions, inverse temperatures, choices.

A field knows four things about itself: a Hypothesis strategy over small rationals, float bulk along
a last axis, the projection of a free point onto it, and how a float member snaps to rationals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tabular_marl.verification.arithmetic import rational

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Floats = NDArray[np.float64]
Sizes = Mapping[str, int]


@dataclass(frozen=True)
class Field:
    """One named part of an instance; ``axes`` are names of sizes, or lengths."""

    axes: tuple[str | int, ...] = ()

    def shape(self, sizes: Sizes) -> tuple[int, ...]:
        return tuple(a if isinstance(a, int) else sizes[a] for a in self.axes)

    def written(self) -> str | None:
        """The set a scalar field ranges over, as a scope writes it; None for arrays."""
        return None

    def strategy(self, sizes: Sizes) -> SearchStrategy[Any]:
        """Hypothesis: small rationals first."""
        raise NotImplementedError

    def bulk(self, rng: np.random.Generator, sizes: Sizes, count: int) -> Floats:
        """``count`` float instances along a new last axis."""
        raise NotImplementedError

    def project(self, values: Floats) -> Floats:
        """The nearest member of the field to a free point (for the polish)."""
        return values

    def snap(self, values: Floats, denominator: int | None) -> Any:
        """The member of the field near ``values`` with entries of at most this denominator, in
        rationals; exact where ``denominator`` is None."""
        return self._nested(self.project(np.asarray(values, dtype=float)), denominator)

    def member(self, value: Any) -> bool:
        """Whether an array of rationals could have come from this field."""
        near = np.array(np.vectorize(float)(np.array(value, dtype=object)), dtype=float)
        return bool(np.allclose(self.project(near), near, rtol=1e-9, atol=1e-12))

    def proper(self, value: Any) -> bool:
        """Whether an array of rationals is what its name says, be it outside what is sampled."""
        return True

    def holds(self, value: Any) -> bool:
        """Whether one rational number is a member of a scalar field."""
        near = float(value)
        return bool(np.array_equal(self.project(np.asarray(near)), near))

    def _nested(self, values: Floats, denominator: int | None) -> Any:
        if values.ndim:
            return [self._nested(v, denominator) for v in values]
        value = _small(float(values), denominator)
        if self.holds(value):
            return value
        # rounding left the field: take the bound that is nearest
        return _small(float(self.project(np.asarray(float(value)))), 10**6)


def _small(x: float, denominator: int | None) -> Any:
    value = rational(float(x))
    if denominator is None or isinstance(value, float):
        return value
    return value.limit_denominator(denominator)


def _fractions(
    shape: tuple[int, ...], low: Fraction, high: Fraction, nonzero: bool = False
) -> SearchStrategy[Any]:
    """Rationals in [low, high] over one small denominator; shrinks towards integers near 0."""
    from hypothesis import strategies as st

    def over(denominator: int) -> SearchStrategy[Any]:
        first, last = math.ceil(low * denominator), math.floor(high * denominator)
        numerators = st.integers(first, last)
        if nonzero:
            numerators = numerators.filter(bool)
        return _filled(shape, numerators.map(lambda k: Fraction(k, denominator)))

    usable = [d for d in (1, 2, 3, 4, 5, 10) if math.ceil(low * d) <= math.floor(high * d)]
    made = {d: over(d) for d in usable or [low.denominator * high.denominator]}
    return st.sampled_from(list(made)).flatmap(made.__getitem__)


def _filled(shape: tuple[int, ...], entries: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """Nested lists of this shape; drawn as one flat list, which is faster."""
    from hypothesis import strategies as st

    if not shape:
        return entries
    size = math.prod(shape)
    flat = st.lists(entries, min_size=size, max_size=size)
    return flat.map(lambda values: _folded(values, shape))


def _folded(values: list[Any], shape: tuple[int, ...]) -> list[Any]:
    if len(shape) == 1:
        return values
    step = len(values) // shape[0]
    return [_folded(values[i : i + step], shape[1:]) for i in range(0, len(values), step)]


@dataclass(frozen=True)
class Array(Field):
    """Rationals in [low, high] with the given axes; no axes is one number.

    The bulk mixes uniform numbers, small integers, and sparse arrays of few values (near ties).
    """

    low: Fraction = Fraction(-4)
    high: Fraction = Fraction(4)
    nonzero: bool = False

    def written(self) -> str | None:
        if self.axes:
            return None
        if self.nonzero and self.low < 0 < self.high:
            return f"[{self.low}, 0) u (0, {self.high}]"
        left = "(" if self.nonzero and self.low == 0 else "["
        return f"{left}{self.low}, {self.high}]"

    def strategy(self, sizes: Sizes) -> SearchStrategy[Any]:
        return _fractions(self.shape(sizes), self.low, self.high, self.nonzero)

    def bulk(self, rng: np.random.Generator, sizes: Sizes, count: int) -> Floats:
        shape = (*self.shape(sizes), count)
        low, high = float(self.low), float(self.high)
        values = rng.uniform(low, high, shape)
        kind = rng.random(count)
        values = np.where(kind < 0.3, np.clip(np.rint(values), low, high), values)
        near = np.clip(rng.uniform(low, high, count) + values * 1e-3, low, high)
        values = np.where((kind > 0.3) & (kind < 0.4), near, values)
        if not self.nonzero and low <= 0 <= high:
            values = np.where((kind > 0.8) & (rng.random(shape) < 0.6), 0.0, values)
        return self.project(values)

    def project(self, values: Floats) -> Floats:
        values = np.clip(values, float(self.low), float(self.high))
        tiny = 2.0**-6 if self.high > 0 else -(2.0**-6)
        return np.where(np.abs(values) < 2.0**-6, tiny, values) if self.nonzero else values


@dataclass(frozen=True)
class Distribution(Field):
    """Probabilities along the last axis; ``degenerate`` allows outcomes of probability zero."""

    degenerate: bool = False

    def strategy(self, sizes: Sizes) -> SearchStrategy[Any]:
        from hypothesis import strategies as st

        shape = self.shape(sizes)
        weights = _filled(shape, st.integers(0 if self.degenerate else 1, 9))
        return weights.map(_row_shares)

    def bulk(self, rng: np.random.Generator, sizes: Sizes, count: int) -> Floats:
        *outer, last = self.shape(sizes)
        concentration = rng.choice([0.3, 1.0, 10.0], (count, *[1] * len(outer), 1))
        weights = rng.standard_gamma(np.broadcast_to(concentration, (count, *outer, last)))
        if self.degenerate:
            some = rng.random((count, *[1] * len(outer), 1)) < 0.5
            weights = np.where(some & (rng.random(weights.shape) < 0.4), 0.0, weights)
        return np.moveaxis(self.project(weights), 0, -1)

    def project(self, values: Floats) -> Floats:
        floor = 0.0 if self.degenerate else 1e-3
        weights = np.maximum(np.where(np.isfinite(values), values, 0.0), 0.0)
        top = weights.max(axis=-1, keepdims=True)
        weights = np.where(top > 0, weights / np.where(top > 0, top, 1.0), 1.0)
        weights = np.maximum(weights, floor)
        return np.asarray(weights / weights.sum(axis=-1, keepdims=True))

    def proper(self, value: Any) -> bool:
        return _is_shares(value)

    def snap(self, values: Floats, denominator: int | None) -> Any:
        def row(weights: Floats) -> list[Fraction]:
            near = [_small(w, denominator) for w in weights]
            if not self.degenerate:
                near = [max(w, Fraction(1, denominator or 1000)) for w in near]
            total = sum(near)  # nothing left after rounding: all of it on the likeliest
            top = int(np.argmax(weights))
            return [w / total if total else Fraction(i == top) for i, w in enumerate(near)]

        def rows(part: Floats) -> Any:
            return row(part) if part.ndim == 1 else [rows(p) for p in part]

        return rows(self.project(np.asarray(values, dtype=float)))


def _is_shares(value: Any) -> bool:
    """Whether every row of rationals is nonnegative and sums to one, exactly."""
    if np.ndim(value) > 1:
        return all(_is_shares(row) for row in value)
    row = [rational(v) for v in value]
    return min(row, default=-1) >= 0 and sum(row) == 1


def _row_shares(weights: Any) -> Any:
    """Integer weights as probabilities, row by row; a row of zeros is uniform."""
    if isinstance(weights[0], list):
        return [_row_shares(row) for row in weights]
    total = sum(weights)
    return [Fraction(w, total) if total else Fraction(1, len(weights)) for w in weights]


@dataclass(frozen=True)
class Beta(Field):
    """An inverse temperature: magnitudes spread over [1/16, 16] on a logarithmic scale.

    ``sign`` is "+", "-" or "both"; ``zero`` adds β = 0 and ``limits`` adds ±inf.
    """

    sign: str = "both"
    zero: bool = False
    limits: bool = False
    low: Fraction = Fraction(1, 16)
    high: Fraction = Fraction(16)

    def written(self) -> str | None:
        high = "inf" if self.limits else str(self.high)
        plus, minus = f"[{self.low}, {high}]", f"[-{high}, -{self.low}]"
        pieces = {"+": [plus], "-": [minus], "both": [minus, plus]}[self.sign]
        return " u ".join([*pieces, *(["0"] if self.zero else [])])

    def _signs(self) -> list[int]:
        return {"+": [1], "-": [-1], "both": [1, -1]}[self.sign]

    def strategy(self, sizes: Sizes) -> SearchStrategy[Any]:
        from hypothesis import strategies as st

        steps = [Fraction(2) ** k for k in range(-4, 5)]
        size = st.one_of(_fractions((), Fraction(1, 2), Fraction(4)), st.sampled_from(steps))
        size = size.filter(lambda b: self.low <= b <= self.high)
        found = st.builds(lambda s, b: s * b, st.sampled_from(self._signs()), size)
        extra: list[Any] = [Fraction(0)] if self.zero else []
        extra += [s * math.inf for s in self._signs()] if self.limits else []
        return _filled(self.shape(sizes), found | st.sampled_from(extra) if extra else found)

    def bulk(self, rng: np.random.Generator, sizes: Sizes, count: int) -> Floats:
        shape = (*self.shape(sizes), count)
        spread = rng.uniform(math.log2(self.low), math.log2(self.high), shape)
        values = np.exp2(spread) * rng.choice(self._signs(), shape)
        kind = rng.random(shape)
        if self.limits:
            values = np.where(kind < 0.1, np.sign(values) * np.inf, values)
        return np.where(kind > 0.93, 0.0, values) if self.zero else values

    def project(self, values: Floats) -> Floats:
        size = np.clip(np.abs(values), float(self.low), float(self.high))
        sign = np.where(values < 0, -1.0, 1.0) if self.sign == "both" else float(self._signs()[0])
        keep = (np.isinf(values) & self.limits) | ((values == 0) & self.zero)
        return np.where(keep, values, sign * size)


@dataclass(frozen=True)
class Choice(Field):
    """One of a finite set of numbers (a horizon, an exponent)."""

    values: tuple[Fraction, ...] = ()

    def written(self) -> str | None:
        return "{" + ", ".join(str(v) for v in sorted(self.values)) + "}"

    def strategy(self, sizes: Sizes) -> SearchStrategy[Any]:
        from hypothesis import strategies as st

        return _filled(self.shape(sizes), st.sampled_from(self.values))

    def bulk(self, rng: np.random.Generator, sizes: Sizes, count: int) -> Floats:
        return rng.choice([float(v) for v in self.values], (*self.shape(sizes), count))

    def project(self, values: Floats) -> Floats:
        known = np.array([float(v) for v in self.values])
        return np.asarray(known[np.argmin(np.abs(np.asarray(values)[..., None] - known), axis=-1)])
