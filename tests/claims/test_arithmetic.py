"""The same lines in every arithmetic: floats, batches and symbols agree with enclosing balls."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular_marl.verification import EXACT, FLOAT, SYMBOLIC, ball, free_energy, kl, rational, tilt
from tabular_marl.verification.arithmetic import BATCH, NotExact

small = st.fractions(-4, 4, max_denominator=6)
betas = st.sampled_from(
    [Fraction(b) for b in ("1/1000000", "-1/1000", "1/3", "2", "-5", "40", "0")]
    + [math.inf, -math.inf]
)


@st.composite
def points(draw):
    n = draw(st.integers(1, 4))
    x = draw(st.lists(small, min_size=n, max_size=n))
    weights = draw(st.lists(st.integers(0, 5), min_size=n, max_size=n).filter(any))
    return x, [Fraction(w, sum(weights)) for w in weights], draw(betas)


@settings(max_examples=150, deadline=None)
@given(points())
def test_float_and_batch_free_energy_lie_in_the_ball(point):
    x, p, beta = point
    exact = ball(256)
    with exact.context():
        enclosure = free_energy(exact.array(x), exact.array(p), beta, 0, exact)
        low, high = float(enclosure.lower()), float(enclosure.upper())
    fx, fp, fb = FLOAT.array(x), FLOAT.array(p), float(beta)
    alone = free_energy(fx, fp, fb, 0, FLOAT)
    batch = free_energy(fx[:, None], fp[:, None], np.array([fb]), 0, BATCH)
    for value in (alone, batch[0]):
        assert low - 1e-13 <= value <= high + 1e-13


@settings(max_examples=60, deadline=None)
@given(points())
def test_tilt_and_divergence_agree_with_balls(point):
    x, p, beta = point
    if math.isinf(beta):
        return
    exact = ball(256)
    with exact.context():
        best = tilt(exact.array(x), exact.array(p), exact.number(beta), 0, exact)
        weights = [float(w.mid()) for w in best]
        far = float(kl(best, exact.array(p), 0, exact).mid())
    found = tilt(FLOAT.array(x), FLOAT.array(p), float(beta), 0, FLOAT)
    np.testing.assert_allclose(found, weights, rtol=1e-11, atol=1e-300)
    assert abs(kl(found, FLOAT.array(p), 0, FLOAT) - far) <= 1e-9 * (1 + far)


def test_precision_is_restored():
    from flint import ctx

    before = ctx.prec
    with ball(777).context():
        assert ctx.prec == 777
    assert ctx.prec == before


def test_balls_are_built_from_rationals_not_from_floats():
    exact = ball(128)
    with exact.context():
        tenth = exact.number("1/10")
        assert not tenth.is_exact()
        assert (tenth * 10).contains(1)
        assert exact.number(0.1).is_exact()


def test_the_maximum_of_balls_encloses_the_maximum():
    from flint import arb

    exact = ball(64)
    with exact.context():
        blurred = np.array([arb(0, 2), arb(1)], dtype=object)
        top = exact.maximum(blurred)
        assert top.contains(1)
        assert top.contains(2)
        assert not top.contains(0)
        assert (
            exact.maximum(np.array([[arb(1), arb(5)], [arb(3), arb(2)]], dtype=object), 0)[1] == 5
        )


def test_exact_arithmetic_refuses_what_is_not_rational():
    with pytest.raises(NotExact):
        free_energy(EXACT.array([0, 1]), None, 1, 0, EXACT)
    same = free_energy(EXACT.array(["2/3", "2/3"]), None, 7, 0, EXACT)
    assert same == Fraction(2, 3)
    assert free_energy(EXACT.array([1, 5]), EXACT.array([1, 0]), 3, 0, EXACT) == 1


def test_symbols_become_polynomials():
    import sympy

    t, p = sympy.symbols("t0 t1", positive=True), sympy.symbols("p0 p1", positive=True)
    value = free_energy(SYMBOLIC.log(SYMBOLIC.array(t)), SYMBOLIC.array(p), 1, 0, SYMBOLIC)
    assert value == sympy.log(p[0] * t[0] + p[1] * t[1])


@pytest.mark.parametrize("arithmetic", [FLOAT, EXACT, ball(128)])
def test_linear_solve(arithmetic):
    matrix = [["1", "-1/2", "0"], ["-9/10", 1, 0], [0, "-1/3", 1]]
    with arithmetic.context():
        x = arithmetic.solve(arithmetic.array(matrix), arithmetic.array([1, 2, 3]))
        left = arithmetic.array(matrix) @ x - arithmetic.array([1, 2, 3])
        assert all(v.contains(0) if hasattr(v, "contains") else abs(v) < 1e-12 for v in left)
    assert EXACT.solve(EXACT.array(matrix), EXACT.array([1, 2, 3]))[0] == Fraction(40, 11)


def test_rational_reads_every_form():
    assert rational("0x1.8p+1") == 3
    assert rational("-inf") == -math.inf
    assert rational(np.float64(0.5)) == Fraction(1, 2)
    assert rational("7/3") == Fraction(7, 3)
