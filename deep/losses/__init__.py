"""One pure function per equation, on minibatches or on the full enumeration of a tabular game.

soft        report (58)-(64): soft actor-critic, soft Q-learning, SVGD
joint       report (14), (57), (65)-(68): ROMMEO, PR2, Balancing-Q
opponent    report (7)-(13): ROMMEO's opponent model from samples, and its prior
options     report (72)-(76): soft options
em          report (89)-(102): tilt, weighted maximum likelihood, evaluate; MPO's dual
imitation   report (130)-(152): Balance-Imitation, discriminators
further     FURTHER (11)-(14), (22), (23)
baselines   FURTHER (25), (26), G.2: LILI, MASAC, DRON, MOA

Each takes optional per-sample ``weights``; with the probabilities of an enumeration as weights the
loss and its gradient are exact, so that no tolerance for noise is needed.
"""

from tabular_marl.deep.losses import (
    baselines,
    em,
    further,
    imitation,
    joint,
    opponent,
    options,
    soft,
)

__all__ = ["baselines", "em", "further", "imitation", "joint", "opponent", "options", "soft"]
