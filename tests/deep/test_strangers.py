"""Agents of which only the actions can be seen: bounds that hold, and mistakes by name."""

import numpy as np
import pytest
import torch

import tabular_marl as tm
from tabular_marl.deep.crosscheck import crosscheck
from tabular_marl.deep.crosscheck.strangers import box, played, sampled
from tabular_marl.deep.systems import System
from tabular_marl.validation import InputError

S, A, B, GAMMA = 3, 3, 2, 0.9
RNG = np.random.default_rng(8)
GAME = tm.StochasticGame(
    RNG.dirichlet(np.ones(S), (S, A, B)), RNG.normal(size=(S, A, B)), discount=GAMMA
)
BALANCING = System.of(GAME, "balancing-q", beta_agent=2.0, beta_opponent=-1.0)
ROMMEO = System.of(GAME, "rommeo", beta=2.0)


class Tells:
    def __init__(self, policy):
        self.policy = policy

    def action_probabilities(self, observation):
        return self.policy[int(np.argmax(observation))]


class Acts(Tells):
    action_probabilities = property()  # hasattr says no

    def __init__(self, policy, seed=0):
        super().__init__(policy)
        self.rng = np.random.default_rng(seed)

    def act(self, observation):
        return self.rng.choice(A, p=self.policy[int(np.argmax(observation))])


@pytest.mark.parametrize("system", [BALANCING, ROMMEO])
def test_the_exact_agent_passes_and_another_does_not(system):
    right = crosscheck(Tells(played(system)), system)
    assert right.passed
    assert [f.check for f in right.findings] == ["policy"]
    wrong = crosscheck(Tells(np.full((S, A), 1 / A)), system).findings[0]
    assert not wrong.passed
    assert min(wrong.series["kl"]) > 1e-3


def test_what_an_agent_sees_is_its_own_affair():
    class Numbered(Tells):
        def observation(self, state):
            return state + 10

        def action_probabilities(self, observation):
            return self.policy[observation - 10]

    assert crosscheck(Numbered(played(BALANCING)), BALANCING).passed


@pytest.mark.parametrize(
    "dress",
    [list, np.float32, torch.tensor, lambda p: torch.tensor(p, requires_grad=True), np.atleast_2d],
)
def test_probabilities_may_come_in_any_dress(dress):
    policy = [dress(row) for row in played(BALANCING)]
    assert crosscheck(Tells(policy), BALANCING).passed


@pytest.mark.parametrize("system", [BALANCING, ROMMEO])
def test_a_sampled_agent_is_bounded(system):
    policy = np.full((S, A), 1 / A)
    found = sampled(Acts(policy), system, 4000)
    assert (found.lower <= policy).all()
    assert (policy <= found.upper).all()
    truth = np.abs(policy - played(system)).sum(1) / 2
    assert (found.distance[0] <= truth).all()
    assert (truth <= found.distance[1]).all()
    law = np.broadcast_to(system.exact.policy("opponent").numpy(), (S, A, B))
    flow = np.einsum("sa,sab,sabt->st", policy, law, GAME.transition)
    paid = np.einsum("sa,sab,sab->s", policy, law, GAME.reward)
    value = np.linalg.solve(np.eye(S) - GAMMA * flow, paid)
    assert (found.returned[0] <= value).all()
    assert (value <= found.returned[1]).all()
    assert np.ptp(found.returned, axis=0).max() < 1.5


def test_bounds_hold_as_often_as_they_say():
    """All intervals at once, in 400 repetitions: 95 % or more."""
    policy = np.array([[0.01, 0.29, 0.7], [1.0, 0.0, 0.0]])
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        counts = np.stack([rng.multinomial(200, row) for row in policy])
        low, high = box(counts)
        held += bool(((low <= policy) & (policy <= high)).all())
    assert held >= 380


def test_samples_say_pass_fail_or_too_few():
    exact = played(BALANCING)
    far = crosscheck(Acts(np.eye(A)[[0, 0, 0]]), BALANCING, tolerance=0.05, samples=500)
    assert not far.passed
    assert "undecided" not in far.findings[0].says
    few = crosscheck(Acts(exact), BALANCING, tolerance=0.05, samples=200)
    assert not few.passed
    assert "undecided" in few.findings[0].says
    enough = crosscheck(Acts(exact), BALANCING, tolerance=0.05, samples=8000)
    assert enough.passed
    assert "95% confidence" in enough.findings[0].says
    assert "exact policy" not in enough.findings[0].says.split("confidence")[0]


def test_bad_agents_are_named():
    class Wrong:
        def __init__(self, answer):
            self.answer = answer

        def act(self, observation):
            return self.answer

    for answer in (A, -1, 0.5, None, float("nan")):
        with pytest.raises(InputError, match=r"act must return an action in 0..2; in state 0"):
            crosscheck(Wrong(answer), BALANCING)
    policy = np.full((S, A), 1 / A)
    policy[1, 0] = np.nan
    with pytest.raises(InputError, match="be 3 probabilities that sum to one; in state 1"):
        crosscheck(Tells(policy), BALANCING)
    with pytest.raises(InputError, match=r"(?s)agent must answer in every state.*IndexError"):
        crosscheck(Tells(np.full((1, A), 1 / A)), BALANCING)
    with pytest.raises(InputError, match="samples must be"):
        crosscheck(Wrong(0), BALANCING, samples=0)
