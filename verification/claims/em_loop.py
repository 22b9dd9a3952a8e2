"""The training loop of the generalised EM: report (102).

    π_{k+1}(a|s,b) ∝ μ exp Q^i_k            Q^i_{k+1} = Q of (π_{k+1}, ρ_k) on R^i
    ρ_{k+1}(b|s) ∝ ν exp Q^-i_k(s,b)        Q^-i_{k+1} = Q of (π_{k+1}, ρ_{k+1}) on R^-i

in this order, Q^-i_k(s,b) = log Σ_a π_{k+1} exp Q^-i_k by (99); μ, ν the priors, kept or replaced
by the last policies. Each step raises its own bound; nothing else follows. Shapes as in ``_em``; u
and w are β^i R^i and β^-i R^-i.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Enclosure,
    between,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._em import (
    STATES,
    Pair,
    e_step,
    mean,
    returns,
    stage_fields,
    tables,
)
from tabular_marl.verification.claims._em_general import soft_answer
from tabular_marl.verification.claims._rommeo import Game, laid
from tabular_marl.verification.claims._rommeo_rows import sample
from tabular_marl.verification.claims._rows import row


@dataclass(frozen=True)
class Round:
    """The policies, the agent's Q^i and the opponent's Q^-i [S, A, B] after a round."""

    policies: Pair
    mine: Numbers
    theirs: Numbers

    def next(self, agent: Game, opponent: Game) -> Round:
        """One line of (102) on the agent's and the opponent's game, with the priors in them."""
        pi = agent.agent_tilt(self.mine)
        mine = returns(agent, (pi, self.policies[1]))
        rho = opponent.opponent_tilt(soft_answer(opponent.arithmetic, self.theirs, pi))
        return Round((pi, rho), mine, returns(opponent, (pi, rho)))


def play(agent: Game, reward: Numbers, count: int) -> Sequence[Round]:
    """Rounds 0 … count from the priors, kept; ``reward`` is β^-i R^-i."""
    opponent = replace(agent, u=reward)
    priors = agent.agent_prior, agent.opponent_prior
    rounds = [Round(priors, returns(agent, priors), returns(opponent, priors))]
    for _ in range(count):
        rounds.append(rounds[-1].next(agent, opponent))
    return rounds


# -- the steps -------------------------------------------------------------------------------------


def own_rises(
    arithmetic: Arithmetic, q: Numbers, agent: Numbers, opponent: Numbers, **priors: Numbers
) -> Numbers:
    """Rises of (97) in θ and of (101) in φ; both tables are q."""
    game = tables(arithmetic, q, **priors)
    pi, best = laid(agent), game.agent_tilt(q)
    first = mean((opponent * (game.agent_value(q, best) - game.agent_value(q, pi))).sum(axis=1))
    soft = soft_answer(arithmetic, q, best)
    rho = game.opponent_tilt(soft)
    second = mean(game.opponent_value(soft, rho) - game.opponent_value(soft, opponent))
    return np.stack([first, second])


row(
    "report.102.e-steps.printed",
    "proved",
    "report (102)",
    r"L^i(\theta_{t+1}, \omega_t) \ge L^i(\theta_t, \omega_t),\quad "
    r"L^{-i}_{\theta_{t+1}}(\phi_{t+1}, "
    r"\psi_t) \ge L^{-i}_{\theta_{t+1}}(\phi_t, \psi_t)",
    "The E steps, (96) and (100) with exp, each raise their own bound.",
    STATES,
    Deduction(
        ("report.097.e-step.added", "report.101.e-step.added"),
        "conjunction",
    ),
    sample(own_rises, stage_fields()),
    assumes=("L^i and L^-i as corrected",),
)


def shift_gain(arithmetic: Arithmetic, q: Numbers, other: Numbers) -> Numbers:
    """E_q Q − E_q other, uniform: L^i (or L^-i) at q minus at other."""
    return (q - other).sum(axis=(0, 1, 2))


row(
    "report.102.m-exists.printed",
    "refuted",
    "report (102)",
    r"\arg\max_\omega L^i(\theta, \omega),\ \arg\max_\psi L^{-i}(\phi, \psi) \text{ exist}",
    "As in (92): adding a constant to the table raises either bound by it. M steps have to be "
    "policy evaluations, which (102) does not say.",
    STATES,
    Counterexample(shift_gain, {"q": [[[0]]], "other": [[[1]]]}),
)


def stage_round(arithmetic: Arithmetic, q: Numbers, w: Numbers, **priors: Numbers) -> Any:
    """One round in one-stage games from the priors: (game, π_1, ρ_1)."""
    game = tables(arithmetic, q, **priors)
    pi = game.agent_tilt(q)
    return game, pi, game.opponent_tilt(soft_answer(arithmetic, w, pi))


def agent_gain(arithmetic: Arithmetic, q: Numbers, w: Numbers, agent_prior: Numbers) -> Numbers:
    """E_U E_ρ[E_π Q^i − KL(π‖μ)] after the opponent's step minus before it."""
    game, pi, rho = stage_round(arithmetic, q, w, agent_prior=agent_prior)
    value = game.agent_value(q, pi)
    return mean(((rho - game.opponent_prior) * value).sum(axis=1))


def return_gain(arithmetic: Arithmetic, q: Numbers, w: Numbers, agent_prior: Numbers) -> Numbers:
    """E_{π_1,ρ_1} Q^i − E_{π_1,ν} Q^i."""
    game, pi, rho = stage_round(arithmetic, q, w, agent_prior=agent_prior)
    return mean(((rho - game.opponent_prior) * (pi * q).sum(axis=1)).sum(axis=1))


row(
    "report.102.one-objective.added",
    "refuted",
    "report (102)",
    r"L^i \text{ does not fall when the opponent's half of a round is played}",
    "P* in (97) is the opponent model, which moves for its own reward. One agent action, R^i = (1, "
    "0), R^-i = (0, 1): the loop climbs two hills in turns, and each step shifts the other's.",
    STATES,
    Counterexample(agent_gain, {"q": [[[1, 0]]], "w": [[[0, 1]]], "agent_prior": [[[1], [1]]]}),
)
row(
    "report.102.cooperative.added",
    "refuted",
    "report (102)",
    r"R^i = R^{-i}: \ E_{\pi_1, \rho_1}[R] \ge E_{\pi_1, \rho_0}[R]",
    "Not even with one reward: the opponent's half of the round goes by the optimistic (99). The "
    "agent's prior for the better action is 1/100; ±2 after one answer, 0 after the other.",
    STATES,
    Counterexample(
        return_gain,
        {
            "q": [[[2, 0], [-2, 0]]],
            "w": [[[2, 0], [-2, 0]]],
            "agent_prior": [[["1/100", "99/100"], ["1/2", "1/2"]]],
        },
    ),
)


def rommeo_models(arithmetic: Arithmetic, q: Numbers) -> Any:
    """ρ_1 of (102) with R^i = R^-i, and ρ_1 of (92); uniform priors."""
    game, _, rho = stage_round(arithmetic, q, q)
    return sides(rho, e_step(game, q)[1])


row(
    "report.102.rommeo.added",
    "refuted",
    "report (92); report (93); report (102)",
    r"R^i = R^{-i}: \text{ (102) is ROMMEO-EM (92)}",
    "(93) averages over the old agent π_{t-1}, (99) over the new one, tilted by the same Q "
    "already: "
    "ρ ∝ ν Σ μ e^{2Q} / Σ μ e^Q instead of ν Σ μ e^Q.",
    STATES,
    Counterexample(rommeo_models, {"q": [[[1, 0], [0, 0]]]}, "== 0"),
)

# -- where the rounds go ---------------------------------------------------------------------------

row(
    "report.102.kept.one-stage.added",
    "proved",
    "report (102)",
    r"\text{one stage, prior kept: } \pi_k = \pi_{(96)} \text{ on } R^i,\ \rho_k = \rho_{(100)} "
    r"\text{ "
    r"on } \log \textstyle\sum_a \pi_{(96)} e^{R^{-i}} \text{ for } k \ge 1",
    "It settles after one round, on the soft answer and the soft leader.",
    STATES,
    Deduction(
        ("report.097.e-step.added", "report.101.e-step.added"),
        "special case",
        "Q^i = R^i and Q^-i = R^-i do not depend on the policies, and neither does the prior",
    ),
)
row(
    "report.102.replaced.one-stage.added",
    "proved",
    "report (102)",
    r"\text{one stage, prior replaced: } \pi_k(\cdot|b) \to a^*(b) = \arg\max_a R^i(a, b),\ "
    r"\rho_k \to \arg\max_b R^{-i}(a^*(b), b)",
    "Stackelberg, the opponent leading: an agent who sees b and an opponent who foresees the "
    "answer. Hard, whatever the temperatures.",
    STATES,
    Deduction(
        ("report.093.greedy.added", "report.093.nested.added", "free-energy.monotone"),
        ("averages of a convergent sequence", "strict inequality of limits", "squeeze"),
        "π_k ∝ μ e^{k R^i} → a*(b); so (99) → R^-i(a*(b), b), its averages too, and ρ_n ∝ ν exp of "
        "n times the average: from some n on the best b leads every other by δ > 0, and their odds "
        "are at most e^{−nδ} times the prior's",
    ),
    assumes=("no ties", "priors with full support"),
)


def leader_is_nash(arithmetic: Arithmetic, reply: Numbers, leader: Numbers, w: Numbers) -> Numbers:
    """R^-i(a*, b*) − max_b R^-i(a*, b); reply [A, B] and leader [B] are indicators."""
    played = (reply * leader).sum(axis=1)
    here = (played[:, None] * w).sum(axis=0)
    return (leader * here).sum(axis=0) - arithmetic.maximum(here)


row(
    "report.102.nash.added",
    "refuted",
    "report (102); report (93)",
    r"(a^*(b^*), b^*) \text{ is a Nash equilibrium of } (R^i, R^{-i})",
    "R^i prefers (0,0) to (1,0) and (1,1) to (0,1); R^-i = 2 at (0,0), 3 at (0,1), 1 at (1,1): the "
    "leader takes b = 0, but against a = 0 it would rather play 1. Nor is the limit Nash in a "
    "zero-sum game: in matching pennies the agent, who moves second, always wins.",
    STATES,
    Counterexample(
        leader_is_nash,
        {"reply": [[1, 0], [0, 1]], "leader": [1, 0], "w": [[2, 3], [0, 1]]},
    ),
)


def still_moving(
    arithmetic: Arithmetic,
    reward: Numbers,
    opponent_reward: Numbers,
    beta: Numbers,
    transition: Numbers,
    gamma: Numbers,
    rounds: int,
) -> Numbers:
    """1/10 − the largest change of ρ in the last round; uniform priors kept, one β."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    path = play(game, beta * opponent_reward, rounds)
    return arithmetic.number("1/10") - arithmetic.norm(path[-1].policies[1] - path[-2].policies[1])


GAME = {
    "reward": [[[0, -2], [0, -1]], [[2, -2], [-2, 1]]],
    "opponent_reward": [[[1, 2], [0, -1]], [[-1, -1], [1, 0]]],
    "beta": 16,
    "transition": [
        [[[0, 1], [1, 0]], [[1, 0], [1, 0]]],
        [[[0, 1], [1, 0]], [[0, 1], [0, 1]]],
    ],
    "gamma": "1/2",
}
row(
    "report.102.converges.added",
    "refuted",
    "report (102)",
    r"\text{general rewards, prior kept: } \|\rho_{k+1} - \rho_k\| \le \tfrac1{10} \text{ from "
    r"round 20 "
    r"on}",
    "No convergence: two states, β = 16, γ = 1/2, and the opponent changes its mind in state 0 "
    "every "
    "round.",
    scope(states=">= 1", actions=">= 1", opponent_actions=">= 1", beta="(0, inf)", gamma="[0, 1)"),
    Counterexample(still_moving, {**GAME, "rounds": 20}),
)
SMALL = "1/500"


class TwoActions(Game):
    """Uniform priors on two actions each: tilts as 1/(1 + exp(x' − x)), tight in balls."""

    def agent_tilt(self, q: Numbers) -> Numbers:
        return 1 / (1 + self.arithmetic.exp(q[:, ::-1] - q))

    def opponent_tilt(self, q_sb: Numbers) -> Numbers:
        return 1 / (1 + self.arithmetic.exp(q_sb[:, ::-1] - q_sb))


def trapped(
    arithmetic: Arithmetic,
    reward: Numbers,
    opponent_reward: Numbers,
    beta: Numbers,
    transition: Numbers,
    gamma: Numbers,
    agent: Numbers,
    last: Numbers,
    opponent: Numbers,
) -> Numbers:
    """What is left of 1/500 in each small probability after two rounds, and of 1/2 in ρ(0|0) after
    one; agent [S, A, B], last and opponent [S, B] are the box. Uniform priors kept."""
    game = TwoActions.of(arithmetic, reward, beta, transition, gamma)
    theirs = replace(game, u=beta * opponent_reward)
    here = Round(
        (agent, opponent), returns(game, (agent, last)), returns(theirs, (agent, opponent))
    )
    one = here.next(game, theirs)
    two = one.next(game, theirs)
    (pi, rho), before = two.policies, one.policies[1]
    small = [pi[0, 1, 0], pi[0, 0, 1], pi[1, 1, 0], pi[1, 0, 1]]
    small += [rho[0, 1], rho[1, 0], before[0, 0], before[1, 0]]
    left = [arithmetic.number(SMALL) - p for p in small]
    return np.stack([*left, arithmetic.number("1/2") - before[0, 0]])


LOW, HIGH = between(0, SMALL), between("499/500", 1)
row(
    "report.102.cycle.added",
    "certified",
    "report (102)",
    r"G^2(B) \subset B,\ G(B) \cap B = \emptyset \text{ for the rounds } G \text{ of this game and "
    r"the box } "
    r"B \text{ of policies within } \tfrac1{500} \text{ of a pure pair}",
    "The game of the row before: B holds a cycle of period two, and rounds that enter B alternate "
    "for ever between ρ(0|s=0) > 499/500 and < 1/500.",
    scope(states="2", actions="2", opponent_actions="2", beta="16", gamma="1/2"),
    Enclosure(
        trapped,
        {
            **GAME,
            "agent": [[[HIGH, LOW], [LOW, HIGH]], [[HIGH, LOW], [LOW, HIGH]]],
            "last": [[LOW, HIGH], [LOW, HIGH]],
            "opponent": [[HIGH, LOW], [LOW, HIGH]],
        },
    ),
)
