"""The best average reward: a large sparse unichain problem, and a multichain one against msdm.

    200 000 states, 4 actions, 8 random successors: policy iteration with a proved bracket of the
    gain, against relative value iteration as people write it in NumPy and SciPy
    500 states, 5 actions: four closed blocks of 100 states and 100 transient ones, so that the
    gain depends on the start, against msdm's multichain policy iteration, stopped after ten
    iterations, as it did not finish in 900 seconds either; what is given for it is a lower bound

The error is max |gain − reference|; ours proves its bracket. Building a peer's arrays is not timed,
building and checking our process is.

    python benchmarks/average_reward.py [--repeats N] [--no-peers]
"""

from __future__ import annotations

import _harness as harness  # first: it fixes the threads
import _peers
import numpy as np
from _harness import OURS, Report, Target, ratio
from scipy import sparse

from tabular_marl.active.average_reward import average_reward
from tabular_marl.active.decision import DecisionProcess

STATES, ACTIONS, SUCCESSORS = 200_000, 4, 8
TOLERANCE = 1e-9
BLOCKS, BLOCK, TRANSIENT = 4, 100, 100
MSDM = "msdm multichain policy iteration"
RELATIVE = "SciPy relative value iteration"


def large_process(seed=1):
    rng = np.random.default_rng(seed)
    rows = STATES * ACTIONS
    weight = rng.dirichlet(np.ones(SUCCESSORS), rows).ravel()
    targets = rng.integers(0, STATES, rows * SUCCESSORS)
    start = np.arange(0, rows * SUCCESSORS + 1, SUCCESSORS)
    transition = sparse.csr_array((weight, targets, start), shape=(rows, STATES))
    return rng.normal(size=(STATES, ACTIONS)), transition


def multichain_process(seed=1):
    """Closed blocks, and transient states whose actions lean towards different blocks."""
    rng = np.random.default_rng(seed)
    states, actions = BLOCKS * BLOCK + TRANSIENT, 5
    reward = rng.normal(size=(states, actions))
    transition = np.zeros((states, actions, states))
    for block in range(BLOCKS):
        own = slice(block * BLOCK, (block + 1) * BLOCK)
        transition[own, :, own] = rng.dirichlet(np.ones(BLOCK), (BLOCK, actions))
        reward[own] += block / 2
    concentration = np.full(states, 0.02)
    transition[-TRANSIENT:] = rng.dirichlet(concentration, (TRANSIENT, actions))
    return reward, transition


def ours(reward, transition):
    found = average_reward(DecisionProcess(reward, transition), tol=TOLERANCE)
    note = f"{found.iterations} iterations, proved bracket {found.width:.1e}"
    return found.gain, f"{note}, {found.recurrent_classes} recurrent class(es)"


def relative_value_iteration(reward, transition):
    """h ← Th − (Th)(0) until the span of Th − h is at most the tolerance."""
    h = np.zeros(STATES)
    sweeps = 0
    while True:
        sweeps += 1
        new = (reward + (transition @ h).reshape(reward.shape)).max(axis=1)
        change = new - h
        if np.ptp(change) <= TOLERANCE:
            break
        h = new - new[0]
    return (change.min() + change.max()) / 2, f"{sweeps} sweeps, rounding not counted"


def msdm(reward, transition):
    """Ten of its iterations: a lower bound of its time if they are not enough."""
    from msdm.algorithms.multichainpolicyiteration import multichain_policy_iteration_vectorized

    states, actions = reward.shape
    rewards = np.repeat(reward[:, :, None], states, axis=2)

    def run():
        try:
            found = multichain_policy_iteration_vectorized(
                transition_matrix=transition,
                discount_rate=1.0,
                reward_matrix=rewards,
                absorbing_state_vec=np.zeros(states, dtype=bool),
                action_matrix=np.ones((states, actions), dtype=bool),
                max_iterations=10,
            )
        except UnboundLocalError:  # it has no bias to return before its gains have settled
            return np.full(states, np.nan), "gains not settled after 10 iterations: a lower bound"
        done = found[5] < 9
        return found[0], "" if done else "unfinished after 10 iterations: a lower bound"

    return run


def main() -> None:
    peers = _peers.run_in_peers_environment()
    repeats = harness.repeats_from_arguments(5)
    report = Report("average_reward", "The best average reward")

    setting = f"{STATES} states, {ACTIONS} actions, sparse"
    reward, transition = large_process()
    tight = average_reward(DecisionProcess(reward, transition), tol=TOLERANCE)
    contenders = {
        OURS: lambda: ours(reward, transition),
        RELATIVE: lambda: relative_value_iteration(reward, transition),
    }
    report.measure(setting, contenders, tight.gain, repeats)
    promise = f"{setting}: width of the proved bracket"
    report.targets.append(Target(promise, TOLERANCE, tight.width, at_least=False))

    setting = "500 states, 5 actions, multichain"
    reward, transition = multichain_process()
    exact = average_reward(DecisionProcess(reward, transition), tol=TOLERANCE)
    contenders = {OURS: lambda: ours(reward, transition)}
    if peers.get("msdm") == "installed":
        contenders[MSDM] = msdm(reward, transition)
    else:
        report.absent(setting, MSDM, peers.get("msdm", "not installed"))
    rows = report.measure(setting, contenders, exact.gain, repeats)
    if MSDM in rows:
        report.targets.append(Target(f"{setting}: times {MSDM}", 100, ratio(rows, MSDM)))
    report.write()


if __name__ == "__main__":
    main()
