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
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from tabular_marl.deep.losses import further, soft
from tabular_marl.deep.networks import SeedMLP, clip_gradients, follow
from tabular_marl.deep.window import Window

_MODULES = ("actor", "critics", "targets", "encoder", "decoder")


@dataclass(frozen=True)
class FurtherConfig:
    """Table 2 (IBS); learning rates of critic, gain, actor, inference; α the entropy weight."""

    critic_rate: float = 0.002
    gain_rate: float = 0.02
    actor_rate: float = 0.0005
    inference_rate: float = 0.002
    temperature: float = 0.4
    latent: int = 5
    discount: float = 0.99  # LILI's
    window: int = 256  # "batch size": the inference window, and the length of the warm-up
    hidden: int = 32
    target_rate: float = 0.01
    kl_weight: float = 0.01
    clip: float = 1000.0
    optimistic: bool = True  # the gain starts at the largest reward of the warm-up, else at 0


class Further:
    """N FURTHER agents; ``observations``, ``actions`` and ``others`` are the sizes O, A, B."""

    def __init__(
        self,
        config: FurtherConfig,
        seeds: int,
        observations: int,
        actions: int,
        others: int,
        generator: torch.Generator,
    ) -> None:
        self.config, self.actions, self.others, self.generator = config, actions, others, generator
        z, hidden = config.latent, (config.hidden, config.hidden)

        def network(inputs: int, outputs: int) -> SeedMLP:
            return SeedMLP(seeds, (inputs, *hidden, outputs), generator)

        self.actor = network(observations + z, actions)
        self.critics = nn.ModuleList(network(observations + z + others, actions) for _ in range(2))
        self.targets = copy.deepcopy(self.critics).requires_grad_(False)
        self.encoder = network(2 * observations + actions + others + 1 + z, 2 * z)
        self.decoder = network(observations + z, others)
        self.gain = nn.Parameter(torch.zeros(seeds))
        self.latent = torch.zeros(seeds, z)
        self.best = torch.full((seeds,), -torch.inf)
        rows = {"tau": (2 * observations + actions + others + 1,), "latent": (z,)}
        self.window = Window(config.window, seeds, rows | {"next": (observations,), "other": ()})
        self.optimisers = {
            "critic": torch.optim.Adam(self.critics.parameters(), config.critic_rate),
            "gain": torch.optim.Adam([self.gain], config.gain_rate),
            "actor": torch.optim.Adam(self.actor.parameters(), config.actor_rate),
            "inference": torch.optim.Adam(
                [*self.encoder.parameters(), *self.decoder.parameters()], config.inference_rate
            ),
        }

    # -- acting ----------------------------------------------------------------------------------

    @torch.no_grad()
    def act(self, obs: Tensor) -> Tensor:
        """a ~ π(·|s, ẑ), [N]."""
        log_policy = self._log_policy(obs, self.latent)
        return torch.multinomial(log_policy.exp(), 1, generator=self.generator)[:, 0]

    def observe(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """Take in one transition, infer ẑ', and train once the warm-up is over; the losses [·]."""
        taken, played = one_hot(action, self.actions), one_hot(other, self.others)
        tau = torch.cat([obs, after, taken, played, reward[:, None]], 1)
        before = self.latent
        with torch.no_grad():
            mean, log_variance = self._posterior(tau[:, None], before[:, None])
            noise = torch.randn(before.shape, generator=self.generator)
            self.latent = mean[:, 0] + (log_variance[:, 0] / 2).exp() * noise
        self.window.add(tau=tau, latent=before, next=after, other=other)
        if self.window.count <= self.config.window:
            self.best = torch.maximum(self.best, reward)
            if self.config.optimistic:
                self.gain.data.copy_(self.best)
            return {}
        return {
            "critic": self._train_critic(obs, before, action, played, reward, after),
            "actor": self._train_actor(obs, before, played),
            "inference": self._train_inference(),
        }

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: networks, optimisers, gain, latent, window."""
        modules = {name: getattr(self, name).state_dict() for name in _MODULES}
        steps = {name: held.state_dict() for name, held in self.optimisers.items()}
        rest = {"gain": self.gain.detach(), "latent": self.latent, "best": self.best}
        window = {"held": self.window.held, "count": self.window.count}
        return {"modules": modules, "optimisers": steps, "window": window, **rest}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        for name, held in state["modules"].items():
            getattr(self, name).load_state_dict(held)
        for name, held in state["optimisers"].items():
            self.optimisers[name].load_state_dict(held)
        self.window.held, self.window.count = state["window"]["held"], state["window"]["count"]
        self.latent, self.best = state["latent"], state["best"]
        with torch.no_grad():
            self.gain.copy_(state["gain"])

    # -- training --------------------------------------------------------------------------------

    def _train_critic(
        self,
        obs: Tensor,
        before: Tensor,
        action: Tensor,
        played: Tensor,
        reward: Tensor,
        after: Tensor,
    ) -> Tensor:
        """(12), with (13) from the targets; then the targets follow."""
        value = self._value(after, self.latent)
        inputs = torch.cat([obs, before, played], 1)[:, None]
        loss = torch.zeros(())
        for critic in self.critics:
            q = critic(inputs)[:, 0].gather(1, action[:, None])[:, 0]
            loss = loss + self._critic_loss(q, reward, value)
        self._step(loss * len(obs), "critic", "gain")
        follow(self.targets, self.critics, self.config.target_rate)
        return loss.detach()

    def _critic_loss(self, q: Tensor, reward: Tensor, value: Tensor) -> Tensor:
        return further.critic_loss(q, reward, self.gain, value)

    @torch.no_grad()
    def _value(self, obs: Tensor, latent: Tensor) -> Tensor:
        """v(s, ẑ) of (13), [N]."""
        seeds = len(obs)
        here = torch.cat([obs, latent], 1)[:, None]
        every = torch.eye(self.others).expand(seeds, -1, -1)
        inputs = torch.cat([here.expand(-1, self.others, -1), every], 2)
        q = torch.minimum(*(target(inputs) for target in self.targets)).transpose(1, 2)
        others = torch.softmax(self.decoder(here)[:, 0], 1)
        return further.soft_value(q, self._log_policy(obs, latent), others, self.config.temperature)

    def _train_actor(self, obs: Tensor, latent: Tensor, played: Tensor) -> Tensor:
        """(14)."""
        with torch.no_grad():
            inputs = torch.cat([obs, latent, played], 1)[:, None]
            q = torch.minimum(*(critic(inputs) for critic in self.critics))[:, 0]
        log_policy = self._log_policy(obs, latent)
        loss = further.policy_loss(q, log_policy, self.config.temperature)
        self._step(loss * len(obs), "actor")
        return loss.detach()

    def _train_inference(self) -> Tensor:
        """(11) over the window: ẑ_{t+1} explains a^-i_{t+1}, near the posterior before it."""
        window = self.window
        mean, log_variance = self._posterior(window.last("tau"), window.last("latent"))
        noise = torch.randn(mean.shape, generator=self.generator)
        latent = (mean + (log_variance / 2).exp() * noise)[:, :-1]
        logits = self.decoder(torch.cat([window.last("next")[:, :-1], latent], 2))
        other = window.last("other")[:, 1:].long()
        log_likelihood = torch.log_softmax(logits, 2).gather(2, other[..., None])[..., 0]
        pairs = (mean[:, 1:], log_variance[:, 1:], mean[:, :-1], log_variance[:, :-1])
        loss = further.elbo_loss(log_likelihood, *pairs, self.config.kl_weight)
        self._step(loss * len(mean), "inference")
        return loss.detach()

    def _step(self, loss: Tensor, *names: str) -> None:
        """One Adam step of each named optimiser; the loss is summed over seeds."""
        for name in names:
            self.optimisers[name].zero_grad()
        loss.backward()
        for name in names:
            held = self.optimisers[name].param_groups[0]["params"]
            clip_gradients(held, self.config.clip)
            self.optimisers[name].step()

    # -- networks --------------------------------------------------------------------------------

    def _log_policy(self, obs: Tensor, latent: Tensor) -> Tensor:
        return torch.log_softmax(self.actor(torch.cat([obs, latent], 1)[:, None])[:, 0], 1)

    def _posterior(self, tau: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of p(ẑ'|ẑ, τ), [N, W, z]."""
        mean, log_variance = self.encoder(torch.cat([tau, latent], 2)).chunk(2, 2)
        return mean, log_variance.clamp(-20, 2)


class Lili(Further):
    """LILI: the same with a discounted target and no gain.                        FURTHER (25)"""

    def _critic_loss(self, q: Tensor, reward: Tensor, value: Tensor) -> Tensor:
        return 2 * soft.q_loss(q, reward, value, self.config.discount)

    def _step(self, loss: Tensor, *names: str) -> None:
        super()._step(loss, *(name for name in names if name != "gain"))
