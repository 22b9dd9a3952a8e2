"""A checkpoint of ours against the exact answer of what its agent optimises, seed by seed.

    tables          max |learned − exact| of every table              soft agents; their own system
    policy          KL(learned ‖ exact) and the value it loses, state by state
    exploitability  what either player would gain by its best answer to the other's frozen policy,
                    beside that of the exact pair                      any two players
    gain            the frozen policy's average reward against the learner that it met, beside the
                    best that any policy gets, FURTHER (7)              against a Q-learner

The first three are exact for the networks at the one-hot observation of every state; agents that
infer something (a latent, an option in force) are asked at what they hold now. The gain is measured
by play, with its 95 % bootstrap interval over seeds; its optimum is that of the active Markov game
with the learner's table rounded to a grid (:mod:`tabular_marl.active`). Differential games have
:mod:`tabular_marl.deep.crosscheck.frozen_continuous`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tabular_marl.active.influence import influence
from tabular_marl.active.learners.grid import Grid
from tabular_marl.active.learners.q_learning import QLearning
from tabular_marl.deep.agents.balancing_q import BalancingQ
from tabular_marl.deep.agents.exact import facing
from tabular_marl.deep.agents.options import Options
from tabular_marl.deep.agents.pr2 import Pr2
from tabular_marl.deep.agents.rommeo import Rommeo
from tabular_marl.deep.agents.sac import Sac
from tabular_marl.deep.agents.soft import SoftAgent
from tabular_marl.deep.crosscheck.findings import CrossCheck, Finding
from tabular_marl.deep.crosscheck.frozen_continuous import FrozenOnGrid
from tabular_marl.deep.environments.differential import RepeatedGame
from tabular_marl.deep.environments.matrix import IteratedMatrixGame, QLearner
from tabular_marl.deep.environments.stochastic import StochasticEnvironment
from tabular_marl.deep.systems import System
from tabular_marl.deep.training.evaluation import play
from tabular_marl.deep.training.experiments import stage
from tabular_marl.deep.training.session import Session
from tabular_marl.deep.training.statistics import iqm, iqm_interval
from tabular_marl.equilibria.exploitability import exploitability
from tabular_marl.games.iterate import iterated
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.models.solve import two_player
from tabular_marl.validation import InputError, integer

Array = NDArray[np.float64]

#: Points of the grid on which the Q-learner's values are taken for the exact optimum.
POINTS = 201


def check_run(
    path: Path, tolerance: float = 0.05, steps: int = 2000, device: str = "cpu"
) -> CrossCheck:
    """Every check that fits the agent of the checkpoint at ``path``.

    ``tolerance`` in reward units and log units; ``steps`` of play to measure a gain; its players
    are asked on ``device``. Raises InputError where the file is no checkpoint, its environment is
    no game of the library, or the device is not there.
    """
    if not tolerance > 0:
        raise InputError("tolerance", "be > 0", f"it was {tolerance!r}")
    session = Session.open(path, device)
    kind = FrozenOnGrid if isinstance(session.env, RepeatedGame) else Frozen
    held = kind(session, tolerance)
    findings = tuple(held.findings(integer("steps", steps)))
    states = held.game.state_labels if isinstance(held, Frozen) else ()
    return CrossCheck(session.run.agent, session.run.plan.name, findings, states)


class Frozen:
    """An opened run: its game with the agent's discount, and both players' policies, [N, S, ·]."""

    def __init__(self, session: Session, tolerance: float) -> None:
        self.session, self.tolerance = session, tolerance
        self.agent, self.other = session.players
        self.seeds = [n for n in range(session.run.seeds) if n not in session.failed]
        self.game = _game(session)
        self.policy, self.opponent = (self._policy(player) for player in session.players)

    def findings(self, steps: int) -> Iterator[Finding]:
        """Every check that fits."""
        pair: list[Array] = []
        if isinstance(self.agent, SoftAgent):
            exact = [self.agent.exact(self.game, self.opponent[n]) for n in self.seeds]
            yield self.tables(exact)
            yield self.kl(exact)
            pair = [_marginal(found["policy"], found.get("opponent")) for found in exact]
        yield self.exploitability(pair)
        if isinstance(self.other, QLearner):
            yield self.gain(self.other, steps)

    @torch.no_grad()
    def _policy(self, player: Any) -> Tensor:
        seeds, states = self.session.run.seeds, self.game.num_states
        every = torch.eye(states, device=self.session.device)
        rows = [player.policy(every[s].expand(seeds, -1)) for s in range(states)]
        found = torch.stack(rows, 1).double().cpu()
        return found / found.sum(-1, keepdim=True)

    @torch.no_grad()
    def _learned(self) -> dict[str, Tensor]:
        assert isinstance(self.agent, SoftAgent)
        every = torch.eye(self.game.num_states, device=self.session.device)
        tables = self.agent.tables(every.expand(self.session.run.seeds, -1, -1))
        return {name: table.double().cpu() for name, table in tables.items()}

    def tables(self, exact: list[dict[str, Any]]) -> Finding:
        """The largest distance of every table, the interquartile mean over seeds."""
        learned, far = self._learned(), {}
        for name, table in learned.items():
            pairs = zip(self.seeds, exact, strict=True)
            far[name] = [float(np.abs(table[n].numpy() - held[name]).max()) for n, held in pairs]
        middle = {name: float(iqm(by_seed)) for name, by_seed in far.items()}
        worst = max(middle.values())
        told = ", ".join(f"{name} {size:.2g}" for name, size in middle.items())
        says = f"the largest distances to the exact tables are {told} (IQM over seeds)"
        return Finding("tables", worst <= self.tolerance, worst, self.tolerance, says, far)

    def kl(self, exact: list[dict[str, Any]]) -> Finding:
        """KL and value gap by state: the interquartile mean over seeds, and the worst seed."""
        policy = self._learned()["policy"]
        divergence, lost = [], []
        for n, held in zip(self.seeds, exact, strict=True):
            mine = policy[n]
            wanted = torch.as_tensor(np.array(held["policy"])).reshape(mine.shape)
            ratio = torch.where(mine > 0, mine.log() - wanted.log(), 0.0)
            divergence.append((mine * ratio).sum(1).reshape(len(mine), -1).amax(1).numpy())
            system = _system(self.agent, self.game, self.opponent[n])
            if system is not None:
                shape = system.exact.agent.shape
                lost.append(system.lost(mine.reshape(shape)).numpy())
        series = {"kl": _middle(divergence), "kl of the worst seed": _largest(divergence)}
        worst = max(series["kl"])
        at = int(np.argmax(series["kl"]))
        says = f"largest KL to the exact policy {worst:.3g} (state {at}; IQM over seeds)"
        if lost:
            series["value gap"] = _middle(lost)
            series["value gap of the worst seed"] = _largest(np.abs(lost))
            says += f", largest value gap {np.abs(series['value gap']).max():.3g}"
        return Finding("policy", worst <= self.tolerance, worst, self.tolerance, says, series)

    def exploitability(self, pair: list[Array]) -> Finding:
        """Gains of both players' best answers, by state; IQM over seeds. ``pair``: exact agents."""
        gains, wanted = [], 0.0
        for n in self.seeds:
            found = exploitability(self.game, [self.policy[n].numpy(), self.opponent[n].numpy()])
            gains.append(np.array(found.gains, dtype=float).max(0))
        worst = float(iqm([float(g.max()) for g in gains]))
        says = f"a best answer gains up to {worst:.3g}, discounted (IQM over seeds)"
        if pair:
            held = [
                exploitability(self.game, [policy, self.opponent[n].numpy()]).largest
                for n, policy in zip(self.seeds, pair, strict=True)
            ]
            wanted = float(iqm(held))
            says += f", with the exact agent in its place {wanted:.3g}"
        allowed = wanted + self.tolerance
        series = {"best answer's gain": _middle(gains)}
        return Finding("exploitability", worst <= allowed, worst, allowed, says, series)

    def gain(self, learner: QLearner, steps: int) -> Finding:
        """The frozen policy's average reward while the learner goes on, beside the optimum."""
        config = self.session.run.plan.q_learner
        paid = self.game.reward if self.game.opponent_reward is None else self.game.opponent_reward
        ends = np.array([paid.min(), paid.max()]) / (1 - config.discount)
        low, high = min(*config.initial, ends[0]), max(*config.initial, ends[1])
        grid = Grid(low, high, POINTS)
        rule = QLearning(
            grid.values(grid.project(np.array(config.initial))[0][:, 0]),
            step_size=config.step_size,
            discount=config.discount,
            epsilon=config.epsilon,
            tie="first",
            grid=grid,
        )
        best = influence(_paid(_stage(self.session)), {1: rule})
        optimum = float(best.gain[0])
        reward = self._played(steps)[self.seeds]
        middle = float(iqm(reward))
        least, most = (float(k) for k in iqm_interval(reward))
        says = (
            f"the frozen policy earns {middle:.4g} a step against the learner, 95 % interval "
            f"{least:.4g} to {most:.4g} over {len(reward)} seeds of {steps} steps, measured; the "
            f"best policy earns {optimum:.4g}, the learner's values rounded to a grid of {POINTS}"
        )
        passed = optimum - least <= self.tolerance
        if not passed and optimum - most <= self.tolerance:
            says += f": undecided at a tolerance of {self.tolerance:g}"
        return Finding(
            "gain",
            passed,
            optimum - middle,
            self.tolerance,
            says,
            {
                "seed": [float(n) for n in self.seeds],
                "reward": reward.tolist(),
                "optimum": [optimum],
            },
        )

    @torch.no_grad()
    def _played(self, steps: int) -> Array:
        env: Any = self.session.env
        first: Any = self.agent
        second: Any = self.other
        first.learns, second.learns = False, True
        reward = play(env, (first, second), steps, "the frozen agent")[0]
        return np.asarray(reward.cpu().numpy())


def _stage(session: Session) -> StochasticGame | MatrixGame:
    """The game of the run's environment, as it is named."""
    name = session.run.plan.environment
    if not isinstance(session.env, StochasticEnvironment):
        must = "be a game of the library or a game file, for an exact answer"
        raise InputError("environment", must, f"it was {name!r}")
    return stage(name)


def _game(session: Session) -> StochasticGame:
    """The game on the states that the agents see, with the agent's discount."""
    game, discount = _stage(session), session.players[0].config.discount
    if isinstance(session.env, IteratedMatrixGame):
        assert isinstance(game, MatrixGame)
        return iterated(game, discount=discount)
    assert isinstance(game, StochasticGame)
    return game.with_discount(discount)


def _paid(game: StochasticGame | MatrixGame) -> StochasticGame:
    """The game with the reward that the environment pays the opponent where none is given."""
    game = two_player(game)
    if game.opponent_reward is not None:
        return game
    return StochasticGame(
        game.transition,
        game.reward,
        opponent_reward=game.reward,
        discount=game.discount,
        initial=game.initial,
    )


def _system(agent: Any, game: StochasticGame, opponent: Tensor) -> Any:
    """The :class:`System` that the agent optimises, where its policy is one of the system's."""
    config = agent.config
    if isinstance(agent, Sac):
        return System.of(facing(game, opponent), "soft-q", beta=config.beta)
    if isinstance(agent, Rommeo):
        return System.of(game, "rommeo", beta=config.beta, opponent_prior=opponent.numpy())
    if isinstance(agent, Pr2):
        return System.of(game, "pr2", beta=config.beta)
    if isinstance(agent, BalancingQ) and config.agent_view:
        betas = {"beta_agent": config.beta, "beta_opponent": config.beta_opponent}
        return System.of(game, "balancing-q", **betas)
    if isinstance(agent, Options):
        parameters = {"num_options": config.options, "prior": agent.prior.double().cpu().numpy()}
        return System.of(facing(game, opponent), "options", beta=config.beta, **parameters)
    return None


def _marginal(policy: Any, opponent: Any) -> Array:
    """π(a|s) of an exact table [S, A], [S, A, 1], or [S, A, B] over the imagined opponent's."""
    held = np.asarray(policy, dtype=float)
    if held.ndim == 3 and held.shape[2] > 1:
        share = np.asarray(opponent if opponent is not None else np.full(1, 1 / held.shape[2]))
        held = (held * share).sum(2, keepdims=True)
    return held.reshape(len(held), -1)


def _middle(by_seed: Any) -> list[float]:
    return [float(k) for k in iqm(np.stack(by_seed), axis=0)]


def _largest(by_seed: Any) -> list[float]:
    return [float(k) for k in np.stack(by_seed).max(0)]
