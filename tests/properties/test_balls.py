"""Certificates: they contain an independent high-precision solution, narrow, and cannot lie."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from tabular_marl.numerics.backup import Backup
from tabular_marl.numerics.balls import CertificateError, banach, monotone
from tabular_marl.numerics.exact import ExactProduct
from tabular_marl.numerics.fixed_point import fixed_point
from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation, check
from tabular_marl.validation import InputError

INF = math.inf


def mp_free_energy(x, p, beta):
    """F_β[p / Σp](x) over lists of mpf, outcomes with p = 0 left out."""
    kept = [(v, w) for v, w in zip(x, p, strict=True) if w > 0]
    if math.isinf(beta):
        return (max if beta > 0 else min)(v for v, _ in kept)
    mass = mp.fsum(w for _, w in kept)
    if beta == 0:
        return mp.fsum(v * w for v, w in kept) / mass
    with mp.workdps(90 + max(0, math.ceil(-math.log10(abs(beta))))):
        return mp_log_mean_exp(kept, mass, beta)


def mp_log_mean_exp(kept, mass, beta):
    top = (max if beta > 0 else min)(v for v, _ in kept)
    return top + mp.log(mp.fsum(w * mp.exp(beta * (v - top)) for v, w in kept) / mass) / beta


def mp_solution(reward, rows, discount, levels, start):
    """V* to 60 digits by value iteration, on the game exactly as stored."""
    exact = np.vectorize(mp.mpf, otypes=[object])
    P, r = exact(rows).reshape(*reward.shape, reward.shape[0]), exact(reward)
    value = exact(start)
    for _ in range(6000):
        q = r + mp.mpf(discount) * (P * value).sum(axis=-1)
        for level in levels:
            axis = level.axis + 1
            prior = exact(np.broadcast_to(level.prior, q.shape))
            moved, weights = np.moveaxis(q, axis, -1), np.moveaxis(prior, axis, -1)
            out = np.empty(moved.shape[:-1], dtype=object)
            for at in np.ndindex(out.shape):
                out[at] = mp_free_energy(list(moved[at]), list(weights[at]), level.beta)
            q = np.expand_dims(out, axis)
        new = q.reshape(-1)
        gap, value = max(abs(new - value)), new
        if gap < mp.mpf(10) ** -60:
            return value
    raise AssertionError("the reference did not converge")


def random_system(seed, betas, states=3, actions=(2, 3), discount=0.5, zeros=False):
    """(reward, transition, discount, recipe): a:β₀ inside, b:β₁ outside, priors by state."""
    rng = np.random.default_rng(seed)
    reward = rng.normal(size=(states, *actions))
    transition = rng.dirichlet(np.ones(states), size=(states, *actions))
    p, r = (rng.dirichlet(np.ones(n), states) for n in actions)
    if zeros:
        p[0] = [0.0, 1.0]
        r[1] = [0.25, 0.0, 0.75]
        reward[0, 0] = 1e6  # outside the support: must not matter
    recipe = (Aggregation(AGENT, betas[0], p), Aggregation(OPPONENT, betas[1], r))
    return reward, transition, discount, recipe


def prove(system, bits=128, refine=True, value=None):
    reward, transition, discount, recipe = system
    backup = Backup(reward, transition, discount, recipe)
    if value is None:
        value = fixed_point(backup).value
    policy = backup.linearise(value).weights if refine else None
    return banach(reward, transition, discount, backup.levels, value, bits, policy)


def contains(enclosure, value):
    """By the decimal strings and by the outward-rounded doubles."""
    for v, mid, rad, low, high in zip(
        value, enclosure.midpoint, enclosure.radius, enclosure.lower, enclosure.upper, strict=True
    ):
        mid, rad = mp.mpf(mid), mp.mpf(rad)
        if not (abs(v - mid) <= rad and mp.mpf(low) <= v <= mp.mpf(high)):
            return False
    return True


BETAS = [
    (2.0, 3.0),
    (5.0, -3.0),
    (-2.0, -40.0),
    (0.0, 1e-300),
    (1e-9, -1e-12),
    (INF, -INF),
    (-INF, 0.0),
    (1e3, -1e6),
    (1e15, -1e30),
    (1e200, 1e250),
    (-1e308, 5e-324),
]


@pytest.mark.parametrize("betas", BETAS)
@pytest.mark.parametrize("zeros", [False, True])
def test_contains_an_independent_solution_and_narrows(betas, zeros):
    with mp.workdps(90):
        system = random_system(3, betas, zeros=zeros)
        reward, transition, discount, recipe = system
        levels = check(recipe, 3, (2, 3))
        proofs = [prove(system, bits) for bits in (53, 128, 190)]
        reference = mp_solution(reward, transition, discount, levels, proofs[-1].lower)
        for proof in proofs:
            assert contains(proof, reference)
        radii = [max(Decimal(r) for r in proof.radius) for proof in proofs]
        assert radii[0] < Decimal("1e-8")  # rewards outside the support may be 1e6
        assert radii[1] < Decimal("1e-29")
        assert radii[2] < Decimal("1e-48")


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    betas=st.tuples(*[st.sampled_from([-INF, -20.0, -1.0, 0.0, 1e-6, 0.5, 7.0, INF])] * 2),
    error=st.sampled_from([1e-12, 1e-6, 1e-2, 10.0, 1e5]),
)
def test_a_wrong_candidate_is_only_wider(seed, betas, error):
    """Without Newton steps a perturbed value is enclosed honestly; with them it is repaired."""
    system = random_system(seed, betas)
    truth = prove(system, 160)
    noise = np.random.default_rng(seed).uniform(-1, 1, 3)
    noise[0] = 1.0
    wrong = (truth.lower + truth.upper) / 2 + error * noise
    proof = prove(system, refine=False, value=wrong)
    assert (proof.lower <= truth.lower).all()
    assert (truth.upper <= proof.upper).all()
    assert error * 0.9 <= proof.width <= 2 * error * 3 + 1e-9
    repaired = prove(system, value=wrong)
    assert (repaired.lower <= truth.upper).all()
    assert (truth.lower <= repaired.upper).all()
    assert repaired.width <= proof.width
    if error <= 1e-6:
        assert repaired.width < 1e-12


@pytest.mark.parametrize("scale", [1 + 5e-10, 1 - 5e-10])
def test_the_certificate_is_about_the_rows_as_stored(scale):
    with mp.workdps(90):
        reward, transition, discount, recipe = random_system(5, (2.0, -1.0))
        system = (reward, transition * scale, discount, recipe)
        proof = prove(system)
        levels = check(recipe, 3, (2, 3))
        assert contains(proof, mp_solution(*system[:3], levels, proof.lower))
        stochastic = mp_solution(reward, transition, discount, levels, proof.lower)
        assert not contains(proof, stochastic)


def test_no_contraction_no_certificate():
    reward, transition, _, recipe = random_system(6, (1.0, 1.0))
    levels = check(recipe, 3, (2, 3))
    with pytest.raises(CertificateError, match="not below 1"):
        banach(reward, transition * (1 + 1e-9), 1 - 1e-10, levels, np.zeros(3))


def test_a_huge_beta_on_a_single_outcome():
    """β·(rounding of the float shift) may be large where β·spread is zero."""
    reward, transition, discount, _ = random_system(14, (1.0, 1.0), actions=(1, 2))
    recipe = (Aggregation(OPPONENT, -1.0), Aggregation(AGENT, 1e15))
    with mp.workdps(90):
        system = (reward * 1e5, transition, discount, recipe)
        proof = prove(system, 160)
        levels = check(recipe, 3, (1, 2))
        assert contains(proof, mp_solution(*system[:3], levels, proof.lower))
        assert max(map(Decimal, proof.radius)) < Decimal("1e-38")


def test_sparse_is_dense():
    reward, transition, discount, recipe = random_system(7, (4.0, -2.0), states=6)
    transition[transition < 0.1] = 0.0
    transition /= transition.sum(axis=-1, keepdims=True)
    dense = prove((reward, transition, discount, recipe))
    packed = prove((reward, csr_array(transition.reshape(-1, 6)), discount, recipe))
    for one, other in zip(dense.midpoint, packed.midpoint, strict=True):
        assert abs(Decimal(one) - Decimal(other)) < Decimal("1e-35")


@pytest.mark.parametrize("actions", [(4,), (2, 3, 2)])
def test_any_number_of_players(actions):
    with mp.workdps(90):
        rng = np.random.default_rng(8)
        reward = rng.normal(size=(2, *actions))
        transition = rng.dirichlet(np.ones(2), size=(2, *actions))
        order = rng.permutation(len(actions))
        recipe = tuple(Aggregation(int(k), float(rng.normal() * 4)) for k in order)
        levels = check(recipe, 2, actions)
        proof = prove((reward, transition, 0.5, recipe))
        assert contains(proof, mp_solution(reward, transition, 0.5, levels, proof.lower))
        assert proof.width < 1e-14


def test_monotone_brackets():
    reward, transition, discount, recipe = random_system(9, (3.0, -3.0))
    levels = check(recipe, 3, (2, 3))
    data = (reward, transition, discount, levels)
    truth = prove((reward, transition, discount, recipe))
    low, high = truth.lower - 1e-6, truth.upper + 1e-3
    proof = monotone(*data, low, high)
    assert (proof.lower <= low).all()
    assert (proof.upper >= high).all()
    assert proof.width < 1.1e-3
    with pytest.raises(CertificateError, match="lower <= T lower"):
        monotone(*data, truth.upper + 1e-9, high)
    with pytest.raises(CertificateError, match="T upper <= upper"):
        monotone(*data, low, truth.lower - 1e-9)
    high[1] += 10.0  # V* is still below, but T hi ≤ hi may fail elsewhere: no proof, no claim
    low[1] -= 10.0
    with pytest.raises(CertificateError, match=r"at state [02]"):
        monotone(*data, low, high)


def test_strings_and_doubles_tell_the_same():
    proof = prove(random_system(10, (1.0, 2.0)))
    for mid, rad, low, high in zip(
        proof.midpoint, proof.radius, proof.lower, proof.upper, strict=True
    ):
        centre, half = Fraction(mid), Fraction(rad)
        assert 0 < half < Fraction(1, 10**30)
        assert Fraction(float(low)) <= centre - half / 2
        assert centre + half / 2 <= Fraction(float(high))
        assert math.nextafter(low, INF) >= centre or high == math.nextafter(low, INF)
    assert proof.bits == 128
    assert proof.method.startswith("Banach")


def test_precision_is_given_back():
    before = ctx.prec
    system = random_system(11, (1.0, 1.0))
    prove(system, 300)
    assert ctx.prec == before
    with pytest.raises(CertificateError):
        banach(system[0], system[1] * 3, 0.9, check(system[3], 3, (2, 3)), np.zeros(3), 300)
    assert ctx.prec == before


@pytest.mark.parametrize("bits", [0, 23, 10_001, 53.0, "128"])
def test_bits(bits):
    with pytest.raises(InputError, match="bits must be an integer from 24 to 10000"):
        prove(random_system(12, (1.0, 1.0)), bits)


def test_units_do_not_matter():
    """Values of 1e-200 or 1e200 keep their relative width."""
    reward, transition, discount, recipe = random_system(13, (2.0, -3.0))
    backup = Backup(reward, transition, discount, recipe)
    value = fixed_point(backup).value
    policy = backup.linearise(value).weights
    for unit in (2.0**-600, 2.0**600):
        scaled = tuple(Aggregation(x.axis, x.beta / unit, x.prior) for x in recipe)
        data = (reward * unit, transition, discount, check(scaled, 3, (2, 3)))
        rough = banach(*data, np.zeros(3))
        fine = banach(*data, value * unit, 128, policy)
        assert rough.width < 100 * unit
        assert max(map(Decimal, fine.radius)) < Decimal("1e-35") * Decimal(unit)
        assert (fine.lower >= rough.lower).all()
        assert (fine.upper <= rough.upper).all()


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    rows=st.integers(1, 4),
    columns=st.integers(1, 9),
    bits=st.sampled_from([53, 128, 256]),
    packed=st.booleans(),
)
def test_exact_product(data, rows, columns, bits, packed):
    """Against rational arithmetic, to bits relative to the largest |x|, denormals included."""
    entry = st.one_of(
        st.floats(0, 1), st.just(0.0), st.sampled_from([5e-324, 1e-300, 2.0**-60, 1.0])
    )
    row = st.lists(entry, min_size=columns, max_size=columns)
    matrix = np.array(data.draw(st.lists(row, min_size=rows, max_size=rows)))
    matrix /= np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    x = data.draw(st.lists(st.integers(-(2**bits), 2**bits), min_size=columns, max_size=columns))
    x[0] = 2**bits - 1
    with ctx.workprec(bits):
        product = ExactProduct(csr_array(matrix) if packed else matrix, bits)(x, arb(1))
    for row, ball in zip(matrix, product, strict=True):
        truth = sum((Fraction(float(p)) * n for p, n in zip(row, x, strict=True)), Fraction(0))
        with ctx.workprec(5000):
            gap = abs(ball.mid() - arb(truth.numerator) / truth.denominator)
            assert gap < ball.rad() + arb(2) ** -1000
        assert float(ball.rad()) <= 64.0


def test_row_sums_are_bounded_from_above():
    matrix = np.full((1, 1000), 0.1)
    with ctx.workprec(64):
        bound = ExactProduct(matrix, 64).largest_row_sum()
    truth = 1000 * Fraction(0.1)
    with ctx.workprec(500):
        assert bound >= arb(truth.numerator) / truth.denominator
        assert bound < 100.0001
