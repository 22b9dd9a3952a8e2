"""Probabilistic recursive reasoning: level k answers the policies of level k − 1.
                                                                     report 4.1.1, (103)-(109)
    Q_k(s,a,b)   = β R(s,a,b) + γ E_{s'}[V_k(s')]
  a level whose agent is conditional (odd levels of the agent's chain)                      (108)
    π_k(a|s,b)   ∝ π_{k−1}(a|s) exp(Q_k(s,a,b))         exp Q_k(s,b) its normaliser
    ρ_k(b|s)     ∝ ρ_{k−1}(b|s) exp(Q_k(s,b))           exp V_k(s) its normaliser
    π_k(a|s)     = Σ_b π_k(a|s,b) ρ_k(b|s)
  a level whose opponent is conditional (even levels of the agent's chain)                  (109)
    ρ_k(b|s,a)   ∝ ρ_{k−1}(b|s) exp(Q_k(s,a,b)),   π_k(a|s) ∝ π_{k−1}(a|s) exp(Q_k(s,a)),
    ρ_k(b|s)     = Σ_a ρ_k(b|s,a) π_k(a|s)

Level 0 is the pair of priors. The agent's chain is (103): ρ_0 → π_1(a|s,b) → ρ_2(b|s,a) → …, the
opponent's chain starts with the opponent at level 1. Recipe of a level: ROMMEO's order with the
conditional agent, PR2's with the conditional opponent, the prior of level k being the marginals of
level k − 1. Units: the report's Q_k, V_k are β times ours; ``beta_opponent`` is our extension to an
opponent with another β (the report has one).

What is printed wrongly: (104) has V_1(s_t) for V_1(s_{t+1}) and Q_0 in the text; (105) writes
ρ_1(a^i|s) for ρ_1(a^-i|s), exp V_0(s_{t+1}) for exp V_1(s_t), and Q_0 for Q_1; (106), (107) call
level 2's value V_1; (107) normalises π_0 exp(Q_1) by a value made with π_1, and defines π_0 by
itself, where the level-1 marginal is meant; (109) conditions Q_k in π_k and in the normaliser of
ρ_k on a^-i where a^i is meant. (107) gives level 2 the prior ρ_0, (109) with k = 2 gives it ρ_1:
``level_two`` = "initial" or "previous".

With one β the order does not matter (a sum over (a, b) is one sum), so both chains have the same
V_k and joint policy p_k, and the levels are an EM algorithm: p_k maximises E_p[Q] − KL(p‖π⊗ρ)/β at
π_{k−1} ⊗ ρ_{k−1}, and of all products the marginals of p_k maximise it next. So for β > 0 V_k never
falls (for β < 0 never rises) and converges, in general to one of several limits. With two βs of
opposite sign there is no such theorem: matching pennies ends in a cycle of period 4.

How it is solved: a marginal is kept as log π_k/π_0, for a probability below 1e-308 may be chosen
again at a later level. A prior π_{k−1} = π_0 exp(β g) is the prior π_0 with g added to the reward.

Shapes: as in ROMMEO or PR2 for the last level; marginals [s, a], [s, b]. Units: reward.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, Unpack

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.log_ratios import absorb, log_ratio, normalised, tilted
from tabular_marl.models.rounds import Carried, Rounds, play
from tabular_marl.models.solve import Game, Options, Solved, build, first_mover, two_player
from tabular_marl.numerics.free_energy import free_energy
from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation, check
from tabular_marl.solution import Array, Solution
from tabular_marl.validation import (
    InputError,
    finite_array,
    float_array,
    inverse_temperature,
    one_of,
    read_only,
)

CHAINS = ("agent", "opponent")


@dataclass(frozen=True)
class Levels(Rounds):
    """The last level's Solution, with the path of levels 1, 2, … and every level's marginals.

    ``agent_marginals[k]`` [s, a] and ``opponent_marginals[k]`` [s, b] are π_k and ρ_k, from the
    priors of level 0 on.
    """

    agent_marginals: tuple[Array, ...] = field(default=(), repr=False)
    opponent_marginals: tuple[Array, ...] = field(default=(), repr=False)

    def details(self) -> dict[str, Any]:
        """The path in numbers."""
        return super().details() | {
            "agent_marginals": self.agent_marginals,
            "opponent_marginals": self.opponent_marginals,
        }


def level_k(
    game: Game,
    beta: float,
    levels: int | None = None,
    chain: Literal["agent", "opponent"] = "agent",
    level_two: Literal["previous", "initial"] = "previous",
    beta_opponent: float | None = None,
    agent_prior: ArrayLike | None = None,
    opponent_prior: ArrayLike | None = None,
    discount: float | None = None,
    **options: Unpack[Options],
) -> Levels:
    """Policies, values and marginals of reasoning levels 1 to ``levels``, or to the limit or cycle.

    ``beta`` (and ``beta_opponent``, the same by default) in [−inf, inf] and 1/reward; an infinite
    one answers within the support of level k − 1. ``chain`` says who is conditional at level 1.
    ``agent_prior`` [a] or [s, a] and ``opponent_prior`` [b] or [s, b] are level 0. The other
    arguments are those of :func:`tabular_marl.solve`, for each level.
    Raises InputError, NotConverged. Source: report (103)-(109).

    >>> import tabular_marl as tm
    >>> result = tm.level_k(tm.MatrixGame([[2.0, 0.0], [0.0, 1.0]]), beta=1.0, levels=3)
    >>> [level.value.round(4).item() for level in result.path]
    [1.1075, 1.4421, 1.8036]
    >>> result.agent_marginals[1].round(4)
    array([[0.6929, 0.3071]])
    """
    one_of("chain", chain, CHAINS)
    one_of("level_two", level_two, ("previous", "initial"))
    seen = two_player(game, discount)
    beta = inverse_temperature("beta", beta)
    other = beta if beta_opponent is None else beta_opponent
    betas = (beta, inverse_temperature("beta_opponent", other))
    priors = independent_priors(seen.num_states, seen.action_counts, agent_prior, opponent_prior)
    marginals = [priors]
    level_zero = tuple(np.zeros_like(prior) for prior in priors)

    def step(carried: Carried, guess: Array | None) -> tuple[Solution, Carried]:
        k = len(marginals)
        ratios = list(carried.memory)  # log π_{k−1}/π_0 of each player
        if k == 2 and level_two == "initial":
            kept = OPPONENT if chain == "agent" else AGENT
            ratios[kept] = level_zero[kept]
        answers = AGENT if (k % 2 == 1) == (chain == "agent") else OPPONENT
        given: Options = options if guess is None else {**options, "initial": guess}
        solution, after = _level(seen, betas, priors, ratios, answers, given)
        agent, opponent = (tilted(x, p, axis=1) for x, p in zip(after, priors, strict=True))
        marginals.append((read_only(agent), read_only(opponent)))
        return solution, Carried(marginals[-1], after)

    played = play(step, Carried(priors, level_zero), "level-k", options, levels, unit="levels")
    agents, opponents = zip(*marginals, strict=True)
    return Levels(**played.__dict__, agent_marginals=agents, opponent_marginals=opponents)


def _level(
    game: StochasticGame,
    betas: tuple[float, float],
    priors: tuple[Array, Array],
    ratios: list[Array],
    answers: int,
    options: Options,
) -> tuple[Solution, tuple[Array, Array]]:
    """One level: its Solution, and log π_k/π_0, log ρ_k/ρ_0 from those of level k − 1."""
    moves = 1 - answers
    own = [absorb(x, b, p, axis=1) for x, b, p in zip(ratios, betas, priors, strict=True)]
    gains = np.expand_dims(own[AGENT][0], 2), np.expand_dims(own[OPPONENT][0], 1)
    shift = gains[AGENT] + gains[OPPONENT]
    recipe = tuple(Aggregation(i, betas[i], own[i][1]) for i in (answers, moves))
    log_ratios: list[Array] = []

    def fields(solved: Solved) -> dict[str, Array]:
        found = first_mover(solved)
        names = ("agent_q", "agent_policy"), ("opponent_q", "opponent_policy")
        name, policy = names[moves]
        worth, prior = found[name], np.expand_dims(priors[answers], moves + 1)
        lead = np.expand_dims(worth, answers + 1)
        answer = log_ratio(solved.q - lead, betas[answers], found[names[answers][1]], prior)
        value = free_energy(worth, betas[moves], own[moves][1], axis=1)
        first = log_ratio(worth - value[:, None], betas[moves], found[policy], priors[moves])
        with np.errstate(divide="ignore"):
            joint = answer + np.expand_dims(np.log(priors[moves]) + first, answers + 1)
        log_ratios[:] = [first, np.logaddexp.reduce(joint, axis=moves + 1)]
        return found | {"q": solved.q - shift, name: worth - own[moves][0]}

    solution = build(game.reward + shift, game, recipe, "level-k", options, fields)
    first, second = log_ratios
    return solution, (second, first) if answers == AGENT else (first, second)


def behavioural_levels(
    game: Game,
    beta: float,
    levels: int | None = None,
    poisson_mean: float | None = None,
    beta_opponent: float | None = None,
    agent_prior: ArrayLike | None = None,
    opponent_prior: ArrayLike | None = None,
    discount: float | None = None,
    **options: Unpack[Options],
) -> Levels:
    """Level-k and cognitive hierarchy as behavioural game theory has them, for comparison.

        V_k(s) = (1/β) log Σ_a p(a|s) exp(β Σ_b σ_{k−1}(b|s) Q_k(s,a,b)),     σ_k(a|s) its tilt

    and the same for the opponent with its own reward (``opponent_reward`` where the game has one,
    the agent's reward otherwise). Level k answers level k − 1 alone (Nagel 1995; Stahl and Wilson
    1995), or with ``poisson_mean`` τ the levels below k in Poisson(τ) shares (Camerer, Ho and Chong
    2004); answers are logit answers, β = inf best answers. Unlike the report's levels, an
    expectation is taken over the other's action, one's own prior stays that of level 0, and each
    player has its own values. The Solution is the agent's; ``opponent_policy`` is the level's own,
    joint_policy what the agent expects. Arguments as in :func:`level_k`; a best-answer path may
    cycle. Raises InputError, NotConverged.

    >>> import tabular_marl as tm
    >>> pennies = tm.MatrixGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]])
    >>> start = {"agent_prior": [0.6, 0.4], "opponent_prior": [0.4, 0.6]}
    >>> tm.behavioural_levels(pennies, beta=5.0, **start).period
    4
    """
    seen = two_player(game, discount)
    beta = inverse_temperature("beta", beta)
    other = beta if beta_opponent is None else beta_opponent
    betas = (beta, inverse_temperature("beta_opponent", other))
    if poisson_mean is not None and not float(finite_array("poisson_mean", poisson_mean)) > 0:
        raise InputError("poisson_mean", "be positive", f"it was {poisson_mean!r}")
    priors = independent_priors(seen.num_states, seen.action_counts, agent_prior, opponent_prior)
    own = seen.reward if seen.opponent_reward is None else seen.opponent_reward
    marginals = [priors]

    def step(carried: Carried, guess: Array | None) -> tuple[Solution, Carried]:
        believed, k = carried.policies, len(marginals)

        def answer(player: int) -> Solution:
            recipe = (
                Aggregation(1 - player, 0.0, believed[1 - player]),
                Aggregation(player, betas[player], priors[player]),
            )
            given: Options = options
            if guess is not None and player == AGENT:
                given = {**options, "initial": guess}
            reward = (seen.reward, own)[player]
            return build(reward, seen, recipe, "behavioural-levels", given, first_mover)

        mine, theirs = answer(AGENT), answer(OPPONENT)
        after = mine.agent_policy, theirs.opponent_policy
        marginals.append(after)
        solution = replace(mine, opponent_policy=after[1])
        if poisson_mean is None:
            return solution, Carried(after)
        weights = np.cumprod([1.0, *(poisson_mean / j for j in range(1, k + 1))])
        share = weights[-1] / weights.sum()
        pairs = zip(believed, after, strict=True)
        return solution, Carried(tuple((1 - share) * old + share * new for old, new in pairs))

    played = play(step, Carried(priors), "behavioural-levels", options, levels, unit="levels")
    agents, opponents = zip(*marginals, strict=True)
    return Levels(**played.__dict__, agent_marginals=agents, opponent_marginals=opponents)


def independent_priors(
    states: int,
    actions: tuple[int, ...],
    agent_prior: ArrayLike | None,
    opponent_prior: ArrayLike | None,
) -> tuple[Array, Array]:
    """Both priors as [s, a] and [s, b], checked: neither is conditional on the other's move."""
    recipe = (Aggregation(AGENT, 0.0, agent_prior), Aggregation(OPPONENT, 0.0, opponent_prior))
    for name, prior in (("agent_prior", agent_prior), ("opponent_prior", opponent_prior)):
        axes = 0 if prior is None else float_array(name, prior).ndim
        if axes > 2:
            must = "have one or two axes (it is not conditional)"
            raise InputError(name, must, f"it had {axes}")
    agent, opponent = check(recipe, states, actions)
    shapes = (states, actions[AGENT]), (states, actions[OPPONENT])
    held = agent.prior[:, :, 0], opponent.prior[:, 0, :]
    one, two = (np.broadcast_to(p, shape) for p, shape in zip(held, shapes, strict=True))
    return read_only(normalised(one, 1)), read_only(normalised(two, 1))
