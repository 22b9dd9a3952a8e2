"""The statements themselves in symbols: at two actions each proved equation's own lines cancel.

A symbolic proof argues integrand by integrand, for every size; the samples run the gap in floats.
Here the gap runs in SymPy, on probabilities w_k/Σw and values log t, and must be the zero function.
"""

import numpy as np
import pytest
import sympy

from tabular_marl.verification import SYMBOLIC, Sampling, Symbolic, positive, prove_zero
from tabular_marl.verification.fields import Beta, Distribution
from tabular_marl.verification.ledger import LEDGER
from tabular_marl.verification.relation import evaluate

#: families whose gaps are rational in these symbols; the others' have loops, sums over times or
#: supports that SymPy cannot finish, and are checked from outside in their own tests
FAMILIES = ("free_energy", "recipes", "rommeo_", "balancing_")
#: a symbolic probability in an exponent, or an absolute value: no rational function
BEYOND = {
    "report.020.response.corrected",
    "report.021.response.corrected",
    "report.A.3.1.step2.printed",
}
#: temperatures for which every exponent that a gap meets is whole
TEMPERATURES = ((2, 1), (1, 2))


def equations():
    LEDGER.load_own()
    for claim in LEDGER:
        home = claim.module.rsplit(".", 1)[-1]
        if not home.startswith(FAMILIES):
            continue
        if claim.expects == "proved" and any(isinstance(c, Symbolic) for c in claim.checks):
            for check in claim.checks:
                if isinstance(check, Sampling) and check.relation == "== 0":
                    yield claim.id, check


def symbols(name, field, sizes, temperatures):
    shape = tuple(a if isinstance(a, int) else sizes[a] for a in field.axes)
    if isinstance(field, Distribution):
        weights = positive(f"w_{name}", *shape)
        return weights / np.expand_dims(weights.sum(axis=-1), -1)
    if isinstance(field, Beta):
        return sympy.Integer(temperatures["opponent" in name])
    if name == "betas":
        return SYMBOLIC.array(np.ones(shape, dtype=int))
    values = SYMBOLIC.log(positive(f"t_{name}", *shape))
    return values if shape else sympy.sympify(values)


def in_symbols(check, temperatures):
    sizes = {name: min(2, high) for name, (_, high) in check.family.sizes}
    sizes.update({name: 1 for name in ("states", "times") if name in sizes})
    fields = check.family.fields
    instance = {name: symbols(name, f, sizes, temperatures) for name, f in fields}
    return prove_zero(evaluate(check.gap, instance, SYMBOLIC)[0])


EQUATIONS = dict(equations())


@pytest.mark.parametrize(("name", "check"), EQUATIONS.items(), ids=list(EQUATIONS))
def test_the_gap_is_zero_in_symbols(name, check):
    found = [in_symbols(check, pair) for pair in TEMPERATURES]
    assert not any(proof.holds is False for proof in found)
    assert any(proof.holds for proof in found) != (name in BEYOND), found


def test_another_gap_is_not():
    check = EQUATIONS["free-energy.duality"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tabular_marl.verification.claims.free_energy_variational.kl", lambda *a: 1)
        assert in_symbols(check, (2, 1)).holds is not True
