"""Who sits where: an experiment's environment and both players, fresh.

seat 0   the agent that the run names          seat 1   the experiment's opponent
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import torch

from tabular_marl.deep.agents.base import Agent
from tabular_marl.deep.agents.masac import Masac
from tabular_marl.deep.environments.differential import GAMES, RepeatedGame
from tabular_marl.deep.environments.matrix import IteratedMatrixGame, QLearner
from tabular_marl.deep.environments.pettingzoo import PettingZooGame
from tabular_marl.deep.environments.stochastic import StochasticEnvironment
from tabular_marl.deep.training.experiments import Experiment, LearnerConfig, stage
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.validation import InputError, one_of
from tabular_marl.verification.registry import import_file

Environment: TypeAlias = StochasticEnvironment | PettingZooGame | RepeatedGame
Player: TypeAlias = Agent | QLearner


def line_up(
    plan: Experiment, agent: str, seeds: int, generator: torch.Generator
) -> tuple[Environment, tuple[Agent, Player]]:
    """The environment and both players. Raises InputError on an unknown name."""
    one_of("agent", agent, plan.agents)
    env = make_environment(plan, seeds, generator)
    first = make_agent(agent, 0, plan, env, generator)
    second: Player
    if plan.opponent == "q-learner":
        second = make_q_learner(plan.q_learner, env, generator)
    else:
        kind = agent if plan.opponent == "self" else plan.opponent
        second = make_agent(kind, 1, plan, env, generator)
    introduce(first, second)
    return env, (first, second)


def introduce(first: Player, second: Player) -> None:
    """Let each look at the other's policy, if it is of a kind that does."""
    for one, other in ((first, second), (second, first)):
        if isinstance(one, Agent):
            one.peer = other


def make_agent(
    kind: str, seat: int, plan: Experiment, env: Environment, generator: torch.Generator
) -> Agent:
    """A fresh agent of a kind, for a seat."""
    if issubclass(plan.agents[kind], Masac) and not env.shared:
        must = "be one that does not look at the other's policy where each sees something else"
        raise InputError("agent", must, f"it was {kind!r}")
    make: Any = plan.agents[kind]
    own, others = env.actions[seat], env.actions[1 - seat]
    agent: Agent = make(plan.config(kind), env.seeds, env.widths[seat], own, others, generator)
    return agent


def make_q_learner(config: LearnerConfig, env: Environment, generator: torch.Generator) -> QLearner:
    """The tabular Q-learner, for seat 1."""
    if isinstance(env, RepeatedGame):
        raise InputError("against", "be a run, in a differential game", "it was a Q-learner")
    if len(config.initial) != env.actions[1]:
        must = f"hold a value for each of {env.actions[1]} actions"
        raise InputError("q_learner.initial", must, f"it was {list(config.initial)}")
    initial = torch.tensor(config.initial, device=generator.device)
    rates = config.step_size, config.discount
    return QLearner(initial, env.seeds, generator, *rates, config.epsilon, config.waits)


def make_environment(plan: Experiment, seeds: int, generator: torch.Generator) -> Environment:
    """``seeds`` copies of the experiment's environment, on the generator's device."""
    name, device = plan.environment, generator.device
    if name in GAMES:
        return RepeatedGame(GAMES[name], seeds, device)
    file, colon, function = name.partition(":")
    if colon and Path(file).suffix == ".py":
        make = getattr(import_file(Path(file), "environment"), function, None)
        if not callable(make):
            raise InputError("environment", f"name a function in {file}", f"it was {name!r}")
        return PettingZooGame(make, seeds, generator.initial_seed(), device)
    if not plan.episode:
        raise InputError("episode", "be at least 1 in a named game", "it was 0")
    game = stage(name)
    if game.num_players != 2:
        raise InputError("environment", "be of two players", f"{name} has {game.num_players}")
    if isinstance(game, MatrixGame):
        return IteratedMatrixGame(game, seeds, plan.episode, device)
    return StochasticEnvironment(game, seeds, generator, plan.episode)
