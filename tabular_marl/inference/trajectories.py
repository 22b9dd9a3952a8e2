"""Graphical models of the report, and every trajectory of a short one.

A graph is an ordered list of conditional factors P(x | its parents), one list to start and one for
every step, and the optimality of a step. With w = log P(O = 1 | ·), in the report βR or a Q,

    P(τ, O = 1) = Π_k P(x_k | parents) · exp Σ_t w_t              report (2), (69), (77), (88), (94)
    q(τ)        = Π_k q(x_k | parents)                            report (4), (70), (79), (97)

q has a policy for the factors that it chooses, and keeps the others: starts and transitions. Then

    log P(O = 1) = E_q[Σ_t w_t − Σ_k log q/P] + KL(q ‖ P(τ | O = 1)),          report (5), (6), (90)

and the first term is the evidence lower bound: (6), (72), (80), (91), (97), (101). Here all three
are sums over the enumerated trajectories, each on its own.

Names: within a step "s" is a variable, "s+" the same variable of the next step (what a transition
draws), "z-" that of the step before. A table names its own axes, in any order, so that policies
keep the package's shapes: π(a|s,b) is [s, a, b] with axes ("s", "a", "b"). An axis may have length
1 where the table does not depend on it. A policy may differ by step: one more axis in front.

Units: w, evidence, bounds and divergences are logarithms (the report's units; ours times β).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from tabular_marl.solution import Array
from tabular_marl.validation import InputError, finite_array, probability_rows, read_only

#: The largest number of trajectories that are enumerated: a table of them takes 134 MB.
MOST_TRAJECTORIES = 2**24

Policies = Mapping[str, ArrayLike]


@dataclass(frozen=True, eq=False)
class Factor:
    """P(``variable`` | the other names in ``axes``) as a table with those axes.

    ``chosen`` says that q may choose this conditional; else q keeps it as it is.
    Raises InputError unless the table holds probabilities that sum to one along ``variable``.
    """

    variable: str
    axes: tuple[str, ...]
    table: Array
    chosen: bool = False

    def __post_init__(self) -> None:
        if self.variable not in self.axes or len(set(self.axes)) != len(self.axes):
            raise InputError("axes", f"name {self.variable} and its parents once", f"{self.axes}")
        rows = probability_rows(
            f"P({self.variable}|·)", self.table, (None,) * len(self.axes), self.own
        )
        object.__setattr__(self, "table", read_only(rows))

    @property
    def own(self) -> int:
        """The axis of the variable itself."""
        return self.axes.index(self.variable)

    @property
    def size(self) -> int:
        """How many values the variable takes."""
        return int(self.table.shape[self.own])


@dataclass(frozen=True, eq=False)
class Graph:
    """``steps`` times the factors of ``step``, after those of ``start``, in order.

    ``optimality`` is w = log P(O_t = 1 | ``seen``), a table with axes ``seen``.
    Raises InputError where a factor's parents do not come before it or sizes disagree.
    """

    start: tuple[Factor, ...]
    step: tuple[Factor, ...]
    optimality: Array
    seen: tuple[str, ...]
    steps: int

    def __post_init__(self) -> None:
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or self.steps < 1:
            raise InputError("steps", "be an integer of at least 1", f"it was {self.steps!r}")
        weights = finite_array("optimality", self.optimality, (None,) * len(self.seen))
        object.__setattr__(self, "optimality", read_only(weights))
        drawn = {factor.variable for factor in self.step}
        for name in self.carried if self.steps > 1 else ():
            if after(name) not in drawn:
                raise InputError("step", f"have a factor for {after(name)}", "it had none")
        known: set[str] = set()
        for factor in (*self.start, *self.step):
            self._fits(f"P({factor.variable}|·)", factor.axes, factor.table.shape)
            late = set(factor.axes) - known - {factor.variable}
            if late:
                raise InputError(
                    f"P({factor.variable}|·)",
                    "come after its parents",
                    f"{', '.join(sorted(late))} had not",
                )
            known.add(factor.variable)
        self._fits("optimality", self.seen, weights.shape)

    def _fits(self, argument: str, axes: tuple[str, ...], shape: tuple[int, ...]) -> None:
        sizes = self.sizes
        for name, length in zip(axes, shape, strict=True):
            if name not in sizes:
                raise InputError(argument, f"name variables ({', '.join(sizes)})", f"it had {name}")
            if length not in (1, sizes[name]):
                raise InputError(
                    argument, f"have length {sizes[name]} or 1 along {name}", f"it had {length}"
                )

    @property
    def sizes(self) -> dict[str, int]:
        """How many values each name takes."""
        return {factor.variable: factor.size for factor in (*self.start, *self.step)}

    @property
    def carried(self) -> tuple[str, ...]:
        """What a step knows from before: the names that its own factors do not draw."""
        drawn = {factor.variable for factor in self.step}
        named = [name for factor in self.step for name in factor.axes] + list(self.seen)
        return tuple(dict.fromkeys(name for name in named if name not in drawn))

    @property
    def names(self) -> tuple[str, ...]:
        """All the names of one step."""
        return (*self.carried, *(factor.variable for factor in self.step))

    @property
    def chosen(self) -> tuple[Factor, ...]:
        """The factors that q chooses."""
        return tuple(factor for factor in self.step if factor.chosen)

    def variational(self, policies: Policies) -> list[tuple[Factor, ...]]:
        """q's factors of every step: a policy where it chooses, the prior where it keeps.

        ``policies`` has a table with the factor's axes for each chosen variable, or one such table
        a step. Raises InputError.
        """
        wanted = tuple(factor.variable for factor in self.chosen)
        if set(policies) != set(wanted):
            given = ", ".join(policies) or "nothing"
            raise InputError("policies", f"be for {', '.join(wanted) or 'nothing'}", f"was {given}")
        tables = {f.variable: self._by_step(f, policies[f.variable]) for f in self.chosen}
        return [
            tuple(
                replace(factor, table=tables[factor.variable][t]) if factor.chosen else factor
                for factor in self.step
            )
            for t in range(self.steps)
        ]

    def _by_step(self, factor: Factor, policy: ArrayLike) -> Sequence[Array]:
        name = f"policy of {factor.variable}"
        table = finite_array(name, policy)
        if table.ndim == len(factor.axes):
            table = np.broadcast_to(table, (self.steps, *table.shape))
        if table.ndim != len(factor.axes) + 1 or len(table) != self.steps:
            raise InputError(
                name,
                f"have axes {factor.axes}, or one such table for each of {self.steps} steps",
                f"its shape was {table.shape}",
            )
        self._fits(name, factor.axes, table.shape[1:])
        probability_rows(name, table, axis=factor.own + 1)
        return list(table)


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Every trajectory τ of a graph under q: tables with one axis for each of ``names``.

    ``log_prior`` log P(τ), ``log_q`` log q(τ), ``log_optimality`` Σ_t w_t; −inf is probability 0.
    """

    names: tuple[str, ...]
    log_prior: Array
    log_q: Array
    log_optimality: Array

    @property
    def log_evidence(self) -> float:
        """log P(O = 1) = log Σ_τ P(τ) exp Σ_t w_t."""
        return float(np.logaddexp.reduce(self.log_prior + self.log_optimality, axis=None))

    @property
    def elbo(self) -> float:
        """E_q[Σ_t w_t + log P − log q], −inf where q goes and P does not."""
        return -_divergence(self.log_q, self.log_prior + self.log_optimality)

    @property
    def log_posterior(self) -> Array:
        """log P(τ | O = 1)."""
        return self.log_prior + self.log_optimality - self.log_evidence

    @property
    def divergence(self) -> float:
        """KL(q ‖ P(τ | O = 1)), summed over trajectories: ``log_evidence`` − ``elbo``."""
        return _divergence(self.log_q, self.log_posterior)


def enumerate_trajectories(graph: Graph, policies: Policies) -> Trajectories:
    """All trajectories of ``graph``, under P and under the q that has ``policies``.

    Axes are named by variable and step: ("s0", "b0", "a0", "s1", …). The draw after the last step
    is left out: it sums to one and weighs nothing. Raises InputError, also where there are more
    than :data:`MOST_TRAJECTORIES`. Source: report (2), (4), (69), (70), (77), (79).

    >>> import tabular_marl as tm
    >>> game = tm.MatrixGame([[1.0, 0.0], [0.0, 2.0]]).as_stochastic()
    >>> graph = tm.inference.rommeo_graph(game, beta=1.0, steps=1)
    >>> even = {"a": [[[0.5, 0.5], [0.5, 0.5]]], "b": [[0.5, 0.5]]}
    >>> all_of_them = tm.inference.enumerate_trajectories(graph, even)
    >>> all_of_them.names, round(all_of_them.elbo, 6), round(all_of_them.log_evidence, 6)
    (('s0', 'b0', 'a0'), 0.75, 1.107517)
    """
    chosen = graph.variational(policies)
    axes, at = _unroll(graph)
    count = math.prod(axes.values())
    if count > MOST_TRAJECTORIES:
        raise InputError(
            "graph",
            f"have at most {MOST_TRAJECTORIES} trajectories (fewer steps, or elbo.evaluate)",
            f"it had {count:.3g}, {8 * count / 2**30:.3g} GiB for each of three tables",
        )
    names, shape = tuple(axes), tuple(axes.values())
    prior, q, weights = (np.zeros(shape) for _ in range(3))
    for factor in graph.start:
        term = _logarithm(lay(factor.table, [at[0][n] for n in factor.axes], names))
        prior += term
        q += term
    for t, where in enumerate(at):
        weights += lay(graph.optimality, [where[n] for n in graph.seen], names)
        for factor, own in zip(graph.step, chosen[t], strict=True):
            if factor.variable in where:
                placed = [where[n] for n in factor.axes]
                prior += _logarithm(lay(factor.table, placed, names))
                q += _logarithm(lay(own.table, placed, names))
    return Trajectories(names, *(read_only(table) for table in (prior, q, weights)))


def after(name: str) -> str:
    """What the next step calls ``name``, in this step's names: s is s+, z- is z."""
    return name[:-1] if name.endswith("-") else f"{name}+"


def lay(table: Array, axes: Sequence[str], names: Sequence[str]) -> Array:
    """``table`` with one axis for each of ``names``, of length 1 where it has none.

    Axes beyond ``axes`` stay behind.
    """
    order = sorted(range(len(axes)), key=lambda k: names.index(axes[k]))
    lengths = dict(zip(axes, table.shape, strict=False))
    behind = range(len(axes), table.ndim)
    shape = [lengths.get(name, 1) for name in names] + [table.shape[k] for k in behind]
    return table.transpose(*order, *behind).reshape(shape)


def _unroll(graph: Graph) -> tuple[dict[str, int], list[dict[str, str]]]:
    """The length of every axis, and for every step its names as names of axes."""
    axes = {f"{factor.variable}0": factor.size for factor in graph.start}
    known = {factor.variable: f"{factor.variable}0" for factor in graph.start}
    at = []
    for t in range(graph.steps):
        for factor in graph.step:
            later = factor.variable.endswith("+")
            if later and t == graph.steps - 1 and factor.variable not in graph.seen:
                continue
            label = f"{factor.variable.rstrip('+')}{t + 1 if later else t}"
            known[factor.variable] = label
            axes[label] = factor.size
        at.append(known)
        known = {name: known[after(name)] for name in graph.carried if after(name) in known}
    return axes, at


def _logarithm(table: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.log(table)


def _divergence(log_q: Array, log_p: Array) -> float:
    """Σ q (log q − log p), with 0 log 0 = 0."""
    there = log_q > -np.inf
    q = np.exp(log_q[there])
    return float((q * (log_q[there] - log_p[there])).sum())
