"""What ``influence`` and ``chain`` found, as JSON objects and as tables."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tabular_marl.active.periodic import periodic_distributions
from tabular_marl.answers import ROWS_SHOWN, time_taken

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

    from tabular_marl.active.chains import MarkovChain
    from tabular_marl.active.discounted import DiscountedSolution
    from tabular_marl.active.influence import Influence
    from tabular_marl.active.joint_chain import JointProcess
    from tabular_marl.active.stability import StableDistribution
    from tabular_marl.cli.learner_options import LearnerOptions


#: JSON holds every joint state up to this many; beyond it, what each of them has is left out.
MOST_STATES = 50_000


def setting(options: LearnerOptions) -> dict[str, Any]:
    """The options that were given."""
    return {k: str(v) if k == "policies" else v for k, v in options.given.items()}


def described(process: JointProcess, x: int) -> dict[str, Any]:
    """A joint state: the game's state, and each learner's θ by its seat."""
    state, parameters = process.describe(x)
    return {"state": state, "parameters": {str(j): plain(v) for j, v in parameters.items()}}


def plain(value: Any) -> Any:
    """Learners' parameters as JSON has them; rationals as "p/q"."""
    if isinstance(value, tuple | list | np.ndarray):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)


def influence_row(
    game: str,
    options: LearnerOptions,
    found: Influence,
    short: DiscountedSolution | None,
    discount: float | None,
    beta: float,
) -> dict[str, Any]:
    """One JSON object; gains are numbers for one start, and arrays [starts] for several.

    Beyond MOST_STATES joint states it is a summary, and ``omitted`` names what is left out.
    """
    process, solution = found.process, found.solution
    one = process.starts.size == 1
    chain = found.chain()
    reached = np.zeros(process.num_states)
    reached[process.starts] = 1 / process.starts.size
    arrival = chain.arrival(reached)
    row: dict[str, Any] = {
        "game": game,
        "player": process.player,
        **setting(options),
        "gain": found.gain[0] if one else found.gain,
        "gain_lower": found.gain_lower[0] if one else found.gain_lower,
        "gain_upper": found.gain_upper[0] if one else found.gain_upper,
        "status": solution.status.value,
        "method": solution.method,
        "iterations": solution.iterations,
        "joint_states": process.num_states,
        "transitions": int(process.transition.nnz),
        "recurrent_classes": int((arrival > 0).sum()),
        "seconds": found.seconds,
        "actions": process.game.action_labels[process.player or 0],
    }
    notes = remarks(options, process)
    if math.isfinite(beta):
        row["beta"] = beta
        notes.append("with --beta the value is the mean of reward − KL(policy‖uniform)/β")
    if notes:
        row["notes"] = notes
    everything = {
        "starts": process.starts,
        "policy": solution.policy,
        "bias": solution.bias,
    }
    if process.num_states <= MOST_STATES:
        row |= everything
        row["states"] = [described(process, x) for x in range(process.num_states)]
    else:
        row["omitted"] = [*everything, "states"]
        if not one:
            row["omitted"].append("gain")
            del row["gain"]
            row["gain_lower"] = float(found.gain_lower.min())
            row["gain_upper"] = float(found.gain_upper.max())
            row["plateaus"] = plateaus(found)[:ROWS_SHOWN]
    grids = {str(j): vars(rule.grid) for j, rule in process.rules.items() if hasattr(rule, "grid")}
    if grids:
        row["grid"] = grids
    if short is not None:
        row["discounted"] = {
            "discount": discount,
            "value": short.value[process.starts[:ROWS_SHOWN]],
            "first_actions": short.policy[process.starts[:ROWS_SHOWN]].argmax(axis=1),
            "error_bound": short.error_bound,
        }
        if process.num_states <= MOST_STATES:
            row["discounted"] |= {"value": short.value, "policy": short.policy}
    return row


def remarks(options: LearnerOptions, process: JointProcess) -> list[str]:
    """What makes the answer one about the grid rather than the learner."""
    found = []
    for j, rule in process.rules.items():
        if hasattr(rule, "grid") and options.tie == "uniform" and rule.epsilon > 0:
            found.append(
                f"player {j} breaks ties at random on a grid, where they are frequent, while "
                "without one they hardly ever occur: the gain can lie outside what the learner "
                "without a grid allows; --tie first or last keeps closer"
            )
    return found


def plateaus(found: Influence) -> list[dict[str, Any]]:
    """The gains that most starts share: value, how many, and one of the starts."""
    values, first, counts = np.unique(found.gain.round(9), return_index=True, return_counts=True)
    return [
        {
            "gain": float(values[k]),
            "starts": int(counts[k]),
            "one": described(found.process, int(found.process.starts[first[k]])),
        }
        for k in np.argsort(-counts, kind="stable")
    ]


def save_influence(path: Path, found: Influence) -> None:
    """Everything as arrays: gains by start; state, parameters, policy and bias by joint state."""
    process, solution = found.process, found.solution
    np.savez_compressed(
        path,
        starts=process.starts,
        gain=found.gain,
        gain_lower=found.gain_lower,
        gain_upper=found.gain_upper,
        state=process.state,
        parameters=process.parameters,
        policy=solution.policy,
        bias=solution.bias,
    )


def print_influence(row: dict[str, Any], found: Influence) -> None:
    """The bracket, and what to play first."""
    from rich.console import Console

    process, labels = found.process, row["actions"]
    console = Console(highlight=False)
    console.print(f"[bold]influence[/bold] on {row['game']}, player {row['player']} decides")
    for j, grid in row.get("grid", {}).items():
        console.print(
            f"player {j}'s values: {grid['points']} points in [{grid['low']:g}, {grid['high']:g}]"
            f", projection {grid['projection']}"
        )
    console.print(
        _plateaus(row, found) if process.starts.size > ROWS_SHOWN else _starts(row, found)
    )
    if "discounted" in row:
        short = row["discounted"]
        every = len(short["value"]) == process.num_states
        value = short["value"][int(process.starts[0]) if every else 0]
        console.print(
            f"discounted with {short['discount']:g}: value {value:.12g}, "
            f"first action {labels[int(short['first_actions'][0])]}, "
            f"proved error bound {short['error_bound']:.3g}"
        )
    for note in row.get("notes", []):
        console.print(f"[yellow]note[/yellow] {note}")
    rate = process.num_states / max(found.seconds, 1e-9)
    console.print(
        f"{process.num_states} joint states, {row['recurrent_classes']} recurrent "
        f"{'class' if row['recurrent_classes'] == 1 else 'classes'} reached, "
        f"{row['method']}, {row['iterations']} iterations, [bold]proved bracket "
        f"{float(np.max(found.gain_upper - found.gain_lower)):.3g}[/bold], "
        f"{time_taken(found.seconds)} ({rate:.3g} joint states/s)"
    )


def _starts(row: dict[str, Any], found: Influence) -> Table:
    """A row a start."""
    from rich.table import Table

    table = Table("state", "learners", "best average reward", "first action")
    for k, x in enumerate(found.process.starts.tolist()):
        start = described(found.process, x)
        thetas = "; ".join(f"{j}: {v}" for j, v in start["parameters"].items())
        best = int(found.solution.actions[x])
        chance = found.solution.policy[x, best]
        first = row["actions"][best] + ("" if chance == 1 else f" ({chance:.3g})")
        table.add_row(start["state"], thetas, f"{found.gain[k]:.12g}", first)
    return table


def _plateaus(row: dict[str, Any], found: Influence) -> Table:
    """Many starts: the values that most of them share."""
    from rich.table import Table

    table = Table("best average reward", "starts", "share", "one of them")
    every = plateaus(found)
    for plateau in every[:ROWS_SHOWN]:
        share = f"{plateau['starts'] / found.gain.size:.2%}"
        where = words(plateau["one"])
        table.add_row(f"{plateau['gain']:.9g}", str(plateau["starts"]), share, where)
    if len(every) > ROWS_SHOWN:
        table.caption = f"{len(every) - ROWS_SHOWN} more values; --save FILE.npz keeps all"
    return table


def chain_row(
    game: str,
    options: LearnerOptions,
    process: JointProcess,
    chain: MarkovChain,
    weights: Any,
    k: int,
    stable: StableDistribution | None,
) -> dict[str, Any]:
    """One JSON object: classes with period, size, arrival and mean rewards; distributions."""
    first = np.zeros(process.num_states)
    first[process.starts] = 1 / process.starts.size
    arrival = chain.arrival(first)
    paid = process.rewards[:, :, 0]
    if weights is not None:
        paid = (process.rewards * weights).sum(axis=2)
    classes = [
        {
            "size": int(members.size),
            "period": int(period),
            "arrival": float(arrived),
            "rewards": [plain(v) for v in paid[:, members] @ chain.class_distribution[members]],
            "most_visited": described(
                process, int(members[np.argmax(chain.class_distribution[members])])
            ),
            "members": members,
            "distribution": chain.class_distribution[members],
        }
        for members, period, arrived in zip(
            chain.recurrent_classes, chain.periods, arrival, strict=True
        )
    ]
    row: dict[str, Any] = {
        "game": game,
        "player": process.player,
        **setting(options),
        "joint_states": process.num_states,
        "transitions": int(chain.transition.nnz),
        "transient_states": int(chain.transient_states.size),
        "recurrent_classes": chain.num_classes,
        "classes": classes,
        "seconds": process.seconds,
    }
    if process.num_states <= MOST_STATES:
        row["states"] = [described(process, x) for x in range(process.num_states)]
    else:
        row["omitted"] = ["states", "members", "distribution"]
        for found in classes:
            del found["members"], found["distribution"]
    if k != 1:
        row["k"] = k
        row["periodic"] = [
            [{str(x): law[x] for x in np.flatnonzero(law)} for law in solution]
            for solution in periodic_distributions(chain, k)
        ]
    if stable is not None:
        row["stable"] = {
            "support": stable.support,
            "distribution": stable.distribution[stable.support],
            "potential": stable.potential,
        }
    return row


def print_chain(row: dict[str, Any], process: JointProcess) -> None:
    """A row a class; then the distributions that were asked for."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    who = "everybody learns" if row["player"] is None else f"player {row['player']} is fixed"
    console.print(f"[bold]chain[/bold] of {row['game']}, {who}")
    table = Table("class", "joint states", "period", "reached", "mean rewards", "most visited")
    ranked = sorted(enumerate(row["classes"]), key=lambda item: -item[1]["arrival"])
    for number, found in ranked[:ROWS_SHOWN]:
        table.add_row(
            str(number),
            str(found["size"]),
            str(found["period"]),
            f"{found['arrival']:.6g}",
            ", ".join(f"{v:.6g}" for v in found["rewards"]),
            words(found["most_visited"]),
        )
    console.print(table)
    if row["recurrent_classes"] > ROWS_SHOWN:
        console.print(f"({row['recurrent_classes'] - ROWS_SHOWN} more; --json prints all)")
    for number, solution in enumerate(row.get("periodic", [])[:ROWS_SHOWN]):
        for moment, law in enumerate(solution):
            shown = sorted(law.items(), key=lambda item: -item[1])[:4]
            console.print(
                f"μ_{row['k']} no. {number}, ℓ={moment}: "
                + ", ".join(f"{words(described(process, int(x)))} {p:.4g}" for x, p in shown)
                + (" …" if len(law) > 4 else "")
            )
    if "stable" in row:
        found = row["stable"]
        console.print("stochastically stable as exploration vanishes:")
        for x, mass in zip(found["support"][:ROWS_SHOWN], found["distribution"], strict=False):
            console.print(f"  {mass:.6g}  {words(described(process, int(x)))}")
    console.print(
        f"{row['joint_states']} joint states, {row['transient_states']} transient, "
        f"{row['recurrent_classes']} recurrent "
        f"{'class' if row['recurrent_classes'] == 1 else 'classes'}, "
        f"{time_taken(row['seconds'])}"
    )


def words(found: dict[str, Any]) -> str:
    """A joint state in one line."""
    return f"{found['state']} " + " ".join(f"{j}:{v}" for j, v in found["parameters"].items())
