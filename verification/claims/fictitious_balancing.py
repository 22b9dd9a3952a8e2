"""Is (50) Balancing-Q, and are (42) and (46) optimal together? Report 1.3, (50).

    (1/β^i) Q^i = R + γ E[(1/β^-i) V^-i(s')],   V^-i of (46) from P_prior that is kept

is Balancing-Q's system in the opponent's view, (21), (25), if P_prior(a|s,b) does not depend on b.
Shapes: one stage, reward [A, B], agent_prior [A], opponent_prior [B].
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    distribution,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._balancing import Stage, reals
from tabular_marl.verification.claims._fictitious import (
    GIBBS,
    STAGE,
    Play,
    betas,
    sample,
    stage_scope,
)
from tabular_marl.verification.claims._rommeo_rows import PLAYS
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.fictitious_connection import TWO
from tabular_marl.verification.relation import Sides

PRIOR_OF_AGENT = {**STAGE, "agent_prior": distribution("actions")}


def balancing(
    arithmetic: Arithmetic,
    reward: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    beta_agent: Numbers,
    beta_opponent: Numbers,
) -> tuple[Play, Stage]:
    """One stage under both names; agent_prior [A]."""
    wide = agent_prior[None] + 0 * reward.swapaxes(0, 1)
    play = Play.stage(arithmetic, reward, beta_agent, beta_opponent, wide, opponent_prior)
    pair = (agent_prior, opponent_prior)
    return play, Stage.of(arithmetic, reward, beta_agent, beta_opponent, *pair)


def opponents_view(arithmetic: Arithmetic, **given: Numbers) -> Sides:
    """(1/β^-i) V^-i of (46) and of (21)."""
    play, stage = balancing(arithmetic, **given)
    return sides(play.corrected(play.game.u)[0] / stage.x, stage.opponent_value())


def agents_view(arithmetic: Arithmetic, **given: Numbers) -> Sides:
    """(1/β^-i) V^-i of (46), and (1/β^i) V^i of (20)."""
    play, stage = balancing(arithmetic, **given)
    return sides(play.corrected(play.game.u)[0] / stage.x, stage.agent_value())


def prove_balancing() -> list[Proof]:
    x, y, free = reals("x y F")
    return [
        prove_zero(y / x * (x * free) - y * free, "κ Q^i(s,b) = β^-i F_{β^i}[p](R + γ V): (21)"),
        prove_zero((y * free) / (y / x) / x - free, "(β^i/β^-i) V^-i = β^i (V^-i/β^-i)"),
    ]


CORNER: dict[str, Any] = {
    "reward": [[1, 0], [0, 0]],
    "agent_prior": ["1/2", "1/2"],
    "opponent_prior": ["1/2", "1/2"],
    "beta_agent": 2,
    "beta_opponent": 1,
}
ONE_PRIOR = ("P_prior(a|s, a^-i) = P_prior(a|s)", "P_prior(a^-i|s) of (46) is kept")
row(
    "report.050.balancing.printed",
    "proved",
    "report (50); report (21); report (25)",
    r"\text{(50) with (42), (46): } \tfrac{1}{\beta^i} Q^i(s, a, a^{-i}) = R + \gamma "
    r"E[\tfrac{1}{\beta^{-i}} V^{-i}(s')], \ V^{-i} \text{ of (21)}",
    "“Almost the same as Balance-Q”: with the prior kept, exactly, in the opponent's view, for "
    "every sign; with a prior of a that depends on a^-i, its generalisation.",
    stage_scope(),
    Symbolic(prove_balancing),
    sample(opponents_view, {**PRIOR_OF_AGENT, **betas()}, "== 0", stage=True),
    assumes=ONE_PRIOR,
)
row(
    "report.050.agents-view.printed",
    "refuted",
    "report (50); report (20); report (25)",
    r"\tfrac{1}{\beta^{-i}} V^{-i} \text{ of (46)} = \tfrac{1}{\beta^i} V^i \text{ of (20)}",
    "Not Balancing-Q in the agent's view: the opponent moves first here.",
    stage_scope(),
    Counterexample(agents_view, CORNER, "== 0"),
    assumes=ONE_PRIOR,
)
row(
    "report.050.agents-view.corrected",
    "proved",
    "report (50); report (20); report (25)",
    r"\beta^i = \beta^{-i}: \ \tfrac{1}{\beta^{-i}} V^{-i} \text{ of (46)} = \tfrac{1}{\beta^i} "
    r"V^i \text{ of (20)}",
    "Both views agree for one temperature, or without interaction.",
    stage_scope(),
    Deduction(
        ("report.050.balancing.printed", "report.022.equal-temperatures.corrected"),
        "substitution of equals",
    ),
    assumes=(*ONE_PRIOR, "β^i = β^-i"),
)


def second_round(arithmetic: Arithmetic, **given: Numbers) -> Sides:
    """(β^i/β^-i) V^-i with P_prior the model of the first round, and with the first P_prior."""
    play = Play.stage(arithmetic, **given)
    table = play.game.agent_soft(play.game.u)
    return sides(play.corrected(play.game.u, play.model(table)), play.corrected(play.game.u))


row(
    "report.050.latest-model.printed",
    "refuted",
    "report (50)",
    r"\text{with } P_{\mathrm{prior}}(a^{-i}|s) \text{ the latest opponent model (50) rolls out to "
    r"Balance-Q}",
    "Balancing-Q keeps its prior. If the latest model is the prior of the next one, each round "
    "tilts the last tilt, and V^-i drifts to max or min over a^-i (rows replaced.*).",
    stage_scope(),
    Counterexample(second_round, TWO, "== 0"),
)

# -- one common objective? -------------------------------------------------------------------------


def common_objective(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
) -> Numbers:
    """(6) at (42), (46) minus (6) at (13), two times, β^i = β^-i = β, uniform priors."""
    play = Play.of(arithmetic, reward, beta, beta, transition, gamma)
    game = play.game
    last = play.model(game.agent_soft(game.u))
    first = game.backup(play.held(game.u, last))
    agents = [game.agent_tilt(first), game.agent_tilt(game.u)]
    models = [play.model(game.agent_soft(first)), last]
    best = game.objective(initial, *game.tilts(game.optimise(2)))
    return game.objective(initial, agents, models) - best


row(
    "report.1.3.separate.printed",
    "refuted",
    "report 1.3; report (42); report (46)",
    r"\pi \text{ of (42) and } \rho \text{ of (46), each optimised separately, are optimal "
    r"together}",
    "“We can decouple the graphical models and optimize both separately.” Each is optimal for its "
    "own graph, but with (42)'s message nobody counts the model's later divergence: at the first "
    "of two times ρ is not that of the common sum, even for β^i = β^-i.",
    PLAYS,
    Counterexample(
        common_objective,
        {
            "initial": [1, 0],
            "reward": [[[0, 1]], [[0, 0]]],
            "transition": [[[[1, 0], [0, 1]]], [[[0, 1], [0, 1]]]],
            "beta": 1,
            "gamma": 1,
        },
    ),
)
row(
    "report.1.3.separate.corrected",
    "proved",
    "report 1.3; report (50)",
    r"\text{with the message of (50): } E_{\pi,\rho}\Big[Q^i - \log\tfrac{\pi}{P} - "
    r"\tfrac{1}{\kappa}\log\tfrac{\rho}{P}\Big] \text{ is maximised over } \pi \text{ by (42) for "
    r"every } \rho, \text{ and at (42) optimised over } \rho \text{ by (46)}",
    "κ > 0: a joint maximum; κ < 0: ρ minimises. Separate optimisation is right because the "
    "agent's optimum given a^-i does not depend on ρ.",
    stage_scope(),
    Deduction(("report.050.identity.added", GIBBS), "maximisation in stages"),
)
