"""What may stand for V(s') in a wrong target, looked for where none of the usual terms is it.

    V(s') with one player's free energy wrong, or both
    V at s and not at s', a policy at s, replayed actions, the twins combined in other ways

Every name but for its "V(s') with " is the mistake in words. And what may stand beside a value at
s': another reward, terms at s.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from tabular_marl.deep.free_energy import free_energy
from tabular_marl.deep.systems.candidates import cost, finite, led
from tabular_marl.deep.systems.enumeration import Batch
from tabular_marl.deep.systems.tables import Tables
from tabular_marl.deep.systems.wrong_steps import PLAYERS, wrongs_of
from tabular_marl.numerics.recipe import AGENT, OPPONENT

if TYPE_CHECKING:
    from tabular_marl.deep.systems.recipe import RecipeSystem

#: What begins the name of a term whose rest is the mistake.
WITH = "V(s') with "
#: Terms beside a value at s', and what they are called.
EXTRAS = {
    "the opponent's reward": "the opponent's reward",
    "R clipped to [−1, 1]": "the reward clipped to [−1, 1]",
    "the sign of R": "the reward's sign",
    "R where s' ends": "the reward where s' ends",
    "1 everywhere": "a constant",
    "q(s, a, b)": "q at (s, a, b)",
    "V(s) aggregated from q": "the value at s",
    "V(s) from the value table": "the value at s",
    "E[q(s) − log ratios/β]": "the value at s",
} | {
    term.format(who): told.format(who)
    for who in PLAYERS
    for term, told in {
        "the {}'s log ratio/β at (s, a, b)": "the {}'s log ratio at (s, a, b)",
        "the {}'s log policy/β at (s, a, b)": "the {}'s log policy at (s, a, b)",
        "E[the {}'s log ratio/β at s]": "the {}'s entropy at s",
        "E[the {}'s log policy/β at s]": "the {}'s entropy at s",
    }.items()
}


def suspects(system: RecipeSystem, tables: Tables, batch: Batch) -> dict[str, Tensor]:
    """Terms by name, per sample [n]."""
    q, twin, after = tables.q, tables.twin, batch.next_state
    ends = batch.terminated.to(q.dtype)
    value = system.value(q)
    at = dict(_values(system, q)) | dict(_mixed(system, tables))
    at["the mean of the twins' values for that of their minimum"] = (value + system.value(twin)) / 2
    at["the twins' sum for their minimum"] = system.value(q + twin)
    at["a hard maximum over a of the mean over b"] = q.mean(2).amax(1)
    at["a hard maximum, at the action that the twin prefers"] = _at_best(q, twin)
    at["a hard choice, the policies' likeliest action"] = _at_best(
        q, (tables.log_agent + tables.log_opponent).expand_as(q)
    )
    if system.charged:
        at["the entropy missing of who moves first"] = led(system, tables, q, charged=False)
        own = system.tables(q)
        at["the entropy missing, q's own tilts for the policies"] = (
            (own.log_agent + own.log_opponent).exp() * q
        ).sum((1, 2))
    if q.shape[1] == q.shape[2] > 1:
        at["the two actions exchanged, q(s', b, a)"] = system.value(q.transpose(1, 2))
    found = {name: (1 - ends) * x[after] for name, x in at.items()}
    for name, sampled in _at_s_or_replayed(system, tables, batch):
        found[name] = (1 - ends) * sampled
    for form, x in (("", value), (", from the value table", tables.value)):
        found[f"the value at s for that at s'{form}"] = x[batch.state]
        if bool(ends.any()):
            found[f"the mask where s' ends the episode inverted{form}"] = ends * x[after]
    return {WITH + name: x for name, x in found.items()}


def extras(system: RecipeSystem, tables: Tables, batch: Batch) -> dict[str, Tensor]:
    """What may stand in a target beside a value at s': names of EXTRAS, per sample [n]."""
    reward, ends = batch.reward, batch.terminated.to(batch.reward.dtype)
    found = {"R clipped to [−1, 1]": reward.clamp(-1, 1), "the sign of R": reward.sign()}
    found |= {"R where s' ends": ends * reward, "1 everywhere": torch.ones_like(reward)}
    if system.game.opponent_reward is not None:
        theirs = torch.from_numpy(np.array(system.game.opponent_reward))
        found["the opponent's reward"] = theirs[batch.taken]
    both = (tables.log_agent + tables.log_opponent).exp()
    at_s = {"V(s) aggregated from q": system.value(tables.q)}
    at_s["V(s) from the value table"] = tables.value
    worth = tables.q
    for axis, who in enumerate(PLAYERS):
        step, log_policy = system.of_player(axis), getattr(tables, f"log_{who}")
        charge = cost(log_policy, step)
        worth = worth - charge
        if system.q.shape[axis + 1] > 1 and not step.given:
            for kind, x in (("ratio", charge), ("policy", finite(log_policy) / step.beta)):
                found[f"the {who}'s log {kind}/β at (s, a, b)"] = x.expand_as(both)[batch.taken]
                at_s[f"E[the {who}'s log {kind}/β at s]"] = (both * x).sum((1, 2))
    at_s["E[q(s) − log ratios/β]"] = (both * worth).sum((1, 2))
    if len(system.q) > 1:  # else s is s'
        found |= {name: x[batch.state] for name, x in at_s.items()}
        found["q(s, a, b)"] = tables.q[batch.taken]
    return found


def _at_best(q: Tensor, preferred: Tensor) -> Tensor:
    """q at the joint action that ``preferred`` is largest at, [S]."""
    best = preferred.flatten(1).argmax(1, keepdim=True)
    return q.flatten(1).gather(1, best)[:, 0]


def _charges(system: RecipeSystem, tables: Tables, player: int) -> Tensor:
    """(log π − log p)/β of a policy table where the system charges it."""
    charge = cost(getattr(tables, f"log_{PLAYERS[player]}"), system.of_player(player))
    return charge if system.charged else torch.zeros_like(charge)


def _halves(system: RecipeSystem, tables: Tables, player: int) -> dict[str, Tensor]:
    """q without one player's actions, [S, the other's]: its free energy, and as its table says."""
    step, who = system.of_player(player), PLAYERS[player]
    law = tables.policy(who) * (tables.q - _charges(system, tables, player))
    told = f", the {who}'s as its policy says"
    held = {told: law.sum(player + 1)}
    return ({"": step.of(tables.q)} if system.charged else {}) | held


def _mixed(system: RecipeSystem, tables: Tables) -> Iterator[tuple[str, Tensor]]:
    """Values of a policy that is no policy: the mean, or the prior's."""
    for player, who in enumerate(PLAYERS):
        step, count = system.of_player(player), system.q.shape[player + 1]
        prior = step.log_prior.exp()
        if count == 1 or prior.shape[2 - player] > 1:
            continue
        for form, x in _halves(system, tables, 1 - player).items():
            yield f"the mean over the {who}'s actions at s'{form}", x.mean(1)
            if not step.given:
                yield f"the {who}'s prior for its policy{form}", (prior.flatten(1) * x).sum(1)


def _at_s_or_replayed(
    system: RecipeSystem, tables: Tables, batch: Batch
) -> Iterator[tuple[str, Tensor]]:
    """Values at s' of one player's policy at s, or of its replayed action; per sample [n]."""
    after = batch.next_state
    for player, who in enumerate(PLAYERS):
        if system.q.shape[player + 1] == 1:
            continue
        law = torch.ones_like(tables.q)[after]
        worth = tables.q[after]
        for k, name in enumerate(PLAYERS):
            at = batch.state if k == player else after
            law = law * tables.policy(name)[at]
            worth = worth - _charges(system, tables, k)[at]
        yield f"the {who}'s policy at s for that at s'", (law * worth).sum((1, 2))
        taken = (batch.agent_action, batch.opponent_action)[player]
        for form, x in _halves(system, tables, 1 - player).items():
            yield f"the {who}'s action at s' replayed{form}", x[after, taken]
            charge = _charges(system, tables, player)
            if charge.shape[2 - player] == 1 and not system.of_player(player).given:
                own = charge.flatten(1)[after, taken]
                yield f"the {who}'s action at s' replayed, and charged{form}", x[after, taken] - own
            if system.of_player(player).given:
                given = tables.policy(who).flatten(1)[batch.state]
                yield f"the {who}'s policy at s{form}", (given * x[after]).sum(1)


def _values(system: RecipeSystem, q: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Values with wrong temperatures or wrong priors, in every state."""
    right = [system.of_player(k) for k in (AGENT, OPPONENT)]
    if not system.charged:
        held = _nested(system, q, [(step.beta, step.log_prior) for step in right])
        yield "the divergences charged, which EM evaluates without", held
    for both in zip(*(wrongs_of(system, k) for k in (AGENT, OPPONENT)), strict=True):
        for steps in product(*both):
            said = [told for _, _, told in steps if told]
            if said:
                yield " and ".join(said), _nested(system, q, [step[:2] for step in steps])


def _nested(system: RecipeSystem, q: Tensor, steps: list[tuple[float, Tensor]]) -> Tensor:
    held = q
    for step in system.steps:
        beta, prior = steps[step.axis]
        held = free_energy(held, prior, beta, step.axis + 1).unsqueeze(step.axis + 1)
    return held.flatten()
