"""Train many seeds at once, resumably, and say what the agents are worth.

experiments  who plays what for how long, from configs/*.yaml      lineup      fresh players of one
run          one of them with its seeds and steps; its curve       compiled    faster players
session      train, stop, go on                                    checkpoint, logs   what it writes
evaluation   against one, all against all                          statistics, figures
"""

from tabular_marl.deep.training.run import Curve, Run
from tabular_marl.deep.training.session import Session, TrainingError, train

__all__ = ["Curve", "Run", "Session", "TrainingError", "train"]
