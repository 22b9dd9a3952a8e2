"""The report's graphical models, enumerated: log evidence, lower bounds and their gaps as numbers.

graph = tm.inference.rommeo_graph(game, beta=1.0, steps=3)
bound = tm.inference.enumerate_trajectories(graph, {"a": agent_policy, "b": opponent_policy})
bound.log_evidence, bound.elbo, bound.divergence
"""

from tabular_marl.inference.elbo import (
    Optimum,
    evaluate,
    log_evidence,
    optimise,
    survival,
    surviving,
)
from tabular_marl.inference.graphs import (
    em_agent_graph,
    em_opponent_graph,
    ending,
    master,
    multi_agent_options_graph,
    options_graph,
    rommeo_em_graph,
    rommeo_graph,
)
from tabular_marl.inference.trajectories import (
    Factor,
    Graph,
    Trajectories,
    enumerate_trajectories,
)

__all__ = [
    "Factor",
    "Graph",
    "Optimum",
    "Trajectories",
    "em_agent_graph",
    "em_opponent_graph",
    "ending",
    "enumerate_trajectories",
    "evaluate",
    "log_evidence",
    "master",
    "multi_agent_options_graph",
    "optimise",
    "options_graph",
    "rommeo_em_graph",
    "rommeo_graph",
    "survival",
    "surviving",
]
