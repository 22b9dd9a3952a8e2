"""Counterexample: one instance that contradicts the claim, decided in rationals or balls."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tabular_marl.verification.claim import Claim, Options
from tabular_marl.verification.evidence import Evidence, Outcome
from tabular_marl.verification.relation import Gap, checked_relation, plain, settle
from tabular_marl.verification.scope import Scope
from tabular_marl.verification.witness import make_witness


@dataclass(frozen=True)
class Counterexample:
    """``instance`` violates ``gap`` ``relation``; it must lie inside the claim's scope.

    ``where`` is the claim's assumption as a gap that must be certainly >= 0 at the instance.
    """

    gap: Gap
    instance: Mapping[str, Any]
    relation: str = ">= 0"
    where: Gap | None = None

    def __post_init__(self) -> None:
        checked_relation(self.relation)

    def stated_scope(self, claim: Claim) -> Scope:
        return claim.scope

    def run(self, claim: Claim, options: Options) -> Evidence:
        """Refuted if the violation is certain and the instance's numbers are in scope."""
        start = time.perf_counter()
        if not claim.admits(self.instance):
            return Evidence(
                "counterexample",
                Outcome.UNDECIDED,
                claim.scope,
                detail=f"the instance is outside the claim's scope ({claim.scope})",
            )
        found = settle(self.gap, self.instance, self.relation, self.where)
        refuted = found.holds is False
        return Evidence(
            "counterexample",
            Outcome.REFUTED if refuted else Outcome.UNDECIDED,
            claim.scope,
            count=1,
            relation=self.relation,
            gap=found.size,
            instance=plain(self.instance),
            detail=f"gap {found.violation} in {found.arithmetic}; the claim says {self.relation}",
            witness=make_witness(claim, self, self.instance, found) if refuted else None,
            seconds=time.perf_counter() - start,
        )
