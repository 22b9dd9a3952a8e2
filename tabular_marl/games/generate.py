"""Random games with explicit seeds, in the four mixing classes that tell solvers apart.

    dense     every row of P(· | s, a) is Dirichlet(1, …, 1) over all states: mixes in a few steps
    ring      from s to s−1, s, s+1 (mod S) only: mixes in about S² steps
    sparse    k random successors a row, CSR: an expander, mixes fast but fills in under LU
    local     k successors in a window around s (mod S), CSR: mixes slowly, banded

Rewards are standard normal, one array a player. ``actions`` counts each player's actions; a
single-agent problem is ``actions=(A, 1)``. The same arguments give the same game on every run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.stochastic import Array, StochasticGame
from tabular_marl.validation import InputError, integer

#: Rows of a random CSR matrix are drawn in blocks of about this many candidates.
BLOCK = 4_000_000


def random_matrix_game(actions: Sequence[int] = (2, 2), *, seed: int) -> MatrixGame:
    """Standard normal payoffs, independent for each player.

    >>> random_matrix_game((3, 2), seed=1)
    MatrixGame('random-3x2-seed-1', actions 3×2)
    """
    counts = _counts(actions)
    payoffs = np.random.default_rng(seed).normal(size=(len(counts), *counts))
    return MatrixGame(payoffs, name=_name("random", counts, seed))


def random_game(
    states: int, actions: Sequence[int] = (2, 2), *, seed: int, discount: float = 0.9
) -> StochasticGame:
    """Dense and fast mixing: rows uniform on the simplex.

    >>> random_game(4, (3, 2), seed=1)
    StochasticGame('dense-4-3x2-seed-1', 4 states, actions 3×2, discount 0.9)
    """
    counts = _counts(actions)
    states = integer("states", states)
    rng = np.random.default_rng(seed)
    rows = rng.exponential(size=(states, *counts, states))
    rows /= rows.sum(axis=-1, keepdims=True)
    return _with_rewards("dense", rows, states, counts, rng, seed, discount)


def ring_game(
    states: int,
    actions: Sequence[int] = (2, 2),
    *,
    seed: int,
    discount: float = 0.9,
    as_sparse: bool = False,
) -> StochasticGame:
    """Slow mixing: from each state to its two neighbours on a ring or nowhere; needs S ≥ 3.

    >>> ring_game(5, (2, 1), seed=0).transition[0, 0, 0].round(2)
    array([0.59, 0.01, 0.  , 0.  , 0.4 ])
    """
    counts = _counts(actions)
    states = integer("states", states, 3)
    rng = np.random.default_rng(seed)
    rows = states * math.prod(counts)
    weight = rng.exponential(size=(rows, 3))
    weight /= weight.sum(axis=1, keepdims=True)
    here = np.repeat(np.arange(states), math.prod(counts))
    targets = (here[:, None] + np.array([-1, 0, 1])) % states
    matrix = _csr(weight, targets, states)
    transition = matrix if as_sparse else matrix.toarray().reshape(states, *counts, states)
    return _with_rewards("ring", transition, states, counts, rng, seed, discount)


def sparse_game(
    states: int,
    actions: Sequence[int] = (2, 2),
    *,
    seed: int,
    successors: int = 10,
    local: bool = False,
    window: int | None = None,
    discount: float = 0.9,
) -> StochasticGame:
    """CSR transitions to ``successors`` different states, uniform on their simplex.

    ``local`` draws them from the ``window`` states around s (mod S; 2·successors unless given),
    else from all states.

    >>> sparse_game(100, (2, 2), seed=0, successors=3)
    StochasticGame('sparse-100-2x2-seed-0', 100 states, actions 2×2, discount 0.9, sparse with \
1200 transitions)
    """
    counts = _counts(actions)
    states = integer("states", states)
    successors = integer("successors", successors)
    reach = (min(2 * successors, states) if window is None else window) if local else states
    if not successors <= reach <= states:
        raise InputError(
            "window" if local else "successors",
            f"allow {successors} different successors among {states} states",
            f"{reach} states were in reach",
        )
    rng = np.random.default_rng(seed)
    joint = math.prod(counts)
    rows = states * joint
    offsets = _distinct(rng, rows, successors, reach)
    if local:
        here = np.repeat(np.arange(states), joint)
        offsets = (here[:, None] + offsets - reach // 2) % states
    weight = rng.exponential(size=(rows, successors))
    weight /= weight.sum(axis=1, keepdims=True)
    kind = "local" if local else "sparse"
    return _with_rewards(kind, _csr(weight, offsets, states), states, counts, rng, seed, discount)


def _distinct(
    rng: np.random.Generator, rows: int, count: int, below: int
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """``rows`` draws of ``count`` different integers below ``below``, uniform over the sets."""
    drawn = np.empty((rows, count), dtype=np.int64)
    if below <= 8 * count:  # few candidates: the smallest of random keys
        block = max(1, BLOCK // below)
        for at in range(0, rows, block):
            keys = rng.random((min(block, rows - at), below))
            drawn[at : at + block] = np.argpartition(keys, count - 1, axis=1)[:, :count]
        return drawn
    todo = np.arange(rows)
    while todo.size:  # many: redraw the rows that hold a repeat
        drawn[todo] = rng.integers(below, size=(todo.size, count))
        ordered = np.sort(drawn[todo], axis=1)
        todo = todo[(ordered[:, 1:] == ordered[:, :-1]).any(axis=1)]
    return drawn


def _csr(weight: Array, targets: np.ndarray, states: int) -> sparse.csr_array:
    """Rows with ``weight`` on ``targets``, both [row, successor]."""
    rows, width = weight.shape
    starts = np.arange(0, rows * width + 1, width)
    return sparse.csr_array((weight.ravel(), targets.ravel(), starts), shape=(rows, states))


def _with_rewards(
    kind: str,
    transition: Array | sparse.csr_array,
    states: int,
    counts: tuple[int, ...],
    rng: np.random.Generator,
    seed: int,
    discount: float,
) -> StochasticGame:
    reward = rng.normal(size=(len(counts), states, *counts))
    name = _name(f"{kind}-{states}", counts, seed)
    return StochasticGame(transition, reward, discount=discount, name=name)


def _name(kind: str, counts: tuple[int, ...], seed: int) -> str:
    return f"{kind}-{'x'.join(map(str, counts))}-seed-{seed}"


def _counts(actions: Sequence[int]) -> tuple[int, ...]:
    counts = tuple(integer(f"actions[{k}]", n) for k, n in enumerate(actions))
    if len(counts) < 2:
        raise InputError(
            "actions",
            "count the actions of two players or more; give a single agent's opponent one",
            f"it was {actions!r}",
        )
    return counts
