"""The gain and bias of one policy's chain, of any size.

    g + h = r + P h                                                        FURTHER (15), Prop. 2

By elimination where that fits (active/chains.py: accurate whatever the coupling, any number of
classes). Beyond, for one recurrent class, by Krylov iteration on

    (I − P + 1 e_0ᵀ) h = r,      whose solution has h_0 = g

since a stationary π from the left leaves h_0 = π r. Nothing is claimed for its accuracy:
bounds on gains are checked afterwards (active/gain_bounds.py).
"""

from __future__ import annotations

import numpy as np
from scipy.sparse.linalg import LinearOperator, bicgstab

from tabular_marl.active.chains import Array, MarkovChain
from tabular_marl.active.gain_bounds import centred
from tabular_marl.numerics.elimination import TooMuchFill


def evaluate(chain: MarkovChain, reward: Array) -> tuple[Array, Array]:
    """Gain and bias of a chain [n] both; by Krylov iteration where elimination would not fit.

    The bias is normalised by P* h = 0 after elimination, centred at 0 after Krylov iteration.
    Raises TooMuchFill for a large chain of several classes. Source: FURTHER Prop. 2.

    >>> evaluate(MarkovChain([[0, 1], [1, 0]]), np.array([1.0, 0.0]))[0]
    array([0.5, 0.5])
    """
    try:
        return chain.gain_and_bias(reward)
    except TooMuchFill:
        if not chain.is_unichain:
            raise
    return _krylov(chain, reward)


def _krylov(chain: MarkovChain, reward: Array) -> tuple[Array, Array]:
    matrix = chain.transition
    at = int(chain.references[0])
    size = chain.num_states
    operator = LinearOperator(
        (size, size), matvec=lambda h: h - matrix @ h + h[at], dtype=np.float64
    )
    h = np.zeros(size)
    for _ in range(3):  # restarts from the true residual
        rest = reward - operator.matvec(h)
        if np.abs(rest).max() <= 1e-13 * np.abs(reward).max():
            break
        h = h + bicgstab(operator, rest, rtol=1e-10, atol=0.0, maxiter=2000)[0]
    return np.full(size, h[at]), centred(h)
