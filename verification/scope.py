"""Scope: what a claim, or a piece of evidence, is about, as data.

A scope maps names of dimensions (``states``, ``actions``, ``beta``, ``gamma``, ``horizon``, …) to
sets of numbers. A set is a finite union of intervals and points, written as in mathematics:

    "(0, inf]"    "(-inf, 0) u (0, inf)"    ">= 1"    "3"    "{1, 2, 5}"    "{0..19}"    "any"

A dimension that a scope does not name is unrestricted there. Evidence that holds on a whole
region decides a claim only if its scope **covers** the claim's; a sample, which can never cover,
counts only if it lies **inside** the claim's scope and **meets** each of its connected pieces (so
that a sample with β > 0 alone says nothing about a claim for both signs).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tabular_marl.validation import InputError

_Bound = Fraction | float
_INTERVAL = re.compile(r"([\[(])\s*([^,\[\](){}]+?)\s*,\s*([^,\[\](){}]+?)\s*([\])])")


@dataclass(frozen=True)
class Interval:
    """The numbers between two bounds; a point has equal bounds and both ends closed."""

    low: _Bound
    high: _Bound
    low_closed: bool = True
    high_closed: bool = True

    def contains(self, value: _Bound) -> bool:
        above = value > self.low or (self.low_closed and value == self.low)
        below = value < self.high or (self.high_closed and value == self.high)
        return above and below

    def holds(self, other: Interval) -> bool:
        """Whether ``other`` lies inside this interval."""
        low = other.low > self.low or (
            other.low == self.low and (self.low_closed or not other.low_closed)
        )
        high = other.high < self.high or (
            other.high == self.high and (self.high_closed or not other.high_closed)
        )
        return low and high

    def meets(self, other: Interval) -> bool:
        low, high = max(self.low, other.low), min(self.high, other.high)
        if low != high:
            return low < high
        return self.contains(low) and other.contains(low)

    def __str__(self) -> str:
        if self.low == self.high:
            return _text(self.low)
        left, right = "[" if self.low_closed else "(", "]" if self.high_closed else ")"
        return f"{left}{_text(self.low)}, {_text(self.high)}{right}"


def _text(bound: _Bound) -> str:
    return str(bound)


def _bound(text: str) -> _Bound:
    text = text.strip()
    return float(text) if text in ("inf", "-inf", "+inf") else Fraction(text)


ANY = (Interval(-math.inf, math.inf),)


def _intervals(given: Any) -> tuple[Interval, ...]:
    """The set that ``given`` writes; pairs (low, high) are closed intervals."""
    if isinstance(given, tuple) and len(given) == 2:
        low, high = (math.inf if g is None else g for g in given)
        return (Interval(_number(low), _number(high)),)
    if not isinstance(given, str):
        return (Interval(_number(given), _number(given)),)
    try:
        return _read(given.strip())
    except ValueError:
        raise InputError(
            "scope",
            'be written like "(0, inf]", ">= 1", "{1, 2}", "3" or "any"',
            f"it was {given!r}",
        ) from None


def _read(text: str) -> tuple[Interval, ...]:
    if text == "any":
        return ANY
    for sign, closed in ((">=", True), (">", False)):
        if text.startswith(sign):
            return (Interval(_bound(text[len(sign) :]), math.inf, closed, True),)
    for sign, closed in (("<=", True), ("<", False)):
        if text.startswith(sign):
            return (Interval(-math.inf, _bound(text[len(sign) :]), True, closed),)
    if text.startswith("{") and text.endswith("}"):
        points: set[_Bound] = set()
        for part in text[1:-1].split(","):
            first, dots, last = part.partition("..")
            numbers = range(int(first), int(last) + 1) if dots else (_bound(part),)
            points.update(_number(n) for n in numbers)
        return tuple(Interval(point, point) for point in sorted(points))
    pieces = []
    for part in re.split(r"\s+(?:u|or|∪)\s+", text):
        match = _INTERVAL.fullmatch(part.strip())
        if match:
            left, low, high, right = match.groups()
            pieces.append(Interval(_bound(low), _bound(high), left == "[", right == "]"))
        else:
            pieces.append(Interval(_bound(part), _bound(part)))
    return _merged(pieces)


def _number(value: Any) -> _Bound:
    if isinstance(value, float) and math.isinf(value):
        return value
    return Fraction(value)


def _merged(pieces: list[Interval]) -> tuple[Interval, ...]:
    """Sorted, with pieces that touch joined, so that each piece is connected."""
    out: list[Interval] = []
    for piece in sorted(pieces, key=lambda p: (p.low, not p.low_closed)):
        if out and (
            piece.low < out[-1].high
            or (piece.low == out[-1].high and (piece.low_closed or out[-1].high_closed))
        ):
            last = out.pop()
            top = max((last.high, last.high_closed), (piece.high, piece.high_closed))
            piece = Interval(last.low, top[0], last.low_closed, top[1])
        out.append(piece)
    return tuple(out)


@dataclass(frozen=True)
class Scope(Mapping[str, tuple[Interval, ...]]):
    """Named dimensions and the sets they range over."""

    ranges: tuple[tuple[str, tuple[Interval, ...]], ...] = ()

    def __getitem__(self, name: str) -> tuple[Interval, ...]:
        return dict(self.ranges)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self.ranges))

    def __len__(self) -> int:
        return len(self.ranges)

    def range(self, name: str) -> tuple[Interval, ...]:
        """The set of ``name``; everything where the scope does not name it."""
        return dict(self.ranges).get(name, ANY)

    def covers(self, other: Scope) -> bool:
        """Every dimension of ``other`` lies inside this scope.

        >>> scope(beta="(-inf, inf)").covers(scope(beta="(0, inf)", states=">= 1"))
        True
        """
        return all(
            any(mine.holds(theirs) for mine in self.range(name))
            for name in {*self, *other}
            for theirs in other.range(name)
        )

    def represents(self, other: Scope) -> bool:
        """This scope lies inside ``other`` and meets each connected piece of it.

        >>> scope(beta="[1/8, 8]").represents(scope(beta="(-inf, 0) u (0, inf)"))
        False
        """
        return other.covers(self) and all(
            any(mine.meets(theirs) for mine in self.range(name))
            for name in {*self, *other}
            for theirs in other.range(name)
        )

    def joined(self, other: Scope) -> Scope:
        """All that one of the two reaches, dimension by dimension.

        >>> print(scope(beta="(0, inf)").joined(scope(beta="(-inf, 0)", gamma="[0, 1)")))
        beta (-inf, 0) u (0, inf)
        """
        return Scope(
            tuple((name, _merged([*self[name], *other[name]])) for name in self if name in other)
        )

    def only(self, names: Iterable[str]) -> Scope:
        """Without the dimensions that are not named."""
        kept = set(names)
        return Scope(tuple(pair for pair in self.ranges if pair[0] in kept))

    def is_finite(self, name: str) -> bool:
        """Whether a dimension has finitely many values."""
        return all(piece.low == piece.high for piece in self.range(name))

    def contains(self, name: str, value: Any) -> bool:
        return any(piece.contains(_number(value)) for piece in self.range(name))

    def as_dict(self) -> dict[str, str]:
        """For JSON: each dimension as it would be written."""
        return {name: _written(pieces) for name, pieces in self.ranges}

    def __str__(self) -> str:
        return ", ".join(f"{k} {v}" for k, v in self.as_dict().items()) or "no restriction"


def _written(pieces: tuple[Interval, ...]) -> str:
    if pieces == ANY:
        return "any"
    if len(pieces) > 1 and all(piece.low == piece.high for piece in pieces):
        return "{" + ", ".join(str(piece) for piece in pieces) + "}"
    if len(pieces) == 1 and pieces[0].high == math.inf and pieces[0].high_closed:
        piece = pieces[0]
        if isinstance(piece.low, Fraction) and piece.low.denominator == 1 and piece.low_closed:
            return f">= {piece.low}"
    return " u ".join(str(piece) for piece in pieces)


def scope(**ranges: Any) -> Scope:
    """A scope from written sets: strings, numbers, or pairs (low, high).

    >>> print(scope(states=">= 1", beta="(-inf, 0) u (0, inf)", gamma="[0, 1)", players=2))
    states >= 1, beta (-inf, 0) u (0, inf), gamma [0, 1), players 2
    """
    return Scope(tuple((name, _intervals(given)) for name, given in ranges.items()))
