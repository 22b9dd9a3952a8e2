"""The bound of two agents with options as a number: (80), with and without a discount.

    log P(O=1) − E_q Σ_t (βR − Σ of six log-ratios) = KL(q ‖ P(τ|O=1))                         (80)

with the opponent's master under its own name and everything given O^-i = 1. Master policies and
priors are (81). In an instance: reward [S, A, B], priors and policies with the axes of
``_elbo.SIX``; one step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    beta,
    distribution,
    positive,
    prove_positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._elbo import (
    SIX,
    TWO,
    Walk,
    first_only,
    two_agents_solution,
    two_agents_walk,
)
from tabular_marl.verification.claims._rommeo_rows import GIBBS, sample
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides
from tabular_marl.verification.strategies import Field

LENGTHS: Mapping[str, str | int] = {
    "s": "states", "z_": "options", "y_": "others", "stop_y": 2, "y": "others",
    "b": "opponent_actions", "stop": 2, "z": "options", "a": "actions",
}  # fmt: skip
TWO_SIZES = {
    "states": (1, 2), "actions": (1, 2), "opponent_actions": (1, 2),
    "options": (1, 2), "others": (1, 2),
}  # fmt: skip
PLAYS = scope(times=">= 1", gamma="[0, 1]")
PAIRS = scope(**{name: ">= 1" for name in TWO_SIZES}, beta="(-inf, inf)")
TWO_GAME: dict[str, Field] = {
    "reward": array("states", "actions", "opponent_actions"),
    "beta": beta("both", zero=True, high=4),
    **{f"{n}_prior": distribution(*(LENGTHS[axis] for axis in SIX[n])) for n in TWO},
    **{n: distribution(*(LENGTHS[axis] for axis in SIX[n]), degenerate=True) for n in TWO},
}
TWO_PLAY: dict[str, Field] = {
    "start": distribution("states", degenerate=True),
    "option": distribution("options", degenerate=True),
    "other": distribution("others", degenerate=True),
    **TWO_GAME,
}


def two_agents(
    arithmetic: Arithmetic,
    start: Numbers,
    option: Numbers,
    other: Numbers,
    reward: Numbers,
    beta: Numbers,
    **tables: Numbers,
) -> Walk:
    """(77), (79) of an instance, one step."""
    priors, policies = [tables[f"{n}_prior"] for n in TWO], [tables[n] for n in TWO]
    return two_agents_walk(arithmetic, (start, option, other), reward, beta, priors, policies)


def two_gap(arithmetic: Arithmetic, **play: Numbers) -> Sides:
    """log P(O=1) − (80), and KL."""
    of = two_agents(arithmetic, **play)
    return sides(of.log_evidence - of.objective(), of.divergence)


def two_bound(arithmetic: Arithmetic, **play: Numbers) -> Numbers:
    """log P(O=1) − (80)."""
    of = two_agents(arithmetic, **play)
    return of.log_evidence - of.objective()


row(
    "report.080.elbo-gap.added",
    "proved",
    "report (77); report (79); report (80); report (81)",
    r"\log P(O=1) - E_q\Big[\sum_{t=0}^{T} \beta R_t - \sum_{\text{six policies}} \log\frac{q}{P}"
    r"\Big] = D_{KL}(q \,\|\, P(\tau|O=1))",
    "(80) with the opponent's master and termination under their own names, all given O^-i = 1. "
    "For the arguments of (79) and for the wider ones of (82)-(85).",
    PAIRS,
    Deduction(
        ("elbo.gap.added", "elbo.factors.added"),
        "special case",
        "six chosen factors a step, starts and transitions kept",
    ),
    sample(two_gap, TWO_PLAY, "== 0", TWO_SIZES),
)
row(
    "report.080.elbo-bound.added",
    "proved",
    "report (80)",
    r"E_q\Big[\sum_{t=0}^{T} \beta R_t - \sum_{\text{six policies}} \log\frac{q}{P}\Big] "
    r"\le \log P(O=1)",
    "Its gap is a divergence.",
    PAIRS,
    Deduction(("report.080.elbo-gap.added", GIBBS), "chain of inequalities", "the gap is KL >= 0"),
    sample(two_bound, TWO_PLAY, ">= 0", TWO_SIZES),
)


def two_solved(arithmetic: Arithmetic, reward: Numbers, beta: Numbers, **tables: Numbers) -> Sides:
    """Gap of any policies, and best (80) − (80): one step from a sure start."""
    priors, policies = [tables[f"{n}_prior"] for n in TWO], [tables[n] for n in TWO]
    earlier = priors[0]  # [s, z_, y_, 2]
    starts = [
        first_only(reward[:, 0, 0]), first_only(earlier[0, :, 0, 0]),
        first_only(earlier[0, 0, :, 0]),
    ]  # fmt: skip
    best = two_agents_solution(arithmetic, reward, beta, priors)
    own, top = (
        two_agents_walk(arithmetic, starts, reward, beta, priors, chosen)
        for chosen in (policies, best)
    )
    return sides(own.divergence, top.objective() - own.objective())


row(
    "report.080.elbo-tight.added",
    "proved",
    "report (80); report (82); report (85)",
    r"\max \text{(80)} = \log P(O=1) \iff U_{t+1}(s', z_t, y_t) \text{ is one number for all } s' "
    r"\text{ that may come, and } U_0 \text{ on the support of the start}",
    "With the conditioning of (82)-(85), their logarithms put in. Deterministic transitions and "
    "known state and options at the start are enough.",
    PAIRS,
    Deduction(
        ("elbo.tight.added", "elbo.posterior.added", "report.080.elbo-gap.added"),
        "special case",
        "the messages of the graph are the six values of (82)-(86); the rest is kept",
    ),
    sample(two_solved, TWO_GAME, "== 0", TWO_SIZES),
)


def prove_family() -> Iterator[Proof]:
    """One state, one option each, uniform priors, R = 1 where a = b: e^β = 1 + t, t > 0."""
    x, y, t = positive("x"), positive("y"), positive("t")
    product = [[x * y, x * (1 - y)], [(1 - x) * y, (1 - x) * (1 - y)]]
    yield prove_zero(
        product[0][0] * product[1][1] - product[0][1] * product[1][0],
        "π(a) ρ(b) has determinant 0, whatever the policies",
    )
    total = 2 * (1 + t) + 2
    yield prove_positive(
        ((1 + t) / total) ** 2 - (1 / total) ** 2, "the posterior of (a, b) has determinant > 0"
    )


row(
    "report.080.elbo-family.added",
    "proved",
    "report (79); report (80)",
    r"R = 1[a=b],\ \text{one state, one option each: } \text{(80)} < \log P(O=1) "
    r"\text{ for every } q \text{ of (79)}",
    "Deterministic, with a sure start, and still not tight: in (79) π(a|s,z) does not see b, so q "
    "is a product, and the posterior correlates a with b. The policies of (82) see b.",
    scope(beta="(0, inf)"),
    Symbolic(prove_family),
    rests_on=("elbo.bound.added",),
)


def two_mass(arithmetic: Arithmetic, chance: Numbers, u: Numbers) -> Numbers:
    """log P(O=1) − Σ q log P/q with P(O^-i=1) = ``chance`` in both; one trajectory, Σ βR = u."""
    return arithmetic.log(chance) + u - chance * u


row(
    "report.080.elbo-mass.added",
    "refuted",
    "report (77); report (79); report (80)",
    r"q = \cdots P(O^{-i}_{1:T}=1) \Rightarrow \sum_\tau q \log\frac{P(\tau, O=1)}{q} \le "
    r"\log P(O^i=1, O^{-i}=1)",
    "(79) has the factor P(O^-i=1) and so no mass one. R = 0 and P(O^-i=1) = 1/2: 0 against "
    "log 1/2. Everything must be given O^-i = 1.",
    scope(chance="(0, 1]"),
    Counterexample(two_mass, {"chance": "1/2", "u": 0}),
)


def two_discounted(arithmetic: Arithmetic, gamma: Numbers, u: Numbers) -> Numbers:
    """log P(O=1) − Σ γ^t u_t where there is one of everything; u [T + 1]."""
    total, factor = 0 * u[0], arithmetic.number(1)
    for now in u:
        total, factor = total + factor * now, factor * gamma
    return u.sum(axis=0) - total


row(
    "report.080.elbo-survival.added",
    "proved",
    "report (80)",
    r"\log P_\gamma(O=1) - \text{(80) with } \gamma^t = D_{KL}(q_\gamma \,\|\, "
    r"P_\gamma(\tau|O=1))",
    "Where the γ of (86) can come from: not from the graph, whose (80) has none, but from play "
    "that survives each step with probability γ.",
    PLAYS,
    Deduction(
        ("elbo.survival.added", "elbo.gap.added", "elbo.factors.added"),
        "substitution of equals",
        "the gap of the longer graph, whose bound is the discounted sum",
    ),
)
row(
    "report.080.elbo-discount.added",
    "refuted",
    "report (80); report (86)",
    r"\text{(80) with } \gamma^t \le \log P(O=1) \text{ of (77)}",
    "(86) discounts, (77) and (80) do not. One of everything, βR = −1 twice, γ = 1/2: −3/2 > −2.",
    PLAYS,
    Counterexample(two_discounted, {"gamma": "1/2", "u": [-1, -1]}),
)
