"""Equal rewards and proportional values in the perfect model: what 1.5 says of report (55), (56).

    V^i = E_ρ[Q^i(b)]  (55),   V^i = E_ρ[Q^i(b) − log ρ/P]  (56),   V^-i = log Σ_b P e^{Q^-i(b)}
    V^i ∝ V^-i in two states s, t:   V^i(s) V^-i(t) = V^i(t) V^-i(s)
    R^-i = R^i:   Q^-i(b) = log Σ_a p e^{β^-i R}  (52);   κ log Σ_a p e^{β^i R}  (43), κ = β^-i/β^i

Shapes as in ``perfect_model_agent``; q and there, opponent_q and opponent_there are two states.
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
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.perfect_model_agent import (
    MIXED,
    PRIORS,
    TABLE,
    expectation_55,
    model,
    regularised_56,
)
from tabular_marl.verification.relation import Sides


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
