"""Put somebody else's soft actor-critic on the bench: once as it is, once with three mistakes.

    .venv/bin/python examples/crosscheck_sac.py

The agent below knows nothing of this package: it calls q(states) and log_policy(states), which in
training are networks. The adapter gives it tables instead, and the cross-check does the rest.
"""

import math

import numpy as np
import torch

import tabular_marl as tm
from tabular_marl.deep.crosscheck import crosscheck
from tabular_marl.deep.systems import System


class DiscreteSAC:
    """Discrete soft actor-critic with a fixed temperature α: reward + α entropy."""

    def __init__(self, temperature, discount):
        self.temperature, self.discount = temperature, discount

    def target(self, reward, next_q, next_log_policy):
        soft = next_q - self.temperature * next_log_policy
        return (reward + self.discount * (next_log_policy.exp() * soft).sum(-1)).detach()

    def critic_loss(self, q_taken, target):
        return torch.nn.functional.mse_loss(q_taken, target, reduction="none")

    def actor_loss(self, q, log_policy):
        return (log_policy.exp() * (self.temperature * log_policy - q.detach())).sum(-1)


class HastySAC(DiscreteSAC):
    """The same written in a hurry: the entropy's sign, a factor two on the reward, and α in the
    actor's loss where α/2 crept in."""

    def target(self, reward, next_q, next_log_policy):
        soft = next_q + self.temperature * next_log_policy
        return (2 * reward + self.discount * (next_log_policy.exp() * soft).sum(-1)).detach()

    def actor_loss(self, q, log_policy):
        return (log_policy.exp() * (self.temperature / 2 * log_policy - q.detach())).sum(-1)


class Adapter:
    """Tables in place of networks. α H(π) is α log A more than −α KL(π ‖ uniform): take it off."""

    def __init__(self, agent, actions):
        self.agent = agent
        self.gauge = agent.discount * agent.temperature * math.log(actions)

    def target(self, tables, batch):
        q, log_policy = tables.q[..., 0], tables.log_agent[..., 0]
        after = batch.next_state
        return self.agent.target(batch.reward, q[after], log_policy[after]) - self.gauge

    def loss(self, tables, batch):
        q, log_policy = tables.q[..., 0], tables.log_agent[..., 0]
        taken = q[batch.state, batch.agent_action]
        critic = self.agent.critic_loss(taken, self.target(tables, batch))
        actor = self.agent.actor_loss(q, log_policy)[batch.state]
        return (batch.weight * (critic + actor)).sum()

    def agent_policy(self, tables):
        return tables.log_agent.exp()


def corridor(length=6, slip=0.2):
    """Walk left or right; a step slips back with probability ``slip``; the right end pays 1."""
    transition = np.zeros((length, 2, 1, length))
    for s in range(length):
        left, right = max(s - 1, 0), min(s + 1, length - 1)
        for a, (there, back) in enumerate([(left, right), (right, left)]):
            transition[s, a, 0, there] += 1 - slip
            transition[s, a, 0, back] += slip
    reward = np.zeros((length, 2, 1))
    reward[-1] = 1.0
    return tm.StochasticGame(transition, reward, discount=0.9, name="corridor")


if __name__ == "__main__":
    bench = System.of(corridor(), "soft-q", beta=4.0)
    states, actions, _ = bench.game.reward.shape
    for kind in (DiscreteSAC, HastySAC):
        found = crosscheck(Adapter(kind(0.25, bench.game.discount), actions), bench)
        print(f"{kind.__name__} on {bench.game.name}, {states} states:")
        for finding in found.findings:
            print(f"  {'pass' if finding.passed else 'FAIL'}  {finding.check}: {finding.says}")
