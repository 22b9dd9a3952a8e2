"""The opponent's graph and its optimality: report (98), (99).

    P(s,a,b,O^-i=1,O^i=1) = U P(b|s) P(a|b,s,O^i=1) P(O^i=1) P(O^-i=1|O^i=1,b,s)             (98)
    exp Q^-i(s,b) = Σ_a π(a|b,s) exp Q^-i(s,a,b)                                            (99)

(98) holds where O^i is a root that a sees (figure 9). Where (s, a, b) cause O^i, P(O^i=1) must be
P(O^i=1|s,b). Shapes as in ``_em_general``.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    positive,
    prove_nonnegative,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, tilt
from tabular_marl.verification.claims._em import (
    DUALITY,
    GIBBS,
    STATES,
    mean,
    stage_fields,
    tables,
)
from tabular_marl.verification.claims._em_general import (
    OPPONENT,
    TWO_ANSWERS,
    chance_fields,
    conditional,
    prior_law,
    soft_answer,
)
from tabular_marl.verification.claims._rommeo import laid
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


def scaled(arithmetic: Arithmetic, q: Numbers, ratio: Numbers, **priors: Numbers) -> Any:
    """(99) at (96) for Q^-i = ratio · Q^i, and ratio · Q^i(s,b), which Balancing-Q has."""
    game = tables(arithmetic, q, **priors)
    return sides(soft_answer(arithmetic, ratio * q, game.agent_tilt(q)), ratio * game.agent_soft(q))


def opposed(arithmetic: Arithmetic, q: Numbers, agent_prior: Numbers) -> Any:
    """The same in a zero-sum pair of tables."""
    return scaled(arithmetic, q, arithmetic.number(-1), agent_prior=agent_prior)


def prove_opposed() -> Proof:
    mu, t, z = positive("mu"), positive("t"), positive("Z")
    return prove_zero((mu * t / z) / t - mu / z, "Σ_a π e^{−Q} = Σ_a μ/Z = e^{−Q(s,b)}, each a")


row(
    "report.099.balancing.added",
    "proved",
    "report 3.2; report (96); report (99); report (46)",
    r"Q^{-i} = -Q^i,\ \pi_\theta = \pi_{(96)}: \ Q^{-i}(s, b) = -Q^i(s, b), \text{ so (100) with "
    r"exp is } \rho \propto P(b|s) e^{-Q^i(s, b)}",
    '"Balancing-Q can be made into decentralized version": on opposed tables, prior kept, it is '
    "Balancing-Q's opponent at β^-i = −β^i.",
    STATES,
    Symbolic(prove_opposed),
    sample(opposed, {name: stage_fields()[name] for name in ("q", "agent_prior")}, "== 0"),
)
row(
    "report.099.balancing-ratio.added",
    "refuted",
    "report 3.2; report (96); report (99); report (46)",
    r"Q^{-i} = (\beta^{-i}/\beta^i) Q^i,\ \pi_\theta = \pi_{(96)}: \ Q^{-i}(s, b) = "
    r"(\beta^{-i}/\beta^i) Q^i(s, b)",
    "Not for other ratios: (99) averages over the agent's answer, Balancing-Q over its prior. "
    "Ratio 1, Q = (1, 0): log((1 + e²)/(1 + e)) > log((1 + e)/2).",
    STATES,
    Counterexample(scaled, {"q": [[[1], [0]]], "ratio": 1}, "== 0"),
)
