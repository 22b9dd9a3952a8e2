"""FURTHER: maximise the average reward against others who learn.     FURTHER (11)-(14), Algorithm 1

    inference   ẑ' ~ N(enc(s, a, r, s', ẑ)), p_dec(a^-i|s, ẑ)                            (11)
    critic      y = r − ρ + v(s', ẑ'),  v from the decoder's law and the twin targets    (12), (13)
    actor       Σ_a π (min q − α log π) at the replayed a^-i                              (14)

Discrete actions, k = 1. As in the authors' code, actor and critic train on the last transition and
the inference on the last ``window`` of them, without back-propagation through time.
Shapes: seeds first, [N, …]; obs [N, O].
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from tabular_marl.deep.agents.base import Agent
from tabular_marl.deep.losses import baselines, further
from tabular_marl.deep.parts.inference import Inference
from tabular_marl.deep.parts.networks import follow


class Further(Agent):
    """N FURTHER agents; the latent stands for the others' policies."""

    modules = ("actor", "critics", "targets", "inference")
    buffers = ("gain", "best")
    _trained_by_critic: tuple[str, ...] = ("critic", "gain")

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        config, seeds, obs, z = self.config, self.seeds, self.observations, self.config.latent
        self.actor = self.network(obs + z, self.actions)
        self.critics = self.twins(obs + z + self.others, self.actions)
        self.targets = copy.deepcopy(self.critics).requires_grad_(False)
        self.inference = Inference(self, self.others)
        self.gain = nn.Parameter(torch.zeros(seeds, device=self.device))
        self.best = torch.full((seeds,), -torch.inf, device=self.device)
        self.optimisers = {
            "critic": self.adam(config.critic_rate, self.critics),
            "gain": self.adam(config.gain_rate, self.gain),
            "actor": self.adam(config.actor_rate, self.actor),
            "inference": self.adam(config.inference_rate, self.inference),
        }

    # -- acting ----------------------------------------------------------------------------------

    @torch.no_grad()
    def policy(self, obs: Tensor) -> Tensor:
        """π(·|s, ẑ) at the present latent, [N, A]."""
        return self._log_policy(obs, self.inference.latent).exp()

    def act(self, obs: Tensor) -> Tensor:
        """a ~ π(·|s, ẑ), [N]."""
        return self.sample(self.policy(obs))

    def observe(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """Take in one transition, infer ẑ', and train once the warm-up is over; the losses [·]."""
        taken, played = one_hot(action, self.actions), one_hot(other, self.others)
        before, latent = self.inference.infer(obs, taken, played, reward, after)
        self.count += 1
        if self.warming_up:
            self.best = torch.maximum(self.best, reward)
            if self.config.optimistic:
                self.gain.data.copy_(self.best)
            return {}
        row = (obs, before, action, played, reward, after, latent)
        return self.learn(*row, *self.inference.batch())

    def learn(
        self,
        obs: Tensor,
        before: Tensor,
        action: Tensor,
        played: Tensor,
        reward: Tensor,
        after: Tensor,
        latent: Tensor,
        *seen: Tensor,
    ) -> dict[str, Tensor]:
        """(12) and (11), then (14) with the critics so moved; ``before`` is ẑ, ``latent`` ẑ'."""
        taken = torch.cat([obs, before, played], 1)[:, None]  # what the critics see of it
        losses = {
            "critic": self._critic_loss(taken, action, reward, self._value(after, latent)),
            "inference": self.inference.loss(self._log_likelihood, *seen),
        }
        # disjoint parameters: one backward pass serves both
        self.step(losses["critic"] + losses["inference"], *self._trained_by_critic, "inference")
        follow(self.targets, self.critics, self.config.target_rate)
        losses["actor"] = self.step(self._actor_loss(obs, before, taken), "actor")
        return {name: loss.detach() for name, loss in losses.items()}

    # -- losses ----------------------------------------------------------------------------------

    def _critic_loss(self, taken: Tensor, action: Tensor, reward: Tensor, value: Tensor) -> Tensor:
        """(12) for both critics."""
        both = self.critics(taken)[:, :, 0]
        q = both.gather(2, action[:, None, None].expand(-1, 2, 1))[..., 0]
        return 2 * self._error(q, reward[:, None], value[:, None])

    def _error(self, q: Tensor, reward: Tensor, value: Tensor) -> Tensor:
        return further.critic_loss(q, reward, self.gain[:, None], value)

    @torch.no_grad()
    def _value(self, obs: Tensor, latent: Tensor) -> Tensor:
        """v(s, ẑ) of (13) from the targets, [N]."""
        q, others = self.at_every_reply(self.targets, obs, latent)
        log_policy = self._log_policy(obs, latent)
        return further.soft_value(q.mT, log_policy, others, self.config.temperature)

    def at_every_reply(
        self, critics: nn.Module, obs: Tensor, latent: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The smaller q at every action of the others, [N, B, A], and the decoder's law, [N, B]."""
        here = torch.cat([obs, latent], 1)[:, None]
        every = torch.eye(self.others, device=obs.device).expand(len(obs), -1, -1)
        inputs = torch.cat([here.expand(-1, self.others, -1), every], 2)
        law = torch.softmax(self.inference.decoder(here)[:, 0], 1)
        return critics(inputs).amin(1), law

    def _actor_loss(self, obs: Tensor, latent: Tensor, taken: Tensor) -> Tensor:
        """(14)."""
        with torch.no_grad():
            q = self.critics(taken).amin(1)[:, 0]
        return further.policy_loss(q, self._log_policy(obs, latent), self.config.temperature)

    @staticmethod
    def _log_likelihood(outputs: Tensor, other: Tensor) -> Tensor:
        """log p_dec(b|s, ẑ), [N, W−1]; ``other`` one-hot."""
        # the window's time comes last in memory, so that the choices are best in the middle
        return (torch.log_softmax(outputs.mT, 1) * other.mT).sum(1)

    # -- networks --------------------------------------------------------------------------------

    def _log_policy(self, obs: Tensor, latent: Tensor) -> Tensor:
        return torch.log_softmax(self.actor(torch.cat([obs, latent], 1)[:, None])[:, 0], 1)


class Lili(Further):
    """LILI: the same with a discounted target and no gain.                        FURTHER (25)"""

    _trained_by_critic = ("critic",)

    def _error(self, q: Tensor, reward: Tensor, value: Tensor) -> Tensor:
        return baselines.lili_critic_loss(q, reward, value, self.config.discount)
