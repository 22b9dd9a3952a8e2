"""Where instances come from: families of games, priors, policies and temperatures, as data.

A :class:`Family` names sizes and fields. One description serves four ends: a Hypothesis strategy
over small rationals (``.strategy()``), fast bulk arrays for counting (``.bulk``), the projection of
a polished float point back onto the family in rationals (``.snap``), and the scope it samples.

    games = instances(
        sizes={"states": (1, 3), "actions": (1, 3), "opponent_actions": (1, 3)},
        reward=array("states", "actions", "opponent_actions"),
        transition=distribution("states", "actions", "opponent_actions", "states"),
        prior=distribution("actions"),
        beta=beta(sign="both"),
        gamma=discount(),
    )

A distribution sums to one along its last axis. Hypothesis is imported when a strategy is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_marl.validation import InputError
from tabular_marl.verification.arithmetic import rational
from tabular_marl.verification.fields import Array, Beta, Choice, Distribution, Field, Floats
from tabular_marl.verification.scope import Scope, scope

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


__all__ = [
    "Family",
    "Field",
    "array",
    "beta",
    "choice",
    "discount",
    "distribution",
    "general_sum_game",
    "instances",
    "matrix_game",
    "number",
    "option_policies",
    "option_priors",
    "policy",
    "prior",
    "stochastic_game",
]


@dataclass(frozen=True)
class Family:
    """Instances: ``sizes`` name inclusive ranges of lengths, ``fields`` the parts."""

    sizes: tuple[tuple[str, tuple[int, int]], ...]
    fields: tuple[tuple[str, Field], ...]

    def scope(self) -> Scope:
        """The sizes and scalar fields that are sampled."""
        scalars = {name: field.written() for name, field in self.fields if not field.axes}
        return scope(**dict(self.sizes), **{k: v for k, v in scalars.items() if v is not None})

    def strategy(self) -> SearchStrategy[dict[str, Any]]:
        """Hypothesis: sizes first, smallest first; then the fields, in simple rationals."""
        from hypothesis import strategies as st

        made: dict[tuple[int, ...], SearchStrategy[dict[str, Any]]] = {}

        def of(lengths: tuple[int, ...]) -> SearchStrategy[dict[str, Any]]:
            if lengths not in made:  # built once for each choice of sizes: building is slow
                chosen = dict(zip(dict(self.sizes), lengths, strict=True))
                parts = {name: field.strategy(chosen) for name, field in self.fields}
                made[lengths] = st.fixed_dictionaries(parts)
            return made[lengths]

        return st.tuples(*(st.integers(low, high) for _, (low, high) in self.sizes)).flatmap(of)

    def bulk(self, seed: int, count: int) -> Iterator[dict[str, Floats]]:
        """``count`` float instances in chunks of equal sizes, batched along the last axis."""
        rng = np.random.default_rng(seed)
        chunk = min(256, max(8, count // 64))
        done = 0
        while done < count:
            now = min(chunk, count - done)
            chosen = {name: int(rng.integers(low, high + 1)) for name, (low, high) in self.sizes}
            yield {name: field.bulk(rng, chosen, now) for name, field in self.fields}
            done += now

    def member(self, instance: Mapping[str, Any]) -> bool:
        """Whether an instance has this family's fields, sizes that agree, and members in them."""
        if set(instance) != set(dict(self.fields)):
            return False
        exact = {name: _rationals(value) for name, value in instance.items()}
        try:
            self.sizes_of(exact)
        except InputError:
            return False
        return all(field.member(exact[name]) for name, field in self.fields)

    def sizes_of(self, instance: Mapping[str, Any]) -> dict[str, int]:
        """The lengths that an instance's arrays have; InputError where they disagree."""
        found: dict[str, int] = {}
        for name, field in self.fields:
            shape = np.shape(np.array(instance[name], dtype=object))
            if len(shape) != len(field.axes):
                raise InputError(f"instance's {name}", f"have axes {field.axes}", f"it had {shape}")
            for label, length in zip(field.axes, shape, strict=True):
                if found.setdefault(str(label), length) != length:
                    raise InputError(f"instance's {name}", f"agree in {label}", f"it had {shape}")
        return {name: length for name, length in found.items() if name in dict(self.sizes)}

    def project(self, instance: Mapping[str, Floats]) -> dict[str, Floats]:
        return {n: f.project(np.asarray(instance[n], dtype=float)) for n, f in self.fields}

    def snap(self, instance: Mapping[str, Any], denominator: int | None) -> dict[str, Any]:
        """The rational member of the family near a float instance."""
        floats = {n: np.asarray(instance[n], dtype=float) for n, _ in self.fields}
        return {n: field.snap(floats[n], denominator) for n, field in self.fields}


def _rationals(value: Any) -> Any:
    return [_rationals(v) for v in value] if isinstance(value, list) else rational(value)


def instances(sizes: Mapping[str, tuple[int, int]] | None = None, **fields: Field) -> Family:
    """A family of instances; see the module's example.

    >>> print(instances({"actions": (1, 3)}, x=array("actions"), beta=beta("+")).scope())
    actions [1, 3], beta [1/16, 16]
    """
    sizes = dict(sizes or {})
    for name, field in fields.items():
        for axis in field.axes:
            if isinstance(axis, str) and axis not in sizes:
                raise InputError(f"field {name}", "use axes named in sizes", f"it used {axis!r}")
    return Family(tuple(sizes.items()), tuple(fields.items()))


def number(low: Any = -4, high: Any = 4, nonzero: bool = False) -> Array:
    """One rational in [low, high]."""
    return Array((), Fraction(low), Fraction(high), nonzero)


def array(*axes: str | int, low: Any = -4, high: Any = 4) -> Array:
    """An array of rationals in [low, high]: a reward, a value, a matrix game."""
    return Array(axes, Fraction(low), Fraction(high))


def distribution(*axes: str | int, degenerate: bool = False) -> Distribution:
    """Probabilities along the last axis: a prior, a policy, a transition; full support unless
    ``degenerate``."""
    return Distribution(axes, degenerate)


def prior(*axes: str | int) -> Distribution:
    """Probabilities along the last axis, none of them zero."""
    return distribution(*axes)


def policy(*axes: str | int) -> Distribution:
    """Probabilities along the last axis, deterministic ones included."""
    return distribution(*axes, degenerate=True)


def beta(
    sign: str = "both", zero: bool = False, limits: bool = False, low: Any = "1/16", high: Any = 16
) -> Beta:
    """One inverse temperature of the given sign; ``zero`` and ``limits`` add 0 and ±inf."""
    return Beta((), sign, zero, limits, Fraction(low), Fraction(high))


def discount(low: Any = 0, high: Any = "99/100") -> Array:
    """A discount factor in [low, high], below one."""
    return Array((), Fraction(low), Fraction(high))


def choice(*values: Any) -> Choice:
    """One of the given numbers."""
    return Choice((), tuple(Fraction(v) for v in values))


def matrix_game(agent: str = "actions", opponent: str = "opponent_actions") -> dict[str, Field]:
    """The field of a common-reward matrix game: ``reward[a, b]``."""
    return {"reward": array(agent, opponent)}


def stochastic_game(
    states: str = "states", players: Sequence[str] = ("actions", "opponent_actions")
) -> dict[str, Field]:
    """The fields of a small stochastic game: ``reward[s, a, b]``, ``transition[s, a, b, t]`` (also
    deterministic rows) and ``gamma``."""
    return {
        "reward": array(states, *players),
        "transition": distribution(states, *players, states, degenerate=True),
        "gamma": discount(),
    }


def general_sum_game(*players: str, states: str = "states") -> dict[str, Field]:
    """The fields of a game of n players with a reward each: ``rewards[i, s, a1, …, an]``,
    ``transition[s, a1, …, an, t]`` and ``gamma``; ``players`` names their action axes.

    >>> sorted(general_sum_game("a", "b", "c")), general_sum_game("a", "b", "c")["rewards"].axes
    (['gamma', 'rewards', 'transition'], (3, 'states', 'a', 'b', 'c'))
    """
    if len(players) < 2:
        raise InputError("players", "be at least two names of action axes", f"they were {players}")
    shared = stochastic_game(states, players)
    del shared["reward"]
    return {"rewards": array(len(players), states, *players), **shared}


def option_priors(
    states: str = "states",
    actions: str = "actions",
    options: str = "options",
    initiation: bool = False,
) -> dict[str, Field]:
    """The priors of an option system, report (69), (71): ``low_prior[s, z, a]``,
    ``master_prior[s, z]``, ``stop_prior[s, z_, 2]`` (the probability of ending is the last).

    ``initiation`` lets an option have master prior 0 in some states, where it cannot begin.
    """
    return {
        "low_prior": prior(states, options, actions),
        "master_prior": distribution(states, options, degenerate=initiation),
        "stop_prior": prior(states, options, 2),
    }


def option_policies(
    states: str = "states",
    actions: str = "actions",
    options: str = "options",
    times: str | None = None,
) -> dict[str, Field]:
    """The policies of an option system, report (70): ``low``, ``master``, ``stop`` with the axes of
    :func:`option_priors`, deterministic ones included; one of each a step with an axis ``times``.
    """
    steps = () if times is None else (times,)
    return {
        "low": policy(*steps, states, options, actions),
        "master": policy(*steps, states, options),
        "stop": policy(*steps, states, options, 2),
    }
