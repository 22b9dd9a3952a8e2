"""The inference of others who learn: a latent for their policies, and what explains their actions.

    ẑ_{t+1} ~ N(enc(s_t, s_{t+1}, a_t, b_t, r_t, ẑ_t)),   b_{t+1} ~ p_dec(·|s_{t+1}, ẑ_{t+1})

trained by (11) on the last ``window`` transitions, without back-propagation through time. Actions
are vectors: one-hot, laid on [−1, 1], or a mean of others'. Seeds first, [N, …].
Source: FURTHER (11), E.1, E.2.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tabular_marl.deep.agents.base import Agent
from tabular_marl.deep.losses import further
from tabular_marl.deep.parts.networks import evaluate
from tabular_marl.deep.parts.squashed import standard_normal
from tabular_marl.deep.parts.window import Window


class Inference(nn.Module):
    """``agent``'s encoder and decoder, with ``decoded`` outputs; ``latent`` [N, z] is ẑ_t."""

    latent: Tensor

    def __init__(self, agent: Agent, decoded: int) -> None:
        super().__init__()
        obs, z = agent.observations, agent.config.latent
        inputs = 2 * obs + agent.actions + agent.others + 1 + z
        self.encoder = agent.network(inputs, 2 * z)
        self.decoder = agent.network(obs + z, decoded)
        fields: dict[str, tuple[int, ...]] = {
            "inputs": (inputs,),
            "after": (obs,),
            "other": (agent.others,),
        }
        self.window = Window(agent.config.window, agent.seeds, fields, agent.device)
        self.register_buffer("latent", torch.zeros(agent.seeds, z, device=agent.device))
        self.kl_weight, self.generator = agent.config.kl_weight, agent.generator

    @torch.no_grad()
    def infer(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Take in one transition; ẑ before it and after it, [N, z]."""
        before = self.latent
        inputs = torch.cat([obs, after, action, other, reward[:, None], before], 1)
        mean, log_variance = self.posterior(inputs[:, None])
        noise = standard_normal(mean.shape, self.generator)
        self.latent = (mean + (log_variance / 2).exp() * noise)[:, 0]
        self.window.add(inputs=inputs, after=after, other=other)
        return before, self.latent

    def posterior(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of ẑ', [N, W, z]."""
        mean, log_variance = self.encoder(inputs).chunk(2, 2)
        return mean, log_variance.clamp(-20, 2)

    def decode(self, obs: Tensor, latent: Tensor) -> Tensor:
        """The decoder's outputs, [N, …, decoded]."""
        return evaluate(self.decoder, obs, latent)

    def batch(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What :meth:`loss` takes: the window's inputs, s', b [N, W, …], and noise [N, W, z]."""
        inputs, after, other = (self.window.last(name) for name in ("inputs", "after", "other"))
        shape = torch.Size((*inputs.shape[:2], self.latent.shape[1]))
        return inputs, after, other, standard_normal(shape, self.generator)

    def loss(
        self,
        log_likelihood: Callable[[Tensor, Tensor], Tensor],
        inputs: Tensor,
        after: Tensor,
        other: Tensor,
        noise: Tensor,
    ) -> Tensor:
        """(11): ẑ_{t+1} explains b_{t+1} and stays near the posterior before it.

        ``log_likelihood`` takes outputs [N, W−1, decoded] and actions to [N, W−1].
        """
        mean, log_variance = self.posterior(inputs)
        latent = (mean + (log_variance / 2).exp() * noise)[:, :-1]
        outputs = self.decode(after[:, :-1], latent)
        likely = log_likelihood(outputs, other[:, 1:])
        pairs = (mean[:, 1:], log_variance[:, 1:], mean[:, :-1], log_variance[:, :-1])
        return further.elbo_loss(likely, *pairs, self.kl_weight)
