"""Lower bounds without enumeration: messages sent backward through a graph.

Eliminate the variables of a graph in the opposite order, each by one of

    F    log Σ_x P(x|·) exp m(x)              a soft maximum, and the tilt q(x|·) ∝ P(x|·) exp m(x)
    E    Σ_x P(x|·) m(x)                      an expectation
    Π    Σ_x q(x|·) (m(x) − log q/P)          the worth of a policy

starting each step from m = w + γ V_{t+1}, V_{t+1} the message of the step after:

    log P(O = 1)        F for every factor, γ = 1                            log_evidence
    best lower bound    F where q chooses, E where it keeps                  optimise    report (14)
    a lower bound       Π where q chooses, E where it keeps                  evaluate     report (6)

So the gap of the best bound is the difference of F and E at the kept factors, and nothing else: by
Jensen's inequality it vanishes where V_{t+1} is the same for every next state that may come, as
under deterministic transitions, and the start of play is certain.

``discount`` γ < 1 puts γ^t before the terms of step t, as in (6). That objective is no bound on the
graph's log P(O = 1): with w < 0 it can lie above it. It is the bound of another graph,
:func:`survival`, in which play goes on with probability γ after every step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tabular_marl.inference.trajectories import Factor, Graph, Policies, after, lay
from tabular_marl.solution import Array
from tabular_marl.validation import InputError, read_only

#: (step or None at the start, factor, m with an axis for each name, names) → m without the variable
Eliminate = Callable[[int | None, Factor, Array, tuple[str, ...]], Array]


@dataclass(frozen=True, eq=False)
class Optimum:
    """The best q of a graph: its ``elbo`` and its policies by variable, [steps, *axes]."""

    elbo: float
    policies: dict[str, Array]


def log_evidence(graph: Graph) -> float:
    """log P(O = 1), by messages; equals the sum over all trajectories. Log units.

    >>> import tabular_marl as tm
    >>> game = tm.MatrixGame([[1.0, 0.0], [0.0, 2.0]]).as_stochastic()
    >>> round(log_evidence(tm.inference.rommeo_graph(game, beta=1.0, steps=30)), 4)
    33.2255
    """
    return _backward(graph, lambda _, factor, m, names: _soft(factor, m, names), 1.0)


def evaluate(graph: Graph, policies: Policies, discount: float = 1.0) -> float:
    """E_q Σ_t γ^t (w_t − Σ log q/P) of the q that has ``policies``; with γ = 1 the lower bound.

    ``policies`` as in :func:`enumerate_trajectories`; ``discount`` in [0, 1]. Log units.
    Raises InputError. Source: report (6), (72), (80), (91), (97), (101).

    >>> import tabular_marl as tm
    >>> game = tm.MatrixGame([[1.0, 0.0], [0.0, 2.0]]).as_stochastic()
    >>> graph = tm.inference.rommeo_graph(game, beta=1.0, steps=2)
    >>> even = {"a": [[[0.5, 0.5], [0.5, 0.5]]], "b": [[0.5, 0.5]]}
    >>> evaluate(graph, even), evaluate(graph, even, discount=0.5)
    (1.5, 1.125)
    """
    chosen = graph.variational(policies)

    def eliminate(t: int | None, factor: Factor, m: Array, names: tuple[str, ...]) -> Array:
        if t is None or not factor.chosen:
            return _expected(factor, m, names)
        own = chosen[t][graph.step.index(factor)]
        q, p = (lay(f.table, f.axes, names) for f in (own, factor))
        with np.errstate(divide="ignore", invalid="ignore"):
            gained = m - np.log(q / p)
        return _mean(q, gained, names.index(factor.variable))

    return _backward(graph, eliminate, _unit_interval(discount))


def optimise(graph: Graph, discount: float = 1.0) -> Optimum:
    """The q with the largest bound, by backward induction: every choice is a tilt of its prior.

    ``discount`` in [0, 1] as in :func:`evaluate`. Raises InputError, also where a choice does not
    see all that matters after it: then its tilt is not in q's family, as under (79), whose agent
    does not see the opponent's action. Source: report (13), (14), (73)-(76), (82)-(86), (89), (96).

    >>> import tabular_marl as tm
    >>> game = tm.MatrixGame([[1.0, 0.0], [0.0, 2.0]]).as_stochastic()
    >>> best = optimise(tm.inference.rommeo_graph(game, beta=1.0, steps=1))
    >>> round(best.elbo, 6), best.policies["b"].round(4).tolist()
    (1.107517, [[[0.3071, 0.6929]]])
    """
    found: dict[str, list[Array]] = {factor.variable: [] for factor in graph.chosen}

    def eliminate(t: int | None, factor: Factor, m: Array, names: tuple[str, ...]) -> Array:
        if t is None or not factor.chosen:
            return _expected(factor, m, names)
        soft = _soft(factor, m, names)
        matters = np.broadcast_shapes(m.shape, lay(factor.table, factor.axes, names).shape)
        unseen = [n for n, k in zip(names, matters, strict=True) if k > 1 and n not in factor.axes]
        if unseen:
            raise InputError(
                "graph",
                "let every choice see what matters after it",
                f"{factor.variable} did not see {', '.join(unseen)}",
            )
        with np.errstate(divide="ignore"):
            tilted = np.exp(np.log(lay(factor.table, factor.axes, names)) + m - soft)
        found[factor.variable].append(_in_order(tilted, names, factor.axes))
        return soft

    elbo = _backward(graph, eliminate, _unit_interval(discount))
    return Optimum(elbo, {x: read_only(np.stack(tables[::-1])) for x, tables in found.items()})


def survival(graph: Graph, discount: float) -> Graph:
    """The graph that goes on with probability γ = ``discount`` after every step, else is over.

    A variable "alive", kept by q; once it is 0, w = 0 and q's policies are the priors, so that the
    bound of this graph is the discounted objective of ``graph``, for every q:
    evaluate(survival(graph, γ), surviving(graph, policies)) = evaluate(graph, policies, γ).
    Raises InputError. Source: where the γ of report (6) can come from.
    """
    stays = _unit_interval(discount)
    goes_on = [[1.0, 0.0], [1.0 - stays, stays]]
    return Graph(
        (Factor("alive", ("alive",), np.array([0.0, 1.0])), *graph.start),
        (
            *(_alive(factor) if factor.chosen else factor for factor in graph.step),
            Factor("alive+", ("alive", "alive+"), np.array(goes_on)),
        ),
        np.stack([0.0 * graph.optimality, graph.optimality]),
        ("alive", *graph.seen),
        graph.steps,
    )


def surviving(graph: Graph, policies: Policies) -> dict[str, Array]:
    """``policies`` of ``graph`` for :func:`survival`'s: the priors once play is over."""
    by_step = graph.variational(policies)
    return {
        factor.variable: np.stack(
            [
                np.stack(np.broadcast_arrays(factor.table, own[graph.step.index(factor)].table))
                for own in by_step
            ]
        )
        for factor in graph.chosen
    }


def _alive(factor: Factor) -> Factor:
    return replace(factor, axes=("alive", *factor.axes), table=np.stack([factor.table] * 2))


def _backward(graph: Graph, eliminate: Eliminate, discount: float) -> float:
    """The message at the start of play."""
    names, carried = graph.names, graph.carried
    value = np.zeros((1,) * len(carried))
    for t in reversed(range(graph.steps)):
        m = lay(graph.optimality, graph.seen, names)
        if t < graph.steps - 1:
            m = m + discount * lay(value, [after(name) for name in carried], names)
        for factor in reversed(graph.step):
            m = eliminate(t, factor, m, names)
        value = m.reshape(m.shape[: len(carried)])
    first = tuple(factor.variable for factor in graph.start)
    m = lay(value, carried, first)
    for factor in reversed(graph.start):
        m = eliminate(None, factor, m, first)
    return float(m.item())


def _soft(factor: Factor, m: Array, names: tuple[str, ...]) -> Array:
    """F."""
    with np.errstate(divide="ignore"):
        weighed = np.log(lay(factor.table, factor.axes, names)) + m
    soft: Array = np.logaddexp.reduce(weighed, axis=names.index(factor.variable), keepdims=True)
    return soft


def _expected(factor: Factor, m: Array, names: tuple[str, ...]) -> Array:
    """E."""
    return _mean(lay(factor.table, factor.axes, names), m, names.index(factor.variable))


def _mean(p: Array, m: Array, axis: int) -> Array:
    """Σ p m, where p = 0 rules m out, be it infinite."""
    p, m = np.broadcast_arrays(p, m)
    mean: Array = (p * np.where(p > 0, m, 0.0)).sum(axis=axis, keepdims=True)
    return mean


def _in_order(table: Array, names: tuple[str, ...], axes: tuple[str, ...]) -> Array:
    """A table over all names, of length 1 off ``axes``, with just those axes."""
    kept = [names.index(name) for name in axes]
    off = tuple(k for k in range(len(names)) if k not in kept)
    return table.transpose(*kept, *off).reshape([table.shape[k] for k in kept])


def _unit_interval(discount: float) -> float:
    if not 0 <= discount <= 1:
        raise InputError("discount", "be a number in [0, 1]", f"it was {discount!r}")
    return float(discount)
