"""Probabilistic fictitious play: a conditional agent and an opponent model, in turns.
                                                                    report (39)-(50), A.5, (158)
    x(s,b)   = (1/β^i) log Σ_a exp(β^i Q(s,a,b)) P_prior(a|s,b),    Q = R + γ E_{s'}[V(s')]     (42)
    π(a|s,b) ∝ exp(β^i Q(s,a,b)) P_prior(a|s,b)                                                (42)
    V(s)     = Σ_b ρ_k(b|s) x(s,b)                       evaluation="expectation"        (42), (158)
    V(s)     = (1/β^-i) log Σ_b exp(β^-i x(s,b)) P_k(b|s)     evaluation="regularised"          (50)
    ρ_{k+1}(b|s) ∝ exp(β^-i x(s,b)) P_k(b|s)                                              (43)-(46)

In round k the agent's system is solved with ρ_k (for (50), P_k) held fixed; x re-tilts the model.
The prior P_k is in one reading the last opponent model (prior_update="replaced", the closing
paragraph of 1.3), in the other the reference prior of (44) for ever ("kept"). Recipe: a:β^i given
b, then b:0 with prior ρ_k, or b:β^-i with prior P_k. Units: the report's Q^i is β^i times ours, its
V^-i is β^-i times ``value`` of (50).

What is printed wrongly: (43) is a probability only up to a constant, where β^-i Q > 0; A.5.2
divides by V^-i where (46) divides by exp V^-i, and puts the prior inside exp; (158) takes the
expectation at (s_{t+1}, a_t^-i) of a Q at s_t, where both belong to t + 1. (47)-(49) are right at
every (a, b). (50) is right, and with a kept prior it is Balancing-Q exactly, not "almost the same".

What the rounds do (β^-i > 0; for β^-i < 0 with ≥ for ≤ and min for max), T_k the round's operator:
 - replaced: T_{k+1} V_k ≥ V_k since the tilt raises the mean, so V_k rises; an opponent action that
   is better by δ gains the factor exp(β^-i δ) a round, so the limit has none: it is the fixed
   point with b:inf over the prior's support. ``limit`` is that solution, the bound is proved.
   For "expectation" this is mirror descent, the natural policy gradient of the opponent.
 - kept, regularised: the first round is the fixed point, Balancing-Q in the opponent's view.
 - kept, expectation: a fixed point has V = Σ_b ρ x with ρ the tilt of x, the Boltzmann operator,
   which is no contraction. With two states and two actions of the opponent the rounds can already
   have several limits (``start`` chooses among them) or swap for ever, at either sign of β^-i. They
   settle where γ |β^-i| (max R − min R) < 2 (1 − γ)². Random games rarely show it: of 248 000 with
   two actions 148 had several limits, none was seen to cycle. See docs/audit-fictitious-play.md.

Shapes: q, agent_policy π [s, a, b]; opponent_policy, opponent_q = x [s, b]. opponent_policy is the
model that the agent's round holds fixed (ρ_k), or for (50) the round's own tilt.
"""

from __future__ import annotations

import math
from typing import Literal, Unpack

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.rounds import Carried, Rounds, play
from tabular_marl.models.solve import Game, Options, Solved, build, first_mover, two_player
from tabular_marl.numerics.free_energy import free_energy, tilt
from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation, Recipe, check
from tabular_marl.solution import Array, Solution
from tabular_marl.validation import InputError, inverse_temperature, one_of, probability_rows

PRIOR_UPDATES = ("replaced", "kept")
EVALUATIONS = ("expectation", "regularised")


def fictitious_play(
    game: Game,
    beta_agent: float,
    beta_opponent: float,
    prior_update: Literal["replaced", "kept"] = "replaced",
    evaluation: Literal["expectation", "regularised"] = "expectation",
    rounds: int | None = None,
    start: ArrayLike | None = None,
    agent_prior: ArrayLike | None = None,
    opponent_prior: ArrayLike | None = None,
    discount: float | None = None,
    **options: Unpack[Options],
) -> Rounds:
    """The alternation of the agent's solve and the opponent model's tilt, to its limit or cycle.

    ``beta_agent`` β^i and ``beta_opponent`` β^-i in [−inf, inf] and 1/reward. ``prior_update`` and
    ``evaluation`` choose the reading (module docstring). ``rounds`` plays exactly that many; 1 is
    the conditional agent against the fixed ``opponent_prior`` [b] or [s, b]. ``start`` [b] or
    [s, b] is a first opponent model other than the kept prior, for "kept" and "expectation" only.
    ``agent_prior`` [a], [s, a] or [s, a, b]. The other arguments are those of
    :func:`tabular_marl.solve`, for every round. Raises InputError, NotConverged.
    Source: report (42), (46), (50), (158).

    >>> import tabular_marl as tm
    >>> pennies = tm.MatrixGame([[1.0, -1.0], [-2.0, 2.0]])
    >>> result = tm.fictitious_play(pennies, beta_agent=float("inf"), beta_opponent=-1.0)
    >>> result.value.round(9), result.limit.value, result.status.name
    (array([1.]), array([1.]), 'CONVERGED')
    """
    one_of("prior_update", prior_update, PRIOR_UPDATES)
    one_of("evaluation", evaluation, EVALUATIONS)
    beta = inverse_temperature("beta_opponent", beta_opponent)
    seen = two_player(game, discount)
    agent = Aggregation(AGENT, inverse_temperature("beta_agent", beta_agent), agent_prior)
    replaced, regularised = prior_update == "replaced", evaluation == "regularised"
    recipe = (agent, Aggregation(OPPONENT, beta, opponent_prior))
    prior = check(recipe, seen.num_states, seen.action_counts)[1].prior[:, 0, :]
    none = np.zeros((seen.num_states, seen.action_counts[OPPONENT]))
    first = _model(none, beta, prior)
    if start is not None:
        if replaced or regularised:
            raise InputError(
                "start",
                "be None unless prior_update is 'kept' and evaluation 'expectation' (elsewhere "
                "opponent_prior is the start)",
                "it was given",
            )
        given_start = np.broadcast_to(np.asarray(start), none.shape)
        first = probability_rows("start", given_start, none.shape)

    def step(carried: Carried, guess: Array | None) -> tuple[Solution, Carried]:
        (model,), (gains,) = carried.policies, carried.memory
        given: Options = options if guess is None else {**options, "initial": guess}
        if regularised:
            solution = _tilted(seen, recipe, gains, prior, given)
        else:
            fixed = (agent, Aggregation(OPPONENT, 0.0, model))
            solution = build(seen.reward, seen, fixed, "fictitious-play", given, first_mover)
        x = np.asarray(solution.opponent_q)
        if replaced:
            gains = gains + x
            gains -= gains.max(axis=1, keepdims=True)
        elif not regularised:
            gains = x
        return solution, Carried((_model(gains, beta, prior),), (gains,))

    limit = None
    if beta != 0 and (replaced or regularised):
        best = math.copysign(math.inf, beta) if replaced else beta
        ending = (agent, Aggregation(OPPONENT, best, opponent_prior))
        limit = build(seen.reward, seen, ending, "fictitious-play", options, first_mover)
    return play(step, Carried((first,), (none,)), "fictitious-play", options, rounds, limit)


def _model(gains: Array, beta: float, prior: Array) -> Array:
    """The opponent model of the summed x: (46) k times over, without ever losing an action.

    Tilting a tilt adds the exponents, so replaced priors are kept as ``gains`` [s, b] with
    ρ ∝ P exp(β gains): an action whose probability underflows can still return.
    """
    full = np.broadcast_to(prior, gains.shape)
    return tilt(gains, beta, full) if gains.any() else full / full.sum(axis=1, keepdims=True)


def _tilted(
    game: StochasticGame, recipe: Recipe, gains: Array, prior: Array, options: Options
) -> Solution:
    """(50) with the prior ρ ∝ P exp(β gains), as F_β[ρ](x) = F_β[P](x + gains) − F_β[P](gains)."""
    beta = recipe[1].beta
    extra = gains - free_energy(gains, beta, np.broadcast_to(prior, gains.shape))[:, None]

    def fields(solved: Solved) -> dict[str, Array]:
        arrays = first_mover(solved)
        arrays["opponent_q"] = arrays["opponent_q"] - extra
        return arrays | {"q": solved.q - extra[:, None, :]}

    return build(game.reward + extra[:, None, :], game, recipe, "fictitious-play", options, fields)
