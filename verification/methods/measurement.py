"""Measurement: what a program returns on stated cases, beside what it must return.

    |measured − wanted| <= allowed          in float64; allowed is far above what rounding explains

A claim that a *program* computes something is about the numbers that it returns. On finitely many
cases they support it and never prove it. They refute it where one misses by more than ``CLEAR``
times what is allowed: the witness is the case, the entry, the number that came out and the one that
must, all as hexadecimal floats, and replays by running the program again. Between the two it is
suspect.

The function is named, ``"module:function"``, and imported when the check runs, so that a claim may
be about code whose packages are not needed to read the ledger.
"""

from __future__ import annotations

import hashlib
import importlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabular_marl import __version__
from tabular_marl.validation import InputError
from tabular_marl.verification.claim import Claim, Options
from tabular_marl.verification.evidence import Evidence, Outcome
from tabular_marl.verification.scope import Scope
from tabular_marl.verification.witness import Replay

#: A miss of this many times what is allowed is no rounding error.
CLEAR = 1000.0
RELATION = "== 0"


@dataclass(frozen=True)
class Measured:
    """One case: entries by name, what came out, what must, and how far apart they may be."""

    at: tuple[str, ...]
    measured: tuple[float, ...]
    wanted: tuple[float, ...]
    allowed: float

    def misses(self) -> Iterator[tuple[float, str, float, float]]:
        """(miss, entry, measured, wanted) of every entry; NaN misses by infinity."""
        for name, one, other in zip(self.at, self.measured, self.wanted, strict=True):
            miss = abs(one - other)
            yield (miss if miss == miss else float("inf")), name, one, other


@dataclass(frozen=True)
class Measurement:
    """``measure(**case)`` returns a :class:`Measured` for every one of ``cases`` (JSON values).

    ``code`` are the files that decide what comes out: the ledger looks again when they change.
    """

    measure: str
    cases: tuple[Mapping[str, Any], ...]
    code: tuple[str, ...] = ()
    scope: Scope | None = None
    text: str = field(init=False, repr=False)
    samples = True

    def __post_init__(self) -> None:
        module, _, name = self.measure.partition(":")
        if not module or not name:
            raise InputError("measure", 'read "module:function"', f"it was {self.measure!r}")
        if not self.cases:
            raise InputError("cases", "hold at least one case", "it was empty")
        object.__setattr__(self, "cases", tuple(dict(case) for case in self.cases))
        read = [Path(file).read_bytes() for file in self.code if Path(file).is_file()]
        object.__setattr__(self, "text", hashlib.sha256(b"\n".join(read)).hexdigest()[:16])

    def stated_scope(self, claim: Claim) -> Scope:
        return claim.scope if self.scope is None else self.scope

    def run(self, claim: Claim, options: Options) -> Evidence:
        """Supported by every entry of every case; refuted, or suspect, by the worst."""
        start = time.perf_counter()
        count, worst, case, found, allowed = 0, -1.0, None, ("", 0.0, 0.0), 0.0
        ratio = -1.0
        for each in self.cases:
            result = self._measured(each)
            for miss, name, one, other in result.misses():
                count += 1
                worst = max(worst, miss)
                if miss / result.allowed > ratio:
                    ratio, case, found = miss / result.allowed, each, (name, one, other)
                    allowed = result.allowed
        outcome = Outcome.SUPPORTED
        if ratio > 1:
            outcome = Outcome.REFUTED if ratio > CLEAR else Outcome.SUSPECT
        name, one, other = found
        instance = {**dict(case or {}), "at": name}
        told = f"{len(self.cases)} cases in float64, allowed {allowed:.2g}"
        if outcome is not Outcome.SUPPORTED:
            told = f"measured {one!r}, wanted {other!r}, allowed {allowed:.2g}, at {name}"
        witness = None
        if outcome is Outcome.REFUTED:
            witness = {
                "claim": claim.id,
                "check": claim.checks.index(self),
                "instance": instance,
                "relation": RELATION,
                "violation": f"{one - other!r}",
                "left": float(one).hex(),
                "right": float(other).hex(),
                "arithmetic": "float64",
                "bits": None,
                "version": __version__,
                "code": self.text,
                **({"module": claim.module} if claim.module.endswith(".py") else {}),
            }
        return Evidence(
            "measurement",
            outcome,
            self.stated_scope(claim),
            count=count,
            gap=worst,
            instance=instance,
            detail=told,
            relation=RELATION,
            witness=witness,
            seconds=time.perf_counter() - start,
        )

    def replay(self, claim: Claim, witness: Mapping[str, Any]) -> Replay:
        """Run the program again on the witness's case; the miss must still be clear."""
        case = {k: v for k, v in witness["instance"].items() if k != "at"}
        result = self._measured(case)
        held = [m for m in result.misses() if m[1] == witness["instance"].get("at")]
        if not held:
            raise InputError("witness", f"fit the claim {claim.id}", "its entry is not there")
        miss, _, one, other = held[0]
        return Replay(
            claim=claim.id,
            source=claim.source,
            statement=claim.statement,
            relation=RELATION,
            instance=dict(witness["instance"]),
            confirmed=miss > CLEAR * result.allowed,
            stale=self.text != witness["code"],
            violation=f"{one - other!r}",
            left=float(one).hex(),
            right=float(other).hex(),
            arithmetic="float64",
            recorded=witness["violation"],
        )

    def _measured(self, case: Mapping[str, Any]) -> Measured:
        module, _, name = self.measure.partition(":")
        found: Measured = getattr(importlib.import_module(module), name)(**case)
        return found
