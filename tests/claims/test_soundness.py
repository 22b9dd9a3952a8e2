"""What must not pass for evidence: gaps that are none, boxes and witnesses of something else."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tabular_marl.validation import InputError
from tabular_marl.verification import (
    Claim,
    Counterexample,
    Enclosure,
    Outcome,
    Sampling,
    between,
    distribution,
    free_energy,
    instances,
    prove_zero,
    scope,
)
from tabular_marl.verification.claim import Options
from tabular_marl.verification.verdict import derive


def one_claim(name, *checks, about):
    return Claim(name, "test", "added", "x", about, checks)


def test_logarithms_split_only_where_symbols_are_positive():
    import sympy

    x = sympy.Symbol("x", real=True)
    assert prove_zero(sympy.log(x**2) - 2 * sympy.log(x)).holds is None
    y = sympy.Symbol("y", positive=True)
    assert prove_zero(sympy.log(y**2) - 2 * sympy.log(y)).holds is True


def forgetful(arithmetic, x):
    return float(x)  # the middle of a ball


def empty(arithmetic, x):
    return arithmetic.array([])


def true_or_false(arithmetic, x):
    return x > 5


@pytest.mark.parametrize("gap", [forgetful, empty, true_or_false])
def test_what_is_no_gap_certifies_nothing(gap):
    check = Enclosure(gap, {"x": between(-1, 2)}, ">= 0")
    claim = one_claim("test.no-gap", check, about=scope(x="[-1, 2]"))
    with pytest.raises(InputError, match="gap"):
        check.run(claim, Options())


def test_a_box_of_one_size_never_passes_for_all():
    def room(arithmetic, x):
        return arithmetic.number(3) - x.sum()

    check = Enclosure(room, {"x": [between(0, 1), between(0, 1)]})
    every = one_claim("test.sizes", check, about=scope(outcomes=">= 1"))
    pair = one_claim("test.size", check, about=scope(outcomes="2"))
    for claim, word in ((every, "open"), (pair, "certified")):
        assert derive([check.run(claim, Options())], claim.scope).word == word


def hill(arithmetic, x):
    return arithmetic.exp(-x * x) - arithmetic.number("1/3")


def test_a_box_must_say_what_it_ranges_over():
    with pytest.raises(InputError, match="it named x"):
        one_claim("test.unnamed", Enclosure(hill, {"x": between(-1, 1)}), about=scope())


def test_a_limit_of_beta_is_not_certified_where_the_support_is_open():
    def above_half(arithmetic, p):
        prior = np.stack([p, arithmetic.number(1) - p])
        x = arithmetic.array([1, 0])
        return free_energy(x, prior, float("inf"), 0, arithmetic) - arithmetic.number("1/2")

    for box, outcome in (((0, "1/2"), Outcome.UNDECIDED), (("1/8", "1/2"), Outcome.CERTIFIED)):
        check = Enclosure(above_half, {"p": between(*box)}, most=50)
        claim = one_claim("test.support", check, about=scope(p="[0, 1/2]"))
        assert check.run(claim, Options()).outcome is outcome  # at p = 0 the maximum is 0


def test_what_is_no_distribution_is_no_counterexample():
    def mass(arithmetic, p):
        return p.sum(axis=0) - 1

    family = instances({"n": (1, 3)}, p=distribution("n"))
    check = Counterexample(mass, {"p": [1, 1]}, "== 0")
    claim = one_claim("test.mass", check, Sampling(mass, family, "== 0"), about=scope(n=">= 1"))
    assert check.run(claim, Options()).outcome is Outcome.UNDECIDED


FILE = """
import beside
from beside import room
from tabular_marl.verification import claim, instances, number

@claim("beside.function", instances(x=number()))
def function(arithmetic, x):
    return room(x)

@claim("beside.module", instances(x=number()))
def module(arithmetic, x):
    return beside.room(x)
"""


def test_a_helper_beside_the_claims_is_part_of_them(tmp_path):
    claims, helper = tmp_path / "mine.py", tmp_path / "beside.py"
    claims.write_text(FILE)

    def words(body):
        helper.write_text(f"def room(x):\n    return {body}\n")
        code = (
            "from tabular_marl.verification import verify; "
            f"r = verify({str(claims)!r}, examples=50, progress=False, store={str(tmp_path)!r}); "
            "print(*[row.verdict.word for row in r.rows])"
        )
        run = subprocess.run(
            [sys.executable, "-B", "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
        )
        return run.stdout.split()

    assert words("x * x") == ["supported", "supported"]
    assert words("x - 100") == ["refuted", "refuted"]
