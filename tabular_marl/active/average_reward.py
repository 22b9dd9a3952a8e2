"""The best average reward against others who learn: gain, bias and policy of agent i.

    g*(x) = max over policies of lim (1/T) E Σ_{t<T} r(x_t, a_t)              FURTHER (7), k = 1

    g = max_a P_a g,      g + h = max over the a with P_a g = g of r_a + P_a h

Policy iteration (Howard 1960; multichain: Puterman 1994, section 9.2) solves both equations in
finitely many steps: a state changes to an action of larger P g, or at equal P g of larger r + P h.
Relative value iteration (White 1963) repeats h ← (1 − τ) h + τ Th, centred; it needs an optimal
gain that is the same everywhere, and says so if it is not.

Soft, inverse temperature β (1/reward), prior p: Th = F_β[p](r + P h), policy its tilt, the best
average of r − KL(π‖p)/β (FURTHER (12)-(14) with entropy weight α = 1/β and p uniform, whose soft
value is larger by log A/β). T is monotone and T(h + c) = Th + c, hence non-expansive in the sup
norm and the span, but no contraction without mixing; min and max of Th − h bracket the gain. Every
policy has full support there, so the gain is one number whenever the graph of all actions has one
closed class; with more than one the problem is refused.

Whatever the method, ``gain_lower`` and ``gain_upper`` are proved, rounding counted (gain_bounds).
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.active.chains import Array, Indices, MarkovChain
from tabular_marl.active.decision import UNIT, DecisionProcess
from tabular_marl.active.evaluation import evaluate
from tabular_marl.active.gain_bounds import centred, lower_bound, upper_bound
from tabular_marl.numerics.free_energy import free_energy, free_energy_and_tilt
from tabular_marl.solution import NotConverged, Status
from tabular_marl.validation import (
    InputError,
    integer,
    inverse_temperature,
    one_of,
    positive,
    probability_rows,
    read_only,
)

#: Gains P g that differ by less than this share of their size are equal.
EQUAL = 1e-11

#: Values r + P h that differ by less than this share of the bias are equal: its rounding errors.
NOISE = 2e-14

#: Sweeps of value iteration that give policy iteration its first policy.
WARM_SWEEPS = 100

#: The share of Th in a step of relative value iteration; below one, periods do no harm.
LAZINESS = 0.75


@dataclass(frozen=True)
class AverageRewardSolution:
    """The optimal gain within proved bounds, and a policy that attains the lower one.

    gain[x], gain_lower[x] ≤ g*(x) ≤ gain_upper[x]; the policy [X, A] earns at least gain_lower.
    bias[x] is that of the policy, normalised by P* h = 0 (policy iteration), or h with its range
    centred at 0 (other methods). ``recurrent_classes`` counts those of the policy's chain;
    ``history`` holds the width of the bracket, or the largest gain, after each iteration. Reward
    units.
    """

    gain: Array
    gain_lower: Array
    gain_upper: Array
    bias: Array
    policy: Array
    recurrent_classes: int
    status: Status
    iterations: int
    history: tuple[float, ...]
    seconds: float
    method: str

    @property
    def is_unichain(self) -> bool:
        """Whether the policy found has one recurrent class."""
        return self.recurrent_classes == 1

    @property
    def width(self) -> float:
        """The largest gain_upper − gain_lower."""
        return float(np.max(self.gain_upper - self.gain_lower))

    @property
    def actions(self) -> Indices:
        """The most probable action of each state, [X]."""
        return np.asarray(self.policy.argmax(axis=1))


@dataclass(frozen=True)
class _Operator:
    """T and what a policy earns; β = inf is the maximum."""

    process: DecisionProcess
    beta: float
    prior: Array

    @property
    def soft(self) -> bool:
        return math.isfinite(self.beta)

    def __call__(self, h: Array) -> Array:
        q = self.process.q(h)
        if self.soft:
            return np.asarray(free_energy(q, self.beta, self.prior, axis=1))
        return np.asarray(functools.reduce(np.maximum, q.T))

    def reward(self, policy: Array) -> Array:
        """Σ_a π (r − log(π/p)/β), [X]."""
        paid = (policy * self.process.reward).sum(axis=1)
        if not self.soft or self.beta == 0:
            return np.asarray(paid)
        ratio = np.divide(policy, self.prior, out=np.ones_like(policy), where=policy > 0)
        return np.asarray(paid - (policy * np.log(ratio)).sum(axis=1) / self.beta)

    def bounds(self, h: Array) -> tuple[float, float]:
        """min and max of Th − h, moved outwards by all rounding errors."""
        h = centred(h)
        gap = self(h) - h
        error = float(self.process.margin(h).max())
        if self.soft:
            size = np.abs(self.process.reward).max() + 2 * np.abs(h).max()
            error += 8 * UNIT * (self.process.num_actions + 4) * float(size)
        return float(gap.min()) - error, float(gap.max()) + error


def average_reward(
    process: DecisionProcess,
    method: str = "policy-iteration",
    beta: float = math.inf,
    prior: ArrayLike | None = None,
    tol: float = 1e-8,
    max_iterations: int | None = None,
    on_failure: str = "raise",
) -> AverageRewardSolution:
    """Solve for the optimal gain until its proved bracket is at most ``tol`` wide (reward units).

    ``method``: "policy-iteration" (any structure) or "relative-value-iteration" (gain the same
    everywhere). ``beta`` in [0, inf] and ``prior`` [A] or [X, A] make it soft. Raises InputError,
    and NotConverged with the partial result unless ``on_failure="return"``. Source: FURTHER (7).

    >>> cycle = DecisionProcess([[0, 1], [2, 0]], [[[1, 0], [0, 1]], [[1, 0], [0, 1]]])
    >>> found = average_reward(cycle)
    >>> found.gain.tolist(), found.actions.tolist(), found.width < 1e-14
    ([1.5, 1.5], [1, 0], True)
    """
    started = time.perf_counter()
    if not isinstance(process, DecisionProcess):
        must = "be a DecisionProcess (of a game with learners: influence())"
        raise InputError("process", must, f"it was a {type(process).__name__}")
    one_of("method", method, _METHODS)
    one_of("on_failure", on_failure, ("raise", "return"))
    tol = positive("tol", tol)
    limit = 1000 if method == "policy-iteration" else 200_000
    if max_iterations is not None:
        limit = integer("max_iterations", max_iterations)
    operator = _operator(process, beta, prior)
    if operator.soft:
        everything = process.chain(np.broadcast_to(operator.prior, process.reward.shape))
        if not everything.is_unichain:
            raise InputError(
                "beta",
                "be inf where the graph of all actions has several closed classes",
                f"it has {everything.num_classes}",
            )
    gain, bias, policy, chain, status, history = _METHODS[method](operator, tol, limit)
    if operator.soft:
        low, high = operator.bounds(bias)
        lower, upper = np.full_like(gain, low), np.full_like(gain, high)
    else:
        lower = lower_bound(process, bias, gain, policy, chain)
        upper = upper_bound(process, bias, gain)
    if float((upper - lower).max()) <= tol:
        status = Status.CONVERGED
    found = AverageRewardSolution(
        gain=read_only(gain),
        gain_lower=read_only(lower),
        gain_upper=read_only(upper),
        bias=read_only(bias),
        policy=read_only(policy),
        recurrent_classes=chain.num_classes,
        status=status,
        iterations=len(history),
        history=tuple(history),
        seconds=time.perf_counter() - started,
        method=method,
    )
    if status is not Status.CONVERGED and on_failure == "raise":
        hint = ""
        if method != "policy-iteration" and chain.num_classes > 1:
            hint = (
                f" The policy found has {chain.num_classes} recurrent classes, so the gain may "
                "depend on the start: use method='policy-iteration'."
            )
        raise NotConverged(
            f"{status.value} Proved bracket {found.width:.3g}, tolerance {tol:.3g}.{hint}", found
        )
    return found


_Found = tuple[Array, Array, Array, MarkovChain, Status, list[float]]


def _operator(process: DecisionProcess, beta: float, prior: ArrayLike | None) -> _Operator:
    beta = inverse_temperature("beta", beta)
    if beta < 0:
        raise InputError("beta", "be >= 0", f"it was {beta}")
    if prior is None:
        return _Operator(process, beta, np.full((1, process.num_actions), 1 / process.num_actions))
    if not math.isfinite(beta):
        raise InputError("prior", "be None where beta is inf", "it was given")
    given = probability_rows("prior", np.atleast_2d(np.asarray(prior)), (None, process.num_actions))
    if given.shape[0] not in (1, process.num_states) or not (given > 0).all():
        raise InputError(
            "prior",
            f"be positive, of shape ({process.num_actions},) or {process.reward.shape}",
            f"its shape was {given.shape}",
        )
    return _Operator(process, beta, given)


def _policy_iteration(operator: _Operator, tol: float, limit: int) -> _Found:
    process = operator.process
    actions, policy = _first_policy(operator)
    history: list[float] = []
    seen: set[bytes] = set()
    bias = None
    while True:
        chain = process.chain(policy if operator.soft else actions)
        gain, bias = evaluate(chain, operator.reward(policy), bias)
        history.append(float(gain.max()))
        if operator.soft:
            low, high = operator.bounds(bias)
            done = high - low <= tol or (len(history) > 5 and history[-1] <= history[-4])
            if done or len(history) >= limit:
                return gain, bias, policy, chain, Status.ITERATION_LIMIT, history
            actions, policy = _improve(operator, gain, bias, actions)
            continue
        better, improved = _improve(operator, gain, bias, actions)
        seen.add(actions.tobytes())
        # gains of policies never fall; where they do, they are no longer computed well
        falls = len(history) > 5 and history[-1] < history[-4] - 1e-6 * (1 + abs(history[-1]))
        if falls or better.tobytes() in seen:
            return gain, bias, policy, chain, Status.STALLED, history
        if len(history) >= limit:
            return gain, bias, policy, chain, Status.ITERATION_LIMIT, history
        actions, policy = better, improved


def _first_policy(operator: _Operator) -> tuple[Indices, Array]:
    """Greedy for a few sweeps of value iteration, fewer if the policy has stopped changing."""
    h = np.zeros(operator.process.num_states)
    actions = np.full(h.size, -1)
    for sweep in range(1, WARM_SWEEPS + 1):
        h = centred((1 - LAZINESS) * h + LAZINESS * operator(h))
        if sweep % 5 == 0:
            last, (actions, policy) = actions, _improve(operator, np.zeros_like(h), h, None)
            if np.array_equal(actions, last):
                break
    return actions, policy


def _improve(
    operator: _Operator, gain: Array, bias: Array, actions: Indices | None
) -> tuple[Indices, Array]:
    """Actions of larger P g, then of larger r + P h; ties keep what was played."""
    process = operator.process
    q = process.q(bias)
    if operator.soft:
        policy = free_energy_and_tilt(q, operator.beta, operator.prior, axis=1)[1]
        return np.asarray(policy.argmax(axis=1)), np.asarray(policy)
    ahead = np.broadcast_to(gain[:, None], q.shape)
    if np.ptp(gain) > 0:
        ahead = process.expected(gain)
    conserving = ahead >= ahead.max(axis=1, keepdims=True) - EQUAL * (1 + np.abs(gain).max())
    worth = np.where(conserving, q, -np.inf)
    best = worth.argmax(axis=1)
    if actions is not None:
        every = np.arange(actions.size)
        slack = NOISE * (np.abs(process.reward).max() + np.abs(bias).max())
        keep = conserving[every, actions] & (worth[every, actions] >= worth[every, best] - slack)
        best = np.where(keep, actions, best)
    return best, np.asarray(np.eye(process.num_actions)[best])


def _relative_value_iteration(operator: _Operator, tol: float, limit: int) -> _Found:
    process = operator.process
    h = np.zeros(process.num_states)
    history: list[float] = []
    status = Status.ITERATION_LIMIT
    while True:
        gap = operator(h) - h
        history.append(float(np.ptp(gap)))
        if history[-1] <= tol / 2:
            break
        if len(history) > 1000 and history[-1] > 0.999 * history[-1000]:
            status = Status.STALLED
            break
        if len(history) >= limit:
            break
        h = centred(h + LAZINESS * gap)
    actions, policy = _improve(operator, np.zeros_like(h), h, None)
    chain = process.chain(policy if operator.soft else actions)
    gain = np.full(process.num_states, (gap.min() + gap.max()) / 2)
    return gain, h, policy, chain, status, history


_METHODS: dict[str, Callable[[_Operator, float, int], _Found]] = {
    "policy-iteration": _policy_iteration,
    "relative-value-iteration": _relative_value_iteration,
}
