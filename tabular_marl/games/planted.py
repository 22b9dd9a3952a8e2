"""Games with planted solutions: the exact answer of a recipe is known by construction.

Choose a value V(s), and for each aggregation l of the recipe a deviation D_l, on the state, the
aggregated axis and the axes not yet aggregated, whose free energy is zero:

    F_β[p](D) = 0:   β finite, ≠ 0    D = log(w / p) / β for any policy w on p's support
                     β = 0            D with Σ p D = 0                    (then w = p)
                     β = ±∞           D ≤ 0 (≥ 0) with a single zero      (then w is that action)

Free energies commute with adding what does not vary along their axis, so with

    Q(s, a) = V(s) + Σ_l D_l,     r(s, a) = Q(s, a) − γ Σ_t P(t | s, a) V(t)

the recipe maps Q back to V and its tilts are exactly the chosen policies w_l: (V, Q, w) solves
the game, for every β of either sign, without a free energy ever being computed. What is left is
rounding of r, and ``rounding`` bounds what it can do: |V − V*| ≤ max|δr| / (1 − γ).

With ``exact=True`` all β must be 0 or ±∞ and every number is a small multiple of a power of two,
so that nothing rounds and ``rounding`` is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tabular_marl.games.generate import random_game
from tabular_marl.games.stochastic import Array, StochasticGame
from tabular_marl.numerics.recipe import Level, Recipe, check
from tabular_marl.validation import InputError, read_only

_DYADIC = "multiples of 1/1024"


@dataclass(frozen=True, eq=False)
class PlantedGame:
    """A game and its solution under ``recipe`` for the agent (player 0).

    value[s], q[s, a1, …, an]; policies[l] is the tilt of the recipe's l-th aggregation, shaped
    like q with length 1 on axes aggregated before it; joint_policy is their product.
    ``rounding`` bounds |value − V*| entry by entry for the game as stored.
    """

    game: StochasticGame
    recipe: Recipe
    value: Array
    q: Array
    policies: tuple[Array, ...]
    joint_policy: Array
    rounding: float


def plant(
    recipe: Recipe,
    game: StochasticGame | None = None,
    *,
    seed: int,
    scale: float = 1.0,
    exact: bool = False,
) -> PlantedGame:
    """Replace the agent's reward in ``game`` so that ``recipe`` has a known exact solution.

    ``game`` gives transitions, discount and the other players' rewards (a random one with 4
    states and 3 actions a player unless given,
    4 actions and dyadic probabilities where exact). V is drawn from [−scale, scale]; with β finite
    the deviations are log-odds over β. Raises InputError where ``exact`` cannot be had.

    >>> from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation
    >>> planted = plant((Aggregation(AGENT, 2.0), Aggregation(OPPONENT, -1.0)), seed=0)
    >>> planted.game.num_states, planted.rounding < 1e-12
    (4, True)
    """
    rng = np.random.default_rng(seed)
    if game is None:
        counts = ((4 if exact else 3),) * len(recipe)
        game = _dyadic_game(4, counts, rng) if exact else random_game(4, counts, seed=seed)
    num_states, counts, gamma = game.num_states, game.action_counts, game.discount
    levels = check(recipe, num_states, counts)
    full = (num_states, *counts)
    if exact and any(math.isfinite(level.beta) and level.beta != 0 for level in levels):
        raise InputError("recipe", "have every beta 0 or ±inf for exact=True", "it had another")
    stored = game.transition.data if game.is_sparse else game.transition
    if exact and not (_is_dyadic(stored) and _is_dyadic(np.float64(gamma))):
        raise InputError("game", f"hold {_DYADIC} for exact=True", "it did not")

    value = _small(rng, (num_states,)) if exact else rng.uniform(-scale, scale, num_states)
    q = value.reshape(-1, *(1 for _ in counts)) + np.zeros(full)
    magnitude = np.abs(q)
    policies = []
    done: set[int] = set()
    for level in levels:
        shape = tuple(1 if k - 1 in done else n for k, n in enumerate(full))
        deviation, policy = _level(rng, level, shape, scale, exact)
        q = q + deviation
        magnitude = magnitude + np.abs(deviation)
        policies.append(read_only(policy))
        done.add(level.axis)
    ahead = np.asarray(game.transition_rows @ value).reshape(full)
    far = np.asarray(game.transition_rows @ np.abs(value)).reshape(full)
    reward = q - gamma * ahead

    # Roundings of sums, relative to the terms' size, with the dot product over successors; then
    # those inside the logarithms, relative to 1 / β, with priors and policies that miss 1 a bit.
    eps = float(np.finfo(float).eps)
    worst = (4 * len(levels) + num_states + 4) * eps * float((magnitude + gamma * far).max())
    for level in levels:
        missed = float(np.abs(level.prior.sum(axis=level.axis + 1) - 1).max())
        unit = 1 / abs(level.beta) if level.beta and math.isfinite(level.beta) else scale
        worst += (missed + 4 * counts[level.axis] * eps) * unit
    joint = np.ones(full)
    for policy in policies:
        joint = joint * policy
    return PlantedGame(
        game=_with_reward(game, reward),
        recipe=recipe,
        value=read_only(value),
        q=read_only(q),
        policies=tuple(policies),
        joint_policy=read_only(joint),
        rounding=0.0 if exact else worst / (1 - gamma),
    )


def _level(
    rng: np.random.Generator, level: Level, shape: tuple[int, ...], scale: float, exact: bool
) -> tuple[Array, Array]:
    """A deviation of free energy zero and its tilt, both of ``shape``."""
    axis, beta = level.axis + 1, level.beta
    prior = np.broadcast_to(level.prior, shape)
    support = prior > 0
    draw = _small(rng, shape) if exact else rng.uniform(-scale, scale, shape)
    if beta == 0:
        if exact and not _is_dyadic(prior):
            raise InputError("prior", f"hold {_DYADIC} for exact=True", "it did not")
        return draw - (prior * draw).sum(axis=axis, keepdims=True), prior.copy()
    if math.isinf(beta):
        # one action on the support is best by a margin; off the support anything may be better
        keys = np.where(support, rng.random(shape), -1.0)
        best = keys == keys.max(axis=axis, keepdims=True)
        loss = np.abs(draw) + (0.5 if exact else 0.1 * scale)
        deviation = np.where(support, -math.copysign(1.0, beta) * loss, draw)
        return np.where(best, 0.0, deviation), best.astype(float)
    weight = np.where(support, rng.uniform(0.05, 1.0, shape), 0.0)
    policy = weight / weight.sum(axis=axis, keepdims=True)
    ratio = np.divide(policy, prior, out=np.ones(shape), where=support)
    return np.where(support, np.log(ratio) / beta, draw), policy


def _with_reward(game: StochasticGame, reward: Array) -> StochasticGame:
    """``game`` with the agent's reward replaced; both get a full check."""
    two = game.num_players == 2
    return StochasticGame(
        game.transition,
        reward if two else np.concatenate([reward[None], game.reward[1:]]),
        game.opponent_reward,
        discount=game.discount,
        states=game.states,
        actions=game.actions,
        name=f"planted {game.name}".strip(),
        source=game.source,
        initial=game.initial,
        players=game.players,
    )


def _dyadic_game(states: int, counts: tuple[int, ...], rng: np.random.Generator) -> StochasticGame:
    """Transition probabilities in quarters and γ = 3/4."""
    rows = np.zeros((states, *counts, states))
    for index in np.ndindex(states, *counts):
        np.add.at(rows[index], rng.integers(states, size=4), 0.25)
    rewards = rng.integers(-4, 5, size=(len(counts), states, *counts)).astype(float)
    return StochasticGame(rows, rewards, discount=0.75, name="dyadic")


def _small(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Halves between −4 and 4."""
    return rng.integers(-8, 9, size=shape) / 2


def _is_dyadic(array: Array | np.float64) -> bool:
    """Whether every entry is a multiple of 2⁻¹⁰."""
    return bool(np.all(array * 1024 == np.round(array * 1024)))
