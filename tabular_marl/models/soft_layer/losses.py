"""The losses of soft actor-critic and soft Q-learning on a table, and what minimises them.

    L_V(V) = Σ_s d(s) ½ (V(s) − E_π[Q(s,a) − (1/β) log(π/p)])²                       report (59)
    L_Q(Q) = Σ_x d(x) Σ_t P(t|x) ½ (Q(x) − R(x) − γ V̄(t))²        x = (s,a)      (60), (63)
                                                                   x = (s,a,b)         (66)
    L_π(π) = Σ_s d(s) E_π[log π(a|s) − β Q(s,a) − log p(a|s)]                         (61), (68)

Their minimisers are the soft evaluation of π, the conditional mean of the target, and the tilt;
the least losses are 0, the variance ½γ² Σ d Var V̄ that no Q explains, and −β Σ d V. Where d = 0 a
minimiser is not unique; the one returned is the formula's. Taken in turn they are soft policy
iteration, and stop at (58) with γ; with the free energies (65), (67) for V and Q^i they are
Balancing-Q.

As printed, (60) and (63) lack the β of (58), (66) has −γ, (61) and (68) take the logarithm of the
action instead of its density, and (63), (66) do not hold V̄ fixed. Held fixed here; with it moving
the loss is :func:`residual_loss`, whose minimiser is another where transitions are random.

Shapes: value, states d(s) [s]; q, policy, prior [s, a]; R, Q, d [s, a] or [s, a, b] with
transition [s, a(, b), t]. Units: Q, V, R are rewards, the report's are β times those.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.numerics.free_energy import free_energy_and_tilt
from tabular_marl.solution import Array
from tabular_marl.validation import (
    InputError,
    discount_factor,
    finite_array,
    inverse_temperature,
    probability_rows,
)


@dataclass(frozen=True)
class Minimum:
    """``argument`` minimises a loss, and ``loss`` is the least value."""

    argument: Array
    loss: float


# -- (59) ------------------------------------------------------------------------------------------


def value_loss(
    value: ArrayLike,
    q: ArrayLike,
    policy: ArrayLike,
    beta: float,
    prior: ArrayLike | None = None,
    states: ArrayLike | None = None,
) -> float:
    """L_V of ``value`` [s]; ``states`` d(s) is uniform by default. Source: report (59).

    >>> value_loss([0.0], [[0.0, 2.0]], [[0.5, 0.5]], beta=1.0)
    0.5
    """
    target = best_value(q, policy, beta, prior).argument
    error = finite_array("value", value, target.shape) - target
    return float(_weights("states", states, target.shape) @ (error**2 / 2))


def best_value(
    q: ArrayLike, policy: ArrayLike, beta: float, prior: ArrayLike | None = None
) -> Minimum:
    """V(s) = E_π[Q] − KL(π‖p)/β, the minimiser of (59): the soft value of ``policy``.

    It is the free energy of (58) less KL(π ‖ tilt)/β, so that of (58) only where π is the tilt.
    Raises InputError. Source: report (59).

    >>> best_value([[0.0, 2.0]], [[0.0, 1.0]], beta=1.0).argument.round(6)
    array([1.306853])
    """
    beta, table, prior = _soft("best_value", q, beta, prior)
    policy = probability_rows("policy", policy, table.shape)
    return Minimum((policy * table).sum(axis=1) - _divergence(policy, prior) / beta, 0.0)


# -- (60), (63), (66) ------------------------------------------------------------------------------


def action_value_loss(
    q: ArrayLike,
    reward: ArrayLike,
    transition: ArrayLike,
    target: ArrayLike,
    discount: float,
    pairs: ArrayLike | None = None,
) -> float:
    """L_Q of ``q`` with the target's values V̄ = ``target`` [s] held fixed.

    ``pairs`` d(x) has the shape of ``reward`` and is uniform by default. Raises InputError.
    Source: report (60), (63), (66).

    >>> action_value_loss([[1.0]], [[1.0]], [[[1.0]]], [2.0], 0.5)
    0.5
    """
    reward, transition, gamma = _data(reward, transition, discount)
    after = finite_array("target", target, (transition.shape[-1],))
    q = finite_array("q", q, reward.shape)
    error = q[..., None] - reward[..., None] - gamma * after
    losses = (transition * error**2).sum(axis=-1) / 2
    return float((_weights("pairs", pairs, reward.shape) * losses).sum())


def best_action_value(
    reward: ArrayLike,
    transition: ArrayLike,
    target: ArrayLike,
    discount: float,
    pairs: ArrayLike | None = None,
) -> Minimum:
    """Q(x) = R(x) + γ E[V̄(s')|x], the minimiser of (60), (63), (66) with +γ, and its loss.

    The least loss is ½γ² E_d Var[V̄(s')|x]: positive at the right answer where transitions are
    random. Raises InputError. Source: report (60), (63), (66).

    >>> best_action_value([[0.0], [0.0]], [[[0.5, 0.5]], [[0.0, 1.0]]], [0.0, 4.0], 0.5)
    Minimum(argument=array([[1.],
           [2.]]), loss=0.25)
    """
    reward, transition, gamma = _data(reward, transition, discount)
    after = finite_array("target", target, (transition.shape[-1],))
    best = reward + gamma * (transition @ after)
    return Minimum(best, action_value_loss(best, reward, transition, after, gamma, pairs))


def residual_loss(
    q: ArrayLike,
    reward: ArrayLike,
    transition: ArrayLike,
    beta: float,
    discount: float,
    prior: ArrayLike | None = None,
    pairs: ArrayLike | None = None,
) -> float:
    """L_Q(Q) with V_θ = F_β[p](Q_θ) moving along, as (63) prints it; q [s, a].

    It is 0 at (58) where transitions are deterministic. With random ones it also weighs
    ½γ² Var V_θ(s'), and its minimiser is not (58). Raises InputError. Source: report (63).

    >>> residual_loss([[2.0]], [[1.0]], [[[1.0]]], beta=1.0, discount=0.5)
    0.0
    """
    beta, table, prior = _soft("residual_loss", q, beta, prior)
    value = free_energy_and_tilt(table, beta, prior, axis=1)[0]
    return action_value_loss(table, reward, transition, value, discount, pairs)


# -- (61), (68) ------------------------------------------------------------------------------------


def policy_loss(
    policy: ArrayLike,
    q: ArrayLike,
    beta: float,
    prior: ArrayLike | None = None,
    states: ArrayLike | None = None,
) -> float:
    """L_π = Σ_s d(s) [KL(π ‖ tilt) − β V(s)]: KL(π ‖ p) − β E_π[Q]. Source: report (61), (68).

    For (68), ``q`` is Q^i(s,a)/β^i, the free energy of Q over the opponent's prior; with β^i < 0 it
    is minimised all the same. Raises InputError.

    >>> policy_loss([[0.5, 0.5]], [[0.0, 2.0]], beta=1.0)
    -1.0
    """
    beta, table, prior = _soft("policy_loss", q, beta, prior)
    policy = probability_rows("policy", policy, table.shape)
    losses = _divergence(policy, prior) - beta * (policy * table).sum(axis=1)
    return float(_weights("states", states, losses.shape) @ losses)


def best_policy(
    q: ArrayLike, beta: float, prior: ArrayLike | None = None, states: ArrayLike | None = None
) -> Minimum:
    """π(a|s) ∝ p(a|s) exp(β Q(s,a)), the minimiser of (61), and −β Σ d V, its loss.

    With (67)'s Q^i/β^i for ``q`` it is the policy (24), the minimiser of (68), for either sign of
    β^i. Raises InputError. Source: report (58), (61), (68).

    >>> best_policy([[0.0, 0.0]], beta=1.0)
    Minimum(argument=array([[0.5, 0.5]]), loss=-0.0)
    """
    beta, table, prior = _soft("best_policy", q, beta, prior)
    value, policy = free_energy_and_tilt(table, beta, prior, axis=1)
    return Minimum(policy, float(-beta * (_weights("states", states, value.shape) @ value)))


# -- what they share -------------------------------------------------------------------------------


def _soft(
    caller: str, q: ArrayLike, beta: float, prior: ArrayLike | None
) -> tuple[float, Array, Array]:
    """Checked β (finite, not 0), Q [s, a] and a prior of its shape."""
    number = inverse_temperature("beta", beta)
    if not 0 < abs(number) < np.inf:
        raise InputError("beta", f"be finite and not 0 for {caller}", f"it was {number}")
    table = finite_array("q", q, (None, None))
    if prior is None:
        return number, table, np.full(table.shape, 1.0 / table.shape[1])
    shape = table.shape if np.ndim(prior) == 2 else table.shape[1:]
    return number, table, np.broadcast_to(probability_rows("prior", prior, shape), table.shape)


def _divergence(policy: Array, prior: Array) -> Array:
    """KL(π ‖ p) [s]; refuses a policy outside the prior's support, where it is infinite."""
    if (outside := (policy > 0) & (prior == 0)).any():
        entry = [int(i) for i in np.argwhere(outside)[0]]
        raise InputError("policy", "be 0 where the prior is", f"entry {entry} was not")
    ratio = np.divide(policy, prior, out=np.ones_like(policy), where=policy > 0)
    return np.asarray((policy * np.log(ratio)).sum(axis=1))


def _data(reward: ArrayLike, transition: ArrayLike, discount: float) -> tuple[Array, Array, float]:
    """Checked R of any shape [s, …], P of that shape and one more axis, γ."""
    rewards = finite_array("reward", reward)
    if rewards.ndim < 2:
        raise InputError("reward", "have axes [s, a] or [s, a, b]", f"it had {rewards.shape}")
    rows = probability_rows("transition", transition, (*rewards.shape, rewards.shape[0]))
    return rewards, rows, discount_factor("discount", discount)


def _weights(argument: str, given: ArrayLike | None, shape: tuple[int, ...]) -> Array:
    """A probability over the whole ``shape``: which data the loss sees, how often."""
    if given is None:
        return np.full(shape, 1.0 / np.prod(shape))
    weights = finite_array(argument, given, shape)
    return probability_rows(argument, weights.ravel()).reshape(shape)
