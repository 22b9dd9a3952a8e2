"""The evidence bound of the inference module. FURTHER (24) and its summary, appendix F.

    log Σ_z p(z) p(a|z)  >=  E_q[log p(a|z) + log p(z) − log q(z)],    gap = KL(q ‖ p(z|a))

a = a^{-i}_{1:t} given the states, z = ẑ_{1:t}. Any q, whatever it is conditioned on, gives a bound;
it is tight at the posterior alone, which sees τ_t where the encoder stops at τ_{t−1}. Three things
break it as printed: what line 6 drops, the prior of ẑ_0 … ẑ_{t−1} for the latents ẑ_1 … ẑ_t, and a
weight below one on the KL. Shapes: prior, encoder [Z]; decoder [Z, B]; data [B] the law of a.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    distribution,
    instances,
    kl,
    number,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._further import sample, symbols
from tabular_marl.verification.claims._rows import row

GIBBS = "kl.nonnegative"

# -- formulas --------------------------------------------------------------------------------------


def log_evidence(
    arithmetic: Arithmetic, prior: Numbers, decoder: Numbers, data: Numbers
) -> Numbers:
    """E_a log Σ_z p(z) p(a|z)."""
    return (data * arithmetic.log((prior[:, None] * decoder).sum(axis=0))).sum(axis=0)


def reconstruction(
    arithmetic: Arithmetic, decoder: Numbers, data: Numbers, encoder: Numbers
) -> Numbers:
    """E_a E_q log p(a|z)."""
    inner = (encoder[:, None] * arithmetic.log(decoder)).sum(axis=0)
    return (data * inner).sum(axis=0)


def bound(
    arithmetic: Arithmetic, prior: Numbers, decoder: Numbers, data: Numbers, encoder: Numbers
) -> Numbers:
    """log evidence − (reconstruction − KL(q ‖ p))."""
    lower = reconstruction(arithmetic, decoder, data, encoder) - kl(encoder, prior, 0, arithmetic)
    return log_evidence(arithmetic, prior, decoder, data) - lower


def gap_is_divergence(
    arithmetic: Arithmetic, prior: Numbers, decoder: Numbers, data: Numbers, encoder: Numbers
) -> Any:
    """The gap against E_a KL(q ‖ p(z|a))."""
    joint = prior[:, None] * decoder
    posterior = joint / joint.sum(axis=0)
    apart = (data * kl(encoder[:, None], posterior, 0, arithmetic)).sum(axis=0)
    return sides(bound(arithmetic, prior, decoder, data, encoder), apart)


def ratio_of_joint(arithmetic: Arithmetic, joint: Numbers, encoder: Numbers) -> Any:
    """E_q[p(τ, z)/q(z)] over the support of q, against p(τ) = Σ_z p(τ, z)."""
    off = arithmetic.zeros(encoder)
    ratio = joint / np.where(off, arithmetic.number(1), encoder)
    return sides((encoder * ratio).sum(axis=0), joint.sum(axis=0))


def logs_split(arithmetic: Arithmetic, joint: Numbers, encoder: Numbers) -> Any:
    """E_q log(p/q) against E_q[log p − log q]."""
    together = (encoder * arithmetic.log(joint / encoder)).sum(axis=0)
    apart = (encoder * (arithmetic.log(joint) - arithmetic.log(encoder))).sum(axis=0)
    return sides(together, apart)


def without_world(
    arithmetic: Arithmetic,
    prior: Numbers,
    decoder: Numbers,
    data: Numbers,
    encoder: Numbers,
    world: Numbers,
) -> Numbers:
    """log p(τ), with ``world`` = T, π(a^i|…) along τ, minus line 6, which drops it."""
    dropped = bound(arithmetic, prior, decoder, data, encoder)
    return arithmetic.log(world) + dropped


def prior_of_start(
    arithmetic: Arithmetic,
    prior: Numbers,
    decoder: Numbers,
    data: Numbers,
    encoder: Numbers,
    start: Numbers,
) -> Numbers:
    """t = 1: log evidence − line 6 with log p(ẑ_0), ẑ_0 of law ``start``, for log p(ẑ_1)."""
    cross = (start * arithmetic.log(prior)).sum(axis=0)
    own = (encoder * arithmetic.log(encoder)).sum(axis=0)
    lower = reconstruction(arithmetic, decoder, data, encoder) + cross - own
    return log_evidence(arithmetic, prior, decoder, data) - lower


def factorised(arithmetic: Arithmetic, first: Numbers, second: Numbers) -> Any:
    """q(ẑ_1) q(ẑ_2|ẑ_1) against the product of its marginals."""
    joint = first[:, None] * second
    return sides(joint, first[:, None] * joint.sum(axis=0))


def chained(arithmetic: Arithmetic, first: Numbers, second: Numbers) -> Any:
    """E log q(ẑ_1, ẑ_2) against E[log q(ẑ_1) + log q(ẑ_2|ẑ_1)]."""
    joint = first[:, None] * second
    parts = arithmetic.log(first)[:, None] + arithmetic.log(second)
    axes = (0, 1)
    return sides((joint * arithmetic.log(joint)).sum(axis=axes), (joint * parts).sum(axis=axes))


def summary(arithmetic: Arithmetic, prior: Numbers, encoder: Numbers, start: Numbers) -> Any:
    """t = 1: E[log p(ẑ_0) − log q(ẑ_1)] of (24) against −KL(q(ẑ_1) ‖ p(ẑ_0)) of the summary."""
    cross = (start * arithmetic.log(prior)).sum(axis=0)
    own = (encoder * arithmetic.log(encoder)).sum(axis=0)
    return sides(cross - own, -kl(encoder, prior, 0, arithmetic))


def summary_at_same(arithmetic: Arithmetic, prior: Numbers, encoder: Numbers) -> Any:
    """The same with the prior's density taken at ẑ_1."""
    return summary(arithmetic, prior, encoder, encoder)


def one_divergence(arithmetic: Arithmetic, prior: Numbers, first: Numbers, second: Numbers) -> Any:
    """t = 2: both KLs, and the one of t' = t alone."""
    last = kl(second, prior, 0, arithmetic)
    return sides(kl(first, prior, 0, arithmetic) + last, last)


def weighted_bound(
    arithmetic: Arithmetic,
    prior: Numbers,
    decoder: Numbers,
    data: Numbers,
    encoder: Numbers,
    weight: Numbers,
) -> Numbers:
    """log evidence − (reconstruction − weight · KL)."""
    cost = weight * kl(encoder, prior, 0, arithmetic)
    lower = reconstruction(arithmetic, decoder, data, encoder) - cost
    return log_evidence(arithmetic, prior, decoder, data) - lower


def two_laws(arithmetic: Arithmetic, now: Numbers, after: Numbers) -> Any:
    """The laws of ẑ_t and of ẑ_{t+1}."""
    return sides(now, after)


# -- proofs ----------------------------------------------------------------------------------------


def prove_ratio() -> Proof:
    p, q = positive("p"), positive("q")
    return prove_zero(q * (p / q) - p, "term by term where q > 0")


def prove_split() -> Proof:
    import sympy

    p, q = positive("p"), positive("q")
    return prove_zero(sympy.log(p / q) - sympy.log(p) + sympy.log(q))


def prove_gap() -> Proof:
    import sympy

    q, p, d, total = (positive(name) for name in ("q", "p", "d", "evidence"))
    apart = sympy.log(q / (p * d / total))
    lower = sympy.log(d) + sympy.log(p) - sympy.log(q)
    return prove_zero(sympy.log(total) - lower - apart, "integrand by integrand, at every (a, z)")


def prove_world() -> Proof:
    import sympy

    joint, world, q = positive("p"), positive("world"), positive("q")
    left = sympy.log(joint * world / q)
    return prove_zero(
        left - sympy.log(world) - sympy.log(joint / q),
        "a factor without ẑ is the same on both sides, so it may be left out of both",
    )


def prove_chained() -> Proof:
    import sympy

    one, two = positive("q1"), positive("q2")
    return prove_zero(sympy.log(one * two) - sympy.log(one) - sympy.log(two))


def prove_summary() -> Proof:
    q, log_p, log_q = symbols("q logp logq")
    what = "E_q[log p(ẑ) − log q(ẑ)] = −KL(q ‖ p), both at one ẑ"
    return prove_zero(q * (log_p - log_q) + q * (log_q - log_p), what)


# -- claims ----------------------------------------------------------------------------------------

LATENT = scope(latents=">= 1", opponent_actions=">= 1")
SIZES = {"latents": (1, 3), "opponent_actions": (1, 3)}
LAW = distribution("latents")
MODEL = {
    "prior": LAW,
    "decoder": distribution("latents", "opponent_actions"),
    "data": distribution("opponent_actions"),
}
BOUND = instances(SIZES, **MODEL, encoder=LAW)
JOINT = instances(SIZES, joint=LAW, encoder=LAW, data=distribution("opponent_actions"))
PAIR = {"first": LAW, "second": distribution("latents", "latents")}
F = "FURTHER (24); FURTHER F"
SURE = {"prior": ["1/2", "1/2"], "decoder": [[1], [1]], "data": [1], "encoder": ["1/2", "1/2"]}

row(
    "further.024.step2.printed",
    "refuted",
    F,
    r"p(\tau) = E_q[p(\tau, \hat z)/q(\hat z)] \text{ for every encoder } q",
    "Multiplying and dividing by q needs q > 0 wherever p > 0. (A Gaussian encoder has it.)",
    LATENT,
    Counterexample(ratio_of_joint, {"joint": ["1/2", "1/2"], "encoder": [1, 0]}, "== 0"),
)
row(
    "further.024.step2.corrected",
    "proved",
    F,
    r"q > 0 \Rightarrow p(\tau) = E_q[p(\tau, \hat z)/q(\hat z)]",
    "Lines 1 to 3.",
    LATENT,
    Symbolic(prove_ratio),
    assumes=("q > 0 wherever p > 0",),
)
row(
    "further.024.step4.printed",
    "proved",
    F,
    r"\log E_q[p/q] \ge E_q[\log(p/q)]",
    "Jensen; what is lost is KL(q ‖ p(ẑ|τ)).",
    LATENT,
    Deduction(
        ("further.024.gap.added", GIBBS), "substitution of equals", "the difference is a KL >= 0"
    ),
    sample(bound, BOUND, ">= 0"),
)
row(
    "further.024.step5.printed",
    "proved",
    F,
    r"\log(p/q) = \log p - \log q",
    "",
    LATENT,
    Symbolic(prove_split),
)
row(
    "further.024.gap.added",
    "proved",
    F,
    r"\log p(\tau) - E_q[\log p(\tau, \hat z) - \log q(\hat z)] = D_{KL}(q \| p(\hat z|\tau))",
    "For every q, whatever it is conditioned on.",
    LATENT,
    Symbolic(prove_gap),
    sample(gap_is_divergence, BOUND),
)
row(
    "further.024.tight.added",
    "proved",
    F,
    r"\text{the bound is tight} \iff q(\hat z_{1:t}) = p(\hat z_{1:t}|\tau_{0:t})",
    "At the exact posterior and nowhere else.",
    LATENT,
    Deduction(
        ("further.024.gap.added", GIBBS), "substitution of equals", "a KL is 0 only at equal laws"
    ),
)
row(
    "further.024.attained.added",
    "refuted",
    F,
    r"\text{the best encoder that sees } \tau_{0:t-1} \text{ makes it tight}",
    "It does not see a^{-i}_t, the posterior does. Two latents, decoder 1/4 and 3/4: the uniform "
    "encoder is best by symmetry, and log(2/√3) short.",
    LATENT,
    Counterexample(
        bound,
        {
            "prior": ["1/2", "1/2"],
            "decoder": [["1/4", "3/4"], ["3/4", "1/4"]],
            "data": ["1/2", "1/2"],
            "encoder": ["1/2", "1/2"],
        },
        "== 0",
    ),
)
row(
    "further.024.conditioning.added",
    "proved",
    F,
    r"q(\hat z_{t'}|\tau_{0:t-1}),\ q(\hat z_{t'}|\tau_{0:t'-1}),\ q(\hat z_{t'}|\tau_{t'-1}): "
    r"\text{all give bounds}",
    "Lines 1 to 5 condition on τ_{0:t−1}, line 6 on τ_{t'−1}. Less to condition on can only "
    "loosen the bound; line 6 reads one transition, without the memory that z is for.",
    LATENT,
    Deduction(
        ("further.024.step4.printed",), "special case", "the bound holds at every q, for every τ"
    ),
)
row(
    "further.024.world.printed",
    "refuted",
    F,
    r"E \log p(\tau_{1:t}) \ge \text{line 6, which keeps } \log p(a^{-i}|s, \hat z) \text{ of } "
    r"\log p(\tau_{1:t}, \hat z_{1:t})",
    "τ holds states, rewards and a^i too. Line 6 drops their log-probabilities, which are "
    "negative, so the right side may exceed log p(τ). Here T gives what happened 1/2.",
    LATENT,
    Counterexample(without_world, {**SURE, "world": "1/2"}),
)
row(
    "further.024.world.corrected",
    "proved",
    F,
    r"E \log p(a^{-i}_{1:t}|s_{1:t}, a^i_{1:t}) \ge E\big[\sum \log p(a^{-i}_{t'}|s_{t'}, "
    r"\hat z_{t'}) + \log p(\hat z_{1:t}) - \log q(\hat z_{1:t})\big]",
    "With the evidence of the others' actions alone on the left: world terms do not contain ẑ and "
    "leave both sides.",
    LATENT,
    Deduction(
        ("further.024.step4.printed", "further.024.factor.added"),
        "substitution of equals",
        "log p(τ) = log p(a^{-i}|…) + log world, on both sides",
    ),
    sample(bound, BOUND, ">= 0"),
    assumes=("T, R and π^i do not depend on ẑ given s and a",),
)
row(
    "further.024.factor.added",
    "proved",
    F,
    r"\log(p \cdot w / q) = \log w + \log(p/q)",
    "",
    LATENT,
    Symbolic(prove_world),
)
row(
    "further.024.prior-index.printed",
    "refuted",
    F,
    r"\ldots + \sum_{t'=0}^{t-1} \log p(\hat z_{t'}) - \sum_{t'=1}^t \log p(\hat z_{t'}|"
    r"\tau_{t'-1}) \text{ is a lower bound}",
    "The latents of the joint are ẑ_1 … ẑ_t; ẑ_0 has a prior and no posterior, ẑ_t the reverse. "
    "t = 1, prior (3/4, 1/4), ẑ_0 the likely one, encoder 1/2, decoder 1: log 3/2 > 0.",
    LATENT,
    Counterexample(prior_of_start, {**SURE, "prior": ["3/4", "1/4"], "start": [1, 0]}),
)
row(
    "further.024.prior-index.corrected",
    "proved",
    F,
    r"\ldots + \sum_{t'=1}^t \log p(\hat z_{t'}) - \sum_{t'=1}^t \log p(\hat z_{t'}|\cdot) \text{ "
    r"is a lower bound}",
    "Prior and posterior of the same latents.",
    LATENT,
    Deduction(
        ("further.024.world.corrected", "further.024.chain.added"),
        "substitution of equals",
        "log p(ẑ_{1:t}) and log q(ẑ_{1:t}) as sums over t' = 1 … t",
    ),
    sample(bound, BOUND, ">= 0"),
)
row(
    "further.024.posterior.printed",
    "refuted",
    "FURTHER (24); FURTHER E.1; FURTHER E.3",
    r"p(\hat z_{1:t}|\tau_{0:t-1}; \phi_{\mathrm{enc}}) = \prod_{t'} p(\hat z_{t'}|\tau_{t'-1}; "
    r"\phi_{\mathrm{enc}})",
    "Not with the encoder of E.1 and line 18, p(ẑ_{t+1}|ẑ_t, τ_t): what it passes on ties the "
    "latents together. An encoder that copies: (ẑ_1, ẑ_2) is (0,0) or (1,1).",
    LATENT,
    Counterexample(factorised, {"first": ["1/2", "1/2"], "second": [[1, 0], [0, 1]]}, "== 0"),
)
row(
    "further.024.posterior.corrected",
    "proved",
    "FURTHER (24); FURTHER E.1; FURTHER E.3",
    r"\log q(\hat z_{1:t}) = \sum_{t'=1}^t \log q(\hat z_{t'}|\hat z_{t'-1}, \tau_{t'-1})",
    "Along the encoder's own recursion.",
    LATENT,
    Deduction(
        ("further.024.chain.added",),
        "backward induction over time",
        "one factor for each step",
    ),
)
row(
    "further.024.chain.added",
    "proved",
    F,
    r"\log q(\hat z_1, \hat z_2) = \log q(\hat z_1) + \log q(\hat z_2|\hat z_1)",
    "",
    LATENT,
    Symbolic(prove_chained),
    sample(
        chained,
        instances({**SIZES, "opponent_actions": (1, 1)}, **PAIR),
    ),
)
row(
    "further.024.summary.printed",
    "refuted",
    F,
    r"E[\log p(\hat z_{t'-1}) - \log p(\hat z_{t'}|\tau_{t'-1})] = -D_{KL}(p(\hat z_{t'}|"
    r"\tau_{t'-1}) \| p(\hat z_{t'-1}))",
    "(24) takes the prior at the sample ẑ_{t'−1}, the KL takes the density of that prior at "
    "ẑ_{t'}. (The summary also prints a^i, ẑ^i where a^{-i}, ẑ^{-i} are meant, perhaps the scan.)",
    LATENT,
    Counterexample(
        summary,
        {"prior": ["1/4", "3/4"], "encoder": ["1/2", "1/2"], "start": [1, 0]},
        "== 0",
    ),
)
row(
    "further.024.summary.corrected",
    "proved",
    F,
    r"E_{\hat z \sim q_{t'}}[\log p_{t'}(\hat z) - \log q_{t'}(\hat z)] = -D_{KL}(q_{t'} \| "
    r"p_{t'})",
    "Both densities at one ẑ_{t'}.",
    LATENT,
    Symbolic(prove_summary),
    sample(
        summary_at_same,
        instances({**SIZES, "opponent_actions": (1, 1)}, prior=LAW, encoder=LAW),
    ),
)
row(
    "further.024.summary-sum.printed",
    "refuted",
    F,
    r"\sum_{t'=1}^t \log p(a_{t'}|\cdot) - D_{KL}(p(\hat z_{t'}|\cdot) \| \cdot) \text{: one KL}",
    "The bracket after Σ is missing: to the letter t' is free in the KL. All t of them are needed.",
    LATENT,
    Counterexample(
        one_divergence,
        {"prior": ["1/2", "1/2"], "first": ["1/4", "3/4"], "second": ["1/2", "1/2"]},
        "== 0",
    ),
)
row(
    "further.024.moving-prior.added",
    "proved",
    F,
    r"p_{t'} := q(\hat z_{t'-1}|\tau_{t'-2}): \ \text{a bound on } \sum_{t'} \log \sum_{\hat z} "
    r"p_{t'}(\hat z)\, p(a_{t'}|s_{t'}, \hat z)",
    "The reading that code and VariBAD suggest: the last posterior as the next prior. A bound on "
    "the predictive evidence of a model whose prior is the encoder itself; so raising it may move "
    "the model rather than fit the data.",
    LATENT,
    Deduction(
        ("further.024.world.corrected", "further.024.summary.corrected"),
        "sum of termwise inequalities",
        "at each t', given the past, p_{t'} is some law: the bound of one latent",
    ),
)
row(
    "further.E.2.weight.printed",
    "refuted",
    "FURTHER E.2; FURTHER (24)",
    r"\text{with weight } 0.01 \text{ on the KL what is maximised is a lower bound}",
    "A weight below 1 lets the encoder bet on the latent that explains the data at no price. Two "
    "latents, decoder 1 and 1/10, encoder almost sure of the first.",
    LATENT,
    Counterexample(
        weighted_bound,
        {
            "prior": ["1/2", "1/2"],
            "decoder": [[1], ["1/10"]],
            "data": [1],
            "encoder": ["9/10", "1/10"],
            "weight": "1/100",
        },
    ),
)
row(
    "further.E.2.weight.corrected",
    "proved",
    "FURTHER E.2; FURTHER (24)",
    r"\text{weight} \ge 1: \text{ a lower bound}",
    "Below 1 it is an objective of its own: reconstruction with a little regularisation.",
    scope(latents=">= 1", opponent_actions=">= 1", weight="[1, inf)"),
    Deduction(
        ("further.024.step4.printed", GIBBS),
        "chain of inequalities",
        "reconstruction − w KL <= reconstruction − KL <= log evidence",
    ),
    sample(weighted_bound, instances(SIZES, **MODEL, encoder=LAW, weight=number(1, 4)), ">= 0"),
)
row(
    "further.E.2.window.printed",
    "proved",
    "FURTHER E.2; FURTHER (24)",
    r"\tau_{0:t-1} \text{ cut to recent interactions: still a lower bound}",
    "Of the evidence of the window, given what the encoder holds at its start.",
    LATENT,
    Deduction(
        ("further.024.conditioning.added",), "special case", "the encoder may ignore what it likes"
    ),
)
row(
    "further.E.1.index.printed",
    "refuted",
    "FURTHER E.1; FURTHER E.3",
    r"\hat z_t \text{ is sampled from the encoder's } p(\hat z_{t+1}|\hat z_t, \tau_t)",
    "That is the law of ẑ_{t+1}, as line 18 has it. Decoder and policy at t use ẑ_t, the sample of "
    "the step before.",
    LATENT,
    Counterexample(two_laws, {"now": [1, 0], "after": [0, 1]}, "== 0"),
)
