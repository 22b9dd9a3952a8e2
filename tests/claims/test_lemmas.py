"""The lemmas of the free energy and of recipes, and the witnesses of the corpus."""

import functools
from dataclasses import replace

import pytest

from tabular_marl.verification import Claim, Options, Outcome, Sampling, verify
from tabular_marl.verification.ledger import LEDGER
from tabular_marl.verification.relation import difference
from tabular_marl.verification.witness import CORPUS, replay

FAMILIES = ("free-energy.*", "recipe.*", "kl.*", "log.*")
WITNESSES = sorted(CORPUS.glob("*.json"))


@pytest.fixture(scope="module")
def lemmas():
    return verify(*FAMILIES, examples=400, store=False, progress=False)


def test_every_lemma_is_proved_for_its_whole_scope(lemmas):
    assert len(lemmas.rows) >= 25
    assert {row.verdict.word for row in lemmas.rows} == {"proved"}
    assert lemmas.ok


def test_every_sample_of_a_lemma_agrees(lemmas):
    for row in lemmas.rows:
        sampled = [e for e in row.evidence if e.method == "sampling"]
        assert {e.outcome for e in sampled} <= {Outcome.SUPPORTED}
        assert all(e.count >= 400 for e in sampled)


def test_symbolic_steps_stand_under_every_lemma(lemmas):
    """Following the deductions down always ends at symbolic proofs, never in the air."""
    proofs = {row.claim.id: {e.method for e in row.evidence} for row in lemmas.rows}
    for row in lemmas.rows:
        waiting = [row.claim.id]
        while waiting:
            name = waiting.pop()
            if "symbolic" not in proofs[name]:
                assert LEDGER[name].premises, name
                waiting.extend(LEDGER[name].premises)


def beside(gap):
    """The false statement next to a true equation: the sides differ by 1/1000."""

    @functools.wraps(gap)
    def wrong(arithmetic, *args, **given):
        return difference(gap(arithmetic, *args, **given)) - arithmetic.number("1/1000")

    return wrong


def test_samples_of_lemmas_can_fail():
    """The same samples refute the neighbouring false statements, so they have teeth."""
    LEDGER.load_own()
    homes = tuple(f"claims.{name}" for name in ("free_energy", "free_energy_beta", "recipes"))
    tried = 0
    for lemma in [c for c in LEDGER if c.module.endswith(homes)]:
        for check in lemma.checks:
            if isinstance(check, Sampling):
                turned = replace(
                    check,
                    gap=beside(check.gap) if check.relation == "== 0" else check.gap,
                    relation="== 0" if check.relation == "== 0" else "< 0",
                )
                claim = Claim("t", "t", "added", "x", lemma.scope, turned)
                assert turned.run(claim, Options(examples=64)).outcome is Outcome.REFUTED, lemma.id
                tried += 1
    assert tried >= 12


@pytest.mark.parametrize("path", WITNESSES, ids=lambda path: path.stem)
def test_committed_witnesses_replay(path):
    found = replay(path)
    assert found.confirmed
    assert not found.stale, "run verify with save_witnesses and commit the corpus"


def test_every_refuted_claim_has_its_witness_in_the_corpus():
    LEDGER.load_own()
    own = {c.id for c in LEDGER if c.expects == "refuted" and ".claims." in c.module}
    assert own == {path.stem for path in WITNESSES}
