"""A system on the bench: a game, its exact solution as tables, and what correct code computes.

    target    Σ c_k fixed_k + γ v(s'),   v any of the system's ``right`` forms
    actor     ∂/∂logits of c E_π[log π − log p − β x], c > 0, x the actor's worth; its minimum is
              the tilt π ∝ p exp(β x)
    objective J = Σ_s μ(s) V^π(s), or the gain of π; ∇J = Σ_rows law Σ_a ∇π [x − (log π − log p)/β]

The terms that a system lists beside the right ones are what implementations get wrong; the checks
of :mod:`tabular_marl.deep.crosscheck.bench` look for them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.systems.tables import Tables
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import one_of

#: Tables that an implementation need not have.
OPTIONAL = ("twin",)


@dataclass(frozen=True)
class Actor:
    """A policy table and what it must be the tilt of.

    ``worths``: candidates for x by name, in the policy's shape or broadcasting to it; those in
    ``right`` are correct. ``rows``: weights of the rows that a loss may average over, by name.
    ``rarer`` makes more wrong candidates, looked at where no other fits.
    """

    name: str
    axis: int
    beta: float
    log_prior: Tensor
    worths: dict[str, Tensor]
    right: tuple[str, ...]
    rows: dict[str, Tensor]
    rarer: Callable[[], dict[str, Tensor]] = dict


@dataclass(frozen=True)
class Evaluation:
    """A policy of the agent, evaluated: tables with q = Q^π, J, ∇J by implicit differentiation.

    ``law`` weighs the rows of the agent's policy as ∇J does; ``likelihood`` is the gradient of
    E_law[Σ π* log π] in EM, where the policy follows the tilt π* of its own evaluation.
    """

    tables: Tables
    value: Tensor
    gradient: Tensor
    law: Tensor
    likelihood: Tensor | None = None


@dataclass(frozen=True)
class Wanted:
    """The right target: coefficients of the fixed terms, and of the value at s'."""

    fixed: Mapping[str, float]
    value: float
    right: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.fixed:
            return "V(s')"
        first, *rest = self.fixed.items()
        told = first[0] + "".join(f" {'+' if c > 0 else '-'} {name}" for name, c in rest)
        return f"{told} + {self.value:g}·V(s')" if self.value != 1 else f"{told} + V(s')"


class System(ABC):
    """See the module's docstring; :meth:`of` makes one by the name of a model."""

    game: StochasticGame
    name: str

    @staticmethod
    def of(game: StochasticGame, model: str, **parameters: Any) -> Any:
        """``model`` one of MODELS, ``parameters`` those of its function, such as ``beta``.

        β must be finite and not 0: no policy loss has a minimiser of its own there.
        Raises InputError, NotConverged.
        """
        from tabular_marl.deep.systems import MODELS

        return MODELS[one_of("model", model, MODELS)](game, **parameters)

    # -- what a system is -------------------------------------------------------------------------

    @property
    @abstractmethod
    def exact(self) -> Tables:
        """The exact solution."""

    @abstractmethod
    def tables(self, q: Tensor) -> Tables:
        """``q`` with the value, the twin and the policies that it implies."""

    @property
    @abstractmethod
    def supports(self) -> Mapping[str, Tensor]:
        """For each table of logits, which actions can be taken at all; broadcasts to it."""

    @abstractmethod
    def enumerate(self, law: Tensor | None = None) -> Any:
        """Every transition with its weight; ``law`` weighs the rows of the agent's policy."""

    @property
    @abstractmethod
    def wanted(self) -> Wanted:
        """The right target."""

    @abstractmethod
    def fixed(self, tables: Tables, batch: Any) -> dict[str, Tensor]:
        """The terms that every target has, per sample [n]."""

    @abstractmethod
    def values_after(self, tables: Tables, batch: Any) -> dict[str, Tensor]:
        """Candidates for what stands where v(s') should, per sample [n]; right ones first."""

    def suspects(self, tables: Tables, batch: Any) -> dict[str, Tensor]:
        """Rarer mistakes at s', per sample [n], tried one at a time where no other term fits."""
        return {}

    def extras(self, tables: Tables, batch: Any) -> dict[str, Tensor]:
        """What a target may have beside a value at s' and should not, per sample [n]."""
        return {}

    @abstractmethod
    def actors(self, tables: Tables, batch: Any) -> tuple[Actor, ...]:
        """The policies that a loss may train."""

    @abstractmethod
    def evaluate(self, logits: Tensor) -> Evaluation:
        """The agent's policy evaluated."""

    @abstractmethod
    def lost(self, policy: Tensor) -> Tensor:
        """What ``policy`` of the agent loses against the exact one, [S], reward units."""

    # -- what all systems share -------------------------------------------------------------------

    @cached_property
    def live(self) -> Tensor:
        """Which states are acted in, [S]: the others end the episode, and nothing trains them."""
        mask = torch.zeros(self.game.num_states, dtype=torch.bool)
        mask[self.enumerate().state] = True
        return mask

    def random(self, seed: int) -> Tables:
        """Independent tables of the exact ones' shapes: everything normal."""
        generator = torch.Generator().manual_seed(seed)
        drawn = {
            name: torch.randn(table.shape, generator=generator, dtype=table.dtype)
            for name, table in self.exact.parameters().items()
        }
        for name, held in self.supports.items():
            drawn[name] = torch.where(held, drawn[name], -math.inf)
        return Tables(drawn, self.exact.axes)

    def tried(self, seed: int) -> Tables:
        """Random tables to ask for a target at: a policy that is given is as given.

        A target may read it from its table, which code fits, or from the system that gives it.
        """
        return self.random(seed)

    def consistent(self, seed: int) -> Tables:
        """Tables of a random q: its own value, policies and twin; a gain is random."""
        drawn = self.random(seed)
        tables = self.tables(drawn.q)
        return tables.replaced(gain=drawn.gain) if "gain" in drawn.held else tables

    def distances(self, tables: Tables, trained: set[str]) -> dict[str, float]:
        """Largest entry of |table − exact| in live states; policies as probabilities."""
        found = {}
        for name in sorted(trained):
            one, other = tables.parameters()[name].detach(), self.exact.parameters()[name]
            if name in self.exact.axes:
                one, other = tables.policy(name).detach(), self.exact.policy(name)
            off = (one - other).abs()
            found[name] = float((off[self.live] if off.ndim else off).max())
        return found
