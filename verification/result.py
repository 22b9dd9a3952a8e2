"""What a run of the ledger returns: a row for each claim and reading, and a report of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tabular_marl.verification.claim import Claim
from tabular_marl.verification.evidence import Evidence, Outcome
from tabular_marl.verification.verdict import Verdict


@dataclass(frozen=True)
class Row:
    """One claim with what is known about it."""

    claim: Claim
    verdict: Verdict
    evidence: tuple[Evidence, ...]

    @property
    def error(self) -> str:
        """The traceback where the claim's own code failed, else ""."""
        return next((e.detail for e in self.evidence if e.outcome is Outcome.ERROR), "")

    @property
    def as_expected(self) -> bool:
        """Whether the verdict's word is the expected one and no check failed."""
        return not self.error and self.verdict.meets(self.claim.expects)

    @property
    def witness(self) -> dict[str, Any] | None:
        """The smallest counterexample found."""
        found = [e.witness for e in self.evidence if e.witness is not None]
        return min(found, key=lambda w: len(str(w["instance"])), default=None)

    @property
    def strongest(self) -> Evidence | None:
        """The evidence that speaks loudest: a refutation, then a proof, then the most instances."""
        order = list(Outcome)
        loud = [Outcome.REFUTED, *[o for o in order if o is not Outcome.REFUTED]]
        return min(self.evidence, key=lambda e: (loud.index(e.outcome), -e.count), default=None)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        c = self.claim
        return {
            "id": c.id,
            "source": c.source,
            "reading": c.reading,
            "statement": c.statement,
            "assumes": list(c.assumes),
            "scope": c.scope.as_dict(),
            "note": c.note,
            "rests_on": list(c.premises),
            "verdict": str(self.verdict),
            "expects": c.expects,
            "as_expected": self.as_expected,
            "evidence": [e.as_dict() for e in self.evidence],
            "witness": self.witness,
        }


@dataclass(frozen=True)
class Report:
    """The rows of a run. ``interrupted``: some claims were not reached; running again resumes."""

    rows: tuple[Row, ...]
    seconds: float
    interrupted: bool = False

    @property
    def unexpected(self) -> tuple[Row, ...]:
        """Rows whose verdict differs from what their claim expects."""
        return tuple(row for row in self.rows if not row.as_expected)

    @property
    def ok(self) -> bool:
        return not self.interrupted and not self.unexpected

    def as_json(self) -> list[dict[str, Any]]:
        """An array with one object for each claim and reading."""
        return [row.as_dict() for row in self.rows]
