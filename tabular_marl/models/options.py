"""Soft options: a master chooses the option, a termination policy drops it, an option acts.
                                                                    report 2.1, (69)-(76), B.1
    Q(s,a,z)     = β r(s,a) + γ E_{s'}[U(s',z)]                                              (76)
    V(s,z)       = log Σ_a P(a|s,z) exp Q(s,a,z),       π(a|s,z)   ∝ P(a|s,z) exp Q          (73)
    V^H(s)       = log Σ_z P^H(z|s) exp V(s,z),         π^H(z|s)   ∝ P^H(z|s) exp V          (74)
    U(s,z_,1)    = V^H(s),   U(s,z_,0) = V(s,z_)
    U(s,z_)      = log Σ_b P^T(b|s,z_) exp U(s,z_,b),   π^T(b|s,z_) ∝ P^T(b|s,z_) exp U      (75)

z_ is the option in force before the step, b = 1 terminates it. This is the reading that maximises
the objective (72) (discounted): every conditional is a Gibbs policy of what comes after it, and
with b = 0 the master's terms cancel, δ against δ. Recipe: a:β given z, z:β, then the termination:β
over {V^H(s), V(s, z_)}, on the unknown U(s, z_); :mod:`tabular_marl.models.lifting` says why the
engine does not change. Units: the report's Q, V, V^H, U are β times ours.

What is printed wrongly: (74) averages Q^H = E_π[Q], which loses −log π/P; (173) has V(s,z), and is
right. (74), (160), (173), (179) put 1/m outside the logarithm: V^H = (1/m) log Σ is no normaliser
of π^H, it must be log (1/m) Σ. (74) also exponentiates Q(s,z) where Q^H is meant. (76) and (170)
leave γ out and average U over (a, z, b), which it no longer contains. (72) sums from t = 1, (69)
from 0. (161), (162), (169), (171) write π^T(1 − b|·) beside the factor (1 − b), which at b = 0 is
the probability of b = 1. (177) drops the low-level policy's cost. (180) is true with 1/m inside.

In a two-player game (a, b) is one action of one decision maker, as in soft Q-learning.
Shapes: value U [s, z_]; q, low_level_policy [s, a, b, z]; low_level_value, master_policy [s, z];
master_value V^H [s]; termination_policy [s, z_], the probability of b = 1; joint_policy
[s, z_, a, b, z]; agent_policy [s, a, z] and opponent_policy [s, b, z] are π's marginals.
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
from tabular_marl.numerics.free_energy import free_energy_and_tilt
from tabular_marl.numerics.recipe import Aggregation
from tabular_marl.solution import Array, Solution
from tabular_marl.validation import float_array, integer, inverse_temperature


@dataclass(frozen=True, kw_only=True)
class OptionsSolution(Solution):
    """The Solution of an option system; the module's docstring has the shapes.

    ``error_bound`` is about ``value``; ``certify`` returns it flat, (s, z_) in C order.
    """

    low_level_policy: Array = field(repr=False)
    low_level_value: Array = field(repr=False)
    master_policy: Array = field(repr=False)
    master_value: Array = field(repr=False)
    termination_policy: Array = field(repr=False)

    def details(self) -> dict[str, Any]:
        """The three policies and their values."""
        return {
            "low_level_policy": self.low_level_policy,
            "low_level_value": self.low_level_value,
            "master_policy": self.master_policy,
            "master_value": self.master_value,
            "termination_policy": self.termination_policy,
        }


def options(
    game: Game,
    beta: float,
    num_options: int = 2,
    prior: ArrayLike | None = None,
    master_prior: ArrayLike | None = None,
    termination_prior: ArrayLike = 0.5,
    discount: float | None = None,
    **solver: Unpack[Options],
) -> OptionsSolution:
    """The three soft-optimal policies of an agent with ``num_options`` options.

    ``beta`` in [−inf, inf] and 1/reward. ``prior`` P(a,b|s,z) as [s, a, b, z] or [a, b, z]
    (or [a, z] where the opponent has one action), ``master_prior`` P^H(z|s) as [s, z] or [z], both
    uniform by default (then all options are alike). ``termination_prior`` P^T(1|s,z_): a number,
    [z_] or [s, z_]. ``solver`` takes the arguments of :func:`tabular_marl.solve`.
    Raises InputError, NotConverged. Source: report (72)-(76), (172)-(174).

    >>> import tabular_marl as tm
    >>> game = tm.MatrixGame([[1.0], [0.0]])
    >>> result = tm.options(game, beta=2.0, prior=[[0.9, 0.1], [0.1, 0.9]])
    >>> result.value.round(4), result.termination_policy.round(4), result.master_policy.round(4)
    (array([[0.8499, 0.5352]]), array([[0.3832, 0.719 ]]), array([[0.8046, 0.1954]]))
    """
    seen = two_player(game, discount)
    m = integer("num_options", num_options)
    beta = inverse_temperature("beta", beta)
    states, rows, columns = seen.reward.shape
    joint = rows * columns
    acts = _low_level_prior(prior, (states, rows, columns, m)).reshape(states, 1, joint, m)
    choose = prior_over("master_prior", master_prior, (states, m), (1,), 1)
    ends = termination("termination_prior", termination_prior, (states, m), (1,))
    merged = keep_or_choose(choose[:, None, :], ends[:, :, None], 1, 2)
    reward, lifted = lift(seen, seen.reward.reshape(states, joint), (m,))
    recipe = (
        Aggregation(0, beta, np.broadcast_to(acts, (states, m, joint, m)).reshape(-1, joint, m)),
        Aggregation(1, beta, merged.reshape(states * m, 1, m)),
    )

    def fields(solved: Solved) -> dict[str, Array]:
        q = solved.q.reshape(states, m, joint, m)[:, 0]  # the same for every z_
        value, policy = free_energy_and_tilt(q, beta, acts[:, 0], axis=1)
        ahead, master = free_energy_and_tilt(value, beta, choose, axis=1)
        kept = solved.linear.tilts[1].reshape(states, m, m)
        policy = policy.reshape(states, rows, columns, m)
        return {
            "value": solved.value.reshape(states, m),
            "q": q.reshape(states, rows, columns, m),
            "joint_policy": solved.linear.weights.reshape(states, m, rows, columns, m),
            "low_level_policy": policy,
            "low_level_value": value,
            "agent_policy": policy.sum(axis=2),
            "opponent_policy": policy.sum(axis=1),
            "master_policy": master,
            "master_value": ahead,
            "termination_policy": share(kept, choose[:, None, :], ends[:, :, None], merged, 2),
        }

    given = flat_initial(solver)
    return build_as(OptionsSolution, reward, lifted, recipe, "options", given, fields)


def _low_level_prior(prior: ArrayLike | None, shape: tuple[int, ...]) -> Array:
    """P(a,b|s,z) as [s, a, b, z]; (a, b) is one outcome."""
    states, rows, columns, m = shape
    given = prior
    if given is not None:
        given = float_array("prior", given)
        if given.shape == (rows, m) and columns == 1:
            given = given[:, None, :]
        if given.shape in (shape[1:], shape):
            given = given.reshape(*given.shape[:-3], rows * columns, m)
    flat = prior_over("prior", given, (states, rows * columns, m), (1, 2), 1)
    return flat.reshape(shape)
