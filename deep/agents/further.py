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
from tabular_marl.deep.parts.networks import follow
from tabular_marl.deep.parts.window import Window


class Further(Agent):
    """N FURTHER agents; the latent stands for the others' policies."""

    modules = ("actor", "critics", "targets", "encoder", "decoder", "window")
    buffers = ("gain", "latent", "best")
    _trained_by_critic: tuple[str, ...] = ("critic", "gain")

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        config, seeds, obs, z = self.config, self.seeds, self.observations, self.config.latent
        self.actor = self.network(obs + z, self.actions)
        self.critics = self.twins(obs + z + self.others, self.actions)
        self.targets = copy.deepcopy(self.critics).requires_grad_(False)
        transition = 2 * obs + self.actions + self.others + 1
        self.encoder = self.network(transition + z, 2 * z)
        self.decoder = self.network(obs + z, self.others)
        self.gain = nn.Parameter(torch.zeros(seeds))
        self.latent = torch.zeros(seeds, z)
        self.best = torch.full((seeds,), -torch.inf)
        rows = {"inputs": (transition + z,), "next": (obs,), "other": ()}
        self.window = Window(config.window, seeds, rows)
        self.optimisers = {
            "critic": self.adam(config.critic_rate, self.critics),
            "gain": self.adam(config.gain_rate, self.gain),
            "actor": self.adam(config.actor_rate, self.actor),
            "inference": self.adam(config.inference_rate, self.encoder, self.decoder),
        }

    # -- acting ----------------------------------------------------------------------------------

    @torch.no_grad()
    def policy(self, obs: Tensor) -> Tensor:
        """π(·|s, ẑ) at the present latent, [N, A]."""
        return self._log_policy(obs, self.latent).exp()

    def act(self, obs: Tensor) -> Tensor:
        """a ~ π(·|s, ẑ), [N]."""
        return self.sample(self.policy(obs))

    def observe(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """Take in one transition, infer ẑ', and train once the warm-up is over; the losses [·]."""
        taken, played = one_hot(action, self.actions), one_hot(other, self.others)
        before = self.latent
        inputs = torch.cat([obs, after, taken, played, reward[:, None], before], 1)
        with torch.no_grad():
            mean, log_variance = self._posterior(inputs[:, None])
            noise = torch.randn(before.shape, generator=self.generator)
            self.latent = mean[:, 0] + (log_variance[:, 0] / 2).exp() * noise
        self.window.add(inputs=inputs, next=after, other=other)
        self.count += 1
        if self.warming_up:
            self.best = torch.maximum(self.best, reward)
            if self.config.optimistic:
                self.gain.data.copy_(self.best)
            return {}
        taken = torch.cat([obs, before, played], 1)[:, None]  # what the critics see of it
        many = (self.seeds, self.config.window, self.config.latent)
        noise = torch.randn(many, generator=self.generator)
        losses = {
            "critic": self._critic_loss(taken, action, reward, self._value(after, self.latent)),
            "inference": self._inference_loss(noise),
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
        here = torch.cat([obs, latent], 1)[:, None]
        every = torch.eye(self.others).expand(len(obs), -1, -1)
        inputs = torch.cat([here.expand(-1, self.others, -1), every], 2)
        q = self.targets(inputs).amin(1).mT
        others = torch.softmax(self.decoder(here)[:, 0], 1)
        return further.soft_value(q, self._log_policy(obs, latent), others, self.config.temperature)

    def _actor_loss(self, obs: Tensor, latent: Tensor, taken: Tensor) -> Tensor:
        """(14)."""
        with torch.no_grad():
            q = self.critics(taken).amin(1)[:, 0]
        return further.policy_loss(q, self._log_policy(obs, latent), self.config.temperature)

    def _inference_loss(self, noise: Tensor) -> Tensor:
        """(11) over the window: ẑ_{t+1} explains a^-i_{t+1}, near the posterior before it."""
        window = self.window
        mean, log_variance = self._posterior(window.last("inputs"))
        latent = (mean + (log_variance / 2).exp() * noise)[:, :-1]
        logits = self.decoder(torch.cat([window.last("next")[:, :-1], latent], 2))
        other = window.last("other")[:, None, 1:].long()
        log_likelihood = torch.log_softmax(logits.mT, 1).gather(1, other)[:, 0]
        pairs = (mean[:, 1:], log_variance[:, 1:], mean[:, :-1], log_variance[:, :-1])
        return further.elbo_loss(log_likelihood, *pairs, self.config.kl_weight)

    # -- networks --------------------------------------------------------------------------------

    def _log_policy(self, obs: Tensor, latent: Tensor) -> Tensor:
        return torch.log_softmax(self.actor(torch.cat([obs, latent], 1)[:, None])[:, 0], 1)

    def _posterior(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of p(ẑ'|τ, ẑ), [N, W, z]; ``inputs`` are τ and ẑ side by side."""
        mean, log_variance = self.encoder(inputs).chunk(2, 2)
        return mean, log_variance.clamp(-20, 2)


class Lili(Further):
    """LILI: the same with a discounted target and no gain.                        FURTHER (25)"""

    _trained_by_critic = ("critic",)

    def _error(self, q: Tensor, reward: Tensor, value: Tensor) -> Tensor:
        return baselines.lili_critic_loss(q, reward, value, self.config.discount)
