"""Tabular actor-critics made of the package's own losses: the references for the cross-check.

target(tables, batch)  R + γ V(s'), V from the q table as the system says
loss(tables, batch)    Q loss + value loss + the losses of the policies
                       report (59)-(61), (65)-(68); (72)-(76); (91)-(93); FURTHER (12)-(14), (25)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.losses import baselines, em, further, opponent, options, soft
from tabular_marl.deep.systems import OptionBatch, OptionSystem, RecipeSystem, System, Tables
from tabular_marl.deep.systems.enumeration import Batch
from tabular_marl.numerics.recipe import AGENT, OPPONENT


def own(system: System) -> Any:
    """The package's own updates for ``system``."""
    if isinstance(system, OptionSystem):
        return TabularOptions(system)
    kinds: dict[str, Any] = {
        "further": TabularFurther,
        "lili": TabularLili,
        "masac": TabularMasac,
        "rommeo-em": TabularEM,
    }
    return kinds.get(system.name, TabularActorCritic)(system)


def _after(values: Tensor, batch: Any) -> Tensor:
    """Values at s', 0 where s' ends the episode."""
    return torch.where(batch.terminated, 0.0, values)


@dataclass(frozen=True)
class TabularActorCritic:
    """The updates of two free energies on tables; see the module's docstring."""

    system: RecipeSystem

    def target(self, tables: Tables, batch: Batch) -> Tensor:
        """R + γ V(s') at every sample, [n]. Report (60), (66)."""
        after = _after(self.system.value(tables.q)[batch.next_state], batch)
        return soft.q_target(batch.reward, after, self.system.discount)

    def loss(self, tables: Tables, batch: Batch) -> Tensor:
        """The sum of the losses; each trains its own table."""
        after = _after(self.system.value(tables.q.detach())[batch.next_state], batch)
        gamma = self.system.discount
        total = soft.q_loss(tables.q[batch.taken], batch.reward, after, gamma, batch.weight)
        return total + self._policies(tables, batch) + self._value(tables, batch)

    def _policies(self, tables: Tables, batch: Batch) -> Tensor:
        total = torch.zeros((), dtype=tables.q.dtype)
        system = self.system
        for axis, log_policy in ((AGENT, tables.log_agent), (OPPONENT, tables.log_opponent)):
            step = system.of_player(axis)
            at = batch.state
            if step.given:  # the model of a given opponent is fitted to what it does
                seen = log_policy[at, 0, batch.opponent_action]
                total = total + opponent.prior_loss(seen, batch.weight)
                continue
            q = tables.q if step is system.answer else system.partial_q(tables.q)
            prior = step.log_prior.expand(log_policy.shape)[at]
            total = total + soft.policy_loss(
                log_policy[at], q[at], prior, step.beta, batch.weight, axis + 1
            )
        return total

    def _value(self, tables: Tables, batch: Batch) -> Tensor:
        system, at = self.system, batch.state
        first = system.first
        if first.given:
            worth = system.partial_q(tables.q.detach()).squeeze(1)
            seen = worth[at, batch.opponent_action]
            # its mean over the opponent's replayed actions is the value
            return soft.q_loss(tables.value[at], seen, torch.zeros_like(seen), 0.0, batch.weight)
        policy = tables.log_agent if system.agent_first else tables.log_opponent
        q, log_policy, log_prior = (
            t.flatten(1)[at]
            for t in (system.partial_q(tables.q), policy, first.log_prior.expand(policy.shape))
        )
        value = tables.value[at]
        return soft.value_loss(value, q, log_policy, log_prior, first.beta, batch.weight)

    def agent_policy(self, tables: Tables) -> Tensor:
        """π, [S, A, 1] or [S, A, B]."""
        return tables.policy("agent")


@dataclass(frozen=True)
class TabularFurther:
    """FURTHER's critic, gain and actor, the decoder fitted to the others' actions. (11)-(14)"""

    system: RecipeSystem

    @property
    def temperature(self) -> float:
        """α."""
        return 1 / self.system.of_player(AGENT).beta

    def _soft(self, tables: Tables, batch: Batch) -> Tensor:
        """v(s', ẑ') of (13), [n]."""
        held = tables.q, tables.log_agent[..., 0], tables.policy("opponent")[:, 0]
        return further.soft_value(*held, self.temperature)[batch.next_state]

    def target(self, tables: Tables, batch: Batch) -> Tensor:
        """r − ρ + v(s', ẑ')."""
        return further.critic_target(batch.reward, tables.gain, self._soft(tables, batch))

    def _critic(self, tables: Tables, batch: Batch) -> Tensor:
        after = self._soft(tables, batch)
        q = tables.q[batch.taken]
        return further.critic_loss(q, batch.reward, tables.gain, after, batch.weight)

    def loss(self, tables: Tables, batch: Batch) -> Tensor:
        """Critic and gain, actor, decoder."""
        at, replayed = batch.state, batch.opponent_action
        q = tables.q[at, :, replayed]
        log_policy = tables.log_agent[at, :, 0]
        actor = further.policy_loss(q, log_policy, self.temperature, batch.weight)
        decoder = opponent.prior_loss(tables.log_opponent[at, 0, replayed], batch.weight)
        return self._critic(tables, batch) + actor + decoder

    def agent_policy(self, tables: Tables) -> Tensor:
        """π, [S, A, 1]."""
        return tables.policy("agent")


class TabularLili(TabularFurther):
    """LILI: the discounted critic in place of the gain.                            FURTHER (25)"""

    def target(self, tables: Tables, batch: Batch) -> Tensor:
        """r + γ v(s', ẑ')."""
        after = self._soft(tables, batch)
        return soft.q_target(batch.reward, after, self.system.discount)

    def _critic(self, tables: Tables, batch: Batch) -> Tensor:
        after = self._soft(tables, batch)
        q, gamma = tables.q[batch.taken], self.system.discount
        return baselines.lili_critic_loss(q, batch.reward, after, gamma, batch.weight)


class TabularMasac(TabularLili):
    """MASAC: the others' own policies, looked up in training, for a decoder's.      FURTHER (26)"""

    def _critic(self, tables: Tables, batch: Batch) -> Tensor:
        policy = tables.policy("agent")[..., 0]
        others = tables.policy("opponent")[:, 0]
        worth = torch.einsum("sa,sb,sab->s", policy, others, tables.q)[batch.next_state]
        log_prob = torch.xlogy(policy, policy).sum(1)[batch.next_state]
        return baselines.masac_critic_loss(
            tables.q[batch.taken],
            batch.reward,
            worth,
            log_prob,
            self.temperature,
            self.system.discount,
            batch.weight,
        )


@dataclass(frozen=True)
class TabularEM(TabularActorCritic):
    """EM with the priors kept: evaluate the policies, follow their tilts.       report (91)-(93)"""

    def _plain(self, tables: Tables, batch: Batch) -> Tensor:
        worth = em.expected_value(tables.q, tables.log_agent, tables.log_opponent)
        return _after(worth[batch.next_state].detach(), batch)

    def target(self, tables: Tables, batch: Batch) -> Tensor:
        """R + γ E[Q(s')]."""
        return soft.q_target(batch.reward, self._plain(tables, batch), self.system.discount)

    def loss(self, tables: Tables, batch: Batch) -> Tensor:
        """Evaluation, both likelihoods, and the value table."""
        system, at = self.system, batch.state
        after, gamma = self._plain(tables, batch), system.discount
        total = soft.q_loss(tables.q[batch.taken], batch.reward, after, gamma, batch.weight)
        agent, model = system.of_player(AGENT), system.of_player(OPPONENT)
        priors = agent.log_prior.expand_as(tables.q), model.log_prior
        tilts = em.e_step(tables.q.detach(), *priors, agent.beta)
        policies = tables.log_agent, tables.log_opponent
        for log_policy, tilt, axis in zip(policies, tilts, (1, 2), strict=True):
            total = total + em.likelihood_loss(
                log_policy[at], tilt[at], tilt[at], weights=batch.weight, dim=axis
            )
        held = em.expected_value(tables.q, *policies).detach()[at]
        zero = torch.zeros_like(held)
        return total + soft.q_loss(tables.value[at], held, zero, 0.0, batch.weight)


@dataclass(frozen=True)
class TabularOptions:
    """Soft options: critic, arrival value, low level, master, termination.      report (72)-(76)"""

    system: OptionSystem

    def target(self, tables: Tables, batch: OptionBatch) -> Tensor:
        """R + γ U(s', z) at every sample, [n]. Report (76)."""
        after = self.system.value(tables.q)[batch.next_state, batch.option]
        return soft.q_target(batch.reward, _after(after, batch), self.system.discount)

    def loss(self, tables: Tables, batch: OptionBatch) -> Tensor:
        """The sum of the losses; each trains its own table."""
        system, at, beta = self.system, batch.state, self.system.beta
        value, _, choices, arrival = system.values(tables.q.detach())
        after = _after(arrival[batch.next_state, batch.option], batch)
        q = tables.q[batch.taken]
        total = soft.q_loss(q, batch.reward, after, system.discount, batch.weight)
        pairs = (
            (options.low_level_loss, tables.log_agent, tables.q),
            (options.master_loss, tables.log_master, value),
            (options.termination_loss, tables.log_termination, choices),
        )
        for (loss, log_policy, worth), prior in zip(pairs, system.log_priors, strict=True):
            held = prior.expand_as(log_policy)[at]
            total = total + loss(log_policy[at], worth[at], held, beta, batch.weight)
        arriving = arrival[at, batch.option]
        kept = tables.value[at, batch.option]
        return total + soft.q_loss(kept, arriving, torch.zeros_like(kept), 0.0, batch.weight)

    def agent_policy(self, tables: Tables) -> Tensor:
        """The low level, [S, A, Z]."""
        return tables.policy("agent")
