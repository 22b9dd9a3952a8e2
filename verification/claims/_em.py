"""EM for policies over any arithmetic: the vocabulary of the ``em_*`` claims.

    L(θ, ω) = mean_s { E_{π,ρ}[Q_ω] − E_ρ KL(π ‖ μ) − KL(ρ ‖ ν) }                            (91)
    E step   π ∝ μ exp Q(s,a,b),   ρ ∝ ν exp Q(s,b),   Q(s,b) = log Σ_a μ exp Q              (89)
    evidence log P(O=1) − log c = log mean_s exp V(s),   V(s) = log Σ_b ν exp Q(s,b)        (90)
    M step   Q of the policies, by policy evaluation

a is the agent's action, b the opponent's; μ(a|s,b), ν(b|s) are the priors, U(s) = 1/S. A
:class:`~tabular_marl.verification.claims._rommeo.Game` holds the priors (and, in a game, u = βR,
the transitions and γ). Units are the report's: Q carries β. Shapes: Q, π, μ [S, A, B]; ρ, ν
[S, B]; in an instance agent_prior and agent [S, B, A]. Sources: report (87)-(102), C.
"""

from __future__ import annotations

from dataclasses import replace

from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy
from tabular_marl.verification.claims._rommeo import Game, log_ratio
from tabular_marl.verification.claims._rommeo_rows import game_fields, stationary_fields
from tabular_marl.verification.scope import scope
from tabular_marl.verification.strategies import Field, array, discount, distribution

Pair = tuple[Numbers, Numbers]


def tables(
    arithmetic: Arithmetic,
    q: Numbers,
    agent_prior: Numbers = None,
    opponent_prior: Numbers = None,
) -> Game:
    """Priors around a table Q [S, A, B]; a prior left out is uniform."""
    return Game.of(arithmetic, q, 1, agent_prior=agent_prior, opponent_prior=opponent_prior)


def mean(x: Numbers) -> Numbers:
    """E over s ~ U."""
    return x.sum(axis=0) / len(x)


def bound(game: Game, q: Numbers, policies: Pair) -> Numbers:
    """L of (91), E over s and b put in."""
    return mean(game.value(q, *policies))


def log_evidence(game: Game, q: Numbers) -> Numbers:
    """log P(O=1) − log c, where P(O=1|s,a,b) = c exp Q."""
    return free_energy(game.soft(q), None, 1, 0, game.arithmetic)


def e_step(game: Game, q: Numbers) -> Pair:
    """(89), and the opponent model's part."""
    return game.agent_tilt(q), game.opponent_tilt(game.agent_soft(q))


def joint(policies: Pair) -> Numbers:
    """π(a|s,b) ρ(b|s)."""
    return policies[0] * policies[1][:, None]


def replaced(game: Game, policies: Pair) -> Game:
    """The game whose priors are the last policies."""
    return replace(game, agent_prior=policies[0], opponent_prior=policies[1])


def returns(game: Game, policies: Pair) -> Numbers:
    """M step, "not the soft Q": Q of the policies' plain return."""
    return game.evaluated((joint(policies) * game.u).sum(axis=(1, 2)), *policies)


def posterior(game: Game, q: Numbers) -> Numbers:
    """(88): P(s,a,b|O=1) [S, A, B]."""
    weights = joint((game.agent_prior, game.opponent_prior)) * game.arithmetic.exp(q)
    return weights / weights.sum(axis=(0, 1, 2))


def divergence(game: Game, q: Numbers, policies: Pair) -> Numbers:
    """KL(q_θ ‖ P(s,a,b|O=1)), q_θ = U π ρ."""
    here = joint(policies) / len(q)
    return (here * log_ratio(here, posterior(game, q), game.arithmetic)).sum(axis=(0, 1, 2))


# -- rows: fields, scopes --------------------------------------------------------------------------

GIBBS = "kl.nonnegative"
DUALITY = "free-energy.duality"
STATES = scope(states=">= 1", actions=">= 1", opponent_actions=">= 1")
GAMES = scope(
    states=">= 1", actions=">= 1", opponent_actions=">= 1", beta="(-inf, inf)", gamma="[0, 1)"
)
SMALL_GAMES = {"states": (1, 2), "actions": (1, 2), "opponent_actions": (1, 3)}


def table_fields() -> dict[str, Field]:
    """q and the priors of :func:`tables`."""
    return {
        "q": array("states", "actions", "opponent_actions"),
        "agent_prior": distribution("states", "opponent_actions", "actions"),
        "opponent_prior": distribution("states", "opponent_actions"),
    }


def stage_fields() -> dict[str, Field]:
    """Tables, priors and policies."""
    return {**table_fields(), **stationary_fields()}


def discounted_fields() -> dict[str, Field]:
    """A game with priors, γ < 1."""
    return {**game_fields(), "gamma": discount()}
