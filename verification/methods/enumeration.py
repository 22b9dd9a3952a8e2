"""Enumeration: every member of a finite set, in rationals (or balls where an exp is met)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tabular_marl.verification.arithmetic import rational
from tabular_marl.verification.claim import Claim, Options
from tabular_marl.verification.evidence import Evidence, Outcome
from tabular_marl.verification.relation import Gap, checked_relation, plain, settle
from tabular_marl.verification.scope import Interval, Scope
from tabular_marl.verification.witness import make_witness


@dataclass(frozen=True)
class Enumeration:
    """``instances`` is a finite collection, or a function that makes one.

    Together they are ``scope``. By default that is read off them: the values that the scalars take,
    and the claim's own word for finite dimensions that are no scalars (sizes, say); so an
    enumeration never passes for an interval.
    """

    gap: Gap
    instances: Iterable[Mapping[str, Any]] | Callable[[], Iterable[Mapping[str, Any]]]
    relation: str = ">= 0"
    scope: Scope | None = None
    where: Gap | None = None

    def __post_init__(self) -> None:
        checked_relation(self.relation)
        if not callable(self.instances):
            object.__setattr__(self, "instances", tuple(self.instances))

    def stated_scope(self, claim: Claim) -> Scope:
        if self.scope is not None:
            return self.scope
        taken: dict[str, set[Any]] = {}
        for instance in self._members():
            for name, value in instance.items():
                if name in claim.scope and not isinstance(value, (list, tuple)):
                    taken.setdefault(name, set()).add(rational(value))
        ranges = []
        for name in claim.scope:
            if name in taken:
                ranges.append((name, tuple(Interval(v, v) for v in sorted(taken[name]))))
            else:
                ranges.append((name, claim.scope[name] if claim.scope.is_finite(name) else ()))
        return Scope(tuple(ranges))

    def _members(self) -> Iterable[Mapping[str, Any]]:
        return self.instances() if callable(self.instances) else self.instances

    def run(self, claim: Claim, options: Options) -> Evidence:
        """Exhausted if the relation is certain at every member; the first that fails refutes."""
        start = time.perf_counter()
        about = self.stated_scope(claim)
        count, tightest, at, ways = 0, None, None, set()
        for instance in self._members():
            found = settle(self.gap, instance, self.relation, self.where)
            if found.holds is not True:
                refuted = found.holds is False
                return Evidence(
                    "enumeration",
                    Outcome.REFUTED if refuted else Outcome.UNDECIDED,
                    about,
                    count=count + 1,
                    relation=self.relation,
                    gap=found.size,
                    instance=plain(instance),
                    detail=f"gap {found.violation} in {found.arithmetic} at member {count + 1}",
                    witness=make_witness(claim, self, instance, found) if refuted else None,
                    seconds=time.perf_counter() - start,
                )
            count += 1
            ways.add(found.arithmetic)
            if tightest is None or abs(found.size) < abs(tightest):
                tightest, at = found.size, plain(instance)
        return Evidence(
            "enumeration",
            Outcome.EXHAUSTED if count else Outcome.UNDECIDED,
            about,
            count=count,
            relation=self.relation,
            gap=tightest,
            instance=at,
            detail=f"every one of {count}, in {' and '.join(sorted(ways))}",
            seconds=time.perf_counter() - start,
        )
