"""``train`` and ``crosscheck``: deep agents, and how they compare with the exact answer."""

from __future__ import annotations

import sys
import time
from collections import deque
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from tabular_marl.answers import emit_json
from tabular_marl.cli.common import DeviceName, JsonFlag, read_game, torch_on_one_thread, working
from tabular_marl.validation import InputError, one_of

if TYPE_CHECKING:
    from tabular_marl.deep.training import Curve, Run


def train(
    experiment: Annotated[
        Positional[str],
        arg(metavar="EXPERIMENT", help="ibs, ic, imp, a game, or a YAML file of your own."),
    ],
    *,
    agent: Annotated[str, arg(help="A kind of agent; a wrong one lists them all.")] = "further",
    preset: Annotated[
        str, arg(help="Where the paper and its code differ, which to follow: paper or code.")
    ] = "paper",
    seeds: Annotated[int, arg(help="Runs, all at once.")] = 20,
    steps: Annotated[int | None, arg(help="Instead of the experiment's number.")] = None,
    seed: Annotated[int, arg(help="Of the random stream that all runs share.")] = 1,
    interval: Annotated[int, arg(help="Steps to a row of the curve.")] = 250,
    set: Annotated[
        tuple[str, ...], arg(metavar="NAME=VALUE", help="Override the experiment's settings.")
    ] = (),
    out: Annotated[
        Path | None,
        arg(
            metavar="DIR",
            help="Write curve.csv, losses.csv, curve.png, checkpoint.pt there, and what "
            "TensorBoard reads where it is installed.",
        ),
    ] = None,
    resume: Annotated[bool, arg(help="Go on from the checkpoint in --out.")] = False,
    keep_going: Annotated[
        bool, arg(help="Give up a seed that breaks down, instead of stopping all.")
    ] = False,
    device: DeviceName = "cpu",
    compile: Annotated[
        bool, arg(help="Compile the training step first: half a minute, then up to twice as fast.")
    ] = False,
    json: JsonFlag = False,
) -> int:
    """Train an agent of an experiment, such as FURTHER's matrix games, many seeds at once."""
    torch_on_one_thread()
    from tabular_marl.deep.training import Run
    from tabular_marl.deep.training.evaluation import Score

    numbers = (seeds, steps, seed, interval)
    asked = Run(experiment, agent, preset, *numbers, _settings(set), device, compile)
    try:
        curve = _with_progress(asked, out, resume, keep_going, quiet=json)
    except KeyboardInterrupt:
        _tell_how_to_go_on(out)
        return 130
    score = Score(curve.reward[-max(1, len(curve.reward) // 10) :].mean(0))
    row = {
        "experiment": asked.plan.name,
        "agent": agent,
        "preset": preset,
        "steps": asked.last,
        **score.as_dict(),
        "failed": curve.failed,
    }
    if json:
        emit_json(row)
    else:
        low, high = score.interval
        print(
            f"{agent} on {asked.plan.name}: reward {score.iqm:.4f} (IQM of {score.seeds} seeds "
            f"over the last tenth, 95 % interval {low:.4f} to {high:.4f})"
        )
    for told in curve.failed:
        print(f"left out: {told}", file=sys.stderr)
    if out is not None:
        from tabular_marl.deep.training.figures import learning_curves

        figure = learning_curves({agent: curve}, asked.title)
        figure.savefig(out / "curve.png", dpi=150)
        print(f"wrote {out}/curve.png, curve.csv, losses.csv, checkpoint.pt", file=sys.stderr)
    return 0


def _settings(given: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """``("temperature=4",)`` as pairs."""
    pairs = [text.partition("=") for text in given]
    for text, (name, _, value) in zip(given, pairs, strict=True):
        if not name or not value:
            raise InputError("--set", "read NAME=VALUE", f"it was {text!r}")
    return tuple((name, value) for name, _, value in pairs)


def _tell_how_to_go_on(out: Path | None) -> None:
    if out is None:
        told = "nothing was kept, since no --out was given"
    elif (out / "checkpoint.pt").is_file():
        told = "the same command with --resume goes on from the last checkpoint"
    else:
        told = "nothing was kept"
    print(f"tabular-marl: interrupted; {told}", file=sys.stderr)


def _with_progress(
    asked: Run, out: Path | None, resume: bool, keep_going: bool, quiet: bool
) -> Curve:
    from tabular_marl.deep.training import train as run

    if quiet or not sys.stderr.isatty():
        return run(asked, out, resume, keep_going=keep_going)
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[says]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(asked.plan.name, total=asked.last, says="")
        marks: deque[tuple[float, int]] = deque(maxlen=20)

        def told(step: int, reward: float) -> None:
            marks.append((time.monotonic(), step))
            says = pace(marks[0], marks[-1], asked.last)
            if says:
                says = f"{says}, {asked.seeds} seeds, reward {reward:.3f}"
            elif asked.compiled:
                says = "compiling"
            bar.update(task, completed=step, says=says)

        return run(asked, out, resume, told, keep_going=keep_going)


def _fitting(model: str, made: Any, given: dict[str, Any]) -> None:
    """Refuse parameters that a model lacks, and miss those that it needs, as command-line flags."""
    import inspect

    known = inspect.signature(made).parameters
    for name in given:
        if name not in known:
            flag = f"--{name.replace('_', '-')}"
            raise InputError(flag, f"be left out for {model}", f"it was {given[name]}")
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in (*given, "game"):
            flag = f"--{name.replace('_', '-')}"
            raise InputError(flag, f"be given for {model}", "it was not")


def pace(first: tuple[float, int], latest: tuple[float, int], last: int) -> str:
    """The rate between two (seconds, step), and how long it takes to the ``last`` step at it.

    >>> pace((0.0, 1000), (10.0, 3000), 5000)
    '200 steps/s, 0:00:10 left'
    """
    seconds, steps = latest[0] - first[0], latest[1] - first[1]
    if steps <= 0 or seconds <= 0:
        return ""
    left = timedelta(seconds=round((last - latest[1]) * seconds / steps))
    return f"{steps / seconds:.0f} steps/s, {left} left"


def crosscheck(
    game: Annotated[
        Positional[str | None], arg(metavar="GAME", help="A named game, or a file.")
    ] = None,
    *,
    model: Annotated[
        str | None, arg(help="What the code should compute; a wrong one lists them all.")
    ] = None,
    entry: Annotated[
        str | None,
        arg(metavar="FILE.py:NAME", help="An implementation, or a function of the system."),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        arg(metavar="FILE", help="A checkpoint of train, instead of a game and a model."),
    ] = None,
    beta: Annotated[float | None, arg(help="Inverse temperature, in models with one.")] = None,
    beta_agent: Annotated[float | None, arg(help="Agent's β (balancing-q).")] = None,
    beta_opponent: Annotated[float | None, arg(help="Opponent's β (balancing-q).")] = None,
    view: Annotated[
        Literal["agent", "opponent"] | None, arg(help="Who moves first (balancing-q).")
    ] = None,
    num_options: Annotated[int | None, arg(help="How many (options).")] = None,
    temperature: Annotated[float | None, arg(help="Entropy weight (further, lili, masac).")] = None,
    discount: Annotated[float | None, arg(help="γ in [0, 1), instead of the game's own.")] = None,
    steps: Annotated[
        int, arg(help="Of gradient descent, in the learning check; of play, for a checkpoint.")
    ] = 2000,
    tolerance: Annotated[
        float | None,
        arg(help="Largest distance to the exact answer: 0.001, for a checkpoint 0.05."),
    ] = None,
    samples: Annotated[int, arg(help="Actions a state, for an agent that only acts.")] = 10_000,
    device: DeviceName = "cpu",
    plot: Annotated[Path | None, arg(metavar="FILE", help="Draw a picture there.")] = None,
    json: JsonFlag = False,
) -> int:
    """Hold an implementation, by default the package's own losses, against the exact answer."""
    torch_on_one_thread()
    if checkpoint is not None:
        if game is not None or model is not None or entry is not None:
            must = "be given alone: it says which game and agent it is of"
            raise InputError("--checkpoint", must, "there was a game, model or entry beside it")
        from tabular_marl.deep.crosscheck.frozen import check_run

        with working("playing and solving", quiet=json):
            found = check_run(checkpoint, tolerance or 0.05, steps, device)
    else:
        from tabular_marl.deep.crosscheck import crosscheck as check
        from tabular_marl.deep.crosscheck.entry import load_entry
        from tabular_marl.deep.systems import MODELS, System
        from tabular_marl.models.solve import two_player

        if game is None or model is None:
            raise InputError(
                "crosscheck", "be given GAME and --model, or --checkpoint", "it was not"
            )
        if device != "cpu":
            must = "be cpu without --checkpoint: there the exact tables are"
            raise InputError("--device", must, f"it was {device!r}")
        given = {
            "beta": beta,
            "beta_agent": beta_agent,
            "beta_opponent": beta_opponent,
            "view": view,
            "num_options": num_options,
            "temperature": temperature,
        }
        parameters = {name: value for name, value in given.items() if value is not None}
        _fitting(one_of("model", model, MODELS), MODELS[model], parameters)
        system = System.of(two_player(read_game(game), discount), model, **parameters)
        held = load_entry(entry, system)
        found = check(held, system, steps, 1e-3 if tolerance is None else tolerance, samples)
    if json:
        emit_json(found.as_dict())
    else:
        for finding in found.findings:
            print(f"{'pass' if finding.passed else 'FAIL'}  {finding.check:9} {finding.says}")
    if plot is not None:
        from tabular_marl.deep.crosscheck.figures import bench

        bench(found).savefig(plot, dpi=150)
        print(f"wrote {plot}", file=sys.stderr)
    return 0 if found.passed else 1
