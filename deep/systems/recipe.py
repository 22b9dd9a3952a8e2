"""Two players' systems as pairs of free energies on tensors.

    V(s) = F_outer[ F_inner[ Q(s, ·, ·) ] ],    Q(s,a,b) = R(s,a,b) − g + γ E[V(s')]

A system is which player's free energy is taken first, and with what β and prior: the recipe of
:mod:`tabular_marl.numerics.recipe`. g = 0 but for an average reward, where γ = 1 and g is the gain.
An opponent whose policy is given has β = 0 and that policy for its prior: F is the expectation.
Entropies in place of divergences are a prior of ones, which need not sum to one.

Tables (float64): q and twin [S, A, B], value [S], for an average reward gain []; policies as logits
laid along q's axes, [S, A, 1] or [S, 1, B] for the first mover, [S, A, B] (normalised along the
player's own axis) for the other; a given opponent's is [S, 1, B].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor

from tabular_marl.deep.free_energy import free_energy, log_tilt
from tabular_marl.deep.losses import joint
from tabular_marl.deep.systems.base import Actor, Evaluation, System, Wanted
from tabular_marl.deep.systems.candidates import EXPECTED, RIGHT, aggregated, cost, values_at
from tabular_marl.deep.systems.enumeration import Batch, enumerate_game, terminal_states
from tabular_marl.deep.systems.policy import evaluate
from tabular_marl.deep.systems.suspects import extras, suspects
from tabular_marl.deep.systems.tables import Tables
from tabular_marl.deep.systems.value_gap import value_gap
from tabular_marl.deep.systems.worths import rarer, worths
from tabular_marl.deep.systems.wrong import LABELS, PLAIN_LABELS
from tabular_marl.deep.systems.wrong_steps import PLAYERS
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.numerics.recipe import AGENT, OPPONENT

AXES = {"agent": 1, "opponent": 2}


@dataclass(frozen=True)
class Step:
    """One free energy: ``log_prior`` broadcasts against q's axes still there at ``axis``."""

    axis: int
    beta: float
    log_prior: Tensor

    @property
    def given(self) -> bool:
        """Whether the player's policy is the prior itself."""
        return self.beta == 0

    def of(self, x: Tensor) -> Tensor:
        """F_β[p](x), without the axis."""
        return free_energy(x, self.log_prior, self.beta, self.axis + 1)


@dataclass(frozen=True, eq=False)
class RecipeSystem(System):
    """A game under one recipe, ``steps`` innermost first; ``q`` is the exact one."""

    game: StochasticGame
    steps: tuple[Step, Step]
    q: Tensor
    name: str
    gain: float | None = None
    charged: bool = True

    # -- the recipe -------------------------------------------------------------------------------

    @property
    def discount(self) -> float:
        """γ; 1 for an average reward."""
        return self.game.discount if self.gain is None else 1.0

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
        answer = self.answer
        return joint.partial_q(q, answer.log_prior, answer.beta, over=answer.axis + 1)

    def value(self, q: Tensor) -> Tensor:
        """V = F_outer[F_inner[q]], [S, A, B] → [S]; where nothing is charged E[q] of the tilts."""
        if not self.charged:
            return (self._logits(q, AGENT) + self._logits(q, OPPONENT)).exp().mul(q).sum((1, 2))
        return aggregated(self, q, (self.answer.axis, self.first.axis))

    def tables(self, q: Tensor) -> Tables:
        """``q`` with the value and the policies that it implies."""
        held = {
            "q": q,
            "value": self.value(q),
            "agent": self._logits(q, AGENT),
            "opponent": self._logits(q, OPPONENT),
            "twin": q.clone(),
        }
        if self.gain is not None:
            held["gain"] = torch.tensor(self.gain, dtype=q.dtype)
        return Tables(held, AXES)

    def _logits(self, q: Tensor, axis: int) -> Tensor:
        step = self.of_player(axis)
        if step.given:  # it does not look at what the other does
            return step.log_prior.expand(len(q), *step.log_prior.shape[1:])
        worth = q if step is self.answer else self.partial_q(q)
        return log_tilt(worth, step.log_prior, step.beta, axis + 1)

    # -- for the bench ----------------------------------------------------------------------------

    @cached_property
    def exact(self) -> Tables:
        """The exact solution."""
        return self.tables(self.q)

    @cached_property
    def supports(self) -> dict[str, Tensor]:
        """Where the priors are positive."""
        names = (("agent", AGENT), ("opponent", OPPONENT))
        return {name: self.of_player(axis).log_prior > -math.inf for name, axis in names}

    @cached_property
    def ends(self) -> Tensor:
        """Which states end the episode; none does where entropies or averages are counted there."""
        mass = self.of_player(AGENT).log_prior.exp().sum(1)
        if self.gain is not None or float(mass.max()) > 1.5:
            return torch.zeros(self.game.num_states, dtype=torch.bool)
        return torch.from_numpy(terminal_states(self.game))

    @cached_property
    def _every(self) -> Batch:
        return self._enumerated(None)

    def enumerate(self, law: Tensor | None = None) -> Batch:
        """Transitions from live states; a given opponent plays its policy, all else is uniform."""
        return self._every if law is None else self._enumerated(law)

    def _enumerated(self, law: Tensor | None) -> Batch:
        opponent = self.of_player(OPPONENT)
        weight = torch.where(self.ends, 0.0, 1.0).to(self.q.dtype).view(-1, 1, 1)
        weight = weight if law is None else weight * law
        if opponent.given and weight.shape[2] == 1:
            weight = weight * opponent.log_prior.exp()
        full = weight.expand(self.q.shape)
        return enumerate_game(self.game, (full / full.sum()).numpy(), self.ends.numpy())

    @property
    def wanted(self) -> Wanted:
        """R + γ V(s'), or R − g + V(s')."""
        fixed = {"R": 1.0} | ({} if self.gain is None else {"gain": -1.0})
        right = RIGHT if self.charged else EXPECTED
        return Wanted(fixed, self.discount, right, LABELS if self.charged else PLAIN_LABELS)

    def fixed(self, tables: Tables, batch: Batch) -> dict[str, Tensor]:
        """R, and the gain."""
        held = {"R": batch.reward}
        if self.gain is not None:
            held["gain"] = tables.gain.expand_as(batch.reward)
        return held

    def values_after(self, tables: Tables, batch: Batch) -> dict[str, Tensor]:
        """What may stand at s', zero where s' ends the episode; then without that mask."""
        at = values_at(self, tables)
        alive = 1 - batch.terminated.to(batch.reward.dtype)
        found = {name: alive * x[batch.next_state] for name, x in at.items()}
        right = self.wanted.right
        found = {name: found[name] for name in right if name in found} | found
        _, agent, opponent = batch.taken
        played = {
            "q(s') at the replayed actions": tables.q[batch.next_state, agent, opponent],
            "E[q(s')] at the replayed opponent's action": (tables.policy("agent") * tables.q).sum(
                1
            )[batch.next_state, opponent],
        }
        found |= {name: alive * x for name, x in played.items()}
        if bool(batch.terminated.any()):
            found |= {
                f"{name}, also where s' ends": at[name][batch.next_state]
                for name in right
                if name in at
            }
        return found

    def suspects(self, tables: Tables, batch: Batch) -> dict[str, Tensor]:
        """Rarer mistakes at s'."""
        return suspects(self, tables, batch)

    def extras(self, tables: Tables, batch: Batch) -> dict[str, Tensor]:
        """The opponent's reward, and terms at s."""
        return extras(self, tables, batch)

    # -- actors -----------------------------------------------------------------------------------

    def actors(self, tables: Tables, batch: Batch) -> tuple[Actor, ...]:
        """The agent's policy and the opponent's."""
        return tuple(self._actor(name, axis - 1, tables, batch) for name, axis in AXES.items())

    def _actor(self, name: str, axis: int, tables: Tables, batch: Batch) -> Actor:
        step = self.of_player(axis)
        shape = tables.parameters()[name].shape
        rows = {"the batch": _rows(batch, shape, axis)}
        if shape[2 - axis] > 1:
            state = rows["the batch"].sum(2 - axis, keepdim=True)
            others = tables.policy(PLAYERS[1 - axis])
            rows |= {
                "uniform": state.expand_as(rows["the batch"]) / shape[2 - axis],
                "the other's policy": state * others,
            }
        found, right = worths(self, axis, tables)
        more = partial(rarer, self, axis, tables)
        return Actor(name, axis + 1, step.beta, step.log_prior, found, right, rows, more)

    # -- a policy ---------------------------------------------------------------------------------

    @cached_property
    def _transition(self) -> Tensor:
        held = self.game.transition
        dense = held.toarray() if self.game.is_sparse else np.array(held)
        return torch.from_numpy(dense.reshape(*self.q.shape, -1))

    def _backup(self, value: Tensor) -> Tensor:
        value = torch.where(self.ends, 0.0, value)
        return torch.from_numpy(np.array(self.game.reward)) + self.discount * (
            self._transition @ value
        )

    def _sweep(self, value: Tensor, logits: Tensor) -> Tensor:
        """The agent's policy kept for one sweep, the opponent answering as the system says."""
        return self._worth(self._backup(value), logits)[0]

    def _worth(self, q: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """V of the policy [S], the opponent's logits, and how ∇V weighs the policy's rows."""
        log_policy = torch.log_softmax(logits, 1)
        policy, charge = log_policy.exp(), cost(log_policy, self.of_player(AGENT))
        opponent = self.of_player(OPPONENT)
        if self.agent_first:
            value = (policy * (self.partial_q(q) - charge)).sum((1, 2))
            return value, self._logits(q, OPPONENT), torch.ones_like(value).view(-1, 1, 1)
        ahead = (policy * (q - charge)).sum(1, keepdim=True)
        answer = log_tilt(ahead, opponent.log_prior, opponent.beta, 2)
        value = free_energy(ahead, opponent.log_prior, opponent.beta, 2).flatten()
        return value, answer, answer.exp()

    def evaluate(self, logits: Tensor) -> Evaluation:
        """Q^π with the opponent answering; EM's bound where nothing is charged."""
        if not self.charged:
            return self._bound(logits)
        found = evaluate(self._sweep, logits, self.live, self.gain is not None)
        with torch.no_grad():
            q = self._backup(found.value) - found.gain
            _, opponent, share = self._worth(q, logits)
        held = {"q": q, "twin": q.clone(), "value": found.value, "agent": logits.detach()}
        held["opponent"] = opponent
        if self.gain is not None:
            held["gain"] = found.gain
        tables = Tables(held, AXES)
        law = found.visits.view(-1, 1, 1) * share
        return Evaluation(tables, found.objective, found.gradient, law)

    def _bound(self, logits: Tensor) -> Evaluation:
        """L of EM at Q^π of π and the exact opponent, nothing charged, and its M step.

        L = E_d E_ρ[E_π Q − KL(π‖P)/β], Q held, d uniform, ρ the exact model of the opponent;
        ∇L = d ρ π (x − E_π x), x = Q − (log π − log P)/β; M step ∇ = d ρ (π* − π).   (91), (92)
        """
        step, opponent = self.of_player(AGENT), self.exact.opponent
        log_policy = torch.log_softmax(logits.detach(), 1)
        policy, share = log_policy.exp(), torch.softmax(opponent, 2)

        def plain(value: Tensor, logits: Tensor) -> Tensor:
            return (torch.softmax(logits, 1) * share * self._backup(value)).sum((1, 2))

        found = evaluate(plain, logits, self.live, False)
        q = self._backup(found.value)
        law = (self.live.to(q.dtype) / self.live.sum()).view(-1, 1, 1) * share
        worth = q - cost(log_policy, step)
        ahead = (policy * worth).sum(1, keepdim=True)
        tilt = log_tilt(q, step.log_prior, step.beta, 1).exp()
        held = {"q": q, "twin": q.clone(), "value": found.value, "agent": logits.detach()}
        tables = Tables(held | {"opponent": opponent.clone()}, AXES)
        climbs = law * policy * torch.where(policy > 0, worth - ahead, 0.0)
        return Evaluation(tables, (law * ahead).sum(), climbs, law, law * (tilt - policy))

    def lost(self, policy: Tensor) -> Tensor:
        """V* − V^π against the exact opponent; of an average reward the gains' difference."""
        if self.gain is None:
            return value_gap(self, policy)
        found = evaluate(self._sweep, policy.log(), self.live, True)
        return (self.gain - found.gain).expand(self.game.num_states)

    def tried(self, seed: int) -> Tables:
        """As for any system; the exact opponent where it is given."""
        drawn = self.random(seed)
        given = self.of_player(OPPONENT).given
        return drawn.replaced(opponent=self.exact.opponent) if given else drawn

    def distances(self, tables: Tables, trained: set[str]) -> dict[str, float]:
        """As for any system; of an average reward q and the value are known up to a constant."""
        if self.gain is not None:
            tables = tables.raised((self.exact.q - tables.q.detach())[self.live].mean())
        return super().distances(tables, trained)


def _rows(batch: Batch, shape: torch.Size, axis: int) -> Tensor:
    """The weight of each row of a policy in the batch: its shape with length 1 along ``axis``."""
    index = [batch.state, batch.agent_action, batch.opponent_action]
    index[axis + 1] = torch.zeros_like(batch.state)
    if shape[2 - axis] == 1:
        index[2 - axis] = torch.zeros_like(batch.state)
    held = list(shape)
    held[axis + 1] = 1
    return torch.zeros(held, dtype=batch.weight.dtype).index_put_(
        tuple(index), batch.weight, accumulate=True
    )
