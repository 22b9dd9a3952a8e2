"""The vector exp and log against mpmath, in units of the last place."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from numba import njit

from tabular_marl.numerics.kernels.lanes import (
    WIDTH,
    address,
    exponentials,
    interleave,
    load,
    log_and_reciprocal,
    store,
)

#: 2⁻⁵³ relative; a unit in the last place is between one and two of these
U = 2.0**-53


@njit
def _exponentials(y, e, e_minus_1):
    for block in range(y.size // WIDTH):
        a, b = exponentials(load(address(y, 0), block))
        store(address(e, 0), block, a)
        store(address(e_minus_1, 0), block, b)


@njit
def _log(s, s_minus_1, log, inverse):
    for block in range(s.size // WIDTH):
        a, b = log_and_reciprocal(load(address(s, 0), block), load(address(s_minus_1, 0), block))
        store(address(log, 0), block, a)
        store(address(inverse, 0), block, b)


@njit
def _interleave(source, games, length, target):
    for position in range(0, length, WIDTH):
        interleave(address(source, 0), address(games, 0), length, position, address(target, 0))


def worst(got, want):
    return max(
        float(abs(mpmath.mpf(float(g)) - w) / abs(w)) / U for g, w in zip(got, want, strict=True)
    )


@pytest.fixture(scope="module")
def arguments():
    rng = np.random.default_rng(0)
    edges = -np.log(2) * (np.arange(430) + 0.5)  # where the nearest multiple of log 2 changes
    y = -np.concatenate(
        [rng.random(2000) * 2, 10 ** rng.uniform(-300, 2.47, 2000), rng.random(400) * 0.4, -edges]
    )
    y = np.maximum(np.concatenate([y, edges * (1 + 1e-15), edges * (1 - 1e-15)]), -299.9)
    return y[: y.size // WIDTH * WIDTH]


def test_exponentials_are_right_to_two_roundings(arguments):
    e, e_minus_1 = np.empty_like(arguments), np.empty_like(arguments)
    _exponentials(arguments, e, e_minus_1)
    with mpmath.workdps(40):
        assert worst(e, [mpmath.exp(y) for y in arguments]) < 2
        assert worst(e_minus_1, [mpmath.expm1(y) for y in arguments]) < 2


def test_exponentials_at_the_ends():
    y = np.array([0.0, -300.0, -301.0, -1e300, -np.inf, -1e-320, -0.0, -5e-324])
    e, e_minus_1 = np.empty_like(y), np.empty_like(y)
    _exponentials(y, e, e_minus_1)
    assert e[0] == 1.0
    assert e_minus_1[0] == 0.0
    assert (e[2:5] == e[1]).all()
    assert 0 < e[1] < 1e-130
    assert (e_minus_1[1:5] == -1.0).all()
    assert e_minus_1[[5, 6, 7]].tolist() == y[[5, 6, 7]].tolist()


def test_log_is_right_to_two_roundings(arguments):
    """From s − 1 next to one, from s elsewhere; 1/s within three roundings."""
    s, s_minus_1 = np.empty_like(arguments), np.empty_like(arguments)
    _exponentials(arguments, s, s_minus_1)
    log, inverse = np.empty_like(s), np.empty_like(s)
    _log(s, s_minus_1, log, inverse)
    inside = s_minus_1 != 0
    with mpmath.workdps(40):
        want = [
            mpmath.log1p(mpmath.mpf(float(b))) if b > -0.29 else mpmath.log(mpmath.mpf(float(a)))
            for a, b in zip(s[inside], s_minus_1[inside], strict=True)
        ]
        assert worst(log[inside], want) < 2
        assert worst(inverse, [1 / mpmath.mpf(float(a)) for a in s]) < 4


@pytest.mark.parametrize("games", [[0, 1, 2, 3, 4, 5, 6, 7], [5, 0, 5, 2, 1, 1, 0, 3]])
def test_interleave_transposes(games):
    length = 3 * WIDTH
    source = np.arange(8 * length, dtype=float)
    target = np.zeros(length * WIDTH)
    _interleave(source, np.array(games), length, target)
    want = source.reshape(8, length)[games].T
    np.testing.assert_array_equal(target.reshape(length, WIDTH), want)
