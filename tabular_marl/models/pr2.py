"""PR2: probabilistic recursive reasoning; the agent moves first and the opponent answers.

    P(a, b|s) = π(a|s) ρ(b|s,a)                                                        report (57)
    ρ(b|s,a) = exp(Q(s,a,b)) P_prior(b|s,a) / exp(Q(s,a))
    π(a|s)   = exp(Q(s,a)) P_prior(a|s) / exp(V(s))
    Q(s,a,b) = β R(s,a,b) + γ E_{s'|s,a,b}[V(s')]
    Q(s,a)   = log Σ_b exp(Q(s,a,b)) P_prior(b|s,a)
    V(s)     = log Σ_a exp(Q(s,a)) P_prior(a|s)

The report gives the factorisation (57); the rest is its derivation (5)-(14) with the roles of the
two actions exchanged. Recipe: b:β given a, then a:β. Units: the report's quantities are β times
``q``, ``agent_q`` and ``value`` here. On the game with the players' names exchanged this is ROMMEO.

Shapes: q, opponent_policy ρ(b|s,a), joint_policy [s, a, b]; agent_q, agent_policy [s, a].
"""

from __future__ import annotations

from typing import Unpack

from numpy.typing import ArrayLike

from tabular_marl.models.solve import Game, Options, build, first_mover, two_player
from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation
from tabular_marl.solution import Solution


def pr2(
    game: Game,
    beta: float,
    agent_prior: ArrayLike | None = None,
    opponent_prior: ArrayLike | None = None,
    discount: float | None = None,
    **options: Unpack[Options],
) -> Solution:
    """PR2's value, the agent's policy and the opponent's conditional policy.

    ``beta`` in [−inf, inf] and 1/reward. ``agent_prior`` [a] or [s, a]; ``opponent_prior`` [b],
    [s, b] or P_prior(b|s,a) as [s, a, b]; both uniform by default. The other arguments are those
    of :func:`tabular_marl.solve`. Raises InputError, NotConverged. Source: report (57).

    >>> import tabular_marl as tm
    >>> solution = tm.pr2(tm.MatrixGame([[1.0, 0.0], [0.0, 2.0]]), beta=3.0)
    >>> solution.agent_policy.round(4), solution.opponent_policy[0, 1].round(4)
    (array([[0.0496, 0.9504]]), array([0.0025, 0.9975]))
    """
    recipe = (
        Aggregation(OPPONENT, beta, opponent_prior),
        Aggregation(AGENT, beta, agent_prior),
    )
    seen = two_player(game, discount)
    return build(seen.reward, seen, recipe, "pr2", options, first_mover)
