"""The conditional agent against a fixed model: report (42), A.5.1.

    KL(q ‖ P(τ|O^i=1)) = log P(O^i=1) − E_q Σ_t (β^i R − log π/P_prior)                   A.5.1
    π(a|b,s) = P_prior(a|b,s) exp(Q^i(s,a,b) − Q^i(s,b))
    Q^i(s,a,b) = β^i R + γ E_{s', b'~ρ}[Q^i(s',b')]                                       (42)
    Q^i(s,b) = log Σ_a P_prior(a|b,s) exp Q^i(s,a,b)

ρ(b|s) stands for P_prior(b|s, O^-i=1) and is not optimised: this is ROMMEO's problem with the
prior and the model of the opponent equal, whose log-ratio is 0. Shapes as in ``_fictitious``.
"""

from __future__ import annotations

import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    distribution,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy
from tabular_marl.verification.claims._fictitious import (
    PLUS,
    SIGNED,
    STAGE,
    betas,
    sample,
    stage_scope,
)
from tabular_marl.verification.claims._rommeo import (
    Game,
    divergence,
    policies,
)
from tabular_marl.verification.claims._rommeo_rows import (
    GAMES,
    PLAYS,
    SMALL,
    UNDISCOUNTED,
    play_fields,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.rommeo_discount import discounted_gain
from tabular_marl.verification.relation import Sides

PLAY = {name: f for name, f in play_fields().items() if name != "opponent"}
FINITE_PLAY = {name: f for name, f in PLAY.items() if name != "gamma"}
TWO_TIMES = {**SMALL, "times": (1, 2)}


def conditional(
    game: Game, initial: Numbers, agent: Numbers
) -> tuple[Numbers, list[Numbers], list[Numbers]]:
    """The arguments of an objective in which the opponent acts by its prior at all times."""
    return initial, policies(agent), [game.opponent_prior] * len(agent)


# -- A.5.1 -----------------------------------------------------------------------------------------


def split(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
) -> Sides:
    """KL(q ‖ P(τ|O^i=1)), and log P(O^i=1) − E_q Σ_t (β^i R − log π/P_prior)."""
    game = Game.of(arithmetic, reward, beta, transition, 1, agent_prior, opponent_prior)
    play = conditional(game, initial, agent)
    left, evidence = divergence(game, *play)
    return sides(left, evidence - game.objective(*play))


def split_printed(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    agent: Numbers,
) -> Sides:
    """The same with −log P(O^i=1); uniform priors."""
    game = Game.of(arithmetic, reward, beta, transition, 1)
    play = conditional(game, initial, agent)
    left, evidence = divergence(game, *play)
    return sides(left, -evidence - game.objective(*play))


def same_constant(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    other: Numbers,
) -> Sides:
    """KL(q ‖ P(τ|O^i=1)) + E_q Σ_t (β^i R − log π/P_prior) at two policies of the agent."""
    game = Game.of(arithmetic, reward, beta, transition, 1, agent_prior, opponent_prior)
    plays = [conditional(game, initial, policy) for policy in (agent, other)]
    return sides(*(divergence(game, *play)[0] + game.objective(*play) for play in plays))


row(
    "report.A.5.1.constant.printed",
    "refuted",
    "report A.5.1",
    r"D_{KL} = -\mathrm{const.} - E_q\Big[\sum_t \beta^i R_t - \log\frac{\pi}{P_{\mathrm{prior}}}"
    r"\Big], \quad \mathrm{const.} = \log P(O^i=1)",
    "log P(O^i=1) comes with a plus, as in the line before in A.1.1. (Read as some constant the "
    "line is right: next row.) One action each, β^i R = −1: 0 against 2.",
    UNDISCOUNTED,
    Counterexample(
        split_printed,
        {
            "initial": [1],
            "reward": [[[-1]]],
            "transition": [[[[1]]]],
            "beta": 1,
            "agent": [[[[1]]]],
        },
        "== 0",
    ),
)
row(
    "report.A.5.1.constant.corrected",
    "proved",
    "report A.5.1",
    r"D_{KL}(q \| P(\tau|O^i=1)) = \log P(O^i=1) - E_q\Big[\sum_t \beta^i R_t "
    r"- \log\frac{\pi}{P_{\mathrm{prior}}}\Big]",
    "The model of the opponent stands above and below the line and cancels: nothing in the bound "
    "depends on how it was chosen.",
    UNDISCOUNTED,
    Deduction(
        ("report.A.1.1.corrected",),
        "special case",
        "both opponents of A.1.1 are P_prior(a^-i|s), so log ρ/P_prior = 0",
    ),
    sample(split, FINITE_PLAY, "== 0", sizes=TWO_TIMES),
    assumes=("π ≪ P_prior",),
)

row(
    "report.A.5.1.some-constant.printed",
    "proved",
    "report A.5.1",
    r"D_{KL} + E_q\Big[\sum_t \beta^i R_t - \log\frac{\pi}{P_{\mathrm{prior}}}\Big] \text{ is the "
    r"same number for every } \pi",
    "The line to the letter, which does not say what its constant is: all that the argmax needs.",
    UNDISCOUNTED,
    Deduction(
        ("report.A.5.1.constant.corrected",), "substitution of equals", "log P(O^i=1) has no π"
    ),
    sample(same_constant, {**FINITE_PLAY, "other": FINITE_PLAY["agent"]}, "== 0", sizes=TWO_TIMES),
    assumes=("π ≪ P_prior",),
)

# -- (42): what it is optimal for ------------------------------------------------------------------

ALWAYS = [["1/2", "1/2"]]
row(
    "report.042.discount.printed",
    "refuted",
    "report (42); report A.5.1",
    r"\text{(42) with } \gamma < 1 \text{ minimises } D_{KL}(q \| P(\tau|O^i=1)) "
    r"\text{ of A.5.1}",
    "The graph and the bound of A.5.1 have no γ, (42) has. At γ = 1/2 a reward tomorrow is taken "
    "with e/(1+e) by the one, √e/(1+√e) by the other. (The game of report.006: its opponent has "
    "one action, so that it does not matter that (6) chooses ρ and (42) does not.)",
    PLAYS,
    Counterexample(
        discounted_gain,
        {
            "initial": [1, 0],
            "reward": [[[0], [0]], [[1], [1]]],
            "transition": [[[[1, 0]], [[0, 1]]], [[[0, 1]], [[0, 1]]]],
            "beta": 1,
            "gamma": "1/2",
            "agent": [[[["3/8", "5/8"]], ALWAYS], [ALWAYS, ALWAYS]],
            "opponent": [[[1], [1]], [[1], [1]]],
        },
    ),
)


def optimality(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
) -> Numbers:
    """E Σ_t γ^t (β^i R − log π/P_prior) at the tables of (42) minus the same at another π."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    table, times = [game.u], len(agent)
    for _ in range(times - 1):
        message = (game.opponent_prior * game.agent_soft(table[-1])).sum(axis=1)
        table.append(game.backup(message))
    best = [game.agent_tilt(q) for q in table[::-1]]
    models = [game.opponent_prior] * times
    value = game.objective(initial, best, models)
    return value - game.objective(*conditional(game, initial, agent))


row(
    "report.042.corrected",
    "proved",
    "report (42); report A.5.1",
    r"\text{(42), a table for each } t \text{ with } Q^i_{T+1} = 0, \text{ maximises } "
    r"E_q\Big[\sum_{t=0}^T \gamma^t \Big(\beta^i R_t - \log\frac{\pi}{P_{\mathrm{prior}}}\Big)\Big]"
    r" \text{ over } \pi, \ \rho \text{ held fixed}",
    "ROMMEO's technique: the last step first. For γ = 1 this is A.5.1's bound, for γ < 1 that of "
    "the graph in which play survives a step with probability γ.",
    PLAYS,
    Deduction(
        ("report.008.printed", "report.A.1.2.arbitrary.printed"),
        "backward induction over time",
        "at t the rest is E_π[Q^i_t − log π/P_prior] for each (s, a^-i), largest at (42) where it "
        "is Q^i_t(s, a^-i); its mean under ρ is the message to t − 1",
    ),
    sample(optimality, PLAY, sizes={**SMALL, "times": (1, 3)}),
    assumes=("π ≪ P_prior",),
)
row(
    "report.042.undiscounted.corrected",
    "proved",
    "report (42); report A.5.1",
    r"\gamma = 1: \ \text{(42) minimises } D_{KL}(q \| P(\tau|O^i=1)) \text{ over } \pi",
    "What A.5.1 says it shows.",
    UNDISCOUNTED,
    Deduction(
        ("report.042.corrected", "report.A.5.1.constant.corrected"),
        "substitution of equals",
        "KL is a constant minus the bound",
    ),
)


def first_table(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
) -> Sides:
    """Q^i_0 and Q^i_1 of the finite horizon T = 1; uniform priors."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    message = (game.opponent_prior * game.agent_soft(game.u)).sum(axis=1)
    return sides(game.backup(message), game.u)


row(
    "report.042.stationary.printed",
    "refuted",
    "report (42)",
    r"T < \infty: \ \text{one } Q^i(s, a, a^{-i}) \text{ solves (42) at every } t",
    "(39) stops at T, (42) has no time index. Backward induction gives a table for each t.",
    GAMES,
    Counterexample(
        first_table,
        {"reward": [[[1]]], "transition": [[[[1]]]], "beta": 1, "gamma": "1/2"},
        "== 0",
    ),
)
row(
    "report.042.stationary.corrected",
    "proved",
    "report (42); report A.5.3",
    r"T = \infty, \ \gamma < 1: \ \text{(42) has one solution } Q^i, \text{ the limit of the "
    r"tables}",
    "The stationary reading of (42), for every prior, every ρ and β^i of either sign.",
    scope(
        states=">= 1", actions=">= 1", opponent_actions=">= 1", beta="(-inf, inf)", gamma="[0, 1)"
    ),
    Deduction(
        ("report.158.corrected",),
        "banach fixed point",
        "the tables are the iterates of (158), index corrected, from Q = 0",
    ),
)


def policy_mass(
    arithmetic: Arithmetic, reward: Numbers, agent_prior: Numbers, beta_agent: Numbers
) -> Sides:
    """Σ_a exp(Q^i) P_prior / exp(Q^i(s, b)), against 1."""
    game = Game.stage(arithmetic, beta_agent * reward, agent_prior)
    weights = game.agent_prior * arithmetic.exp(game.u)
    total = weights / arithmetic.exp(game.agent_soft(game.u))[:, None]
    return sides(total.sum(axis=1), arithmetic.number(1))


def prove_policy_mass() -> Proof:
    weight, rest = positive("w"), positive("rest")
    total = sympy.exp(sympy.log(weight + rest))
    return prove_zero(weight / total + rest / total - 1, "each action against all others")


row(
    "report.042.normaliser.printed",
    "proved",
    "report (42)",
    r"\textstyle\sum_a \pi(a|a^{-i}, s) = 1, \quad Q^i(s, a^{-i}) = \log \int \exp(Q^i(s, a, "
    r"a^{-i})) P_{\mathrm{prior}}(a|a^{-i}, s)\, da",
    "Here the prior stands outside the exponential, unlike (14); one bracket too many is printed.",
    stage_scope(SIGNED, "any"),
    Symbolic(prove_policy_mass),
    sample(
        policy_mass,
        {
            "reward": STAGE["reward"],
            "agent_prior": STAGE["agent_prior"],
            "beta_agent": betas()["beta_agent"],
        },
        "== 0",
        stage=True,
    ),
)

# -- what seeing a^-i is worth ---------------------------------------------------------------------


def informed(
    arithmetic: Arithmetic,
    reward: Numbers,
    prior: Numbers,
    opponent: Numbers,
    beta_agent: Numbers,
) -> Numbers:
    """β^i (E_ρ F[p](R(·,b)) − F[p](E_ρ R)): seeing b before acting, or not; prior [A]."""
    seen = free_energy(reward, prior[:, None], beta_agent, 0, arithmetic)
    unseen = free_energy((reward * opponent).sum(axis=1), prior, beta_agent, 0, arithmetic)
    return beta_agent * ((opponent * seen).sum(axis=0) - unseen)


INFORMATION = {
    "reward": STAGE["reward"],
    "prior": distribution("actions"),
    "opponent": distribution("opponent_actions"),
    "beta_agent": betas()["beta_agent"],
}
row(
    "report.042.informed.added",
    "proved",
    "report (42)",
    r"\beta^i\Big(E_\rho\, \tfrac{1}{\beta^i} Q^i(s, a^{-i}) - \max_{\pi(a)} \{E_{\pi,\rho} R - "
    r"\tfrac{1}{\beta^i} D_{KL}(\pi \| P_{\mathrm{prior}})\}\Big) \ge 0",
    "What (42) promises is the value of an agent that sees a^-i before it acts. If both move at "
    "once the agent cannot play π(a|a^-i), and its best π(a) earns no more (for β^i < 0 the "
    "maximum is a minimum, and the order turns).",
    stage_scope(SIGNED, "any"),
    Deduction(
        ("free-energy.variational.maximum", "free-energy.variational.minimum"),
        "extremum of affine functions",
        "F is convex for β^i > 0, concave for β^i < 0: the mean of F against F of the mean",
    ),
    sample(informed, INFORMATION, stage=True),
    assumes=("P_prior(a|s, a^-i) does not depend on a^-i",),
)


def uninformed(
    arithmetic: Arithmetic,
    reward: Numbers,
    agent_prior: Numbers,
    opponent: Numbers,
    beta_agent: Numbers,
) -> Sides:
    """E_ρ Q^i(s, b), and E_{π̄ρ}[β^i R] − KL(π̄ ‖ P_prior) at π̄(a) = E_ρ π(a|b); prior [A]."""
    game = Game.stage(arithmetic, beta_agent * reward, agent_prior[None] + 0 * reward.T)
    mean = (game.agent_tilt(game.u) * opponent).sum(axis=2)[:, :, None]
    rho = opponent[None]
    played = (rho * game.agent_value(game.u, mean + 0 * game.u)).sum(axis=1)
    return sides((rho * game.agent_soft(game.u)).sum(axis=1), played)


row(
    "report.042.simultaneous.printed",
    "refuted",
    "report (42); report (40)",
    r"\beta^i > 0: \ \text{the agent that plays } \bar\pi(a|s) = E_\rho \pi(a|a^{-i}, s) "
    r"\text{ earns } E_\rho Q^i(s, a^{-i})",
    "q of (40) draws a^-i first and a from π(a|a^-i). An agent that must move at the same time can "
    "only play the mean of that policy. Matching pennies, uniform ρ: log cosh 1 against 0.",
    stage_scope(PLUS, "any"),
    Counterexample(
        uninformed,
        {
            "reward": [[1, -1], [-1, 1]],
            "agent_prior": ["1/2", "1/2"],
            "opponent": ["1/2", "1/2"],
            "beta_agent": 1,
        },
        "== 0",
    ),
)
