"""The report's systems as pairs of free energies on tensors, and their exact tables.

    V(s) = F_outer[ F_inner[ Q(s, ·, ·) ] ],    Q(s,a,b) = R(s,a,b) + γ E[V(s')]

A system is which player's free energy is taken first, and with what β and prior: the recipe of
:mod:`tabular_marl.numerics.recipe`, whose solution is the exact answer here.

Tables (float64): q [S, A, B], value [S]; policies as logits laid along q's axes, [S, A, 1] or
[S, 1, B] for the first mover, [S, A, B] (normalised along the player's own axis) for the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.free_energy import log_tilt
from tabular_marl.deep.losses import joint
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.solve import solve
from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation, Recipe, check
from tabular_marl.solution import Solution
from tabular_marl.validation import InputError, one_of


def _both(first: int, agent: Any, opponent: Any) -> Recipe:
    steps = {AGENT: Aggregation(AGENT, *agent), OPPONENT: Aggregation(OPPONENT, *opponent)}
    return steps[1 - first], steps[first]


def _balancing(
    beta_agent: float,
    beta_opponent: float,
    view: str = "agent",
    agent_prior: Any = None,
    opponent_prior: Any = None,
) -> Recipe:
    first = AGENT if one_of("view", view, ("agent", "opponent")) == "agent" else OPPONENT
    return _both(first, (beta_agent, agent_prior), (beta_opponent, opponent_prior))


def _shared(first: int) -> Callable[..., Recipe]:
    def recipe(beta: float, agent_prior: Any = None, opponent_prior: Any = None) -> Recipe:
        return _both(first, (beta, agent_prior), (beta, opponent_prior))

    return recipe


#: model name -> its recipe from the model's own parameters. In "soft-q" both players' actions are
#: one decision maker's; with an opponent of one action it is the single agent of report (58).
RECIPES: dict[str, Callable[..., Recipe]] = {
    "soft-q": _shared(AGENT),
    "rommeo": _shared(OPPONENT),
    "pr2": _shared(AGENT),
    "balancing-q": _balancing,
}


@dataclass(frozen=True)
class Tables:
    """What a critic and an actor hold; the module's docstring fixes the shapes."""

    q: Tensor
    value: Tensor
    agent: Tensor
    opponent: Tensor

    @property
    def log_agent(self) -> Tensor:
        """log π."""
        return torch.log_softmax(self.agent, 1)

    @property
    def log_opponent(self) -> Tensor:
        """log ρ."""
        return torch.log_softmax(self.opponent, 2)

    def parameters(self) -> dict[str, Tensor]:
        """The four tensors by name."""
        return {name: getattr(self, name) for name in ("q", "value", "agent", "opponent")}

    def trainable(self) -> Tables:
        """Copies that are leaves with gradients."""
        return Tables(**{k: v.clone().requires_grad_() for k, v in self.parameters().items()})


@dataclass(frozen=True)
class Step:
    """One free energy: ``log_prior`` broadcasts against q's axes still there at ``axis``."""

    axis: int
    beta: float
    log_prior: Tensor


@dataclass(frozen=True)
class System:
    """A game under one recipe, with its exact solution as tables. ``steps`` innermost first."""

    game: StochasticGame
    steps: tuple[Step, Step]
    solution: Solution
    name: str

    @classmethod
    def of(cls, game: StochasticGame, model: str, **parameters: Any) -> System:
        """``model`` one of RECIPES, ``parameters`` those of its function, such as ``beta``.

        β must be finite and not 0: no policy loss has a minimiser of its own there.
        Raises InputError, NotConverged.
        """
        one_of("model", model, RECIPES)
        recipe = RECIPES[model](**parameters)
        for level in recipe:
            if level.beta == 0 or math.isinf(level.beta):
                raise InputError("beta", "be finite and not 0", f"it was {level.beta:g}")
        levels = check(recipe, game.num_states, game.action_counts)
        inner, outer = (
            Step(level.axis, level.beta, torch.from_numpy(level.prior.copy()).log())
            for level in levels
        )
        return cls(game, (inner, outer), solve(game, recipe), model)

    @cached_property
    def exact(self) -> Tables:
        """The exact solution."""
        return self.tables(torch.from_numpy(self.solution.q.copy()))

    @property
    def first(self) -> Step:
        """The free energy of the player who moves first."""
        return self.steps[1]

    @property
    def answer(self) -> Step:
        """That of the player who sees the first move."""
        return self.steps[0]

    @property
    def agent_first(self) -> bool:
        """Whether the agent moves first, so that its policy is [S, A, 1]."""
        return self.first.axis == AGENT

    def of_player(self, axis: int) -> Step:
        """The free energy over the agent's (0) or the opponent's (1) actions."""
        return next(step for step in self.steps if step.axis == axis)

    def partial_q(self, q: Tensor) -> Tensor:
        """The value of the first mover's actions; length 1 along the other's axis. q [n, A, B]."""
        return joint.partial_q(q, *self._at(self.answer), over=self.answer.axis + 1)

    def value(self, q: Tensor) -> Tensor:
        """V = F_outer[F_inner[q]], [S, A, B] → [S]."""
        agent, opponent = self.of_player(AGENT), self.of_player(OPPONENT)
        first = joint.AGENT if self.agent_first else joint.OPPONENT
        return joint.value(q, agent.log_prior, opponent.log_prior, agent.beta, opponent.beta, first)

    def tables(self, q: Tensor) -> Tables:
        """``q`` with the value and the policies that it implies."""
        first, answer = self.first, self.answer
        led = log_tilt(self.partial_q(q), *self._at(first), first.axis + 1)
        answered = log_tilt(q, *self._at(answer), answer.axis + 1)
        agent, opponent = (led, answered) if self.agent_first else (answered, led)
        return Tables(q, self.value(q), agent, opponent)

    def random(self, seed: int) -> Tables:
        """Independent tables of the same shapes: q, value and logits normal."""
        generator = torch.Generator().manual_seed(seed)
        drawn = {
            name: torch.randn(table.shape, generator=generator, dtype=table.dtype)
            for name, table in self.exact.parameters().items()
        }
        for name, axis in (("agent", AGENT), ("opponent", OPPONENT)):
            held = self.of_player(axis).log_prior > -math.inf  # others are never taken
            drawn[name] = torch.where(held, drawn[name], -math.inf)
        return Tables(**drawn)

    @staticmethod
    def _at(step: Step) -> tuple[Tensor, float]:
        return step.log_prior, step.beta
