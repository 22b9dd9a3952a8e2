"""Expectation-maximisation: tilt the prior by an action value, follow the tilt, evaluate it.

    L(θ, ω) = E_U E_ρ[E_π Q_ω − KL(π‖P)/β] − E_U KL(ρ‖P)/β                         report (91)
    E   π*(a|s,b) ∝ P(a|s,b) exp(β Q),   ρ*(b|s) ∝ P(b|s) exp(β Q(s,b))             (89), (93)
    M   θ ← π*, ρ* by weighted maximum likelihood;   ω ← the value of the policies θ      (92)

in reward units; P is the last policy, or the prior for ever. As printed, (91) has the divergences
without their expectations and ρ(a^i|s) for ρ(a^-i|s), and (92)'s maximum over ω does not exist,
L being linear in Q: the M step has to be policy evaluation. (100) has lost an exp. The exact
answers are :func:`tabular_marl.rommeo_em` and :func:`tabular_marl.em`.

Shapes: n samples, A agent's actions, B opponent's; q, log_agent [n, A, B]; log_opponent
[n, 1, B], and log priors broadcast.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tabular_marl.deep.free_energy import log_tilt
from tabular_marl.deep.losses._mean import mean
from tabular_marl.deep.losses.joint import AGENT, OPPONENT, partial_q


def bound_loss(
    q: Tensor,
    log_agent: Tensor,
    log_opponent: Tensor,
    log_agent_prior: Tensor,
    log_opponent_prior: Tensor,
    beta: float,
    weights: Tensor | None = None,
) -> Tensor:
    """−β L(θ, ω), the E step's loss where π and ρ are networks; Q held fixed. Report (91), (92).

    In log units. For β of either sign the minimiser is (π*, ρ*), the loss there −β E[F_β[P](Q)].
    """
    joint = (log_agent + log_opponent).exp()
    ratio = log_agent - log_agent_prior + log_opponent - log_opponent_prior
    return mean((joint * (ratio - beta * q.detach())).sum((AGENT, OPPONENT)), weights)


def e_step(
    q: Tensor, log_agent_prior: Tensor, log_opponent_prior: Tensor, beta: float
) -> tuple[Tensor, Tensor]:
    """log π* [n, A, B] and log ρ* [n, 1, B]. Report (89), (93)."""
    log_agent = log_tilt(q, log_agent_prior, beta, AGENT)
    ahead = partial_q(q, log_agent_prior, beta, AGENT)
    return log_agent, log_tilt(ahead, log_opponent_prior, beta, OPPONENT)


def opponent_e_step(
    opponent_q: Tensor, log_agent: Tensor, log_opponent_prior: Tensor, beta: float
) -> Tensor:
    """log ρ* ∝ log P(b|s) + β F_β[π](Q^-i(s,·,b)), on the opponent's own reward; [n, 1, B].

    π is the agent's new policy. Report (99), and (100) with its exp.
    """
    ahead = partial_q(opponent_q, log_agent, beta, AGENT)
    return log_tilt(ahead, log_opponent_prior, beta, OPPONENT)


def likelihood_loss(
    log_policy: Tensor,
    log_target: Tensor,
    log_last: Tensor,
    kl_weight: float = 0.0,
    weights: Tensor | None = None,
    dim: int = AGENT,
) -> Tensor:
    """−E_π*[log π_θ] + w KL(π_last ‖ π_θ) along ``dim``, averaged over the rest. Report (92).

    Its minimiser is (π* + w π_last)/(1 + w): the E step where w = 0, a smaller step where not.
    """
    target, last = log_target.exp().detach(), log_last.exp().detach()
    near = torch.where(last > 0, last * (log_last.detach() - log_policy), 0.0)
    return mean((kl_weight * near - torch.xlogy(target, log_policy.exp())).sum(dim), weights)


def sampled_likelihood_loss(
    log_policy: Tensor, q: Tensor, beta: float, weights: Tensor | None = None
) -> Tensor:
    """−Σ_k w_k log π_θ(a_k|s), w = softmax_k(β Q(s,a_k)) at a_k ~ P; both [n, K]. Report (92).

    The weights are self-normalised importance weights of π* to P: biased by O(1/K).
    """
    share = torch.softmax(beta * q.detach(), -1)
    return mean(-(share * log_policy).sum(-1), weights)


def temperature_loss(
    q: Tensor,
    log_prior: Tensor,
    temperature: Tensor,
    bound: float,
    weights: Tensor | None = None,
    dim: int = AGENT,
) -> Tensor:
    """η ε + η log E_P[exp(Q/η)], the dual of the E step with E[KL(π*‖P)] <= ε for a fixed β.

    Convex in the ``temperature`` η = 1/β > 0, in reward units; its slope is ε − E[KL(tilt ‖ P)], so
    it is least where the tilt spends the ``bound`` ε, and at η = 0 where none can. Q is held fixed.
    With K samples of P, ``log_prior`` is −log K. MPO's dual (Abdolmaleki et al. 2018, section 3.1);
    the report's β is a constant.
    """
    value = temperature * torch.logsumexp(q.detach() / temperature + log_prior, dim)
    return temperature * bound + mean(value, weights)


def expected_value(q: Tensor, log_agent: Tensor, log_opponent: Tensor) -> Tensor:
    """V = E_ρ E_π[Q], [n]: the plain return, the report's "not the soft Q". Report (92).

    For the regularised value charge the ratios first:
    :func:`tabular_marl.deep.losses.joint.sampled_next_value` for q.
    """
    return ((log_agent + log_opponent).exp() * q).sum((AGENT, OPPONENT))
