"""The evidence lower bound of ROMMEO-EM: report (90), (91), (191), C.1.2.

    log P(O=1) = L(q) + KL(q ‖ P(s,a,b|O=1))                                              (90)
    L = E_q[Q] − E_{s,b} KL(π ‖ μ) − E_s KL(ρ ‖ ν),   q = U π ρ                    (91), corrected

Printed without the expectations, with ρ(a^i|s) for ρ(a^-i|s), and without the constant of (87).
Shapes as in ``_em``.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    number,
    positive,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl
from tabular_marl.verification.claims._em import (
    GIBBS,
    STATES,
    bound,
    divergence,
    joint,
    log_evidence,
    mean,
    stage_fields,
    tables,
)
from tabular_marl.verification.claims._rommeo import laid, log_ratio
from tabular_marl.verification.claims._rommeo_rows import sample, stationary_fields
from tabular_marl.verification.claims._rows import row

# -- (90) ------------------------------------------------------------------------------------------


def factorised(
    arithmetic: Arithmetic, q: Numbers, agent: Numbers, opponent: Numbers, **priors: Numbers
) -> Any:
    """log P(O=1), and ∫ q log(P(O, x)/q) + ∫ q log(q/P(x|O)); P(O|x) = exp Q."""
    game = tables(arithmetic, q, **priors)
    pair = laid(agent), opponent
    here = joint(pair) / len(q)
    law = joint((game.agent_prior, game.opponent_prior)) * arithmetic.exp(q) / len(q)
    lower = -(here * log_ratio(here, law, arithmetic)).sum(axis=(0, 1, 2))
    return sides(log_evidence(game, q), lower + divergence(game, q, pair))


def prove_factorised() -> Proof:
    import sympy

    law, here, evidence = (positive(name) for name in ["J", "q", "E"])
    log = sympy.log
    what = "log(J/q) + log(q/(J/E)) = log E at every (s, a, b); q has mass one"
    return prove_zero(log(law / here) + log(here / (law / evidence)) - log(evidence), what)


row(
    "report.090.printed",
    "proved",
    "report (90)",
    r"\log P(O^i = 1) = \int q \log \frac{P_\omega(O^i = 1, s, a, b)}{q} + \int q \log "
    r"\frac{q}{P_\omega(s, a, b|O^i = 1)}",
    "For every q of mass one that is absolutely continuous to the prior.",
    STATES,
    Symbolic(prove_factorised),
    sample(factorised, stage_fields(), "== 0"),
    assumes=("q ≪ U μ ν",),
)


def family_mass(arithmetic: Arithmetic, agent: Numbers, answer: Numbers) -> Any:
    """Σ U(s) π(a|s,b) ρ(a|s,b), and one; both [S, B, A]."""
    mass = mean((agent * answer).sum(axis=(1, 2)))
    return sides(mass, arithmetic.number(1))


def corrected_mass(arithmetic: Arithmetic, agent: Numbers, opponent: Numbers) -> Any:
    """Σ U(s) π(a|s,b) ρ(b|s), and one."""
    return sides(mean(joint((laid(agent), opponent)).sum(axis=(1, 2))), arithmetic.number(1))


def prove_mass() -> list[Proof]:
    p, r, n = positive("p"), positive("r"), positive("n")
    return [
        prove_zero(r * (p + (1 - p)) - r, "Σ_a π(a|s,b) ρ(b|s) = ρ(b|s)"),
        prove_zero((1 / n) * (r + (1 - r)) - 1 / n, "Σ_b U(s) ρ(b|s) = U(s)"),
        prove_zero(n * (1 / n) - 1, "Σ_s U(s) = 1"),
    ]


row(
    "report.090.family.printed",
    "refuted",
    "report (90)",
    r"\textstyle\sum_{s,a,b} U(s)\, \pi_\theta(a^i|s, a^{-i})\, \rho_\theta(a^i|s, a^{-i}) = 1",
    "ρ is the opponent model, a law of a^-i given s. As printed the family is no distribution: two "
    "answers, both policies sure of one action, mass 2.",
    STATES,
    Counterexample(family_mass, {"agent": [[[1], [1]]], "answer": [[[1], [1]]]}, "== 0"),
)
row(
    "report.090.family.corrected",
    "proved",
    "report (90)",
    r"\textstyle\sum_{s,a,b} U(s)\, \pi_\theta(a^i|s, a^{-i})\, \rho_\theta(a^{-i}|s) = 1",
    "",
    STATES,
    Symbolic(prove_mass),
    sample(corrected_mass, stationary_fields(), "== 0"),
)
TWO_PAIRS = {**stage_fields(), **stationary_fields("other_agent", "other_opponent")}


def same_order(
    arithmetic: Arithmetic,
    q: Numbers,
    agent: Numbers,
    opponent: Numbers,
    other_agent: Numbers,
    other_opponent: Numbers,
    **priors: Numbers,
) -> Any:
    """L of one pair minus L of another, against KL of the other minus KL of the one."""
    game = tables(arithmetic, q, **priors)
    one, other = (laid(agent), opponent), (laid(other_agent), other_opponent)
    gain = bound(game, q, one) - bound(game, q, other)
    return sides(gain, divergence(game, q, other) - divergence(game, q, one))


row(
    "report.090.equivalent.printed",
    "proved",
    "report (90)",
    r"\arg\max_q L(q, \omega) = \arg\min_q D_{KL}(q \| P_\omega(s, a, b|O^i = 1))",
    '"Maximizing ELBO is the same thing as variational inference": for a fixed ω.',
    STATES,
    Deduction(
        ("report.090.printed",),
        "substitution of equals",
        "the left side of (90) does not depend on q",
    ),
    sample(same_order, TWO_PAIRS, "== 0"),
    assumes=("ω fixed",),
)


def divergence_falls(arithmetic: Arithmetic, q: Numbers, other: Numbers) -> Numbers:
    """KL before − KL after ω moves from q to other; uniform policies and priors."""
    game = tables(arithmetic, q)
    pair = game.agent_prior, game.opponent_prior
    return divergence(game, q, pair) - divergence(game, other, pair)


def bound_rises(arithmetic: Arithmetic, q: Numbers, other: Numbers) -> Numbers:
    """L after − L before ω moves from q to other; uniform policies and priors."""
    game = tables(arithmetic, q)
    pair = game.agent_prior, game.opponent_prior
    return bound(game, other, pair) - bound(game, q, pair)


row(
    "report.090.both.added",
    "refuted",
    "report (90); report (92)",
    r"L(\theta, \omega') \ge L(\theta, \omega) \Rightarrow "
    r"D_{KL}(q_\theta \| P_{\omega'}(\cdot|O)) \le D_{KL}(q_\theta \| P_\omega(\cdot|O))",
    "Raising the bound in ω is not inference: the evidence moves too. Q = (0, 0), then (2, 0).",
    STATES,
    Counterexample(divergence_falls, {"q": [[[0], [0]]], "other": [[[2], [0]]]}, where=bound_rises),
)


def evidence_left(
    arithmetic: Arithmetic, q: Numbers, agent: Numbers, opponent: Numbers, **priors: Numbers
) -> Numbers:
    """log P(O=1) − log c − L."""
    game = tables(arithmetic, q, **priors)
    return log_evidence(game, q) - bound(game, q, (laid(agent), opponent))


row(
    "report.090.bound.added",
    "proved",
    "report (90); report (91)",
    r"L(\theta, \omega) + \log c_\omega \le \log P_\omega(O^i = 1)",
    "What L is a lower bound of. Without the constant c of (87) it is none where Q > 0: Q = 1 has "
    "max L = 1 > 0.",
    STATES,
    Deduction(
        ("report.090.printed", "report.C.1.2.constant.corrected", GIBBS),
        "substitution of equals",
        "log P(O) − log c − L is a divergence",
    ),
    sample(
        evidence_left,
        stage_fields(),
    ),
)

# -- (91), C.1.2 -----------------------------------------------------------------------------------


def first_split(
    arithmetic: Arithmetic,
    q: Numbers,
    share: Numbers,
    agent: Numbers,
    opponent: Numbers,
    **priors: Numbers,
) -> Any:
    """∫ q log(P(O, x)/q), and E_q log P(O|x) − KL(q ‖ P(x)); P(O|x) = share exp(Q − max Q)."""
    game = tables(arithmetic, q, **priors)
    here = joint((laid(agent), opponent)) / len(q)
    law = joint((game.agent_prior, game.opponent_prior)) / len(q)
    chance = share * arithmetic.exp(q - arithmetic.maximum(q))
    left = -(here * log_ratio(here, law * chance, arithmetic)).sum(axis=(0, 1, 2))
    right = here * (arithmetic.log(chance) - log_ratio(here, law, arithmetic))
    return sides(left, right.sum(axis=(0, 1, 2)))


def prove_first_split() -> Proof:
    import sympy

    chance, law, here = (positive(name) for name in ["O", "P", "q"])
    log = sympy.log
    split = log(chance * law / here) - (log(chance) - log(here / law))
    return prove_zero(split, "at every (s, a, b)")


row(
    "report.C.1.2.step1.printed",
    "proved",
    "report C.1.2; report (191)",
    r"\int q \log \frac{P_\omega(O^i = 1, s, a, b)}{q} = E_q[\log P_\omega(O^i = 1|s, a, b)] - "
    r"D_{KL}(q \| P(s, a, b))",
    "Lines 1 and 2 of C.1.2. P(s, a, b) is the prior, so it has no ω.",
    STATES,
    Symbolic(prove_first_split),
    sample(first_split, {**stage_fields(), "share": number("1/8", 1)}, "== 0"),
)


def mean_log(arithmetic: Arithmetic, q: Numbers, share: Numbers) -> Any:
    """E_q log P(O|x) against E_q[Q]; uniform, P(O|x) = share exp(Q − max Q)."""
    chance = share * arithmetic.exp(q - arithmetic.maximum(q))
    size = len(q) * len(q[0]) * len(q[0][0])
    return sides(arithmetic.log(chance).sum(axis=(0, 1, 2)) / size, q.sum(axis=(0, 1, 2)) / size)


def mean_log_constant(
    arithmetic: Arithmetic,
    q: Numbers,
    share: Numbers,
    agent: Numbers,
    opponent: Numbers,
    **priors: Numbers,
) -> Any:
    """∫ q log(P(O, x)/q) against L + log c, c = share exp(−max Q)."""
    game = tables(arithmetic, q, **priors)
    left = first_split(arithmetic, q, share, agent, opponent, **priors).left
    constant = arithmetic.log(share) - arithmetic.maximum(q)
    return sides(left, bound(game, q, (laid(agent), opponent)) + constant)


def prove_bound() -> list[Proof]:
    import sympy

    Q, lpi, lrho, lmu, lnu, lu, lc = sympy.symbols("Q logpi logrho logmu lognu logU logc")
    law = lu + lmu + lnu
    here = lu + lpi + lrho
    return [
        prove_zero(
            (lc + Q - (here - law)) - (lc + Q - (lpi - lmu) - (lrho - lnu)),
            "log P(O|x) − log(q/P(x)) = log c + Q − log π/μ − log ρ/ν, at every (s, a, b)",
        )
    ]


row(
    "report.C.1.2.constant.printed",
    "refuted",
    "report C.1.2; report (191); report (91)",
    r"E_q[\log P_\omega(O^i = 1|s, a, b)] = E_q[Q^i_\omega(s, a, b)]",
    "By (87) log P = Q + log c, and c <= exp(−max Q). Q = 1: log P <= 0 < 1. The argmax in θ does "
    "not change, but c depends on ω.",
    STATES,
    Counterexample(mean_log, {"q": [[[1]]], "share": 1}, "== 0"),
)
row(
    "report.C.1.2.constant.corrected",
    "proved",
    "report C.1.2; report (191); report (91)",
    r"\int q \log \frac{P_\omega(O^i = 1, s, a, b)}{q} = L(\theta, \omega) + \log c_\omega",
    "A constant for the E step only.",
    STATES,
    Symbolic(prove_bound),
    sample(mean_log_constant, {**stage_fields(), "share": number("1/8", 1)}, "== 0"),
)


def at_one_state(arithmetic: Arithmetic, q: Numbers, agent: Numbers, opponent: Numbers) -> Any:
    """L, and E_q[Q] minus the divergences at the first (s, b); uniform priors."""
    game = tables(arithmetic, q)
    pi = laid(agent)
    pair = pi, opponent
    here = joint(pair) / len(q)
    cost = kl(pi[0], game.agent_prior[0], 0, arithmetic)[0]
    cost = cost + kl(opponent[0], game.opponent_prior[0], 0, arithmetic)
    return sides(bound(game, q, pair), (here * q).sum(axis=(0, 1, 2)) - cost)


row(
    "report.091.expectation.printed",
    "refuted",
    "report (91); report (191); report C.1.2",
    r"L = E_q[Q] - D_{KL}(\pi(\cdot|s, b) \| \mu(\cdot|s, b)) - D_{KL}(\rho(\cdot|s) \| "
    r"\nu(\cdot|s)) \text{ at any } (s, b)",
    "The divergences are functions of (s, b) and of s; the expectations over s ~ U and b ~ ρ are "
    "missing. One state, the agent sure after one answer, uniform after the other.",
    STATES,
    Counterexample(
        at_one_state,
        {
            "q": [[[0, 0], [0, 0]]],
            "agent": [[[1, 0], ["1/2", "1/2"]]],
            "opponent": [["1/2", "1/2"]],
        },
        "== 0",
    ),
)


def agents_index(arithmetic: Arithmetic, q: Numbers, agent: Numbers, opponent: Numbers) -> Any:
    """L, and L with KL(ρ(a^i|s) ‖ ν(a^-i|s)), ρ(a^i|s) the agent's law under q; A = B."""
    game = tables(arithmetic, q)
    pi = laid(agent)
    acts = joint((pi, opponent)).sum(axis=2)
    cost = mean(kl(acts, game.opponent_prior, 1, arithmetic))
    without = mean((opponent * game.agent_value(q, pi)).sum(axis=1))
    return sides(bound(game, q, (pi, opponent)), without - cost)


row(
    "report.091.index.printed",
    "refuted",
    "report (91); report (191); report C.1.2",
    r"L = E_q[Q] - \cdots - D_{KL}(\rho_\theta(a^i|s) \| P_{\mathrm{prior}}(a^{-i}|s))",
    "A divergence between laws of two different actions; defined at all only if both have the same "
    "set. Must be ρ(a^-i|s).",
    STATES,
    Counterexample(
        agents_index,
        {
            "q": [[[0, 0], [0, 0]]],
            "agent": [[["1/2", "1/2"], ["1/2", "1/2"]]],
            "opponent": [[1, 0]],
        },
        "== 0",
    ),
)


def elbo(
    arithmetic: Arithmetic, q: Numbers, agent: Numbers, opponent: Numbers, **priors: Numbers
) -> Any:
    """∫ q log(P(O, x)/q) by enumeration, P(O|x) = exp Q, against L."""
    game = tables(arithmetic, q, **priors)
    here = joint((laid(agent), opponent)) / len(q)
    law = joint((game.agent_prior, game.opponent_prior)) * arithmetic.exp(q) / len(q)
    left = -(here * log_ratio(here, law, arithmetic)).sum(axis=(0, 1, 2))
    return sides(left, bound(game, q, (laid(agent), opponent)))


row(
    "report.091.corrected",
    "proved",
    "report (91); report (191); report C.1.2",
    r"L(\theta, \omega) = E_U E_\rho \big[E_\pi[Q_\omega] - D_{KL}(\pi \| \mu)\big] - "
    r"E_U D_{KL}(\rho \| \nu)",
    "U(s) cancels between q and the prior. Up to log c of (87).",
    STATES,
    Symbolic(prove_bound),
    sample(elbo, stage_fields(), "== 0"),
)
