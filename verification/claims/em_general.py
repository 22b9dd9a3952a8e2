"""The agent's graph of the generalised EM: report (94)-(96), C.2.1.

    P(s,a,b,O^i=1,O^-i=1) = U(s) P(a|s,b) P(b|s,O^-i=1) P(O^-i=1) P(O^i=1|O^-i=1,s,a,b)      (94)

right where O^-i is a root of the graph (figure 8). Where (s, b) cause O^-i, as they do in the rest
of the report, P(O^-i=1) must be P(O^-i=1|s). (96) survives either reading: it conditions
on s and b. Shapes as in ``_em_general``.
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
    positive,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._em import (
    STATES,
    e_step,
    mean,
    table_fields,
    tables,
)
from tabular_marl.verification.claims._em_general import (
    CHANCE,
    chance_fields,
    conditional,
    one_cell,
    prior_law,
)
from tabular_marl.verification.claims._rommeo import laid
from tabular_marl.verification.claims._rommeo_rows import sample
from tabular_marl.verification.claims._rows import row

# -- (94) ------------------------------------------------------------------------------------------


def root_graph(
    arithmetic: Arithmetic, g: Numbers, answer: Numbers, chance: Numbers, agent_prior: Numbers
) -> Any:
    """P(s,a,b,O^-i=1) P(O^i=1|…) by Bayes from the graph where O^-i is a root, and (94).

    answer[0], answer[1] [S, B] are P(b|s,O^-i) for O^-i = 0, 1; chance = P(O^-i=1).
    """
    mu = laid(agent_prior)
    wide = [answer[k][:, None] * mu / len(mu) for k in (0, 1)]
    law = [(1 - chance) * wide[0], chance * wide[1]]
    on = law[1].sum(axis=(0, 1, 2))
    return sides(law[1] / on * on * g, wide[1] * chance * g)


def prove_root() -> Proof:
    u, mu, nu, m, g = (positive(name) for name in ["U", "mu", "nu", "m", "g"])
    return prove_zero((m * u * nu * mu) / m * m * g - u * mu * nu * m * g, "the chain rule")


row(
    "report.094.graph.printed",
    "proved",
    "report (94)",
    r"P(s, a, b, O^i = 1, O^{-i} = 1) = U(s)\, P(a|s, b)\, P(b|s, O^{-i} = 1)\, P(O^{-i} = 1)\, "
    r"P(O^i = 1|O^{-i} = 1, a, b, s)",
    "With O^-i a root, which b and O^i see (figure 8). Printed with s_t, O_t^-i beside s, O^-i and "
    "with P(O^-i) for P(O^-i = 1).",
    STATES,
    Symbolic(prove_root),
    sample(
        root_graph,
        {
            "g": array("states", "actions", "opponent_actions", **CHANCE),
            "answer": distribution(2, "states", "opponent_actions"),
            "chance": number("1/8", "7/8"),
            "agent_prior": distribution("states", "opponent_actions", "actions"),
        },
        "== 0",
    ),
    assumes=("O^-i is independent of s", "a is independent of O^-i given s, b"),
)


def caused(arithmetic: Arithmetic, g: Numbers, h: Numbers, **priors: Numbers) -> Any:
    """The joint law where (s, b) cause O^-i, and (94) with its conditional P(b|s,O^-i=1)."""
    game, law = prior_law(arithmetic, g, **priors)
    answer, chance = conditional(game.opponent_prior * h, 1)
    printed = game.agent_prior * answer[:, None] * mean(chance) * g / len(g)
    return sides(law * h[:, None] * g, printed)


def caused_by_state(arithmetic: Arithmetic, g: Numbers, h: Numbers, **priors: Numbers) -> Any:
    """The same with P(O^-i=1|s) in place of P(O^-i=1)."""
    game, law = prior_law(arithmetic, g, **priors)
    answer, chance = conditional(game.opponent_prior * h, 1)
    right = game.agent_prior * answer[:, None] * chance[:, None, None] * g / len(g)
    return sides(law * h[:, None] * g, right)


def caused_by_agent(arithmetic: Arithmetic, g: Numbers, h: Numbers, **priors: Numbers) -> Any:
    """The joint law where (s, a, b) cause O^-i (h [S, A, B]), and (94) with P(O^-i=1|s)."""
    game, law = prior_law(arithmetic, g, **priors)
    weights = game.opponent_prior * (game.agent_prior * h).sum(axis=1)
    answer, chance = conditional(weights, 1)
    right = game.agent_prior * answer[:, None] * chance[:, None, None] * g / len(g)
    return sides(law * h * g, right)


def prove_caused() -> Proof:
    u, mu, nu, h, g, total = (positive(name) for name in ["U", "mu", "nu", "h", "g", "m"])
    return prove_zero(
        u * mu * nu * h * g - u * mu * (nu * h / total) * total * g, "m(s) = Σ_b ν h = P(O^-i=1|s)"
    )


row(
    "report.094.state.printed",
    "refuted",
    "report (94)",
    r"O^{-i} \text{ caused by } (s, b): \ P(s, a, b, O^i = 1, O^{-i} = 1) = U(s) \cdots "
    r"P(O^{-i} = 1) \cdots",
    "Optimality is caused by state and actions in (3), (87), (99). Then O^-i = 1 is news about "
    "s: P(s|O^-i = 1) is not U(s). Two states with P(O^-i = 1|s) = 1, 1/2: 1/2 against 3/8.",
    STATES,
    Counterexample(caused, {"g": [[[1]], [[1]]], "h": [[1], ["1/2"]]}, "== 0"),
)
row(
    "report.094.agent-action.printed",
    "refuted",
    "report (94)",
    r"O^{-i} \text{ caused by } (s, a, b): \ P(a|s, b, O^{-i} = 1) = P(a|s, b)",
    "(94) keeps the agent's prior given O^-i = 1. If the opponent's optimality depends on a, it is "
    "evidence about a: 1/2 against 3/8.",
    STATES,
    Counterexample(caused_by_agent, {"g": [[[1], [1]]], "h": [[[1], ["1/2"]]]}, "== 0"),
)
row(
    "report.094.corrected",
    "proved",
    "report (94)",
    r"O^{-i} \text{ caused by } (s, b): \ P(s, a, b, O^i = 1, O^{-i} = 1) = U(s)\, P(a|s, b)\, "
    r"P(b|s, O^{-i} = 1)\, P(O^{-i} = 1|s)\, P(O^i = 1|O^{-i} = 1, a, b, s)",
    "P(O^-i = 1) may stand only where it is the same in every state.",
    STATES,
    Symbolic(prove_caused),
    sample(caused_by_state, chance_fields(), "== 0"),
)

# -- C.2.1: the joint posterior --------------------------------------------------------------------


def one_cell_once(arithmetic: Arithmetic, chance: Numbers, on: Numbers, off: Numbers) -> Any:
    """P(O^i=1), and P(O^i=1, O^-i=1)."""
    return sides(chance * on + (1 - chance) * off, chance * on)


row(
    "report.C.2.1.joint.step1.printed",
    "proved",
    "report C.2.1",
    r"P(a, s, b, O^{-i} = 1|O^i = 1) = P(O^i = 1|a, s, b, O^{-i} = 1) P(a, s, b, O^{-i} = 1) / "
    r"P(O^i = 1)",
    "Bayes' rule.",
    STATES,
    Deduction(("report.C.1.1.joint.step1.printed",), "special case", "with O^-i = 1 in the event"),
)
row(
    "report.C.2.1.joint.step2.printed",
    "refuted",
    "report C.2.1",
    r"P(O^i = 1) = \int P(O^i = 1|\cdot, O^{-i} = 1) \cdots P(O^{-i} = 1)\, \mathrm{d}s\, "
    r"\mathrm{d}a\, \mathrm{d}b\, \mathrm{d}O^{-i}",
    "The integral runs over O^-i while the integrand stays at O^-i = 1: it counts that half twice "
    "and the other never. P(O^i=1|O^-i) = 1, 0 and P(O^-i=1) = 1/2: 1/2 against 1.",
    STATES,
    Counterexample(one_cell, {"chance": "1/2", "on": 1, "off": 0}, "== 0"),
)
row(
    "report.C.2.1.joint.once.printed",
    "refuted",
    "report C.2.1",
    r"P(O^i = 1) = \int P(O^i = 1|\cdot, O^{-i} = 1) \cdots P(O^{-i} = 1)\, \mathrm{d}s\, "
    r"\mathrm{d}a\, \mathrm{d}b",
    "Read without dO^-i the denominator is P(O^i = 1, O^-i = 1), so the line is the posterior "
    "given both, not the one on its left.",
    STATES,
    Counterexample(one_cell_once, {"chance": "1/2", "on": 1, "off": 1}, "== 0"),
)


def without_exp(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Any:
    """Q U μ P*/Z, and exp Q U μ P*/Z."""
    _, law = prior_law(arithmetic, q, **priors)
    right = law * arithmetic.exp(q)
    return sides(law * q / right.sum(axis=(0, 1, 2)), right / right.sum(axis=(0, 1, 2)))


row(
    "report.C.2.1.joint.exp.printed",
    "refuted",
    "report C.2.1",
    r"\cdots = \big(Q^i_\omega(s, a, b)\big) U \mu P^* P(O^{-i} = 1) / \textstyle\int "
    r"\exp(Q^i_\omega) \cdots",
    "exp is missing above the line and present below it (the brackets around Q are those of an "
    "exp). Q = 0: probability 0 for what is certain.",
    STATES,
    Counterexample(without_exp, {"q": [[[0]]]}, "== 0"),
)


def both_given(
    arithmetic: Arithmetic, q: Numbers, chance: Numbers, share: Numbers, **priors: Numbers
) -> Any:
    """P(s,a,b|O^i=1,O^-i=1) by Bayes, P(O^i=1|·) = share exp(Q − max Q); and exp Q U μ P*/Z."""
    _, law = prior_law(arithmetic, q, **priors)
    seen = law * chance * share * arithmetic.exp(q - arithmetic.maximum(q))
    right = law * arithmetic.exp(q)
    return sides(seen / seen.sum(axis=(0, 1, 2)), right / right.sum(axis=(0, 1, 2)))


def prove_both() -> Proof:
    law, t, c, m, rest = (positive(name) for name in ["P", "t", "c", "m", "S"])
    whole = m * c * law * t / (m * c * rest + m * c * law * t)
    return prove_zero(whole - law * t / (rest + law * t), "P(O^-i=1) and the constant cancel")


BOTH = {**table_fields(), "chance": number("1/8", 1), "share": number("1/8", 1)}
row(
    "report.C.2.1.joint.corrected",
    "proved",
    "report C.2.1",
    r"P(s, a, b|O^i = 1, O^{-i} = 1) = \exp Q^i\, U \mu P^* / \textstyle\int \exp Q^i\, U \mu "
    r"P^*\, "
    r"\mathrm{d}s\, \mathrm{d}a\, \mathrm{d}b",
    "Given both; P(O^-i = 1) cancels. In the graph of figure 8.",
    STATES,
    Symbolic(prove_both),
    sample(both_given, BOTH, "== 0"),
)

# -- (96), C.2.1: the policy posterior -------------------------------------------------------------


def agent_posterior(
    arithmetic: Arithmetic, q: Numbers, chance: Numbers, share: Numbers, **priors: Numbers
) -> Any:
    """P(a|s,b,O^i=1,O^-i=1) from the joint law, and (96)."""
    seen = both_given(arithmetic, q, chance, share, **priors).left
    game = tables(arithmetic, q, **priors)
    return sides(seen / seen.sum(axis=1)[:, None], e_step(game, q)[0])


def prove_agent_posterior() -> Proof:
    u, mu, p, m, t, z, rest = (positive(name) for name in ["U", "mu", "P", "m", "t", "Z", "S"])
    whole = u * mu * p * m * t / z / (u * p * m * (rest + mu * t) / z)
    return prove_zero(whole - mu * t / (rest + mu * t), "U, P*, P(O^-i=1) and Z cancel")


POLICY_LINES = {
    "step1": (
        r"P(a|s, b, O^{-i}, O^i) = P(a, s, b, O^{-i}|O^i) / \textstyle\int P(a, s, b, "
        r"O^{-i}|O^i)\, "
        r"\mathrm{d}a",
        "The product rule.",
    ),
    "step2": (
        r"\cdots = P(O^i|\cdot) U \mu P^* P(O^{-i}) / \textstyle\int P(O^i|\cdot) U \mu P^* "
        r"P(O^{-i})\, \mathrm{d}a",
        "Whatever the denominator of the joint posterior was, it cancels here.",
    ),
    "step3": (
        r"\cdots = P(O^i|\cdot) \mu / \textstyle\int P(O^i|\cdot) \mu\, \mathrm{d}a",
        "U, P* and P(O^-i) cancel. The scan breaks off in this line; read as leading to (96).",
    ),
}
for name, (statement, note) in POLICY_LINES.items():
    row(
        f"report.C.2.1.policy.{name}.printed",
        "proved",
        "report C.2.1",
        statement,
        note,
        STATES,
        Symbolic(prove_agent_posterior),
        sample(agent_posterior, BOTH, "== 0"),
    )
row(
    "report.096.printed",
    "proved",
    "report (96); report C.2.1",
    r"P(a|s, b, O^i = 1, O^{-i} = 1) = \exp(Q^i) \mu(a|s, b) / \textstyle\int \exp(Q^i) \mu(a|s, "
    r"b)\, "
    r"\mathrm{d}a",
    "The same as (89): given s and b, O^-i adds nothing. The slips of the joint posterior cancel.",
    STATES,
    Deduction(
        tuple(f"report.C.2.1.policy.{name}.printed" for name in POLICY_LINES),
        "substitution of equals",
        "the three lines of C.2.1",
    ),
    sample(agent_posterior, BOTH, "== 0"),
    assumes=("O^-i does not depend on a given s, b", "P*(b|s, O^-i=1) > 0"),
)
