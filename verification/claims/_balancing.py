"""Balancing-Q's formulas over any arithmetic: the vocabulary of the ``balancing_*`` claims.

    V^i / β^i   = F_{β^i}[p](a ↦ F_{β^-i}[P](Q[a, ·]))      agent's view (the agent moves first)
    V^-i / β^-i = F_{β^-i}[P](b ↦ F_{β^i}[p](Q[·, b]))      opponent's view
    J(π, ρ)     = E_{π,ρ} Q − KL(π‖p)/β^i − KL(ρ‖P)/β^-i    report (19)

Sources: report (19)-(25), (33), (35), A.2, A.4. Shapes: Q [A, B], p [A], P [B]; with states
(``axis=1``) Q [S, A, B], p [S, A], P [S, B], transition [S, A, B, S]; BATCH adds a last axis.
Values here are in reward units; the report's V^i is β^i times the value here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tabular_marl.verification import (
    Family,
    Sampling,
    Scope,
    array,
    beta,
    distribution,
    instances,
    scope,
)
from tabular_marl.verification.arithmetic import (
    Arithmetic,
    Numbers,
    expectation,
    free_energy,
    kl,
    tilt,
)
from tabular_marl.verification.relation import Gap
from tabular_marl.verification.strategies import Field


@dataclass(frozen=True)
class Stage:
    """One stage: Q, two priors, two inverse temperatures; ``axis`` is the agent's axis of Q."""

    arithmetic: Arithmetic
    q: Numbers
    p: Numbers
    P: Numbers
    x: Numbers
    y: Numbers
    axis: int = 0

    @classmethod
    def of(
        cls,
        arithmetic: Arithmetic,
        reward: Any,
        beta_agent: Any,
        beta_opponent: Any,
        agent_prior: Any = None,
        opponent_prior: Any = None,
        axis: int = 0,
    ) -> Stage:
        """From an instance's rationals; a prior left out is uniform."""
        q = arithmetic.array(reward)

        def prior(given: Any, at: int) -> Numbers:
            if given is None:
                shape = (*q.shape[:axis], q.shape[at])
                share = arithmetic.array([f"1/{shape[-1]}"])
                return np.broadcast_to(share, (*shape, *[1] * arithmetic.batch_axes))
            return arithmetic.array(given)

        p, P = prior(agent_prior, axis), prior(opponent_prior, axis + 1)
        x, y = arithmetic.number(beta_agent), arithmetic.number(beta_opponent)
        return cls(arithmetic, q, p, P, x, y, axis)

    def at(self, q: Numbers) -> Stage:
        """The same stage with another Q."""
        return replace(self, q=q)

    def agents(self, policy: Numbers) -> Numbers:
        """A policy or prior of the agent, laid along Q's axes."""
        return np.expand_dims(policy, self.axis + 1)

    def opponents(self, policy: Numbers) -> Numbers:
        """A policy or prior of the opponent, laid along Q's axes."""
        return np.expand_dims(policy, self.axis)

    # -- values -----------------------------------------------------------------------------

    def agent_q(self) -> Numbers:
        """Q^i(a)/β^i = F_{β^-i}[P](Q[a, ·]), report (20)."""
        return free_energy(self.q, self.opponents(self.P), self.y, self.axis + 1, self.arithmetic)

    def opponent_q(self) -> Numbers:
        """Q^-i(b)/β^-i = F_{β^i}[p](Q[·, b]), report (21)."""
        return free_energy(self.q, self.agents(self.p), self.x, self.axis, self.arithmetic)

    def agent_value(self) -> Numbers:
        """V^i/β^i: aggregate b given a, then a."""
        return free_energy(self.agent_q(), self.p, self.x, self.axis, self.arithmetic)

    def opponent_value(self) -> Numbers:
        """V^-i/β^-i: aggregate a given b, then b."""
        return free_energy(self.opponent_q(), self.P, self.y, self.axis, self.arithmetic)

    # -- policies ---------------------------------------------------------------------------

    def agent_policy(self) -> Numbers:
        """π of report (20)."""
        return tilt(self.agent_q(), self.p, self.x, self.axis, self.arithmetic)

    def opponent_policy(self) -> Numbers:
        """ρ of report (21)."""
        return tilt(self.opponent_q(), self.P, self.y, self.axis, self.arithmetic)

    def conditional_opponent(self) -> Numbers:
        """ρ(b|a) ∝ P(b) exp(β^-i Q[a, b]), report A.2.1; laid along Q's axes."""
        return tilt(self.q, self.opponents(self.P), self.y, self.axis + 1, self.arithmetic)

    def conditional_agent(self) -> Numbers:
        """π(a|b) ∝ p(a) exp(β^i Q[a, b]), report A.4.2; laid along Q's axes."""
        return tilt(self.q, self.agents(self.p), self.x, self.axis, self.arithmetic)

    def agent_response(self, rho: Numbers) -> Numbers:
        """The logit response tilt_{β^i}[p](E_ρ Q[a, ·])."""
        means = expectation(self.opponents(rho), self.q, self.axis + 1)
        return tilt(means, self.p, self.x, self.axis, self.arithmetic)

    def opponent_response(self, pi: Numbers) -> Numbers:
        """The logit response tilt_{β^-i}[P](E_π Q[·, b])."""
        means = expectation(self.agents(pi), self.q, self.axis)
        return tilt(means, self.P, self.y, self.axis, self.arithmetic)

    # -- objectives -------------------------------------------------------------------------

    def kl(self, p: Numbers, q: Numbers) -> Numbers:
        return kl(p, q, self.axis, self.arithmetic)

    def mean(self, pi: Numbers, rho: Numbers) -> Numbers:
        """E_{π,ρ} Q."""
        return expectation(pi, expectation(self.opponents(rho), self.q, self.axis + 1), self.axis)

    def objective(self, pi: Numbers, rho: Numbers) -> Numbers:
        """J(π, ρ), report (19): independent policies."""
        reward = self.mean(pi, rho)
        return reward - self.kl(pi, self.p) / self.x - self.kl(rho, self.P) / self.y

    def conditional_objective(self, pi: Numbers, rho: Numbers) -> Numbers:
        """J where the opponent sees a: ρ(b|a) laid along Q's axes, report A.2.1."""
        cost = kl(rho, self.opponents(self.P), self.axis + 1, self.arithmetic) / self.y
        inner = expectation(rho, self.q, self.axis + 1) - cost
        return expectation(pi, inner, self.axis) - self.kl(pi, self.p) / self.x


def successor(transition: Numbers, value: Numbers) -> Numbers:
    """E[V(s')] at (s, a, b): Σ_t transition[s, a, b, t] V[t]."""
    return expectation(transition, value, 3)


# -- rows: scopes, families ------------------------------------------------

#: lemmas of the ledger that the deductions rest on
GIBBS = "kl.nonnegative"
MONOTONE = "free-energy.monotone"
SHIFT = "free-energy.shift-equivariant"
DUALITY = "free-energy.duality"

SIGNED = "(-inf, 0) u (0, inf)"
PLUS, MINUS = "(0, inf)", "(-inf, 0)"
AGENT = distribution("actions")
OPPONENT = distribution("opponent_actions")
CONDITIONAL = distribution("actions", "opponent_actions")
MATRIX = array("actions", "opponent_actions")
PRIORS: dict[str, Any] = {"agent_prior": AGENT, "opponent_prior": OPPONENT}
POLICIES: dict[str, Any] = {"agent_policy": AGENT, "opponent_policy": OPPONENT}


def stage_scope(beta_agent: str = SIGNED, beta_opponent: str = SIGNED, **more: Any) -> Scope:
    """Every finite one-stage game, β of the given signs."""
    sizes = {"actions": ">= 1", "opponent_actions": ">= 1"}
    return scope(**sizes, beta_agent=beta_agent, beta_opponent=beta_opponent, **more)


def stage_family(
    beta_agent: Field | None = None,
    beta_opponent: Field | None = None,
    states: tuple[int, int] | None = None,
    **fields: Field,
) -> Family:
    """One-stage games of up to 3×3 actions with further ``fields``; |β| in [1/16, 8]."""
    sizes = {"actions": (1, 3), "opponent_actions": (1, 3)}
    betas = {
        "beta_agent": beta_agent or beta(high=8),
        "beta_opponent": beta_opponent or beta(high=8),
    }
    return instances({**sizes, **({"states": states} if states else {})}, **fields, **betas)


def identity(gap: Gap, family: Family, **options: Any) -> Sampling:
    """A sample of an equation; no directed search, as it has no slack to shrink."""
    options = {"examples": 2000, "batched": True, "search": False, **options}
    return Sampling(gap, family, "== 0", **options)


def inequality(gap: Gap, family: Family, **options: Any) -> Sampling:
    """A sample of an inequality >= 0 that is also proved, so without directed search."""
    options = {"examples": 4000, "batched": True, "search": False, **options}
    return Sampling(gap, family, ">= 0", **options)


def reals(names: str) -> Any:
    """SymPy symbols for nonzero reals: logarithms, rewards, inverse temperatures of either sign.

    Proofs in this family are term by term: an expectation is linear, so an identity between
    integrands, with log π, log p, … as symbols of their own, is one for every number of actions.
    """
    import sympy

    return sympy.symbols(names, real=True, nonzero=True)
