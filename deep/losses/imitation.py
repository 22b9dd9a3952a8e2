"""Imitating the opponent: Balance-Imitation and the discriminator losses.     report (130)-(152)

    p(b|s) = P(b|s) exp(β Q(s,b)) / exp(β V(s))        the opponent by its reward: θ    (131), (132)
    ρ(b|s)                                             the generator: φ
    D(s,b) = p/(p + ρ) = σ(log p − log ρ)                                                    (134)

In reward units; a context m is one more input of Q, and (130), (141) add its divergence as in
:func:`tabular_marl.deep.losses.further.elbo_loss`. For a PR2 opponent (143) the pair (s, a) is the
state. Wrong as printed: (132) has β^i(s,a,b) for β^i R; (135) puts exp Q into the numerator of
1 − D and ends in −E[Z] for −E[log Z]; (137) *adds* log Ẑ, which the likelihood subtracts, loses exp
on the way there and lets Ẑ contain Z; (139), (140) have 4 E_μ for 2 E_μ and E[P] for E[log P], with
which the gradient is the likelihood's exactly and not up to "the multiplication"; (149) conditions
on φ where θ is inferred; (150) bounds q for q^(r); (152) has f* on the data and + for −, which is
unbounded. (148)'s product is no identity: its two expectations are a half each.

Losses are to be minimised; n samples, B opponent's actions, K proposals.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from tabular_marl.deep.free_energy import log_tilt
from tabular_marl.deep.losses import soft
from tabular_marl.deep.losses._mean import mean
from tabular_marl.deep.losses.joint import AGENT, OPPONENT, partial_q


def balance_log_opponent(
    q: Tensor,
    log_agent_prior: Tensor,
    log_opponent_prior: Tensor,
    beta_agent: float,
    beta_opponent: float | Tensor,
) -> Tensor:
    """log ρ(b|s), the answer of Balancing-Q's opponent's view; [n, A, B] → [n, B]. Report (132).

    ``beta_opponent`` may be a parameter: it is all of m where the rewards are proportional.
    """
    ahead = partial_q(q, log_agent_prior, beta_agent, AGENT)
    return log_tilt(ahead, log_opponent_prior, beta_opponent, OPPONENT).squeeze(AGENT)  # type: ignore[arg-type]


def likelihood_loss(log_expert: Tensor, weights: Tensor | None = None) -> Tensor:
    """−log p(b|s) at the observed actions, [n]. Report (130), its first term."""
    return mean(-log_expert, weights)


def sampled_likelihood_loss(
    q: Tensor,
    log_prior: Tensor,
    sampled_q: Tensor,
    sampled_log_prior: Tensor,
    log_mixture: Tensor,
    beta: float,
    weights: Tensor | None = None,
) -> Tensor:
    """−(log P + β Q) + log Ẑ, Ẑ = (1/K) Σ_k P(b_k|s) exp(β Q(s,b_k))/μ(b_k|s).

    Report (137). ``q``, ``log_prior`` [n] at observed actions; the samples [n, K] are drawn from
    μ = ½ data + ½ ρ.
    """
    partition = beta * soft.sampled_value(sampled_q, sampled_log_prior, log_mixture, beta)
    return mean(partition - log_prior - beta * q, weights)


def discriminator_logit(log_expert: Tensor, log_generator: Tensor) -> Tensor:
    """log D/(1 − D) = log p − log ρ, any shape. Report (134), (143)."""
    return log_expert - log_generator


def discriminator_loss(
    data_logit: Tensor,
    generated_logit: Tensor,
    data_weights: Tensor | None = None,
    generated_weights: Tensor | None = None,
) -> Tensor:
    """−E_data[log D] − E_ρ[log(1 − D)]; each [n]. Report (136), (141), (145).

    The best D is data/(data + ρ), so p becomes the data's law; the loss there is log 4 − 2 JSD.
    """
    return mean(softplus(-data_logit), data_weights) + mean(
        softplus(generated_logit), generated_weights
    )


def generator_loss(
    log_generator: Tensor, log_expert: Tensor, weights: Tensor | None = None
) -> Tensor:
    """−E_ρ[log D − log(1 − D)] = KL(ρ ‖ p), zero at ρ = p. Both [n, B]. Report (135).

    It is :func:`tabular_marl.deep.losses.soft.policy_loss` plus log Z; p is held fixed.
    """
    logit = discriminator_logit(log_expert.detach(), log_generator)
    return mean(-(log_generator.exp() * logit).sum(-1), weights)


def discriminator_log_posterior(
    log_prior: Tensor, data_logit: Tensor, generated_logit: Tensor
) -> Tensor:
    """log P(θ) + Σ log D + Σ log(1 − D), up to a constant. Report (148), (149).

    Logits [..., n]: one row a particle θ, whose gradients are the scores of
    :func:`tabular_marl.deep.losses.soft.svgd_direction`.
    """
    return log_prior + logsigmoid(data_logit).sum(-1) + logsigmoid(-generated_logit).sum(-1)


def importance_weighted_generator_loss(logit: Tensor, weights: Tensor | None = None) -> Tensor:
    """−Σ_k w̃_k log D(s_k, b_k), w̃ = softmax of the logits, held fixed; [n, K].

    Report (151). w_k = D/(1 − D): q^(r) = D at generated samples, over the density ratio
    P/P(·|y) = 1/(2 (1 − D)).
    b_k are reparameterised, so that the gradient in φ runs through them. K = 1 is −E[log D].
    """
    share = logit.detach().softmax(-1)
    return mean(-(share * logsigmoid(logit)).sum(-1), weights)


def divergence_loss(
    data_critic: Tensor,
    generated_conjugate: Tensor,
    data_weights: Tensor | None = None,
    generated_weights: Tensor | None = None,
) -> Tensor:
    """−E_data[T] + E_ρ[f*(T)]; at the best T = f'(data/ρ) it is −D_f(data ‖ ρ).

    Report (152). ``generated_conjugate`` is f*(T) at generated samples. KL: f*(t) = exp(t − 1).
    (136) is T = log D with f*(t) = −log(1 − eᵗ).
    """
    return mean(-data_critic, data_weights) + mean(generated_conjugate, generated_weights)
