"""The sampled soft value of soft Q-learning: report (62).

    V = log E_q[e^{Q(a)} p(a)/q(a)]     exact for every q with p's support
    V̂_K with K samples: E log mean_K w − log E w < 0 unless w = e^Q p/q is constant

In units of reward the bias is that over β: V̂_K is too low for β > 0, too high for β < 0.
Shapes: x, prior, proposal [A].
"""

from __future__ import annotations

from typing import Any

import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Sampling,
    Symbolic,
    instances,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import (
    Arithmetic,
    Numbers,
    expectation,
    free_energy,
    tilt,
)
from tabular_marl.verification.claims._layer import (
    DRAWN,
    DRAWS,
    SAMPLE_FIELDS,
    SIGNED,
    prove_weights,
    sampled,
    soft_value,
    weighted_mean,
)
from tabular_marl.verification.claims._rows import row

ACTIONS = scope(actions=">= 1")
BETA = scope(actions=">= 1", beta=SIGNED)
FAMILY = instances({"actions": (1, 3)}, **SAMPLE_FIELDS)
WITHOUT_PROPOSAL = {k: f for k, f in SAMPLE_FIELDS.items() if k != "proposal"}
PAIR = {"x": [0, 1], "prior": ["1/2", "1/2"], "proposal": ["1/2", "1/2"]}

# -- formulas --------------------------------------------------------------------------------------


def weighted(
    arithmetic: Arithmetic, x: Numbers, prior: Numbers, proposal: Numbers, beta: Numbers
) -> Any:
    """(1/β) log E_q[e^{βx} p/q] against F_β[p](x)."""
    mean = weighted_mean(arithmetic, arithmetic.exp(beta * x), prior, proposal, 0)
    return sides(arithmetic.log(mean) / beta, free_energy(x, prior, beta, 0, arithmetic))


def mean_of_q(arithmetic: Arithmetic, x: Numbers, prior: Numbers) -> Any:
    """E_π[Q] at π of (58), against V."""
    policy = tilt(x, prior, 1, 0, arithmetic)
    return sides(expectation(policy, x, 0), soft_value(arithmetic, x, prior))


def bias(
    arithmetic: Arithmetic,
    x: Numbers,
    prior: Numbers,
    proposal: Numbers,
    beta: Numbers,
    samples: int,
) -> Any:
    """E[V̂_K] against V."""
    found = sampled(arithmetic, x, prior, proposal, beta, samples)
    return sides(found, free_energy(x, prior, beta, 0, arithmetic))


def low(
    arithmetic: Arithmetic,
    x: Numbers,
    prior: Numbers,
    proposal: Numbers,
    beta: Numbers,
    samples: int,
) -> Any:
    """β V against β E[V̂_K]."""
    found = bias(arithmetic, x, prior, proposal, beta, samples)
    return sides(beta * found.right, beta * found.left)


def more(
    arithmetic: Arithmetic,
    x: Numbers,
    prior: Numbers,
    proposal: Numbers,
    beta: Numbers,
    samples: int,
) -> Any:
    """β E[V̂_{K+1}] against β E[V̂_K]."""
    given = (arithmetic, x, prior, proposal, beta)
    return sides(beta * sampled(*given, samples + 1), beta * sampled(*given, samples))


def from_tilt(arithmetic: Arithmetic, x: Numbers, prior: Numbers, beta: Numbers) -> Any:
    """V̂_1 at each a, drawn from the tilt, against V."""
    best = tilt(x, prior, beta, 0, arithmetic)
    one = arithmetic.log(arithmetic.exp(beta * x) * prior / best) / beta
    return sides(one, free_energy(x, prior, beta, 0, arithmetic))


def never_zero(arithmetic: Arithmetic, prior: Numbers, proposal: Numbers) -> Numbers:
    """p/q where q > 0: the weight of a sample, up to e^{βx}."""
    return prior / proposal


# -- proofs ----------------------------------------------------------------------------------------


def prove_from_tilt() -> Proof:
    p, t, z = positive("p"), positive("t"), positive("Z")
    return prove_zero(sympy.log(t * p / (p * t / z)) - sympy.log(z), "e^{βx} p / tilt = Z")


def prove_leave_one_out() -> list[Proof]:
    """Σ_j log(ū_{−j}/ū) <= Σ_j (ū_{−j}/ū − 1) = 0, three samples written out."""
    a, b, c = (positive(name) for name in "abc")
    mean = (a + b + c) / 3
    left = sum((total / 2) / mean - 1 for total in (a + b, a + c, b + c))
    s, k = positive("S"), positive("K")
    return [
        prove_zero(left, "the leave-one-out means average to the mean, K + 1 = 3"),
        prove_zero(
            (k + 1) * (s / k) - s / k - k * (s / k),
            "Σ_j (S − u_j)/K = S for K + 1 samples of sum S",
        ),
    ]


# -- claims ----------------------------------------------------------------------------------------

row(
    "report.062.printed",
    "refuted",
    "report (62)",
    r"V(s) = \log E_{a' \sim q}\Big[\tfrac{e^{Q(s,a')} P_{prior}(a'|s)}{q(a')}\Big] \text{ for an "
    r"arbitrary distribution } q",
    "q must not leave an action of the prior out: q = (1, 0) sees half of the sum.",
    BETA,
    Counterexample(
        weighted, {"x": [0, 0], "prior": ["1/2", "1/2"], "proposal": [1, 0], "beta": 1}, "== 0"
    ),
)
row(
    "report.062.corrected",
    "proved",
    "report (62)",
    r"q > 0 \text{ where } P_{prior} > 0: \ V(s) = \log E_{a' \sim q}\Big[\tfrac{e^{Q(s,a')} "
    r"P_{prior}(a'|s)}{q(a')}\Big]",
    "As an expectation, not as an average of samples.",
    BETA,
    Symbolic(prove_weights),
    Sampling(weighted, FAMILY, "== 0", examples=2000, batched=True, search=False),
)
row(
    "report.062.expectation.printed",
    "refuted",
    "report (62)",
    r"\text{the value function is an expectation of the action value function: } V = E_\pi[Q]",
    "It is the logarithm of an expectation of e^Q; V = E_π[Q] − KL(π‖P_prior).",
    ACTIONS,
    Counterexample(mean_of_q, {"x": [0, 1], "prior": ["1/2", "1/2"]}, "== 0"),
)
row(
    "report.062.samples.printed",
    "refuted",
    "report (62); report (63)",
    r"\text{calculated by } K \text{ samples: } E[\hat V_K] = V",
    "One sample of (0, 1) gives 1/2 in the mean; V = log (1 + e)/2 = 0.62.",
    DRAWN,
    Counterexample(bias, {**PAIR, "beta": 1, "samples": 1}, "== 0"),
)
row(
    "report.062.samples.corrected",
    "proved",
    "report (62)",
    r"\beta\, (E[\hat V_K] - V) \le 0 \text{ for every } K \text{ and } q",
    "Too low for β > 0, too high for β < 0.",
    DRAWN,
    Deduction(
        ("log.below-tangent", "report.062.corrected"),
        "sum of termwise inequalities",
        "log(ŵ/w̄) <= ŵ/w̄ − 1 for the mean ŵ of every K-tuple, and E ŵ = w̄ = e^{βV}",
    ),
    Sampling(low, DRAWS, examples=300, search=False),
)
row(
    "report.062.best.added",
    "proved",
    "report (62)",
    r"q = \pi_{(58)}: \ \hat V_K = V \text{ with every sample}",
    "The only proposal without bias: equality in log u <= u − 1 needs u = tilt/q = 1.",
    BETA,
    Symbolic(prove_from_tilt),
    Sampling(
        from_tilt,
        instances(
            {"actions": (1, 3)}, **{k: f for k, f in SAMPLE_FIELDS.items() if k != "proposal"}
        ),
        "== 0",
        examples=2000,
        batched=True,
        search=False,
    ),
)
row(
    "report.062.more.added",
    "proved",
    "report (62)",
    r"\beta E[\hat V_K] \le \beta E[\hat V_{K+1}]",
    "Every further sample helps in the mean.",
    DRAWN,
    Symbolic(prove_leave_one_out),
    Sampling(more, DRAWS, examples=300, search=False),
    rests_on=("log.below-tangent",),
)
row(
    "report.062.support.added",
    "refuted",
    "report (62)",
    r"\text{every sample of a } q \gg P_{prior} \text{ has a finite } \hat V_1",
    "q must not leave the prior's support either: where P_prior = 0 < q the weight is 0, and "
    "V̂ = ∓∞ whenever all K samples fall there.",
    ACTIONS,
    Counterexample(never_zero, {"prior": [1, 0], "proposal": ["1/2", "1/2"]}, "> 0"),
)
LEARNT = scope(states=">= 1", actions=">= 1", beta=SIGNED, gamma="[0, 1)")
row(
    "report.063.samples.added",
    "proved",
    "report (62); report (63)",
    r"\text{with } K \text{ samples (63) solves } V = E[\hat V_K](\beta R + \gamma P V): "
    r"\text{ one solution, a limit from every start}",
    "The regression averages its noisy targets. Soft Q-learning converges, to another V.",
    LEARNT,
    Deduction(
        ("free-energy.monotone", "free-energy.shift-equivariant", "report.063.target.corrected"),
        (
            "composition of monotone shift-equivariant maps",
            "monotone and shift-equivariant implies non-expansive",
            "non-expansive after a discounted expectation",
            "banach fixed point",
        ),
        "each sample's V̂ is a free energy up to a constant (weights not normalised): monotone and "
        "shift-equivariant, and so is its mean over samples",
    ),
)
row(
    "report.063.samples-order.added",
    "proved",
    "report (62); report (63)",
    r"\text{that solution lies below } V_{(58)} \text{ for } \beta > 0, \text{ above it for } "
    r"\beta < 0, \text{ in reward units}",
    "Up to 1/(1 − γ) times the bias of one state.",
    LEARNT,
    Deduction(
        ("report.062.samples.corrected", "report.063.samples.added"),
        "policy-evaluation monotonicity",
        "E[V̂_K] at V_(58) is on one side of V_(58) in every state, so the fixed point is",
    ),
)
