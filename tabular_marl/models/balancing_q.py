"""Balancing-Q: two inverse temperatures, one reward.                     report (17), (20)-(25)

    Q(s,a,b)  = R(s,a,b) + γ E_{s'|s,a,b}[V(s')]            (the report's (25) leaves γ out)
    Q^i(s,a)  = (β^i/β^-i) log Σ_b exp(β^-i Q(s,a,b)) P_prior(b|s)
    V^i(s)    = log Σ_a exp(Q^i(s,a)) P_prior(a|s)
    π(a|s)    = exp(Q^i(s,a)) P_prior(a|s) / exp(V^i(s))
    Q^-i(s,b) = (β^-i/β^i) log Σ_a exp(β^i Q(s,a,b)) P_prior(a|s)
    V^-i(s)   = log Σ_b exp(Q^-i(s,b)) P_prior(b|s)
    ρ(b|s)    = exp(Q^-i(s,b)) P_prior(b|s) / exp(V^-i(s))

(22) and the last line of (25) set V = V^i/β^i = V^-i/β^-i. These are two orders of aggregation and
agree only where β^i = β^-i (or a player has one action), so there are two models, the two *views*:

    view="agent"      V = V^i/β^i      recipe: b:β^-i given a, then a:β^i
    view="opponent"   V = V^-i/β^-i    recipe: a:β^i given b, then b:β^-i

Units: Q^i = β^i · ``agent_q``, Q^-i = β^-i · ``opponent_q``, V^i = β^i · ``value`` in the agent's
view, V^-i = β^-i · ``value`` in the opponent's; dividing by β gives the limits 0 and ±inf. Opposite
signs make the game competitive: b lowers what a raises.

Shapes: q [s, a, b] from the chosen view's fixed point; agent_q and agent_policy π [s, a],
opponent_q and opponent_policy ρ [s, b] by both halves of (24), (25) from that one q;
conditional_policy [s, a, b] the answer behind the view, ρ(b|s,a) in the agent's (A.2.1) and
π(a|s,b) in the opponent's; joint_policy the first mover's policy times that answer.
"""

from __future__ import annotations

from typing import Literal, Unpack

from numpy.typing import ArrayLike

from tabular_marl.models.solve import (
    Game,
    Options,
    Solved,
    build,
    first_mover,
    outer_stage,
    two_player,
)
from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation, check
from tabular_marl.solution import Array, Solution
from tabular_marl.validation import float_array, inverse_temperature, one_of

VIEWS = ("agent", "opponent")


def balancing_q(
    game: Game,
    beta_agent: float,
    beta_opponent: float,
    view: Literal["agent", "opponent"] = "agent",
    agent_prior: ArrayLike | None = None,
    opponent_prior: ArrayLike | None = None,
    discount: float | None = None,
    **options: Unpack[Options],
) -> Solution:
    """Balancing-Q's value in one view, both players' policies and the conditional one.

    ``beta_agent`` β^i and ``beta_opponent`` β^-i in [−inf, inf] and 1/reward. ``agent_prior`` [a]
    or [s, a], ``opponent_prior`` [b] or [s, b], uniform by default. The player who answers in this
    view (the opponent in the agent's) may also have a prior [s, a, b] conditional on the first
    move; (24) then has no meaning for that player, whose policy is the conditional one.
    The other arguments are those of :func:`tabular_marl.solve`.
    Raises InputError, NotConverged. Source: report (20), (21), (24), (25).

    >>> import tabular_marl as tm
    >>> game = tm.MatrixGame([[3.0, 1.0], [2.0, 4.0]])
    >>> infinite = float("inf")
    >>> [tm.balancing_q(game, infinite, -infinite, view=view).value.item() for view in VIEWS]
    [2.0, 3.0]
    """
    one_of("view", view, VIEWS)
    agent = Aggregation(AGENT, inverse_temperature("beta_agent", beta_agent), agent_prior)
    opponent = Aggregation(
        OPPONENT, inverse_temperature("beta_opponent", beta_opponent), opponent_prior
    )
    views = {"agent": (opponent, agent), "opponent": (agent, opponent)}
    seen = two_player(game, discount)
    name = "opponent_prior" if view == "agent" else "agent_prior"
    prior = views[view][0].prior
    if prior is not None and float_array(name, prior).ndim == 3:

        def conditional(solved: Solved) -> dict[str, Array]:
            return first_mover(solved) | {"conditional_policy": solved.linear.tilts[0]}

        return build(seen.reward, seen, views[view], "balancing-q", options, conditional)
    levels = {name: check(views[name], seen.num_states, seen.action_counts) for name in VIEWS}

    def fields(solved: Solved) -> dict[str, Array]:
        agent_q, agent_policy = outer_stage(solved.q, levels["agent"])
        opponent_q, opponent_policy = outer_stage(solved.q, levels["opponent"])
        return {
            "agent_q": agent_q,
            "agent_policy": agent_policy,
            "opponent_q": opponent_q,
            "opponent_policy": opponent_policy,
            "conditional_policy": solved.linear.tilts[0],
        }

    return build(seen.reward, seen, views[view], "balancing-q", options, fields)
