"""The free energy and the tilt against mpmath with enough digits to need no care, at every size."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from tabular_marl.numerics.free_energy import free_energy, free_energy_and_tilt, tilt
from tabular_marl.numerics.kernels.free_energy import spread_units
from tabular_marl.validation import InputError

U = 2.0**-53
INF = float("inf")


def exact(x, beta, prior):
    """(F, tilt) in mpmath; the anchor is the largest x of the support."""
    with mpmath.workdps(700):
        p = [mpmath.mpf(float(k)) for k in prior]
        mass = mpmath.fsum(p)
        support = [k for k in range(len(p)) if p[k] > 0]
        anchor = max(mpmath.mpf(float(x[k])) for k in support)
        b = mpmath.mpf(beta)
        y = {k: b * (mpmath.mpf(float(x[k])) - anchor) for k in support}
        top = max(y.values())
        terms = {k: p[k] / mass * mpmath.exp(y[k] - top) for k in support}
        total = mpmath.fsum(terms.values())
        if b == 0:
            value = mpmath.fsum(p[k] / mass * (mpmath.mpf(float(x[k])) - anchor) for k in support)
        else:
            value = (top + mpmath.log(total)) / b
        return value + anchor, [terms[k] / total if k in terms else 0 for k in range(len(p))]


def check(x, beta, prior):
    """Both documented rounding bounds hold at this instance."""
    value, weights = free_energy_and_tilt(x, beta, prior)
    want, want_weights = exact(x, beta, prior)
    support = np.asarray(prior) > 0
    spread = mpmath.mpf(float(x[support].max())) - mpmath.mpf(float(x[support].min()))
    bound = (spread_units(len(x)) * spread + abs(want)) * U + mpmath.mpf("1e-322")
    error = abs(mpmath.mpf(float(value)) - want)
    assert error <= bound, (x, beta, prior, float(error / bound))
    relative = (2 * len(x) + 20 + 6 * abs(mpmath.mpf(beta)) * spread) * U
    for got, expected in zip(weights, want_weights, strict=True):
        if expected > mpmath.mpf("1e-290"):
            off = abs(mpmath.mpf(float(got)) - expected)
            assert off <= relative * expected, (x, beta, prior, float(off / expected))
        else:
            assert 0 <= got <= 1.1e-290
    return float(error / bound)


def random_prior(rng, n):
    """Weights of every size, some zero, that sum to one."""
    kind = rng.integers(4)
    weights = rng.random(n) + 1e-3
    if kind == 1:
        weights[rng.random(n) < 0.4] = 0.0
    elif kind >= 2:
        weights *= 10.0 ** -(rng.random(n) * (20 if kind == 2 else 320))
    if not weights.any():
        weights[0] = 1.0
    return weights / weights.sum()


@pytest.mark.parametrize("seed", range(8))
def test_all_magnitudes(seed):
    """β from 1e-320 to 1e308 of both signs, x from 1e-300 to 1e300, tiny weights."""
    rng = np.random.default_rng(seed)
    for _ in range(60):
        n = int(rng.integers(1, 6))
        size = rng.uniform(-300, 300)
        x = rng.normal(size=n) * 10.0**size
        if rng.random() < 0.3:  # a spread far below |x|
            x = 10.0**size * (1 + rng.normal(size=n) * 10.0 ** rng.uniform(-16, -1))
        if rng.random() < 0.1:  # several sizes at once
            x = rng.normal(size=n) * 10.0 ** rng.uniform(-300, 300, size=n)
        beta = float(rng.choice([-1, 1])) * 10.0 ** rng.uniform(-320, 308)
        if rng.random() < 0.7:  # most of the difficulty is where β x is near one
            beta = float(rng.normal()) * 10.0 ** np.clip(rng.uniform(-20, 8) - size, -320, 307)
        check(x, float(beta), random_prior(rng, n))


@pytest.mark.parametrize("beta", [1e-9, -1e-9, 1e-3, 0.2499, 0.2501, -0.25, 1.0, -40.0, 1e6, -1e12])
def test_around_the_switch_between_the_two_forms(beta):
    rng = np.random.default_rng(7)
    worst = max(check(rng.normal(size=4), beta, random_prior(rng, 4)) for _ in range(40))
    assert worst < 1.0


def test_next_to_zero_the_deviation_from_the_mean_keeps_its_digits():
    """log cosh(β)/β = β/2 − β³/12 + β⁵/45 − … is far below the spread."""
    for beta in (1e-3, -1e-5, 1e-9, 1e-150, -1e-308, 5e-324):
        value = float(free_energy([-1.0, 1.0], beta))
        want = beta / 2 - beta**3 / 12 + beta**5 / 45
        assert abs(value - want) <= 1e-15 * abs(want) + 5e-324


def test_far_from_zero_the_distance_to_the_maximum_keeps_its_digits():
    """F − max = log1p(−q (1 − e^{−βd}))/β, far below the spread when q is."""
    value = float(free_energy([0.0, -1.0], 50.0, [1 - 2.0**-40, 2.0**-40]))
    with mpmath.workdps(50):
        want = mpmath.log1p(mpmath.mpf(2) ** -40 * mpmath.expm1(-50)) / 50
        assert abs(value - want) <= 1e-15 * abs(want)


def test_likely_outcomes_far_from_the_optimum():
    """p e^{βx} is dominated by an outcome of prior 1e-300 although e^{βx} underflows elsewhere."""
    x, prior = np.array([1.0, 0.0]), np.array([1e-300, 1.0])
    for beta in (600.0, 690.0, 700.0, 800.0, 1300.0):
        check(x, beta, prior)
        check(-x, -beta, prior)
    weights = tilt(x, 800.0, prior)
    with mpmath.workdps(40):
        want = mpmath.exp(-800) / mpmath.mpf(1e-300)
        assert abs(weights[1] - want) <= 1e-12 * want


def test_overflowing_products_and_differences():
    big = np.finfo(float).max
    assert free_energy([big, -big], 1e308) == big
    assert free_energy([big, -big], -1e308) == -big
    assert free_energy([big, -big], 0.0) == 0.0
    assert free_energy([big, big], 3.0) == big
    assert tilt([big, -big, big], 1e308).tolist() == [0.5, 0.0, 0.5]
    check(np.array([big, -big / 3]), 1e-308, np.array([0.25, 0.75]))
    check(np.array([1e6, 0.0, -1e6]), 1.0, np.full(3, 1 / 3))
    check(np.array([1e6, 0.0, -1e6]), 1e300, np.array([1e-5, 1 - 1e-5, 0]))


def test_limits_are_exact():
    x, prior = np.array([1.0, 2.0, 2.0, 99.0]), np.array([0.5, 0.125, 0.375, 0.0])
    assert free_energy(x, INF, prior) == 2.0
    assert free_energy(x, -INF, prior) == 1.0
    assert free_energy(x, 0.0, prior) == 1.5
    assert tilt(x, INF, prior).tolist() == [0.0, 0.25, 0.75, 0.0]
    assert tilt(x, -INF, prior).tolist() == [1.0, 0.0, 0.0, 0.0]
    assert tilt(x, 0.0, prior).tolist() == prior.tolist()


def test_outcomes_outside_the_support_do_not_count():
    for beta in (-1e300, -3.0, -1e-9, 0.0, 1e-9, 3.0, 1e300):
        for huge in (-1e308, 1e308):
            with_huge = free_energy_and_tilt([1.0, huge, 2.0], beta, [0.5, 0.0, 0.5])
            without = free_energy_and_tilt([1.0, 2.0], beta, [0.5, 0.5])
            assert with_huge[0] == without[0]
            assert with_huge[1].tolist() == [without[1][0], 0.0, without[1][1]]


def test_axes_and_broadcast_priors():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(4, 3, 5))
    for axis in (0, 1, 2, -1, -3):
        n = x.shape[axis]
        vector = rng.dirichlet(np.ones(n))
        value, weights = free_energy_and_tilt(x, 1.7, vector, axis=axis)
        full = np.broadcast_to(np.moveaxis(vector.reshape(n, 1, 1), 0, axis), x.shape)
        again = free_energy_and_tilt(x, 1.7, full, axis=axis)
        assert value.shape == tuple(k for i, k in enumerate(x.shape) if i != axis % 3)
        assert weights.shape == x.shape
        np.testing.assert_array_equal(value, again[0])
        np.testing.assert_array_equal(weights, again[1])
        np.testing.assert_allclose(weights.sum(axis=axis), 1, rtol=1e-15)
        direct = np.log((full * np.exp(1.7 * x)).sum(axis=axis)) / 1.7
        np.testing.assert_allclose(value, direct, rtol=1e-13, atol=1e-14)
    conditional = rng.dirichlet(np.ones(3), size=(4, 1)).transpose(0, 2, 1)
    assert free_energy(x, 2.0, conditional, axis=1).shape == (4, 5)
    wide = rng.dirichlet(np.ones(3), size=(4, 5)).transpose(0, 2, 1)
    assert tilt(x[:1, :, :1], 2.0, wide, axis=1).shape == (4, 3, 5)


def test_inputs_are_not_changed():
    x, prior = np.array([1.0, 2.0]), np.array([0.25, 0.75])
    free_energy_and_tilt(x, 2.0, prior)
    assert x.tolist() == [1.0, 2.0]
    assert prior.tolist() == [0.25, 0.75]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, np.nan], 1.0), r"x must hold finite numbers; entry \[1\] was nan"),
        (([1.0, np.inf], 1.0), r"x must hold finite numbers; entry \[1\] was inf"),
        (("ab", 1.0), "x must be an array of numbers"),
        ((3.0, 1.0), "axis must be an axis of x, which has 0; it was -1"),
        (([[1.0]], 1.0, None, 2), "axis must be an axis of x, which has 2; it was 2"),
        ((np.empty((2, 0)), 1.0), "x must have at least one outcome"),
        (([1.0, 2.0], float("nan")), r"beta must be a number in \[-inf, inf\]; it was nan"),
        (([1.0, 2.0], "hot"), "beta must be a number in"),
        (([1.0, 2.0], 1.0, [0.0, 0.0]), "prior must sum to 1; it summed to 0"),
        (([1.0, 2.0], 1.0, [1.5, -0.5]), r"prior must hold probabilities >= 0; .* was -0.5"),
        (([1.0, 2.0], 1.0, [0.5, 0.6]), "prior must sum to 1; it summed to 1.1"),
        (([1.0, 2.0], 1.0, [np.nan, 1.0]), r"prior must hold finite numbers; entry \[0\] was nan"),
        (([1.0, 2.0], 1.0, [1.0]), r"prior must have shape \(2\); it had \(1,\)"),
        (([[1.0, 2.0]], 1.0, [[[1.0]]]), "prior must have shape"),
        (([[1.0, 2.0]] * 3, 1.0, [[0.5, 0.5]] * 2), "prior must broadcast with x"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(InputError, match=message):
        free_energy_and_tilt(*arguments)
