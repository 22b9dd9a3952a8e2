"""Enclosure: a relation certified over a whole box, by bisection in ball arithmetic.

A box is an instance some of whose numbers are intervals, ``between(low, high)``. The gap of a box
is a ball that contains the gap of every point in it; where its sign is certain the box is done,
else it is cut in two along its widest interval. Balls cannot certify a gap that touches zero.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tabular_marl.verification.arithmetic import ball
from tabular_marl.verification.claim import Claim, Options
from tabular_marl.verification.evidence import Evidence, Outcome
from tabular_marl.verification.relation import (
    Gap,
    checked_relation,
    decide,
    evaluate,
    plain,
    settle,
    stay_in_balls,
)
from tabular_marl.verification.scope import Scope, scope
from tabular_marl.verification.witness import make_witness


@dataclass(frozen=True)
class Between:
    """All reals in [low, high]."""

    low: Fraction
    high: Fraction

    @property
    def middle(self) -> Fraction:
        return (self.low + self.high) / 2

    def ball(self) -> Any:
        from flint import arb, fmpq

        middle, radius = self.middle, (self.high - self.low) / 2
        return arb(
            fmpq(middle.numerator, middle.denominator), fmpq(radius.numerator, radius.denominator)
        )


def between(low: Any, high: Any) -> Between:
    """An interval of a box."""
    return Between(Fraction(low), Fraction(high))


@dataclass(frozen=True)
class Enclosure:
    """``gap`` ``relation`` on every point of ``box``; ``most`` bounds the number of boxes.

    The scope is what the box's scalars say, or ``scope`` where given; a dimension that is no scalar
    (a size, say) is the claim's own if it is finite, so that one size never passes for all.
    """

    gap: Gap
    box: Mapping[str, Any]
    relation: str = "> 0"
    scope: Scope | None = None
    bits: int = 128
    most: int = 20_000

    def __post_init__(self) -> None:
        checked_relation(self.relation)

    def stated_scope(self, claim: Claim) -> Scope:
        if self.scope is not None:
            return self.scope
        scalars = {
            n: (v.low, v.high) if isinstance(v, Between) else v
            for n, v in self.box.items()
            if isinstance(v, Between) or (n in claim.scope and not isinstance(v, (list, tuple)))
        }
        others = [n for n in claim.scope if n not in scalars]
        sizes = [(n, claim.scope[n] if claim.scope.is_finite(n) else ()) for n in others]
        return Scope((*scope(**scalars).ranges, *sizes))

    def run(self, claim: Claim, options: Options) -> Evidence:
        """Certified where every box's gap has a certain sign; a violation at a middle refutes."""
        start = time.perf_counter()
        about = self.stated_scope(claim)
        arithmetic = ball(self.bits)
        waiting, done = [dict(self.box)], 0
        while waiting:
            box = waiting.pop()
            done += 1
            with arithmetic.context():
                balls = {name: _leaves(value, Between.ball) for name, value in box.items()}
            values, _ = evaluate(self.gap, balls, arithmetic)
            stay_in_balls(values)
            holds = decide(values, self.relation)
            if holds is True:
                continue
            middle = {name: _leaves(value, _middle) for name, value in box.items()}
            if holds is False or done % 64 == 1:
                found = settle(self.gap, middle, self.relation)
                if found.holds is False:
                    return Evidence(
                        "enclosure",
                        Outcome.REFUTED,
                        about,
                        count=done,
                        relation=self.relation,
                        gap=found.size,
                        instance=plain(middle),
                        detail=f"gap {found.violation} in {found.arithmetic}",
                        witness=make_witness(claim, self, middle, found),
                        seconds=time.perf_counter() - start,
                    )
            parts = _bisected(box)
            if parts is None or done + len(waiting) >= self.most:
                return Evidence(
                    "enclosure",
                    Outcome.UNDECIDED,
                    about,
                    count=done,
                    relation=self.relation,
                    instance=plain(middle),
                    detail=f"undecided near this point after {done} boxes",
                    seconds=time.perf_counter() - start,
                )
            waiting.extend(parts)
        return Evidence(
            "enclosure",
            Outcome.CERTIFIED,
            about,
            count=done,
            relation=self.relation,
            detail=f"{done} boxes, {arithmetic.name}",
            seconds=time.perf_counter() - start,
        )


def _middle(interval: Between) -> Fraction:
    return interval.middle


def _leaves(value: Any, function: Any) -> Any:
    """``value`` with each interval replaced by ``function`` of it."""
    if isinstance(value, Between):
        return function(value)
    return [_leaves(v, function) for v in value] if isinstance(value, (list, tuple)) else value


def _widest(value: Any, path: tuple[Any, ...]) -> tuple[Fraction, tuple[Any, ...]]:
    if isinstance(value, Between):
        return value.high - value.low, path
    if isinstance(value, (list, tuple)):
        found = [_widest(v, (*path, i)) for i, v in enumerate(value)]
        return max(found, key=lambda pair: pair[0], default=(Fraction(0), path))
    return Fraction(0), path


def _replaced(value: Any, path: tuple[Any, ...], leaf: Between) -> Any:
    if not path:
        return leaf
    return [_replaced(v, path[1:], leaf) if i == path[0] else v for i, v in enumerate(value)]


def _bisected(box: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The two halves along the widest interval; None if the box is a point."""
    width, path = max((_widest(v, (name,)) for name, v in box.items()), key=lambda pair: pair[0])
    if width == 0:
        return None
    leaf = box[path[0]]
    for index in path[1:]:
        leaf = leaf[index]
    halves = (Between(leaf.low, leaf.middle), Between(leaf.middle, leaf.high))
    return [{**box, path[0]: _replaced(box[path[0]], path[1:], half)} for half in halves]
