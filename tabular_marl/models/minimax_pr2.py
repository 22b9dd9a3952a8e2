"""Minimax-PR2: PR2's factorisation against an opponent who lowers the agent's reward.  report 1.4

    P(a, b|s) = π(a|s) ρ(b|s,a)                                             as in report (57)
    Q(s,a,b) = R(s,a,b) + γ E_{s'|s,a,b}[V(s')]
    Q(s,a)   = (1/β^-i) log Σ_b exp(β^-i Q(s,a,b)) P_prior(b|s,a)           β^-i ≤ 0: a soft minimum
    V(s)     = (1/β) log Σ_a exp(β Q(s,a)) P_prior(a|s)                     β ≥ 0: a soft maximum
    ρ(b|s,a) ∝ exp(β^-i Q(s,a,b)) P_prior(b|s,a)
    π(a|s)   ∝ exp(β Q(s,a)) P_prior(a|s)

The report's section 1.4 is a bare heading, without a line of text: this model is ours. It is what
the heading promises, PR2 with a minimising opponent, in the sense of the report's 1.6.1 ("why
ROMMEO and PR2 do not work in minimax games": there the opponent's temperature is missing). Recipe:
b:β^-i given a, then a:β. With β = inf, β^-i = −inf it is the max-min value of a leader whose
follower sees the move. It lies below PR2 at the same β, and equals Balancing-Q in the agent's view
where the opponent's prior does not depend on a.

Shapes: q, opponent_policy ρ(b|s,a), joint_policy [s, a, b]; agent_q, agent_policy [s, a]. Units:
reward.
"""

from __future__ import annotations

from typing import Unpack

from numpy.typing import ArrayLike

from tabular_marl.models.solve import Game, Options, build, first_mover, two_player
from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation
from tabular_marl.solution import Solution
from tabular_marl.validation import InputError, inverse_temperature


def minimax_pr2(
    game: Game,
    beta: float,
    beta_opponent: float | None = None,
    agent_prior: ArrayLike | None = None,
    opponent_prior: ArrayLike | None = None,
    discount: float | None = None,
    **options: Unpack[Options],
) -> Solution:
    """The value and policies of an agent whose move a soft minimiser of its reward answers.

    ``beta`` in [0, inf] and ``beta_opponent`` in [−inf, 0], −``beta`` by default, in 1/reward.
    ``agent_prior`` [a] or [s, a]; ``opponent_prior`` [b], [s, b] or P_prior(b|s,a) as [s, a, b];
    both uniform by default. The other arguments are those of :func:`tabular_marl.solve`.
    Raises InputError, NotConverged. Source: report 1.4 (a heading), (57).

    >>> import tabular_marl as tm
    >>> pennies = tm.MatrixGame([[1.0, -1.0], [-1.0, 1.0]])
    >>> tm.minimax_pr2(pennies, beta=float("inf")).value, tm.minimax_pr2(pennies, beta=0).value
    (array([-1.]), array([0.]))
    """
    agent = inverse_temperature("beta", beta)
    if agent < 0:
        raise InputError("beta", "be at least 0, the agent maximises", f"it was {beta!r}")
    other = -agent
    if beta_opponent is not None:
        other = inverse_temperature("beta_opponent", beta_opponent)
        if other > 0:
            raise InputError(
                "beta_opponent", "be at most 0, the opponent minimises", f"it was {beta_opponent!r}"
            )
    recipe = (Aggregation(OPPONENT, other, opponent_prior), Aggregation(AGENT, agent, agent_prior))
    seen = two_player(game, discount)
    return build(seen.reward, seen, recipe, "minimax-pr2", options, first_mover)
