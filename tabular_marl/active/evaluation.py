"""The gain and bias of one policy's chain, of any size.

    g + h = r + P h                                                        FURTHER (15), Prop. 2

By elimination where that fits (active/chains.py: accurate whatever the coupling, any number of
classes). Large chains of one recurrent class that mix fast by Krylov iteration on

    (I − P + 1 e_0ᵀ) h = r,      whose solution has h_0 = g

since a stationary π from the left leaves h_0 = π r. Those that mix slowly, and fill up in
elimination, by aggregation on many levels (active/multilevel.py). Nothing is claimed for the
accuracy of either: bounds on gains are checked afterwards (active/gain_bounds.py).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from tabular_marl.active.chains import Array, MarkovChain
from tabular_marl.active.gain_bounds import centred
from tabular_marl.active.multilevel import RESIDUAL, Multilevel
from tabular_marl.numerics.elimination import TooMuchFill
from tabular_marl.numerics.kernels import poisson as kernels
from tabular_marl.validation import InputError

#: From this many states on Krylov iteration is tried first: so many steps, and so many more if
#: those have brought the residual below this share of the reward.
LARGE, FIRST, QUICK, PROMISING = 50_000, 25, 100, 1e-2

#: What they find is good enough if the bias is at most so many times the reward.
EASY = 1e6

#: Elimination of a sparse chain may take this many products for each transition.
PATIENCE = 15


def evaluate(chain: MarkovChain, reward: Array, guess: Array | None = None) -> tuple[Array, Array]:
    """Gain and bias of a chain [n] both; ``guess`` [n] is a bias to start from, if iterated.

    The bias is normalised by P* h = 0 after elimination, centred at 0 after iteration. A chain of
    LARGE states on which nothing is exact gives the best bias that aggregation found. Raises
    TooMuchFill for a large chain of several classes. Source: FURTHER Prop. 2.

    >>> evaluate(MarkovChain([[0, 1], [1, 0]]), np.array([1.0, 0.0]))[0]
    array([0.5, 0.5])
    """
    if not (chain.is_unichain and sparse.issparse(chain.transition)):
        return chain.gain_and_bias(reward)
    large, found = chain.num_states >= LARGE, None
    if large:
        found = _krylov(chain, reward)
        if found is not None and np.abs(found[1]).max() <= EASY * np.abs(reward).max():
            return found
        gain, bias, exact = _on_levels(chain, reward, guess)
        if exact:
            return gain, bias
    try:
        chain.prepare(PATIENCE * chain.transition.nnz)
    except (TooMuchFill, InputError):  # too large, or left too rarely for float64
        if not large:
            gain, bias, exact = _on_levels(chain, reward, guess)
        if large or exact:
            return found or (gain, bias)
    return chain.gain_and_bias(reward)


def _on_levels(chain: MarkovChain, reward: Array, guess: Array | None) -> tuple[Array, Array, bool]:
    """Gain, bias, and whether the equation holds well in the end."""
    bias, width = Multilevel(chain.transition).solve(reward, guess)
    gap = reward + chain.transition @ bias - bias
    gain = (float(gap.min()) + float(gap.max())) / 2
    size = float(np.abs(reward).max() + np.abs(bias).max())
    return np.full(bias.size, gain), centred(bias), width <= 10 * RESIDUAL * size


def _krylov(chain: MarkovChain, reward: Array) -> tuple[Array, Array] | None:
    """None if the equation does not hold well in the end."""
    matrix, at = chain.transition, int(chain.references[0])
    h = np.zeros(chain.num_states)
    size = float(np.abs(reward).max())
    parts = (matrix.indptr, matrix.indices, matrix.data)
    rest = kernels.bicgstab(*parts, at, h, reward, RESIDUAL * size, FIRST)
    if rest <= PROMISING * size:
        rest = kernels.bicgstab(*parts, at, h, reward, RESIDUAL * size, QUICK)
    if not rest <= 10 * RESIDUAL * (size + np.abs(h).max()):
        return None
    return np.full(chain.num_states, h[at]), centred(h)
