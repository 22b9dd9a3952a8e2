"""The iterated matrix games of Figure 7, as published: payoffs, line-ups, Tables 2 to 4.

Two presets, where the paper and the authors' code differ (FURTHER G.1 and the code itself):

    preset   the Q-learner's step size in IBS
    paper    0.5, as the appendix says
    code     1.0: stochastic gradient descent on a *mean* squared error at rate 0.5 doubles it
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tabular_marl.deep.agents.base import Agent, AgentConfig
from tabular_marl.deep.agents.dron import Dron
from tabular_marl.deep.agents.further import Further, Lili
from tabular_marl.deep.agents.masac import Masac
from tabular_marl.deep.agents.moa import Moa
from tabular_marl.deep.environments.matrix import IteratedMatrixGame, QLearner
from tabular_marl.games.library import named
from tabular_marl.validation import one_of

AGENTS: dict[str, type[Agent]] = {
    "further": Further,
    "lili": Lili,
    "masac": Masac,
    "dron": Dron,
    "moa": Moa,
}
PRESETS = {"paper": 0.5, "code": 1.0}
Player = Agent | QLearner


@dataclass(frozen=True)
class Experiment:
    """One panel: the game, the other player ("q-learner" or an agent's name), steps, configs."""

    name: str
    game: str
    other: str
    steps: int
    config: AgentConfig
    source: str


EXPERIMENTS = {
    held.name: held
    for held in (
        Experiment(
            "ibs",
            "bach-or-stravinsky",
            "q-learner",
            50_000,
            AgentConfig(),
            "FURTHER Fig. 7a, Table 2",
        ),
        Experiment(
            "ic",
            "coordination",
            "self",
            10_000,
            AgentConfig(
                critic_rate=0.0005,
                actor_rate=0.0001,
                inference_rate=0.0005,
                temperature=0.3,
                window=64,
                target_rate=0.005,
                clip=10.0,
            ),
            "FURTHER Fig. 7b, Table 3",
        ),
        Experiment(
            "imp",
            "matching-pennies",
            "lili",
            1_000_000,
            AgentConfig(
                critic_rate=0.01,
                gain_rate=0.05,
                actor_rate=0.001,
                inference_rate=0.01,
                temperature=0.35,
                window=64,
                hidden=64,
                target_rate=0.005,
                clip=10.0,
            ),
            "FURTHER Fig. 7c, Table 4",
        ),
    )
}


def line_up(
    experiment: Experiment,
    config: AgentConfig,
    agent: str,
    preset: str,
    seeds: int,
    generator: torch.Generator,
) -> tuple[IteratedMatrixGame, tuple[Player, Player]]:
    """The environment and both players, fresh. Raises InputError on an unknown name."""
    one_of("agent", agent, AGENTS)
    one_of("preset", preset, PRESETS)
    env = IteratedMatrixGame(named(experiment.game), seeds)
    counts = env.actions

    def learner(kind: str, own: int) -> Agent:
        sizes = (env.width, counts[own], counts[1 - own])
        return AGENTS[kind](config, seeds, *sizes, generator)

    first: Agent = learner(agent, 0)
    second: Player
    if experiment.other == "q-learner":
        initial = torch.tensor([10.0, 20.0])  # at its own preferred equilibrium
        second = QLearner(initial, seeds, generator, PRESETS[preset])
    else:
        second = learner(agent if experiment.other == "self" else experiment.other, 1)
        second.peer = first
    first.peer = second
    return env, (first, second)
