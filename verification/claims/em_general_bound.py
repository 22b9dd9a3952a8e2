"""The agent's bound in the generalised EM: report (97).

    L^i = E_U E_{P*}[E_π Q^i − KL(π ‖ μ)],   P* = P(b|s,O^-i=1)                 (97), corrected

Shapes as in ``_em``; answer = P* [S, B].
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    distribution,
    number,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, kl
from tabular_marl.verification.claims._em import (
    GIBBS,
    STATES,
    e_step,
    mean,
    stage_fields,
    tables,
)
from tabular_marl.verification.claims._em_general import q_mass
from tabular_marl.verification.claims._rommeo import laid
from tabular_marl.verification.claims._rommeo_rows import sample
from tabular_marl.verification.claims._rows import row

# -- (97) ------------------------------------------------------------------------------------------


def agents_bound(
    arithmetic: Arithmetic, q: Numbers, agent: Numbers, answer: Numbers, agent_prior: Numbers
) -> Numbers:
    """E_U E_{P*}[E_π Q − KL(π ‖ μ)]."""
    game = tables(arithmetic, q, agent_prior)
    return mean((answer * game.agent_value(q, laid(agent))).sum(axis=1))


def one_divergence(arithmetic: Arithmetic, q: Numbers, agent: Numbers, answer: Numbers) -> Any:
    """L^i, and E_q[Q] − KL(π ‖ μ) at the first (s, b); uniform prior."""
    game = tables(arithmetic, q)
    pi = laid(agent)
    reward = mean((answer * (pi * q).sum(axis=1)).sum(axis=1))
    cost = kl(pi[0], game.agent_prior[0], 0, arithmetic)[0]
    return sides(agents_bound(arithmetic, q, agent, answer, None), reward - cost)


def agents_elbo(
    arithmetic: Arithmetic,
    q: Numbers,
    agent: Numbers,
    answer: Numbers,
    agent_prior: Numbers,
    chance: Numbers,
) -> Any:
    """∫ q log(P(x, O^i=1, O^-i=1)/q) with the printed q of mass P(O^-i=1); P(O^-i=1) L^i."""
    game = tables(arithmetic, q, agent_prior)
    pi = laid(agent)
    here = chance * pi * answer[:, None] / len(q)
    law = chance * game.agent_prior * answer[:, None] / len(q) * arithmetic.exp(q)
    left = (here * arithmetic.log(law / here)).sum(axis=(0, 1, 2))
    return sides(left, chance * agents_bound(arithmetic, q, agent, answer, agent_prior))


def prove_agents_elbo() -> Proof:
    import sympy

    Q, lpi, lmu, common = sympy.symbols("Q logpi logmu logUPm")
    whole = (common + lmu + Q) - (common + lpi)
    return prove_zero(whole - (Q - (lpi - lmu)), "log U + log P* + log P(O^-i=1) cancels")


PLAY = {
    "q": array("states", "actions", "opponent_actions"),
    "agent": distribution("states", "opponent_actions", "actions"),
    "answer": distribution("states", "opponent_actions"),
    "agent_prior": distribution("states", "opponent_actions", "actions"),
}
row(
    "report.097.family.printed",
    "refuted",
    "report (97)",
    r"q(s, a, b, O^{-i} = 0) = U \pi_\theta P^*(b|s, O^{-i} = 1) P(O^{-i} = 1) \text{ is a "
    r"distribution}",
    "O^-i = 0 is a misprint for 1 (the model's law there is another, P(b|s, O^-i=0)); and the mass "
    "is "
    "P(O^-i = 1), not one, as is that of the prior before (96). It must be q(s, a, b) = U π P*.",
    STATES,
    Counterexample(q_mass, {"chance": "1/2"}, "== 0"),
)
row(
    "report.097.expectation.printed",
    "refuted",
    "report (97)",
    r"L^i = E_q[Q^i] - D_{KL}(\pi(\cdot|s, b) \| \mu(\cdot|s, b)) \text{ at any } (s, b)",
    "As in (91) the expectation over s and b is missing.",
    STATES,
    Counterexample(
        one_divergence,
        {
            "q": [[[0, 0], [0, 0]]],
            "agent": [[[1, 0], ["1/2", "1/2"]]],
            "answer": [["1/2", "1/2"]],
        },
        "== 0",
    ),
)
row(
    "report.097.corrected",
    "proved",
    "report (97)",
    r"\int q \log \frac{P(s, a, b, O^i = 1, O^{-i} = 1)}{q} = P(O^{-i} = 1)\, L^i,\quad L^i = E_U "
    r"E_{P^*}\big[E_\pi Q^i - D_{KL}(\pi \| \mu)\big]",
    "With q as printed; with the normalised q it is L^i itself (up to log c of (95)). The "
    "maximiser "
    "is the same.",
    STATES,
    Symbolic(prove_agents_elbo),
    sample(agents_elbo, {**PLAY, "chance": number("1/8", 1)}, "== 0"),
)


def agents_slack(
    arithmetic: Arithmetic, q: Numbers, agent: Numbers, answer: Numbers, agent_prior: Numbers
) -> Numbers:
    """log P(O^i=1|O^-i=1) − log c − L^i."""
    game = tables(arithmetic, q, agent_prior, answer)
    evidence = free_energy(game.soft(q), None, 1, 0, arithmetic)
    return evidence - agents_bound(arithmetic, q, agent, answer, agent_prior)


def agents_best_slack(arithmetic: Arithmetic, q: Numbers) -> Numbers:
    """The same at (96); uniform prior, uniform P*."""
    game = tables(arithmetic, q)
    best = e_step(game, q)[0]
    lower = mean((game.opponent_prior * game.agent_value(q, best)).sum(axis=1))
    return free_energy(game.soft(q), None, 1, 0, arithmetic) - lower


row(
    "report.097.bound.added",
    "proved",
    "report (97)",
    r"L^i(\theta, \omega) + \log c_\omega \le \log P(O^i = 1|O^{-i} = 1)",
    "What (97) bounds, c the constant of (95): the agent's optimality given the opponent's.",
    STATES,
    Deduction(
        ("report.097.corrected", "report.090.bound.added"),
        "special case",
        "(91) with ρ = ν = P*, whose divergence is 0",
    ),
    sample(agents_slack, PLAY),
)
row(
    "report.097.tight.added",
    "refuted",
    "report (97)",
    r"\max_\theta L^i = \log P(O^i = 1|O^{-i} = 1)",
    "The posterior moves b (and s) as well; the family keeps P*. One state suffices: answers worth "
    "−1 and 0, P(O^i|·) = exp Q^i.",
    STATES,
    Counterexample(agents_best_slack, {"q": [[[-1, 0]]]}, "== 0"),
)


def own_reward(
    arithmetic: Arithmetic, q: Numbers, agent: Numbers, opponent: Numbers, **priors: Numbers
) -> Numbers:
    """E_U E_{P*} KL(π ‖ (96)): L^i at (96) minus L^i at π."""
    game = tables(arithmetic, q, **priors)
    best = e_step(game, q)[0]
    at = [mean((opponent * game.agent_value(q, pi)).sum(axis=1)) for pi in (best, laid(agent))]
    return at[0] - at[1]


row(
    "report.097.e-step.added",
    "proved",
    "report (96); report (97)",
    r"\arg\max_\theta L^i(\theta, \omega) = \pi_{(96)}, \text{ for every } P^*",
    "The agent's E step is right, and does not depend on the opponent model.",
    STATES,
    Deduction(
        ("free-energy.variational.maximum", "report.097.corrected", GIBBS),
        "maximisation in stages",
        "state by state and answer by answer, β = 1",
    ),
    sample(own_reward, stage_fields()),
)
