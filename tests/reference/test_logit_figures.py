"""The figures say what was proved: bands, counts and folds of the drawn game."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

import tabular_marl as tm
from tabular_marl.study.logit_figures import certified_phase_diagram, logit_branches


def test_the_phase_diagram_shows_bands_and_the_fold():
    game = tm.MatrixGame([[2.0, 0.0], [0.0, 1.0]])
    figure = certified_phase_diagram(game, 6.0, points=40)
    axis = figure.axes[0]
    words = [text.get_text() for text in axis.texts]
    assert "one" in words
    assert "three" in words
    assert any("3.112973925637" in word for word in words)
    heights = np.concatenate([line.get_ydata() for line in axis.get_lines()])
    assert heights.min() >= 0
    assert heights.max() <= 1
    plt.close(figure)


def test_the_branch_diagram_marks_every_fold():
    game = tm.MatrixGame(np.random.default_rng(31).normal(size=(2, 4, 3)))
    branch = tm.logit_equilibria(game, 10.0, longest_step=0.3)
    figure = logit_branches(branch)
    marked = [line for line in figure.axes[0].get_lines() if line.get_marker() == "o"]
    assert len(marked) == 4
    assert all(len(line.get_xdata()) == len(branch.folds) == 2 for line in marked)
    plt.close(figure)
