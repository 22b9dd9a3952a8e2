"""The gain and bias of one policy's chain, of any size.

    g + h = r + P h                                                        FURTHER (15), Prop. 2

By elimination where that fits (active/chains.py: accurate whatever the coupling, any number of
classes). Large chains of one recurrent class that mix fast, or do not fit, by Krylov iteration on

    (I − P + 1 e_0ᵀ) h = r,      whose solution has h_0 = g

since a stationary π from the left leaves h_0 = π r. Nothing is claimed for its accuracy:
bounds on gains are checked afterwards (active/gain_bounds.py).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from tabular_marl.active.chains import Array, MarkovChain
from tabular_marl.active.gain_bounds import centred
from tabular_marl.numerics.elimination import TooMuchFill
from tabular_marl.numerics.kernels import poisson as kernels

#: From this many states on, so many steps of Krylov iteration are tried first.
LARGE, QUICK = 50_000, 100

#: Before Krylov iteration is tried, elimination may take this many products for each transition.
PATIENCE = 15

#: Krylov iteration is done when the residual is this share of the reward, and used if it is
#: within ten times that share of the reward and the bias.
RESIDUAL = 1e-14

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
        if chain.num_states >= LARGE and (found := _krylov(chain, reward, QUICK)) is not None:
            return found
        try:
            chain.prepare(PATIENCE * chain.transition.nnz)
        except TooMuchFill:
            if (found := _krylov(chain, reward, MAX_STEPS)) is not None:
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
