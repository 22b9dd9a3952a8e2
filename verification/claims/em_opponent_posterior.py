"""The opponent's posterior: report (100), C.2.2.

    P(b|s,O^-i=1,O^i=1) ∝ P(b|s) exp Q^-i(s,b)                                 (100), corrected

in the graph of (98); where (s, a, b) cause O^i it gains the factor P(O^i=1|s,b). Shapes as in
``_em_general``.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    positive,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, tilt
from tabular_marl.verification.claims._em import STATES
from tabular_marl.verification.claims._em_general import (
    MODEL,
    TWO_ANSWERS,
    chance_fields,
    conditional,
    one_cell,
    prior_law,
    soft_answer,
)
from tabular_marl.verification.claims._rommeo import laid
from tabular_marl.verification.claims._rommeo_rows import sample
from tabular_marl.verification.claims._rows import row

# -- (100), C.2.2 ----------------------------------------------------------------------------------


def posterior_over_b(
    arithmetic: Arithmetic, w: Numbers, agent: Numbers, opponent_prior: Numbers, chance: Numbers
) -> Any:
    """P(b|s,O^-i=1,O^i=1) from (98), where (s, b) cause O^-i; and (100) with exp."""
    pi = laid(agent)
    soft = soft_answer(arithmetic, w, pi)
    law = chance * pi * (opponent_prior * arithmetic.exp(soft))[:, None] / len(w)
    over_b = law.sum(axis=1)
    left = over_b / over_b.sum(axis=1, keepdims=True)
    return sides(left, tilt(soft, opponent_prior, 1, 1, arithmetic))


def posterior_by_action(
    arithmetic: Arithmetic, w: Numbers, agent: Numbers, opponent_prior: Numbers, chance: Numbers
) -> Any:
    """The same where (s, a, b) cause O^-i with chance exp Q^-i(s,a,b)."""
    pi = laid(agent)
    law = chance * pi * opponent_prior[:, None] * arithmetic.exp(w) / len(w)
    over_b = law.sum(axis=1)
    soft = soft_answer(arithmetic, w, pi)
    left = over_b / over_b.sum(axis=1, keepdims=True)
    return sides(left, tilt(soft, opponent_prior, 1, 1, arithmetic))


def without_exp(arithmetic: Arithmetic, w: Numbers, agent: Numbers) -> Any:
    """Σ_b of (100) as printed, and one; uniform prior."""
    soft = soft_answer(arithmetic, w, laid(agent))
    share = soft / arithmetic.exp(soft).sum(axis=1, keepdims=True)
    return sides(share.sum(axis=1), arithmetic.number(1))


def prove_posterior() -> list[Proof]:
    u, nu, m, t, z, rest = (positive(name) for name in ["U", "nu", "m", "t", "Z", "S"])
    p = positive("p")
    return [
        prove_zero(t * nu * (p + (1 - p)) - t * nu, "∫ P(a|b,s,O^i=1) da = 1: a leaves"),
        prove_zero(
            (u * m * nu * t / z) / (u * m * (rest + nu * t) / z) - nu * t / (rest + nu * t),
            "1/Z, U and P(O^i=1) cancel",
        ),
    ]


def prove_posterior_by_action() -> Proof:
    nu, p, t, soft = (positive(name) for name in ["nu", "p", "t", "E"])
    return prove_zero(
        nu * (soft - p * t) + nu * p * t - nu * soft, "Σ_a π exp Q^-i = exp Q^-i(s,b)"
    )


row(
    "report.C.2.2.joint.step1.printed",
    "proved",
    "report C.2.2",
    r"P(a, s, b, O^i = 1|O^{-i} = 1) = P(O^{-i} = 1|a, s, b, O^i = 1) P(a, s, b, O^i = 1) / "
    r"P(O^{-i} = 1)",
    "Bayes' rule.",
    STATES,
    Deduction(("report.C.1.1.joint.step1.printed",), "special case", "with O^i = 1 in the event"),
)
row(
    "report.C.2.2.joint.step2.printed",
    "refuted",
    "report C.2.2",
    r"P(O^{-i} = 1) = \int P(O^{-i} = 1|\cdot, O^i = 1) \cdots P(O^i = 1)\, \mathrm{d}s\, "
    r"\mathrm{d}a\, \mathrm{d}b\, \mathrm{d}O^i",
    "As in C.2.1: the integrand stays at O^i = 1 while O^i is integrated. It cancels in (100).",
    STATES,
    Counterexample(one_cell, {"chance": "1/2", "on": 1, "off": 0}, "== 0"),
)


def action_matters(arithmetic: Arithmetic, w: Numbers) -> Any:
    """P(O^-i=1|s,a,b) ∝ exp Q^-i(s,a,b) at a, and its mean over a; uniform π."""
    chance = arithmetic.exp(w - arithmetic.maximum(w))
    return sides(chance, (chance.sum(axis=1) / len(w[0]))[:, None] + 0 * chance)


row(
    "report.C.2.2.joint.step3.printed",
    "refuted",
    "report C.2.2; report (99)",
    r"P(O^{-i} = 1|a, s, b, O^i = 1) = P(O^{-i} = 1|s, b, O^i = 1)",
    '"The optimality of the opponent model will not be dependent of the agent\'s action": by (99) '
    "it is an average over a of chances that do depend on a.",
    STATES,
    Counterexample(action_matters, {"w": [[[1], [0]]]}, "== 0"),
)
row(
    "report.C.2.2.joint.step3.graph.printed",
    "proved",
    "report C.2.2; report (98)",
    r"\text{in the graph of (98): } P(O^{-i} = 1|a, s, b, O^i = 1) = P(O^{-i} = 1|s, b, O^i = 1)",
    "There it is assumed: O^-i has no arrow from a, and (99) defines its chance.",
    STATES,
    Deduction(
        ("report.098.graph.printed",),
        "special case",
        "divide (98) by P(s, a, b, O^i = 1) = U P(b|s) P(a|b, s, O^i=1) P(O^i=1)",
    ),
)
row(
    "report.C.2.2.joint.corrected",
    "proved",
    "report C.2.2; report (100)",
    r"P(O^{-i} = 1|s, a, b) \propto e^{Q^{-i}(s, a, b)}: \ P(b|s, O^{-i} = 1, O^i = 1) \propto "
    r"P(b|s) \textstyle\sum_a \pi e^{Q^{-i}(s, a, b)}",
    "Without the third equality: a leaves by summation, and the law of b is the same.",
    STATES,
    Symbolic(prove_posterior_by_action),
    sample(posterior_by_action, MODEL, "== 0"),
)
POLICY_LINES = {
    "joint.step4": (
        r"\cdots = \exp(Q^{-i}(s, b)) U P(b|s) P(a|b, s, O^i = 1) P(O^i = 1) / Z",
        "(99) put in, Z for the denominator.",
    ),
    "policy.step1": (
        r"P(b|s, O^{-i}, O^i) = \textstyle\int P(a, s, b, \cdot)\, \mathrm{d}a / \int P(a, s, b, "
        r"\cdot)\, \mathrm{d}a\, \mathrm{d}b",
        "The product rule.",
    ),
    "policy.step2": (
        r"\cdots = \tfrac1Z \textstyle\int e^{Q^{-i}(s, b)} U P(b|s) P(a|\cdot) P(O^i)\, "
        r"\mathrm{d}a / "
        r"\tfrac1Z \int \cdots\, \mathrm{d}a\, \mathrm{d}b",
        "1/Z cancels, whatever it was.",
    ),
    "policy.step3": (r"\cdots: \ U(s) \text{ and } P(O^i = 1) \text{ come out and cancel}", ""),
    "policy.step4": (
        r"\cdots: \ e^{Q^{-i}(s, b)} P(b|s) \text{ comes out of } \textstyle\int P(a|b, s, O^i = "
        r"1)\, "
        r"\mathrm{d}a = 1",
        "",
    ),
}
for name, (statement, note) in POLICY_LINES.items():
    row(
        f"report.C.2.2.{name}.printed",
        "proved",
        "report C.2.2",
        statement,
        note,
        STATES,
        Symbolic(prove_posterior),
        sample(posterior_over_b, MODEL, "== 0"),
    )
row(
    "report.100.printed",
    "refuted",
    "report (100); report C.2.2",
    r"P(b|s, O^{-i} = 1, O^i = 1) = Q^{-i}(s, b) P(b|s) / \textstyle\int \exp(Q^{-i}(s, b)) "
    r"P(b|s)\, "
    r"\mathrm{d}b",
    "exp is missing above the line, in (100) and in the last line of C.2.2. Q = 0: mass 0.",
    STATES,
    Counterexample(without_exp, {"w": [[[0]]], "agent": [[[1]]]}, "== 0"),
)
row(
    "report.100.corrected",
    "proved",
    "report (100); report C.2.2",
    r"P(b|s, O^{-i} = 1, O^i = 1) = \exp(Q^{-i}(s, b)) P(b|s) / \textstyle\int \exp(Q^{-i}(s, b)) "
    r"P(b|s)\, \mathrm{d}b",
    "In the graph of figure 9.",
    STATES,
    Deduction(
        tuple(f"report.C.2.2.{name}.printed" for name in POLICY_LINES),
        "substitution of equals",
        "the lines of C.2.2 with exp kept",
    ),
    sample(posterior_over_b, MODEL, "== 0"),
    assumes=("O^i is a root",),
)


def caused_posterior(arithmetic: Arithmetic, g: Numbers, h: Numbers, **priors: Numbers) -> Any:
    """P(b|s,O^-i=1,O^i=1) where actions cause O^i, and P(b|s) h/Σ (100)."""
    game, law = prior_law(arithmetic, g, **priors)
    over_b = (law * g).sum(axis=1) * h
    right, _ = conditional(game.opponent_prior * h, 1)
    return sides(over_b / over_b.sum(axis=1, keepdims=True), right)


def caused_posterior_corrected(
    arithmetic: Arithmetic, g: Numbers, h: Numbers, **priors: Numbers
) -> Any:
    """The same, and P(b|s) P(O^i=1|s,b) h/Σ."""
    game, _ = prior_law(arithmetic, g, **priors)
    left = caused_posterior(arithmetic, g, h, **priors).left
    right, _ = conditional(game.opponent_prior * (game.agent_prior * g).sum(axis=1) * h, 1)
    return sides(left, right)


def prove_caused_posterior() -> Proof:
    u, nu, m, h, rest = (positive(name) for name in ["U", "nu", "m", "h", "S"])
    left = u * nu * m * h / (u * (rest + nu * m * h))
    return prove_zero(left - nu * m * h / (rest + nu * m * h), "Σ_a μ g = m(s,b); U cancels")


row(
    "report.100.caused.printed",
    "refuted",
    "report (100); report (98)",
    r"O^i \text{ caused by } (s, a, b): \ P(b|s, O^{-i} = 1, O^i = 1) \propto P(b|s) \exp "
    r"Q^{-i}(s, b)",
    "Conditioning on the agent's optimality as well makes the opponent model lean towards what is "
    "good for the agent.",
    STATES,
    Counterexample(caused_posterior, TWO_ANSWERS, "== 0"),
)
row(
    "report.100.caused.corrected",
    "proved",
    "report (100); report (98)",
    r"O^i \text{ caused by } (s, a, b): \ P(b|s, O^{-i} = 1, O^i = 1) \propto P(b|s) \exp(Q^i(s, "
    r"b) + "
    r"Q^{-i}(s, b))",
    "P(O^i=1|s,b) ∝ exp Q^i(s, b) enters.",
    STATES,
    Symbolic(prove_caused_posterior),
    sample(caused_posterior_corrected, chance_fields(), "== 0"),
)
