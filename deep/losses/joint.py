"""Two players under one reward: ROMMEO, PR2, Balancing-Q.          report (14), (57), (65)-(68)

    V(s) = F_outer[ F_inner[ Q(s, ·, ·) ] ],    Q = R + γ E V

in reward units; q [n, A, B], and the order of the two free energies is the system. The Q loss is
:func:`tabular_marl.deep.losses.soft.q_loss` with the value below; policies are tilts, trained by
:func:`tabular_marl.deep.losses.soft.policy_loss` on :func:`partial_q` (first mover) or on Q itself
(the player who answers).
"""

from __future__ import annotations

from torch import Tensor

from tabular_marl.deep.free_energy import free_energy
from tabular_marl.deep.losses.soft import charged, sampled_value

#: The axis of q [n, A, B] that a player's actions run along.
AGENT, OPPONENT = -2, -1


def partial_q(q: Tensor, log_prior: Tensor, beta: float, over: int) -> Tensor:
    """F_β[p](Q) over one player's axis, which is kept with length 1. Report (8), (20), (21), (67).

    ``over`` is AGENT or OPPONENT; ``log_prior`` broadcasts against q [n, A, B].
    """
    return free_energy(q, log_prior, beta, over).unsqueeze(over)


def value(
    q: Tensor,
    log_agent_prior: Tensor,
    log_opponent_prior: Tensor,
    beta_agent: float,
    beta_opponent: float,
    first: int = AGENT,
) -> Tensor:
    """V of the player who moves first, [n, A, B] → [n].                     Report (14), (25), (57)

    ``first=AGENT``: the opponent's free energy given a, then the agent's (PR2, Balancing-Q's
    agent's view); ``first=OPPONENT``: the other order (ROMMEO, the opponent's view, (65)).
    Priors broadcast against q; the first mover's has length 1 along the other's axis.
    """
    agent, opponent = (log_agent_prior, beta_agent), (log_opponent_prior, beta_opponent)
    inner, outer = (opponent, agent) if first == AGENT else (agent, opponent)
    answer = OPPONENT if first == AGENT else AGENT
    held = partial_q(q, *inner, over=answer)
    return free_energy(held, *outer, dim=first).squeeze(-1)


def nested_sampled_value(
    q: Tensor,
    log_agent_prior: Tensor,
    log_opponent_prior: Tensor,
    log_agent_proposal: Tensor,
    log_opponent_proposal: Tensor,
    beta_agent: float,
    beta_opponent: float,
) -> Tensor:
    """V of the opponent's view from K × L samples, q[n, K, L] of (b_k, a_l).        Report (65)

    Agent's arrays broadcast against [n, K, L], the opponent's [n, K]. Biased at both levels. Its
    inner line, and (67), are :func:`tabular_marl.deep.losses.soft.sampled_value`.
    """
    inner = sampled_value(q, log_agent_prior, log_agent_proposal, beta_agent)
    return sampled_value(inner, log_opponent_prior, log_opponent_proposal, beta_opponent)


def sampled_next_value(
    q: Tensor,
    log_agent: Tensor,
    log_agent_prior: Tensor,
    log_opponent: Tensor,
    log_opponent_prior: Tensor,
    beta_agent: float,
    beta_opponent: float,
) -> Tensor:
    """Q − (log π/p)/β^i − (log ρ/P)/β^-i at sampled (a, b): V in expectation, all [n].

    Equal to V at every (a, b) where both policies are the system's tilts. Report (7), (23).
    """
    alone = charged(q, log_agent, log_agent_prior, beta_agent)
    return charged(alone, log_opponent, log_opponent_prior, beta_opponent)
