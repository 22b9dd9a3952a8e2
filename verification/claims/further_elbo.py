"""The evidence bound of the inference module. FURTHER (24), lines 1 to 5, F.

    log Σ_z p(z) p(a|z)  >=  E_q[log p(a|z) + log p(z) − log q(z)],    gap = KL(q ‖ p(z|a))

a = a^{-i}_{1:t} given the states, z = ẑ_{1:t}. Any q, whatever it is conditioned on, gives a bound;
it is tight at the posterior alone, which sees τ_t where the encoder stops at τ_{t−1}. Line 6 is in
further_elbo_model, the summary in further_elbo_summary. Shapes: prior, encoder [Z]; decoder [Z, B];
data [B] the law of a.
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
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._further import sample
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
F = "FURTHER (24); FURTHER F"

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
