"""A checkpoint of an agent of a differential game against the exact answer on a grid, seed by seed.

    policy          KL(learned ‖ exact) of the pair of actions, or of its own where it models none
    gain            |ρ − exact| where it has one                                     FURTHER (22)
    exploitability  what either player would gain by its best answer to the other's frozen law,
                    beside that of the exact agent against the same opponent

Exact is the soft answer on :data:`POINTS` cells to the other's frozen law, or to the prior about
it: ROMMEO's is fitted to the actions that it has seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tabular_marl.deep.agents.continuous.rommeo import ContinuousRommeo
from tabular_marl.deep.agents.replayed import POINTS, ReplayAgent, divergence
from tabular_marl.deep.crosscheck.findings import Finding
from tabular_marl.deep.environments.differential import RepeatedGame
from tabular_marl.deep.training.session import Session
from tabular_marl.deep.training.statistics import iqm
from tabular_marl.equilibria.exploitability import exploitability
from tabular_marl.models.solve import two_player


class FrozenOnGrid:
    """An opened run of a differential game: both players' laws on the cells, [N, POINTS]."""

    def __init__(self, session: Session, tolerance: float) -> None:
        assert isinstance(session.env, RepeatedGame)
        self.cells = session.env.game.box.cells(POINTS)[:, 0]
        self.session, self.tolerance = session, tolerance
        self.seeds = [n for n in range(session.run.seeds) if n not in session.failed]
        self.matrix = session.env.game.grid(POINTS)
        self.agent: Any = session.players[0]
        self.learned, self.opponent = (self._tables(player) for player in session.players)

    @torch.no_grad()
    def _tables(self, player: Any) -> dict[str, Tensor]:
        assert isinstance(player, ReplayAgent)
        obs = torch.ones(self.session.run.seeds, 1, 1, device=self.session.device)
        tables = {name: table.double().cpu() for name, table in player.tables(obs).items()}
        return tables | {"law": _marginal(tables)}

    @torch.no_grad()
    def _about(self) -> Tensor:
        """What each seed's agent answers: the other's law, or its prior about it, [N, POINTS]."""
        if not isinstance(self.agent, ContinuousRommeo):
            return self.opponent["law"]
        seen = self.agent.replay.get_buffer("other")[:, : self.agent.count]
        cells = self.agent.other_box.cells(POINTS, seen.device)
        law: Tensor = self.agent.prior(seen).on(cells)[:, 0]
        return law.double().cpu()

    def findings(self, steps: int) -> Iterator[Finding]:
        """Every check that fits; nothing is played, so ``steps`` do not matter."""
        game, about = two_player(self.matrix), self._about()
        exact = [self.agent.exact(game, about[n : n + 1]) for n in self.seeds]
        yield self.kl(exact)
        if "gain" in self.learned:
            yield self.gain(exact)
        yield self.exploitability(exact)

    def _of(self, n: int) -> dict[str, Tensor]:
        return {name: table[n : n + 1] for name, table in self.learned.items()}

    def kl(self, exact: list[dict[str, Any]]) -> Finding:
        """KL(learned ‖ exact), nats: the interquartile mean over seeds, and the worst seed."""
        pairs = zip(self.seeds, exact, strict=True)
        far = [float(divergence(self._of(n), held)[0]) for n, held in pairs]
        middle = float(iqm(far))
        says = (
            f"KL to the exact law on {POINTS} cells {middle:.3g} (IQM), worst seed {max(far):.3g}"
        )
        mine = self.learned["law"][self.seeds].numpy()
        wanted = np.array([_own(held).numpy() for held in exact])
        at = int(np.argmax(far))
        series = {
            "action": self.cells.tolist(),
            "learned, mean of seeds": mine.mean(0).tolist(),
            "exact, mean of seeds": wanted.mean(0).tolist(),
            "learned, worst seed": mine[at].tolist(),
            "exact, worst seed": wanted[at].tolist(),
        }
        return Finding("policy", middle <= self.tolerance, middle, self.tolerance, says, series)

    def gain(self, exact: list[dict[str, Any]]) -> Finding:
        """The learned gain beside the exact one, the interquartile mean of the distance."""
        wanted = np.array([float(held["gain"][0]) for held in exact])
        found = self.learned["gain"][self.seeds, 0].numpy()
        far = float(iqm(np.abs(found - wanted)))
        says = (
            f"learned gain {float(iqm(found)):.4g}, exact {float(iqm(wanted)):.4g}, distance "
            f"{far:.3g} (IQM over seeds)"
        )
        series = {
            "seed": [float(n) for n in self.seeds],
            "learned": found.tolist(),
            "exact": wanted.tolist(),
        }
        return Finding("gain", far <= self.tolerance, far, self.tolerance, says, series)

    def exploitability(self, exact: list[dict[str, Any]]) -> Finding:
        """Gains of both players' best answers on the grid; IQM over seeds."""
        gains = self._exploited([self.learned["law"][n] for n in self.seeds])
        of_exact = self._exploited([_own(held) for held in exact])
        worst, wanted = float(iqm(gains)), float(iqm(of_exact))
        allowed = wanted + self.tolerance
        says = (
            f"a best answer gains up to {worst:.3g} a round (IQM over seeds), with the exact agent "
            f"in its place {wanted:.3g}"
        )
        series = {
            "seed": [float(n) for n in self.seeds],
            "best answer's gain": gains,
            "of the exact agent": of_exact,
        }
        return Finding("exploitability", worst <= allowed, worst, allowed, says, series)

    def _exploited(self, laws: list[Tensor]) -> list[float]:
        others = [self.opponent["law"][n].numpy() for n in self.seeds]
        pairs = [[law.numpy(), other] for law, other in zip(laws, others, strict=True)]
        return [exploitability(self.matrix, pair).largest for pair in pairs]


def _own(exact: dict[str, Any]) -> Tensor:
    """The law of its own action in an exact answer, [A]."""
    return _marginal({name: torch.as_tensor(np.array(table)) for name, table in exact.items()})[0]


def _marginal(tables: dict[str, Tensor]) -> Tensor:
    """The law of its own action, [N, A], of tables [N, 1, …] or exact ones [1, …]."""
    policy, model = tables["policy"], tables.get("opponent")
    if policy.shape[-1] == 1:  # not conditioned on the other's
        policy = policy[..., 0]
    elif model is not None:
        policy = (policy * model).sum(-1)
    law = policy.reshape(-1, policy.shape[-1])
    return law / law.sum(1, keepdim=True)
