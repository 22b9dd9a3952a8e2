"""The summary of the evidence bound: reconstruction and divergence. FURTHER (24), F, E.2.

    E_q[Σ_t' log p(a_t'|s_t', ẑ_t')] − w Σ_t' KL(q_t' ‖ p_t'),    w = 1 in a bound, 0.01 in E.2

Prior and posterior are of one ẑ_t', there is a divergence for each t', and the first term is a
gain. Shapes: prior, encoder [Z]; decoder [Z, B]; data [B].
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
    number,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._further import sample, symbols
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.further_elbo import (
    GIBBS,
    LATENT,
    LAW,
    MODEL,
    SIZES,
    F,
    log_evidence,
    reconstruction,
)

# -- formulas --------------------------------------------------------------------------------------


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


def reconstructions(arithmetic: Arithmetic, data: Numbers, other: Numbers) -> Any:
    """The first term of the summary, Σ_b data log p(b): at the right decoder p = data, against at
    another; one latent."""
    right = (data * arithmetic.log(data)).sum(axis=0)
    return sides(right, (data * arithmetic.log(other)).sum(axis=0))


def own_or_others(arithmetic: Arithmetic, own: Numbers, others: Numbers, data: Numbers) -> Any:
    """E log p(a^i|…) and E log p(a^{-i}|…); data [A, B] the law of both actions."""
    one = (data * arithmetic.log(own)[:, None]).sum(axis=(0, 1))
    return sides(one, (data * arithmetic.log(others)).sum(axis=(0, 1)))


# -- proofs ----------------------------------------------------------------------------------------


def prove_summary() -> Proof:
    q, log_p, log_q = symbols("q logp logq")
    what = "E_q[log p(ẑ) − log q(ẑ)] = −KL(q ‖ p), both at one ẑ"
    return prove_zero(q * (log_p - log_q) + q * (log_q - log_p), what)


# -- claims ----------------------------------------------------------------------------------------

row(
    "further.024.summary.printed",
    "refuted",
    F,
    r"E[\log p(\hat z_{t'-1}) - \log p(\hat z_{t'}|\tau_{t'-1})] = -D_{KL}(p(\hat z_{t'}|"
    r"\tau_{t'-1}) \| p(\hat z_{t'-1}))",
    "(24) takes the prior at the sample ẑ_{t'−1}, the KL takes the density of that prior at "
    "ẑ_{t'}.",
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
    "further.024.reconstruction.printed",
    "refuted",
    F,
    r"E \sum \log p(a_{t'}|s_{t'}, \hat z_{t'}) \text{ is a reconstruction \emph{loss}: least at "
    r"the right decoder}",
    "It is a log-likelihood, to be raised; the loss is minus it. With the name taken at its word, "
    "and line 25's minus, training would unlearn. (3/4, 1/4) against a fair coin.",
    LATENT,
    Counterexample(reconstructions, {"data": ["3/4", "1/4"], "other": ["1/2", "1/2"]}, "<= 0"),
)
row(
    "further.024.reconstruction.corrected",
    "proved",
    F,
    r"E \log p(a|s, \hat z) \text{ is greatest at } p = \text{the law of } a, \text{ and only "
    r"there}",
    "So the summary is maximised: likelihood less divergence, both signs as printed.",
    LATENT,
    Deduction((GIBBS,), "substitution of equals", "what is lost is KL(data ‖ p), 0 only at p"),
    sample(
        reconstructions,
        instances(
            {"latents": (1, 1), "opponent_actions": (1, 3)},
            data=distribution("opponent_actions"),
            other=distribution("opponent_actions"),
        ),
        ">= 0",
    ),
)
row(
    "further.024.superscript.printed",
    "refuted",
    F,
    r"\log p(\mathbf{a}^i|s, \hat z^i) \text{ of the summary is } \log p(\mathbf{a}^{-i}|s, \hat "
    r"z^{-i}) \text{ of line 6}",
    "The summary prints agent i's own actions and latents where line 6 has the others': it would "
    "reconstruct what i knows (perhaps the scan). i has one action, the others toss a coin: 0 "
    "against −log 2.",
    scope(actions=">= 1", opponent_actions=">= 1"),
    Counterexample(
        own_or_others,
        {"own": [1], "others": ["1/2", "1/2"], "data": [["1/2", "1/2"]]},
        "== 0",
    ),
)
