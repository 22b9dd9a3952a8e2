"""The gain and bias of one policy's chain, of any size.

    g + h = r + P h                                                        FURTHER (15), Prop. 2

By elimination where that fits (active/chains.py: accurate whatever the coupling, any number of
classes). Large chains of one recurrent class that mix fast, or do not fit, by Krylov iteration on

    (I − P + 1 e_0ᵀ) h = r,      whose solution has h_0 = g

since a stationary π from the left leaves h_0 = π r. A chain of nearly decoupled parts mixes too
slowly for that: h is then almost constant on each part. Parts are what strong transitions connect,
and each step is preceded by the exact solution on parts (aggregation, Koury, McAllister and
Stewart 1984) and followed by one multiplication; steps then no longer depend on the coupling.
Nothing is claimed for the accuracy of either: bounds on gains are checked afterwards
(active/gain_bounds.py).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import LinearOperator, gmres

from tabular_marl.active.chains import Array, MarkovChain
from tabular_marl.active.gain_bounds import centred
from tabular_marl.numerics.elimination import TooMuchFill
from tabular_marl.numerics.kernels import poisson as kernels

#: From this many states on, so many steps of Krylov iteration are tried first.
LARGE, QUICK = 50_000, 100

#: What they find is good enough if the bias is at most so many times the reward.
EASY = 1e6

#: Before Krylov iteration is tried, elimination may take this many products for each transition.
PATIENCE = 15

#: Krylov iteration is done when the residual is this share of the reward, and used if it is
#: within ten times that share of the reward and the bias.
RESIDUAL = 1e-14

#: Parts are connected by transitions of at least one of these probabilities, the first that leaves
#: no more than so many parts.
STRONG, MOST_PARTS = (0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4, 1e-5, 1e-6), 2000

#: Steps on parts, the share that each start of them removes, and how many starts there are.
PART_STEPS, PART_SHARE, PART_STARTS = 50, 1e-8, 6

#: Its steps, before it is given up for elimination whatever the work.
MAX_STEPS = 2000


def evaluate(chain: MarkovChain, reward: Array) -> tuple[Array, Array]:
    """Gain and bias of a chain [n] both; by Krylov iteration where elimination would not fit.

    The bias is normalised by P* h = 0 after elimination, centred at 0 after Krylov iteration.
    Raises TooMuchFill for a large chain of several classes, or one that mixes too slowly.
    Source: FURTHER Prop. 2.

    >>> evaluate(MarkovChain([[0, 1], [1, 0]]), np.array([1.0, 0.0]))[0]
    array([0.5, 0.5])
    """
    if chain.is_unichain and sparse.issparse(chain.transition):
        found = None
        if chain.num_states >= LARGE:
            found = _krylov(chain, reward, QUICK) or _by_parts(chain, reward)
            if found is not None and np.abs(found[1]).max() <= EASY * np.abs(reward).max():
                return found
        try:
            chain.prepare(PATIENCE * chain.transition.nnz)
        except TooMuchFill:
            found = found or _krylov(chain, reward, MAX_STEPS)
            if found is not None:
                return found
    return chain.gain_and_bias(reward)


def _krylov(chain: MarkovChain, reward: Array, max_steps: int) -> tuple[Array, Array] | None:
    """None if the equation does not hold well in the end."""
    matrix, at = chain.transition, int(chain.references[0])
    h = np.zeros(chain.num_states)
    size = float(np.abs(reward).max())
    parts = (matrix.indptr, matrix.indices, matrix.data)
    rest = kernels.bicgstab(*parts, at, h, reward, RESIDUAL * size, max_steps)
    if not rest <= 10 * RESIDUAL * (size + np.abs(h).max()):
        return None
    return np.full(chain.num_states, h[at]), centred(h)


def _by_parts(chain: MarkovChain, reward: Array) -> tuple[Array, Array] | None:
    """None if there are no parts, or the equation does not hold well in the end."""
    matrix, n = chain.transition, chain.num_states
    count, part = _parts(matrix)
    if count == 1:
        return None
    member = sparse.csr_array((np.ones(n), (np.arange(n), part)), shape=(n, count))
    moves = sparse.csr_array(matrix @ member)
    sizes = np.bincount(part)
    between = (member.T @ moves).toarray() / sizes[:, None]
    # values relative to a part that is hardly ever visited would be huge
    mass = MarkovChain.trusted(between).class_distribution[part] * (chain.class_labels >= 0)
    at = int(np.argmax(mass * np.asarray(matrix.sum(axis=0)).ravel()))
    coarse = np.eye(count) - between
    coarse[:, part[at]] += 1
    inverse = np.linalg.inv(coarse)

    def operator(h: Array) -> Array:
        return np.asarray(h - matrix @ h + h[at])

    def prepared(v: Array) -> Array:
        level = inverse @ ((member.T @ v) / sizes)
        return np.asarray(v + moves @ level - level[part[at]])

    left = LinearOperator((n, n), matvec=operator, dtype=np.float64)
    right = LinearOperator((n, n), matvec=prepared, dtype=np.float64)
    h, size = np.zeros(n), float(np.abs(reward).max())
    rest = reward
    for _ in range(PART_STARTS):
        step, _ = gmres(
            left, rest, M=right, rtol=PART_SHARE, restart=PART_STEPS, maxiter=3 * PART_STEPS
        )
        tried = reward - operator(h + step)
        if not np.abs(tried).max() <= np.abs(rest).max() / 2:
            break
        h, rest = h + step, tried
    if not np.abs(rest).max() <= 10 * RESIDUAL * (size + np.abs(h).max()):
        return None
    return np.full(n, h[at]), centred(h)


def _parts(matrix: sparse.csr_array) -> tuple[int, Array]:
    """How many parts strong transitions leave, and the part of each state."""
    graph = matrix.tocoo()
    for least in STRONG:
        kept = graph.data >= least
        strong = sparse.coo_array(
            (graph.data[kept], (graph.row[kept], graph.col[kept])), shape=matrix.shape
        )
        count, part = csgraph.connected_components(strong, directed=False)
        if count <= MOST_PARTS:
            return int(count), part
    return 1, np.zeros(matrix.shape[0], dtype=np.int64)
