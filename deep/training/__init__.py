"""Train many seeds at once, resumably, and say what the agents are worth.

experiments  who plays what for how long, from configs/*.yaml      lineup      fresh players of one
session      train, stop, go on                                    checkpoint, logs   what it writes
evaluation   against one, all against all                          statistics, figures
"""

from tabular_marl.deep.training.session import Curve, Run, Session, TrainingError, train

__all__ = ["Curve", "Run", "Session", "TrainingError", "train"]
