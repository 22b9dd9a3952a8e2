"""A statement at one instance: evaluate the gap, and decide the relation.

``gap(arithmetic, **instance)`` returns the number or array that the relation is about, entry by
entry, or :func:`sides` of it, so that reports can show both. An instance is a dict of rationals
(Fraction, int, "p/q", ±inf for β) and nested lists of them; a parameter annotated ``int`` (a
horizon, a count) is passed as a plain int, every other number as a number of the arithmetic.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabular_marl.validation import InputError, one_of
from tabular_marl.verification.arithmetic import EXACT, Arithmetic, NotExact, ball, rational

Gap = Callable[..., Any]
Instance = Mapping[str, Any]

#: what a claim may say of every entry of its gap
RELATIONS = (">= 0", "> 0", "== 0", "<= 0", "< 0")


@dataclass(frozen=True)
class Sides:
    """left − right is the gap."""

    left: Any
    right: Any


def sides(left: Any, right: Any) -> Sides:
    """Return this from a gap function to keep both sides: the gap is left − right."""
    return Sides(left, right)


def checked_relation(relation: str) -> str:
    """One of RELATIONS."""
    return one_of("relation", relation, RELATIONS)


@functools.lru_cache(maxsize=4096)
def _integer_parameters(gap: Gap) -> frozenset[str]:
    parameters = inspect.signature(gap).parameters.values()
    return frozenset(p.name for p in parameters if p.annotation in (int, "int"))


@functools.lru_cache(maxsize=4096)
def parameter_names(gap: Gap) -> tuple[str, ...]:
    """The instance's names that a gap takes (its first parameter is the arithmetic)."""
    return tuple(inspect.signature(gap).parameters)[1:]


def convert(gap: Gap, instance: Instance, arithmetic: Arithmetic) -> dict[str, Any]:
    """The instance as numbers and arrays of ``arithmetic``, for this gap."""
    integers = _integer_parameters(gap)
    out: dict[str, Any] = {}
    for name, value in instance.items():
        if value is None:
            out[name] = None
        elif name in integers:
            out[name] = int(value)
        elif isinstance(value, (list, tuple, np.ndarray)):
            out[name] = arithmetic.array(value)
        else:
            out[name] = arithmetic.number(value)
    return out


def evaluate(gap: Gap, instance: Instance, arithmetic: Arithmetic) -> tuple[NDArray[Any], Any]:
    """(gap as a flat ndarray, its :class:`Sides` or None), inside the arithmetic's context."""
    with arithmetic.context(), np.errstate(all="ignore"):
        value = gap(arithmetic, **convert(gap, instance, arithmetic))
        pair = value if isinstance(value, Sides) else None
        value = difference(value)
    values = np.atleast_1d(np.asarray(value)).ravel()
    if values.size == 0:
        raise InputError("gap", "have at least one entry", "it was an empty array")
    return values, pair


def difference(value: Any) -> Any:
    """The gap itself, from a gap or its sides; a truth value is no gap (False >= 0 would hold)."""
    gap = value.left - value.right if isinstance(value, Sides) else value
    if np.asarray(gap).dtype == bool:
        raise InputError("gap", "be a number that the relation is about", "it was a truth value")
    return gap


def stay_in_balls(values: NDArray[Any]) -> None:
    """Raise where a Python float came out of ball arithmetic: it forgets the ball's radius."""
    if any(isinstance(v, float) for v in values.flat):
        raise InputError(
            "gap",
            "stay in its arithmetic: write constants with arithmetic.number('p/q')",
            "a Python float came out of ball arithmetic",
        )


def margins(values: NDArray[Any], relation: str) -> NDArray[Any]:
    """How far each entry is on the right side: negative where the relation fails (floats)."""
    if relation == "== 0":
        return np.asarray(-np.abs(values))
    return values if relation.startswith(">") else -values


def decide(values: NDArray[Any], relation: str) -> bool | None:
    """For exact numbers and balls: True if every entry certainly satisfies the relation, False if
    some entry certainly violates it, None if neither is certain.
    """
    verdicts = [_decide_one(value, relation) for value in values.flat]
    if False in verdicts:
        return False
    return True if all(v is True for v in verdicts) else None


def _decide_one(x: Any, relation: str) -> bool | None:
    # comparisons of balls are True only when certain, so both directions are asked
    if relation == "== 0":
        if x > 0 or x < 0:
            return False
        return True if x == 0 else None
    if relation in ("<= 0", "< 0"):
        x, relation = -x, relation.replace("<", ">")
    if relation == ">= 0":
        return True if x >= 0 else False if x < 0 else None
    return True if x > 0 else False if x <= 0 else None


def worst_entry(values: NDArray[Any], relation: str) -> int:
    """The index of the entry that violates the relation most (by midpoints)."""
    mids = np.array([_float(v) for v in values.flat])
    return int(np.argmin(np.where(np.isnan(mids), np.inf, margins(mids, relation))))


def _float(value: Any) -> float:
    try:
        return float(value.mid()) if hasattr(value, "mid") else float(value)
    except (OverflowError, TypeError):
        return float("nan")


@dataclass(frozen=True)
class Decision:
    """What exact or ball arithmetic says about one instance.

    ``size`` is the worst entry of the gap (its middle), ``reach`` an upper bound of its |value|.
    """

    holds: bool | None
    arithmetic: str
    bits: int | None
    violation: str
    left: str | None
    right: str | None
    size: float
    reach: float = float("inf")


def settle(
    gap: Gap,
    instance: Instance,
    relation: str,
    where: Gap | None = None,
    bits: tuple[int, ...] = (128, 512, 2048),
) -> Decision:
    """Decide one instance: in rationals if the gap stays rational, else in balls.

    ``where`` is the claim's assumption at this instance, a gap whose entries must all be certainly
    >= 0; an instance that certainly breaks it satisfies the claim vacuously.
    The precision is raised until the relation is decided, or ``bits`` ends.
    """
    decision = None
    for arithmetic, precision in [(EXACT, None), *((ball(b), b) for b in bits)]:
        try:
            assumed: bool | None = True
            if where is not None:
                assumed_values, _ = evaluate(where, instance, arithmetic)
                assumed = decide(assumed_values, ">= 0")
            values, pair = evaluate(gap, instance, arithmetic)
        except (NotExact, ZeroDivisionError):
            continue
        if precision is not None:
            stay_in_balls(values)
        elif any(isinstance(v, float) for v in values.flat):
            continue
        decision = _decision(values, pair, relation, arithmetic.name, precision)
        if assumed is False:
            return Decision(True, arithmetic.name, precision, "", None, None, 0.0)
        if assumed is None:
            decision = Decision(
                None, arithmetic.name, precision, decision.violation, None, None, decision.size
            )
        if decision.holds is not None:
            return decision
    if decision is None:
        raise ZeroDivisionError("the gap cannot be evaluated at this instance")
    return decision


def _decision(
    values: NDArray[Any], pair: Any, relation: str, name: str, bits: int | None
) -> Decision:
    holds = decide(values, relation)
    at = worst_entry(values, relation)
    if holds is False:  # show an entry that is certainly violated, the worst of them
        certain = [i for i, v in enumerate(values.flat) if _decide_one(v, relation) is False]
        at = max(certain, key=lambda i: abs(_float(values[i])))
    left = right = None
    if pair is not None:
        both = np.broadcast_arrays(np.asarray(pair.left), np.asarray(pair.right))
        left, right = (text(np.atleast_1d(b).ravel()[at]) for b in both)
    reach = values[at].abs_upper() if bits else abs(values[at])
    shown = text(values[at])
    return Decision(holds, name, bits, shown, left, right, _float(values[at]), _float(reach))


def text(value: Any) -> str:
    """A number as a witness stores it: "p/q", or a ball as a decimal string."""
    if isinstance(value, Fraction):
        return str(value)
    return str(value.str(30, radius=True)) if hasattr(value, "str") else str(value)


def _written(value: Any) -> str:
    """ "p/q", or float.hex() for what is a float rather than a simple rational."""
    if isinstance(value, Fraction) and value.denominator > 2**20:
        near = float(value)
        if Fraction(near) == value:
            return near.hex()
    return str(value)


def plain(instance: Instance) -> dict[str, Any]:
    """The instance as JSON: rationals as "p/q" strings, ints as ints, floats as hexadecimal."""

    def one(value: Any) -> Any:
        if value is None or isinstance(value, (int, np.integer)):
            return value if value is None else int(value)
        if isinstance(value, np.ndarray):
            return one(value.tolist())
        if isinstance(value, (list, tuple)):
            return [one(v) for v in value]
        return _written(rational(value))

    return {name: one(value) for name, value in instance.items()}
