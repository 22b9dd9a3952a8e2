"""How the command line makes each learner from its options, all of them text or numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabular_marl.validation import InputError, finite_array

if TYPE_CHECKING:
    from tabular_marl.active.learners import Grid, Learner
    from tabular_marl.games.stochastic import StochasticGame

#: The grid that is made where none is given has at least so many points, and at most the second.
POINTS, MOST_POINTS = 201, 2001


def numbers(argument: str, text: str) -> list[Fraction]:
    """Numbers joined by commas, exactly: 0.1 is 1/10, and 1/3 may be written so.

    >>> numbers("--initial", "10, 0.5, 1/3")
    [Fraction(10, 1), Fraction(1, 2), Fraction(1, 3)]
    """
    try:
        return [Fraction(part.strip()) for part in text.split(",")]
    except (ValueError, ZeroDivisionError):
        raise InputError(argument, "be numbers joined by commas", f"it was {text!r}") from None


def _starts(text: str) -> list[list[Fraction]]:
    rows = [numbers("--initial", part) for part in text.split(";")]
    if len({len(row) for row in rows}) > 1:
        raise InputError("--initial", "give starts of one length", f"it was {text!r}")
    return rows


def _integers(text: str) -> list[list[int]]:
    rows = _starts(text)
    if any(v.denominator > 1 for row in rows for v in row):
        raise InputError("--initial", "be numbers of actions", f"it was {text!r}")
    return [[int(v) for v in row] for row in rows]


def _q_learning(
    game: StochasticGame,
    seat: int,
    initial: str | None = None,
    step_size: str = "0.5",
    learner_discount: str = "0.9",
    grid: str | None = None,
    projection: str = "linear",
    exact: bool = False,
    **options: Any,
) -> Learner:
    from tabular_marl.active.learners import Grid, QLearning

    if initial is None:
        raise InputError("--initial", "be given for learner q-learning", "it was not")
    if exact and grid is not None:
        raise InputError("--grid", "not be given with --exact", "it was")
    (step,), (discount,) = (
        numbers("--step-size", step_size),
        numbers("--learner-discount", learner_discount),
    )
    if not 0 <= discount < 1:
        raise InputError("--learner-discount", "be a number in [0, 1)", f"it was {discount}")
    given = [] if initial == "every" else _starts(initial)
    if exact:
        values = None
    elif grid is not None:
        bounds = numbers("--grid", grid)
        if len(bounds) != 3 or bounds[2].denominator > 1:
            raise InputError("--grid", "be LOW,HIGH,POINTS", f"it was {grid!r}")
        values = Grid(float(bounds[0]), float(bounds[1]), int(bounds[2]), projection)
    else:
        values = _fitting_grid(game, seat, discount, given, projection)
    actions = game.action_counts[seat]
    tables: Any = initial if initial == "every" else given
    if options.get("per_state") and given:  # a row for all states, or a table
        tables = [row * game.num_states if len(row) == actions else row for row in given]
        if any(len(row) != actions * game.num_states for row in tables):
            raise InputError(
                "--initial",
                f"hold {actions} or {actions * game.num_states} values",
                f"it was {initial!r}",
            )
        tables = [[row[k : k + actions] for k in range(0, len(row), actions)] for row in tables]
    if values is not None:  # on a grid ties are frequent, and at random they move the answer
        options.setdefault("tie", "first")
    return QLearning(tables, step, discount, grid=values, **options)


def _fitting_grid(
    game: StochasticGame,
    seat: int,
    discount: Fraction,
    given: list[list[Fraction]],
    projection: str,
) -> Grid:
    """[min r/(1−γ), max r/(1−γ)], widened to the start, with the start among its points."""
    from tabular_marl.active.learners import Grid
    from tabular_marl.active.learners.q_learning import exact

    reward = game.player_reward(seat)
    fixed = [exact("reward", v) / (1 - discount) for v in (reward.min(), reward.max())]
    values = [*fixed, *(v for row in given for v in row)]
    low, high = min(values), max(values)
    if low == high:
        high = low + 1
    common = math.lcm(*((v - low).denominator for v in (*values, high)))
    unit = Fraction(math.gcd(*(int((v - low) * common) for v in (*values, high))), common)
    coarse = int((high - low) / unit)  # steps of the coarsest grid that holds them all
    steps = coarse * -(-(POINTS - 1) // coarse)
    if steps >= MOST_POINTS:
        raise InputError(
            "--grid",
            f"be given: all values and the start on one grid need {steps + 1} points",
            "it was not",
        )
    return Grid(float(low), float(high), steps + 1, projection)


def _fictitious_play(
    game: StochasticGame,
    seat: int,
    memory: int = 1,
    learner_beta: float | None = None,
    initial: str | None = None,
    **options: Any,
) -> Learner:
    from tabular_marl.active.learners import FictitiousPlay

    if learner_beta is not None:
        options["beta"] = learner_beta
    if initial is not None:
        options["initial"] = initial if initial == "every" else _integers(initial)
    return FictitiousPlay(memory, **options)


def _logit_response(
    game: StochasticGame, seat: int, learner_beta: float | None = None, **options: Any
) -> Learner:
    if learner_beta is None:
        raise InputError("--learner-beta", "be given for learner logit-response", "it was not")
    return _fictitious_play(game, seat, 1, learner_beta, **options)


def _win_stay_lose_shift(
    game: StochasticGame,
    seat: int,
    aspiration: float | None = None,
    initial: str | None = None,
    **options: Any,
) -> Learner:
    from tabular_marl.active.learners import WinStayLoseShift

    if aspiration is None:
        raise InputError("--aspiration", "be given for learner win-stay-lose-shift", "it was not")
    if initial is not None:
        first = initial if initial == "every" else [a for row in _integers(initial) for a in row]
        options["initial"] = first
    return WinStayLoseShift(aspiration, **options)


def _replicator(
    game: StochasticGame,
    seat: int,
    resolution: int | None = None,
    background: float | None = None,
    initial: str | None = None,
    **options: Any,
) -> Learner:
    from tabular_marl.active.learners import Replicator

    for flag, value in (("--resolution", resolution), ("--background", background)):
        if value is None:
            raise InputError(flag, "be given for learner replicator", "it was not")
    if initial is not None:
        rows = (
            initial
            if initial == "every"
            else finite_array("--initial", [[float(v) for v in row] for row in _starts(initial)])
        )
        options["initial"] = rows
    return Replicator(resolution, background, **options)  # type: ignore[arg-type]


def _schedule(
    game: StochasticGame, seat: int, policies: Path | None = None, **options: Any
) -> Learner:
    import json

    from tabular_marl.active.learners import Schedule

    if policies is None:
        raise InputError("--policies", "be given for learner schedule", "it was not")
    try:
        return Schedule(json.loads(policies.read_text()), **options)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError("--policies", "be a JSON file", f"{policies}: {error}") from None


def from_file(name: str) -> Any:
    """The object NAME of FILE.py."""
    import runpy

    path, _, attribute = name.rpartition(":")
    if not Path(path).is_file():
        raise InputError("--learner", "name a file that exists", f"it was {name!r}")
    found = runpy.run_path(path).get(attribute)
    if not hasattr(found, "bind"):
        raise InputError(
            "--learner", "name a Learner (something with `bind`) in a file", f"it was {name!r}"
        )
    return found


def makers() -> dict[str, tuple[Callable[..., Learner], tuple[str, ...]]]:
    """name -> (maker, the options it knows)."""
    q = ("initial", "step_size", "learner_discount", "epsilon", "per_state", "tie", "grid")
    return {
        "q-learning": (_q_learning, (*q, "projection", "exact")),
        "best-response": (_fictitious_play, ("initial", "epsilon", "tie")),
        "logit-response": (_logit_response, ("initial", "epsilon", "learner_beta")),
        "fictitious-play": (
            _fictitious_play,
            ("initial", "memory", "learner_beta", "epsilon", "tie"),
        ),
        "win-stay-lose-shift": (
            _win_stay_lose_shift,
            ("initial", "aspiration", "shift", "epsilon"),
        ),
        "replicator": (
            _replicator,
            ("initial", "resolution", "background", "projection", "epsilon"),
        ),
        "schedule": (_schedule, ("policies", "after")),
    }
