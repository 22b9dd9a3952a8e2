"""The active Markov game as one decision problem: states (s, θ) and agent i's own actions.

    p(s', θ' | s, θ, a_i) = Σ_{a_-i} Π_j π_j(a_j|s; θ_j) T(s'|s, a) Π_j U_j(θ_j'|θ_j, s, a, r_j, s')
    r_i(s, θ, a_i)        = Σ_{a_-i} Π_j π_j(a_j|s; θ_j) R_i(s, a)

                                                         FURTHER 2.1, Prop. 1; j runs over learners
Agent i is whoever holds no learner; with a learner in every seat the process is a chain, written
with a single own action. Only what can be reached from the start set exists: joint states are
numbered in the order in which a breadth-first search meets them.

    state [X], parameters [X, widths]    the joint states
    transition CSR (X·A, X)              rows (x, a) in C order
    reward [X, A], rewards [n, X, A]     reward units
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from tabular_marl.active.chains import MarkovChain
from tabular_marl.active.decision import DecisionProcess
from tabular_marl.active.joint_step import Names, Step, state_bytes
from tabular_marl.active.learners.rule import Array, Ints, Learner, Rule
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.games.transitions import lock
from tabular_marl.numerics.kernels import joint as kernels
from tabular_marl.validation import InputError, fitting, integer, read_only

#: Joint states expanded together.
BATCH = 32_768

#: Refuse to build more joint states than this, unless told otherwise.
MAX_STATES = 5_000_000


@dataclass(frozen=True, eq=False, repr=False)
class JointProcess:
    """All reachable (s, θ), with transitions and rewards; the module's docstring fixes the shapes.

    ``player`` is agent i, None if every seat learns. ``starts`` [k] numbers the start set: the
    product of start states and the learners' starts, in C order. ``seconds`` is the building time.
    """

    game: StochasticGame
    player: int | None
    rules: dict[int, Rule]
    state: Ints
    parameters: Ints
    starts: Ints
    transition: Any
    rewards: Array
    seconds: float
    table: Ints

    @property
    def num_states(self) -> int:
        """X."""
        return int(self.state.shape[0])

    @property
    def num_actions(self) -> int:
        """A, the number of agent i's actions; 1 if every seat learns."""
        return int(self.rewards.shape[2])

    @property
    def reward(self) -> Array:
        """r_i, [X, A]."""
        if self.player is None:
            raise InputError("player", "be a seat without a learner", "every seat has one")
        return np.asarray(self.rewards[self.player])

    @cached_property
    def columns(self) -> dict[int, slice]:
        """Where each learner's θ is among the columns of ``parameters``."""
        bounds = np.cumsum([0, *(rule.width for rule in self.rules.values())])
        return {
            j: slice(int(a), int(b)) for j, (a, b) in zip(self.rules, pairwise(bounds), strict=True)
        }

    def find(self, state: int, parameters: ArrayLike) -> int:
        """The number of the joint state (s, θ), θ as integers [widths], or InputError."""
        key = np.concatenate([[state], np.ravel(parameters)]).astype(np.int64)[None]
        name = -1
        if key.shape[1] == 1 + self.parameters.shape[1]:
            name = int(self.names(key)[0])
        if name < 0:
            raise InputError("parameters", "be reached from the start set", f"they were {key[0]}")
        return name

    @cached_property
    def keys(self) -> Ints:
        """The joint states as rows (s, θ), [X, 1 + widths]."""
        return np.column_stack([self.state, self.parameters])

    def names(self, keys: Ints) -> Ints:
        """The numbers of the joint states ``keys`` [m, 1 + widths]; −1 for those not reached."""
        return np.asarray(kernels.lookup(np.ascontiguousarray(keys), self.keys, self.table))

    def describe(self, x: int) -> tuple[str, dict[int, Any]]:
        """The joint state x as (the label of s, each learner's θ in its own words)."""
        return self.game.state_labels[self.state[x]], {
            j: self.rules[j].describe(self.parameters[x, own]) for j, own in self.columns.items()
        }

    def chain(self, policy: ArrayLike | None = None) -> MarkovChain:
        """The chain on (s, θ) when agent i plays ``policy`` [X, A], or [X] numbers of actions.

        For a policy π_i(a|s) that ignores θ, pass ``policy[process.state]``.
        """
        if self.player is None:
            return MarkovChain.trusted(self.transition)
        if policy is None:
            raise InputError("policy", "be given where agent i decides", "it was None")
        return self.decision.chain(policy)

    @cached_property
    def decision(self) -> DecisionProcess:
        """Agent i's decision problem on the joint states."""
        return DecisionProcess.trusted(self.reward, self.transition)

    def __repr__(self) -> str:
        who = "everybody learns" if self.player is None else f"player {self.player} decides"
        size = f"{self.num_states} joint states, {self.transition.nnz} transitions"
        return f"JointProcess({size}, {who})"


def explore(
    game: StochasticGame | MatrixGame,
    learners: Mapping[int, Learner],
    states: ArrayLike | None = None,
    max_states: int = MAX_STATES,
) -> JointProcess:
    """Build the joint process of ``game`` with ``learners`` in their seats {player: learner}.

    ``states`` are the start states, by default the support of the game's ``initial``, or all. One
    seat at most may be without a learner. Raises InputError when more than ``max_states`` joint
    states are reached (before anything is built, if the starts alone are too many, or need more
    memory than there is), or a learner breaks its own rules. Source: FURTHER 2.1 and Prop. 1.

    >>> from tabular_marl.active.learners import best_response
    >>> from tabular_marl.games import matching_pennies
    >>> explore(matching_pennies(), {1: best_response()})
    JointProcess(2 joint states, 4 transitions, player 0 decides)
    """
    started = time.perf_counter()
    if isinstance(game, MatrixGame):
        game = game.as_stochastic()
    if not isinstance(game, StochasticGame):
        raise InputError(
            "game", "be a StochasticGame or a MatrixGame", f"it was a {type(game).__name__}"
        )
    player = _free_seat(game, learners)
    rules = {j: learners[j].bind(game, j) for j in sorted(learners)}
    each = state_bytes(game, player, rules)
    first = _start_set(game, rules, states, integer("max_states", max_states), each)
    step = Step(game, player, rules)
    names = Names(first.shape[1], max_states, each)
    starts = names.name(first)
    parts: list[tuple[Ints, Any, Array]] = []
    rewards: list[Array] = []
    done = 0
    while done < names.count:
        batch = names.store[done : min(done + BATCH, names.count)].copy()
        rows, keys, probability, paid = step(batch)
        targets = names.name(keys)
        parts.append(
            kernels.merge(rows, targets, probability, batch.shape[0] * step.own, names.place)
        )
        rewards.append(paid)
        done += batch.shape[0]
    lengths, indices, data = (np.concatenate(group) for group in zip(*parts, strict=True))
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    shape = (names.count * step.own, names.count)
    keys = names.store[: names.count].copy()
    return JointProcess(
        game,
        player,
        rules,
        keys[:, 0].copy(),
        keys[:, 1:].copy(),
        starts,
        lock(sparse.csr_array((data, indices, indptr), shape=shape)),
        read_only(np.concatenate(rewards, axis=1)),
        time.perf_counter() - started,
        names.table,
    )


def _free_seat(game: StochasticGame, learners: Mapping[int, Learner]) -> int | None:
    if not isinstance(learners, Mapping):
        raise InputError("learners", "be a dict {seat: learner}", f"it was {learners!r}")
    for j, learner in learners.items():
        if isinstance(learner, type) or not hasattr(learner, "bind"):
            raise InputError(
                "learners", "hold learners, such as best_response()", f"seat {j} had {learner!r}"
            )
        if isinstance(j, bool) or j not in range(game.num_players):
            raise InputError(
                "learners", f"sit in seats 0..{game.num_players - 1}", f"one had seat {j!r}"
            )
    free = [i for i in range(game.num_players) if i not in learners]
    if len(free) > 1:
        raise InputError("learners", "leave at most one seat free", f"seats {free} had none")
    return free[0] if free else None


def _start_set(
    game: StochasticGame,
    rules: dict[int, Rule],
    states: ArrayLike | None,
    limit: int,
    each: float,
) -> Ints:
    """The product of the start states and the learners' starts, [k, 1 + widths]."""
    if states is None:
        support = np.arange(game.num_states)
        if game.initial is not None:
            support = np.flatnonzero(game.initial)
    else:
        support = np.atleast_1d(np.asarray(states))
        if (
            support.dtype.kind not in "iu"
            or support.ndim != 1
            or not support.size
            or support.min() < 0
            or support.max() >= game.num_states
        ):
            raise InputError(
                "states", f"be one or more of 0..{game.num_states - 1}", f"they were {states!r}"
            )
    size = math.prod([support.size, *(rule.num_starts for rule in rules.values())])
    count = str(size) if size < 10**12 else f"{float(size):.3g}" if size < 10**300 else "> 1e300"
    fewer = "take fewer starts, or a coarser grid"
    if size > limit:
        needed = min(size, 10**300) * each / 1e9
        raise InputError(
            "max_states",
            f"allow the {count} starts, which need about {needed:.3g} GB ({fewer})",
            f"it was {limit}",
        )
    fitting("max_states", f"be what fits ({fewer})", f"the {count} starts", size * each)
    groups = [support.astype(np.int64)[:, None], *(rule.start() for rule in rules.values())]
    picks = np.unravel_index(np.arange(size), [group.shape[0] for group in groups])
    return np.concatenate([g[p] for g, p in zip(groups, picks, strict=True)], axis=1)
