"""Proved bounds on the optimal gain g*(x), from any bias h, gain guess v and policy d.

One number for all x (Odoni 1969):   min_x (Th − h)(x) ≤ g*(x) ≤ max_x (Th − h)(x)

Bounds for each x. Every policy ends, with probability one, in some end component: states and
actions among which it can stay. Let M run over the maximal ones (de Alfaro 1997), u_M be the
largest r + P h − h over the state-action pairs inside M. No rate above u_M can be kept up in M, so

    g* ≤ v    for every v with v ≥ u_M on M, v constant on M, and v(x) ≥ P_a v(x) for pairs outside,

and d itself earns at least the absorption average of l_c = min over its class c of r_d + P_d h − h.
Computed v miss v ≥ P v by rounding η; adding 2 η w repairs it, where w ≥ 1/2 + P w for pairs
outside counts the steps taken outside. Only inequalities are trusted, checked with rounding counted
(``DecisionProcess.margin``): nothing depends on how h, v, w and d were found.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from tabular_marl.active.chains import Array, Indices, MarkovChain
from tabular_marl.active.decision import UNIT, DecisionProcess
from tabular_marl.numerics.elimination import eliminate

Mask = NDArray[np.bool_]


def centred(h: Array) -> Array:
    """h minus the middle of its range: a bias means the same, and rounding errors are smaller."""
    return np.asarray(h - (h.min() + h.max()) / 2)


def end_components(process: DecisionProcess) -> tuple[Indices, Mask]:
    """Maximal end components: labels [X] (−1 for none) and the pairs [X, A] inside them.

    Splits into strongly connected parts and drops actions that may leave their part, until none
    does. Source: de Alfaro (1997), algorithm 3.1.

    >>> leave_or_stay = DecisionProcess([[0, 1], [0, 0]], [[[1, 0], [0, 1]], [[0, 1], [0, 1]]])
    >>> end_components(leave_or_stay)[0]
    array([0, 1])
    """
    states, actions = process.reward.shape
    matrix = process.transition
    source, target = process.sources(), matrix.indices
    pair = np.repeat(np.arange(states * actions), np.diff(matrix.indptr))
    inside = np.ones(states * actions, dtype=bool)
    while True:
        kept = inside[pair]
        graph = sparse.csr_array(
            (np.ones(kept.sum(), dtype=np.int8), (source[kept], target[kept])),
            shape=(states, states),
        )
        _, part = csgraph.connected_components(graph, connection="strong")
        leaves = kept & (part[source] != part[target])
        if not leaves.any():
            break
        inside[pair[leaves]] = False
    pairs = inside.reshape(states, actions)
    labels = np.full(states, -1, dtype=np.int64)
    members = pairs.any(axis=1)
    labels[members] = np.unique(part[members], return_inverse=True)[1]
    return labels, pairs


def upper_bound(process: DecisionProcess, h: Array, gain: Array) -> Array:
    """A proved upper bound on g*(x), [X], from a bias h and a guess ``gain`` of g*, [X] both."""
    h = centred(h)
    lift = process.q(h) - h[:, None] + process.margin(h)
    flat = np.full(process.num_states, lift.max())
    if np.ptp(gain) == 0 and lift.max() - gain[0] <= 1e-12 * (1 + np.abs(lift).max()):
        return flat
    labels, inside = end_components(process)
    count = int(labels.max()) + 1
    best = np.full(count, -np.inf)
    rows, columns = np.nonzero(inside)
    np.maximum.at(best, labels[rows], lift[rows, columns])
    value = gain.astype(np.float64).copy()
    members = labels >= 0
    np.maximum.at(best, labels[members], value[members])
    value[members] = best[labels[members]]
    if not inside.all():
        middle = (value.min() + value.max()) / 2
        v = value - middle
        rise = (process.expected(v) - v[:, None] + process.margin(v))[~inside].max()
        if rise > 0:
            steps = _outside_steps(process, labels, inside)
            fall = (steps[:, None] - process.expected(steps) - process.margin(steps))[~inside]
            if not fall.min() >= 0.5:
                return flat
            value = value + 2 * rise * steps
    return np.asarray(np.minimum(value + 8 * UNIT * np.abs(value), flat))


def lower_bound(
    process: DecisionProcess, h: Array, gain: Array, policy: Array, chain: MarkovChain
) -> Array:
    """A proved lower bound on the gain of ``policy`` [X, A], whose chain is ``chain``; [X]."""
    h = centred(h)
    lift = (policy * (process.q(h) - h[:, None] - process.margin(h))).sum(axis=1)
    lift -= 4 * UNIT * process.num_actions * (np.abs(process.reward).max() + 4 * np.abs(h).max())
    recurrent = chain.class_labels >= 0
    least = np.full(chain.num_classes, np.inf)
    np.minimum.at(least, chain.class_labels[recurrent], lift[recurrent])
    if chain.num_classes == 1:
        return np.full(process.num_states, least[0])
    np.minimum.at(least, chain.class_labels[recurrent], gain[recurrent])
    value = chain.absorbed(least)
    transient = ~recurrent
    if transient.any():
        middle = (value.min() + value.max()) / 2
        v = value - middle
        played = policy > 0
        drop = v[:, None] - process.expected(v) + process.margin(v)
        loss = np.where(played, policy * drop, 0.0).sum(axis=1)[transient].max()
        if loss > 0:
            steps = chain.steps_to_recurrence()
            fall = steps[:, None] - process.expected(steps) - process.margin(steps)
            if not np.where(played, policy * fall, 0.0).sum(axis=1)[transient].min() >= 0.5:
                return np.full(process.num_states, lift.min())
            value = value - 2 * loss * steps
    return np.asarray(value - 8 * UNIT * np.abs(value))


def _outside_steps(process: DecisionProcess, labels: Indices, inside: Mask) -> Array:
    """The most steps outside end components that can be expected from each state, [X].

    A stopping problem on the quotient, where every policy stops: policy iteration from "stop".
    """
    states, actions = inside.shape
    count = int(labels.max()) + 1
    node = labels.copy()
    node[labels < 0] = count + np.arange((labels < 0).sum())
    nodes = count + int((labels < 0).sum())
    gather = sparse.csr_array((np.ones(states), (np.arange(states), node)), shape=(states, nodes))
    pairs = np.flatnonzero(~inside.ravel())
    moves = sparse.csr_array(process.transition[pairs] @ gather)
    source = node[pairs // actions]
    choice = np.full(nodes, -1)
    choice[source[::-1]] = np.arange(pairs.size)[::-1]
    choice[:count] = -1  # components may stop
    value = np.zeros(nodes)
    for _ in range(1000):
        going = np.flatnonzero(choice >= 0)
        rows = moves[choice[going]]
        position = np.full(nodes, -1)
        position[going] = np.arange(going.size)
        stop = np.asarray(rows[:, np.flatnonzero(choice < 0)].sum(axis=1)).ravel()
        value = np.zeros(nodes)
        if going.size:
            value[going] = eliminate(sparse.csr_array(rows[:, going]), stop).solve(
                np.ones(going.size)
            )
        worth = 1 + moves @ value
        best = np.full(nodes, -np.inf)
        best[:count] = 0.0
        np.maximum.at(best, source, worth)
        better = best > value * (1 + 1e-9) + 1e-9
        if not better.any():
            break
        take = better[source] & (worth == best[source])
        choice[source[take]] = np.flatnonzero(take)
    return np.asarray(value[node])
