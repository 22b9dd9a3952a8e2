"""Optimality and its posterior: report (87), (88), (89), C.1.1.

    P(O=1|s,a,b) ∝ exp Q(s,a,b)                                                             (87)
    P(s,a,b|O=1) ∝ U(s) μ(a|s,b) ν(b|s) exp Q(s,a,b)                                        (88)
    P(a|s,b,O=1) ∝ μ(a|s,b) exp Q(s,a,b)                                                    (89)

The constant c of (87) must make c exp Q at most one: 1 >= c max exp Q. Shapes as in ``_em``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    number,
    positive,
    prove_nonnegative,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, tilt
from tabular_marl.verification.claims._em import (
    STATES,
    e_step,
    joint,
    mean,
    posterior,
    stage_fields,
    table_fields,
    tables,
)
from tabular_marl.verification.claims._rommeo import laid
from tabular_marl.verification.claims._rommeo_rows import sample
from tabular_marl.verification.claims._rows import row

# -- (87) ------------------------------------------------------------------------------------------


def room(arithmetic: Arithmetic, q: Numbers) -> Numbers:
    """1 − exp Q."""
    return arithmetic.number(1) - arithmetic.exp(q)


def room_below_top(arithmetic: Arithmetic, q: Numbers) -> Numbers:
    """1 − c exp Q, log c = −max Q."""
    return room(arithmetic, q - arithmetic.maximum(q))


def prove_room() -> list[Proof]:
    t, more, w, rest, c = (positive(name) for name in ["t", "d", "w", "S", "c"])
    return [
        prove_nonnegative(1 - t / (t + more), "c = 1/max exp Q: 1 − exp Q/max exp Q >= 0"),
        prove_zero(
            c * t * w / (c * rest + c * t * w) - t * w / (rest + t * w),
            "c cancels in the posterior",
        ),
    ]


row(
    "report.087.equality.printed",
    "refuted",
    "report (87); report (95)",
    r"P(O^i = 1|s, a, b) = \exp Q^i_\omega(s, a, b) \text{ is a probability}",
    "The constant of the ∝ taken as one, as C.1.2 does in its last step: right only for Q <= 0.",
    STATES,
    Counterexample(room, {"q": [[[1]]]}),
)
row(
    "report.087.printed",
    "proved",
    "report (87); report (95)",
    r"\exists c: \ P(O^i = 1|s, a, b) = c\, \exp Q^i_\omega(s, a, b) \le 1, \text{ and (88), (89) "
    r"do not depend on } c",
    "Read with its ∝, one constant for all (s, a, b): c <= exp(−max Q), so Q must be bounded "
    "above. The constant depends on ω: it matters where ω is chosen, (92). (Q_i is printed for "
    "Q_ω.)",
    STATES,
    Symbolic(prove_room),
    sample(room_below_top, {"q": table_fields()["q"]}),
    assumes=("Q bounded above",),
)


def optimal_probability(
    arithmetic: Arithmetic, q: Numbers, agent: Numbers, **priors: Numbers
) -> Numbers:
    """P(O=1) at the agent (89) minus P(O=1) at another; ρ = ν, P(O=1|·) = exp(Q − max Q)."""
    game = tables(arithmetic, q, **priors)
    chance = arithmetic.exp(q - arithmetic.maximum(q))

    def of(pi: Numbers) -> Numbers:
        return mean((joint((pi, game.opponent_prior)) * chance).sum(axis=(1, 2)))

    return of(game.agent_tilt(q)) - of(laid(agent))


def greedy_probability(
    arithmetic: Arithmetic, q: Numbers, agent: Numbers, opponent: Numbers
) -> Numbers:
    """P(O=1) of the greedy agent minus P(O=1) of another."""
    chance = arithmetic.exp(q - arithmetic.maximum(q))
    best = mean((opponent * arithmetic.maximum(chance, 1)).sum(axis=1))
    return best - mean((joint((laid(agent), opponent)) * chance).sum(axis=(1, 2)))


def prove_greedy() -> list[Proof]:
    p, t, more = positive("p"), positive("t"), positive("d")
    return [prove_nonnegative(p * (t + more) - p * t, "π(a) max exp Q >= π(a) exp Q, any a")]


row(
    "report.087.maximises.printed",
    "refuted",
    "report (87); report (89)",
    r"\pi_{(89)} \text{ maximises the probability of optimality } P(O^i = 1)",
    '"We want to find π that maximizes the probability of optimality": the posterior is no '
    "maximiser. Q = 1 or 0, uniform prior: always playing the first is better.",
    STATES,
    Counterexample(
        optimal_probability,
        {"q": [[[1], [0]]], "agent": [[[1, 0]]]},
    ),
)
row(
    "report.087.maximises.corrected",
    "proved",
    "report (87)",
    r"\max_\pi P(O^i = 1) \text{ is attained by } \pi(a|s, b) \in \arg\max_a Q(s, a, b)",
    "The maximiser is greedy and needs no prior. (89) maximises the lower bound (91), whose KL "
    "pays for leaving the prior; with the last policy as prior the rounds end greedy, see (93).",
    STATES,
    Symbolic(prove_greedy),
    sample(
        greedy_probability,
        {name: f for name, f in stage_fields().items() if not name.endswith("prior")},
    ),
)


def across_answers(arithmetic: Arithmetic, q: Numbers) -> Any:
    """(89) at b = 0 against (89) at b = 1; uniform priors."""
    pi = tables(arithmetic, q).agent_tilt(q)
    return sides(pi[:, :, 0], pi[:, :, 1])


row(
    "report.087.conditional.printed",
    "refuted",
    "report (87); report (89)",
    r"\text{the policy that is found is a } \pi(a^i|s)",
    "3.1 sets out to find π(a|s); (89) is π(a|s, b), a policy of an agent who sees the other's "
    "action. π(a|s) needs ρ: Σ_b π(a|s, b) ρ(b|s).",
    STATES,
    Counterexample(across_answers, {"q": [[[1, 0], [0, 0]]]}, "== 0"),
)

# -- (88), C.1.1 -----------------------------------------------------------------------------------


def bayes(arithmetic: Arithmetic, q: Numbers, share: Numbers, **priors: Numbers) -> Any:
    """(88), and P(O=1|·) P(·)/P(O=1) with P(O=1|·) = share exp(Q − max Q), U = 1/S."""
    game = tables(arithmetic, q, **priors)
    chance = share * arithmetic.exp(q - arithmetic.maximum(q))
    law = joint((game.agent_prior, game.opponent_prior)) / len(q)
    return sides(posterior(game, q), law * chance / (law * chance).sum(axis=(0, 1, 2)))


def prove_bayes() -> list[Proof]:
    t, u, p, r, rest, c = (positive(name) for name in ["t", "U", "mu", "nu", "S", "c"])
    return [
        prove_zero(
            (c * t) * (u * p * r) / (c * rest + c * t * u * p * r)
            - t * u * p * r / (rest + t * u * p * r),
            "P(O|x) P(x)/P(O), P(x) = U μ ν, at every x = (s, a, b)",
        )
    ]


LINES = {
    "step1": (
        r"P(s, a, b|O) = P(O|s, a, b) P(s, a, b) / P(O)",
        "Bayes' rule.",
    ),
    "step2": (
        r"\cdots = P(O|s, a, b)\, U \mu \nu / \textstyle\int P(O|s, a, b)\, U \mu \nu",
        "The prior P(s, a, b) = U(s) μ(a|s, b) ν(b|s), and P(O) as its integral.",
    ),
    "step3": (
        r"\cdots = \exp Q\, U \mu \nu / \textstyle\int \exp Q\, U \mu \nu",
        "The constant of (87) cancels.",
    ),
    "step4": (
        r"\cdots = \exp Q\, U \mu \nu\, [\mathrm{d}s\, \mathrm{d}a\, \mathrm{d}b] / "
        r"\textstyle\int \exp Q\, U \mu \nu",
        "Line 3 again, with differentials left over in the numerator: read without them.",
    ),
}
FIELDS = {**table_fields(), "share": number("1/8", 1)}
for name, (statement, note) in LINES.items():
    row(
        f"report.C.1.1.joint.{name}.printed",
        "proved",
        "report C.1.1",
        statement,
        note,
        STATES,
        Symbolic(prove_bayes),
        sample(bayes, FIELDS, "== 0"),
    )
row(
    "report.088.printed",
    "proved",
    "report (88); report C.1.1",
    r"P(s, a, b|O^i = 1) = \frac{\exp Q\, U(s)\, \mu(a|s, b)\, \nu(b|s)}{\int \exp Q\, U \mu \nu}",
    "With U a probability: on an unbounded state space there is no uniform one.",
    STATES,
    Deduction(
        tuple(f"report.C.1.1.joint.{name}.printed" for name in ("step1", "step2", "step3")),
        "substitution of equals",
        "lines 1 to 3 of C.1.1",
    ),
    sample(bayes, FIELDS, "== 0"),
    assumes=("∫ exp Q U μ ν < ∞",),
)


def posterior_states(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Any:
    """P(s|O=1) of (88) against U(s)."""
    game = tables(arithmetic, q, **priors)
    at = posterior(game, q).sum(axis=(1, 2))
    return sides(at, 0 * at + arithmetic.number(1) / len(q))


def posterior_states_by_value(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Any:
    """P(s|O=1) of (88) against exp V(s)/Σ exp V."""
    game = tables(arithmetic, q, **priors)
    return sides(posterior(game, q).sum(axis=(1, 2)), tilt(game.soft(q), None, 1, 0, arithmetic))


def prove_state_posterior() -> list[Proof]:
    z, rest = positive("Z"), positive("S")
    t, u = positive("t"), positive("U")
    return [
        prove_zero(u * z - u * (z - t) - u * t, "Σ_ab U μ ν exp Q = U exp V(s), term by term"),
        prove_zero(u * z / (u * rest + u * z) - z / (rest + z), "U(s) is constant"),
    ]


row(
    "report.088.state.added",
    "refuted",
    "report (88); report (91)",
    r"P(s|O^i = 1) = U(s)",
    "(88) moves the state as well; the family of (91) keeps U(s), so it misses the posterior.",
    STATES,
    Counterexample(posterior_states, {"q": [[[0]], [[1]]]}, "== 0"),
)
row(
    "report.088.state-tilt.added",
    "proved",
    "report (88)",
    r"P(s|O^i = 1) = \exp V(s) / \textstyle\sum_{s'} \exp V(s'), \quad "
    r"V(s) = \log \int \mu \nu \exp Q",
    "States where optimality is likelier weigh more.",
    STATES,
    Symbolic(prove_state_posterior),
    sample(posterior_states_by_value, table_fields(), "== 0"),
)

# -- (89), C.1.1 -----------------------------------------------------------------------------------


def conditioned(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Any:
    """(88) over its sum over a, against (89)."""
    game = tables(arithmetic, q, **priors)
    law = posterior(game, q)
    return sides(law / law.sum(axis=1)[:, None], e_step(game, q)[0])


def prove_conditioned() -> list[Proof]:
    t, u, p, r, z, rest = (positive(name) for name in ["t", "U", "mu", "nu", "Z", "S"])
    return [
        prove_zero(
            (t * u * p * r / z) / (u * r * (rest + t * p) / z) - t * p / (rest + t * p),
            "U(s), ν(b|s) and P(O) do not depend on a and cancel",
        )
    ]


POLICY_LINES = {
    "step1": (
        r"P(a|s, b, O) = P(s, a, b|O) / \textstyle\int P(s, a, b|O)\, \mathrm{d}a",
        "The product rule, where P(s, b|O) > 0.",
    ),
    "step2": (
        r"\cdots = P(O|\cdot) U \mu \nu / \textstyle\int P(O|\cdot) U \mu \nu\, \mathrm{d}a",
        "",
    ),
    "step3": (
        r"\cdots = P(O|\cdot) U \mu \nu\, [\mathrm{d}a] / (\nu U \textstyle\int P(O|\cdot) \mu\, "
        r"\mathrm{d}a)",
        "A differential is left over in the numerator; read without it.",
    ),
    "step4": (
        r"\cdots = \exp(Q) \mu / \textstyle\int \exp(Q) \mu\, \mathrm{d}a",
        "ν and U cancel, and so does the constant of (87).",
    ),
}
for name, (statement, note) in POLICY_LINES.items():
    row(
        f"report.C.1.1.policy.{name}.printed",
        "proved",
        "report C.1.1",
        statement,
        note,
        STATES,
        Symbolic(prove_conditioned),
        sample(conditioned, table_fields(), "== 0"),
    )
row(
    "report.089.printed",
    "proved",
    "report (89); report C.1.1",
    r"P(a|s, b, O^i = 1) = \exp(Q) \mu(a|s, b) / \textstyle\int \exp(Q) \mu(a|s, b)\, \mathrm{d}a",
    "ROMMEO's agent (13) for the same Q: neither U nor ν matters.",
    STATES,
    Deduction(
        tuple(f"report.C.1.1.policy.{name}.printed" for name in POLICY_LINES),
        "substitution of equals",
        "the four lines of C.1.1",
    ),
    sample(conditioned, table_fields(), "== 0"),
    assumes=("ν(b|s) > 0 (elsewhere it is a convention)",),
)


def prior_of_answers(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Any:
    """P(b|s,O=1) of (88) against the E step's ρ ∝ ν exp Q(s,b)."""
    game = tables(arithmetic, q, **priors)
    law = posterior(game, q)
    over_b = law.sum(axis=1)
    return sides(over_b / np.expand_dims(over_b.sum(axis=1), 1), e_step(game, q)[1])


def prove_answers() -> list[Proof]:
    soft, u, r, z, rest = (positive(name) for name in ["E", "U", "nu", "Z", "S"])
    return [
        prove_zero(
            (u * r * soft / z) / (u * (rest + r * soft) / z) - r * soft / (rest + r * soft),
            "Σ_a μ exp Q = exp Q(s,b)",
        )
    ]


row(
    "report.089.opponent.added",
    "proved",
    "report (89); report (93)",
    r"P(b|s, O^i = 1) = \nu(b|s) \exp Q(s, b) / \textstyle\int \nu \exp Q(s, b), \quad "
    r"Q(s, b) = \log \int \mu \exp Q\, \mathrm{d}a",
    "The opponent's half, which C.1.1 leaves out; with (89) it gives ROMMEO's pair.",
    STATES,
    Symbolic(prove_answers),
    sample(prior_of_answers, table_fields(), "== 0"),
)
