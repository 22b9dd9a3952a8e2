"""The cross-check as evidence in the ledger: what code returns on tables, beside what it must.

    target     E[target | s,a,b] at tables of a random q  =  the exact backup of that q, in NumPy
    actor      ∂E[loss]/∂logits at tables of a random q   =  0: the policies are the tilts of q
    gradient   ∂E[loss] at the exact solution             =  0, table by table

Where value, policies and twin are those of q, every correct form of a target is the same number, so
that one number is wanted. An ``entry`` is ``FILE.py:NAME`` as on the command line, or "" for the
package's own updates. Claims are made by :func:`tabular_marl.verification.implementation`.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tabular_marl.deep.crosscheck.bench import GRADIENT_TOLERANCE, Bench
from tabular_marl.deep.crosscheck.entry import load_entry
from tabular_marl.deep.crosscheck.findings import per_sample
from tabular_marl.deep.crosscheck.terms import expectation
from tabular_marl.deep.systems import OPTIONAL, OptionSystem, RecipeSystem, System, Tables
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.numerics.free_energy import free_energy, tilt
from tabular_marl.verification.methods import Measured

Array = NDArray[np.float64]

#: A target may miss by this share of its size.
TARGET_TOLERANCE = 1e-11


def random_game(shape: Sequence[int], discount: float, seed: int) -> StochasticGame:
    """Transitions uniform on the simplex, both players' rewards normal."""
    states, actions, replies = shape
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.ones(states), (states, actions, replies))
    reward, other = rng.normal(size=(2, states, actions, replies))
    return StochasticGame(rows, reward, opponent_reward=other, discount=discount)


def measure(
    model: str,
    parameters: Mapping[str, Any],
    entry: str,
    check: str,
    shape: Sequence[int],
    discount: float,
    seed: int,
) -> Measured:
    """One check of one implementation on one game."""
    key = repr(sorted(parameters.items()))
    system = _system(model, key, tuple(shape), float(discount), int(seed))
    bench = Bench(load_entry(entry or None, system), system)
    return {"target": _target, "actor": _actor, "gradient": _gradient}[check](bench, seed)


@lru_cache(maxsize=32)
def _system(
    model: str, parameters: str, shape: tuple[int, ...], discount: float, seed: int
) -> System:
    given = dict(ast.literal_eval(parameters))
    made: System = System.of(random_game(shape, discount, seed), model, **given)
    return made


def _target(bench: Bench, seed: int) -> Measured:
    system, batch = bench.system, bench.batch
    tables = system.consistent(seed)
    shape = tuple(tables.q.shape)
    given = per_sample("target", bench.implementation.target(tables, batch), batch)
    found = expectation(batch, given, shape).numpy()
    wanted = _backup(system, tables)
    size = 1 + float(np.abs(wanted).max())
    names = tuple(" ".join(map(str, index)) for index in np.ndindex(*shape))
    told = tuple(wanted.ravel().tolist())
    return Measured(names, tuple(found.tolist()), told, TARGET_TOLERANCE * size)


def _backup(system: Any, tables: Tables) -> Array:
    """R − g + γ E[v(s')] of the tables' q, by the package's NumPy free energies; no torch."""
    q, game = tables.q.numpy(), system.game
    if isinstance(system, OptionSystem):
        low, master, ends = (np.exp(p.numpy()) for p in system.log_priors)
        value = free_energy(q, system.beta, low, axis=1)
        chosen = free_energy(value, system.beta, master, axis=1)
        both = np.stack([value, np.broadcast_to(chosen[:, None], value.shape)], -1)
        after = free_energy(both, system.beta, ends, axis=2)
        return np.asarray(game.reward + game.discount * game.transition[:, :, 0] @ after)
    assert isinstance(system, RecipeSystem)
    held, joint = q, np.ones_like(q)
    for step in system.steps:
        mass = np.exp(step.log_prior.numpy())
        total = mass.sum(step.axis + 1, keepdims=True)
        prior = np.broadcast_to(mass / total, held.shape)
        axis = step.axis + 1
        joint = joint * tilt(held, step.beta, prior, axis=axis)
        bonus = 0.0 if step.given else np.log(total.max()) / step.beta
        held = np.expand_dims(free_energy(held, step.beta, prior, axis=axis), axis) + bonus
    value = held.ravel() if system.charged else (joint * q).sum((1, 2))
    gain = 0.0 if system.gain is None else float(tables.gain)
    return np.asarray(game.reward - gain + system.discount * game.transition @ value)


def _actor(bench: Bench, seed: int) -> Measured:
    tables = bench.system.consistent(seed)
    return _vanishes(bench, tables, [n for n in tables.axes if n in bench.trained])


def _gradient(bench: Bench, seed: int) -> Measured:
    exact = bench.system.exact
    return _vanishes(bench, exact, [name for name in exact.held if name not in OPTIONAL])


def _vanishes(bench: Bench, tables: Tables, names: list[str]) -> Measured:
    gradients = bench.gradients(tables.trainable(), bench.batch)
    size = max(1.0, float(tables.q.abs().max()))
    worst = tuple(float(torch.as_tensor(gradients[name]).abs().max()) for name in names)
    return Measured(tuple(names), worst, (0.0,) * len(names), GRADIENT_TOLERANCE * size)
