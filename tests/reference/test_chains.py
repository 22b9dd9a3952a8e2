"""Markov chains against exact rational solutions, known answers and the definitions."""

from __future__ import annotations

from fractions import Fraction

import flint
import numpy as np
import pytest
from scipy import sparse

from tabular_marl.active.chain_structure import scaled_law
from tabular_marl.active.chains import MarkovChain
from tabular_marl.active.periodic import periodic_distributions, periodic_limit
from tabular_marl.numerics import elimination
from tabular_marl.numerics.elimination import TooMuchFill, eliminate
from tabular_marl.validation import InputError

FORMS = {"dense": np.array, "sparse": sparse.csr_array}


def rational(matrix):
    """Off-diagonal doubles as exact rationals, diagonals such that rows sum to one exactly."""
    rows = [[Fraction(float(x)) for x in row] for row in matrix]
    for i, row in enumerate(rows):
        row[i] = 1 - sum(x for j, x in enumerate(row) if j != i)
    return rows


def exact_stationary(matrix):
    """π of an irreducible chain in exact rationals: π (I − P) = 0 with π_0 = 1, normalised."""
    rows = rational(matrix)
    n = len(rows)
    a = flint.fmpq_mat(n - 1, n - 1)
    b = flint.fmpq_mat(n - 1, 1)
    for i in range(1, n):
        for j in range(1, n):
            x = Fraction(int(i == j)) - rows[j][i]
            a[i - 1, j - 1] = flint.fmpq(x.numerator, x.denominator)
        b[i - 1, 0] = flint.fmpq(rows[0][i].numerator, rows[0][i].denominator)
    x = a.solve(b)
    pi = [Fraction(1)] + [Fraction(int(v.p), int(v.q)) for v in x.entries()]
    return [p / sum(pi) for p in pi]


def blocks(rng, sizes, coupling):
    """Dense blocks with all other entries of the order of ``coupling``."""
    n = sum(sizes)
    p = rng.dirichlet(np.ones(n), n) * coupling
    at = 0
    for size in sizes:
        p[at : at + size, at : at + size] = rng.dirichlet(np.ones(size), size)
        at += size
    return p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("coupling", [1.0, 1e-6, 1e-18, 1e-40])
@pytest.mark.parametrize("sizes", [(3, 4), (1, 5, 2), (20, 25)])
def test_stationary_distribution_has_small_relative_errors(form, coupling, sizes):
    p = blocks(np.random.default_rng(0), sizes, coupling)
    chain = MarkovChain(FORMS[form](p))
    assert chain.is_unichain
    exact = exact_stationary(p)
    relative = [
        abs(Fraction(float(x)) / y - 1)
        for x, y in zip(chain.class_distribution, exact, strict=True)
    ]
    assert max(relative) < 1e-14


@pytest.mark.parametrize("size", [63, 64, 65, 150])
def test_blocked_elimination_at_block_boundaries(size):
    """A birth-death chain over 40 orders of magnitude: detailed balance is the exact answer."""
    rng = np.random.default_rng(size)
    up = 10.0 ** rng.uniform(-3, -1, size - 1)
    down = 10.0 ** rng.uniform(-3, -1, size - 1)
    p = np.diag(up, 1) + np.diag(down, -1)
    np.fill_diagonal(p, 1 - p.sum(axis=1))
    log_pi = np.concatenate([[0], np.cumsum(np.log(up) - np.log(down))])
    exact = np.exp(log_pi - log_pi.max())
    exact /= exact.sum()
    for form in FORMS.values():
        np.testing.assert_allclose(MarkovChain(form(p)).class_distribution, exact, rtol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_gamblers_ruin_far_from_fair(form):
    """P(reach N before 0) = (1 − r^x)/(1 − r^N), r = q/p: entries down to 1e-60, all to 1e-13."""
    n, up = 60, 1 / 11
    p = np.zeros((n + 1, n + 1))
    p[0, 0] = p[n, n] = 1
    for x in range(1, n):
        p[x, x + 1], p[x, x - 1] = up, 1 - up
    win = MarkovChain(FORMS[form](p)).absorption_probabilities[:, 1]
    u, d = Fraction(float(up)), Fraction(1 - up)
    ratio = d / u
    exact = [(1 - ratio**x) / (1 - ratio**n) for x in range(n + 1)]
    for found, true in zip(win[1:], exact[1:], strict=True):
        assert abs(Fraction(float(found)) / true - 1) < 1e-12


def multichain(rng):
    """Two closed classes (periods 2 and 3), a third of one state, and four transient states."""
    p = np.zeros((12, 12))
    p[0, 1] = 1
    p[1, [0, 2]] = [0.3, 0.7]
    p[2, 1] = 1
    p[3, 4] = p[4, 5] = 1
    p[5, [3, 6]] = [0.4, 0.6]
    p[6, 4] = 1
    p[7, 7] = 1
    p[8:, :] = rng.dirichlet(np.ones(12), 4)
    p[8, :8] = 0
    p[8] /= p[8].sum()
    shuffle = rng.permutation(12)
    return p[np.ix_(shuffle, shuffle)], shuffle


@pytest.mark.parametrize("form", FORMS)
def test_structure_of_a_multichain(form):
    p, shuffle = multichain(np.random.default_rng(1))
    chain = MarkovChain(FORMS[form](p))
    where = np.argsort(shuffle)  # where[old] = new
    wanted = [sorted(where[list(c)]) for c in ((0, 1, 2), (3, 4, 5, 6), (7,))]
    wanted.sort()
    assert [list(c) for c in chain.recurrent_classes] == wanted
    assert list(chain.transient_states) == sorted(where[8:])
    period = {3: 2, 4: 3, 1: 1}
    assert list(chain.periods) == [period[len(c)] for c in wanted]
    for members, d in zip(chain.recurrent_classes, chain.periods, strict=True):
        for x in members:
            for y in np.flatnonzero(p[x]):
                assert (chain.phases[x] + 1 - chain.phases[y]) % d == 0
    assert (chain.phases[chain.transient_states] == -1).all()


@pytest.mark.parametrize("form", FORMS)
def test_long_run_matrices_against_their_definitions(form):
    p, _ = multichain(np.random.default_rng(2))
    chain = MarkovChain(FORMS[form](p))
    power = np.linalg.matrix_power(p, 6 * 2**12)  # a multiple of every period
    limit = sum(power @ np.linalg.matrix_power(p, t) for t in range(6)) / 6
    np.testing.assert_allclose(chain.cesaro_limit, limit, atol=1e-11)
    np.testing.assert_allclose(chain.absorption_probabilities.sum(axis=1), np.ones(12), rtol=1e-14)
    d = np.linalg.inv(np.eye(12) - p + limit) - limit
    np.testing.assert_allclose(chain.deviation_matrix, d, atol=1e-10)
    r = np.random.default_rng(3).normal(size=12)
    gain, bias = chain.gain_and_bias(r)
    np.testing.assert_allclose(gain, limit @ r, atol=1e-11)
    np.testing.assert_allclose(gain + bias, r + p @ bias, atol=1e-12)
    np.testing.assert_allclose(chain.cesaro_limit @ bias, 0, atol=1e-13)
    start = np.random.default_rng(4).dirichlet(np.ones(12))
    np.testing.assert_allclose(chain.long_run(start), start @ limit, atol=1e-12)
    np.testing.assert_allclose(
        chain.arrival(start), start @ chain.absorption_probabilities, atol=1e-13
    )


@pytest.mark.parametrize("k", [1, 2, 3, 4, 6, 7])
def test_periodic_distributions(k):
    p, _ = multichain(np.random.default_rng(5))
    chain = MarkovChain(p)
    found = periodic_distributions(chain, k)
    assert found.shape[0] == sum(np.gcd(k, chain.periods))
    np.testing.assert_allclose(found.sum(axis=2), 1, rtol=1e-13)
    for orbit in found:  # FURTHER (19) for each ℓ
        np.testing.assert_allclose(orbit @ p, np.roll(orbit, -1, axis=0), atol=1e-14)
        np.testing.assert_allclose(orbit.mean(axis=0) @ p, orbit.mean(axis=0), atol=1e-14)
    # extreme: P^k has exactly as many recurrent classes, one for the support of each first row
    closed = MarkovChain(np.linalg.matrix_power(p, k)).recurrent_classes
    supports = sorted(tuple(np.flatnonzero(orbit[0])) for orbit in found)
    assert supports == sorted(map(tuple, closed))


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_limit_along_a_subsequence(k):
    p, _ = multichain(np.random.default_rng(6))
    chain = MarkovChain(p)
    start = np.eye(12)[chain.transient_states[0]]
    found = periodic_limit(chain, start, k)
    far = start @ np.linalg.matrix_power(p, 6 * 2**12)
    runs = np.array([far @ np.linalg.matrix_power(p, t) for t in range(6)])
    wanted = np.array([runs[step::k].mean(axis=0) if 6 % k == 0 else None for step in range(k)])
    np.testing.assert_allclose(found.distribution, wanted, atol=1e-11)
    np.testing.assert_allclose(found.mean, chain.long_run(start), atol=1e-12)
    assert found.converges == (k == 6)


def test_long_subsequences_take_memory_by_the_state_not_by_their_square():
    chain = MarkovChain([[0, 1], [1, 0]])
    law = periodic_limit(chain, [1, 0], 100_000).distribution
    np.testing.assert_array_equal(law[:3], [[1, 0], [0, 1], [1, 0]])
    with pytest.raises(InputError, match="k must give at most"):
        periodic_limit(chain, [1, 0], 10**10)
    with pytest.raises(InputError, match="initial must sum to 1; it summed to 2"):
        periodic_limit(chain, [1, 1], 2)


def test_weak_coupling_of_sparse_cycles_and_poisson():
    """Bias of order 1/coupling: the equation holds to its own rounding."""
    rng = np.random.default_rng(7)
    p = blocks(rng, (30, 40), 1e-12)
    r = rng.normal(size=70)
    gain, bias = MarkovChain(p).gain_and_bias(r)
    assert np.ptp(gain) == 0
    assert np.abs(bias).max() > 1e9
    assert np.abs(gain + bias - r - p @ bias).max() < 1e-14 * np.abs(bias).max()


@pytest.mark.parametrize("states", [10, 400, 3000])
def test_sparse_elimination_with_fill_and_a_dense_core(states):
    rng = np.random.default_rng(states)
    q = sparse.random_array((states, states), density=4 / states, rng=rng, format="csr")
    q = sparse.csr_array(q / (np.asarray(q.sum(axis=1)) + 0.01)[:, None])
    exits = 1 - np.asarray(q.sum(axis=1))
    f = rng.normal(size=(states, 2))
    found = eliminate(q, exits)
    full = np.eye(states) - q.toarray()
    np.testing.assert_allclose(found.solve(f), np.linalg.solve(full, f), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(
        found.solve_left(f.T), np.linalg.solve(full.T, f).T, rtol=1e-8, atol=1e-9
    )


def test_too_much_fill_is_refused(monkeypatch):
    rng = np.random.default_rng(0)
    q = sparse.random_array((300, 300), density=0.03, rng=rng, format="csr")
    q = sparse.csr_array(q / (np.asarray(q.sum(axis=1)) + 0.01)[:, None])
    monkeypatch.setattr(elimination, "MAX_DENSE", 20)
    monkeypatch.setattr(elimination, "MAX_ENTRIES", 2 * q.nnz)
    with pytest.raises(TooMuchFill, match="300 states filled up"):
        eliminate(q, 1 - np.asarray(q.sum(axis=1)))


@pytest.mark.parametrize("form", FORMS)
def test_a_state_that_is_never_left(form):
    q = np.array([[0.0, 0.5, 0.0], [0.0, 0.0, 0.0], [0.5, 0.0, 0.0]])
    with pytest.raises(InputError, match="never left"):
        eliminate(FORMS[form](q), np.array([0.5, 0.0, 0.5]))


@pytest.mark.parametrize("form", FORMS)
def test_every_state_a_class_of_its_own(form):
    chain = MarkovChain(FORMS[form](np.eye(3)))
    gain, bias = chain.gain_and_bias([1.0, 2.0, 3.0])
    assert gain.tolist() == [1, 2, 3]
    assert bias.tolist() == [0, 0, 0]
    assert chain.periods.tolist() == [1, 1, 1]
    np.testing.assert_array_equal(chain.cesaro_limit, np.eye(3))


def test_bad_chains_are_refused():
    with pytest.raises(InputError, match=r"row \[s=1\] summed to 0.9"):
        MarkovChain([[1.0, 0.0], [0.4, 0.5]])
    with pytest.raises(InputError, match=r"row \[s=1\] \(state 'b'\)"):
        MarkovChain(sparse.csr_array([[1.0, 0.0], [-0.5, 1.5]]), states=("a", "b"))
    with pytest.raises(InputError, match="square"):
        MarkovChain([[1.0, 0.0]])
    chain = MarkovChain(np.eye(2))
    with pytest.raises(InputError, match="one row for each of the 2 classes"):
        chain.absorbed([1.0])
    with pytest.raises(InputError, match="k must be an integer >= 1"):
        periodic_distributions(chain, 0)


def test_a_law_whose_ratios_do_not_fit_float64():
    """A walk on a ring whose drift changes from state to state: the first reference is too rare."""
    rng, n = np.random.default_rng(2), 5000
    rates = rng.dirichlet(np.full(3, 0.05), n) + 1e-9
    rates /= rates.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(n), 3)
    columns = (rows + np.tile([-1, 0, 1], n)) % n
    transition = sparse.csr_array((rates.ravel(), (rows, columns)), (n, n))
    chain = MarkovChain(transition)
    law = chain.class_distribution
    seen = law > 1e-290
    assert 0 < seen.sum() < n
    np.testing.assert_allclose((law @ transition)[seen], law[seen], rtol=1e-11)


def birth_and_death(up, down):
    """The chain on 0..n with these rates, and its exact law in rationals."""
    size = len(up) + 1
    matrix, weights = np.zeros((size, size)), [Fraction(1)]
    for k, (u, d) in enumerate(zip(up, down, strict=True)):
        matrix[k, k + 1], matrix[k + 1, k] = u, d
        weights.append(weights[-1] * Fraction(u) / Fraction(d))
    np.fill_diagonal(matrix, 1 - matrix.sum(axis=1))
    total = sum(weights)
    return matrix, np.array([float(w / total) for w in weights])


RARE = 2.0**-20
WELLS = ([RARE] * 70 + [0.25] * 70, [0.25] * 70 + [RARE] * 70)
TINY = ([5e-324, 0.5, 0.25], [1e-310, 2.0**-30, 0.5])


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize(
    ("up", "down"), [WELLS, (WELLS[0] * 2, WELLS[1] * 2), ([RARE] * 90, [0.25] * 90), TINY]
)
def test_wells_that_are_left_more_rarely_than_float64_can_hold(kind, up, down):
    """A barrier of 2^-1260 between two wells: the law is their halves, to relative accuracy."""
    matrix, exact = birth_and_death(up, down)
    law = MarkovChain(kind(matrix)).class_distribution
    seen = exact > 1e-307
    np.testing.assert_allclose(law[seen], exact[seen], rtol=1e-13)
    assert (law[~seen] <= 1e-306).all()


def test_scaled_numbers_agree_with_elimination_in_float64():
    """Random dense and sparse classes, transient states and two classes at once."""
    rng = np.random.default_rng(5)
    for keep in (1.0, 0.2):
        blocks = []
        for size in (30, 20):
            block = rng.random((size, size)) * 10.0 ** -rng.integers(0, 12, (size, size))
            block *= (rng.random((size, size)) < keep) | (np.roll(np.eye(size), 1, axis=1) > 0)
            blocks.append(block / block.sum(axis=1, keepdims=True))
        matrix = np.zeros((53, 53))
        matrix[:30, :30], matrix[30:50, 30:50] = blocks
        matrix[50:] = 1 / 53
        chain = MarkovChain(matrix)
        law = scaled_law(sparse.csr_array(matrix), chain.recurrent_classes)
        for members in chain.recurrent_classes:
            found = law[members] / law[members].sum()
            np.testing.assert_allclose(found, chain.class_distribution[members], rtol=1e-13)


def test_classes_too_large_for_scaled_numbers_are_refused(monkeypatch):
    monkeypatch.setattr("tabular_marl.active.chain_structure.MAX_SCALED", 100)
    with pytest.raises(InputError, match=r"ratios float64 can hold, or classes of at most 100"):
        _ = MarkovChain(birth_and_death(*WELLS)[0]).class_distribution
