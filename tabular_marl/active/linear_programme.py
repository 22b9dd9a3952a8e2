"""The optimal gain by linear programming: an independent check of the other methods.

    minimise Σ_x g(x)   over g, h [X]   subject to, for every pair (x, a),
    g(x) ≥ Σ_y P(y|x,a) g(y),        g(x) + h(x) ≥ r(x,a) + Σ_y P(y|x,a) h(y)

Its g is the optimal gain in every state, whatever the structure (Denardo and Fox 1968; Puterman
1994, section 9.3). Solved by HiGHS to its feasibility tolerance, some 1e-7 without proof.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from tabular_marl.active.chains import Array
from tabular_marl.active.decision import DecisionProcess
from tabular_marl.solution import NotConverged
from tabular_marl.validation import InputError

#: Beyond this many state-action pairs the programme would take too long to be a check.
MAX_PAIRS = 200_000


def gain_by_linear_programme(process: DecisionProcess) -> Array:
    """g*(x), [X], reward units, to about 1e-7.

    Raises InputError beyond MAX_PAIRS pairs, NotConverged where HiGHS gives up.
    Source: Denardo and Fox (1968).

    >>> gain_by_linear_programme(DecisionProcess([[0, 1]], [[[1], [1]]])).round(6)
    array([1.])
    """
    states, actions = process.reward.shape
    if states * actions > MAX_PAIRS:
        raise InputError(
            "process", f"have at most {MAX_PAIRS} state-action pairs", f"it had {states * actions}"
        )
    repeat = sparse.kron(sparse.eye_array(states), np.ones((actions, 1)), format="csr")
    drift = repeat - process.transition
    empty = sparse.csr_array(drift.shape)
    matrix = sparse.block_array([[drift, empty], [repeat, drift]], format="csr")
    bound = np.concatenate([np.zeros(states * actions), process.reward.ravel()])
    cost = np.concatenate([np.ones(states), np.zeros(states)])
    answer = linprog(cost, A_ub=-matrix, b_ub=-bound, bounds=(None, None), method="highs")
    if answer.status != 0:
        raise NotConverged(f"The linear programme ended without an answer: {answer.message}", None)
    return np.asarray(answer.x[:states])
