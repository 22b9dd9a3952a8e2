"""ROMMEO's last step and the objective that it is a part of: report (6), (7).

    J(π, ρ) = E_q Σ_t γ^t (βR − log π/P_prior − log ρ/P_prior)                      (6)
    E_{π,ρ}[βR − log π(a|b)/P_prior(a|b) − log ρ(b)/P_prior(b)]   at t = T           (7)

(7) is the last term of (6) without its γ^T. Shapes as in ``_rommeo``; one state: q [A, B], agent
[B, A], opponent [B].
"""

from __future__ import annotations

import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._rommeo import Game, laid, laid_stage, policies
from tabular_marl.verification.claims._rommeo_rows import (
    PLAYS,
    SMALL,
    play_fields,
    sample,
    stationary_fields,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides


def last_term(
    arithmetic: Arithmetic,
    q: Numbers,
    agent: Numbers,
    opponent: Numbers,
    gamma: Numbers,
    steps: int,
) -> Sides:
    """The term t = T of (6), and (7); uniform priors."""
    stage = Game.stage(arithmetic, q)
    value = stage.value(stage.u, laid_stage(agent), opponent[None])
    return sides(gamma**steps * value, value)


row(
    "report.007.printed",
    "refuted",
    "report (7)",
    r"\gamma^T E_q\Big[\beta R_T - \log\frac{\pi}{P_{\mathrm{prior}}} "
    r"- \log\frac{\rho}{P_{\mathrm{prior}}}\Big] = E_q\Big[\beta R_T - \cdots\Big]",
    "The last term of (6) carries γ^T, (7) does not. Harmless for the maximiser, not for the value "
    "that is passed on: see (11).",
    scope(actions=">= 1", opponent_actions=">= 1", gamma="(0, 1]", steps=">= 1"),
    Counterexample(
        last_term,
        {"q": [[1]], "agent": [[1]], "opponent": [1], "gamma": "1/2", "steps": 1},
        "== 0",
    ),
)


def last_step_change(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
    last_agent: Numbers,
    last_opponent: Numbers,
) -> Sides:
    """What changing the last policies does to (6), and γ^T times what it does to (7)."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    agents, models = policies(agent), list(opponent)
    new = (laid(last_agent), last_opponent)
    change = game.objective(initial, [*agents[:-1], new[0]], [*models[:-1], new[1]])
    change = change - game.objective(initial, agents, models)
    weight, states = 1, initial
    for pi, rho in zip(agents[:-1], models[:-1], strict=True):
        weight = weight * gamma
        play = (pi * rho[:, None] * states[:, None, None])[:, :, :, None]
        states = (play * transition).sum(axis=(0, 1, 2))
    value = game.value(game.u, *new) - game.value(game.u, agents[-1], models[-1])
    return sides(change, weight * (states * value).sum(axis=0))


def prove_last_step_change() -> Proof:
    earlier, weight, old, new = sympy.symbols("earlier weight old new")
    change = (earlier + weight * new) - (earlier + weight * old)
    return prove_zero(change - weight * (new - old), "earlier terms do not see the last policies")


row(
    "report.007.corrected",
    "proved",
    "report (7)",
    r"J(\ldots, \pi_T', \rho_T') - J(\ldots, \pi_T, \rho_T) = \gamma^T \big(\text{(7) at } "
    r"(\pi_T', \rho_T') - \text{(7) at } (\pi_T, \rho_T)\big)",
    "So (7), averaged over P(s_T), has the maximisers of (6) in the last policies for every γ > 0. "
    "At γ = 0 (and T > 0) every last policy is a maximiser of (6).",
    PLAYS,
    Symbolic(prove_last_step_change),
    sample(
        last_step_change,
        {**play_fields(), **stationary_fields("last_agent", "last_opponent")},
        "== 0",
        {**SMALL, "times": (1, 3)},
    ),
)


def last_optimum(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Numbers:
    """(6) with the maximisers (8), (9) of (7) at t = T, minus (6) at the given policies."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    agents, models = policies(agent), list(opponent)
    (pi,), (rho,) = game.tilts([game.u])
    best = game.objective(initial, [*agents[:-1], pi], [*models[:-1], rho])
    return best - game.objective(initial, agents, models)


row(
    "report.007.maximiser.printed",
    "proved",
    "report (7)",
    r"\text{whatever the policies before } T\text{, those } \pi_T, \rho_T \text{ that maximise "
    r"(7) in every state maximise (6)}",
    "The last step 'is equivalent to' (7): true of the maximisation, as γ^T >= 0 is a factor of "
    "what the last policies do to (6).",
    PLAYS,
    Deduction(
        ("report.007.corrected",),
        "sum of termwise inequalities",
        "the change of (6) is γ^T Σ_s P(s_T) times that of (7) in s, each >= 0",
    ),
    sample(last_optimum, play_fields(), ">= 0", {**SMALL, "times": (1, 3)}),
)
