"""Two-agent soft games, 200 states, 8×8 actions, to a proved error of 1e-10.

Fast mixing (dense random rows) and slow mixing (ring), γ = 0.99 and 0.999, β of one sign and of
opposite signs. Rivals: value iteration in NumPy with the sup-norm stop that people write, the same
with span bounds, Anderson(5); and msdm's soft policy iteration, which has one temperature, and so
is compared where both β are equal: the game is then a soft MDP over joint actions.

    python benchmarks/joint_games.py [--repeats N] [--quick] [--no-peers]
"""

from __future__ import annotations

import sys

import _harness as harness  # first: it fixes the threads
import _ours as ours
import _peers
import _rivals as rivals
from _harness import OURS, Report, Target, ratio

from tabular_marl.games import generate

TOLERANCE = 1e-10
STATES, ACTIONS = 200, (8, 8)
BETAS = [(5.0, 3.0), (50.0, 50.0), (5.0, -3.0), (50.0, -50.0)]
SUP, SPAN, ANDERSON = "NumPy VI, sup-norm stop", "NumPy VI, span bounds", "NumPy Anderson(5)"
MSDM = "msdm soft policy iteration"


def games(discount):
    yield "dense random", generate.random_game(STATES, ACTIONS, seed=1, discount=discount)
    yield "ring", generate.ring_game(STATES, ACTIONS, seed=1, discount=discount)


def msdm_contender(game, beta):
    import torch
    from msdm.algorithms.entregpolicyiteration import entropy_regularized_policy_iteration

    torch.set_num_threads(1)
    states = game.num_states
    transition = torch.from_numpy(game.transition.reshape(states, -1, states).copy())
    reward = torch.from_numpy(game.reward.reshape(states, -1, 1).copy())
    weight = torch.tensor([1 / beta], dtype=torch.float64)

    def run():
        found = entropy_regularized_policy_iteration(
            transition, reward, game.discount, weight, n_planning_iters=1000
        )
        return found.state_values.numpy(), f"{found.iterations + 1} iterations"

    return run


def main() -> None:
    peers = _peers.run_in_peers_environment()
    repeats = harness.repeats_from_arguments()
    quick = "--quick" in sys.argv
    report = Report("joint_games", "Joint-action games, 200 states, 8×8 actions, error ≤ 1e-10")
    slow_sup, worst_fast, worst_msdm = [], [], []
    ring_mixed = {SPAN: [], ANDERSON: []}
    for discount in (0.99, 0.999):
        for kind, game in games(discount):
            for betas in BETAS:
                setting = f"{kind}, γ={discount}, β=({betas[0]:g}, {betas[1]:g})"
                exact = ours.reference(game, betas)
                both = (game, betas, discount, TOLERANCE)
                contenders = {
                    OURS: lambda g=game, b=betas: ours.contender(g, b, TOLERANCE),
                    f"{OURS}, whole Solution": lambda g=game, b=betas: ours.whole(g, b, TOLERANCE),
                    SPAN: lambda x=both: rivals.span_value_iteration(*x),
                    ANDERSON: lambda x=both: rivals.anderson(*x),
                }
                if not quick:
                    contenders[SUP] = lambda x=both: rivals.sup_norm_value_iteration(*x)
                rows = report.measure(setting, contenders, exact.value, repeats)
                reached = [n for n in (SPAN, ANDERSON) if rows[n].error <= 2 * TOLERANCE]
                if reached:
                    worst_fast.append(min(ratio(rows, n) for n in reached))
                if discount == 0.999 and not quick:
                    slow_sup.append(ratio(rows, SUP))
                if kind == "ring" and betas[0] * betas[1] < 0:
                    for name, times in ring_mixed.items():
                        times.append(ratio(rows, name))
            for beta in (5.0, 50.0):
                setting = f"{kind}, γ={discount}, β=({beta:g}, {beta:g}), vs msdm"
                if peers.get("msdm") != "installed":
                    report.absent(setting, MSDM, peers.get("msdm", "not installed"))
                    continue
                exact = ours.reference(game, (beta, beta))
                contenders = {
                    OURS: lambda g=game, b=beta: ours.contender(g, (b, b), TOLERANCE),
                    MSDM: msdm_contender(game, beta),
                }
                rows = report.measure(setting, contenders, exact.value, repeats)
                worst_msdm.append(ratio(rows, MSDM))
    if slow_sup:
        promise = "times the sup-norm VI at γ=0.999"
        report.targets.append(Target(f"{promise}, smallest", 1000, min(slow_sup)))
    promise = "best of span VI and Anderson over ours, smallest"
    report.targets.append(Target(promise, 1 / 1.2, min(worst_fast)))
    for name, times in ring_mixed.items():
        promise = f"times {name}, ring with opposite signs, smallest"
        report.targets.append(Target(promise, 100, min(times)))
    if worst_msdm:
        report.targets.append(Target("times msdm, smallest", 10, min(worst_msdm)))
    report.remarks.append(
        "Ours is one call from arrays to a value with a proved bound; `whole Solution` adds q and "
        "all policies. NumPy rivals multiply with one BLAS thread and are given the span bounds "
        "where they are not defined by lacking them."
    )
    report.write()


if __name__ == "__main__":
    main()
