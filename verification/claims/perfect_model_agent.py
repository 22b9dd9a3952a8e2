"""The perfect model's agent with fixed priors: report (55), (56), and what 1.5 says about them.

    Q^i(b) = log Σ_a P(a|b) e^{Q^i(a,b)},   ρ ∝ P e^{Q^-i(b)}
    V^i = E_ρ[Q^i(b)]  (55),      V^i = E_ρ[Q^i(b) − log ρ/P]  (56)

One state; q, opponent_q are the two players' Q(a, b) [A, B] in the report's units, which already
hold γE[V(s')]. Priors as in ``_rommeo_rows``; uniform where they are left out.
"""

from __future__ import annotations

from typing import Any

import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    beta,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl
from tabular_marl.verification.claims._rommeo import Game
from tabular_marl.verification.claims._rommeo_rows import (
    STAGE_SCOPE,
    STAGE_SIZES,
    sample,
    stage_fields,
)
from tabular_marl.verification.claims._rows import row

FIELDS = stage_fields()
TABLE = array("actions", "opponent_actions")
PRIORS = {name: FIELDS[name] for name in ("agent_prior", "opponent_prior")}
PAIR = {"q": TABLE, "opponent_q": TABLE, **PRIORS}
MIXED = {"opponent_prior": ["1/2", "1/2"], "agent_prior": [[1], [1]]}

# -- formulas --------------------------------------------------------------------------------------


def model(stage: Game, other: Game) -> tuple[Numbers, Numbers]:
    """(Q^i(b), ρ) of the two players' stages."""
    return stage.agent_soft(stage.u), other.opponent_tilt(other.agent_soft(other.u))


def stages(arithmetic: Arithmetic, q: Numbers, opponent_q: Numbers, **priors: Numbers) -> Any:
    return [Game.stage(arithmetic, x, **priors) for x in (q, opponent_q)]


def expectation_55(
    arithmetic: Arithmetic, q: Numbers, opponent_q: Numbers, **priors: Numbers
) -> Any:
    """V^i of (55) against V^-i of (54)."""
    stage, other = stages(arithmetic, q, opponent_q, **priors)
    soft, rho = model(stage, other)
    return sides((rho * soft).sum(axis=1), other.soft(other.u))


def regularised_56(
    arithmetic: Arithmetic, q: Numbers, opponent_q: Numbers, **priors: Numbers
) -> Any:
    """V^i of (56) against V^-i of (54)."""
    stage, other = stages(arithmetic, q, opponent_q, **priors)
    soft, rho = model(stage, other)
    return sides(stage.opponent_value(soft, rho), other.soft(other.u))


def rommeo_gap(arithmetic: Arithmetic, q: Numbers, opponent_q: Numbers, **priors: Numbers) -> Any:
    """V^i of (56) against ROMMEO's V less KL(ρ ‖ ρ^i), ρ^i the tilt of the agent's Q^i(b)."""
    stage, other = stages(arithmetic, q, opponent_q, **priors)
    soft, rho = model(stage, other)
    away = kl(rho, stage.opponent_tilt(soft), 1, arithmetic)
    return sides(stage.opponent_value(soft, rho), stage.soft(stage.u) - away)


def weighted(
    arithmetic: Arithmetic, table: Numbers, opponent_prior: Numbers, ratio: Numbers
) -> Any:
    """E_ρ[Q^i − (1/ratio) log ρ/P] against V^-i/ratio: ρ the tilt of ratio·Q^i, as in (46)."""
    stage = Game.stage(arithmetic, (ratio * table)[None], None, opponent_prior)
    rho = stage.opponent_tilt(stage.u[:, 0])
    left = (rho * (stage.u[:, 0] - stage.opponent_cost(rho))).sum(axis=1) / ratio
    return sides(left, stage.soft(stage.u) / ratio)


def unweighted(
    arithmetic: Arithmetic, table: Numbers, opponent_prior: Numbers, ratio: Numbers
) -> Any:
    """The same with weight 1 before the logarithm, as (56) has it."""
    stage = Game.stage(arithmetic, (ratio * table)[None], None, opponent_prior)
    rho = stage.opponent_tilt(stage.u[:, 0])
    left = (rho * (table[None] - stage.opponent_cost(rho))).sum(axis=1)
    return sides(left, stage.soft(stage.u) / ratio)


def entropic(
    arithmetic: Arithmetic, opponent_prior: Numbers, opponent: Numbers, other: Numbers
) -> Any:
    """E_ρ[−log ρ/P] − H(ρ) of two policies: equal if the term is entropy up to a constant."""
    log = arithmetic.log
    values = [
        -kl(rho, opponent_prior, 0, arithmetic) + (rho * log(rho)).sum(axis=0)
        for rho in (opponent, other)
    ]
    return sides(*values)


def prove_entropy() -> Proof:
    rho, count = positive("rho"), positive("B")
    term = -sympy.log(rho / (1 / count)) + sympy.log(rho) + sympy.log(count)
    return prove_zero(term, "−log(ρ|B|) = −log ρ − log |B| for each b")


# -- convergence -----------------------------------------------------------------------------------

SYSTEM = scope(
    states=">= 1",
    actions=">= 1",
    opponent_actions=">= 1",
    beta_agent="any",
    beta_opponent="any",
    gamma="[0, 1)",
)
row(
    "report.055.printed",
    "proved",
    "report (55); report (42)",
    r"\text{given } \rho, (55) \text{ with } (42) \text{ has one solution } Q^i",
    "a:β^i given b, then the mean over ρ.",
    SYSTEM,
    Deduction(("recipe.fixed-point",), "special case", "the outer level has β = 0 and prior ρ"),
)
row(
    "report.1.5.convergence.corrected",
    "proved",
    "report 1.5",
    r"\text{with the priors of 1.5, alternating sweeps of (52)-(54) and of (55) or (56) converge "
    r"from every start}",
    "The report gives convergence up. Nothing is lost as long as (52) averages over the prior: the "
    "opponent's system does not contain the agent's, which is one more contraction with ρ's limit "
    "as data. It is lost where π replaces the prior: the coupled rows.",
    SYSTEM,
    Deduction(
        ("report.053.printed", "report.055.printed", "report.056.contraction.added"),
        "contraction that settles",
        "ρ_n → ρ, as (52)-(54) is a contraction without the agent. A sweep of (55) or (56) with "
        "ρ_n contracts by γ, and moves the solution for ρ by what ρ_n − ρ leaves: (55), (56) are "
        "continuous in ρ on the prior's support",
    ),
)

# -- (55), (56): the agent -------------------------------------------------------------------------

row(
    "report.056.identity.added",
    "proved",
    "report (56)",
    r"V^i_{(56)} = \log \textstyle\sum_b P_{prior}(b|s) e^{Q^i(s,b)} - D_{KL}(\rho \| \rho^i), "
    r"\quad \rho^i \propto P_{prior} e^{Q^i(s,b)}",
    "What (56) really does: ROMMEO's value less the distance between the opponent and the one that "
    "the agent would wish for. Hence V^i of (56) <= ROMMEO's, equal only for ρ = ρ^i.",
    STAGE_SCOPE,
    Deduction(
        ("free-energy.duality",), "special case", "β = 1, x = Q^i(s, ·), q = ρ, for any ρ << P"
    ),
    sample(rommeo_gap, PAIR, "== 0", STAGE_SIZES),
)
RATIO = scope(opponent_actions=">= 1", ratio="(-inf, 0) u (0, inf)")
WEIGHED = {
    "table": array("opponent_actions"),
    "opponent_prior": FIELDS["opponent_prior"],
    "ratio": beta(high=4),
}
row(
    "report.056.weight.printed",
    "refuted",
    "report (56); report (46); report (50)",
    r"\rho \propto P_{prior} e^{\frac{\beta^{-i}}{\beta^i} Q^i}: \ E_\rho\Big[Q^i - \log"
    r"\tfrac{\rho}{P_{prior}}\Big] = \tfrac{\beta^i}{\beta^{-i}} V^{-i}",
    "(56) is to play the role of V in (50), where the opponent is (46); but its logarithm has "
    "weight 1 whatever β^-i is. For β^-i < 0 it even has the wrong sign.",
    RATIO,
    Counterexample(
        unweighted, {"table": [0, 1], "opponent_prior": ["1/2", "1/2"], "ratio": -1}, "== 0"
    ),
)
row(
    "report.056.weight.corrected",
    "proved",
    "report (56); report (46); report (50)",
    r"\rho \propto P_{prior} e^{\frac{\beta^{-i}}{\beta^i} Q^i}: \ E_\rho\Big[Q^i - "
    r"\tfrac{\beta^i}{\beta^{-i}}\log \tfrac{\rho}{P_{prior}}\Big] = \tfrac{\beta^i}{\beta^{-i}} "
    r"V^{-i}",
    "With the opponent's temperature in front of the opponent's logarithm, as in (17), (50).",
    RATIO,
    Deduction(("free-energy.duality",), "special case", "β = β^-i/β^i, q = the tilt"),
    sample(weighted, WEIGHED, "== 0", {"opponent_actions": (1, 3)}),
)
row(
    "report.056.contraction.added",
    "proved",
    "report (56)",
    r"\text{given } \rho \ll P_{prior}, (56) \text{ has one solution}",
    "The logarithm does not contain Q^i: it lowers the reward of the next state's b.",
    SYSTEM,
    Deduction(
        ("recipe.fixed-point",),
        "special case",
        "the reward R − (1/β^i) log(ρ/P), and the outer level with β = 0 and prior ρ",
    ),
)
ENTROPY = scope(opponent_actions=">= 1")


def paid(arithmetic: Arithmetic, opponent_prior: Numbers, opponent: Numbers) -> Numbers:
    """E_P[log ρ/P], the cost of (56) if b is drawn from the prior."""
    return -kl(opponent_prior, opponent, 0, arithmetic)


row(
    "report.056.law.added",
    "refuted",
    "report (56)",
    r"E_{a^{-i} \sim P_{prior}(a^{-i}|s)} \log\tfrac{\rho}{P_{prior}} \ge 0",
    "(56) does not say of which law E is. It must be ρ, as in (55): under the prior of its own "
    "denominator the logarithm is −KL(P_prior‖ρ), and (56) would reward the agent for it.",
    ENTROPY,
    Counterexample(paid, {"opponent_prior": ["1/2", "1/2"], "opponent": ["1/4", "3/4"]}),
)
row(
    "report.056.entropy.printed",
    "refuted",
    "report (56)",
    r"-E_\rho \log\tfrac{\rho}{P_{prior}} = H(\rho) + const",
    '"Entropy regularization": a relative entropy, entropy only for a uniform prior.',
    ENTROPY,
    Counterexample(
        entropic,
        {
            "opponent_prior": ["1/4", "3/4"],
            "opponent": ["1/2", "1/2"],
            "other": ["1/4", "3/4"],
        },
        "== 0",
    ),
)
row(
    "report.056.entropy.corrected",
    "proved",
    "report (56)",
    r"P_{prior} \text{ uniform: } -E_\rho \log\tfrac{\rho}{P_{prior}} = H(\rho) - \log |B|",
    "Outcome by outcome.",
    ENTROPY,
    Symbolic(prove_entropy),
)
