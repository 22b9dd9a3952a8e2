"""The perfect model's opponent with fixed priors: report (51)-(54).

    Q^-i(b) = log Σ_a P(a|b) e^{Q^-i(a,b)},  V^-i = log Σ_b P(b) e^{Q^-i(b)},  ρ ∝ P e^{Q^-i(b)}

One state; opponent_q is Q^-i(a, b) [A, B] in the report's units, and already holds γE[V^-i(s')].
Priors as in ``_rommeo_rows``; uniform where they are left out.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._rommeo import Game, laid_stage
from tabular_marl.verification.claims._rommeo_rows import (
    GIBBS,
    STAGE_SCOPE,
    STAGE_SIZES,
    sample,
    stage_fields,
)
from tabular_marl.verification.claims._rows import row

FIELDS = stage_fields()
TABLE = array("actions", "opponent_actions")


def best_reply(
    arithmetic: Arithmetic,
    opponent_q: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Any:
    """What the opponent itself gets, E_{π,ρ} Q^-i − KL(ρ‖P): (54) against another ρ."""
    other = Game.stage(arithmetic, opponent_q, agent_prior, opponent_prior)
    earned = (laid_stage(agent) * other.u).sum(axis=1)
    own = other.opponent_tilt(other.agent_soft(other.u))
    return sides(other.opponent_value(earned, own), other.opponent_value(earned, opponent[None]))


def true_reply(
    arithmetic: Arithmetic,
    opponent_q: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Any:
    """The same for ρ ∝ P exp(E_π Q^-i)."""
    other = Game.stage(arithmetic, opponent_q, None, opponent_prior)
    earned = (laid_stage(agent) * other.u).sum(axis=1)
    reply = other.opponent_value(earned, other.opponent_tilt(earned))
    return sides(reply, other.opponent_value(earned, opponent[None]))


def hopes(arithmetic: Arithmetic, opponent_q: Numbers, agent_prior: Numbers, agent: Numbers) -> Any:
    """Q^-i(b) of (52) against E_π[Q^-i − log π/P] for every b."""
    other = Game.stage(arithmetic, opponent_q, agent_prior)
    return sides(other.agent_soft(other.u), other.agent_value(other.u, laid_stage(agent)))


def coupled_hopes(arithmetic: Arithmetic, opponent_q: Numbers, agent: Numbers) -> Any:
    """log Σ_a π(a|b) e^{Q^-i} against E_π Q^-i."""
    other = Game.stage(arithmetic, opponent_q, agent)
    return sides(other.agent_soft(other.u), (laid_stage(agent) * other.u).sum(axis=1))


def at_most_one(arithmetic: Arithmetic, reward: Numbers) -> Numbers:
    """1 − exp(R)."""
    return 1 - arithmetic.exp(reward)


def scaled(arithmetic: Arithmetic, reward: Numbers, beta: Numbers) -> Any:
    """log P(O=1) by (51) against the βR of (55)."""
    return sides(arithmetic.log(arithmetic.exp(reward)), beta * reward)


def prove_scaled() -> Proof:
    import sympy

    exponent = sympy.Symbol("x", real=True)
    return prove_zero(sympy.log(sympy.exp(exponent)) - exponent, "log e^x = x with x = β R")


def prove_posterior() -> Proof:
    t, p, z, m = (positive(name) for name in ("t", "P", "Z", "m"))
    return prove_zero((t * p / m) / (z / m) - t * p / z, "P(O|b)P(b)/P(O) with e^Q = t, m scales O")


# -- (51)-(54): the opponent -----------------------------------------------------------------------

NUMBERS = scope(beta="(-inf, 0) u (0, inf)")
row(
    "report.051.beta.printed",
    "refuted",
    "report (51); report (55)",
    r"\log P(O^i = 1|s,a,b) = \beta^i R^i \text{ of (55)}",
    "(51) lost the β^i of (41). At R = 1, β = 2: 1 against 2.",
    NUMBERS,
    Counterexample(scaled, {"reward": 1, "beta": 2}, "== 0"),
)
row(
    "report.051.beta.corrected",
    "proved",
    "report (51); report (55)",
    r"P(O^i = 1|s,a,b) = e^{\beta^i R^i} \Rightarrow \log P(O^i=1) = \beta^i R^i",
    "With the β^i of (41) and (55).",
    NUMBERS,
    Symbolic(prove_scaled),
)
row(
    "report.051.solution.printed",
    "proved",
    "report (51); report (42)",
    r"\pi \propto P_{prior}(a|s,b) e^{Q^i(s,a,b)} \text{ maximises } E_\pi\Big[Q^i - "
    r"\log\tfrac{\pi}{P_{prior}}\Big] \text{ for each } b",
    '"Similar solution to equation 42": the same, whoever chooses b.',
    STAGE_SCOPE,
    Deduction(("free-energy.variational.maximum",), "special case", "β = 1, outcome a, for each b"),
)
row(
    "report.053.beta.printed",
    "refuted",
    "report (52); report (53)",
    r"Q^{-i} \text{ of (53), with } r^{-i} \text{ alone, is that of an opponent with inverse "
    r"temperature } \beta^{-i}",
    "1.5 has no β^-i at all, though (55) keeps β^i: the opponent is fixed at β^-i = 1.",
    NUMBERS,
    Counterexample(scaled, {"reward": 1, "beta": 2}, "== 0"),
)
row(
    "report.053.beta.corrected",
    "proved",
    "report (52); report (53)",
    r"Q^{-i} = \beta^{-i} r^{-i} + \gamma E[V^{-i}(s')]",
    "As in (21), (25); the sign of β^-i is free here too.",
    NUMBERS,
    Deduction(("report.051.beta.corrected",), "special case", "the opponent's optimality variable"),
)
row(
    "report.051.probability.printed",
    "refuted",
    "report (51); report (52)",
    r"e^{R^i} \le 1, \ e^{Q^{-i}} \le 1",
    "A probability only where the exponent is <= 0; shift it by its maximum, the posterior does "
    "not change (next row).",
    scope(),
    Counterexample(at_most_one, {"reward": 1}),
)
row(
    "report.054.posterior.printed",
    "proved",
    "report (52); report (54); report (56)",
    r"P_{prior}(b|s, O^{-i}=1) \propto e^{Q^{-i}(s,b)} P_{prior}(b|s) = \rho_{(54)}(b|s)",
    "So the prior over which (55), (56) take their mean is (54), for any scale of P(O).",
    STAGE_SCOPE,
    Symbolic(prove_posterior),
)
row(
    "report.054.optimum.printed",
    "proved",
    "report (54)",
    r"\rho_{(54)} = \arg\max_\rho E_\rho[Q^{-i}(s,b)] - D_{KL}(\rho \| P_{prior}), \ "
    r"\text{the maximum is } V^{-i}(s)",
    "Given Q^-i(s, b), whatever it is.",
    STAGE_SCOPE,
    Deduction(("report.A.1.3.arbitrary.printed", GIBBS), "special case", "f(b) = Q^-i(s,b)"),
)
row(
    "report.052.response.printed",
    "refuted",
    "report (52); report (54)",
    r"\rho_{(54)} \text{ is the opponent's soft best reply to the agent: it maximises } "
    r"E_{\pi,\rho}[Q^{-i}] - D_{KL}(\rho \| P_{prior})",
    "The model is not perfect: (52) is a soft maximum over the agent's actions, so this opponent "
    "waits for the agent's help. b = 0 gives it 2 if the agent plays a = 0, which it does not.",
    STAGE_SCOPE,
    Counterexample(
        best_reply,
        {
            "opponent_q": [[2, 0], [0, 0]],
            "agent_prior": [["1/2", "1/2"], ["1/2", "1/2"]],
            "opponent_prior": ["1/2", "1/2"],
            "agent": [[0, 1], [0, 1]],
            "opponent": ["1/2", "1/2"],
        },
    ),
)
row(
    "report.052.response.corrected",
    "proved",
    "report (52); report (54)",
    r"\rho \propto P_{prior}(b|s) \exp E_\pi[Q^{-i}(s,a,b)] \text{ is that reply}",
    "The expectation under the agent's policy in place of the soft maximum.",
    STAGE_SCOPE,
    Deduction(("report.A.1.3.arbitrary.printed", GIBBS), "special case", "f(b) = E_π[Q^-i]"),
    sample(
        true_reply,
        {"opponent_q": TABLE, **{n: FIELDS[n] for n in ("opponent_prior", "agent", "opponent")}},
        ">= 0",
        STAGE_SIZES,
    ),
)
row(
    "report.052.optimism.added",
    "proved",
    "report (52)",
    r"Q^{-i}_{(52)}(s,b) \ge E_\pi\Big[Q^{-i} - \log\tfrac{\pi}{P_{prior}}\Big] \text{ for every } "
    r"\pi",
    "What the opponent would get if the agent softly maximised the opponent's reward.",
    STAGE_SCOPE,
    Deduction(("free-energy.variational.maximum",), "special case", "β = 1, outcome a, for each b"),
    sample(
        hopes,
        {"opponent_q": TABLE, **{n: FIELDS[n] for n in ("agent_prior", "agent")}},
        ">= 0",
        STAGE_SIZES,
    ),
)
row(
    "report.052.coupled-optimism.added",
    "proved",
    "report (52); report (99)",
    r"\log \textstyle\sum_a \pi(a|s,b) e^{Q^{-i}} \ge E_\pi[Q^{-i}]",
    "Even where π stands for the prior, the opponent counts on luck: equal only if Q^-i does not "
    "depend on a.",
    STAGE_SCOPE,
    Deduction(
        ("free-energy.variational.maximum",), "special case", "the prior is π, and q = π costs 0"
    ),
    sample(coupled_hopes, {"opponent_q": TABLE, "agent": FIELDS["agent"]}, ">= 0", STAGE_SIZES),
)

# -- one solution ----------------------------------------------------------------------------------

SYSTEM = scope(
    states=">= 1",
    actions=">= 1",
    opponent_actions=">= 1",
    beta_agent="any",
    beta_opponent="any",
    gamma="[0, 1)",
)
row(
    "report.053.printed",
    "proved",
    "report (52); report (53); report (54)",
    r"(52), (53), (54) \text{ have one solution } Q^{-i}: \text{ ROMMEO's, with the reward } "
    r"r^{-i}",
    "a:β^-i given b, then b:β^-i, on the opponent's reward. No quantity of the agent enters.",
    SYSTEM,
    Deduction(("recipe.fixed-point",), "special case", "the recipe of ROMMEO"),
)
