"""Mixing times against closed forms and against step-by-step powers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tabular_marl.active.chains import MarkovChain
from tabular_marl.active.mixing import distance_from_limit, mixing_time
from tabular_marl.validation import InputError


@pytest.mark.parametrize(("p", "q"), [(0.1, 0.3), (0.9, 0.7), (1e-6, 3e-6), (0.25, 0.75)])
def test_two_states(p, q):
    """d(t) = max(p, q) |1 − p − q|^t / (p + q)."""
    chain = MarkovChain([[1 - p, p], [q, 1 - q]])
    far, rate = max(p, q) / (p + q), abs(1 - p - q)
    for t in (0, 1, 2, 7):
        assert distance_from_limit(chain, t) == pytest.approx(far * rate**t, abs=1e-14)
    for distance in (0.5, 0.25, 1e-3):
        exact = math.log(distance / far) / math.log(rate) if rate > 1e-12 else 0.5
        assert mixing_time(chain, distance) == pytest.approx(math.ceil(exact), rel=1e-9)


@pytest.mark.parametrize("coupling", [1e-6, 1e-12, 1e-18])
def test_blocks_that_hardly_meet(coupling):
    """Two blocks that mix in one step and leave at rate coupling/2: d = (1 − coupling)^t / 2."""
    p = np.kron(np.eye(2), np.full((2, 2), 0.5))
    p[0, 2] = p[2, 0] = coupling
    p[0, 0] = p[2, 2] = 0.5 - coupling
    wanted = math.log(2) / coupling
    assert mixing_time(MarkovChain(p)) == pytest.approx(wanted, rel=3 * coupling + 1e-13)


@pytest.mark.parametrize("seed", range(6))
def test_against_the_powers_one_by_one(seed):
    """One class or several, with transient states."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(6, 0.3), 6)
    if seed % 2:
        p[:2, 2:] = p[2:4, :2] = p[2:4, 4:] = 0
        p[:2, :2] += 0.1
        p[2:4, 2:4] += 0.1
        p /= p.sum(axis=1, keepdims=True)
    chain = MarkovChain(p)
    power, distances = np.eye(6), []
    for _ in range(400):
        distances.append(np.abs(power - chain.cesaro_limit).sum(axis=1).max() / 2)
        power = power @ p
    assert (np.diff(distances) < 1e-14).all()
    for distance in (0.4, 0.25, 1e-2, 1e-5):
        assert mixing_time(chain, distance) == int(np.argmax(np.array(distances) <= distance))
    assert distance_from_limit(chain, 37) == pytest.approx(distances[37], abs=1e-14)


def test_what_is_refused():
    with pytest.raises(InputError, match=r"no periods .* periods \[2\]"):
        mixing_time(MarkovChain([[0, 1], [1, 0]]))
    with pytest.raises(InputError, match=r"distance must be in \[1e-09, 1\); it was 1"):
        mixing_time(MarkovChain([[1]]), 1)
    with pytest.raises(InputError, match="t must be an integer >= 0"):
        distance_from_limit(MarkovChain([[1]]), -1)
    assert mixing_time(MarkovChain([[1]])) == 0
