"""Probabilistic fictitious play over any arithmetic: the vocabulary of the ``fictitious_*`` claims.

    Q^i(s,a,b) = β^i R + γ E[V(s')],   Q^i(s,b) = log Σ_a P_prior(a|s,b) exp Q^i(s,a,b)       (42)
    V(s)       = Σ_b ρ(b|s) Q^i(s,b)                       the model ρ held fixed        (42), (158)
    V(s)       = V^-i(s)/κ,  V^-i = log Σ_b P_prior(b|s) exp(κ Q^i(s,b)),  κ = β^-i/β^i  (46), (50)
    ρ(b|s)     = P_prior(b|s) exp(κ Q^i(s,b) − V^-i(s))                                  (43)-(46)

Units are the report's: Q^i and V carry the factor β^i, V^-i the factor β^-i. The agent's side is
ROMMEO's (``_rommeo.Game``) with u = β^i R; ``game.opponent_prior`` is the P_prior(b|s) of (44).
Shapes: u, Q^i [S, A, B]; Q^i(s,b), ρ [S, B]; V [S]; instances as in ``_rommeo``, and model [S, B].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, tilt
from tabular_marl.verification.claims._rommeo import Game
from tabular_marl.verification.methods import Sampling
from tabular_marl.verification.relation import Gap
from tabular_marl.verification.scope import Scope, scope
from tabular_marl.verification.strategies import (
    Field,
    array,
    beta,
    discount,
    distribution,
    instances,
)


@dataclass(frozen=True)
class Play:
    """The agent's system and the opponent model's tilt; ``ratio`` is κ = β^-i/β^i."""

    game: Game
    ratio: Numbers

    @classmethod
    def of(
        cls,
        arithmetic: Arithmetic,
        reward: Numbers,
        beta_agent: Numbers,
        beta_opponent: Numbers,
        transition: Numbers = None,
        gamma: Numbers = None,
        agent_prior: Numbers = None,
        opponent_prior: Numbers = None,
    ) -> Play:
        """From an instance; a prior left out is uniform."""
        priors = (agent_prior, opponent_prior)
        game = Game.of(arithmetic, reward, beta_agent, transition, gamma, *priors)
        return cls(game, beta_opponent / beta_agent)

    @classmethod
    def stage(
        cls,
        arithmetic: Arithmetic,
        reward: Numbers,
        beta_agent: Numbers,
        beta_opponent: Numbers,
        agent_prior: Numbers = None,
        opponent_prior: Numbers = None,
    ) -> Play:
        """One state, one time: reward [A, B], priors [B, A] and [B]."""
        game = Game.stage(arithmetic, beta_agent * reward, agent_prior, opponent_prior)
        return cls(game, beta_opponent / beta_agent)

    @property
    def arithmetic(self) -> Arithmetic:
        return self.game.arithmetic

    def model(self, q_sb: Numbers, prior: Numbers = None) -> Numbers:
        """ρ of (46) from Q^i(s,b); its prior is P_prior of (44), or another."""
        prior = self.game.opponent_prior if prior is None else prior
        return tilt(q_sb, prior, self.ratio, 1, self.arithmetic)

    def normaliser(self, q_sb: Numbers, prior: Numbers = None) -> Numbers:
        """V^-i of (46)."""
        prior = self.game.opponent_prior if prior is None else prior
        return self.ratio * free_energy(q_sb, prior, self.ratio, 1, self.arithmetic)

    def held(self, q: Numbers, model: Numbers) -> Numbers:
        """Σ_b ρ(b|s) Q^i(s,b): the message of (42) and (158)."""
        return (model * self.game.agent_soft(q)).sum(axis=1)

    def corrected(self, q: Numbers, prior: Numbers = None) -> Numbers:
        """V^-i/κ: the message of (50)."""
        return self.normaliser(self.game.agent_soft(q), prior) / self.ratio

    def solve(self, model: Numbers, sweeps: int = 60) -> Numbers:
        """V of (42) with ρ held fixed, to γ^sweeps, by value iteration."""
        value = 0 * model.sum(axis=1)
        for _ in range(sweeps):
            value = self.held(self.game.backup(value), model)
        return value

    def solve_corrected(self, prior: Numbers = None, sweeps: int = 60) -> Numbers:
        """V of (50), to γ^sweeps."""
        value = 0 * self.game.opponent_prior.sum(axis=1)
        for _ in range(sweeps):
            value = self.corrected(self.game.backup(value), prior)
        return value

    def best(self, sweeps: int = 60) -> Numbers:
        """V of (42) where b is the best for the sign of κ: max_b Q^i(s,b) if κ > 0, else min_b."""
        sign = self.ratio / self.arithmetic.absolute(self.ratio)
        value = 0 * self.game.opponent_prior.sum(axis=1)
        for _ in range(sweeps):
            table = sign * self.game.agent_soft(self.game.backup(value))
            value = sign * self.arithmetic.maximum(table, 1)
        return value

    def rounds(self, count: int, kept: bool, start: Numbers = None) -> list[tuple[Numbers, ...]]:
        """[(ρ_k, V_k, Q_k(s,b))] of the alternation (42), (46), P_prior kept or replaced by ρ_k."""
        rho, path = self.game.opponent_prior if start is None else start, []
        for _ in range(count):
            value = self.solve(rho)
            table = self.game.agent_soft(self.game.backup(value))
            path.append((rho, value, table))
            rho = self.model(table, None if kept else rho)
        return path


# -- rows: scopes, families ------------------------------------------------------------------------

GIBBS = "kl.nonnegative"
SIGNED = "(-inf, 0) u (0, inf)"
PLUS, MINUS = "(0, inf)", "(-inf, 0)"
SIZES = {"states": (1, 3), "actions": (1, 3), "opponent_actions": (1, 3)}
STAGE_SIZES = {"actions": (1, 3), "opponent_actions": (1, 3)}


def stage_scope(beta_agent: str = SIGNED, beta_opponent: str = SIGNED, **more: Any) -> Scope:
    """Every finite one-stage game, β of the given signs."""
    sizes = {"actions": ">= 1", "opponent_actions": ">= 1"}
    return scope(**sizes, beta_agent=beta_agent, beta_opponent=beta_opponent, **more)


def game_scope(beta_agent: str = SIGNED, beta_opponent: str = SIGNED, **more: Any) -> Scope:
    """Every finite discounted game, β of the given signs."""
    return stage_scope(beta_agent, beta_opponent, states=">= 1", gamma="[0, 1)", **more)


def betas(agent: str = "both", opponent: str = "both") -> dict[str, Field]:
    """β^i and β^-i of the given signs, |β| in [1/4, 4]."""
    return {
        "beta_agent": beta(agent, low="1/4", high=4),
        "beta_opponent": beta(opponent, low="1/4", high=4),
    }


STAGE: dict[str, Field] = {
    "reward": array("actions", "opponent_actions", low=-2, high=2),
    "agent_prior": distribution("opponent_actions", "actions"),
    "opponent_prior": distribution("opponent_actions"),
}
GAME: dict[str, Field] = {
    "reward": array("states", "actions", "opponent_actions", low=-2, high=2),
    "transition": distribution("states", "actions", "opponent_actions", "states", degenerate=True),
    "agent_prior": distribution("states", "opponent_actions", "actions"),
    "opponent_prior": distribution("states", "opponent_actions"),
}
SHORT = {"gamma": discount(high="1/2")}  # 60 sweeps leave 2^-60


def sample(
    gap: Gap, fields: dict[str, Field], relation: str = ">= 0", stage: bool = False, **options: Any
) -> Sampling:
    """Support for a row that is also proved: 2 000 games, no directed search."""
    family = instances(options.pop("sizes", STAGE_SIZES if stage else SIZES), **fields)
    options = {"examples": 2000, "batched": True, "search": False, **options}
    return Sampling(gap, family, relation, **options)
