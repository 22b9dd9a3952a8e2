"""Shrinking: the same violation with smaller sizes and simpler rationals.

Every step keeps a violation that rationals or balls confirm, so what comes out is a proof too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from tabular_marl.verification.arithmetic import rational
from tabular_marl.verification.fields import Distribution, Field
from tabular_marl.verification.relation import Decision
from tabular_marl.verification.strategies import Family

Settle = Callable[[Mapping[str, Any]], Decision]


def shrink(
    family: Family, instance: dict[str, Any], found: Decision, settle: Settle, budget: int = 400
) -> tuple[dict[str, Any], Decision]:
    """The smallest violating instance that greedy steps reach within ``budget`` evaluations."""
    left = budget
    progress = True
    while progress:
        progress = False
        for candidate in (*_smaller(family, instance), *_simpler(family, instance)):
            if left == 0:
                return instance, found
            left -= 1
            try:
                again = settle(candidate)
            except (ZeroDivisionError, ValueError):
                continue
            if again.holds is False:
                instance, found, progress = candidate, again, True
                break
    return instance, found


def _smaller(family: Family, instance: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The instance without one member of one size, where the family allows it."""
    fields = dict(family.fields)
    for size, (low, _) in family.sizes:
        lengths = {
            np.shape(np.array(instance[name], dtype=object))[axis]
            for name, field in fields.items()
            for axis, label in enumerate(field.axes)
            if label == size
        }
        if len(lengths) != 1 or (length := lengths.pop()) <= max(low, 1):
            continue
        for drop in range(length):
            out = dict(instance)
            for name, field in fields.items():
                for axis, label in enumerate(field.axes):
                    if label == size:
                        out[name] = _without(out[name], axis, drop)
                if isinstance(field, Distribution) and field.axes[-1] == size:
                    out[name] = _normalised(out[name])
            if all(value is not None for value in out.values()):
                yield out


def _without(value: Any, axis: int, drop: int) -> Any:
    if axis == 0:
        return [v for i, v in enumerate(value) if i != drop]
    return [_without(v, axis - 1, drop) for v in value]


def _normalised(value: Any) -> Any:
    """Rows divided by their sums; None where a row has lost all its weight."""
    if isinstance(value[0], (list, tuple)):
        rows = [_normalised(v) for v in value]
        return None if any(r is None for r in rows) else rows
    total = sum(rational(v) for v in value)
    return [rational(v) / total for v in value] if total > 0 else None


def _simpler(family: Family, instance: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The instance with one number, or one row of probabilities, replaced by a simpler one."""
    for name, field in family.fields:
        for path, value in _parts(instance[name], rows=isinstance(field, Distribution)):
            for candidate in (
                _simpler_rows(value, field)
                if isinstance(field, Distribution)
                else _simpler_numbers(value, field)
            ):
                yield {**instance, name: _put(instance[name], path, candidate)}


def _parts(value: Any, rows: bool, path: tuple[int, ...] = ()) -> Iterator[tuple[Any, Any]]:
    if not isinstance(value, (list, tuple)) or (rows and not isinstance(value[0], (list, tuple))):
        yield path, value
    else:
        for i, v in enumerate(value):
            yield from _parts(v, rows, (*path, i))


def _put(value: Any, path: tuple[int, ...], part: Any) -> Any:
    if not path:
        return part
    return [_put(v, path[1:], part) if i == path[0] else v for i, v in enumerate(value)]


def _cost(value: Any) -> tuple[Any, ...]:
    """Simplest first: small denominators, then small numerators, then positive."""
    if isinstance(value, float):
        return (10**9, 0, value < 0)
    return (value.denominator, abs(value.numerator), value < 0)


def _simpler_numbers(value: Any, field: Field) -> Iterator[Any]:
    value = rational(value)
    candidates = {Fraction(0), Fraction(1), Fraction(-1), Fraction(2), Fraction(-2)}
    if isinstance(value, Fraction):
        candidates |= {value.limit_denominator(d) for d in (1, 2, 3, 4, 5, 8, 10, 100)}
        candidates |= {Fraction(int(value / 2)), Fraction(int(value))}
    for candidate in sorted(candidates, key=_cost):
        if _cost(candidate) < _cost(value) and field.holds(candidate):
            yield candidate


def _simpler_rows(row: Any, field: Distribution) -> Iterator[list[Fraction]]:
    row = [rational(v) for v in row]
    n = len(row)
    candidates = [[Fraction(1, n)] * n]
    if field.degenerate:
        candidates += [[Fraction(int(i == k)) for i in range(n)] for k in range(n)]
    for denominator in (2, 3, 4, 5, 8, 10, 100):
        near = [max(v.limit_denominator(denominator), Fraction(0)) for v in row]
        if sum(near) > 0 and (field.degenerate or all(near)):
            candidates.append([v / sum(near) for v in near])
    have = sum(v.denominator for v in row) + sum(v != 0 for v in row)
    for candidate in candidates:
        cost = sum(v.denominator for v in candidate) + sum(v != 0 for v in candidate)
        if cost < have:
            yield candidate
