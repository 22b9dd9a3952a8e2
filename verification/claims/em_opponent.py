"""The opponent's graph of the generalised EM: report (98)-(101), C.2.2.

    P(s,a,b,O^-i=1,O^i=1) = U P(b|s) P(a|b,s,O^i=1) P(O^i=1) P(O^-i=1|O^i=1,b,s)             (98)
    exp Q^-i(s,b) = Σ_a π(a|b,s) exp Q^-i(s,a,b)                                            (99)
    P(b|s,O^-i=1,O^i=1) ∝ P(b|s) exp Q^-i(s,b)                                 (100), corrected

(98) holds where O^i is a root that a sees (figure 9). Where (s, a, b) cause O^i, P(O^i=1) must be
P(O^i=1|s,b), and (100) gains that factor. Shapes as in ``_em_general``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    distribution,
    number,
    positive,
    prove_nonnegative,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, kl, tilt
from tabular_marl.verification.claims._em import DUALITY, GIBBS, STATES, mean, tables
from tabular_marl.verification.claims._em_general import chance_fields, conditional, prior_law
from tabular_marl.verification.claims._rommeo import laid, log_ratio
from tabular_marl.verification.claims._rommeo_rows import sample
from tabular_marl.verification.claims._rows import row

# -- (98) ------------------------------------------------------------------------------------------


def prove_root() -> Proof:
    u, pi, nu, m, h = (positive(name) for name in ["U", "pi", "nu", "m", "h"])
    return prove_zero((m * u * nu * pi) / m * m * h - u * nu * pi * m * h, "the chain rule")


row(
    "report.098.graph.printed",
    "proved",
    "report (98)",
    r"P(s, a, b, O^{-i} = 1, O^i = 1) = U(s) P(b|s) P(a|b, s, O^i = 1) P(O^i = 1) P(O^{-i} = "
    r"1|O^i = 1, b, s)",
    "With O^i a root that a sees and b does not (figure 9). The text before it sets out to infer "
    "the optimal agent model; what follows is the opponent's.",
    STATES,
    Symbolic(prove_root),
    assumes=("O^i is independent of s and b", "O^-i is independent of a given s, b, O^i"),
)


def caused(arithmetic: Arithmetic, g: Numbers, h: Numbers, **priors: Numbers) -> Any:
    """The joint law where (s, a, b) cause O^i with chance g and (s, b) cause O^-i; and (98)."""
    game, law = prior_law(arithmetic, g, **priors)
    policy, chance = conditional(game.agent_prior * g, 1)
    total = mean((game.opponent_prior * chance).sum(axis=1))
    printed = policy * game.opponent_prior[:, None] * total * h[:, None] / len(g)
    return sides(law * g * h[:, None], printed)


def caused_corrected(arithmetic: Arithmetic, g: Numbers, h: Numbers, **priors: Numbers) -> Any:
    """The same with P(O^i=1|s,b) in place of P(O^i=1)."""
    game, law = prior_law(arithmetic, g, **priors)
    policy, chance = conditional(game.agent_prior * g, 1)
    right = policy * (game.opponent_prior * chance * h)[:, None] / len(g)
    return sides(law * g * h[:, None], right)


def prove_caused() -> Proof:
    u, mu, nu, g, h, total = (positive(name) for name in ["U", "mu", "nu", "g", "h", "m"])
    what = "m(s,b) = Σ_a μ g = P(O^i=1|s,b)"
    return prove_zero(u * mu * nu * g * h - u * nu * total * (mu * g / total) * h, what)


TWO_ANSWERS = {"g": [[[1, "1/2"]]], "h": [[1, 1]]}
row(
    "report.098.caused.printed",
    "refuted",
    "report (98)",
    r"O^i \text{ caused by } (s, a, b): \ P(s, a, b, O^{-i} = 1, O^i = 1) = U(s) P(b|s) P(a|b, s, "
    r"O^i = 1) P(O^i = 1) \cdots",
    "By (87) O^i is caused by state and actions. Then O^i = 1 is evidence about b (and s): P(b|s, "
    "O^i = 1) is not P(b|s). Answers with P(O^i=1|b) = 1, 1/2: 1/2 against 3/8.",
    STATES,
    Counterexample(caused, TWO_ANSWERS, "== 0"),
)
row(
    "report.098.caused.corrected",
    "proved",
    "report (98)",
    r"O^i \text{ caused by } (s, a, b): \ \cdots = U(s) P(b|s) P(O^i = 1|s, b) P(a|b, s, O^i = 1) "
    r"P(O^{-i} = 1|O^i = 1, b, s)",
    "P(O^i = 1|s, b) = exp Q^i(s, b) up to a constant.",
    STATES,
    Symbolic(prove_caused),
    sample(caused_corrected, chance_fields(), "== 0"),
)


def two_graphs(arithmetic: Arithmetic, g: Numbers, h: Numbers, **priors: Numbers) -> Any:
    """(94) and (98), each normalised, with one pair of chances g, h and its own conditionals."""
    game, _ = prior_law(arithmetic, g, **priors)
    answer, _ = conditional(game.opponent_prior * h, 1)
    policy, _ = conditional(game.agent_prior * g, 1)
    agents = game.agent_prior * answer[:, None] * g
    models = policy * (game.opponent_prior * h)[:, None]
    return sides(agents / agents.sum(axis=(0, 1, 2)), models / models.sum(axis=(0, 1, 2)))


row(
    "report.098.one-model.added",
    "refuted",
    "report (94); report (98)",
    r"\text{(94) and (98) are one law } P(s, a, b|O^i = 1, O^{-i} = 1)",
    "In (94) O^-i is a parent of b and the agent's optimality selects; in (98) O^i is a parent of "
    "a "
    "and the opponent's selects. They differ by P(O^i=1|s,b)/P(O^-i=1|s): the two bounds (97), "
    "(101) belong to two models.",
    STATES,
    Counterexample(two_graphs, TWO_ANSWERS, "== 0"),
)

# -- (99) ------------------------------------------------------------------------------------------


def soft_answer(arithmetic: Arithmetic, w: Numbers, policy: Numbers) -> Numbers:
    """Q^-i(s,b) of (99): w = Q^-i [S, A, B], policy π [S, A, B]."""
    return free_energy(w, policy, 1, 1, arithmetic)


def room(arithmetic: Arithmetic, w: Numbers, agent: Numbers) -> Numbers:
    """1 − ∫ π exp Q^-i."""
    total = (laid(agent) * arithmetic.exp(w)).sum(axis=1)
    return arithmetic.number(1) - total


def room_below_top(arithmetic: Arithmetic, w: Numbers, agent: Numbers) -> Numbers:
    """1 − c ∫ π exp Q^-i, log c = −max Q^-i."""
    return room(arithmetic, w - arithmetic.maximum(w), agent)


def prove_room() -> list[Proof]:
    p, t, more = positive("p"), positive("t"), positive("d")
    return [prove_nonnegative(p - p * t / (t + more), "π − π exp Q/max exp Q >= 0, each a")]


OPPONENT = {
    "w": array("states", "actions", "opponent_actions"),
    "agent": distribution("states", "opponent_actions", "actions"),
}
row(
    "report.099.printed",
    "refuted",
    "report (99)",
    r"P(O^{-i} = 1|O^i = 1, b, s) = \int \pi_\theta(a|b, s) \exp Q^{-i}(s, a, b)\, \mathrm{d}a",
    "With an equality sign it is a probability only if exp Q^-i(s, b) <= 1. (Printed with Q_ω for "
    "the opponent's Q_ψ.)",
    STATES,
    Counterexample(room, {"w": [[[1]]], "agent": [[[1]]]}),
)
row(
    "report.099.corrected",
    "proved",
    "report (99)",
    r"P(O^{-i} = 1|O^i = 1, b, s) = c \int \pi_\theta \exp Q^{-i}\, \mathrm{d}a = c\, \exp "
    r"Q^{-i}(s, b), \quad c \le e^{-\max Q^{-i}}",
    "Proportional, as (87) and (95): the chance c exp Q^-i(s, a, b) averaged over the agent's "
    'policy; Q^-i(s, b) is the free energy with prior π_θ, the "exponential soft-max".',
    STATES,
    Symbolic(prove_room),
    sample(room_below_top, OPPONENT),
    assumes=("Q^-i bounded above",),
)


def optimism(arithmetic: Arithmetic, w: Numbers, agent: Numbers) -> Any:
    """Q^-i(s,b) against E_π Q^-i(s,a,b)."""
    pi = laid(agent)
    return sides(soft_answer(arithmetic, w, pi), (pi * w).sum(axis=1))


def expected_reply(arithmetic: Arithmetic, w: Numbers) -> Any:
    """tilt of Q^-i(s,b), and tilt of E_π Q^-i; uniform π and prior."""
    pi = tables(arithmetic, w).agent_prior
    soft = tilt(soft_answer(arithmetic, w, pi), None, 1, 1, arithmetic)
    return sides(soft, tilt((pi * w).sum(axis=1), None, 1, 1, arithmetic))


row(
    "report.099.optimistic.added",
    "proved",
    "report (99)",
    r"Q^{-i}(s, b) \ge E_{\pi_\theta}[Q^{-i}(s, a, b)]",
    "The opponent values an answer by more than what the agent's policy gives: as if the agent's "
    "randomness could be bent in its favour, at a price.",
    STATES,
    Deduction((DUALITY, GIBBS), "substitution of equals", "F − E_π x = KL(π ‖ tilt) at q = p = π"),
    sample(optimism, OPPONENT),
)
row(
    "report.099.best-reply.added",
    "refuted",
    "report (99); report (100)",
    r"\rho_{(100)} \text{ is the soft best reply to } \pi_\theta: \ \rho \propto P(b|s) \exp "
    r"E_{\pi_\theta}[Q^{-i}(s, a, b)]",
    "It prefers the risky answer: 2 or 0 by a fair coin over 1 for sure.",
    STATES,
    Counterexample(expected_reply, {"w": [[[2, 1], [0, 1]]]}, "== 0"),
)

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


MODEL = {
    **OPPONENT,
    "opponent_prior": distribution("states", "opponent_actions"),
    "chance": number("1/8", 1),
}


def one_cell(arithmetic: Arithmetic, chance: Numbers, on: Numbers, off: Numbers) -> Any:
    """P(O^-i=1), and ∫ P(O^-i=1|O^i=1) P(O^i=1) dO^i over both values of O^i; S = A = B = 1."""
    return sides(chance * on + (1 - chance) * off, chance * on + chance * on)


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

# -- (101) -----------------------------------------------------------------------------------------


def models_bound(
    arithmetic: Arithmetic, soft: Numbers, opponent: Numbers, opponent_prior: Numbers
) -> Numbers:
    """E_U[E_ρ Q^-i(s,b) − KL(ρ ‖ ν)]; soft = Q^-i [S, B]."""
    cost = kl(opponent, opponent_prior, 1, arithmetic)
    return mean((opponent * soft).sum(axis=1) - cost)


def q_mass(arithmetic: Arithmetic, chance: Numbers) -> Any:
    """Σ_{s,a,b} U ρ P*(a|b,s,O^i=1) P(O^i=1), and one."""
    return sides(chance, arithmetic.number(1))


def one_divergence(arithmetic: Arithmetic, soft: Numbers, opponent: Numbers) -> Any:
    """L^-i, and E_q[Q^-i] − KL(ρ ‖ ν) at the first state; uniform prior."""
    prior = 0 * opponent + arithmetic.number(1) / len(opponent[0])
    reward = mean((opponent * soft).sum(axis=1))
    cost = kl(opponent[0], prior[0], 0, arithmetic)
    return sides(models_bound(arithmetic, soft, opponent, prior), reward - cost)


def models_elbo(
    arithmetic: Arithmetic,
    w: Numbers,
    agent: Numbers,
    opponent: Numbers,
    opponent_prior: Numbers,
    chance: Numbers,
) -> Any:
    """∫ q log(P(x, O^-i=1, O^i=1)/q) with the printed q of mass P(O^i=1); P(O^i=1) L^-i."""
    pi = laid(agent)
    soft = soft_answer(arithmetic, w, pi)
    here = chance * pi * opponent[:, None] / len(w)
    law = chance * pi * (opponent_prior * arithmetic.exp(soft))[:, None] / len(w)
    left = -(here * log_ratio(here, law, arithmetic)).sum(axis=(0, 1, 2))
    return sides(left, chance * models_bound(arithmetic, soft, opponent, opponent_prior))


def prove_models_elbo() -> Proof:
    import sympy

    Q, lrho, lnu, common = sympy.symbols("Q logrho lognu logUPm")
    whole = (common + lnu + Q) - (common + lrho)
    return prove_zero(whole - (Q - (lrho - lnu)), "U, P*(a|b,s,O^i=1) and P(O^i=1) cancel")


def models_gap(
    arithmetic: Arithmetic, soft: Numbers, opponent: Numbers, opponent_prior: Numbers
) -> Numbers:
    """[log E_U Σ_b ν exp Q^-i − L^-i, L^-i at (100) − L^-i]."""
    here = models_bound(arithmetic, soft, opponent, opponent_prior)
    value = free_energy(soft, opponent_prior, 1, 1, arithmetic)
    best = tilt(soft, opponent_prior, 1, 1, arithmetic)
    top = models_bound(arithmetic, soft, best, opponent_prior)
    return np.stack([free_energy(value, None, 1, 0, arithmetic) - here, top - here])


def models_rise(arithmetic: Arithmetic, soft: Numbers) -> Numbers:
    """L^-i before the E step minus L^-i after it; from the uniform prior."""
    prior = 0 * soft + arithmetic.number(1) / len(soft[0])
    after = tilt(soft, prior, 1, 1, arithmetic)
    before = models_bound(arithmetic, soft, prior, prior)
    return before - models_bound(arithmetic, soft, after, prior)


SOFT = {
    "soft": array("states", "opponent_actions"),
    "opponent": distribution("states", "opponent_actions"),
    "opponent_prior": distribution("states", "opponent_actions"),
}
row(
    "report.101.family.printed",
    "refuted",
    "report (101)",
    r"q(s, a, b, O^i = 1) = U \rho_\phi P^*(a|b, s, O^i = 1) P(O^i = 1) \text{ is a distribution}",
    "Its mass is P(O^i = 1).",
    STATES,
    Counterexample(q_mass, {"chance": "1/2"}, "== 0"),
)
row(
    "report.101.expectation.printed",
    "refuted",
    "report (101)",
    r"L^{-i} = E_q[Q^{-i}(s, b)] - D_{KL}(\rho(\cdot|s) \| P_{\mathrm{prior}}(\cdot|s)) \text{ at "
    r"any } "
    r"s",
    "The expectation over s is missing: one state sure, the other uniform.",
    STATES,
    Counterexample(
        one_divergence, {"soft": [[0, 0], [0, 0]], "opponent": [[1, 0], ["1/2", "1/2"]]}, "== 0"
    ),
)
row(
    "report.101.corrected",
    "proved",
    "report (101)",
    r"\int q \log \frac{P(s, a, b, O^{-i} = 1, O^i = 1)}{q} = P(O^i = 1)\, L^{-i},\quad L^{-i} = "
    r"E_U\big[E_\rho Q^{-i}(s, b) - D_{KL}(\rho \| P_{\mathrm{prior}})\big]",
    "In the graph of figure 9, with P* the conditional of the model itself; L^-i for the "
    "normalised q.",
    STATES,
    Symbolic(prove_models_elbo),
    sample(
        models_elbo,
        {**MODEL, "opponent": distribution("states", "opponent_actions")},
        "== 0",
    ),
)
row(
    "report.101.e-step.added",
    "proved",
    "report (100); report (101)",
    r"\arg\max_\phi L^{-i} = \rho_{(100)},\quad L^{-i} \le \log P(O^{-i} = 1|O^i = 1)",
    "Tight at (100) for one state.",
    STATES,
    Deduction(
        ("free-energy.variational.maximum", "report.101.corrected", GIBBS),
        "substitution of equals",
        "state by state with β = 1; E_U V <= log E_U e^V over the states",
    ),
    sample(models_gap, SOFT),
)
row(
    "report.101.descent.printed",
    "refuted",
    "report (101)",
    r"\text{the steps on } L^{-i} \text{ are coordinate descent: } L^{-i}(\phi_{t+1}, \psi) \le "
    r"L^{-i}(\phi_t, \psi)",
    "A word: (102) maximises, so it is ascent.",
    STATES,
    Counterexample(models_rise, {"soft": [[1, 0]]}),
)
