"""Learners: how the others change their policies, one family a file."""

from tabular_marl.active.learners.custom import FunctionLearner
from tabular_marl.active.learners.grid import Grid
from tabular_marl.active.learners.habits import WinStayLoseShift
from tabular_marl.active.learners.q_learning import QLearning
from tabular_marl.active.learners.replicator import Replicator
from tabular_marl.active.learners.responses import FictitiousPlay, best_response, logit_response
from tabular_marl.active.learners.rule import Event, Learner, NamedRule, Rule
from tabular_marl.active.learners.schedule import Annealed, Schedule

__all__ = [
    "Annealed",
    "Event",
    "FictitiousPlay",
    "FunctionLearner",
    "Grid",
    "Learner",
    "NamedRule",
    "QLearning",
    "Replicator",
    "Rule",
    "Schedule",
    "WinStayLoseShift",
    "best_response",
    "logit_response",
]
