"""All equilibria of 2×2 games: the known fold, mpmath roots, counts against a dense scan."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import tabular_marl as tm
from tabular_marl.equilibria.logistic import Equation
from tabular_marl.validation import InputError

COORDINATION = tm.MatrixGame([[2.0, 0.0], [0.0, 1.0]])


def scalar(game, lam):
    """y ↦ g(y, λ) in mpmath."""
    one, two = ([[mpmath.mpf(x) for x in row] for row in m] for m in game.payoffs.tolist())

    def g(y):
        p = 1 / (1 + mpmath.exp(-y))
        gain = (two[0][1] - two[0][0]) * (1 - p) + (two[1][1] - two[1][0]) * p
        q = 1 / (1 + mpmath.exp(-lam * gain))
        return y - lam * ((one[1][0] - one[0][0]) * (1 - q) + (one[1][1] - one[0][1]) * q)

    return g


def test_the_known_phase_diagram():
    """One equilibrium below the fold in [3.1123, 3.1182], three above."""
    diagram = tm.logit_phase_diagram(COORDINATION, upper=5.0)
    assert diagram.complete
    assert [piece.count for piece in diagram.pieces] == [1, 3]
    (fold,) = diagram.folds
    assert 3.1123 < fold.lower <= fold.upper < 3.1182
    assert fold.upper - fold.lower < 1e-14
    assert (fold.count, fold.change) == (2, 2)
    assert diagram.pieces[0].lower == 0.0
    assert diagram.pieces[0].upper == fold.lower
    assert diagram.pieces[1].lower == fold.upper
    assert diagram.pieces[1].upper == 5.0


def test_the_fold_solves_its_equations_in_mpmath():
    """g = 0 and dg/dy = 0, solved independently to 40 digits."""
    (fold,) = tm.logit_phase_diagram(COORDINATION, upper=5.0).folds
    with mpmath.workdps(40):

        def system(y, lam):
            return scalar(COORDINATION, lam)(y), mpmath.diff(scalar(COORDINATION, lam), y)

        y, lam = mpmath.findroot(system, (2.0, 3.11))
        middle = mpmath.mpf(fold.digits.strip("[]").split(" ")[0])
        assert abs(lam - middle) < mpmath.mpf(10) ** -26
        p = 1 / (1 + mpmath.exp(-y))
        assert fold.agent[0] <= p <= fold.agent[1]


@pytest.mark.parametrize("seed", range(12))
def test_all_roots_against_a_dense_scan(seed):
    """The sign changes of g on 400 000 points are as many as the proved roots."""
    rng = np.random.default_rng(seed)
    game = tm.MatrixGame(rng.normal(size=(2, 2, 2)) * 2)
    lam = float(rng.uniform(0.5, 8))
    found = tm.all_logit_equilibria(game, lam)
    one, two = game.payoffs
    y = np.linspace(-40 * lam, 40 * lam, 400_001)[1:-1] + 1e-7
    p = 1 / (1 + np.exp(-np.clip(y, -700, 700)))
    gain = (two[0, 1] - two[0, 0]) * (1 - p) + (two[1, 1] - two[1, 0]) * p
    q = 1 / (1 + np.exp(-lam * gain))
    g = y - lam * ((one[1, 0] - one[0, 0]) * (1 - q) + (one[1, 1] - one[0, 1]) * q)
    assert len(found) == int((np.sign(g[1:]) != np.sign(g[:-1])).sum())
    for equilibrium in found:
        middle = 0.5 * sum(equilibrium.agent)
        with mpmath.workdps(30):
            root = mpmath.findroot(scalar(game, lam), np.log(middle / (1 - middle)))
            assert equilibrium.agent[0] <= 1 / (1 + mpmath.exp(-root)) <= equilibrium.agent[1]


def test_the_branch_is_among_all_equilibria():
    for lam in (1.0, 4.0, 9.0):
        followed = tm.logit_equilibria(COORDINATION, lam).equilibria[-1].policies[0][0, 1]
        every = tm.all_logit_equilibria(COORDINATION, lam)
        assert any(e.agent[0] - 1e-15 <= followed <= e.agent[1] + 1e-15 for e in every)


def test_a_pitchfork_is_left_undecided():
    diagram = tm.logit_phase_diagram(tm.games.stag_hunt(), upper=4.0)
    assert not diagram.complete
    undecided = [piece for piece in diagram.pieces if piece.count is None]
    assert undecided[0].lower <= 2.0 <= undecided[-1].upper
    assert undecided[-1].upper - undecided[0].lower < 1e-4
    assert [p.count for p in diagram.pieces if p.count is not None] == [1, 3]


def test_opposite_signs_have_one_equilibrium():
    diagram = tm.logit_phase_diagram(COORDINATION, upper=30.0, weights=(1.0, -1.0))
    assert [piece.count for piece in diagram.pieces] == [1]


def test_derivatives_of_the_equation_against_mpmath():
    """∂g/∂y, ∂²g/∂y², ∂g/∂λ as balls hold mpmath's numerical derivatives."""
    from flint import arb

    game = tm.MatrixGame([[[1.5, -2], [0.25, 3]], [[-1, 0.5], [2, -0.75]]])
    (a1, d1), (a2, d2) = (-1.25, 6.25), (1.5, -4.25)
    equation = Equation((arb(a1), arb(a2)), (arb(d1), arb(d2)), (arb(1), arb(1)), (arb(0), arb(0)))
    y, lam = 0.375, 1.25
    with mpmath.workdps(40):
        at = {
            "value": scalar(game, mpmath.mpf(lam))(mpmath.mpf(y)),
            "slope": mpmath.diff(scalar(game, mpmath.mpf(lam)), y),
            "bend": mpmath.diff(scalar(game, mpmath.mpf(lam)), y, 2),
            "drift": mpmath.diff(lambda x: scalar(game, x)(mpmath.mpf(y)), lam),
        }
    for name, expected in at.items():
        ball = getattr(equation, name)(arb(y), arb(lam))
        assert abs(float(ball.mid()) - float(expected)) < 1e-13, name


def test_what_is_not_a_one_shot_two_by_two_game_is_refused():
    with pytest.raises(InputError, match="2×2"):
        tm.all_logit_equilibria(tm.games.climbing(), 1.0)
    with pytest.raises(InputError, match="lower"):
        tm.logit_phase_diagram(COORDINATION, upper=1.0, lower=2.0)


def test_a_fold_whose_cluster_reaches_beyond_its_bend():
    """Wide boxes beside the fold, where g is monotone, do not have to be convex as well."""
    game = tm.MatrixGame([[[0, 0], [-6, -0.2]], [[0, -1], [0, 8]]])
    diagram = tm.logit_phase_diagram(game, upper=12.0)
    assert diagram.complete
    assert [piece.count for piece in diagram.pieces] == [1, 3, 1]
    assert [fold.change for fold in diagram.folds] == [2, -2]
    for piece in diagram.pieces:
        middle = 0.5 * (piece.lower + piece.upper)
        assert len(tm.all_logit_equilibria(game, middle)) == piece.count
