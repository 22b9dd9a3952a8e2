"""What a run writes beside its checkpoint: csv always, TensorBoard where it is installed.

curve.csv     step, then each seed's mean reward since the row before
losses.csv    step, then each loss's mean since then, of all seeds; nan while nothing is trained
events.out.*  the same, and the interquartile mean of the rewards, for TensorBoard
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tabular_marl.deep.training.checkpoint import replace_file
from tabular_marl.deep.training.run import Curve
from tabular_marl.deep.training.statistics import iqm

if TYPE_CHECKING:
    from tabular_marl.deep.training.session import Session


class Logs:
    """The logs of one run in a folder; a run that goes on drops what was logged after ``step``."""

    def __init__(self, folder: Path, step: int) -> None:
        self.folder = folder
        self.writer = _tensorboard(folder, step)

    def row(self, session: Session) -> None:
        """Tell TensorBoard of the latest interval."""
        if self.writer is None:
            return
        rewards = session.curve[-1].numpy()
        self.writer.add_scalar("reward/iqm", float(iqm(rewards)), session.step)
        self.writer.add_scalar("reward/mean", float(np.nanmean(rewards)), session.step)
        for name, held in session.losses.items():
            if not np.isnan(held[-1]):
                self.writer.add_scalar(f"loss/{name}", held[-1], session.step)

    def write(self, session: Session) -> None:
        """Write the csv files, each whole."""
        curve, seeds = session.as_curve(), range(session.run.seeds)
        columns = {f"seed {n}": curve.reward[:, n] for n in seeds}
        write_csv(self.folder / "curve.csv", curve.step, columns)
        losses = {name: np.array(held) for name, held in session.losses.items()}
        write_csv(self.folder / "losses.csv", curve.step, losses)
        if self.writer is not None:
            self.writer.flush()

    def close(self) -> None:
        """No more is written."""
        if self.writer is not None:
            self.writer.close()


def write_csv(path: Path, step: NDArray[np.int64], columns: dict[str, NDArray[np.float64]]) -> None:
    """Steps and named columns, six digits."""
    replace_file(
        path,
        lambda beside: np.savetxt(
            beside,
            np.column_stack([step, *columns.values()]),
            fmt=["%d", *["%.6g"] * len(columns)],
            header=",".join(["step", *columns]),
            delimiter=",",
            comments="",
        ),
    )


def read_curve(folder: Path) -> Curve:
    """The curve that a run wrote."""
    rows = np.loadtxt(folder / "curve.csv", delimiter=",", skiprows=1, ndmin=2)
    return Curve(rows[:, 0].astype(np.int64), rows[:, 1:])


def _tensorboard(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=step + 1)
