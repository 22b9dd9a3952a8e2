"""EM for policies: tilt the prior by an action value, evaluate the tilted policy, again.
                                                     report 3.1, 3.2, C.1, C.2, (87)-(102), (191)
  ROMMEO-EM, one reward                                                               (88)-(93)
    E   π_{k+1}(a|s,b) ∝ P_k(a|s,b) exp(Q_k(s,a,b))                                          (89)
        ρ_{k+1}(b|s)   ∝ P_k(b|s) exp(Q_k(s,b)),  Q_k(s,b) = log Σ_a P_k(a|s,b) exp Q_k      (93)
    M   Q_{k+1} = β (R + γ E V),  V the value of (π_{k+1}, ρ_{k+1})
  generalised EM, a reward each                                                      (94)-(102)
    π_{k+1}(a|s,b) ∝ P_k(a|s,b) exp(Q^i_k),          Q^i_{k+1} of (π_{k+1}, ρ_k) on R^i
    ρ_{k+1}(b|s)   ∝ P_k(b|s) exp(Q^-i_k(s,b)),      Q^-i_{k+1} of (π_{k+1}, ρ_{k+1}) on R^-i
    Q^-i_k(s,b) = log Σ_a π_{k+1}(a|s,b) exp(Q^-i_k(s,a,b))                                  (99)

P_k is the last policy (prior_update="replaced", the second point of 3.1) or the prior for ever
("kept"). The M step is policy evaluation: evaluation="expectation", V the plain return, as the
report means by "not the soft Q", or "regularised", with the KL cost of the policy to P_{k−1}
charged in every state. E steps are exact, M steps fixed points with proved error bounds.

The bound, with q(s) uniform as in (91), E over s and over b in its KL terms put in, over β:
    L(θ, ω_k)/β = mean_s { E_q[Q_k] − KL(q‖P_k)/β } ≤ L(θ_{k+1}, ω_k)/β = mean_s F_β[P_k](Q_k(s,·))
                ≤ evidence (1/β) log P(O = 1) = F_β[uniform](F_β[P_k](Q_k(s,·)))       for β > 0.
The second ≤ is Jensen's, strict unless all states are worth the same: (88)'s posterior moves the
state as well, the family of (91) does not, so its E step is not tight.

What is printed wrongly: in (92) argmax over an unrestricted ω has no maximum, L is linear in Q_ω;
an M step needs Q_ω to be the value of something. (91), (191) write ρ(a^i|s) for ρ(a^-i|s) and drop
the expectations. (90)'s text has ρ(a^i|s,a^-i). (97)'s q has O^-i = 0. (100) and C.2 leave exp out
of numerators. (87), (95) hold up to a constant, (99) needs Q^-i ≤ 0 to be a probability.

What ROMMEO-EM does (β > 0; mirrored for β < 0):
 - replaced: the return (less the cost) never falls, and the limit is the optimum of one decision
   maker over (a, b) on the priors' support (the argument of models/fictitious_play.py; for
   "expectation" this is mirror descent). ``limit`` is that optimum.
 - kept, regularised: soft policy iteration, which rises to ROMMEO. ``limit`` is ROMMEO.
 - kept, expectation: Boltzmann policy iteration; no guarantee, several limits are possible.
Generalised EM has no guarantee in any reading: it may settle, cycle, or neither.

Shapes: q, agent_policy π_k, joint_policy [s, a, b]; opponent_policy ρ_k, opponent_q [s, b]. A
round's Solution is the M step of the policies in it. Units: reward; the report's Q is β times ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Unpack

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.fictitious_play import EVALUATIONS, PRIOR_UPDATES
from tabular_marl.models.log_ratios import free_energy_of_tilt
from tabular_marl.models.rounds import Carried, Rounds, play
from tabular_marl.models.solve import Game, Options, Solved, build, first_mover, two_player
from tabular_marl.numerics.free_energy import free_energy, free_energy_and_tilt, tilt
from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation, check
from tabular_marl.solution import Array, Solution
from tabular_marl.validation import InputError, inverse_temperature, one_of, read_only


@dataclass(frozen=True)
class EM(Rounds):
    """The last round's Solution, the path, and the bounds of every round, over β, in reward units.

    ``elbo_before[k]`` is L(θ_k, ω_k)/β, ``elbo[k]`` is L(θ_{k+1}, ω_k)/β after the E step, and
    ``evidence[k]`` what it bounds. In generalised EM ``elbo`` and ``elbo_before`` are (97), the
    agent's, ``opponent_elbo`` is (101) after the opponent's E step, and there is no evidence;
    ``opponent`` is the opponent's last M step.
    """

    elbo_before: tuple[float, ...] = field(default=(), repr=False)
    elbo: tuple[float, ...] = field(default=(), repr=False)
    evidence: tuple[float, ...] = field(default=(), repr=False)
    opponent_elbo: tuple[float, ...] = field(default=(), repr=False)
    opponent: Solution | None = field(default=None, repr=False)

    def details(self) -> dict[str, Any]:
        """The path in numbers."""
        return super().details() | {
            "elbo_before": self.elbo_before,
            "elbo": self.elbo,
            "evidence": self.evidence,
            "opponent_elbo": self.opponent_elbo,
            "opponent_value": None if self.opponent is None else self.opponent.value,
        }


def rommeo_em(
    game: Game,
    beta: float,
    prior_update: Literal["replaced", "kept"] = "replaced",
    evaluation: Literal["expectation", "regularised"] = "expectation",
    rounds: int | None = None,
    agent_prior: ArrayLike | None = None,
    opponent_prior: ArrayLike | None = None,
    discount: float | None = None,
    **options: Unpack[Options],
) -> EM:
    """Exact EM on one reward, from the priors to its limit, with the bound of every round.

    ``beta`` in [−inf, inf] and 1/reward (finite and not 0 for "regularised"). ``agent_prior`` [a],
    [s, a] or [s, a, b]; ``opponent_prior`` [b] or [s, b]. ``rounds`` plays exactly that many. The
    other arguments are those of :func:`tabular_marl.solve`, for every M step.
    Raises InputError, NotConverged. Source: report (88)-(93).

    >>> import tabular_marl as tm
    >>> result = tm.rommeo_em(tm.MatrixGame([[2.0, 0.0], [0.0, 1.0]]), beta=1.0, rounds=3)
    >>> [round(bound, 4) for bound in result.elbo_before], [round(b, 4) for b in result.elbo]
    ([0.75, 1.4451, 1.822], [1.1075, 1.6649, 1.8946])
    """
    one_of("prior_update", prior_update, PRIOR_UPDATES)
    one_of("evaluation", evaluation, EVALUATIONS)
    seen = two_player(game, discount)
    beta = inverse_temperature("beta", beta)
    replaced, regularised = prior_update == "replaced", evaluation == "regularised"
    if regularised and not (math.isfinite(beta) and beta):
        raise InputError("beta", "be finite and not 0 if regularised", f"it was {beta}")
    recipe = (Aggregation(AGENT, beta, agent_prior), Aggregation(OPPONENT, beta, opponent_prior))
    priors = _priors(seen, recipe)
    bounds: list[tuple[float, float, float]] = []

    def step(carried: Carried, guess: Array | None) -> tuple[Solution, Carried]:
        pi, rho = carried.policies
        gains, charged = carried.memory
        cost = charged if regularised else np.zeros(1)
        solution = _evaluate(seen, seen.reward, pi, rho, cost, "rommeo-em", options, guess)
        after = gains + solution.q if replaced else solution.q
        after = after - after.max(axis=(1, 2), keepdims=True)
        policies, excess = _e_step(after, beta, priors)
        # log(q_{k+1} / P_k) / β, from sums of q, so that no probability is ever lost
        new = excess - (_e_step(gains, beta, priors)[1] if replaced else 0.0)
        worth = (solution.q - new).reshape(seen.num_states, -1)[:, 0]  # F[P_k](Q_k), all (a, b)
        before = (pi * rho[:, None, :] * (solution.q - (0.0 if replaced else charged))).sum((1, 2))
        shared = np.full((1, seen.num_states), 1 / seen.num_states)
        evidence = free_energy(worth[None], beta, shared, axis=1)[0]
        bounds.append((before.mean(), worth.mean(), evidence))
        tilting = gains if replaced else none
        answer = free_energy_of_tilt(solution.q, beta, tilting, beta, priors[0], axis=1)
        return replace(solution, opponent_q=read_only(answer)), Carried(policies, (after, new))

    none = np.zeros(seen.reward.shape)
    limit = None
    if replaced and beta:
        hard = math.copysign(math.inf, beta)
        ending = tuple(replace(aggregation, beta=hard) for aggregation in recipe)
        limit = build(seen.reward, seen, ending, "rommeo-em", options, first_mover)
    elif regularised:
        limit = build(seen.reward, seen, recipe, "rommeo-em", options, first_mover)
    played = play(step, Carried(priors, (none, none)), "rommeo-em", options, rounds, limit)
    before, after, evidence = (tuple(map(float, column)) for column in zip(*bounds, strict=True))
    return EM(**played.__dict__, elbo_before=before, elbo=after, evidence=evidence)


def em(
    game: Game,
    beta_agent: float,
    beta_opponent: float,
    prior_update: Literal["replaced", "kept"] = "replaced",
    rounds: int | None = None,
    agent_prior: ArrayLike | None = None,
    opponent_prior: ArrayLike | None = None,
    discount: float | None = None,
    **options: Unpack[Options],
) -> EM:
    """Generalised EM: agent and opponent each tilt and evaluate on their own reward, in turns.

    The game needs an ``opponent_reward``. ``beta_agent``, ``beta_opponent`` in [−inf, inf] and
    1/reward; priors, ``rounds`` and the other arguments as in :func:`rommeo_em`.
    Raises InputError, NotConverged. Source: report (94)-(102).

    >>> import tabular_marl as tm
    >>> result = tm.em(tm.games.prisoners_dilemma(), beta_agent=1.0, beta_opponent=1.0)
    >>> result.value.round(6), result.opponent.value.round(6), result.status.name
    (array([-2.]), array([-2.]), 'SETTLED')
    """
    one_of("prior_update", prior_update, PRIOR_UPDATES)
    seen = two_player(game, discount)
    if seen.opponent_reward is None:
        raise InputError("game", "have an opponent_reward", "it had none")
    theirs = seen.opponent_reward
    beta_i = inverse_temperature("beta_agent", beta_agent)
    beta_o = inverse_temperature("beta_opponent", beta_opponent)
    replaced = prior_update == "replaced"
    recipe = (
        Aggregation(AGENT, beta_i, agent_prior), Aggregation(OPPONENT, beta_o, opponent_prior),
    )  # fmt: skip
    pi_0, rho_0 = priors = _priors(seen, recipe)
    free = np.zeros(1)
    start = [
        _evaluate(seen, reward, pi_0, rho_0, free, "em", options, None)
        for reward in (seen.reward, theirs)
    ]
    bounds: list[tuple[float, float, float]] = []
    latest = start[1]

    def step(carried: Carried, guess: Array | None) -> tuple[Solution, Carried]:
        nonlocal latest
        pi, rho = carried.policies
        q, q_o, gains, gains_o = carried.memory
        worth = (rho * free_energy_of_tilt(q, beta_i, gains, beta_i, pi_0, axis=1)).sum(axis=1)
        tilting = _centred(gains + q, 1)
        new_pi = tilt(tilting, beta_i, pi_0, axis=1)
        mine = _evaluate(seen, seen.reward, new_pi, rho, free, "em", options, guess)
        answer = free_energy_of_tilt(q_o, beta_o, tilting, beta_i, pi_0, axis=1)
        worth_o = free_energy_of_tilt(answer, beta_o, gains_o, beta_o, rho_0, axis=1)
        tilting_o = _centred(gains_o + answer, 1)
        new_rho = tilt(tilting_o, beta_o, rho_0, axis=1)
        latest = _evaluate(seen, theirs, new_pi, new_rho, free, "em", options, latest.value)
        before = (rho * (pi * q).sum(axis=1)).sum(axis=1)
        if not replaced and math.isfinite(beta_i) and beta_i:
            cost = np.divide(pi, pi_0, out=np.ones_like(pi), where=pi > 0)
            before = before - (rho * (pi * np.log(cost)).sum(axis=1)).sum(axis=1) / beta_i
        bounds.append((before.mean(), worth.mean(), worth_o.mean()))
        kept = (tilting, tilting_o) if replaced else (gains, gains_o)  # else zeros for ever
        memory = (mine.q, latest.q, *kept)
        return replace(mine, opponent_q=read_only(answer)), Carried((new_pi, new_rho), memory)

    memory = (start[0].q, start[1].q, np.zeros_like(pi_0), np.zeros_like(rho_0))
    played = play(step, Carried(priors, memory), "em", options, rounds)
    before, after, other = (tuple(map(float, column)) for column in zip(*bounds, strict=True))
    return EM(
        **played.__dict__, elbo_before=before, elbo=after, opponent_elbo=other, opponent=latest
    )


def _priors(game: StochasticGame, recipe: Any) -> tuple[Array, Array]:
    """P(a|s,b) as [s, a, b] and P(b|s) as [s, b], normalised."""
    agent, opponent = check(recipe, game.num_states, game.action_counts)
    pi = np.broadcast_to(agent.prior, game.reward.shape)
    rho = np.broadcast_to(opponent.prior[:, 0, :], (game.num_states, pi.shape[2]))
    return pi / pi.sum(axis=1, keepdims=True), rho / rho.sum(axis=1, keepdims=True)


def _evaluate(
    game: StochasticGame,
    reward: Array,
    pi: Array,
    rho: Array,
    cost: Array,
    model: str,
    options: Options,
    guess: Array | None,
) -> Solution:
    """The M step: the value of the policies on ``reward`` − ``cost``, q without the cost."""

    def fields(solved: Solved) -> dict[str, Array]:
        return {"q": solved.q + cost, "agent_policy": pi, "opponent_policy": rho}

    recipe = (Aggregation(AGENT, 0.0, pi), Aggregation(OPPONENT, 0.0, rho))
    given: Options = options if guess is None else {**options, "initial": guess}
    return build(reward - cost, game, recipe, model, given, fields)


def _e_step(
    gains: Array, beta: float, priors: tuple[Array, Array]
) -> tuple[tuple[Array, Array], Array]:
    """((π, ρ), gains − F): the tilt of the priors by ``gains`` [s, a, b], and log(q/P)/β."""
    ahead, pi = free_energy_and_tilt(gains, beta, priors[0], axis=1)
    value, rho = free_energy_and_tilt(ahead, beta, priors[1], axis=1)
    return (pi, rho), gains - value[:, None, None]


def _centred(gains: Array, axis: int) -> Array:
    """``gains`` less its maximum along the axis that it is tilted on, which changes no tilt."""
    centred: Array = gains - gains.max(axis=axis, keepdims=True)
    return centred
