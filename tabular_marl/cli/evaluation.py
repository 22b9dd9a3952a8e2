"""``evaluate`` and ``crossplay``: what trained agents are worth, against one and against all."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from tabular_marl.answers import emit_json
from tabular_marl.cli.common import DeviceName, JsonFlag, torch_on_one_thread, working

if TYPE_CHECKING:
    from tabular_marl.deep.training.evaluation import CrossPlay

Steps = Annotated[int, arg(help="Over which the reward is averaged.")]
Learning = Annotated[
    Literal["nobody", "agent", "opponent", "both"],
    arg(help="Who goes on learning; whoever does not is frozen."),
]
Seed = Annotated[int, arg(help="Of the random stream of the evaluation.")]


def evaluate(
    run: Annotated[Positional[Path], arg(metavar="RUN_DIR", help="Where train wrote a run.")],
    *,
    against: Annotated[
        str | None,
        arg(
            metavar="RUN_DIR|q-learner",
            help="Meet the second player of that run, or a fresh Q-learner, instead of its own.",
        ),
    ] = None,
    steps: Steps = 1000,
    learning: Learning = "nobody",
    seed: Seed = 0,
    device: DeviceName = "cpu",
    json: JsonFlag = False,
) -> int:
    """Average reward of a trained agent, with its 95 % interval over seeds."""
    torch_on_one_thread()
    from tabular_marl.deep.training.evaluation import evaluate as run_both

    with working("playing", quiet=json):
        mine, theirs = run_both(run, against, steps, learning, seed, device)
    if json:
        emit_json(
            {
                "run": str(run),
                "against": against or "its own opponent",
                "learning": learning,
                "steps": steps,
                "agent": mine.as_dict(),
                "opponent": theirs.as_dict(),
            }
        )
        return 0
    print(
        f"{run}, trained for {mine.trained} steps, against {against or 'its own opponent'}, "
        f"{learning} learning, {steps} steps:"
    )
    for who, score in (("agent", mine), ("opponent", theirs)):
        low, high = score.interval
        told = f"reward {score.iqm:.4f} (IQM of {score.seeds} seeds, 95 % interval"
        print(f"{who:9} {told} {low:.4f} to {high:.4f})")
    return 0


def crossplay(
    runs: Annotated[
        Positional[tuple[Path, ...]], arg(metavar="RUN_DIR", help="Two or more, of one game.")
    ],
    *,
    steps: Steps = 1000,
    learning: Learning = "nobody",
    seed: Seed = 0,
    device: DeviceName = "cpu",
    out: Annotated[
        Path | None, arg(metavar="DIR", help="Write crossplay.csv and crossplay.png there.")
    ] = None,
    json: JsonFlag = False,
) -> int:
    """Every run's agent against every run's second player: a matrix of rewards."""
    torch_on_one_thread()
    from tabular_marl.deep.training.evaluation import cross_play, short_names

    if out is not None:  # told before the work, not after it
        out.mkdir(parents=True, exist_ok=True)
    with working(f"playing {len(runs)}×{len(runs)} pairs", quiet=json):
        found = cross_play(short_names(runs), steps, learning, seed, device)
    if json:
        emit_json(found.as_dict())
    else:
        _show(found)
    if out is not None:
        from tabular_marl.deep.training.figures import cross_play_matrix

        found.write_csv(out / "crossplay.csv")
        cross_play_matrix(found).savefig(out / "crossplay.png", dpi=150)
        print(f"wrote {out}/crossplay.csv, crossplay.png", file=sys.stderr)
    return 0


def _show(found: CrossPlay) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 1, 0))
    table.add_column("agent of")
    for name in (*(f"against {name}'s" for name in found.names), "against all"):
        table.add_column(name, justify="right")
    low, high = found.interval
    for i, name in enumerate(found.names):
        pairs = zip(found.iqm[i], low[i], high[i], strict=True)
        every = (*pairs, found.against_all(i))
        table.add_row(name, *(f"{k:.3f}\n[{a:.2f}, {b:.2f}]" for k, a, b in every))
    Console().print(table)
