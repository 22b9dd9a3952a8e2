"""ROMMEO: a regularised opponent model with a maximum-entropy objective.        report (1)-(14)

    π(a|s,b) = exp(Q(s,a,b)) P_prior(a|s,b) / exp(Q(s,b))
    ρ(b|s)   = exp(Q(s,b)) P_prior(b|s) / exp(V(s))
    Q(s,a,b) = β R(s,a,b) + γ E_{s'|s,a,b}[V(s')]
    Q(s,b)   = log Σ_a exp(Q(s,a,b)) P_prior(a|s,b)
    V(s)     = log Σ_b exp(Q(s,b)) P_prior(b|s)

(13) and (14) above are what (8), (9) are at the last step: the maximisers of (12), or (7) there,
and what they leave for the step before, (11). (10) puts 1/β on one of (7)'s two logarithms only;
that is Balancing-Q with β^-i = 1, in the opponent's view.

Recipe: a:β given b, then b:β. Units: the report's Q(s,a,b), Q(s,b) and V(s) are β times ``q``,
``opponent_q`` and ``value`` here; dividing by β also gives the limits β = 0 (expectations under
the priors) and β = ±inf (both players maximise, or minimise, the agent's reward). The opponent
model ρ is one that shares the agent's reward; it moves first and the agent answers.

Shapes: q, agent_policy π(a|s,b), joint_policy π ρ [s, a, b]; opponent_q, opponent_policy ρ [s, b].
"""

from __future__ import annotations

from typing import Unpack

from numpy.typing import ArrayLike

from tabular_marl.models.solve import Game, Options, build, first_mover, two_player
from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation
from tabular_marl.solution import Solution


def rommeo(
    game: Game,
    beta: float,
    agent_prior: ArrayLike | None = None,
    opponent_prior: ArrayLike | None = None,
    discount: float | None = None,
    **options: Unpack[Options],
) -> Solution:
    """ROMMEO's value, the agent's conditional policy and its opponent model.

    ``beta`` in [−inf, inf] and 1/reward. ``agent_prior`` [a], [s, a] or P_prior(a|s,b) as
    [s, a, b]; ``opponent_prior`` [b] or [s, b]; both uniform by default. The other arguments are
    those of :func:`tabular_marl.solve`. Raises InputError, NotConverged. Source: report (13), (14).

    >>> import tabular_marl as tm
    >>> solution = tm.rommeo(tm.MatrixGame([[1.0, 0.0], [0.0, 2.0]]), beta=3.0)
    >>> solution.opponent_policy.round(4), solution.agent_policy[0, :, 1].round(4)
    (array([[0.0496, 0.9504]]), array([0.0025, 0.9975]))
    """
    recipe = (
        Aggregation(AGENT, beta, agent_prior),
        Aggregation(OPPONENT, beta, opponent_prior),
    )
    seen = two_player(game, discount)
    return build(seen.reward, seen, recipe, "rommeo", options, first_mover)
