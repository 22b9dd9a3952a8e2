"""ROMMEO's opponent: a regularised model, a prior taken from what was observed.       report 1.1.1

    ρ(b|s) ∝ P(b|s) exp(β Q(s,b)),   Q(s,b) = F_β[P(·|s,b)](Q(s,·,b))                   (10)-(13)
    π(a|s,b) ∝ P(a|s,b) exp(β Q(s,a,b)),   played after b ~ ρ: the agent thinks ahead

Both by :func:`tabular_marl.deep.losses.soft.policy_loss` where actions can be enumerated. Where
they cannot, one sampled pair a = f(ε; s, b), b = g(ε'; s) trains them together; the prior P(b|s)
is fitted to the opponent's observed actions (a Gaussian over the last batch, as in ROMMEO's paper).
n samples; β of either sign, in 1/reward units.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tabular_marl.deep.losses._mean import mean


def sampled_pair_loss(
    q: Tensor,
    log_agent: Tensor,
    log_agent_prior: Tensor,
    log_opponent: Tensor,
    log_opponent_prior: Tensor,
    beta: float,
    weights: Tensor | None = None,
) -> Tensor:
    """log π/P + log ρ/P − β Q at reparameterised a ~ π(·|s,b), b ~ ρ(·|s); all [n].

    In expectation −β times the bound, whose maximiser is ROMMEO's pair; the gradient runs through
    both actions into every term, so ``q`` is not detached. Its mean over a at the exact π is
    log ρ/P − β Q(s,b), the opponent model's own loss. Report (7), (10)-(13).
    """
    ratio = log_agent - log_agent_prior + log_opponent - log_opponent_prior
    return mean(ratio - beta * q, weights)


def prior_loss(log_prob: Tensor, weights: Tensor | None = None) -> Tensor:
    """−log P(b|s) at the opponent's observed actions, [n]: its minimiser is their frequency."""
    return mean(-log_prob, weights)


def gaussian_prior(actions: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation [d] of observed actions [n, d]: the likeliest Gaussian."""
    share = torch.ones_like(actions[..., :1]) if weights is None else weights.unsqueeze(-1)
    share = share / share.sum(-2, keepdim=True)
    centre = (share * actions).sum(-2)
    spread = (share * (actions - centre.unsqueeze(-2)) ** 2).sum(-2)
    return centre, spread.sqrt()
