"""The free energy is monotone, shift-equivariant, variational, associative."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular_marl.numerics.free_energy import free_energy, free_energy_and_tilt, tilt

U = 2.0**-53
VALUES = st.floats(-1e3, 1e3, allow_subnormal=False)
BETAS = st.one_of(
    st.floats(-1e3, 1e3),
    st.sampled_from([0.0, np.inf, -np.inf, 1e-320, -1e-12, 1e12, -1e300]),
)


@st.composite
def instances(draw):
    """(x, beta, prior) with a prior that may have zeros."""
    n = draw(st.integers(1, 6))
    x = np.array(draw(st.lists(VALUES, min_size=n, max_size=n)))
    weights = np.array(draw(st.lists(st.integers(0, 9), min_size=n, max_size=n)), dtype=float)
    if not weights.any():
        weights[0] = 1.0
    return x, draw(BETAS), weights / weights.sum()


def slack(*arrays):
    """The rounding bound of the module, for two evaluations on numbers of this size."""
    return 300 * U * max(float(np.abs(a).max()) for a in arrays)


@given(instances())
def test_between_the_extremes_of_the_support_exactly(instance):
    x, beta, prior = instance
    inside = x[prior > 0]
    assert inside.min() <= free_energy(x, beta, prior) <= inside.max()


@given(instances(), st.floats(0, 1e3), st.integers(0, 5))
def test_monotone(instance, rise, where):
    x, beta, prior = instance
    higher = x.copy()
    higher[where % len(x)] += rise
    gap = free_energy(higher, beta, prior) - free_energy(x, beta, prior)
    assert gap >= -slack(x, higher)


@given(instances(), VALUES)
def test_shift(instance, constant):
    x, beta, prior = instance
    moved = free_energy(x + constant, beta, prior) - constant
    assert abs(moved - free_energy(x, beta, prior)) <= slack(x, x + constant)


@given(instances())
def test_monotone_in_beta(instance):
    x, beta, prior = instance
    hotter = beta + 1.0
    assert free_energy(x, hotter, prior) >= free_energy(x, beta, prior) - slack(x)


@given(instances())
def test_negation_swaps_the_sign_of_beta(instance):
    x, beta, prior = instance
    assert abs(free_energy(-x, -beta, prior) + free_energy(x, beta, prior)) <= slack(x)


@given(instances())
def test_tilt_is_a_distribution_on_the_support(instance):
    x, beta, prior = instance
    weights = tilt(x, beta, prior)
    assert (weights[prior == 0] == 0).all()
    assert (weights >= 0).all()
    assert abs(weights.sum() - 1) <= 8 * U


def kl(q, p):
    inside = q > 0
    return float(np.sum(q[inside] * np.log(q[inside] / p[inside])))


@given(instances(), st.lists(st.floats(0.01, 1), min_size=6, max_size=6))
def test_variational_characterisation(instance, other):
    """F = E_tilt x − KL(tilt‖p)/β, and no other q does better (β > 0; worse for β < 0)."""
    x, beta, prior = instance
    if not 1e-3 <= abs(beta) <= 1e3:
        return
    value, weights = free_energy_and_tilt(x, beta, prior)
    room = 1e-10 * (1 + np.abs(x).max())
    assert abs(weights @ x - kl(weights, prior) / beta - value) <= room
    q = np.where(prior > 0, np.array(other[: len(x)]), 0.0)
    q /= q.sum()
    gap = np.sign(beta) * (value - (q @ x - kl(q, prior) / beta))
    assert gap >= -room


@given(instances(), st.integers(1, 5))
def test_associative(instance, cut):
    """Merging outcomes into their free energy, under their joint prior, changes nothing."""
    x, beta, prior = instance
    cut = min(cut, len(x))
    mass = prior[:cut].sum()
    if mass == 0:
        return
    merged = free_energy(x[:cut], beta, prior[:cut] / mass)
    whole = free_energy(x, beta, prior)
    parts = free_energy([merged, *x[cut:]], beta, [mass, *prior[cut:]])
    assert abs(whole - parts) <= slack(x)


@settings(max_examples=50)
@given(instances())
def test_tilt_is_the_gradient(instance):
    x, beta, prior = instance
    if not abs(beta) <= 5:
        return
    x = x / 1e3
    weights = tilt(x, beta, prior)
    step = 1e-5
    for k in range(len(x)):
        up, down = x.copy(), x.copy()
        up[k] += step
        down[k] -= step
        slope = (free_energy(up, beta, prior) - free_energy(down, beta, prior)) / (2 * step)
        assert abs(slope - weights[k]) <= 1e-8
