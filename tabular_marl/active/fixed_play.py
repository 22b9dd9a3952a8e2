"""What a fixed policy earns against a per-state Q-learner that explores: exactly, whatever its α.

Against a deterministic policy a = π(s), s the last joint action, the learner's game is a
deterministic decision problem: b in s is paid r_j(π(s), b) and leads to (π(s), b). There a constant
step size does no harm. With e = max |Q − Q*| over the entries that can be reached, an update brings
its entry's error to at most (1 − α(1 − γ)) e, and leaves the others, so once every entry has been
updated e has shrunk by that factor; with ε > 0 and α > 0 that happens again and again, with
probability one. So Q → Q* from every first table, and where Q* has no ties in states that are
reached, the learner ends as the ε-greedy player of Q*: agent i earns the mean of that chain,

    g(π) = Σ_s μ(s) Σ_b ((1 − ε) 1[b = b*(s)] + ε/B) r_i(π(s), b)  ≤  g*

for every α in (0, 1] and every start, if the chain has one recurrent class.
                                                                              FURTHER A, Fig. 6b
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.active.chains import MarkovChain
from tabular_marl.active.learners.rule import Array, Ints, unit_interval
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.validation import InputError, discount_factor, integer, positive

#: Policies are enumerated up to this many.
MOST_POLICIES = 4096

#: Q* is a tie where two values are closer than this share of the largest.
TIED = 1e-9


@dataclass(frozen=True)
class FixedPlay:
    """``gain``, agent i's mean reward with ``policy`` [S]; ``reply`` [S] is b*."""

    gain: float
    policy: Ints
    reply: Ints


def against_fixed_policy(
    game: MatrixGame, policy: ArrayLike, discount: float, epsilon: float, seat: int = 1
) -> FixedPlay:
    """What agent i earns with ``policy`` [S], S joint actions in C order, agent i's first.

    Raises InputError where the learner's limit has a tie in a state that is reached, or the chain
    more than one recurrent class: then the start can matter. Source: FURTHER A, Fig. 6b.

    >>> from tabular_marl.games import prisoners_dilemma
    >>> tit_for_tat = against_fixed_policy(prisoners_dilemma(), [0, 1, 0, 1], 0.9, 0.05)
    >>> round(tit_for_tat.gain, 9), tit_for_tat.reply.tolist()
    (-1.025, [0, 0, 0, 0])
    """
    own, learned = _payoffs(game, integer("seat", seat, 0))
    gamma, epsilon = discount_factor("discount", discount), unit_interval("epsilon", epsilon)
    positive("epsilon", epsilon)
    states, replies = own.size, own.shape[1]
    played = np.asarray(policy)
    if played.shape != (states,) or played.dtype.kind not in "iu":
        raise InputError("policy", f"hold {states} actions", f"it was {policy!r}")
    if played.min() < 0 or played.max() >= own.shape[0]:
        raise InputError("policy", f"hold actions 0..{own.shape[0] - 1}", f"it was {policy!r}")
    ahead = played[:, None] * replies + np.arange(replies)
    q = _optimum(learned[played], ahead, gamma)
    greedy = q.argmax(axis=1)
    weights = np.full(q.shape, epsilon / replies)
    weights[np.arange(states), greedy] += 1 - epsilon
    rows = np.zeros((states, states))
    np.add.at(rows, (np.arange(states)[:, None], ahead), weights)
    chain = MarkovChain(rows)
    if not chain.is_unichain:
        raise InputError("policy", "lead to one recurrent class", f"it led to {chain.num_classes}")
    reached = np.unique(ahead)
    second, best = np.sort(q[reached], axis=1)[:, -2:].T
    if (best - second <= TIED * (1 + np.abs(q).max())).any():
        raise InputError("policy", "leave the learner no tie", f"{policy!r} did")
    gain = float(chain.class_distribution @ (weights * own[played]).sum(axis=1))
    return FixedPlay(gain, played.astype(np.int64), greedy)


def best_fixed_play(game: MatrixGame, discount: float, epsilon: float, seat: int = 1) -> FixedPlay:
    """The best of all deterministic policies whose earnings are certain: a lower bound on g*.

    >>> from tabular_marl.games import prisoners_dilemma
    >>> best_fixed_play(prisoners_dilemma(), 0.9, 0.05).policy  # tit for tat
    array([0, 1, 0, 1])
    """
    own, _ = _payoffs(game, seat)
    if own.shape[0] ** own.size > MOST_POLICIES:
        must = f"have at most {MOST_POLICIES} policies"
        raise InputError("game", must, f"it had {own.shape[0]}^{own.size}")
    found = []
    for policy in itertools.product(range(own.shape[0]), repeat=own.size):
        try:
            found.append(against_fixed_policy(game, list(policy), discount, epsilon, seat))
        except InputError:  # a tie, or several classes
            continue
    if not found:
        raise InputError("game", "have a policy that leaves the learner no tie", "it had none")
    return max(found, key=lambda play: play.gain)


def _payoffs(game: MatrixGame, seat: int) -> tuple[Array, Array]:
    """What agent i and the learner earn, [agent i's action, the learner's]."""
    if game.num_players != 2 or seat > 1:
        raise InputError("game", "have two players", f"it had {game.num_players}")
    own, learned = game.payoffs[1 - seat], game.payoffs[seat]
    return (own, learned) if seat == 1 else (own.T, learned.T)


def _optimum(reward: Array, ahead: Ints, discount: float) -> Array:
    """Q* [S, B] of the deterministic problem, by policy iteration."""
    states = np.arange(reward.shape[0])
    greedy = np.zeros(reward.shape[0], dtype=np.int64)
    while True:
        moves = np.eye(states.size) - discount * np.eye(states.size)[ahead[states, greedy]]
        q = reward + discount * np.linalg.solve(moves, reward[states, greedy])[ahead]
        better = q.argmax(axis=1)
        slack = TIED * (1 + np.abs(q).max())
        better = np.where(q[states, better] > q[states, greedy] + slack, better, greedy)
        if (better == greedy).all():
            return np.asarray(q)
        greedy = better
