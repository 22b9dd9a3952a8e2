"""The way of a false claim: found, snapped, confirmed by balls, shrunk, written, replayed."""

import json
import subprocess
import sys

import pytest

from tabular_marl.validation import InputError
from tabular_marl.verification import (
    EXACT,
    Claim,
    Counterexample,
    Enclosure,
    Enumeration,
    Outcome,
    Sampling,
    array,
    beta,
    between,
    distribution,
    free_energy,
    instances,
    number,
    register,
    scope,
    sides,
    verify,
)
from tabular_marl.verification import witness as witnesses
from tabular_marl.verification.claim import Options
from tabular_marl.verification.relation import evaluate, settle

POINTS = instances(
    {"outcomes": (1, 4)},
    x=array("outcomes"),
    y=array("outcomes"),
    prior=distribution("outcomes"),
    beta=beta("both"),
)
ABOUT = scope(outcomes=">= 1", beta="(-inf, 0) u (0, inf)")


def lipschitz(arithmetic, x, y, prior, beta):
    """The false constant 0.9; the true one is 1."""
    moved = free_energy(x, prior, beta, 0, arithmetic) - free_energy(y, prior, beta, 0, arithmetic)
    bound = arithmetic.number("9/10") * arithmetic.norm(x - y)
    return sides(bound, arithmetic.absolute(moved))


def one_claim(name, *checks, about=ABOUT, expects="refuted"):
    return Claim(name, "test", "added", "x", about, checks, expects)


@pytest.mark.parametrize("batched", [False, True])
def test_a_false_constant_is_refuted_by_the_simplest_instance(batched):
    claim = one_claim("test.lipschitz", Sampling(lipschitz, POINTS, batched=batched))
    evidence = claim.checks[0].run(claim, Options(examples=2000))
    assert evidence.outcome is Outcome.REFUTED
    assert evidence.witness["instance"] == {
        "x": ["0"],
        "y": ["1"],
        "prior": ["1"],
        "beta": "1",
    }
    assert (evidence.witness["left"], evidence.witness["right"]) == ("9/10", "1")


def nearly(arithmetic, x, y):
    """x² + y² >= 1/1000 away from a small disc: bulk floats almost never fall into it."""
    return x * x + y * y - arithmetic.number("1/1000000")


def test_a_needle_is_found_by_the_directed_search():
    family = instances(x=number("1/3", 4), y=number(-4, 4))
    far = one_claim("test.needle", Sampling(nearly, family, known=()), about=scope())
    assert far.checks[0].run(far, Options(examples=1000)).outcome is Outcome.SUPPORTED
    family = instances(x=number(-4, 4), y=number(-4, 4))

    def shifted(arithmetic, x, y):
        return nearly(arithmetic, x - arithmetic.number("1/7"), y - arithmetic.number("2/9"))

    claim = one_claim("test.needle", Sampling(shifted, family), about=scope())
    evidence = claim.checks[0].run(claim, Options(examples=1000))
    assert evidence.outcome is Outcome.REFUTED
    values, _ = evaluate(shifted, evidence.witness["instance"], EXACT)
    assert values[0] < 0


def cancelling(arithmetic, x):
    """Zero, but in floats the large constant swallows x."""
    large = arithmetic.number(10**17)
    return (x + large) - large - x


def test_a_float_failure_that_balls_do_not_confirm_is_suspect():
    family = instances(x=number("1/3", 4))
    claim = one_claim("test.suspect", Sampling(cancelling, family, "== 0"), about=scope())
    register(claim)
    report = verify("test.suspect", examples=200, store=False, progress=False)
    (row,) = report.rows
    assert row.verdict.word == "suspect"
    assert report.unexpected


def test_assumptions_are_honoured_by_search_and_by_balls():
    def gap(arithmetic, x, y):
        return x - y

    def ordered(arithmetic, x, y):
        return x - y

    family = instances(x=number(), y=number())
    claim = one_claim("test.where", Sampling(gap, family, where=ordered), about=scope())
    evidence = claim.checks[0].run(claim, Options(examples=500))
    assert evidence.outcome is Outcome.SUPPORTED
    assert 100 < evidence.count < 480  # those that meet the assumption, no more
    assert settle(gap, {"x": 0, "y": 1}, ">= 0").holds is False
    assert settle(gap, {"x": 0, "y": 1}, ">= 0", where=ordered).holds is True


def test_counterexamples_outside_the_scope_do_not_refute():
    instance = {"x": ["0"], "y": ["1"], "prior": ["1"], "beta": "0"}
    claim = one_claim("test.outside", Counterexample(lipschitz, instance))
    assert claim.checks[0].run(claim, Options()).outcome is Outcome.UNDECIDED
    inside = one_claim("test.inside", Counterexample(lipschitz, {**instance, "beta": "-3"}))
    assert inside.checks[0].run(inside, Options()).outcome is Outcome.REFUTED


def test_an_instance_that_satisfies_the_claim_is_no_counterexample():
    instance = {"x": ["0", "0"], "y": ["1", "0"], "prior": ["1/2", "1/2"], "beta": "1"}
    claim = one_claim("test.no", Counterexample(lipschitz, instance))
    assert claim.checks[0].run(claim, Options()).outcome is Outcome.UNDECIDED


def parity(arithmetic, n: int):
    return arithmetic.number(n * (n + 1) % 2)


def test_enumeration_exhausts_or_refutes():
    family = [{"n": n} for n in range(20)]
    claim = one_claim("test.all", Enumeration(parity, family, "== 0"), about=scope(n="{0..19}"))
    evidence = claim.checks[0].run(claim, Options())
    assert (evidence.outcome, evidence.count) == (Outcome.EXHAUSTED, 20)
    claim = one_claim("test.some", Enumeration(parity, family, "> 0"), about=scope(n="{0..19}"))
    evidence = claim.checks[0].run(claim, Options())
    assert evidence.outcome is Outcome.REFUTED
    assert evidence.witness["instance"] == {"n": 0}


def hill(arithmetic, x):
    return arithmetic.exp(-x * x) - arithmetic.number("1/3")


def test_enclosure_certifies_a_box_or_refutes():
    claim = one_claim("test.box", Enclosure(hill, {"x": between(-1, 1)}), about=scope(x="[-1, 1]"))
    assert claim.checks[0].run(claim, Options()).outcome is Outcome.CERTIFIED
    claim = one_claim("test.box", Enclosure(hill, {"x": between(-1, 2)}), about=scope(x="[-1, 2]"))
    evidence = claim.checks[0].run(claim, Options())
    assert evidence.outcome is Outcome.REFUTED
    assert witnesses.check_again(claim, evidence.witness).confirmed


def test_enclosure_that_touches_zero_stays_undecided():
    def touching(arithmetic, x):
        return x * x

    check = Enclosure(touching, {"x": between(-1, 1)}, "> 0", most=50)
    claim = one_claim("test.touch", check, about=scope(x="[-1, 1]"))
    # the middle is 0, where x² > 0 fails: rationals say so
    assert claim.checks[0].run(claim, Options()).outcome is Outcome.REFUTED
    check = Enclosure(touching, {"x": between(-1, "1/2")}, ">= 0", most=50)
    claim = one_claim("test.touch", check, about=scope(x="[-1, 1/2]"))
    assert claim.checks[0].run(claim, Options()).outcome is Outcome.UNDECIDED


def test_a_witness_replays_from_its_file_without_hypothesis(tmp_path):
    source = tmp_path / "my_claims.py"
    source.write_text(CLAIMS_FILE)
    corpus = tmp_path / "corpus"
    report = verify(
        str(source), examples=500, store=False, progress=False, corpus=corpus, save_witnesses=True
    )
    assert report.ok
    path = corpus / "filed.lipschitz.json"
    saved = json.loads(path.read_text())
    assert saved["module"] == str(source)
    code = (
        "import sys; from tabular_marl.verification.witness import replay;"
        f"found = replay({str(path)!r}); print(found);"
        "assert found.confirmed and not found.stale;"
        "assert not {'hypothesis', 'sympy', 'scipy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "left side   9/10" in done.stdout
    assert "right side  1" in done.stdout

    saved["instance"]["y"] = ["0"]
    path.write_text(json.dumps(saved))
    assert not witnesses.replay(path).confirmed
    saved["code"] = "0" * 16
    path.write_text(json.dumps(saved))
    assert witnesses.replay(path).stale


def test_broken_witness_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"witness must be an existing JSON file; .*gone.json"):
        witnesses.replay(tmp_path / "gone.json")
    path = tmp_path / "torn.json"
    path.write_text('{"claim": "x", ')
    with pytest.raises(InputError, match="witness must be a JSON file"):
        witnesses.replay(path)
    path.write_text('{"claim": "x"}')
    with pytest.raises(InputError, match=r"witness must hold .*lacked check"):
        witnesses.replay(path)
    row = {"claim": "no.such", "check": 0, "instance": {}, "relation": ">= 0"}
    path.write_text(json.dumps({**row, "violation": "1", "code": ""}))
    with pytest.raises(InputError, match=r"claim must be registered; 'no\.such' is not"):
        witnesses.replay(path)


def test_an_instance_of_the_corpus_is_tried_first():
    def never(arithmetic, x):
        return (x - arithmetic.number("1234567/1000000")) ** 2

    claim = one_claim("test.known", Sampling(never, instances(x=number()), "> 0"), about=scope())
    assert claim.checks[0].run(claim, Options(examples=50)).outcome is Outcome.SUPPORTED
    known = Options(examples=50, known=({"x": "1234567/1000000"},))
    evidence = claim.checks[0].run(claim, known)
    assert evidence.outcome is Outcome.REFUTED
    assert evidence.count == 1


CLAIMS_FILE = """
import tabular_marl as tm
from tabular_marl.verification import array, beta, distribution, free_energy, instances, sides

points = instances({"n": (1, 3)}, x=array("n"), y=array("n"), prior=distribution("n"), beta=beta())

@tm.claim("filed.lipschitz", points, statement="|F(x) - F(y)| <= 0.9 |x - y|", expects="refuted")
def lipschitz(arithmetic, x, y, prior, beta):
    moved = free_energy(x, prior, beta, 0, arithmetic) - free_energy(y, prior, beta, 0, arithmetic)
    return sides(arithmetic.number("9/10") * arithmetic.norm(x - y), arithmetic.absolute(moved))
"""


def test_the_counterexample_of_another_reading_is_tried_where_it_fits(tmp_path):
    def needle(arithmetic, x):
        return (x - arithmetic.number("1234567/1000000")) ** 2

    def other_names(arithmetic, y):
        return y * y

    inside, outside = instances(x=number()), instances(x=number(-4, 1))
    for name, gap, family in (
        ("test.siblings.corrected", needle, inside),
        ("test.siblings.elsewhere", needle, outside),
        ("test.siblings.renamed", other_names, instances(y=number())),
    ):
        register(one_claim(name, Sampling(gap, family, "> 0"), about=scope(), expects="holds"))
    hit = settle(needle, {"x": "1234567/1000000"}, "> 0")
    claim = one_claim("test.siblings.printed", Sampling(needle, inside, "> 0"), about=scope())
    saved = witnesses.make_witness(claim, claim.checks[0], {"x": "1234567/1000000"}, hit)
    witnesses.write(saved, tmp_path / "test.siblings.printed.json")
    report = verify(
        "test.siblings.*", examples=50, store=tmp_path / "kept", progress=False, corpus=tmp_path
    )
    words = {row.claim.id.rsplit(".")[-1]: row.verdict.word for row in report.rows}
    assert words == {"corrected": "refuted", "elsewhere": "supported", "renamed": "refuted"}
    # what was found can be replayed from the store
    found = witnesses.replay(tmp_path / "kept" / "witnesses" / "test.siblings.renamed.json")
    assert found.confirmed
    assert found.instance == {"y": "0"}


def test_what_floats_cannot_evaluate_is_not_counted():
    def rooted(arithmetic, x):
        # log of a negative number: nan in floats, undecided in balls
        return arithmetic.exp(arithmetic.log(x))

    claim = one_claim("test.unclear", Sampling(rooted, instances(x=number())), about=scope())
    evidence = claim.checks[0].run(claim, Options(examples=400))
    assert evidence.outcome is Outcome.SUPPORTED
    assert 100 < evidence.count < 400
    assert "not counted, were beyond float64" in evidence.detail


def test_an_enumeration_never_passes_for_an_interval():
    family = [{"n": n} for n in range(20)]
    whole = one_claim("test.range", Enumeration(parity, family, "== 0"), about=scope(n=(0, 19)))
    register(whole)
    assert verify("test.range", store=False, progress=False).rows[0].verdict.word == "open"
    points = one_claim("test.set", Enumeration(parity, family, "== 0"), about=scope(n="{0..19}"))
    register(points)
    assert str(verify("test.set", store=False, progress=False).rows[0].verdict) == "exhausted (20)"


def test_a_witness_outside_the_scope_is_not_confirmed():
    instance = {"x": ["0"], "y": ["1"], "prior": ["1"], "beta": "1"}
    check = Sampling(lipschitz, POINTS)
    claim = one_claim("test.scope", check)
    found = settle(lipschitz, instance, ">= 0")
    saved = witnesses.make_witness(claim, check, instance, found)
    assert witnesses.check_again(claim, saved).confirmed
    outside = {**saved, "instance": {**instance, "beta": "0"}}
    assert not witnesses.check_again(claim, outside).confirmed
    assert witnesses.check_again(claim, {**saved, "relation": "> 0"}).stale
