"""How fast a chain forgets: distance from its limit, and the mixing time.

    d(t) = max_x ½ Σ_y |P^t(x, y) − P*(x, y)|,        t_mix(δ) = min {t : d(t) ≤ δ}

With one recurrent class the rows of P* are its stationary distribution and t_mix is the usual
mixing time (Levin and Peres 2017, section 4.5); with several, d(t) is the distance from where each
start goes in the end. P^{t+1} − P* = (P^t − P*) P, so d never grows and bisection over powers
finds t_mix exactly, up to rounding. A class of period above one has no limit P^t: such a chain is
refused; ask for every d-th step, P^d.

Powers come from repeated squaring with the rows scaled to one: sums of products of non-negative
numbers keep each transition's relative accuracy, also where blocks are coupled by 1e-18 and t_mix
is of the order of 1e18.
"""

from __future__ import annotations

import numpy as np

from tabular_marl.active.chains import MAX_ENTRIES, Array, MarkovChain
from tabular_marl.validation import InputError, integer, positive

#: Distances below this are rounding.
LEAST_DISTANCE = 1e-9


def distance_from_limit(chain: MarkovChain, t: int) -> float:
    """d(t), for a chain without periods; dense, O(n³ log t). Raises InputError.

    >>> distance_from_limit(MarkovChain([[0.75, 0.25], [0.25, 0.75]]), 2)
    0.125
    """
    t = integer("t", t, 0)
    power, limit, out = *_start(chain), np.eye(chain.num_states)
    while t:
        if t & 1:
            out = _rows(out @ power)
        power, t = _rows(power @ power), t >> 1
    return _distance(out, limit)


def mixing_time(chain: MarkovChain, distance: float = 0.25) -> int:
    """t_mix(``distance``) in steps, for a chain without periods; dense, O(n³ log t_mix).

    Raises InputError, also where the powers of P would not fit.
    Source: Levin and Peres (2017), (4.30).

    >>> mixing_time(MarkovChain([[0.75, 0.25], [0.25, 0.75]]))  # d(t) = 2^−(t+1)
    1
    >>> mixing_time(MarkovChain([[1 - 1e-18, 1e-18], [1e-18, 1]])) * 2e-18  # log 2
    0.69314718055994...
    """
    distance = positive("distance", distance)
    if not LEAST_DISTANCE <= distance < 1:
        raise InputError("distance", f"be in [{LEAST_DISTANCE:g}, 1)", f"it was {distance:g}")
    power, limit = _start(chain)
    here = np.eye(chain.num_states)
    if _distance(here, limit) <= distance:
        return 0
    powers = [power]  # P^(2^k)
    while _distance(powers[-1], limit) > distance:
        if (len(powers) + 1) * power.size > MAX_ENTRIES:
            raise InputError(
                "chain",
                f"mix within 2^{len(powers)} steps, or have fewer states",
                f"the powers of its {chain.num_states} states would not fit",
            )
        powers.append(_rows(powers[-1] @ powers[-1]))
    steps = 0  # the largest number of steps found that are too few
    for k in range(len(powers) - 2, -1, -1):
        further = _rows(here @ powers[k])
        if _distance(further, limit) > distance:
            here, steps = further, steps + 2**k
    return steps + 1


def _start(chain: MarkovChain) -> tuple[Array, Array]:
    """P and P*, dense."""
    if (chain.periods > 1).any():
        must = "have no periods (take every d-th step, d their least common multiple)"
        raise InputError("chain", must, f"its classes have periods {chain.periods.tolist()}")
    limit = chain.cesaro_limit
    given = chain.transition
    dense = np.array(given if isinstance(given, np.ndarray) else given.toarray(), dtype=float)
    return _rows(dense), limit


def _rows(matrix: Array) -> Array:
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))


def _distance(power: Array, limit: Array) -> float:
    return float(np.abs(power - limit).sum(axis=1).max() / 2)
