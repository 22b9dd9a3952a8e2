"""What every agent is: networks, one optimiser a group, a state that a checkpoint keeps.

    act(obs) -> action                                   [N, O] -> [N]
    observe(obs, action, other, reward, after) -> losses by name; empty while it warms up
    policy(obs) -> probabilities                         [N, A], for those who may look

N seeds at once; a loss is averaged within a seed and summed over seeds, so that they do not mix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tabular_marl.deep.parts.devices import draw
from tabular_marl.deep.parts.networks import Adam, SeedMLP, TwinMLP, clip_gradients


@dataclass(frozen=True)
class CommonConfig:
    """What every agent has: learning rates, γ, the warm-up's length ``window``, sizes.

    The defaults are FURTHER's Table 2 (IBS). With ``hidden`` 0 a network is linear: on one-hot
    observations a table.
    """

    critic_rate: float = 0.002
    actor_rate: float = 0.0005
    discount: float = 0.99
    window: int = 256  # "batch size": the inference window, and the length of the warm-up
    hidden: int = 32
    target_rate: float = 0.01
    clip: float = 1000.0


@dataclass(frozen=True)
class AgentConfig(CommonConfig):
    """The agents of FURTHER: α the entropy weight, and the inference of others.

    ``optimistic``: the gain starts at the largest reward of the warm-up, as in the authors' code,
    else at 0. ``epsilon`` is DRON's exploration, ``influence`` the weight of MOA's own reward:
    neither is published for these games.
    """

    gain_rate: float = 0.02
    inference_rate: float = 0.002
    temperature: float = 0.4
    latent: int = 5
    kl_weight: float = 0.01
    optimistic: bool = True
    epsilon: float = 0.05
    influence: float = 0.001


class Agent:
    """``modules`` and ``buffers`` are the names of what a checkpoint keeps.

    ``settings`` is the class of its config. Where it no longer ``learns`` it infers and acts on,
    and nothing is trained. ``learn`` is a training step from tensors alone, whatever was drawn for
    it among them, in place; an agent without one draws as it trains.
    """

    settings: type[CommonConfig] = AgentConfig
    modules: tuple[str, ...] = ()
    buffers: tuple[str, ...] = ()
    learns = True
    learn: Callable[..., dict[str, Tensor]] | None = None

    def __init__(
        self,
        config: Any,  # of the class ``settings``
        seeds: int,
        observations: int,
        actions: int,
        others: int,
        generator: torch.Generator,
    ) -> None:
        self.config, self.seeds, self.generator = config, seeds, generator
        self.observations, self.actions, self.others = observations, actions, others
        self.peer: Any = None  # the other player, for training that may look at its policy
        self.count = 0
        self.optimisers: dict[str, Adam] = {}

    def act(self, obs: Tensor) -> Tensor:
        """An action for each seed, [N]."""
        raise NotImplementedError

    def observe(
        self, obs: Tensor, action: Tensor, other: Tensor, reward: Tensor, after: Tensor
    ) -> dict[str, Tensor]:
        """Take in one transition, and train; the losses by name [·]."""
        raise NotImplementedError

    def policy(self, obs: Tensor) -> Tensor:
        """The probabilities of its actions, [N, A]."""
        raise NotImplementedError

    def network(self, inputs: int, outputs: int) -> SeedMLP:
        """Two hidden layers, or none, a network a seed."""
        return SeedMLP(self.seeds, self._sizes(inputs, outputs), self.generator)

    def twins(self, inputs: int, outputs: int) -> TwinMLP:
        """The same, two networks a seed."""
        return TwinMLP(self.seeds, self._sizes(inputs, outputs), self.generator)

    def _sizes(self, inputs: int, outputs: int) -> tuple[int, ...]:
        hidden = (self.config.hidden, self.config.hidden) if self.config.hidden else ()
        return (inputs, *hidden, outputs)

    def adam(self, rate: float, *parts: nn.Module | nn.Parameter) -> Adam:
        """Adam over the parameters of ``parts``."""
        held: list[nn.Parameter] = []
        for part in parts:
            held.extend([part] if isinstance(part, nn.Parameter) else part.parameters())
        return Adam(held, rate)

    def step(self, loss: Tensor, *names: str) -> Tensor:
        """One clipped Adam step of each named optimiser on a mean over seeds; the loss."""
        chosen = [self.optimisers[name] for name in names]
        every = [p for optimiser in chosen for p in optimiser.parameters]
        gradients = list(torch.autograd.grad(loss * self.seeds, every))
        for optimiser in chosen:
            own = gradients[: len(optimiser.parameters)]
            del gradients[: len(own)]
            clip_gradients(own, self.config.clip, self.seeds)
            optimiser.step(own)
        return loss.detach()

    def sample(self, probabilities: Tensor) -> Tensor:
        """An action for each seed, [N]."""
        return draw(probabilities, self.generator)

    @property
    def device(self) -> torch.device:
        """Where all its tensors live: with its random stream."""
        return self.generator.device

    @property
    def warming_up(self) -> bool:
        """Whether nothing is trained, yet or any more."""
        return not self.learns or self.count <= self.config.window

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {
            "modules": {name: getattr(self, name).state_dict() for name in self.modules},
            "optimisers": {name: held.state_dict() for name, held in self.optimisers.items()},
            "buffers": {name: getattr(self, name).detach() for name in self.buffers},
            "count": self.count,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        for name, held in state["modules"].items():
            getattr(self, name).load_state_dict(held)
        for name, held in state["optimisers"].items():
            self.optimisers[name].load_state_dict(held)
        for name, held in state["buffers"].items():
            getattr(self, name).data.copy_(held)
        self.count = state["count"]
