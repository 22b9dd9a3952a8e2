"""One step of an active Markov game from a batch of joint states, and names for where it leads.

The explorer of joint_chain.py calls a :class:`Step` on batch after batch, and gives the rows of
integers (s', θ') that come out numbers by :class:`Names`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from tabular_marl.active.learners.rule import Array, Event, Ints, Rule
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.numerics.kernels import joint as kernels
from tabular_marl.validation import InputError

if TYPE_CHECKING:
    from tabular_marl.active.joint_chain import JointProcess


def state_bytes(game: StochasticGame, player: int | None, rules: Mapping[int, Rule]) -> float:
    """About how much memory a joint state takes while it is explored, with what leads from it.

    Its integers, names and a hash table with room to grow; an edge for each own action and each
    next state of the game; rewards. Learners who explore have more edges; solving takes as much
    again.
    """
    own = 1 if player is None else game.action_counts[player]
    ahead = float(sparse.csr_array(game.transition_rows).nnz / game.transition_rows.shape[0])
    keys = 1 + sum(rule.width for rule in rules.values())
    return 250.0 + 24 * keys + own * (30 * ahead + 16 * game.num_players)


class Step:
    """One step from a batch of joint states."""

    def __init__(self, game: StochasticGame, player: int | None, rules: dict[int, Rule]) -> None:
        self.game, self.player, self.rules = game, player, rules
        counts = game.action_counts
        self.profiles = np.stack(np.unravel_index(np.arange(math.prod(counts)), counts), axis=1)
        number = np.arange(math.prod(counts)).reshape(counts)
        if player is None:
            self.joint = number.reshape(1, -1)
        else:
            self.joint = np.moveaxis(number, player, 0).reshape(counts[player], -1)
        self.own = self.joint.shape[0]
        graph = sparse.csr_array(game.transition_rows)
        self.graph = (graph.indptr.astype(np.int64), graph.indices.astype(np.int64), graph.data)
        self.paid = {}
        for j in range(game.num_players):
            if game.num_players > 2 or j == 0 or game.opponent_reward is not None:
                self.paid[j] = game.player_reward(j).reshape(game.num_states, -1)

    def __call__(self, batch: Ints) -> tuple[Ints, Ints, Array, Array]:
        """(row, key of the next joint state, probability) of all edges, and rewards [n, m, A]."""
        state = np.ascontiguousarray(batch[:, 0])
        weights = self.weights(batch, {j: rule.epsilon for j, rule in self.rules.items()})
        rewards = np.full((self.game.num_players, state.size, self.own), np.nan)
        for j, table in self.paid.items():
            rewards[j] = np.einsum("xo,xao->xa", weights, table[state][:, self.joint])
        rows, keys, chance, _ = self.edges(batch, weights)
        return rows, keys, chance, rewards

    def weights(self, batch: Ints, rates: Mapping[int, float]) -> Array:
        """How likely the others' joint actions are, [m, O], if j explores with ``rates[j]``."""
        weights = np.ones((batch.shape[0], 1))
        for (_, base), j in zip(self._policies(batch), self.rules, strict=True):
            weights = _profiles(weights, (1 - rates[j]) * base + rates[j] / base.shape[1])
        return weights

    def trembles(self, batch: Ints) -> tuple[Ints, Ints, Array, Ints]:
        """Leading terms of all edges as every exploring learner's ε → 0: (row, key, c, r)."""
        c, r = np.ones((batch.shape[0], 1)), np.zeros((batch.shape[0], 1))
        for rule, base in self._policies(batch):
            slips = (base == 0) & (rule.epsilon > 0)
            c = _profiles(c, np.where(slips, 1 / base.shape[1], base))
            r = (r[:, :, None] + slips[:, None, :]).reshape(batch.shape[0], -1)
        rows, keys, chance, joint = self.edges(batch, c)
        others = np.empty(self.joint.size, dtype=np.int64)
        others[self.joint] = np.arange(self.joint.shape[1])
        return rows, keys, chance, r[rows // self.own, others[joint]].astype(np.int64)

    def edges(self, batch: Ints, weights: Array) -> tuple[Ints, Ints, Array, Ints]:
        """(row, key, probability, joint action) of all edges; others play ``weights`` [m, O]."""
        state = np.ascontiguousarray(batch[:, 0])
        rows, joint, after, chance = kernels.edges(state, weights, self.joint, *self.graph)
        source = rows // self.own
        pieces = [after[:, None]]
        for j, rule in self.rules.items():
            if j not in self.paid:
                raise InputError(
                    "game", f"say what player {j}, who learns, is paid", "it has no opponent_reward"
                )
            event = Event(
                state[source], self.profiles[joint], self.paid[j][state[source], joint], after
            )
            following, odds = rule.update(self.parameters(batch, j)[source], event)
            branches = odds.shape[1]
            if branches > 1:  # one edge for each branch; the order of rows stays
                kept = np.flatnonzero(odds.ravel() > 0)
                of = kept // branches
                pieces = [piece[of] for piece in pieces]
                rows, joint, after, source = rows[of], joint[of], after[of], source[of]
                chance = chance[of] * odds.ravel()[kept]
                pieces.append(following.reshape(-1, rule.width)[kept])
            else:
                pieces.append(following[:, 0, :])
        return rows, np.concatenate(pieces, axis=1), chance, joint

    def parameters(self, batch: Ints, player: int) -> Ints:
        """The columns of ``batch`` that are the θ of ``player``."""
        at = 1 + sum(rule.width for j, rule in self.rules.items() if j < player)
        return batch[:, at : at + self.rules[player].width]

    def _policies(self, batch: Ints) -> Iterator[tuple[Rule, Array]]:
        """Each learner's rule with its policy before exploration, [m, A_j]."""
        state = np.ascontiguousarray(batch[:, 0])
        for j, rule in self.rules.items():
            yield rule, rule.policy(self.parameters(batch, j), state)


def _profiles(weights: Array, policy: Array) -> Array:
    """Products [m, O·A] of weights [m, O] and one more player's policy [m, A], in C order."""
    return (weights[:, :, None] * policy[:, None, :]).reshape(weights.shape[0], -1)


def tremble_terms(process: JointProcess) -> tuple[Ints, Ints, Array, Ints]:
    """Leading terms c ε^r of all edges of ``process``: (row x·A + a, next x', c, r).

    Several edges may lead from a row to the same x'. Raises InputError if trembles reach joint
    states that are not in the process (explore it with ε > 0).
    """
    step = Step(process.game, process.player, process.rules)
    rows, keys, chance, order = step.trembles(process.keys)
    targets = process.names(keys)
    if (targets < 0).any():
        raise InputError(
            "process",
            "hold all joint states that trembles reach",
            f"{keys[np.argmin(targets)]} is missing",
        )
    return rows, targets, chance, order


class Names:
    """Numbers for rows of integers, in the order in which they are met."""

    def __init__(self, width: int, limit: int, each: float) -> None:
        self.limit, self.each = limit, each
        self.count = 0
        self.store = np.empty((1024, width), dtype=np.int64)
        self.table = np.full(4096, -1, dtype=np.int64)
        self.place = np.zeros(1024, dtype=np.int64)

    def name(self, keys: Ints) -> Ints:
        """The number of every row of ``keys``, new or known."""
        keys = np.ascontiguousarray(keys, dtype=np.int64)
        names = np.empty(keys.shape[0], dtype=np.int64)
        done = 0
        while True:
            done, self.count = kernels.intern(keys, self.store, self.count, self.table, names, done)
            if self.count > self.limit:
                raise InputError(
                    "max_states",
                    f"allow all joint states that are reached (about {self.each:.0f} bytes each); "
                    "a coarser grid or fewer starts make fewer",
                    f"there are more than {self.limit}",
                )
            if done == keys.shape[0]:
                return names
            self._grow()

    def _grow(self) -> None:
        self.store = np.concatenate([self.store, np.empty_like(self.store)])
        self.place = np.zeros(self.store.shape[0], dtype=np.int64)
        self.table = np.full(4 * self.store.shape[0], -1, dtype=np.int64)
        kernels.refill(self.store, self.count, self.table)
