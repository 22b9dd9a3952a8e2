"""The perfect model: the opponent has a reward of its own, and the agent knows its policy.
                                                                        report 1.5, (51)-(56)
  the opponent, with its own reward R^-i
    Q^-i(s,a,b) = R^-i(s,a,b) + γ E_{s'}[V^-i(s')]                                            (53)
    Q^-i(s,b)   = (1/β^-i) log Σ_a σ(a|s,b) exp(β^-i Q^-i(s,a,b))                             (52)
    V^-i(s)     = (1/β^-i) log Σ_b P(b|s) exp(β^-i Q^-i(s,b)),  ρ(b|s) the tilt               (54)
  the agent, with R^i
    Q^i(s,a,b)  = R^i(s,a,b) + γ E_{s'}[V^i(s')],   Q^i(s,b) = (1/β^i) log Σ_a P(a|s,b) e^{β^i Q^i}
    V^i(s)      = Σ_b ρ(b|s) Q^i(s,b)                                evaluation="expectation"   (55)
    V^i(s)      = Σ_b ρ(b|s) [Q^i(s,b) − (1/β^i) log(ρ(b|s)/P(b|s))]       "regularised"        (56)
    π(a|s,b) ∝ P(a|s,b) exp(β^i Q^i(s,a,b))

σ is what the opponent expects of the agent. With the prior, σ = P(a|s,b) as in 1.5, the system is
triangular: the opponent's is ROMMEO on R^-i, the agent's a recipe given ρ; both are contractions
and the answer is proved, ρ's own error included. (52) being a soft maximum over a, this opponent
hopes for the agent's help, at the price of leaving σ. Coupled, σ is the agent's current policy π
(the graphical model of 1.3, and (99)): each player's system needs the other's answer. That map is
solved by rounds, ρ_{k+1} against π_k, then π_{k+1} against ρ_{k+1}. A solution exists for finite β
(Brouwer), but it need be neither unique nor stable: rounds may settle, cycle (with two states, two
actions and integer rewards they often do, with period 2), or neither. ``damping`` d keeps the share
d of the old policies. With a last time there is one solution, reached in finitely many rounds.

Units: the report's Q are β times ours. What is printed wrongly: (51) has no β^i although (55) has;
(52) and (53) have no β^-i; (56) does not say which prior P(b|s) is, it is that of (54). (56) gives
back V^i ∝ V^-i, which 1.5 finds lost, only where ρ is also the tilt of β^i Q^i(s,b), as with
β^-i R^-i = β^i R^i: then both players' systems are one, and (56) is ROMMEO.

Shapes: the agent's q, agent_policy π, joint_policy [s, a, b]; opponent_policy ρ and opponent_q
(the opponent's own Q^-i(s,b)) [s, b]; opponent_value [s].
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, Unpack

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.log_ratios import absorb, log_ratio
from tabular_marl.models.rounds import Carried, Rounds, play
from tabular_marl.models.solve import Game, Options, Solved, build, first_mover, two_player
from tabular_marl.numerics.free_energy import free_energy
from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation, Level, check
from tabular_marl.solution import Array, Solution, Status
from tabular_marl.validation import (
    InputError,
    discount_factor,
    inverse_temperature,
    one_of,
    positive,
)

#: A tolerance that no solve reaches before the floating-point floor.
FINEST = 1e-300
EVALUATIONS = ("expectation", "regularised")
U = 2.0**-53


@dataclass(frozen=True)
class PerfectModel(Rounds):
    """The agent's Solution against the opponent's policy, and the opponent's own Solution.

    ``opponent`` is the opponent's system: its value, q and proved bound, in its own reward. With
    fixed priors ``error_bound`` is proved for the pair. Coupled, see :class:`Rounds`.
    """

    opponent: Solution | None = field(default=None, repr=False)

    def details(self) -> dict[str, Any]:
        """The opponent's side and the path, in numbers."""
        assert self.opponent is not None
        path = super().details() if self.path else {}
        return path | {
            "opponent_value": self.opponent.value,
            "opponent_error_bound": self.opponent.error_bound,
        }


def perfect_model(
    game: Game,
    beta_agent: float,
    beta_opponent: float,
    evaluation: Literal["expectation", "regularised"] = "expectation",
    coupled: bool = False,
    damping: float = 0.0,
    rounds: int | None = None,
    agent_prior: ArrayLike | None = None,
    opponent_prior: ArrayLike | None = None,
    discount: float | None = None,
    **options: Unpack[Options],
) -> PerfectModel:
    """The agent's answer to an opponent who softly optimises its own ``opponent_reward``.

    ``beta_agent`` β^i and ``beta_opponent`` β^-i in [−inf, inf] and 1/reward (β^i finite and not 0
    for "regularised"). ``agent_prior`` [a], [s, a] or [s, a, b]; ``opponent_prior`` [b] or [s, b].
    ``coupled`` lets the opponent expect the agent's policy instead of its prior, in ``rounds``
    rounds (None: to a limit or cycle), each keeping the share ``damping`` in [0, 1) of the old
    policies. The other arguments are those of :func:`tabular_marl.solve`, for every system.
    Raises InputError, also for a game without ``opponent_reward``, and NotConverged.
    Source: report (51)-(56), (99).

    >>> import tabular_marl as tm
    >>> chicken = tm.MatrixGame([[[0, 7], [2, 6]], [[0, 2], [7, 6]]])
    >>> result = tm.perfect_model(chicken, beta_agent=1.0, beta_opponent=1.0)
    >>> result.opponent_policy.round(4), result.value.round(4), result.opponent.value.round(4)
    (array([[0.7277, 0.2723]]), array([2.8462]), array([5.9325]))
    """
    one_of("evaluation", evaluation, EVALUATIONS)
    seen = two_player(game, discount)
    if seen.opponent_reward is None:
        raise InputError("game", "have an opponent_reward", "it had none")
    beta_i = inverse_temperature("beta_agent", beta_agent)
    beta_o = inverse_temperature("beta_opponent", beta_opponent)
    if evaluation == "regularised" and not 1e-100 <= abs(beta_i) < np.inf:
        must = "be finite and not 0 (1e-100 at least) for evaluation 'regularised'"
        raise InputError("beta_agent", must, f"it was {beta_i}")
    damping = discount_factor("damping", damping)  # the same rule
    if not coupled and (damping or rounds is not None):
        raise InputError("coupled", "be True for damping or rounds", f"it was {coupled!r}")
    system = _Systems(
        seen,
        Aggregation(AGENT, beta_i, agent_prior),
        Aggregation(OPPONENT, beta_o, opponent_prior),
        evaluation == "regularised",
        options,
    )
    if not coupled:
        theirs, mine = system.triangular()
        wanted = positive("tol", options.get("tol", 1e-10))
        if mine.status is Status.CONVERGED and _size(mine.error_bound) > wanted:
            # the opponent's error counts up to β^-i/(1 − γ) times in the agent's: to the floor
            theirs, mine = replace(system, options={**options, "tol": FINEST}).triangular()
            if _size(mine.error_bound) <= wanted:
                mine = replace(mine, status=Status.CONVERGED)
        return PerfectModel(**mine.__dict__, opponent=theirs)

    latest: list[Solution] = []

    def step(carried: Carried, guess: Array | None) -> tuple[Solution, Carried]:
        (sigma, old), (expected,) = carried.policies, carried.memory
        theirs = system.opponent(expected, latest[-1].value if latest else None)
        latest[:] = [theirs]
        rho = theirs.opponent_policy
        if damping and guess is not None:
            rho = damping * old + (1 - damping) * rho
        mine = replace(system.agent(rho, guess), opponent_q=theirs.opponent_q)
        pi = damping * sigma + (1 - damping) * mine.agent_policy
        ratio = system.ratio(mine)
        if damping:
            ratio = np.logaddexp(np.log(damping) + expected, np.log1p(-damping) + ratio)
        return mine, Carried((pi, rho), (ratio,))

    start = np.broadcast_to(system.levels[0].prior, seen.reward.shape)
    rho = np.broadcast_to(system.levels[1].prior[:, 0, :], (seen.num_states, start.shape[2]))
    beginning = Carried((start, rho), (np.zeros(start.shape),))
    played = play(step, beginning, "perfect-model", options, rounds)
    return PerfectModel(**played.__dict__, opponent=latest[-1])


@dataclass(frozen=True)
class _Systems:
    """Both players' recipes on one game."""

    game: StochasticGame
    by_agent: Aggregation
    by_opponent: Aggregation
    regularised: bool
    options: Options

    @property
    def levels(self) -> tuple[Level, ...]:
        return check((self.by_agent, self.by_opponent), *_sizes(self.game))

    def triangular(self) -> tuple[Solution, Solution]:
        """The opponent's answer and the agent's to it; its status is the worse of the two."""
        theirs = self.opponent(None, None)
        mine = self.agent(theirs.opponent_policy, None)
        status = max((mine.status, theirs.status), key=list(Status).index)
        bound = self.bound(mine, theirs)
        return theirs, replace(mine, opponent_q=theirs.opponent_q, error_bound=bound, status=status)

    def opponent(self, ratio: Array | None, guess: Array | None) -> Solution:
        """(52)-(54): ROMMEO on the opponent's reward with its β, expecting σ = P exp ``ratio``."""
        beta, reward = self.by_opponent.beta, self.game.opponent_reward
        assert reward is not None
        if ratio is None:
            recipe = (Aggregation(AGENT, beta, self.by_agent.prior), self.by_opponent)
            return self._build(reward, recipe, guess)
        gain, prior = absorb(ratio, beta, self.levels[0].prior, axis=1)
        recipe = (Aggregation(AGENT, beta, prior), self.by_opponent)
        return self._build(reward + gain, recipe, guess, gain=gain)

    def ratio(self, mine: Solution) -> Array:
        """log π/P of the agent's policy, [s, a, b]."""
        beta, prior = self.by_agent.beta, self.levels[0].prior
        worth = free_energy(mine.q, beta, np.broadcast_to(prior, mine.q.shape), axis=1)
        return log_ratio(mine.q - worth[:, None, :], beta, mine.agent_policy, prior)

    def agent(self, rho: Array, guess: Array | None) -> Solution:
        """(55) or (56) given the opponent's policy ``rho`` [s, b]."""
        recipe = (self.by_agent, Aggregation(OPPONENT, 0.0, rho))
        reward, cost = self.game.reward, self.cost(rho)
        if cost is not None:
            reward = reward - cost[:, None, :]
        return self._build(reward, recipe, guess, cost)

    def cost(self, rho: Array) -> Array | None:
        """(1/β^i) log(ρ/P) [s, b], 0 where ρ is; None without the regularisation of (56)."""
        if not self.regularised:
            return None
        prior = np.broadcast_to(self.levels[1].prior[:, 0, :], rho.shape)
        ratio = np.divide(rho, prior, out=np.ones_like(rho), where=rho > 0)
        return np.log(ratio) / self.by_agent.beta

    def bound(self, mine: Solution, theirs: Solution) -> float | None:
        """A bound on the agent's value that counts the error of ρ, or None.

        ρ is the tilt of x = Q^-i(s,b), known within δ, so its entries err by the factor
        e^{2|β|δ} and the tilt's own rounding, τ in all, and Σ ρ y by τ span(y). The cost of (56)
        is KL(ρ‖P)/β^i, which moves by at most β² span(x) δ / |β^i|. T moves by the sum, V by
        1/(1 − γ) times that. δ is γ times the bound on V^-i plus the rounding of x.
        """
        if mine.error_bound is None or theirs.error_bound is None:
            return None
        beta, gamma = self.by_opponent.beta, self.game.discount
        x, q = theirs.opponent_q, mine.q
        assert x is not None
        if not np.isfinite(beta):
            return self._bound_greedy(mine, theirs)
        terms = 2 * sum(q.shape) + 60
        size = float(np.abs(theirs.q).max()) + float(np.abs(theirs.value).max())
        delta = gamma * theirs.error_bound + 2 * terms * U * size
        span = float(np.ptp(x, axis=1).max())
        with np.errstate(over="ignore"):  # beyond float64 the bound is infinite, and says so
            tau = np.expm1(2 * abs(beta) * delta)
        tau += (terms + 6 * abs(beta) * span) * U
        level = self.levels[0]
        prior = np.broadcast_to(level.prior, (level.prior.shape[0], *q.shape[1:]))
        y = free_energy(q, level.beta, np.broadcast_to(prior, q.shape), axis=1)
        moved = tau * float(np.ptp(y, axis=1).max())
        if self.regularised:
            moved += beta**2 * (span + 2 * delta) * delta / abs(self.by_agent.beta)
            moved += terms * U * (2 + 2 * abs(beta) * span) / abs(self.by_agent.beta)
        return float((mine.error_bound + moved / (1 - gamma)) * (1 + 16 * U))

    def _bound_greedy(self, mine: Solution, theirs: Solution) -> float | None:
        """At β^-i = ±inf ρ is exact where the optimum of x is beyond its error, else unknown."""
        assert theirs.opponent_q is not None
        beta, prior = self.by_opponent.beta, self.levels[1].prior[:, 0, :]
        x = np.where(prior > 0, np.copysign(1.0, beta) * theirs.opponent_q, -np.inf)
        gap = np.sort(x, axis=1)
        delta = self.game.discount * (theirs.error_bound or 0.0)
        delta += 100 * U * float(np.abs(theirs.q).max())
        if x.shape[1] > 1 and not (gap[:, -1] - gap[:, -2] > 2 * delta).all():
            return None
        return mine.error_bound

    def _build(
        self,
        reward: Any,
        recipe: Any,
        guess: Array | None,
        cost: Array | None = None,
        gain: float | Array = 0.0,
    ) -> Solution:
        def fields(solved: Solved) -> dict[str, Array]:
            arrays = first_mover(solved) | {"q": solved.q - gain}
            if cost is not None:
                arrays["q"] = solved.q + cost[:, None, :]
                arrays["opponent_q"] = arrays["opponent_q"] + cost
            return arrays

        given: Options = self.options if guess is None else {**self.options, "initial": guess}
        return build(reward, self.game, recipe, "perfect-model", given, fields)


def _sizes(game: StochasticGame) -> tuple[int, tuple[int, ...]]:
    return game.num_states, game.action_counts


def _size(bound: float | None) -> float:
    """A bound as a number; infinite where nothing is proved."""
    return np.inf if bound is None else bound
