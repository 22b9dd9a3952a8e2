"""The opponent model of one round: report (43)-(46), A.5.2.

    P(O^-i=1|s,b) = exp(κ Q^i(s,b)),  κ = β^-i/β^i                                          (43)
    P(s,b,O^-i=1) = P(O^-i=1|s,b) P(s) P_prior(b|s),   q(s,b) = P(s) ρ(b|s)             (44), (45)
    ρ(b|s) = P_prior(b|s) exp(κ Q^i(s,b)) / exp V^-i(s)                                     (46)

    KL(q ‖ P(s,b|O^-i=1)) = E_P(s) KL(ρ ‖ (46)) + KL(P(s) ‖ P(s|O^-i=1))                  A.5.2

Shapes: table Q^i(s,b) [S, B], law P(s) [S], prior and model [S, B]. One time, no discount.
"""

from __future__ import annotations

import sympy

from tabular_marl.verification import (
    Counterexample,
    Proof,
    Symbolic,
    array,
    beta,
    distribution,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, tilt
from tabular_marl.verification.arithmetic import kl as divergence
from tabular_marl.verification.claims._fictitious import (
    PLUS,
    SIGNED,
    Play,
    sample,
    stage_scope,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

PAIRS = scope(states=">= 1", opponent_actions=">= 1", ratio=SIGNED)
SIZES = {"states": (1, 3), "opponent_actions": (1, 3)}
FIELDS = {
    "table": array("states", "opponent_actions", low=-2, high=2),
    "law": distribution("states"),
    "prior": distribution("states", "opponent_actions"),
    "ratio": beta(low="1/4", high=4),
}
MODEL = {"model": distribution("states", "opponent_actions")}


def joint(
    arithmetic: Arithmetic, table: Numbers, law: Numbers, prior: Numbers, ratio: Numbers
) -> Numbers:
    """(44) with (43): P(s, b, O^-i=1)."""
    return law[:, None] * prior * arithmetic.exp(ratio * table)


def apart(
    arithmetic: Arithmetic,
    table: Numbers,
    law: Numbers,
    prior: Numbers,
    ratio: Numbers,
    model: Numbers,
) -> Numbers:
    """KL(q ‖ P(s, b, O^-i=1)/P(O^-i=1)) over pairs (s, b)."""
    target = joint(arithmetic, table, law, prior, ratio)
    target = target / target.sum(axis=(0, 1))
    return divergence(law[:, None] * model, target, 1, arithmetic).sum(axis=0)


# -- (43)-(45) -------------------------------------------------------------------------------------


def ranks(
    arithmetic: Arithmetic, reward: Numbers, beta_agent: Numbers, beta_opponent: Numbers
) -> Numbers:
    """(x_1 − x_2)(r_1 − r_2) for b = 1, 2: x of (42) and the reward r = E_π[R(·,b)] it brings."""
    game = Play.stage(arithmetic, reward, beta_agent, beta_opponent).game
    soft = game.agent_soft(game.u)[0]
    mean = (game.agent_tilt(game.u) * game.u).sum(axis=1)[0]
    return (soft[0] - soft[1]) * (mean[0] - mean[1])


row(
    "report.043.cost.added",
    "refuted",
    "report (43)",
    r"\beta^i, \beta^{-i} > 0: \ Q^i(s, a^{-i}) \text{ ranks the opponent's actions as the reward "
    r"} E_\pi R(\cdot, a^{-i}) \text{ that they bring}",
    "The opponent of (43) values the agent's soft value, divergence from the agent's prior "
    "included: it shares (or fights) the agent's effort as well as R. Against R = (1, 0) the agent "
    "earns more and pays for it, against a constant 13/20 it earns less for nothing.",
    stage_scope(PLUS, PLUS),
    Counterexample(
        ranks, {"reward": [[1, "13/20"], [0, "13/20"]], "beta_agent": 1, "beta_opponent": 1}
    ),
)


def prove_chain() -> Proof:
    law, prior, optimal = (positive(n) for n in ("P", "p", "o"))
    return prove_zero(
        optimal * law * prior - law * prior * optimal, "the chain rule, factor by factor"
    )


def mass(arithmetic: Arithmetic, law: Numbers, model: Numbers) -> Sides:
    """Σ q(s, b), against 1."""
    return sides((law[:, None] * model).sum(axis=(0, 1)), arithmetic.number(1))


def prove_mass() -> Proof:
    law, one, rest = (positive(n) for n in ("P", "rho", "rest"))
    total = one + rest
    return prove_zero(
        law * one / total + law * rest / total - law, "b, then s, each against the rest"
    )


row(
    "report.044.printed",
    "proved",
    "report (44); report A.5.2",
    r"P(s, a^{-i}, O^{-i}=1) = P(O^{-i}=1|s, a^{-i})\,P(s)\,P_{\mathrm{prior}}(a^{-i}|s)",
    "The chain rule, for (43) as corrected. It is what is approximated, not what is optimised.",
    scope(states=">= 1", opponent_actions=">= 1"),
    Symbolic(prove_chain),
)
row(
    "report.045.printed",
    "proved",
    "report (45); report A.5.2",
    r"\textstyle\sum_{s, a^{-i}} P(s)\,\rho(a^{-i}|s) = 1",
    "A law of one pair (s, a^-i), with one and the same P(s) as in (44).",
    scope(states=">= 1", opponent_actions=">= 1"),
    Symbolic(prove_mass),
    sample(mass, {"law": FIELDS["law"], **MODEL}, "== 0", sizes=SIZES),
)

# -- A.5.2 -----------------------------------------------------------------------------------------


def step_printed(
    arithmetic: Arithmetic,
    table: Numbers,
    law: Numbers,
    prior: Numbers,
    ratio: Numbers,
    model: Numbers,
) -> Sides:
    """KL over pairs, and Σ_s KL(ρ(·|s) ‖ (46)): the second line without E_P(s)."""
    inner = divergence(model, tilt(table, prior, ratio, 1, arithmetic), 1, arithmetic)
    return sides(apart(arithmetic, table, law, prior, ratio, model), inner.sum(axis=0))


def step_expected(
    arithmetic: Arithmetic,
    table: Numbers,
    law: Numbers,
    prior: Numbers,
    ratio: Numbers,
    model: Numbers,
) -> Sides:
    """The same with E_P(s)."""
    inner = divergence(model, tilt(table, prior, ratio, 1, arithmetic), 1, arithmetic)
    return sides(apart(arithmetic, table, law, prior, ratio, model), (law * inner).sum(axis=0))


def step(
    arithmetic: Arithmetic,
    table: Numbers,
    law: Numbers,
    prior: Numbers,
    ratio: Numbers,
    model: Numbers,
) -> Sides:
    """KL over pairs, and E_P(s) KL(ρ ‖ (46)) + KL(P(s) ‖ P(s|O^-i=1))."""
    left = step_expected(arithmetic, table, law, prior, ratio, model)
    weight = law * arithmetic.exp(ratio * free_energy(table, prior, ratio, 1, arithmetic))
    states = divergence(law, weight / weight.sum(axis=0), 0, arithmetic)
    return sides(left.left, left.right + states)


def prove_step() -> Proof:
    law, prior, t, model, z, total = (positive(n) for n in ("P", "p", "t", "rho", "Z", "T"))
    log = sympy.log
    whole = log(law * model / (law * prior * t / total))
    inner, states = log(model / (prior * t / z)), log(law / (law * z / total))
    return prove_zero(whole - inner - states, "for each (s, b): Z = exp V^-i(s), T = P(O^-i=1)")


ALL = {**FIELDS, **MODEL}
TWO_ACTIONS = {"table": [[0, 0]], "law": [1], "prior": [["1/2", "1/2"]], "ratio": 1}
row(
    "report.A.5.2.expectation.printed",
    "refuted",
    "report A.5.2",
    r"D_{KL}(q(s, a^{-i}) \| P(s, a^{-i}|O^{-i}=1)) = D_{KL}(\rho(\cdot|s) \| \text{(46)})",
    "A number on the left, a function of s on the right: E_P(s) is missing. Two equally likely "
    "states, each with the same divergence: one of them against their sum.",
    PAIRS,
    Counterexample(
        step_printed,
        {
            "table": [[0, 0], [0, 0]],
            "law": ["1/2", "1/2"],
            "prior": [["1/2", "1/2"], ["1/2", "1/2"]],
            "ratio": 1,
            "model": [["1/4", "3/4"], ["1/4", "3/4"]],
        },
        "== 0",
    ),
)
row(
    "report.A.5.2.states.printed",
    "refuted",
    "report A.5.2",
    r"D_{KL}(q(s, a^{-i}) \| P(s, a^{-i}|O^{-i}=1)) = E_{P(s)} D_{KL}(\rho(\cdot|s) \| "
    r"\text{(46)})",
    "With E_P(s) the line is still false: q keeps P(s), the posterior prefers states where the "
    "opponent does well. One action, κQ^i = 0 and 1 in two states: more than 0 against 0.",
    PAIRS,
    Counterexample(
        step_expected,
        {
            "table": [[0], [1]],
            "law": ["1/2", "1/2"],
            "prior": [[1], [1]],
            "ratio": 1,
            "model": [[1], [1]],
        },
        "== 0",
    ),
)
row(
    "report.A.5.2.corrected",
    "proved",
    "report A.5.2",
    r"D_{KL}(q \| P(s, a^{-i}|O^{-i}=1)) = E_{P(s)} D_{KL}(\rho(\cdot|s) \| \text{(46)}) + "
    r"D_{KL}(P(s) \| P(s|O^{-i}=1))",
    "The second term does not depend on ρ, so the minimiser is not touched by the two omissions.",
    PAIRS,
    Symbolic(prove_step),
    sample(step, ALL, "== 0", sizes=SIZES),
    assumes=("ρ ≪ P_prior",),
)


def inside_mass(
    arithmetic: Arithmetic, table: Numbers, law: Numbers, prior: Numbers, ratio: Numbers
) -> Sides:
    """Σ_b exp(κQ^i P_prior) / exp V^-i, against 1."""
    normaliser = arithmetic.exp(ratio * free_energy(table, prior, ratio, 1, arithmetic))
    weights = arithmetic.exp(ratio * table * prior)
    return sides(weights.sum(axis=1) / normaliser, arithmetic.number(1))


def divided_mass(
    arithmetic: Arithmetic, table: Numbers, law: Numbers, prior: Numbers, ratio: Numbers
) -> Sides:
    """Σ_b exp(κQ^i) P_prior, and V^-i."""
    weights = (prior * arithmetic.exp(ratio * table)).sum(axis=1)
    return sides(weights, ratio * free_energy(table, prior, ratio, 1, arithmetic))


row(
    "report.A.5.2.inside.printed",
    "refuted",
    "report A.5.2",
    r"\rho = \exp\left(\kappa Q^i(s, a^{-i})\,P_{\mathrm{prior}}(a^{-i}|s)\right)/\exp V^{-i}(s) "
    r"\text{ is a policy}",
    "Its brackets put the prior inside the exponential; (46) has it outside. Q^i = 0, two "
    "actions: the “policy” sums to 2.",
    PAIRS,
    Counterexample(inside_mass, TWO_ACTIONS, "== 0"),
)
row(
    "report.A.5.2.normaliser.printed",
    "refuted",
    "report A.5.2",
    r"V^{-i}(s) \text{ is the normaliser: } \textstyle\sum_{a^{-i}} P_{\mathrm{prior}} "
    r"\exp(\kappa Q^i) = V^{-i}(s)",
    "A.5.2 divides by V^-i and calls it the normalising factor; (46) divides by exp V^-i. With "
    "V^-i of (46): Q^i = 0 gives 1 against 0.",
    PAIRS,
    Counterexample(divided_mass, TWO_ACTIONS, "== 0"),
)


def model_mass(
    arithmetic: Arithmetic, table: Numbers, law: Numbers, prior: Numbers, ratio: Numbers
) -> Sides:
    """Σ_b P_prior exp(κQ^i) / exp V^-i, against 1."""
    weights = prior * arithmetic.exp(ratio * table)
    value = arithmetic.exp(ratio * free_energy(table, prior, ratio, 1, arithmetic))
    return sides((weights / value[:, None]).sum(axis=1), arithmetic.number(1))


def prove_model_mass() -> Proof:
    weight, rest = positive("w"), positive("rest")
    value = sympy.exp(sympy.log(weight + rest))
    return prove_zero(weight / value + rest / value - 1, "each action against all others")


row(
    "report.A.5.2.normaliser.corrected",
    "proved",
    "report A.5.2; report (46)",
    r"\textstyle\sum_{a^{-i}} P_{\mathrm{prior}}(a^{-i}|s) \exp(\kappa Q^i(s, a^{-i})) / \exp "
    r"V^{-i}(s) = 1",
    "The prior outside, exp V^-i below: (46).",
    PAIRS,
    Symbolic(prove_model_mass),
    sample(model_mass, FIELDS, "== 0", sizes=SIZES),
)
