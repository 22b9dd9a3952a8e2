"""The verdict: derived from evidence by one pure function, never declared.

proved         decided symbolically, or deduced from proved claims, for the whole scope
exhausted (n)  every member of a finite set that is the whole scope, exactly
certified      ball arithmetic over a box that covers the scope
supported (N, gap)   N generated instances inside the scope, meeting each piece of it
refuted        an instance inside the scope whose violation excludes zero
suspect        a float failure that the balls did not confirm; or proof and refutation at once
open           nothing decides it
stale          the claim's code changed since the evidence was found
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tabular_marl.verification.evidence import Evidence, Outcome
from tabular_marl.verification.scope import Scope

#: the words, best first; "refuted" is as decided as "proved", but no premise to build on
WORDS = ("proved", "exhausted", "certified", "supported", "refuted", "suspect", "stale", "open")
#: what a claim may expect: a word, or "holds" for any of the first four
EXPECTATIONS = (*WORDS, "holds")
HOLDS = WORDS[:4]

_WHOLE = {
    Outcome.PROVED: "proved",
    Outcome.EXHAUSTED: "exhausted",
    Outcome.CERTIFIED: "certified",
}


@dataclass(frozen=True)
class Verdict:
    """A word of WORDS and what qualifies it."""

    word: str
    detail: str = ""

    def meets(self, expects: str) -> bool:
        """Whether this is what a claim expects."""
        return self.word in HOLDS if expects == "holds" else self.word == expects

    def __str__(self) -> str:
        return f"{self.word} ({self.detail})" if self.detail else self.word


def counts(evidence: Evidence, scope: Scope) -> bool:
    """Whether this evidence is about the claim's whole scope (a sample: a fair part of it)."""
    if evidence.outcome is Outcome.SUPPORTED:
        return evidence.scope.represents(scope)
    if evidence.outcome in (Outcome.REFUTED, Outcome.SUSPECT):
        return True
    return evidence.scope.covers(scope)


def derive(
    evidence: Sequence[Evidence],
    scope: Scope,
    premises: Mapping[str, Verdict] | None = None,
    rests_on: Sequence[str] = (),
    stale: bool = False,
) -> Verdict:
    """The verdict of a claim with this ``scope``, from its evidence alone.

    ``premises`` holds the verdicts of the claims that single pieces of evidence rest on, and of
    those that the whole claim ``rests_on``: the result is never better than theirs. A refutation
    stands on its own feet. Only evidence whose scope counts for the claim's is read.
    """
    if stale:
        return Verdict("stale", "the claim's code changed since it was checked")
    premises = premises or {}
    found = [e for e in evidence if counts(e, scope)]
    refuted = any(e.outcome is Outcome.REFUTED for e in found)
    best = _capped(_best_positive(found, premises), rests_on, premises)
    if refuted and best.word in HOLDS[:3]:
        return Verdict("suspect", f"both refuted and {best.word}: one of the two is wrong")
    if refuted:
        return Verdict("refuted")
    if best.word in HOLDS[:3]:
        return best
    if any(e.outcome is Outcome.ERROR for e in found) or any(
        e.outcome is Outcome.ERROR for e in evidence
    ):
        return Verdict("open", "the claim's own code failed")
    if any(e.outcome is Outcome.SUSPECT for e in found):
        return Verdict("suspect", "a float failure that ball arithmetic did not confirm")
    return best


def _best_positive(found: Sequence[Evidence], premises: Mapping[str, Verdict]) -> Verdict:
    """The strongest statement that the evidence makes for the claim."""
    candidates = [Verdict("open")]
    for item in found:
        if item.outcome in _WHOLE:
            word = _WHOLE[item.outcome]
            detail = f"{item.count}" if word == "exhausted" else ""
            candidates.append(_capped(Verdict(word, detail), item.premises, premises))
    samples = [e for e in found if e.outcome is Outcome.SUPPORTED]
    if samples:
        total = sum(e.count for e in samples)
        candidates.append(Verdict("supported", f"{total} instances{_largest_gap(samples)}"))
    return min(candidates, key=lambda v: WORDS.index(v.word))


def _largest_gap(samples: Sequence[Evidence]) -> str:
    """How near the samples came: the largest miss of an equation, the least room otherwise."""
    misses = [abs(e.gap) for e in samples if e.gap is not None and e.relation == "== 0"]
    rooms = [abs(e.gap) for e in samples if e.gap is not None and e.relation != "== 0"]
    told = [f", largest gap {max(misses):.2g}"] if misses else []
    return "".join([*told, *([f", tightest gap {min(rooms):.2g}"] if rooms else [])])


def _capped(verdict: Verdict, rests_on: Sequence[str], premises: Mapping[str, Verdict]) -> Verdict:
    """No better than the worst premise; a premise that does not hold leaves nothing."""
    for name in rests_on:
        premise = premises.get(name, Verdict("open"))
        if premise.word not in HOLDS:
            word = "stale" if premise.word == "stale" else "open"
            return Verdict(word, f"rests on {name}, which is {premise.word}")
        if WORDS.index(premise.word) > WORDS.index(verdict.word):
            verdict = Verdict(premise.word, f"as {name}, on which it rests")
    return verdict
