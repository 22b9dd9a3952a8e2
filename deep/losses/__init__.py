"""One pure function per equation, on minibatches or on the full enumeration of a tabular game.

soft        report (58)-(64): soft actor-critic, soft Q-learning, SVGD
joint       report (14), (57), (65)-(68): ROMMEO, PR2, Balancing-Q
further     FURTHER (11)-(14), (22), (23)
baselines   FURTHER (25), (26), G.2: LILI, MASAC, DRON, MOA

Each takes optional per-sample ``weights``; with the probabilities of an enumeration as weights the
loss and its gradient are exact, so that no tolerance for noise is needed.
"""

from tabular_marl.deep.losses import baselines, further, joint, soft

__all__ = ["baselines", "further", "joint", "soft"]
