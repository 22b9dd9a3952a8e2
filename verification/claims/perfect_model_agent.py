"""The perfect model's agent with fixed priors: report (55), (56), and what 1.5 says about them.

    Q^i(b) = log Σ_a P(a|b) e^{Q^i(a,b)},   ρ ∝ P e^{Q^-i(b)}
    V^i = E_ρ[Q^i(b)]  (55),      V^i = E_ρ[Q^i(b) − log ρ/P]  (56)

One state; q, opponent_q are the two players' Q(a, b) [A, B] in the report's units, which already
hold γE[V(s')]. Priors as in ``_rommeo_rows``; uniform where they are left out.
"""

from __future__ import annotations

from collections.abc import Callable
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
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, kl
from tabular_marl.verification.claims._balancing import Stage
from tabular_marl.verification.claims._fictitious import Play, betas, stage_scope
from tabular_marl.verification.claims._rommeo import Game
from tabular_marl.verification.claims._rommeo_rows import (
    STAGE_SCOPE,
    STAGE_SIZES,
    sample,
    stage_fields,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

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


def across(
    of: Callable[..., Sides],
    arithmetic: Arithmetic,
    here: tuple[Numbers, Numbers],
    there: tuple[Numbers, Numbers],
    **priors: Numbers,
) -> Sides:
    """V^i(s) V^-i(t) and V^i(t) V^-i(s): equal if V^i ∝ V^-i, whatever the factor."""
    one, two = of(arithmetic, *here, **priors), of(arithmetic, *there, **priors)
    return sides(one.left * two.right, two.left * one.right)


def proportional_55(arithmetic: Arithmetic, q: Numbers, there: Numbers, **priors: Numbers) -> Sides:
    """V^i and V^-i of (55) in two states; the players share Q."""
    return across(expectation_55, arithmetic, (q, q), (there, there), **priors)


def proportional_56(
    arithmetic: Arithmetic,
    q: Numbers,
    opponent_q: Numbers,
    there: Numbers,
    opponent_there: Numbers,
    **priors: Numbers,
) -> Sides:
    """V^i and V^-i of (56) in two states."""
    pairs = (q, opponent_q), (there, opponent_there)
    return across(regularised_56, arithmetic, *pairs, **priors)


def rommeo_gap(arithmetic: Arithmetic, q: Numbers, opponent_q: Numbers, **priors: Numbers) -> Any:
    """V^i of (56) against ROMMEO's V less KL(ρ ‖ ρ^i), ρ^i the tilt of the agent's Q^i(b)."""
    stage, other = stages(arithmetic, q, opponent_q, **priors)
    soft, rho = model(stage, other)
    away = kl(rho, stage.opponent_tilt(soft), 1, arithmetic)
    return sides(stage.opponent_value(soft, rho), stage.soft(stage.u) - away)


def shared(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Any:
    """V^i − V^-i of (55) against KL(ρ ‖ P), where the players share Q."""
    stage = Game.stage(arithmetic, q, **priors)
    soft, rho = model(stage, stage)
    gap = (rho * soft).sum(axis=1) - stage.soft(stage.u)
    return sides(gap, kl(rho, stage.opponent_prior, 1, arithmetic))


def shared_56(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Any:
    """V^i of (56) against ROMMEO's V, where the players share Q."""
    return regularised_56(arithmetic, q, q, **priors)


def shared_55(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Any:
    """V^i of (55) against ROMMEO's V, where the players share Q."""
    return expectation_55(arithmetic, q, q, **priors)


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


def balancing_views(
    arithmetic: Arithmetic, reward: Numbers, there: Numbers, **betas: Numbers
) -> Sides:
    """V^i(s) V^-i(t) and V^i(t) V^-i(s) of (20), (21), in reward units."""
    here, other = (Stage.of(arithmetic, r, **betas) for r in (reward, there))
    left = here.agent_value() * other.opponent_value()
    return sides(left, other.agent_value() * here.opponent_value())


def models(
    arithmetic: Arithmetic,
    reward: Numbers,
    beta_agent: Numbers,
    beta_opponent: Numbers,
    **priors: Numbers,
) -> Sides:
    """ρ of (54) and of (46) where the players share R."""
    play = Play.stage(arithmetic, reward, beta_agent, beta_opponent, **priors)
    other = Game.stage(arithmetic, beta_opponent * reward, **priors)
    right = play.model(play.game.agent_soft(play.game.u))
    return sides(other.opponent_tilt(other.agent_soft(other.u)), right)


def tempered(
    arithmetic: Arithmetic,
    reward: Numbers,
    beta_agent: Numbers,
    beta_opponent: Numbers,
    **priors: Numbers,
) -> Sides:
    """The same, the soft maximum of (52) taken at the agent's temperature."""
    play = Play.stage(arithmetic, reward, beta_agent, beta_opponent, **priors)
    other = Game.stage(arithmetic, beta_opponent * reward, **priors)
    soft = free_energy(other.u, other.agent_prior, 1 / play.ratio, 1, arithmetic)
    return sides(other.opponent_tilt(soft), play.model(play.game.agent_soft(play.game.u)))


def prove_tempered() -> list[Proof]:
    one, two, t, u = (positive(n) for n in ("p", "p2", "t", "u"))  # t = e^{β R(a, b)}
    k = sympy.Symbol("kappa", positive=True)
    exponent = k * sympy.log(t) / k
    soft = k * sympy.log(one * sympy.exp(exponent) + two * u)
    return [
        prove_zero(exponent - sympy.log(t), "β^-i R/κ = β^i R, for each a"),
        prove_zero(soft - k * sympy.log(one * t + two * u), "so Q^-i(s,b) = κ Q^i(s,b)"),
    ]


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
    "report.055.proportional.added",
    "refuted",
    "report (55)",
    r"V^i(s) \propto V^{-i}(s) \text{ where } \beta^i R^i = \beta^{-i} R^{-i}",
    "The report finds V^i ∝ V^-i lost for different rewards. It is lost for equal ones too: (55) "
    "does not charge for ρ. Two states: where nothing is to be chosen the values are equal, where "
    "b is worth 0 or 1 they are e/(1+e) and log (1+e)/2.",
    STAGE_SCOPE,
    Counterexample(proportional_55, {"q": [[0, 1]], "there": [[1, 1]], **MIXED}, "== 0"),
)
row(
    "report.055.shared.added",
    "proved",
    "report (54); report (55)",
    r"\beta^i R^i = \beta^{-i} R^{-i}: \ V^i_{(55)} - V^{-i} = D_{KL}(\rho \| P_{prior})",
    "At one and the same Q, so at the last step (before it the players' Q differ, as V does): the "
    "difference is what the opponent pays for leaving its prior.",
    STAGE_SCOPE,
    Deduction(
        ("free-energy.duality",),
        "special case",
        "q = tilt in E_q[x] − KL(q‖p) = F: E_ρ[Q(b)] = V + KL(ρ‖P)",
    ),
    sample(shared, {"q": TABLE, **PRIORS}, "== 0", STAGE_SIZES),
)
row(
    "report.1.5.general.printed",
    "refuted",
    "report 1.5; report (55)",
    r"\text{the most general case: with } R^{-i} = R^i, \beta^{-i} = \beta^i \text{ it is ROMMEO}",
    "(51)-(55) do not contain the models before: rewards 0 and 1 for b, V = log (1+e)/2 in ROMMEO "
    "and e/(1+e) here.",
    STAGE_SCOPE,
    Counterexample(shared_55, {"q": [[0, 1]], **MIXED}, "== 0"),
)
row(
    "report.1.5.general.corrected",
    "proved",
    "report 1.5; report (56)",
    r"\text{with (56): } R^{-i} = R^i, \beta^{-i} = \beta^i \Rightarrow V^i = V^{-i} = V_{ROMMEO}",
    "With the divergence of (56) the shared case is ROMMEO again.",
    STAGE_SCOPE,
    Deduction(
        ("report.056.identity.added",),
        "substitution of equals",
        "ρ = ρ^i, so the divergence is 0; V^-i is the same free energy",
    ),
    sample(shared_56, {"q": TABLE, **PRIORS}, "== 0", STAGE_SIZES),
)
TEMPERATURES = stage_scope()
ANY_PAIR = {"reward": TABLE, **PRIORS, **betas()}
row(
    "report.1.5.general-temperatures.printed",
    "refuted",
    "report 1.5; report (46); report (54)",
    r"\text{the most general case: with } R^{-i} = R^i \text{ the model (54) is that of 1.3, (46)}",
    "For β^-i ≠ β^i it is not, even with β^-i put into (53): (52) takes the soft maximum over the "
    "agent's actions at the opponent's temperature, (42) at the agent's. So 1.5 contains neither "
    "1.3 nor Balancing-Q.",
    TEMPERATURES,
    Counterexample(
        models,
        {
            "reward": [[1, "1/2"], [0, "1/2"]],
            "beta_agent": 1,
            "beta_opponent": 2,
            "agent_prior": [["1/2", "1/2"], ["1/2", "1/2"]],
            "opponent_prior": ["1/2", "1/2"],
        },
        "== 0",
    ),
)
row(
    "report.1.5.general-temperatures.corrected",
    "proved",
    "report 1.5; report (46); report (52)",
    r"Q^{-i}(s, b) = \kappa \log \textstyle\sum_a P_{prior}(a|s,b)\, e^{Q^{-i}(s,a,b)/\kappa},\ "
    r"R^{-i} = R^i: \ \text{(54) is (46)}, \quad \kappa = \beta^{-i}/\beta^i",
    "With the agent's temperature in (52), and the weight of report.056.weight in (56), 1.5 "
    "contains 1.3. For κ < 0 too.",
    TEMPERATURES,
    Symbolic(prove_tempered),
    sample(tempered, ANY_PAIR, "== 0", STAGE_SIZES),
)
row(
    "report.055.balancing.printed",
    "refuted",
    "report (55); report (22)",
    r"V^i(s) \propto V^{-i}(s) \text{ is guaranteed in the Balancing-Q case}",
    "It is not, with (22)'s factor or any other: one state in which nothing is to be chosen and "
    "one in which there is. (22) holds for β^i = β^-i, see report.022.",
    scope(beta_agent="(-inf, 0) u (0, inf)", beta_opponent="(-inf, 0) u (0, inf)"),
    Counterexample(
        balancing_views,
        {
            "reward": [[1, 0], [0, 0]],
            "there": [[1, 1], [1, 1]],
            "beta_agent": 1,
            "beta_opponent": -1,
        },
        "== 0",
    ),
)
row(
    "report.056.proportional.printed",
    "refuted",
    "report (56)",
    r"\text{with (56) } V^i(s) \propto V^{-i}(s) \text{, as is all that is left to do}",
    "Different rewards stay different: the agent who gets nothing pays for the opponent's reward "
    "in one state, and nothing in another where the opponent is worth 1 whatever it does.",
    STAGE_SCOPE,
    Counterexample(
        proportional_56,
        {
            "q": [[0, 0]],
            "opponent_q": [[0, 1]],
            "there": [[0, 0]],
            "opponent_there": [[1, 1]],
            **MIXED,
        },
        "== 0",
    ),
)
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
