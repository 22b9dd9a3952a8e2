"""Options of two agents: six policies, in the report's order.       report 2.2, (77)-(86), B.2

    Q(s,a,b,z,y)     = β R(s,a,b) + γ E_{s'}[U(s',z,y)]                                  (86), (190)
    1  π(a|s,z,b,y)      of Q                       prior P(a|s,z,b,y)         → Q^H(s,z,b,y)   (82)
    2  q^{H,i}(z|s,b,y)  of Q^H(s,z,b,y)            prior P^{H,i}(z|s,b,y)     → Q(s,b,y)       (82)
    3  q^{T,i}(·|s,z_,b,y)  of {Q(s,b,y), Q^H(s,z_,b,y)},   P^{T,i}            → Q(s,z_,b,y)
    4  ρ(b|s,z_,y)       of Q(s,z_,b,y)             prior P(b|s,z_,y)          → Q^H(s,z_,y)    (83)
    5  q^{H,-i}(y|s,z_)  of Q^H(s,z_,y)             prior P^{H,-i}(y|s,z_)     → Q(s,z_)        (84)
    6  q^{T,-i}(·|s,z_,y_)  of {Q(s,z_), Q^H(s,z_,y_)},     P^{T,-i}           → U(s,z_,y_)     (85)

a, z, z_ are the agent's action, option and option before; b, y, y_ the opponent's. Every policy is
the prior times exp of what it sees, every arrow the logarithm of that sum. 2 and 3 share one β, as
do 5 and 6, and merge into one aggregation each (models/lifting.py): a recipe of four aggregations
a, z, b, y on states (s, z_, y_). Units: the report's Q are β times ours. ``beta_opponent``, for 4
to 6, is our extension (the report has one β): of the other sign it is an opponent who minimises.

What is printed wrongly: the unnumbered Q^H above (82) lacks a logarithm. In q^{T,i} (unnumbered,
after (82) and (182)) the continued value is called Q(s,z_,b,y), which the next line defines; it is
Q^H(s,z_,b,y). (83), (184) put Q^H inside its own definition, and da^i; it is Q(s,z_,b,y) and db.
(85), (188) name z^i_{t−1} twice in the prior, b^i for b^-i and z_t^-i for z_{t−1}^-i in the
normaliser; (185) splits on b^i where b^-i is meant. (80) repeats q^{H,i} for the opponent's master
and q^{T,-i}'s arguments, and its family (79) conditions the policies on less than (82)-(85) do, so
the printed solution is not in it; it maximises the ELBO over policies conditioned as in 1 to 6.
(77) has P(z_0^i) and P(b_0^i) twice. (84) and (86) are right.

Shapes, axes always in the order s, z_, y_, a, b, z, y: value U [s, z_, y_]; q [s, a, b, z, y];
agent_policy π [s, a, b, z, y]; agent_master [s, b, z, y]; agent_termination [s, z_, b, y];
opponent_policy ρ [s, z_, b, y]; opponent_master [s, z_, y]; opponent_termination [s, z_, y_];
joint_policy [s, z_, y_, a, b, z, y]. Terminations are probabilities of terminating.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.models.lifting import (
    flat_initial,
    keep_or_choose,
    lift,
    prior_over,
    share,
    termination,
)
from tabular_marl.models.solve import Game, Options, Solved, build_as, two_player
from tabular_marl.numerics.free_energy import free_energy, tilt
from tabular_marl.numerics.recipe import Aggregation
from tabular_marl.solution import Array, Solution
from tabular_marl.validation import InputError, integer, inverse_temperature


@dataclass(frozen=True, kw_only=True)
class MultiAgentOptionsSolution(Solution):
    """The Solution of two agents with options; the module's docstring has the shapes.

    ``error_bound`` is about ``value``; ``certify`` returns it flat, (s, z_, y_) in C order.
    """

    agent_master: Array = field(repr=False)
    agent_termination: Array = field(repr=False)
    opponent_master: Array = field(repr=False)
    opponent_termination: Array = field(repr=False)

    def details(self) -> dict[str, Any]:
        """The masters and terminations."""
        return {
            "agent_master": self.agent_master,
            "agent_termination": self.agent_termination,
            "opponent_master": self.opponent_master,
            "opponent_termination": self.opponent_termination,
        }


def multi_agent_options(
    game: Game,
    beta: float,
    num_options: int | tuple[int, int] = 2,
    beta_opponent: float | None = None,
    agent_prior: ArrayLike | None = None,
    agent_master_prior: ArrayLike | None = None,
    agent_termination_prior: ArrayLike = 0.5,
    opponent_prior: ArrayLike | None = None,
    opponent_master_prior: ArrayLike | None = None,
    opponent_termination_prior: ArrayLike = 0.5,
    discount: float | None = None,
    **solver: Unpack[Options],
) -> MultiAgentOptionsSolution:
    """The six policies of an agent and an opponent with options, ``num_options`` each or (m, n).

    ``beta`` (and ``beta_opponent``, the same by default) in [−inf, inf] and 1/reward. Priors have
    the axes of their policies, with length 1 where they do not depend on one, or the short form:
    ``agent_prior`` [a, z], ``agent_master_prior`` [z], ``opponent_prior`` [b, y],
    ``opponent_master_prior`` [y]; uniform by default. Termination priors: a number, the axes of
    their policies, or [z_], [y_]. ``solver`` takes the arguments of :func:`tabular_marl.solve`.
    Raises InputError, NotConverged. Source: report (82)-(86).

    >>> import tabular_marl as tm
    >>> sure = [[0.9, 0.1], [0.1, 0.9]]
    >>> hunt = tm.games.stag_hunt()
    >>> result = tm.multi_agent_options(hunt, 1.0, agent_prior=sure, opponent_prior=sure)
    >>> result.value.round(4), result.opponent_master.round(4)
    (array([[[3.4722, 2.7824],
            [3.14  , 2.5895]]]), array([[[0.8319, 0.1681],
            [0.7685, 0.2315]]]))
    """
    seen = two_player(game, discount)
    pair = num_options if isinstance(num_options, tuple) else (num_options, num_options)
    if len(pair) != 2:
        raise InputError("num_options", "be one number or a pair", f"it was {num_options!r}")
    m, n = (integer("num_options", number) for number in pair)
    beta = inverse_temperature("beta", beta)
    beta_o = beta if beta_opponent is None else inverse_temperature("beta_opponent", beta_opponent)
    S, A, B = seen.reward.shape
    acts = prior_over("agent_prior", agent_prior, (S, A, B, m, n), (1, 3), 1)
    choose = prior_over("agent_master_prior", agent_master_prior, (S, B, m, n), (2,), 2)
    ends = termination("agent_termination_prior", agent_termination_prior, (S, m, B, n), (1,))
    theirs = prior_over("opponent_prior", opponent_prior, (S, m, B, n), (2, 3), 2)
    choose_o = prior_over("opponent_master_prior", opponent_master_prior, (S, m, n), (2,), 2)
    ends_o = termination("opponent_termination_prior", opponent_termination_prior, (S, m, n), (2,))
    choose_wide, ends_wide = choose[:, None], ends[:, :, :, None]  # [s, z_, b, z, y]
    merged = keep_or_choose(choose_wide, ends_wide, 1, 3)
    choose_o_wide, ends_o_wide = choose_o[:, :, None], ends_o[..., None]  # [s, z_, y_, y]
    merged_o = keep_or_choose(choose_o_wide, ends_o_wide, 2, 3)
    reward, lifted = lift(seen, seen.reward, (m, n))

    def remembered(prior: Array) -> Array:
        """[s, z_ or 1, y_ or 1, a, b, z, y] as a prior of the lifted game."""
        return np.broadcast_to(prior, (S, m, n, *prior.shape[3:])).reshape(-1, *prior.shape[3:])

    recipe = (
        Aggregation(0, beta, remembered(acts[:, None, None])),
        Aggregation(2, beta, remembered(merged[:, :, None, None])),
        Aggregation(1, beta_o, remembered(theirs[:, :, None, None, :, None])),
        Aggregation(3, beta_o, remembered(merged_o[:, :, :, None, None, None])),
    )

    def fields(solved: Solved) -> dict[str, Array]:
        memory = (S, m, n)
        q = solved.q.reshape(*memory, A, B, m, n)[:, 0, 0]  # the same for every z_, y_
        ahead = free_energy(q, beta, acts, axis=1)
        _, kept, answer, kept_o = solved.linear.tilts
        kept = kept.reshape(*memory, B, m, n)[:, :, 0]
        wide = np.broadcast_to(ahead[:, None], merged.shape)
        after = free_energy(wide, beta, merged, axis=3)  # Q(s, z_, b, y)
        ahead_o = free_energy(after, beta_o, theirs, axis=2)  # Q^H(s, z_, y)
        joint = solved.linear.weights.reshape(*memory, A, B, m, n)
        return {
            "value": solved.value.reshape(memory),
            "q": q,
            "joint_policy": joint,
            "agent_policy": tilt(q, beta, acts, axis=1),
            "agent_master": tilt(ahead, beta, choose, axis=2),
            "agent_termination": share(kept, choose_wide, ends_wide, merged, 3),
            "opponent_policy": answer.reshape(*memory, B, n)[:, :, 0],
            "opponent_master": tilt(ahead_o, beta_o, choose_o, axis=2),
            "opponent_termination": share(
                kept_o.reshape(*memory, n), choose_o_wide, ends_o_wide, merged_o, 3
            ),
        }

    name, given = "multi-agent-options", flat_initial(solver)
    return build_as(MultiAgentOptionsSolution, reward, lifted, recipe, name, given, fields)
