"""The ledger at work: registering, resuming, failing claims, premises, staleness, processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tabular_marl as tm
from tabular_marl.validation import InputError
from tabular_marl.verification import (
    Claim,
    Deduction,
    Ledger,
    Outcome,
    Proof,
    Sampling,
    Symbolic,
    array,
    beta,
    claim,
    distribution,
    free_energy,
    instances,
    number,
    prove_zero,
    register,
    scope,
    verify,
)
from tabular_marl.verification import ledger as ledgers

NUMBERS = instances(x=number())


def square(arithmetic, x):
    return x * x


def run(*patterns, **options):
    return verify(*patterns, progress=False, **{"store": False, "examples": 200, **options})


def a_claim(name, *checks, **more):
    return Claim(name, "test", "added", "x", scope(), checks, **more)


def test_a_user_claims_in_a_few_lines():
    points = instances({"n": (1, 3)}, x=array("n"), p=distribution("n"), b=beta("+"))

    @tm.claim("test.user.mean", points, statement=r"F_\beta[p](x) \ge E_p x")
    def above_mean(arithmetic, x, p, b):
        return free_energy(x, p, b, 0, arithmetic) - (p * x).sum(axis=0)

    (row,) = tm.verify("test.user.mean", store=False, progress=False, examples=300).rows
    assert row.verdict.word == "supported"
    assert row.as_expected
    assert row.as_dict()["evidence"][0]["count"] >= 300
    # the decorated function stays a function; the plain call returns the claim
    assert callable(above_mean)
    made = claim("test.user.plain", NUMBERS, square)
    assert made.id == "test.user.plain"
    assert run("test.user.plain").ok


def test_an_error_in_a_claim_is_that_claims_failure():
    def broken(arithmetic, x):
        return x / undefined_name  # noqa: F821

    register(a_claim("test.error.broken", Sampling(broken, NUMBERS), expects="open"))
    register(a_claim("test.error.sound", Sampling(square, NUMBERS)))
    report = run("test.error.*")
    rows = {row.claim.id: row for row in report.rows}
    assert "undefined_name" in rows["test.error.broken"].error
    # an error is never as expected, even where "open" was
    assert [row.claim.id for row in report.unexpected] == ["test.error.broken"]
    assert rows["test.error.sound"].verdict.word == "supported"


def test_misfit_batches_are_reported():
    def total(arithmetic, x):
        return x.sum()  # mixes the instances of a batch

    family = instances({"n": (2, 3)}, x=array("n"))
    wrong = Claim(
        "test.batch",
        "test",
        "added",
        "x",
        scope(n=(2, 3)),
        Sampling(total, family, "== 0", batched=True),
    )
    register(wrong)
    assert "keep the batch" in run("test.batch").rows[0].error


def test_premises_are_run_and_cap_the_verdict():
    x = tm.verification.positive("x")

    def sound():
        return prove_zero(x - x)

    def unsound():
        return prove_zero(x)

    for name, prove in (("good", sound), ("bad", unsound)):
        register(a_claim(f"test.premise.{name}", Symbolic(prove)))
        deduced = Deduction((f"test.premise.{name}",), "special case")
        register(a_claim(f"test.follows.{name}", deduced))
    report = run("test.follows.*")
    words = {row.claim.id: row.verdict.word for row in report.rows}
    assert words == {"test.follows.good": "proved", "test.follows.bad": "open"}


def test_cycles_and_unknown_premises_are_errors():
    register(a_claim("test.cycle.a", Deduction(("test.cycle.b",), "special case")))
    register(a_claim("test.cycle.b", Deduction(("test.cycle.c",), "special case")))
    register(a_claim("test.cycle.c", Sampling(square, NUMBERS), rests_on=("test.cycle.a",)))
    with pytest.raises(InputError, match=r"have no cycle; it had test\.cycle\.a -> .*cycle\.a"):
        run("test.cycle.a")
    register(a_claim("test.loose", Deduction(("test.nowhere",), "special case")))
    report = run("test.loose")
    assert report.unexpected[0].error == "rests on test.nowhere: no such claim"


def test_a_deduction_cannot_reach_beyond_its_premises():
    for sign, about in (("plus", "(0, inf)"), ("minus", "(-inf, 0)")):
        made = Symbolic(lambda: Proof(True, "a", "b"))
        register(Claim(f"test.{sign}", "t", "added", "x", scope(b=about), made))
    both = scope(b="(-inf, 0) u (0, inf)")
    for name, premises in (("far", ("test.plus",)), ("near", ("test.plus", "test.minus"))):
        deduced = Deduction(premises, "conjunction")
        register(Claim(f"test.reach.{name}", "t", "added", "x", both, deduced))
    report = run("test.reach.*")
    assert [row.claim.id for row in report.unexpected] == ["test.reach.far"]
    told = "deduces b (-inf, 0) u (0, inf) from premises for b (0, inf)"
    assert report.unexpected[0].error == told


def test_a_rule_of_inference_must_be_known_and_have_its_lemmas():
    with pytest.raises(InputError, match=r"rule must be one of .*did you mean 'special case'"):
        Deduction(("a",), "special cases")
    with pytest.raises(InputError, match=r"include free-energy\.associative"):
        Deduction(("free-energy.monotone",), "induction over outcomes")


def test_a_scope_that_could_never_count_is_refused():
    family = instances({"n": (1, 3)}, x=array("n"), b=beta("+"))

    def gap(arithmetic, x, b):
        return arithmetic.norm(x)

    def make(**ranges):
        return Claim("t", "t", "added", "x", scope(**ranges), Sampling(gap, family))

    assert make(n=">= 1", b="(0, inf)").id == "t"
    with pytest.raises(InputError, match="lie inside"):
        make(n=">= 2", b="(0, inf)")
    with pytest.raises(InputError, match="meet each piece"):
        make(n=">= 1", b="(-inf, 0) u (0, inf)")
    with pytest.raises(InputError, match="lie inside"):
        make(n=">= 1", b="(0, inf)", states=">= 1")
    with pytest.raises(InputError, match="name only dimensions"):
        Claim("t", "t", "added", "x", scope(), Symbolic(lambda: (), scope(outcomes=2)))


def test_ids_belong_to_one_file():
    ledger = Ledger()
    ledger.register(a_claim("test.id", module="one.py"))
    ledger.register(a_claim("test.id", module="one.py"))
    with pytest.raises(InputError, match=r"id must be new; 'test\.id' is already .* one\.py"):
        ledger.register(a_claim("test.id", module="two.py"))


def test_patterns_that_match_nothing_suggest():
    with pytest.raises(InputError, match=r"matched none of .*mean 'free-energy.monotone"):
        run("free-energy.monotne")


def test_results_are_kept_and_used_again(tmp_path):
    calls = []

    def counted(arithmetic, x):
        calls.append(1)
        return x * x

    register(a_claim("test.kept", Sampling(counted, NUMBERS)))
    first = run("test.kept", store=tmp_path)
    tried = len(calls)
    assert tried > 200
    again = run("test.kept", store=tmp_path)
    assert len(calls) == tried
    assert again.rows[0].evidence == first.rows[0].evidence
    run("test.kept", store=tmp_path, examples=100)  # another option, another result
    assert len(calls) > tried
    tried = len(calls)
    run("test.kept", store=tmp_path, examples=100, fresh=True)
    assert len(calls) > tried
    assert (tmp_path / ".gitignore").read_text() == "*\n"


def test_a_torn_result_is_found_again(tmp_path):
    register(a_claim("test.torn", Sampling(square, NUMBERS)))
    run("test.torn", store=tmp_path)
    path = tmp_path / "ledger" / "test.torn.json"
    path.write_text(path.read_text()[:50])
    assert run("test.torn", store=tmp_path).ok


def test_evidence_of_changed_code_is_stale(tmp_path):
    def first(arithmetic, x):
        return x * x

    def second(arithmetic, x):
        # only the comment differs in the next one; here the code does
        return x * x + 1

    register(a_claim("test.stale", Sampling(first, NUMBERS)))
    assert ledgers.stored("test.stale", store=tmp_path).rows[0].verdict.word == "open"
    run("test.stale", store=tmp_path)
    assert ledgers.stored("test.stale", store=tmp_path).rows[0].verdict.word == "supported"
    register(a_claim("test.stale", Sampling(second, NUMBERS)))
    assert ledgers.stored("test.stale", store=tmp_path).rows[0].verdict.word == "stale"
    run("test.stale", store=tmp_path)
    assert ledgers.stored("test.stale", store=tmp_path).rows[0].verdict.word == "supported"


def test_the_fingerprint_sees_code_not_layout(tmp_path):
    template = (
        "RATE = {rate}\ndef helper(x):\n    return x{tail}\n"
        "def gap(a, x):{note}\n    return helper(x) * RATE\n"
    )

    def mark(**parts):
        path = tmp_path / f"c{len(list(tmp_path.iterdir()))}.py"
        path.write_text(template.format(**{"rate": 1, "tail": "", "note": "", **parts}))
        import importlib.util

        spec = importlib.util.spec_from_file_location("gaps", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return tm.verification.Claim.fingerprint(a_claim("t", Sampling(module.gap, NUMBERS)))

    base = mark()
    assert mark(note="  # a comment") == base
    assert mark(tail=" + 1") != base
    assert mark(rate=2) != base


CLAIMS = """
import pathlib
import time
import tabular_marl as tm
from tabular_marl.verification import instances, number

family = instances(x=number())

def made(k):
    def gap(arithmetic, x):
        while k >= {held} and not pathlib.Path({gate!r}).exists():
            time.sleep(0.01)
        return x * x + k
    return gap

for k in range({count}):
    tm.claim(f"{name}.{{k}}", family, made(k), statement="x", examples=1)
"""


def test_processes_give_the_same_rows(tmp_path):
    path = tmp_path / "claims.py"
    path.write_text(CLAIMS.format(held=4, gate="", count=4, name="many"))
    one = run(str(path), store=False)
    two = run(str(path), store=tmp_path / "kept", jobs=2)
    assert [row.claim.id for row in two.rows] == [f"many.{k}" for k in range(4)]
    told = [[e["gap"], e["count"], e["instance"]] for r in one.as_json() for e in r["evidence"]]
    again = [[e["gap"], e["count"], e["instance"]] for r in two.as_json() for e in r["evidence"]]
    assert told == again


@pytest.mark.parametrize("jobs", [1, 2])
def test_interrupting_keeps_what_was_done_and_resumes(tmp_path, jobs):
    path = tmp_path / "claims.py"
    gate = tmp_path / "gate"  # later claims wait here until the run has been interrupted
    path.write_text(CLAIMS.format(held=3, gate=str(gate), count=12, name=f"jobs{jobs}"))
    code = (
        "from tabular_marl.verification import verify\n"
        f"report = verify({str(path)!r}, store={str(tmp_path / 'kept')!r}, jobs={jobs}, "
        "examples=1, progress=False)\n"
        "print(report.interrupted, sum(bool(r.evidence) for r in report.rows))"
    )
    going = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    kept = tmp_path / "kept" / "ledger"
    for _ in range(600):
        if kept.exists() and len(list(kept.glob(f"jobs{jobs}.*.json"))) >= 2:
            break
        time.sleep(0.05)
    going.send_signal(signal.SIGINT)
    time.sleep(1)
    gate.touch()
    told, _ = going.communicate(timeout=60)
    done = len(list(kept.glob(f"jobs{jobs}.*.json")))
    assert told.split()[0] == "True"
    assert 2 <= done < 12
    before = {p: p.stat().st_mtime_ns for p in kept.glob(f"jobs{jobs}.*.json")}
    path.write_text(path.read_text().replace("x * x + k", "x * x + k "))  # same code
    report = verify(str(path), store=tmp_path / "kept", examples=1, progress=False)
    assert report.ok
    assert len(report.rows) == 12
    assert all(p.stat().st_mtime_ns == stamp for p, stamp in before.items())


def test_a_broken_claims_file_is_named(tmp_path):
    path = tmp_path / "claims.py"
    path.write_text("import no_such_module_here\n")
    with pytest.raises(InputError, match=r"(?s)claims file must import without an error.*no_such"):
        run(str(path))
    with pytest.raises(InputError, match="claims file must exist"):
        run(str(tmp_path / "gone.py"))


@pytest.mark.parametrize("option", [{"examples": 0}, {"jobs": 0}])
def test_bad_options_are_named(option):
    with pytest.raises(InputError, match=f"{next(iter(option))} must be at least 1; it was 0"):
        run("free-energy.sign", **option)


def test_symbolic_helpers_do_not_prove_what_is_false():
    import sympy

    from tabular_marl.verification import positive, prove_nonnegative, prove_positive

    t, u = positive("t"), positive("u")
    assert prove_zero(sympy.log(t * u) - sympy.log(t) - sympy.log(u)).holds is True
    assert prove_zero(sympy.log(t + u) - sympy.log(t) - sympy.log(u)).holds is False
    assert prove_zero(2 * sympy.log(t) - sympy.log(t**2) + sympy.log(4) - 2 * sympy.log(2)).holds
    assert prove_zero(sympy.exp(t) - 1).holds is None
    assert prove_nonnegative(t - u).holds is None
    assert prove_nonnegative(-t).holds is False
    assert prove_positive(t - t).holds is False
    assert prove_nonnegative(t - t).holds is True
    assert prove_nonnegative(sympy.Symbol("x")).holds is None
    none = a_claim("t", Symbolic(lambda: iter(())))
    assert none.checks[0].run(none, ledgers.Options()).outcome is Outcome.UNDECIDED
    half = a_claim("t", Symbolic(lambda: [Proof(True, "a", "b"), Proof(None, "c", "d")]))
    assert half.checks[0].run(half, ledgers.Options()).outcome is Outcome.UNDECIDED


def test_a_plain_import_from_the_root_makes_no_second_copy():
    root = Path(tm.__file__).resolve().parents[1]
    if not (root / "verification").is_dir():
        pytest.skip("not a source tree")
    code = (
        "import verification, verification.verdict, verification.methods.sampling as s\n"
        "import tabular_marl.verification as real, tabular_marl.verification.verdict as v\n"
        "from verification.claim import Claim\n"
        "assert verification is real and verification.verdict is v\n"
        "assert Claim is real.Claim and s.Sampling is real.Sampling\n"
        "assert v.__spec__.name == 'tabular_marl.verification.verdict'\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, env={**os.environ})
