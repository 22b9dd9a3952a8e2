"""Stationary distributions of dense chains against QuantEcon's GTH, LU and eigenvectors.

n = 3000: two halves that a coupling of 2^-60 (about 1e-18) holds together, and one well-mixed
chain. n = 400: the same two halves, where LU and eigenvectors are asked as well. All chains are
built from symmetric weights w and masses m that are powers of two,

    P_xy = w_xy / m_x  for x ≠ y   exactly in doubles,      m_x P_xy = m_y P_yx

so the stationary distribution m / Σ m is known exactly, and the error is its largest *relative*
error over all states. Diagonals are one minus the rest; GTH and this project do not read them. Ours
includes the check of the input, classes and period structure of the chain being found.

    python benchmarks/chains.py [--repeats N] [--no-peers]
"""

from __future__ import annotations

import _harness as harness  # first: it fixes the threads
import _peers
import numpy as np
from _harness import OURS, Report, Target, ratio

from tabular_marl.active.chains import MarkovChain

COUPLING = 2.0**-60
GTH = "QuantEcon gth_solve"


def reversible_chain(states, coupling, seed):
    """(P, exact stationary distribution): two halves joined by ``coupling``, or one whole."""
    rng = np.random.default_rng(seed)
    mass = 2.0 ** rng.integers(0, 8, states)
    weight = np.triu(rng.integers(1, 2**20, (states, states)).astype(float), 1) / 2**20 / states
    half = states // 2
    if coupling < 1:
        weight[:half, half:] *= coupling
    weight += weight.T
    transition = weight / mass[:, None]
    np.fill_diagonal(transition, 1 - transition.sum(axis=1))
    return transition, mass / mass.sum()


def relative(answer, exact):
    """π/π_exact, so that the harness's error is the largest relative one."""
    return np.asarray(answer) / exact


def by_lu(transition, exact):
    matrix = transition.T - np.eye(len(exact))
    matrix[-1] = 1.0
    right = np.zeros(len(exact))
    right[-1] = 1.0
    return relative(np.linalg.solve(matrix, right), exact)


def by_eigenvector(transition, exact):
    values, vectors = np.linalg.eig(transition.T)
    found = np.real(vectors[:, np.argmin(np.abs(values - 1))])
    return relative(found / found.sum(), exact)


def main() -> None:
    peers = _peers.run_in_peers_environment()
    repeats = harness.repeats_from_arguments(5)
    report = Report("chains", "Stationary distributions, largest relative error of any entry")
    settings = {
        "n = 3000, halves coupled by 2^-60": (3000, COUPLING),
        "n = 3000, one piece": (3000, 1.0),
        "n = 400, halves coupled by 2^-60": (400, COUPLING),
    }
    for setting, (states, coupling) in settings.items():
        transition, exact = reversible_chain(states, coupling, seed=1)
        contenders = {
            OURS: lambda p=transition, e=exact: relative(MarkovChain(p).class_distribution, e),
        }
        if states <= 1000:
            contenders["NumPy LU"] = lambda p=transition, e=exact: by_lu(p, e)
            contenders["NumPy eigenvector"] = lambda p=transition, e=exact: by_eigenvector(p, e)
        if peers.get("quantecon") == "installed":
            from quantecon.markov.gth_solve import gth_solve

            contenders[GTH] = lambda p=transition, e=exact: relative(gth_solve(p), e)
        else:
            report.absent(setting, GTH, peers.get("quantecon", "not installed"))
        rows = report.measure(setting, contenders, 1.0, repeats)
        if GTH in rows and states >= 3000:
            report.targets.append(Target(f"{setting}: times {GTH}", 12, ratio(rows, GTH)))
            ours, theirs = rows[OURS].error, rows[GTH].error
            promise = f"{setting}: our relative error over {GTH}'s"
            report.targets.append(Target(promise, 1, ours / theirs, at_least=False))
    report.write()


if __name__ == "__main__":
    main()
