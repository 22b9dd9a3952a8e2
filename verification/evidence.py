"""Evidence: what one check found, with the scope it is about.

A check never declares a verdict; it returns evidence, and ``verdict.derive`` reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tabular_marl.verification.scope import Scope


class Outcome(Enum):
    """What a check established about its scope."""

    PROVED = "decided symbolically on the whole scope"
    EXHAUSTED = "every member of a finite set, exactly"
    CERTIFIED = "ball arithmetic over a box"
    SUPPORTED = "every generated instance agreed"
    REFUTED = "one instance contradicts it: in exact or ball arithmetic, or a program's own output"
    SUSPECT = "a float failure that the balls did not confirm"
    UNDECIDED = "the check could not decide"
    ERROR = "the claim's own code failed"


@dataclass(frozen=True)
class Evidence:
    """One check's finding.

    ``count`` is the number of instances, boxes or identities looked at; ``gap`` the value of the
    claim's gap that came nearest to violating ``relation`` (or the violation itself);
    ``instance`` is where that was, as text; ``detail`` says how it was decided;
    ``witness`` is the JSON form of a confirmed counterexample; ``premises`` the claims it rests on.
    """

    method: str
    outcome: Outcome
    scope: Scope
    count: int = 0
    gap: float | None = None
    instance: dict[str, Any] | None = None
    detail: str = ""
    relation: str = ""
    witness: dict[str, Any] | None = field(default=None, repr=False)
    premises: tuple[str, ...] = ()
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "method": self.method,
            "outcome": self.outcome.name.lower(),
            "scope": self.scope.as_dict(),
            "count": self.count,
            "gap": self.gap,
            "relation": self.relation,
            "instance": self.instance,
            "detail": self.detail,
            "premises": list(self.premises),
            "seconds": self.seconds,
            "witness": self.witness,
        }

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> Evidence:
        """The inverse of :meth:`as_dict`."""
        from tabular_marl.verification.scope import scope

        return cls(
            **{
                **row,
                "outcome": Outcome[row["outcome"].upper()],
                "scope": scope(**row["scope"]),
                "premises": tuple(row["premises"]),
            }
        )
