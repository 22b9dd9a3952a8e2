"""Plain Markov decision processes against QuantEcon and mdpsolver.

The engine with one opponent action and β → ∞: dense 1000 states × 10 actions, random and ring;
sparse 100 000 × 8 with 10 successors, random and local; γ = 0.99, error ≤ 1e-10. The peers' methods
are timed that can compete, and the fastest that reaches the accuracy is the rival. Left out, after
having been run once: value iteration of both (on the dense games QuantEcon's takes 9 to 14 s,
mdpsolver's 0.6 to 68 s), mdpsolver's Gauss–Seidel updates on fast-mixing games (13 s dense, 54 s
sparse) and QuantEcon's policy iteration on the sparse random game (the factors of a random graph
fill up; 600 s were not enough).

Building a peer's model from the arrays is not timed, building our operator is. Every solve starts
from nothing: a solved mdpsolver model would otherwise start from its own answer.

    python benchmarks/mdp.py [--repeats N] [--only WORD] [--no-peers]
"""

from __future__ import annotations

import sys

import _harness as harness  # first: it fixes the threads
import _ours as ours
import _peers
import numpy as np
from _harness import OURS, Report, Target, fastest

from tabular_marl.games import generate

TOLERANCE = 1e-10
GAMMA = 0.99
SETTINGS = {
    "dense 1000×10, random": lambda: generate.random_game(1000, (10, 1), seed=2, discount=GAMMA),
    "dense 1000×10, ring": lambda: generate.ring_game(1000, (10, 1), seed=2, discount=GAMMA),
    "sparse 100k×8, random": lambda: generate.sparse_game(
        100_000, (8, 1), seed=2, successors=10, discount=GAMMA
    ),
    "sparse 100k×8, local": lambda: generate.sparse_game(
        100_000, (8, 1), seed=2, successors=10, local=True, discount=GAMMA
    ),
}
#: QuantEcon's methods that finish in reasonable time on each setting.
QUANTECON = {
    "dense 1000×10, random": ["modified_policy_iteration", "policy_iteration"],
    "dense 1000×10, ring": ["modified_policy_iteration", "policy_iteration"],
    "sparse 100k×8, random": ["modified_policy_iteration"],
    "sparse 100k×8, local": ["policy_iteration", "modified_policy_iteration"],
}
#: mdpsolver's (algorithm, update) likewise; its default is ("mpi", "standard").
MDPSOLVER = {
    "dense 1000×10, random": [("mpi", "standard"), ("pi", "standard")],
    "dense 1000×10, ring": [("mpi", "standard"), ("mpi", "gs"), ("pi", "standard")],
    "sparse 100k×8, random": [("mpi", "standard"), ("pi", "standard")],
    "sparse 100k×8, local": [("mpi", "standard")],
}


def quantecon_model(game):
    """DiscreteDP as its manual advises: arrays where dense, state-action pairs where sparse."""
    from quantecon.markov import DiscreteDP
    from scipy import sparse

    states, actions = game.num_states, game.action_counts[0]
    reward = game.reward[:, :, 0].copy()
    if not game.is_sparse:
        return DiscreteDP(reward, game.transition[:, :, 0, :].copy(), game.discount)
    s, a = np.repeat(np.arange(states), actions), np.tile(np.arange(actions), states)
    return DiscreteDP(reward.ravel(), sparse.csr_matrix(game.transition), game.discount, s, a)


def quantecon_contender(model, method):
    def run():
        found = model.solve(method=method, epsilon=TOLERANCE, max_iter=1_000_000)
        return found.v, f"{found.num_iter} iterations"

    return run


def mdpsolver_model(game):
    """Lists, as it wants them: successors and probabilities of every state and action, no zeros."""
    import mdpsolver

    states, actions = game.num_states, game.action_counts[0]
    if game.is_sparse:
        rows = game.transition
    else:
        from scipy import sparse

        rows = sparse.csr_array(game.transition.reshape(-1, states))
    start, column, value = rows.indptr, rows.indices.tolist(), rows.data.tolist()
    cut = [
        [slice(start[s * actions + a], start[s * actions + a + 1]) for a in range(actions)]
        for s in range(states)
    ]
    model = mdpsolver.model()
    model.mdp(
        discount=game.discount,
        rewards=game.reward[:, :, 0].tolist(),
        tranMatProbs=[[value[k] for k in of] for of in cut],
        tranMatColumns=[[column[k] for k in of] for of in cut],
    )
    return model


def mdpsolver_contender(model, states, algorithm, update):
    # A solved model starts the next solve from its answer unless it is given another.
    start, policy = [0.0] * states, [0] * states

    def run():
        model.solve(
            algorithm=algorithm,
            update=update,
            tolerance=TOLERANCE,
            parallel=False,
            initValueVector=start,
            initPolicy=policy,
        )
        return np.asarray(model.getValueVector())

    return run


def main() -> None:
    peers = _peers.run_in_peers_environment()
    repeats = harness.repeats_from_arguments()
    report = Report("mdp", "Single-agent Markov decision processes, γ = 0.99, error ≤ 1e-10")
    for setting, make in SETTINGS.items():
        if "--only" in sys.argv and sys.argv[sys.argv.index("--only") + 1] not in setting:
            continue
        game = make()
        exact = ours.reference(game, ours.MAXIMUM)
        contenders = {
            OURS: lambda g=game: ours.contender(g, ours.MAXIMUM, TOLERANCE),
            f"{OURS}, whole Solution": lambda g=game: ours.whole(g, ours.MAXIMUM, TOLERANCE),
        }
        if peers.get("quantecon") == "installed":
            model = quantecon_model(game)
            for method in QUANTECON[setting]:
                contenders[f"QuantEcon {method}"] = quantecon_contender(model, method)
        else:
            report.absent(setting, "QuantEcon", peers.get("quantecon", "not installed"))
        if peers.get("mdpsolver") == "installed":
            listed = mdpsolver_model(game)
            for algorithm, update in MDPSOLVER[setting]:
                name = f"mdpsolver {algorithm}, {update}"
                contenders[name] = mdpsolver_contender(listed, game.num_states, algorithm, update)
        else:
            report.absent(setting, "mdpsolver", peers.get("mdpsolver", "not installed"))
        rows = report.measure(setting, contenders, exact.value, repeats)
        names = [n for n in contenders if not n.startswith(OURS)]
        if names:
            rival, times = fastest(rows, names, 2 * TOLERANCE)
            needed = 6 if "local" in setting else 1
            promise = f"{setting}: times the fastest that is right ({rival})"
            report.targets.append(Target(promise, needed, times))
    report.write()


if __name__ == "__main__":
    main()
