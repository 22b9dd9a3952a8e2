"""Soft options on tensors: an agent's low-level policies, its master and its termination.

    Q(s,a,z) = R(s,a) + γ E[U(s',z)],  V(s,z) = F[P](Q),  V^H(s) = F[P^H](V),  U = F[P^T](V, V^H)

                                                             report (72)-(76), in reward units
Tables: q, twin [S, A, Z]; value U [S, Z]; agent (the low level) [S, A, Z], master [S, Z],
termination [S, Z, 2] with (kept, dropped) on the last axis. A target is one of (s, a, z), z in
force while a is taken, and v is U(s', z). The opponent of the game must have one action.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tabular_marl.deep.free_energy import log_tilt
from tabular_marl.deep.losses import options as losses
from tabular_marl.deep.systems.base import Actor, Evaluation, System, Wanted
from tabular_marl.deep.systems.enumeration import enumerate_game, terminal_states
from tabular_marl.deep.systems.option_terms import LABELS, RIGHT, suspects, values_at
from tabular_marl.deep.systems.policy import evaluate
from tabular_marl.deep.systems.recipe import Step
from tabular_marl.deep.systems.tables import Tables
from tabular_marl.deep.systems.wrong import F_WITH, TWINS, variants
from tabular_marl.deep.systems.wrong_steps import wrongs
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.options import options
from tabular_marl.validation import InputError

AXES = {"agent": 1, "master": 1, "termination": 2}


@dataclass(frozen=True)
class OptionBatch:
    """Transitions with the option in force, all [n]; otherwise as Batch."""

    state: Tensor
    action: Tensor
    option: Tensor
    reward: Tensor
    next_state: Tensor
    weight: Tensor
    terminated: Tensor

    def __len__(self) -> int:
        return len(self.state)

    @property
    def taken(self) -> tuple[Tensor, Tensor, Tensor]:
        """The index of (s, a, z) in a table [S, A, Z]."""
        return self.state, self.action, self.option


@dataclass(frozen=True, eq=False)
class OptionSystem(System):
    """``log_priors`` of the low level [S, A, Z], the master [S, Z], the termination [S, Z, 2]."""

    game: StochasticGame
    beta: float
    log_priors: tuple[Tensor, Tensor, Tensor]
    q: Tensor
    name: str = "options"

    @classmethod
    def make(
        cls,
        game: StochasticGame,
        beta: float,
        num_options: int = 2,
        prior: Any = None,
        master_prior: Any = None,
        termination_prior: Any = 0.5,
    ) -> OptionSystem:
        """Solve :func:`tabular_marl.options` and put the answer into tables."""
        if game.reward.shape[2] != 1:
            was = f"it has {game.reward.shape[2]}"
            raise InputError("game", "have an opponent of one action", was)
        if beta == 0 or not np.isfinite(beta):
            raise InputError("beta", "be finite and not 0", f"it was {beta:g}")
        states, actions, _ = game.reward.shape
        found = options(game, beta, num_options, prior, master_prior, termination_prior)
        low = _filled(prior, (states, actions, num_options), 1 / actions)
        chosen = _filled(master_prior, (states, num_options), 1 / num_options)
        ends = _filled(termination_prior, (states, num_options), 0.5)
        priors = (low, chosen, np.stack([1 - ends, ends], -1))
        logs = tuple(torch.from_numpy(p.copy()).log() for p in priors)
        return cls(game, float(beta), logs, torch.from_numpy(found.q[:, :, 0].copy()))  # type: ignore[arg-type]

    # -- the system -------------------------------------------------------------------------------

    @property
    def discount(self) -> float:
        """γ."""
        return self.game.discount

    def values(self, q: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """V [S, Z], V^H [S], the choices [S, Z, 2] and U [S, Z]."""
        return self._above(losses.low_level_value(q, self.log_priors[0], self.beta))

    def _above(self, value: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        chosen = losses.master_value(value, self.log_priors[1], self.beta)
        choices = losses.choices(value, chosen)
        arrival = losses.arrival_value(choices, self.log_priors[2], self.beta)
        return value, chosen, choices, arrival

    def value(self, q: Tensor) -> Tensor:
        """U, [S, A, Z] → [S, Z]."""
        return self.values(q)[3]

    def tables(self, q: Tensor) -> Tables:
        """``q`` with the value and the policies that it implies."""
        value, _, choices, arrival = self.values(q)
        worths = (q, value, choices)
        logits = [
            log_tilt(worth, prior, self.beta, axis)
            for worth, prior, axis in zip(worths, self.log_priors, AXES.values(), strict=True)
        ]
        held = dict(zip(AXES, logits, strict=True))
        return Tables({"q": q, "twin": q.clone(), "value": arrival, **held}, AXES)

    # -- for the bench ----------------------------------------------------------------------------

    @cached_property
    def exact(self) -> Tables:
        """The exact solution."""
        return self.tables(self.q)

    @cached_property
    def supports(self) -> dict[str, Tensor]:
        """Where the priors are positive."""
        pairs = zip(AXES, self.log_priors, strict=True)
        return {name: prior > -torch.inf for name, prior in pairs}

    @cached_property
    def _every(self) -> OptionBatch:
        return self._enumerated(None)

    def enumerate(self, law: Tensor | None = None) -> OptionBatch:
        """Every transition under every option."""
        return self._every if law is None else self._enumerated(law)

    def _enumerated(self, law: Tensor | None) -> OptionBatch:
        ends = terminal_states(self.game)
        sampling = np.broadcast_to(~ends[:, None, None], self.game.reward.shape) / 1.0
        once = enumerate_game(self.game, sampling / sampling.sum(), ends)
        states, actions, options = self.q.shape
        share = torch.ones(states, 1, options, dtype=self.q.dtype) if law is None else law
        share = share / share.sum(2, keepdim=True) if law is None else share
        option = torch.arange(options).repeat_interleave(len(once))
        held = [
            x.repeat(options)
            for x in (once.state, once.agent_action, once.reward, once.next_state, once.weight)
        ]
        weight = held[4] * share.expand(states, actions, options)[held[0], held[1], option]
        return OptionBatch(
            held[0],
            held[1],
            option,
            held[2],
            held[3],
            weight / weight.sum(),
            once.terminated.repeat(options),
        )

    @property
    def wanted(self) -> Wanted:
        """R + γ U(s', z)."""
        return Wanted({"R": 1.0}, self.discount, RIGHT, LABELS)

    def fixed(self, tables: Tables, batch: OptionBatch) -> dict[str, Tensor]:
        """R."""
        return {"R": batch.reward}

    def values_after(self, tables: Tables, batch: OptionBatch) -> dict[str, Tensor]:
        """What may stand at (s', z), zero where s' ends the episode; then without that mask."""
        at = values_at(self, tables)
        alive = 1 - batch.terminated.to(batch.reward.dtype)
        rows = (batch.next_state, batch.option)
        found = {name: alive * x[rows] for name, x in at.items()}
        found["q(s', z) at the replayed action"] = (
            alive * tables.q[batch.next_state, batch.action, batch.option]
        )
        if bool(batch.terminated.any()):
            found |= {f"{name}, also where s' ends": at[name][rows] for name in RIGHT}
        return found

    def suspects(self, tables: Tables, batch: OptionBatch) -> dict[str, Tensor]:
        """Rarer mistakes at (s', z)."""
        return suspects(self, tables, batch)

    @cached_property
    def steps(self) -> tuple[Step, Step, Step]:
        """The free energies, innermost first."""
        low, master, ends = self.log_priors
        beta = self.beta
        return Step(0, beta, low), Step(0, beta, master), Step(1, beta, ends)

    def actors(self, tables: Tables, batch: OptionBatch) -> tuple[Actor, ...]:
        """The low level, the master and the termination."""
        kinds = {"q": tables.q} | variants(tables.q, tables.twin) | {"twin": tables.twin}
        values = {kind: self.values(q) for kind, q in kinds.items()}
        plain = (tables.policy("agent") * tables.q).sum(1)
        above = self._above(plain)
        good = ("q", "twin", TWINS[0])
        state = torch.zeros(self.q.shape[0], dtype=self.q.dtype).index_add_(
            0, batch.state, batch.weight
        )
        option = torch.zeros_like(self.q[:, 0]).index_put_(
            (batch.state, batch.option), batch.weight, accumulate=True
        )
        worths = (
            kinds,
            {f"V of {kind}": v[0] for kind, v in values.items()} | {"E_π[q]": plain},
            {f"(V, V^H) of {kind}": v[2] for kind, v in values.items()}
            | {"(E_π[q], F of it)": above[2]},
        )
        even = (state / option.shape[1]).view(-1, 1).expand_as(option)
        rows = (
            {"the batch": option.unsqueeze(1), "uniform": even.unsqueeze(1)},
            {"the batch": state.view(-1, 1)},
            {"the batch": option.unsqueeze(2), "uniform": even.unsqueeze(2)},
        )
        return tuple(
            Actor(
                name,
                AXES[name],
                self.beta,
                prior,
                worth,
                tuple(k for k in worth if k.removesuffix("]").split(" of ")[-1] in good),
                weights,
                partial(self._rarer, name, tables.q),
            )
            for name, prior, worth, weights in zip(AXES, self.log_priors, worths, rows, strict=True)
        )

    def _rarer(self, name: str, q: Tensor) -> dict[str, Tensor]:
        """What a policy follows where the free energy below it is wrong."""
        low, over, _ = self.steps
        value, found = low.of(q), {}
        if name == "master":
            for beta, prior, told in itertools.chain(*wrongs(low, "low level")):
                found[F_WITH + told] = Step(0, beta, prior).of(q)
        elif name == "termination":
            for beta, prior, told in itertools.chain(*wrongs(over, "master")):
                found[F_WITH + told] = losses.choices(value, Step(0, beta, prior).of(value))
        return found

    # -- a policy ---------------------------------------------------------------------------------

    @cached_property
    def _transition(self) -> Tensor:
        rows = self.game.transition_rows
        dense = rows.toarray() if self.game.is_sparse else np.array(rows)
        return torch.from_numpy(dense.reshape(*self.game.reward.shape[:2], -1))

    def _backup(self, arrival: Tensor) -> Tensor:
        arrival = torch.where(self.live.unsqueeze(1), arrival, 0.0)
        reward = torch.from_numpy(np.array(self.game.reward))
        return reward + self.discount * (self._transition @ arrival)

    def _low(self, q: Tensor, logits: Tensor) -> Tensor:
        log_policy = torch.log_softmax(logits, 1)
        cost = torch.where(log_policy > -torch.inf, log_policy - self.log_priors[0], 0.0)
        return (log_policy.exp() * (q - cost / self.beta)).sum(1)

    def _sweep(self, flat: Tensor, logits: Tensor) -> Tensor:
        arrival = flat.view(self.q.shape[0], -1)
        return self._above(self._low(self._backup(arrival), logits))[3].flatten()

    def evaluate(self, logits: Tensor) -> Evaluation:
        """Q of the low level, master and termination answering."""
        live = self.live.repeat_interleave(self.q.shape[2])
        found = evaluate(self._sweep, logits, live, False)
        q = self._backup(found.value.view(self.q.shape[0], -1)).detach()
        held = self.tables(q)
        value = self._low(q, logits.detach()).requires_grad_()
        _, _, choices, arrival = self._above(value)
        law = torch.autograd.grad(found.visits @ arrival.flatten(), value)[0].detach()
        with torch.no_grad():
            master = log_tilt(value, self.log_priors[1], self.beta, 1)
            ends = log_tilt(choices, self.log_priors[2], self.beta, 2)
        tables = held.replaced(
            value=found.value.view_as(value),
            agent=logits.detach(),
            master=master,
            termination=ends,
        )
        return Evaluation(tables, found.objective, found.gradient, law.unsqueeze(1))

    def lost(self, policy: Tensor) -> Tensor:
        """The most that the low level loses, over z_, with the rest answering; [S]."""
        live = self.live.repeat_interleave(self.q.shape[2])
        found = evaluate(self._sweep, policy.log(), live, False)
        off = self.exact.value - found.value.view_as(self.exact.value)
        return off.gather(1, off.abs().argmax(1, keepdim=True))[:, 0]


def _filled(given: Any, shape: tuple[int, ...], default: float) -> np.ndarray:
    if given is None:
        return np.full(shape, default)
    array = np.asarray(given, dtype=np.float64)
    if array.ndim == 4:
        array = array[:, :, 0]
    return np.array(np.broadcast_to(array, shape))
