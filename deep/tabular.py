"""A tabular actor-critic made of the package's own losses: the reference for the cross-check.

target(tables, batch)  R + γ V(s'), V from the q table by the system's free energies
loss(tables, batch)    Q loss + value loss + both policy losses      report (59)-(61), (65)-(68)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tabular_marl.deep.enumeration import Batch
from tabular_marl.deep.losses import soft
from tabular_marl.deep.systems import System, Tables
from tabular_marl.numerics.recipe import AGENT, OPPONENT


@dataclass(frozen=True)
class TabularActorCritic:
    """``system``'s updates on tables; see the module docstring."""

    system: System

    def target(self, tables: Tables, batch: Batch) -> Tensor:
        """R + γ V(s') at every sample, [n]. Report (60), (66)."""
        after = self.system.value(tables.q)[batch.next_state]
        return soft.q_target(batch.reward, after, self.system.game.discount)

    def loss(self, tables: Tables, batch: Batch) -> Tensor:
        """The sum of the four losses; each trains its own table."""
        system, gamma = self.system, self.system.game.discount
        after = system.value(tables.q.detach())[batch.next_state]
        total = soft.q_loss(tables.q[batch.taken], batch.reward, after, gamma, batch.weight)
        for axis, log_policy in ((AGENT, tables.log_agent), (OPPONENT, tables.log_opponent)):
            step = system.of_player(axis)
            q = tables.q if step is system.answer else system.partial_q(tables.q)
            at = batch.state
            prior = step.log_prior.expand(log_policy.shape)[at]
            total = total + soft.policy_loss(
                log_policy[at], q[at], prior, step.beta, batch.weight, axis + 1
            )
        first = system.first
        policy = tables.log_agent if system.agent_first else tables.log_opponent
        flat = [
            t.flatten(1)[batch.state]
            for t in (system.partial_q(tables.q), policy, first.log_prior.expand(policy.shape))
        ]
        return total + soft.value_loss(tables.value[batch.state], *flat, first.beta, batch.weight)

    def agent_policy(self, tables: Tables) -> Tensor:
        """π, [S, A, 1] or [S, A, B]."""
        return torch.exp(tables.log_agent)
