"""FURTHER's formulas over any arithmetic: the vocabulary of the ``further_*`` claims.

    p(s', θ' | s, θ) = Σ_a π(a|s) Σ_b π(b|s; θ) T(s'|s, a, b) U(θ'|θ, s, a, b, s')
    v(x) = r(x) − ρ + Σ_y p(y|x) v(y),   ρ = Σ_x μ(x) r(x),   μ p = μ          x = (s, θ)

Sources: FURTHER Prop. 1 to 3, (7), (15)-(21). a is agent i's action, b the others'; θ numbers the
others' policies. Shapes: transition T [S, A, B, S], agent π [S, A], opponent π [O, S, B], update U
[O, S, A, B, S, O], reward [S, A, B]. A chain is P [n, n] on x = s·O + θ. BATCH adds a last axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabular_marl.verification import (
    Family,
    Sampling,
    array,
    distribution,
    instances,
    positive,
    scope,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.relation import Gap
from tabular_marl.verification.strategies import Field

# -- the joint chain -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Joint:
    """p on (s, θ) under agent i's policy; ``reward`` may be left out."""

    arithmetic: Arithmetic
    transition: Numbers
    agent: Numbers
    opponent: Numbers
    update: Numbers
    reward: Numbers = None

    def _others(self) -> Numbers:
        """π(b|s; θ), [S, O, 1, B]."""
        return np.swapaxes(self.opponent, 0, 1)[:, :, None]

    def moves(self) -> Numbers:
        """p(s', θ' | s, θ, a), [S, O, A, S, O]."""
        update = np.swapaxes(self.update, 0, 1)
        step = self.transition[:, None, :, :, :, None] * update
        return (self._others()[:, :, :, :, None, None] * step).sum(axis=3)

    def action_reward(self) -> Numbers:
        """r(s, θ, a), [S, O, A]."""
        return (self._others() * self.reward[:, None]).sum(axis=3)

    def chain(self) -> Numbers:
        """P [n, n]."""
        law = (self.agent[:, None, :, None, None] * self.moves()).sum(axis=2)
        size = law.shape[0] * law.shape[1]
        return law.reshape(size, size, *law.shape[4:])

    def mean_reward(self) -> Numbers:
        """r [n]."""
        paid = (self.agent[:, None] * self.action_reward()).sum(axis=2)
        return paid.reshape(-1, *paid.shape[2:])

    def q(self, value: Numbers, gain: Numbers) -> Numbers:
        """r(s, θ, a) − ρ + Σ p(s', θ'|s, θ, a) v(s', θ'), [S, O, A]: Prop. 3 summed over b."""
        paid = self.action_reward()
        ahead = value.reshape(*paid.shape[:2], *value.shape[1:])
        return paid - gain + (self.moves() * ahead).sum(axis=(3, 4))


def states_alone(transition: Numbers, agent: Numbers, opponent: Numbers) -> Numbers:
    """P_θ(s'|s) = Σ_ab π(a|s) π(b|s; θ) T(s'|s, a, b), [O, S, S]."""
    joint = agent[None, :, :, None] * opponent[:, :, None, :]
    return (joint[:, :, :, :, None] * transition[None]).sum(axis=(2, 3))


# -- chains ----------------------------------------------------------------------------------------


def onwards(chain: Numbers, value: Numbers) -> Numbers:
    """P v."""
    return (chain * value).sum(axis=1)


def backwards(law: Numbers, chain: Numbers) -> Numbers:
    """μ P."""
    return (law[:, None] * chain).sum(axis=0)


def unit(arithmetic: Arithmetic, chain: Numbers) -> Numbers:
    """The identity, with the batch axes of ``chain``."""
    size = len(chain)
    eye = arithmetic.array(np.eye(size, dtype=int).tolist())
    return eye.reshape(size, size, *[1] * arithmetic.batch_axes) + 0 * chain


def anchored(arithmetic: Arithmetic, chain: Numbers) -> Numbers:
    """I − P + 1 e_0ᵀ: regular if and only if P has one recurrent class."""
    eye = unit(arithmetic, chain)
    return eye - chain + eye[:1]


def gain_and_value(
    arithmetic: Arithmetic, chain: Numbers, reward: Numbers
) -> tuple[Numbers, Numbers]:
    """ρ and a v with v = r − ρ + P v, v(0) = ρ; one recurrent class."""
    value = arithmetic.solve(anchored(arithmetic, chain), reward)
    return value[0], value


def stationary(arithmetic: Arithmetic, chain: Numbers) -> Numbers:
    """μ [n] with μ P = μ, Σ μ = 1; one recurrent class."""
    right = unit(arithmetic, chain)[0]
    return arithmetic.solve(np.swapaxes(anchored(arithmetic, chain), 0, 1), right)


def powers(chain: Numbers, value: Numbers, count: int) -> list[Numbers]:
    """v, P v, …, P^count v."""
    out = [value]
    for _ in range(count):
        out.append(onwards(chain, out[-1]))
    return out


def span(arithmetic: Arithmetic, value: Numbers) -> Numbers:
    """max v − min v."""
    return arithmetic.maximum(value, 0) - arithmetic.minimum(value, 0)


def within(arithmetic: Arithmetic, *zeros: Numbers) -> Numbers:
    """An assumption that these vanish, as a gap >= 0."""
    parts = [-np.atleast_1d(arithmetic.absolute(z)).ravel() for z in zeros]
    return np.concatenate(parts)


# -- rows: scopes, families, proofs ----------------------------------------------------------------

CHAINS = scope(states=">= 1")
GAMES = scope(states=">= 1", parameters=">= 1", actions=">= 1", opponent_actions=">= 1")
SIZES = {"states": (1, 2), "parameters": (1, 2), "actions": (1, 2), "opponent_actions": (1, 2)}

UNICHAIN = "the joint chain on (s, θ) has one recurrent class"

T = distribution("states", "actions", "opponent_actions", "states")
AGENT = distribution("states", "actions")
OPPONENT = distribution("parameters", "states", "opponent_actions")
UPDATE = distribution("parameters", "states", "actions", "opponent_actions", "states", "parameters")
REWARD = array("states", "actions", "opponent_actions")
CHAIN = distribution("states", "states")
VALUE = array("states")
LAW = distribution("states")
GAME: dict[str, Field] = {
    "transition": T,
    "agent": AGENT,
    "opponent": OPPONENT,
    "update": UPDATE,
    "reward": REWARD,
}


def joint_family(**fields: Field) -> Family:
    """Active Markov games of up to 2 states, policies, actions."""
    return instances(SIZES, **fields)


def chain_family(**fields: Field) -> Family:
    """Chains of up to 4 states."""
    return instances({"states": (1, 4)}, **fields)


def sample(gap: Gap, family: Family, relation: str = "== 0", **options: Any) -> Sampling:
    """A sample of what is also proved, so without directed search."""
    options = {"examples": 2000, "batched": True, "search": False, **options}
    return Sampling(gap, family, relation, **options)


def symbols(names: str) -> Any:
    """Commuting symbols: entries of matrices, values, derivatives.

    Proofs in this family are term by term: a sum over joint states or actions is linear, so an
    identity between its terms is one for every number of them.
    """
    import sympy

    return sympy.symbols(names)


def shares(name: str, count: int) -> list[Any]:
    """Positive symbols that sum to one."""
    free: Sequence[Any] = positive(name, count)
    return [p / sum(free) for p in free]
