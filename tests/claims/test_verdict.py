"""The verdict is one pure function of evidence: its whole table."""

import pytest

from tabular_marl.verification import Evidence, Outcome, Verdict, derive, scope

ABOUT = scope(outcomes=">= 1", beta="(-inf, 0) u (0, inf)")
SAMPLED = scope(outcomes=(1, 4), beta="[-8, -1/8] u [1/8, 8]")


def found(outcome, about=ABOUT, **more):
    return Evidence("test", outcome, about, **more)


@pytest.mark.parametrize(
    ("evidence", "word"),
    [
        ([], "open"),
        ([found(Outcome.UNDECIDED)], "open"),
        ([found(Outcome.PROVED)], "proved"),
        ([found(Outcome.EXHAUSTED, count=7)], "exhausted"),
        ([found(Outcome.CERTIFIED)], "certified"),
        ([found(Outcome.SUPPORTED, SAMPLED, count=9)], "supported"),
        ([found(Outcome.REFUTED)], "refuted"),
        ([found(Outcome.SUSPECT, SAMPLED)], "suspect"),
        ([found(Outcome.ERROR)], "open"),
        ([found(Outcome.PROVED), found(Outcome.SUPPORTED, SAMPLED)], "proved"),
        ([found(Outcome.SUPPORTED, SAMPLED), found(Outcome.CERTIFIED)], "certified"),
        ([found(Outcome.SUPPORTED, SAMPLED), found(Outcome.REFUTED)], "refuted"),
        ([found(Outcome.SUPPORTED, SAMPLED), found(Outcome.SUSPECT, SAMPLED)], "suspect"),
        ([found(Outcome.PROVED), found(Outcome.SUSPECT, SAMPLED)], "proved"),
        ([found(Outcome.PROVED), found(Outcome.REFUTED)], "suspect"),
    ],
)
def test_word_follows_from_evidence(evidence, word):
    assert derive(evidence, ABOUT).word == word


def test_evidence_about_less_than_the_claim_does_not_count():
    part = scope(outcomes=2, beta="(-inf, 0) u (0, inf)")
    assert derive([found(Outcome.PROVED, part)], ABOUT).word == "open"
    assert derive([found(Outcome.PROVED, part)], part).word == "proved"
    one_sign = scope(outcomes=(1, 4), beta="[1/8, 8]")
    assert derive([found(Outcome.SUPPORTED, one_sign, count=5)], ABOUT).word == "open"
    outside = scope(outcomes=(0, 4), beta="[-8, -1/8] u [1/8, 8]")
    assert derive([found(Outcome.SUPPORTED, outside, count=5)], ABOUT).word == "open"


def test_counts_of_samples_add_up_and_the_tightest_gap_is_told():
    first = found(Outcome.SUPPORTED, SAMPLED, count=100, gap=0.25, relation=">= 0")
    second = found(Outcome.SUPPORTED, SAMPLED, count=50, gap=0.125, relation=">= 0")
    assert str(derive([first, second], ABOUT)) == "supported (150 instances, tightest gap 0.12)"
    assert str(derive([found(Outcome.EXHAUSTED, count=16)], ABOUT)) == "exhausted (16)"


@pytest.mark.parametrize(
    ("premise", "word"),
    [
        ("proved", "proved"),
        ("certified", "certified"),
        ("supported", "supported"),
        ("refuted", "open"),
        ("suspect", "open"),
        ("open", "open"),
        ("stale", "stale"),
    ],
)
def test_a_deduction_is_no_better_than_its_premise(premise, word):
    evidence = [found(Outcome.PROVED, premises=("lemma",))]
    assert derive(evidence, ABOUT, {"lemma": Verdict(premise)}).word == word
    # and so is a whole claim that rests on another, whatever its own evidence
    assert (
        derive([found(Outcome.PROVED)], ABOUT, {"lemma": Verdict(premise)}, ["lemma"]).word == word
    )


def test_a_failed_premise_leaves_the_other_evidence():
    evidence = [
        found(Outcome.PROVED, premises=("lemma",)),
        found(Outcome.SUPPORTED, SAMPLED, count=3),
    ]
    assert derive(evidence, ABOUT, {"lemma": Verdict("open")}).word == "supported"


def test_a_refutation_needs_no_premise():
    evidence = [found(Outcome.REFUTED)]
    assert derive(evidence, ABOUT, {"lemma": Verdict("open")}, ["lemma"]).word == "refuted"


def test_stale_wins_over_everything():
    assert derive([found(Outcome.PROVED)], ABOUT, stale=True).word == "stale"


def test_expectation_holds_means_any_positive_word():
    positive = {word for word in ("proved", "exhausted", "certified", "supported")}
    for word in ("proved", "exhausted", "certified", "supported", "refuted", "open", "suspect"):
        assert Verdict(word).meets("holds") == (word in positive)
        assert Verdict(word, "detail").meets(word)
