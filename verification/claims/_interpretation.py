"""What the ``interpretation_*`` claims share: Balancing-Q's stage with a single temperature.

With β^i = β^-i = β the agent's view of a :class:`Stage` is PR2, the opponent's view is ROMMEO.
"""

from __future__ import annotations

from tabular_marl.verification import beta, instances, scope
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._balancing import MATRIX, PLUS, PRIORS, SIGNED, Stage

SIZES = {"actions": (1, 3), "opponent_actions": (1, 3)}
EVERY = {"actions": ">= 1", "opponent_actions": ">= 1"}
ONE = scope(**EVERY, beta=SIGNED)
POSITIVE = scope(**EVERY, beta=PLUS)
GAME = instances(SIZES, reward=MATRIX, **PRIORS, beta=beta(high=8))


def one_beta(arithmetic: Arithmetic, reward: Numbers, beta: Numbers, **priors: Numbers) -> Stage:
    """A stage with one temperature."""
    return Stage.of(arithmetic, reward, beta, beta, **priors)
