"""Soft Q-learning's fixed point: one decision maker.                               report (58)

    π(a|s) = exp(Q(s,a)) P_prior(a|s) / exp(V(s))
    Q(s,a) = β R(s,a) + γ E_{s'|s,a}[V(s')]        (the report's (58) leaves γ out)
    V(s)   = log Σ_a exp(Q(s,a)) P_prior(a|s)

Recipe: a:β. Units: the report's Q and V are β times ``q`` and ``value`` here. In a two-player game
the pair (a, b) is one action: a single decision maker who moves both players.

Shapes: q, joint_policy [s, a, b]; agent_policy [s, a] and opponent_policy [s, b] are the
marginals of joint_policy, so with an opponent of one action agent_policy is π.
"""

from __future__ import annotations

from typing import Unpack

from numpy.typing import ArrayLike

from tabular_marl.models.solve import Game, Options, Solved, build, two_player
from tabular_marl.numerics.recipe import Aggregation
from tabular_marl.solution import Array, Solution
from tabular_marl.validation import float_array


def soft_q(
    game: Game,
    beta: float,
    prior: ArrayLike | None = None,
    discount: float | None = None,
    **options: Unpack[Options],
) -> Solution:
    """The soft-optimal value and policy of the agent's reward; (a, b) is one action.

    ``beta`` in [−inf, inf] and 1/reward; ``prior`` [s, a, b], or [a, b], or uniform; the other
    arguments are those of :func:`tabular_marl.solve`. Raises InputError, NotConverged.
    Source: report (58).

    >>> import tabular_marl as tm
    >>> tm.soft_q(tm.MatrixGame([[0.0], [1.0]]), beta=2.0).agent_policy.round(6)
    array([[0.119203, 0.880797]])
    """
    seen = two_player(game, discount)
    shape = seen.reward.shape
    joint = (shape[0], shape[1] * shape[2])
    if prior is not None:
        prior = float_array("prior", prior)
        if prior.shape in (shape, shape[1:]):
            prior = prior.reshape(*prior.shape[:-2], joint[1])

    def fields(solved: Solved) -> dict[str, Array]:
        policy = solved.linear.weights.reshape(shape)
        return {
            "q": solved.q.reshape(shape),
            "joint_policy": policy,
            "agent_policy": policy.sum(axis=2),
            "opponent_policy": policy.sum(axis=1),
        }

    recipe = (Aggregation(0, beta, prior),)
    return build(seen.reward.reshape(joint), seen, recipe, "soft-q", options, fields)
