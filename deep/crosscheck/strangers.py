"""Somebody's finished agent, of which only its actions can be seen, against an exact policy.

    action_probabilities(observation) -> [A]     exact: asked once in every state
    act(observation) -> a                        sampled: n times in every state, seen k_a times

PettingZoo's way of asking. ``observation(state)``, where the agent has it, says what it sees in a
state; else it is one-hot, float32. An agent that only acts is known within a box:

    π(a|s) in [l, u], each with confidence 1 − δ/(S A) by Clopper and Pearson (1934), so all of them
    together with 1 − δ;   Σ (l − p)+ <= TV(π, p) <= min(Σ (u − p)+, Σ (p − l)+)

where TV = ½ Σ |π − p| is the distance to the exact policy p (of the right side Σ (p − u)+ is a
lower bound too), and its return lies between those of the worst and the best policy in the box.
What is sampled is never called exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tabular_marl.deep.crosscheck.findings import Finding, told_as_its_own
from tabular_marl.deep.crosscheck.policies import judged
from tabular_marl.deep.systems import RecipeSystem, System
from tabular_marl.deep.systems.enumeration import terminal_states
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError, integer

Array = NDArray[np.float64]

#: How sure the intervals of a sampled policy are, all of them together.
CONFIDENCE = 0.95


def observation(agent: Any, state: int, states: int) -> Any:
    """What the agent sees in a state."""
    if hasattr(agent, "observation"):
        return agent.observation(state)
    return np.eye(states, dtype=np.float32)[state]


def asked(agent: Any, game: StochasticGame) -> Array:
    """``action_probabilities`` in every state, [S, A]; checked. Raises InputError."""
    actions = game.action_counts[0]
    found = np.empty((game.num_states, actions))
    for s in range(game.num_states):
        given = agent.action_probabilities(observation(agent, s, game.num_states))
        held = given.detach() if isinstance(given, torch.Tensor) else given
        row = np.asarray(held, dtype=np.float64).ravel()
        wrong = row.shape != (actions,) or not np.isfinite(row).all()
        if wrong or row.min() < 0 or abs(row.sum() - 1) > 1e-6:
            must = f"be {actions} probabilities that sum to one"
            raise InputError("action_probabilities", must, f"in state {s} it was {given!r}")
        found[s] = row / row.sum()
    return found


def counted(agent: Any, game: StochasticGame, samples: int) -> NDArray[np.int64]:
    """How often ``act`` chose each action in ``samples`` calls a state, [S, A]."""
    actions = game.action_counts[0]
    found = np.zeros((game.num_states, actions), dtype=np.int64)
    for s in range(game.num_states):
        seen = observation(agent, s, game.num_states)
        for _ in range(samples):
            taken = agent.act(seen)
            try:
                a = int(taken)
            except (TypeError, ValueError):
                a = -1
            if not 0 <= a < actions or a != taken:
                must = f"return an action in 0..{actions - 1}"
                raise InputError("act", must, f"in state {s} it was {taken!r}")
            found[s, a] += 1
    return found


@dataclass(frozen=True)
class Sampled:
    """Bounds that hold together with ``confidence``: of each probability, of TV, of the return.

    lower, upper [S, A]; distance [2, S]; returned [2, S] against the exact opponent (None where the
    system has none that a policy π(a|s) meets), reward units, without entropies or divergences.
    """

    lower: Array
    upper: Array
    distance: Array
    returned: Array | None
    samples: int
    confidence: float


def box(counts: NDArray[np.int64], confidence: float = CONFIDENCE) -> tuple[Array, Array]:
    """Clopper-Pearson bounds of every probability, with ``confidence`` all together, [S, A].

    >>> low, high = box(np.array([[50, 50]]), 0.95)
    >>> low.round(3), high.round(3)
    (array([[0.385, 0.385]]), array([[0.615, 0.615]]))
    """
    from scipy.stats import beta

    n = counts.sum(axis=1, keepdims=True)
    tail = (1 - confidence) / counts.size / 2
    with np.errstate(invalid="ignore"):
        low = np.where(counts > 0, beta.ppf(tail, counts, n - counts + 1), 0.0)
        high = np.where(counts < n, beta.ppf(1 - tail, counts + 1, n - counts), 1.0)
    return low, high


def sampled(agent: Any, system: System, samples: int) -> Sampled:
    """Ask ``act`` in every state, and bound what it plays. Raises InputError."""
    samples = integer("samples", samples)
    counts = counted(agent, system.game, samples)
    low, high = box(counts)
    exact = played(system)
    above, below = np.clip(high - exact, 0, None), np.clip(exact - low, 0, None)
    least = np.maximum(np.clip(low - exact, 0, None).sum(1), np.clip(exact - high, 0, None).sum(1))
    distance = np.stack([least, np.minimum(above.sum(1), below.sum(1))])
    return Sampled(low, high, distance, _returns(system, low, high), samples, CONFIDENCE)


def played(system: System) -> Array:
    """What the exact agent plays in each state, [S, A]: over what it answers to, the mean."""
    policy = system.exact.policy("agent")
    if not isinstance(system, RecipeSystem):
        raise InputError("model", "be one of two players' actions", f"it was {system.name!r}")
    if policy.shape[2] > 1:
        policy = (policy * system.exact.policy("opponent")).sum(2, keepdim=True)
    return np.asarray(policy[..., 0].numpy())


def _returns(system: System, low: Array, high: Array) -> Array | None:
    """The least and the largest discounted return of policies in the box, [2, S]."""
    if not isinstance(system, RecipeSystem) or system.gain is not None:
        return None
    game, opponent = system.game, system.exact.policy("opponent").numpy()
    shape = game.reward.shape
    law = np.broadcast_to(opponent, shape)
    rows = game.transition.toarray() if game.is_sparse else np.asarray(game.transition)
    reward = (law * game.reward).sum(2)
    flow = (law[..., None] * rows.reshape(*shape, -1)).sum(2)
    flow[terminal_states(game)] = 0.0
    found = []
    for sign in (-1.0, 1.0):
        value = np.zeros(len(reward))
        for _ in range(100):  # policy iteration over the box's corners
            q = reward + game.discount * flow @ value
            policy = _corner(sign * q, low, high)
            matrix = np.eye(len(q)) - game.discount * np.einsum("sa,sat->st", policy, flow)
            better = np.linalg.solve(matrix, (policy * reward).sum(1))
            if np.allclose(better, value, rtol=1e-12, atol=1e-12):
                break
            value = better
        found.append(better)
    return np.stack(found)


def _corner(worth: Array, low: Array, high: Array) -> Array:
    """The policy of the box with the most of the best actions, [S, A]."""
    order = np.argsort(-worth, axis=1)
    policy = low.copy()
    for s, actions in enumerate(order):
        left = 1 - policy[s].sum()
        for a in actions:
            more = min(left, high[s, a] - low[s, a])
            policy[s, a] += more
            left -= more
    return policy


def exact_return(system: RecipeSystem) -> Array:
    """The exact policies' own return, [S]."""
    both = played(system)
    value = _returns(system, both, both)
    assert value is not None
    return np.asarray(value[0])


def as_table(policy: Array, system: System) -> torch.Tensor:
    """π(a|s) in the shape of the system's policy table: the same whatever it could answer to."""
    shape = system.exact.agent.shape
    return torch.from_numpy(policy.copy()).unsqueeze(2).expand(shape).contiguous()


def told(agent: Any, system: System, tolerance: float) -> Finding:
    """The policy check of an agent that tells its probabilities of actions, state by state."""
    policy = as_table(answering(asked, agent, system.game), system)
    return judged(policy, system, tolerance, as_table(played(system), system).log())


def bounded(agent: Any, system: System, tolerance: float, samples: int) -> Finding:
    """The policy check of an agent that only acts: bounds, with their confidence."""
    found: Sampled = answering(sampled, agent, system, samples)
    low, high = found.distance * system.live.numpy()
    at = int(high.argmax())
    told = (
        f"with {found.confidence:.0%} confidence, from {samples} actions a state, the largest "
        f"distance ½Σ|π − exact| lies between {low.max():.3g} and {high.max():.3g} (state {at})"
    )
    series = {"distance, at least": low.tolist(), "distance, at most": high.tolist()}
    if found.returned is not None and isinstance(system, RecipeSystem):
        best = exact_return(system)
        off = np.abs(np.stack([found.returned[1] - best, best - found.returned[0]])).max()
        told += f"; its return is that of the exact policy to within {off:.3g}"
    passed = bool(high.max() <= tolerance)
    if not passed and low.max() <= tolerance:
        told += f": undecided at a tolerance of {tolerance:g}; more samples would tell"
    return Finding("policy", passed, float(high.max()), tolerance, told, series)


def answering(ask: Any, agent: Any, *args: Any) -> Any:
    """``ask(agent, …)``; what the agent raises is told as its own."""
    return told_as_its_own("agent", "answer in every state", ask, agent, *args)
