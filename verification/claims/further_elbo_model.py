"""What the evidence bound becomes once the model is put in. FURTHER (24), line 6, F, E.1.

    log p(τ, ẑ) = Σ_t' log p(a_t'|s_t', ẑ_t') + log p(ẑ_{1:t}) + log of the world
    E_q[log p(ẑ_{1:t}) − log q(ẑ_{1:t})] = −Σ_t' E KL(q(·|ẑ_<t') ‖ p(·|ẑ_<t'))

Three things break it as printed: what line 6 drops, the prior of ẑ_0 … ẑ_{t−1} for the latents
ẑ_1 … ẑ_t, and latents taken for independent. Shapes: prior, encoder [Z]; decoder [Z, B]; data [B];
pairs of latents [Z, Z].
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    distribution,
    instances,
    kl,
    positive,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._further import sample
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.further_elbo import (
    BOUND,
    LATENT,
    LAW,
    SIZES,
    F,
    bound,
    log_evidence,
    reconstruction,
)

# -- formulas --------------------------------------------------------------------------------------


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


def priors_apart(
    arithmetic: Arithmetic, first: Numbers, second: Numbers, decoder: Numbers, encoder: Numbers
) -> Any:
    """a = (0, 1), ẑ of law p(ẑ_1) p(ẑ_2|ẑ_1): log evidence − E_q of line 6 with p(ẑ_1) p(ẑ_2)."""
    joint = first[:, None] * second
    likelihood = decoder[:, 0][:, None] * decoder[:, 1]
    apart = first[:, None] * joint.sum(axis=0)
    inner = arithmetic.log(likelihood) + arithmetic.log(apart) - arithmetic.log(encoder)
    evidence = arithmetic.log((joint * likelihood).sum(axis=(0, 1)))
    return sides(evidence, (encoder * inner).sum(axis=(0, 1)))


def chained_divergences(
    arithmetic: Arithmetic, first: Numbers, second: Numbers, start: Numbers, onward: Numbers
) -> Any:
    """E_q[log p(ẑ_1, ẑ_2) − log q] against −KL(q_1 ‖ p_1) − E KL(q_2|ẑ_1 ‖ p_2|ẑ_1)."""
    joint = first[:, None] * second
    prior = arithmetic.log(start)[:, None] + arithmetic.log(onward)
    own = arithmetic.log(first)[:, None] + arithmetic.log(second)
    later = (first * kl(second, onward, 1, arithmetic)).sum(axis=0)
    return sides((joint * (prior - own)).sum(axis=(0, 1)), -kl(first, start, 0, arithmetic) - later)


def chained(arithmetic: Arithmetic, first: Numbers, second: Numbers) -> Any:
    """E log q(ẑ_1, ẑ_2) against E[log q(ẑ_1) + log q(ẑ_2|ẑ_1)]."""
    joint = first[:, None] * second
    parts = arithmetic.log(first)[:, None] + arithmetic.log(second)
    axes = (0, 1)
    return sides((joint * arithmetic.log(joint)).sum(axis=axes), (joint * parts).sum(axis=axes))


def two_laws(arithmetic: Arithmetic, now: Numbers, after: Numbers) -> Any:
    """The laws of ẑ_t and of ẑ_{t+1}."""
    return sides(now, after)


# -- proofs ----------------------------------------------------------------------------------------


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


# -- claims ----------------------------------------------------------------------------------------

PAIR = {"first": LAW, "second": distribution("latents", "latents")}


SURE = {"prior": ["1/2", "1/2"], "decoder": [[1], [1]], "data": [1], "encoder": ["1/2", "1/2"]}


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
    r"\ldots + \sum_{t'=1}^t \log p(\hat z_{t'}|\hat z_{<t'}) - \sum_{t'=1}^t \log "
    r"p(\hat z_{t'}|\cdot) \text{ is a lower bound}",
    "Prior and posterior of the same latents, each given the earlier ones.",
    LATENT,
    Deduction(
        ("further.024.world.corrected", "further.024.chain.added"),
        "substitution of equals",
        "log p(ẑ_{1:t}) and log q(ẑ_{1:t}) as sums over t' = 1 … t",
    ),
    sample(bound, BOUND, ">= 0"),
)


row(
    "further.024.independent.printed",
    "refuted",
    F,
    r"\ldots + \sum_{t'} \log p(\hat z_{t'}) - \ldots \text{ is a lower bound for any law of "
    r"the latents: } p(\hat z_{1:t}) = \prod p(\hat z_{t'})",
    "Line 6 splits the prior into marginals, which takes the latents for independent; strategies "
    "that evolve are not. Two latents that stay: a = (0, 1) has evidence 3/16, and the line claims "
    "1/4.",
    LATENT,
    Counterexample(
        priors_apart,
        {
            "first": ["1/2", "1/2"],
            "second": [[1, 0], [0, 1]],
            "decoder": [["3/4", "1/4"], ["1/4", "3/4"]],
            "encoder": [["3/16", "9/16"], ["1/16", "3/16"]],
        },
    ),
)
row(
    "further.024.independent.corrected",
    "proved",
    F,
    r"E_q[\log p(\hat z_{1:t}) - \log q(\hat z_{1:t})] = -\sum_{t'=1}^t E_q D_{KL}\big(q(\cdot|"
    r"\hat z_{<t'}) \| p(\cdot|\hat z_{<t'})\big)",
    "A divergence of conditional laws for each step. With independent latents on both sides it is "
    "the printed sum.",
    LATENT,
    Deduction(
        ("further.024.chain.added", "further.024.summary.corrected"),
        ("backward induction over time", "substitution of equals"),
        "split off the last latent, given the earlier ones its two terms are minus a divergence",
    ),
    sample(
        chained_divergences,
        instances(
            {**SIZES, "opponent_actions": (1, 1)},
            **PAIR,
            start=LAW,
            onward=distribution("latents", "latents"),
        ),
    ),
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
    "further.E.1.index.printed",
    "refuted",
    "FURTHER E.1; FURTHER E.3",
    r"\hat z_t \text{ is sampled from the encoder's } p(\hat z_{t+1}|\hat z_t, \tau_t)",
    "That is the law of ẑ_{t+1}, as line 18 has it. Decoder and policy at t use ẑ_t, the sample of "
    "the step before.",
    LATENT,
    Counterexample(two_laws, {"now": [1, 0], "after": [0, 1]}, "== 0"),
)
