"""Sampling: many instances, the tightest shown; a failure is chased until it is a proof.

    1  the instances of the corpus and of the claim, decided in rationals or balls
    2  N bulk float instances; the tightest is decided in balls
    3  directed search: Hypothesis over small rationals with ``target``, then a float polish
    4  a violation is snapped to rationals, decided in balls, shrunk, and written as a witness

A float failure beyond the tolerance that balls do not confirm makes the claim suspect.
The seed is derived from the claim's id, so runs repeat exactly.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabular_marl.validation import InputError
from tabular_marl.verification.arithmetic import BATCH, FLOAT, Arithmetic
from tabular_marl.verification.claim import Claim, Options
from tabular_marl.verification.evidence import Evidence, Outcome
from tabular_marl.verification.methods.search import directed, polish
from tabular_marl.verification.methods.shrink import shrink
from tabular_marl.verification.relation import (
    Decision,
    Gap,
    Sides,
    checked_relation,
    convert,
    difference,
    evaluate,
    margins,
    plain,
    settle,
)
from tabular_marl.verification.scope import Scope
from tabular_marl.verification.strategies import Family
from tabular_marl.verification.witness import make_witness

#: a float margin may miss by this much times the size of what was compared
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Sampling:
    """``gap`` ``relation`` on members of ``family``.

    ``where`` is the claim's assumption, a gap that must be >= 0; members that break it are not
    counted. ``batched`` promises that the gap's lines also run on arrays with the instances along
    the last axis (count axes from the front, no ``...``), which is about 50 times faster; it is
    checked. ``known`` are instances tried first. ``search`` False leaves out step 3.
    """

    gap: Gap
    family: Family
    relation: str = ">= 0"
    where: Gap | None = None
    examples: int = 20_000
    batched: bool = False
    tolerance: float = TOLERANCE
    known: tuple[Mapping[str, Any], ...] = ()
    search: bool = True
    samples = True

    def __post_init__(self) -> None:
        checked_relation(self.relation)

    def stated_scope(self, claim: Claim) -> Scope:
        return self.family.scope()

    def run(self, claim: Claim, options: Options) -> Evidence:
        """Supported with an honest count and the tightest gap; refuted with a witness; suspect."""
        start = time.perf_counter()
        run = _Run(self, claim, options)
        evidence = run.known() or run.bulk() or run.searched() or run.supported()
        return Evidence(**{**evidence.__dict__, "seconds": time.perf_counter() - start})


class _Run:
    """One run of a sampling check; ``count`` is the number of instances that were really tried."""

    def __init__(self, check: Sampling, claim: Claim, options: Options) -> None:
        self.check, self.claim, self.options = check, claim, options
        self.seed = zlib.crc32(claim.id.encode()) + options.seed
        self.count = 0
        self.unclear = 0
        self.tightest = np.inf
        self.at: dict[str, Any] | None = None

    def margin(self, instance: Mapping[str, Any]) -> tuple[float, float]:
        """(signed margin, tolerance) at one float instance: inf outside the assumption, nan where
        floats cannot evaluate the gap."""
        values, scale = self._values(instance, FLOAT)
        if values is None:
            return float("inf"), 0.0
        worst = float(np.min(margins(values.astype(float), self.check.relation)))
        return worst, self.check.tolerance * scale

    def _values(self, instance: Mapping[str, Any], arithmetic: Arithmetic) -> tuple[Any, float]:
        check = self.check
        if check.where is not None:
            assumed, _ = evaluate(check.where, instance, arithmetic)
            if not np.all(assumed.astype(float) >= 0):
                return None, 0.0
        values, pair = evaluate(check.gap, instance, arithmetic)
        return values, _scale(instance, pair)

    def known(self) -> Evidence | None:
        """Instances that someone thought of, or that refuted this claim before."""
        committed = [i for i in self.options.known if self.check.family.member(i)]
        for instance in (*committed, *self.check.known):
            if not self.claim.admits(instance):
                continue  # outside this claim's scope
            found = self._settle(instance)
            self.count += 1
            if found.holds is False:
                return self._refuted(dict(instance), found)
        return None

    def bulk(self) -> Evidence | None:
        wanted = self.options.examples or self.check.examples
        doubtful: list[tuple[float, dict[str, Any]]] = []
        for chunk in self.check.family.bulk(self.seed, wanted):
            worst, tolerances = self._chunk(chunk)
            for k in np.flatnonzero(np.isnan(worst)):
                evidence = self._unclear(_member(chunk, int(k)))
                if evidence is not None:
                    return evidence
            worst = np.where(np.isnan(worst), np.inf, worst)
            self.count += int(np.sum(worst < np.inf))
            at = int(np.argmin(worst))
            if worst[at] == np.inf:
                continue
            instance = _member(chunk, at)
            if worst[at] < self.tightest:
                self.tightest, self.at = float(worst[at]), instance
            if worst[at] < -tolerances[at]:
                evidence = self._chase(instance)
                if evidence is not None:
                    return evidence
                doubtful.append((float(worst[at]), instance))
        return self._suspect(*min(doubtful, key=lambda d: d[0])) if doubtful else None

    def _unclear(self, instance: dict[str, Any]) -> Evidence | None:
        """An instance that floats cannot evaluate is not counted; balls look at the first few."""
        self.unclear += 1
        return self._chase(instance) if self.unclear <= 5 else None

    def _chunk(self, chunk: dict[str, Any]) -> tuple[Any, Any]:
        """Margins and tolerances of a chunk of instances, as :meth:`margin` gives them."""
        size = next(iter(chunk.values())).shape[-1]
        if not self.check.batched:
            pairs = [self.margin(_member(chunk, k)) for k in range(size)]
            return np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
        worst, tolerances = self._batch(chunk, size)
        alone, tolerance = self.margin(_member(chunk, 0))
        if not np.isclose(worst[0], alone, rtol=1e-6, atol=max(tolerance, 1e-9), equal_nan=True):
            raise InputError(
                "batched",
                "be set only for a gap that runs on a trailing batch axis",
                f"alone the margin was {alone}, in a batch {worst[0]}",
            )
        return worst, tolerances

    def _batch(self, chunk: dict[str, Any], size: int) -> tuple[Any, Any]:
        check = self.check
        with np.errstate(all="ignore"):
            value = check.gap(BATCH, **convert(check.gap, chunk, BATCH))
            gap = difference(value)
            if np.shape(gap)[-1:] != (size,):
                raise InputError(
                    "gap", f"keep the batch of {size} as its last axis", f"it had {np.shape(gap)}"
                )
            worst = margins(np.asarray(gap), check.relation).reshape(-1, size).min(axis=0)
            scale = np.ones(size)
            parts = [value.left, value.right] if isinstance(value, Sides) else [gap]
            for part in [*parts, *chunk.values()]:
                finite = np.where(np.isfinite(part), np.abs(part), 0.0)
                finite = np.broadcast_to(finite, np.broadcast_shapes(finite.shape, (size,)))
                scale = np.maximum(scale, finite.reshape(-1, size).max(axis=0))
            if check.where is not None:
                assumed = difference(check.where(BATCH, **convert(check.where, chunk, BATCH)))
                assumed = np.asarray(assumed)
                assumed = np.broadcast_to(assumed, np.broadcast_shapes(assumed.shape, (size,)))
                kept = (assumed.reshape(-1, size) >= 0).all(axis=0)
                worst = np.where(kept, worst, np.inf)
        return worst, check.tolerance * scale

    def searched(self) -> Evidence | None:
        """Directed search from the tightest instance and from small rationals."""
        check = self.check
        if self.at is None or not check.search:
            return None
        found = self._certain(self.at)
        if found is not None:
            return self._refuted(*found)
        budget = max(40, min(200, self.count // 10))
        for instance in directed(check.family, self.margin, self.seed, budget):
            evidence = self._nearer(instance)
            if evidence is not None:
                return evidence
        for instance in polish(check.family, self.margin, self.at, 400):
            evidence = self._nearer(instance)
            if evidence is not None:
                return evidence
        return None

    def _nearer(self, instance: dict[str, Any]) -> Evidence | None:
        """Keep an instance if it is the tightest so far; evidence if it violates the claim."""
        worst, tolerance = self.margin(instance)
        self.count += int(worst < np.inf)
        if not worst < self.tightest:
            return None
        self.tightest, self.at = worst, instance
        if worst >= 0:
            return None
        found = self._certain(instance)
        if found is not None:
            return self._refuted(*found)
        return self._suspect(worst, instance) if worst < -tolerance else None

    def _settle(self, instance: Mapping[str, Any]) -> Decision:
        return settle(self.check.gap, instance, self.check.relation, self.check.where)

    def _certain(self, instance: Mapping[str, Any]) -> tuple[dict[str, Any], Decision] | None:
        """The instance, snapped to the simplest rationals at which the violation is certain."""
        for denominator in (1, 2, 4, 10, 100, 10_000, None):
            near = self.check.family.snap(instance, denominator)
            if not self.claim.admits(near):
                continue
            try:
                found = self._settle(near)
            except ZeroDivisionError:
                continue
            if found.holds is False:
                return near, found
        return None

    def _chase(self, instance: Mapping[str, Any]) -> Evidence | None:
        found = self._certain(instance)
        return None if found is None else self._refuted(*found)

    def _refuted(self, instance: dict[str, Any], found: Decision) -> Evidence:
        instance, found = shrink(self.check.family, instance, found, self._settle)
        return self._evidence(
            Outcome.REFUTED,
            gap=found.size,
            instance=plain(instance),
            detail=f"gap {found.violation} in {found.arithmetic}; the claim says "
            f"{self.check.relation}",
            witness=make_witness(self.claim, self.check, instance, found),
        )

    def _suspect(self, worst: float, instance: Mapping[str, Any]) -> Evidence:
        return self._evidence(
            Outcome.SUSPECT,
            gap=worst,
            instance=plain(instance),
            detail="float64 says that the relation fails here; ball arithmetic does not confirm it",
        )

    def supported(self) -> Evidence:
        """No violation: the tightest instance of all, as rationals or balls see it."""
        if self.at is None:
            why = "could be evaluated" if self.unclear else "met the assumption"
            return self._evidence(Outcome.UNDECIDED, detail=f"no instance {why}")
        gap, details = self.tightest, []
        try:
            found = self._settle(self.check.family.snap(self.at, None))
        except ZeroDivisionError:
            found = None
        if found is not None and np.isfinite(self._told(found)):
            gap = self._told(found)
            details.append(f"tightest gap {found.violation} in {found.arithmetic}")
        if self.unclear:
            details.append(f"{self.unclear} instances, not counted, were beyond float64")
        return self._evidence(
            Outcome.SUPPORTED,
            gap=gap,
            instance=plain(self.check.family.snap(self.at, 1000)),
            detail="; ".join(details),
        )

    def _told(self, found: Decision) -> float:
        """The gap to report: how large it can be for an equation, its value otherwise."""
        return found.reach if self.check.relation == "== 0" else found.size

    def _evidence(self, outcome: Outcome, **found: Any) -> Evidence:
        return Evidence(
            "sampling",
            outcome,
            self.check.stated_scope(self.claim),
            count=self.count,
            relation=self.check.relation,
            **found,
        )


def _member(chunk: Mapping[str, Any], k: int) -> dict[str, Any]:
    """One instance of a chunk; scalars are floats."""
    return {n: float(v[k]) if v.ndim == 1 else v[..., k] for n, v in chunk.items()}


def _scale(instance: Mapping[str, Any], pair: Any) -> float:
    """The size of the numbers that were compared, at least 1."""
    parts = [v for v in instance.values() if isinstance(v, (float, np.ndarray, np.floating))]
    if pair is not None:
        parts += [pair.left, pair.right]
    sizes = [np.abs(np.asarray(p, dtype=float)) for p in parts]
    return max([1.0, *(float(np.max(s[np.isfinite(s)], initial=0.0)) for s in sizes)])
