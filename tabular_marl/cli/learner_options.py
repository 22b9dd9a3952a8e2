"""Learners by name and option, for the command line.

Options that a learner does not know are errors; those that are not given keep the learner's own
defaults. A learner written in Python is named ``FILE.py:NAME``, NAME being a Learner.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import arg

from tabular_marl.cli.learner_makers import from_file, makers, numbers
from tabular_marl.validation import InputError, one_of

if TYPE_CHECKING:
    from tabular_marl.active.learners import Learner
    from tabular_marl.games.stochastic import StochasticGame


@dataclass(frozen=True)
class LearnerOptions:
    """Who learns, and how."""

    learner: Annotated[
        tuple[str, ...],
        arg(help="One name for all learners, or one a learner; a wrong one lists them all."),
    ]
    initial: Annotated[
        tuple[str, ...],
        arg(
            metavar="V1,V2,…",
            help='Where learning starts: Q-values, a window of actions, a mixed strategy; "every" '
            'start that there is; several joined by ";". One for all learners, or one a learner.',
        ),
    ] = ()
    step_size: Annotated[str | None, arg(help="α in [0, 1] (q-learning; 0.5).")] = None
    learner_discount: Annotated[str | None, arg(help="γ in [0, 1) (q-learning; 0.9).")] = None
    epsilon: Annotated[float | None, arg(help="Probability of exploring, uniformly.")] = None
    per_state: Annotated[bool, arg(help="A table for every state (q-learning).")] = False
    tie: Annotated[
        Literal["uniform", "first", "last"] | None,
        arg(help="Which of several best actions (q-learning on a grid: first)."),
    ] = None
    grid: Annotated[
        str | None,
        arg(
            metavar="LOW,HIGH,POINTS",
            help="Value grid (q-learning); by default one that holds all values and the start.",
        ),
    ] = None
    projection: Annotated[
        Literal["nearest", "linear"] | None,
        arg(help="How values are put on the grid (q-learning: linear; replicator: nearest)."),
    ] = None
    exact: Annotated[
        bool, arg(help="Rational Q-values without a grid, where finitely many are reached.")
    ] = False
    memory: Annotated[int | None, arg(help="Actions remembered (fictitious-play).")] = None
    learner_beta: Annotated[
        float | None, arg(help="Inverse temperature (logit-response, fictitious-play).")
    ] = None
    aspiration: Annotated[
        float | None, arg(help="A reward that makes it stay (win-stay-lose-shift).")
    ] = None
    shift: Annotated[
        Literal["next", "any"] | None, arg(help="Where it shifts to (win-stay-lose-shift).")
    ] = None
    resolution: Annotated[int | None, arg(help="N of the strategies n/N (replicator).")] = None
    background: Annotated[float | None, arg(help="Fitness besides payoffs (replicator).")] = None
    policies: Annotated[
        Path | None, arg(metavar="FILE", help="JSON array [T][S][A] of policies (schedule).")
    ] = None
    after: Annotated[
        Literal["last", "again"] | None, arg(help="What follows the last one (schedule).")
    ] = None
    rates: Annotated[
        str | None,
        arg(metavar="E0,E1,…", help="Exploration rates by the clock, the last one for ever."),
    ] = None

    def seats(self, game: StochasticGame, player: int | None) -> dict[int, Learner]:
        """{seat: learner} for every seat but ``player``."""
        if player is not None and player not in range(game.num_players):
            raise InputError("--player", f"be a seat 0..{game.num_players - 1}", f"it was {player}")
        others = [j for j in range(game.num_players) if j != player]
        names = _spread("--learner", self.learner, len(others))
        starts = _spread("--initial", self.initial or (None,), len(others))
        self._check(names)
        return {
            j: self._make(name, game, j, start)
            for j, name, start in zip(others, names, starts, strict=True)
        }

    @property
    def given(self) -> dict[str, Any]:
        """The options that were given."""
        return {k: v for k, v in vars(self).items() if v is not None and v is not False and v != ()}

    def _check(self, names: tuple[str, ...]) -> None:
        """Every option must be one of some learner's."""
        every = makers()
        known = {"learner", "rates"}
        for name in names:
            if ".py:" not in name:
                known |= set(every[one_of("--learner", name, every)][1])
        for option in self.given:
            if option not in known:
                flag = f"--{option.replace('_', '-')}"
                raise InputError(flag, f"not be given for {' and '.join(set(names))}", "it was")

    def _make(self, name: str, game: StochasticGame, seat: int, start: str | None) -> Learner:
        from tabular_marl.active.learners import Annealed

        if ".py:" in name:
            made: Any = from_file(name)
        else:
            maker, known = makers()[name]
            wanted = {k: v for k, v in self.given.items() if k in known and k != "initial"}
            made = maker(game, seat, **wanted, **({} if start is None else {"initial": start}))
        if self.rates is None:
            return made  # type: ignore[no-any-return]
        return Annealed(made, [float(v) for v in numbers("--rates", self.rates)])


def _spread(flag: str, given: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    """One entry a learner."""
    if len(given) not in (1, count):
        raise InputError(flag, f"be given once, or {count} times", f"it was {len(given)} times")
    return given * count if len(given) == 1 else given
