"""Options of two agents over any arithmetic: the vocabulary of the ``multi_options_*`` claims.

    Q(s,a,b,z,y) = βR + γ E_{s'}[U(s',z,y)]                                          (86), (190)
    1  Q^H(s,z,b,y) = log Σ_a P(a|s,z,b,y) exp Q                                     (82), (181)
    2  Q(s,b,y)     = log Σ_z P^{H,i}(z|s,b,y) exp Q^H(s,z,b,y)                      (82), (182)
    3  Q(s,z_,b,y)  = log Σ_c P^{T,i}(c|s,z_,b,y) exp[c Q(s,b,y) + (1−c) Q^H(s,z_,b,y)]
    4  Q^H(s,z_,y)  = log Σ_b P(b|s,z_,y) exp Q(s,z_,b,y)                            (83), (184)
    5  Q(s,z_)      = log Σ_y P^{H,-i}(y|s,z_) exp Q^H(s,z_,y)                       (84), (186)
    6  U(s,z_,y_)   = log Σ_d P^{T,-i}(d|s,z_,y_) exp[d Q(s,z_) + (1−d) Q^H(s,z_,y_)] (85), (188)

as corrected. a, z, z_, c are the agent's action, option, option before and the report's b^i; b, y,
y_, d the opponent's. Play draws d, y, b, c, z, a. Units are the report's: ``reward`` is βR. Shapes:
reward [S, A, B]; transition [S, A, B, S]; the six laws, in the order 1 to 6, each along its last
axis: [S, B, Z, Y, A], [S, B, Y, Z], [S, Z, B, Y, 2], [S, Z, Y, B], [S, Z, Y], [S, Z, Y, 2]; Q as
the first. BATCH adds one last axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tabular_marl.verification import Family, array, distribution, instances, scope
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, tilt
from tabular_marl.verification.claims._options import Horizon, cost, even, kept_or_chosen, lay
from tabular_marl.verification.strategies import Field

#: s, z_, y_, then what a step draws, the next step's start at the end: t is s'
FRAME = "smndbcatzy"
#: the six laws' axes, and the one that each is along
NAMES = ("agent", "master", "stop", "opponent", "opponent_master", "opponent_stop")
AXES = (4, 3, 4, 3, 2, 3)


def climb(q: Numbers, aggregate: Callable[[int, Numbers], Numbers]) -> Numbers:
    """U(s,z_,y_) of Q: ``aggregate(k, table)`` takes the last axis off the k-th table."""
    met = aggregate(0, q)  # Q^H(s,z,b,y)
    chosen = aggregate(1, np.swapaxes(met, 2, 3))[:, None]  # Q(s,b,y)
    kept = np.swapaxes(met, 1, 2)
    ended = aggregate(2, np.stack(np.broadcast_arrays(kept, chosen), axis=4))  # Q(s,z_,b,y)
    seen = aggregate(3, np.swapaxes(ended, 2, 3))  # Q^H(s,z_,y)
    drawn = aggregate(4, seen)[:, :, None]  # Q(s,z_)
    return aggregate(5, np.stack(np.broadcast_arrays(seen, drawn), axis=3))


@dataclass(frozen=True)
class Team:
    """The six priors."""

    arithmetic: Arithmetic
    priors: tuple[Numbers, ...]

    @classmethod
    def of(cls, arithmetic: Arithmetic, **given: Numbers) -> Team:
        """From an instance's ``agent_prior``, …, ``opponent_stop_prior``."""
        return cls(arithmetic, tuple(given[f"{name}_prior"] for name in NAMES))

    @classmethod
    def even(cls, arithmetic: Arithmetic, q: Numbers) -> Team:
        """Uniform ones, in sizes those of ``q``."""
        found: list[Numbers] = []

        def aggregate(k: int, table: Numbers) -> Numbers:
            found.append(even(arithmetic, table))
            return table.sum(axis=AXES[k])

        climb(q, aggregate)
        return cls(arithmetic, tuple(found))

    def soft(self, q: Numbers) -> Numbers:
        """U(s,z_,y_): 1 to 6 of the module's docstring."""
        return climb(q, self.soft_at)

    def soft_at(self, k: int, table: Numbers) -> Numbers:
        """log Σ P exp of the k-th table: one of 1 to 6."""
        return free_energy(table, self.priors[k], 1, AXES[k], self.arithmetic)

    def tables(self, q: Numbers) -> list[Numbers]:
        """What each of the six policies sees of Q when the ones before it are optimal."""
        found: list[Numbers] = []

        def aggregate(k: int, table: Numbers) -> Numbers:
            found.append(table)
            return self.soft_at(k, table)

        climb(q, aggregate)
        return found

    def tilts(self, q: Numbers) -> tuple[Numbers, ...]:
        """The six policies (82)-(85) as corrected."""
        seen = zip(self.tables(q), self.priors, AXES, strict=True)
        return tuple(tilt(table, prior, 1, axis, self.arithmetic) for table, prior, axis in seen)

    def value(self, q: Numbers, *policies: Numbers) -> Numbers:
        """E[Q − six log-ratios] of (s, z_, y_)."""

        def aggregate(k: int, table: Numbers) -> Numbers:
            return cost(self.arithmetic, table, policies[k], self.priors[k], AXES[k])

        return climb(q, aggregate)


class Match(Horizon):
    """Two agents' options in a game."""

    START, VARIABLES = 3, 7

    def backup(self, arrival: Numbers) -> Numbers:
        """βR + γ E[U(s',z,y)] of (s, b, z, y, a): report (86)."""
        move = np.swapaxes(self.transition, 1, 2)[:, :, None, None]  # [S, B, 1, 1, A, S]
        ahead = np.moveaxis(arrival, 0, 2)[None, None, :, :, None]  # [1, 1, Z, Y, 1, S]
        now = np.swapaxes(self.reward, 1, 2)[:, :, None, None]
        return now + self.gamma * (move * ahead).sum(axis=5)

    def step(self, *policies: Numbers) -> Numbers:
        """The law of d, b, c, a, s', z, y given s, z_, y_, over ``FRAME``."""
        agent, master, stop, opponent, opponent_master, opponent_stop = policies
        a = self.options.arithmetic
        law = kept_or_chosen(a, lay(master, "sbyz", FRAME), "mz", "c", FRAME)
        law = law * kept_or_chosen(a, lay(opponent_master, "smy", FRAME), "ny", "d", FRAME)
        law = law * lay(opponent_stop, "smnd", FRAME) * lay(opponent, "smyb", FRAME)
        law = law * lay(stop, "smbyc", FRAME) * lay(agent, "sbzya", FRAME)
        return law * lay(self.transition, "sabt", FRAME)

    def prior_step(self) -> Numbers:
        """One step of (77) with O = 1."""
        team = self.options
        return self.step(*team.priors) * lay(team.arithmetic.exp(self.reward), "sab", FRAME)


# -- families and scopes ------------------------------------------------------------------------

_EVERY = {
    name: ">= 1"
    for name in ("states", "actions", "opponent_actions", "options", "opponent_options")
}
STAGE = scope(**_EVERY)
GAMES = scope(**_EVERY, gamma="[0, 1]")
PLAYS = scope(**_EVERY, gamma="[0, 1]", times=">= 1")
UNDISCOUNTED = scope(**_EVERY, times=">= 1")
SIZES = {name: (1, 2) for name in _EVERY}
S, A, B, Z, Y = _EVERY
LAWS: dict[str, Field] = {
    "agent": distribution(S, B, Z, Y, A),
    "master": distribution(S, B, Y, Z),
    "stop": distribution(S, Z, B, Y, 2),
    "opponent": distribution(S, Z, Y, B),
    "opponent_master": distribution(S, Z, Y),
    "opponent_stop": distribution(S, Z, Y, 2),
}
PRIORS: dict[str, Field] = {f"{name}_prior": law for name, law in LAWS.items()}
Q: dict[str, Field] = {"q": array(S, B, Z, Y, A)}
GAME: dict[str, Field] = {
    "reward": array(S, A, B),
    "transition": distribution(S, A, B, S, degenerate=True),
}
START: dict[str, Field] = {
    "initial": distribution(S),
    "before": distribution(Z),
    "opponent_before": distribution(Y),
}
PLAYED: dict[str, Field] = {name: distribution("times", *law.axes) for name, law in LAWS.items()}


def family(*fields: Mapping[str, Field], **sizes: tuple[int, int]) -> Family:
    """Instances with all these fields; one or two of everything."""
    merged: dict[str, Field] = {}
    for part in fields:
        merged |= part
    return instances({**SIZES, **sizes}, **merged)


def begin(initial: Numbers, before: Numbers, opponent_before: Numbers) -> Numbers:
    """P(s_0) P(z_{−1}) P(y_{−1})."""
    return initial[:, None, None] * before[:, None] * opponent_before


def priors_of(given: dict[str, Numbers]) -> dict[str, Numbers]:
    """The priors among an instance's fields."""
    return {name: given[name] for name in PRIORS}


def policies_of(given: dict[str, Numbers]) -> list[Numbers]:
    """The six policies among an instance's fields."""
    return [given[name] for name in NAMES]
