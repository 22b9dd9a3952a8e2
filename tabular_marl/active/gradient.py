"""The gradient of the average reward in agent i's policy, and ascent to its optimum.

    J(φ) = p_0 P* r,     P, r under π_φ(a | o(x)),   o(x) what agent i sees of x = (s, θ^-i)

    ∇J = Σ_x μ(x) Σ_a ∇π(a|o(x)) q(x, a)  +  Σ_x n(x) Σ_a ∇π(a|o(x)) Σ_y P(y|x,a) g(y)
    q(x, a) = r(x, a) − g(x) + Σ_y P(y|x, a) v(y)

with μ = p_0 P*, g = P* r the gain, v = D r the differential value of Prop. 2 (FURTHER (15)), and
n(x) the expected number of visits to a transient x. The first sum is Prop. 3, summed over a^-i and
θ': it holds whether or not U sees a^i (it is then part of P(y|x,a)), and for every k, as the mean
over ℓ of μ_k(·|ℓ) is μ. The second sum is what Prop. 3 leaves out: it vanishes if the gain is the
same in all recurrent classes that are reached, and not otherwise. The structure of the chain must
not change with φ near φ_0: policies with full support, such as the softmax, see to that.

Shapes: parameters and gradients [O, A], one row an observation; reward units.
"softmax": π(a|o) ∝ exp φ(o, a).  "tabular": φ = π itself; its gradient is given up to a constant in
each row, which means nothing as rows of π sum to one; the one given here sums to zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.active.chains import Array, Indices
from tabular_marl.active.decision import DecisionProcess
from tabular_marl.solution import NotConverged
from tabular_marl.validation import (
    InputError,
    finite_array,
    one_of,
    probability_rows,
    read_only,
)

KINDS = ("softmax", "tabular")


@dataclass(frozen=True)
class PolicyGradient:
    """J, ∇J [O, A] = stationary_term (Prop. 3) + transient_term, and the natural direction.

    ``natural`` [O, A] is F⁺ ∇J for a softmax, with the Fisher matrix F of π weighted by μ: the mean
    advantage of each action where o is seen (0 where it never is in the long run).
    """

    gain: float
    gradient: Array
    stationary_term: Array
    transient_term: Array
    natural: Array
    policy: Array


def policy_gradient(
    process: DecisionProcess,
    parameters: ArrayLike,
    observation: ArrayLike | None = None,
    initial: ArrayLike | None = None,
    kind: str = "softmax",
) -> PolicyGradient:
    """The exact gradient by the theorem above; source: FURTHER Prop. 3, corrected.

    ``observation`` [X] numbers what agent i sees (``process.state`` of a joint process for π(a|s);
    by default x itself); ``initial`` [X] is p_0, by default uniform. Raises InputError.

    >>> import numpy as np
    >>> bandit = DecisionProcess([[0.0, 1.0]], [[[1.0], [1.0]]])
    >>> policy_gradient(bandit, np.zeros((1, 2))).gradient
    array([[-0.25,  0.25]])
    """
    seen, start = _setting(process, observation, initial)
    policy = _policy(process, parameters, seen, kind)
    weights = policy[seen]
    chain = process.chain(weights)
    gain, value = chain.gain_and_bias((weights * process.reward).sum(axis=1))
    q = process.q(value) - gain[:, None]
    law = chain.long_run(start)
    first = _summed(law[:, None] * q, seen, policy.shape)
    ahead = process.expected(gain) - gain[:, None]
    second = _summed(chain.transient_visits(start)[:, None] * ahead, seen, policy.shape)
    direction = _summed(law[:, None] * (q - (weights * q).sum(axis=1)[:, None]), seen, policy.shape)
    often = np.bincount(seen, law, minlength=policy.shape[0])[:, None]
    natural = np.divide(direction, often, out=np.zeros_like(direction), where=often > 0)
    first, second = (_chain_rule(term, policy, kind) for term in (first, second))
    return PolicyGradient(
        float(start @ gain),
        read_only(first + second),
        read_only(first),
        read_only(second),
        read_only(natural),
        read_only(policy),
    )


def finite_differences(
    process: DecisionProcess,
    parameters: ArrayLike,
    observation: ArrayLike | None = None,
    initial: ArrayLike | None = None,
    step: float = 1e-5,
) -> Array:
    """∇J [O, A] for a softmax by central differences: an independent check, to about step²."""
    phi = finite_array("parameters", parameters, (None, process.num_actions))
    out = np.empty_like(phi)
    for at in np.ndindex(phi.shape):
        both = []
        for sign in (1, -1):
            moved = phi.copy()
            moved[at] += sign * step
            both.append(policy_gradient(process, moved, observation, initial).gain)
        out[at] = (both[0] - both[1]) / (2 * step)
    return out


def implicit_gradient(
    process: DecisionProcess,
    parameters: ArrayLike,
    observation: ArrayLike | None = None,
    initial: ArrayLike | None = None,
) -> Array:
    """∇J [O, A] for a softmax from dP* = P* dP D + D dP P*, one parameter at a time.

    Dense, n³: a check of the theorem that shares neither μ nor v with it. Schweitzer (1968).
    """
    seen, start = _setting(process, observation, initial)
    policy = _policy(process, parameters, seen, "softmax")
    weights = policy[seen]
    rows = process.transition.toarray().reshape(*process.reward.shape, -1)
    matrix = np.einsum("xa,xay->xy", weights, rows)
    limit = process.chain(weights).cesaro_limit
    fundamental = np.linalg.inv(np.eye(len(matrix)) - matrix + limit)
    deviation = fundamental - limit
    reward = (weights * process.reward).sum(axis=1)
    out = np.empty_like(policy)
    for o, b in np.ndindex(policy.shape):
        change = np.zeros_like(weights)
        slope = policy[o] * ((np.arange(policy.shape[1]) == b) - policy[o, b])
        change[seen == o] = slope
        d_matrix = np.einsum("xa,xay->xy", change, rows)
        d_limit = limit @ d_matrix @ deviation + deviation @ d_matrix @ limit
        d_reward = (change * process.reward).sum(axis=1)
        out[o, b] = start @ (d_limit @ reward + limit @ d_reward)
    return out


@dataclass(frozen=True)
class Ascent:
    """Where an ascent ended: softmax parameters, policy [O, A], J, and J after every step."""

    parameters: Array
    policy: Array
    gain: float
    slope: float
    history: tuple[float, ...]


def ascend(
    process: DecisionProcess,
    parameters: ArrayLike,
    observation: ArrayLike | None = None,
    initial: ArrayLike | None = None,
    natural: bool = True,
    tol: float = 1e-8,
    max_steps: int = 10_000,
    on_failure: str = "raise",
) -> Ascent:
    """Gradient ascent on J for a softmax, steps doubled and halved until J grows (Armijo).

    Stops when the largest entry of ∇J is at most ``tol``: a stationary point, which under partial
    observation, or where a class is never reached, need not be the best. Raises NotConverged with
    the Ascent so far unless ``on_failure="return"``.
    """
    one_of("on_failure", on_failure, ("raise", "return"))
    phi = finite_array("parameters", parameters, (None, process.num_actions))
    length = 1.0
    now = policy_gradient(process, phi, observation, initial)
    history = [now.gain]
    while (slope := float(np.abs(now.gradient).max())) > tol and len(history) <= max_steps:
        way = now.natural if natural and not now.transient_term.any() else now.gradient
        promise = float((way * now.gradient).sum())
        while True:
            moved = phi + length * way
            moved -= moved.max(axis=1, keepdims=True)
            then = policy_gradient(process, moved, observation, initial)
            if then.gain >= now.gain + 1e-4 * length * promise or length < 1e-12:
                break
            length /= 2
        if length < 1e-12:
            break
        phi, now, length = moved, then, 2 * length
        history.append(now.gain)
    found = Ascent(read_only(phi), now.policy, now.gain, slope, tuple(history))
    if slope > tol and on_failure == "raise":
        raise NotConverged(f"The ascent ended with a slope of {slope:.3g}, above {tol:.3g}.", found)
    return found


def _setting(
    process: DecisionProcess, observation: ArrayLike | None, initial: ArrayLike | None
) -> tuple[Indices, Array]:
    states = process.num_states
    seen = np.arange(states) if observation is None else np.asarray(observation)
    if seen.shape != (states,) or seen.dtype.kind not in "iu" or seen.min() < 0:
        raise InputError(
            "observation", f"hold {states} integers >= 0", f"its shape was {seen.shape}"
        )
    if initial is None:
        return seen, np.full(states, 1 / states)
    return seen, probability_rows("initial", initial, (states,))


def _policy(process: DecisionProcess, parameters: ArrayLike, seen: Indices, kind: str) -> Array:
    one_of("kind", kind, KINDS)
    shape = (None, process.num_actions)
    if kind == "tabular":
        policy = probability_rows("parameters", parameters, shape)
    else:
        phi = finite_array("parameters", parameters, shape)
        grown = np.exp(phi - phi.max(axis=1, keepdims=True))
        policy = grown / grown.sum(axis=1, keepdims=True)
    if policy.shape[0] <= seen.max():
        raise InputError(
            "parameters",
            f"have a row for each of {seen.max() + 1} observations",
            f"it had {policy.shape[0]}",
        )
    return policy


def _summed(terms: Array, seen: Indices, shape: tuple[int, ...]) -> Array:
    """Σ over the x with o(x) = o of terms [X, A], [O, A]."""
    out = np.zeros(shape)
    np.add.at(out, seen, terms)
    return out


def _chain_rule(worth: Array, policy: Array, kind: str) -> Array:
    """From ∂/∂π to ∂/∂φ."""
    if kind == "tabular":
        return np.asarray(worth - worth.mean(axis=1, keepdims=True))
    return np.asarray(policy * (worth - (policy * worth).sum(axis=1, keepdims=True)))
