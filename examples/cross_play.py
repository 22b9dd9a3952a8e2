"""Five agents trained on iterated coordination, then every agent with every other's partner.

    .venv/bin/python examples/cross_play.py [FOLDER]

Twenty seeds each, the first 3 000 steps of the published 10 000; some minutes on one core. A run
that is there already is only played, one that was stopped goes on.
"""

import sys
from pathlib import Path

from tabular_marl.deep.training import Run, train
from tabular_marl.deep.training.evaluation import cross_play
from tabular_marl.deep.training.figures import cross_play_matrix

AGENTS = ("further", "lili", "masac", "dron", "moa")


def main(folder):
    for agent in AGENTS:
        out, run = folder / agent, Run("ic", agent, "code", steps=3000)
        train(run, out, resume=(out / "checkpoint.pt").exists())
    found = cross_play({agent: folder / agent for agent in AGENTS}, steps=1000)
    cross_play_matrix(found).savefig(folder / "cross-play.png", dpi=150)
    for row, name in enumerate(found.names):
        iqm, low, high = found.against_all(row)
        print(f"{name:8} reward {iqm:.2f} against all, 95 % interval {low:.2f} to {high:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/cross-play"))
