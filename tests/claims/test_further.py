"""FURTHER's rows: the formulas behind them, checked against the active solvers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

from tabular_marl.active.average_reward import average_reward
from tabular_marl.active.chains import MarkovChain
from tabular_marl.active.decision import DecisionProcess
from tabular_marl.active.gradient import finite_differences, implicit_gradient, policy_gradient
from tabular_marl.active.joint_chain import explore
from tabular_marl.active.learners import QLearning
from tabular_marl.active.periodic import periodic_distributions
from tabular_marl.active.stability import PerturbedChain, stable_distribution
from tabular_marl.games import prisoners_dilemma
from tabular_marl.verification import FLOAT
from tabular_marl.verification.claims import (
    further_elbo,
    further_gradient,
    further_gradient_classes,
    further_learner,
    further_soft_policy,
)
from tabular_marl.verification.claims import further_soft as soft
from tabular_marl.verification.claims import further_uniqueness as uniqueness
from tabular_marl.verification.claims._further import (
    Joint,
    gain_and_value,
    stationary,
)
from tabular_marl.verification.claims.further_periodic import blown_up_cycle, phase_laws

S, O, A, B = 2, 2, 3, 2


@pytest.fixture(scope="module")
def game():
    rng = np.random.default_rng(5)

    def rows(*shape):
        return rng.dirichlet(np.ones(shape[-1]), shape[:-1])

    return {
        "transition": rows(S, A, B, S),
        "agent": rows(S, A),
        "opponent": rows(O, S, B),
        "update": rows(O, S, A, B, S, O),
        "reward": rng.normal(size=(S, A, B)),
    }


def joint_of(game):
    return Joint(FLOAT, **game)


def enumerated(game):
    """p(s', θ'|s, θ) one quadruple of (s, θ, a, b) at a time."""
    out = np.zeros((S * O, S * O))
    for s, o, a, b, t, u in itertools.product(*map(range, (S, O, A, B, S, O))):
        chance = game["agent"][s, a] * game["opponent"][o, s, b]
        chance *= game["transition"][s, a, b, t] * game["update"][o, s, a, b, t, u]
        out[s * O + o, t * O + u] += chance
    return out


def decision(game):
    """Agent i's decision problem on (s, θ)."""
    joint = joint_of(game)
    reward = joint.action_reward().reshape(S * O, A)
    return DecisionProcess(reward, joint.moves().reshape(S * O, A, S * O))


def test_joint_chain_is_the_sum_over_actions(game):
    assert joint_of(game).chain() == pytest.approx(enumerated(game), abs=1e-14)


def test_gain_value_and_law_are_the_solvers(game):
    joint = joint_of(game)
    chain = MarkovChain(joint.chain())
    gain, value = gain_and_value(FLOAT, joint.chain(), joint.mean_reward())
    gains, bias = chain.gain_and_bias(joint.mean_reward())
    law = stationary(FLOAT, joint.chain())
    assert law == pytest.approx(chain.class_distribution, abs=1e-13)
    assert gain == pytest.approx(gains[0], abs=1e-13)
    assert value - law @ value == pytest.approx(bias, abs=1e-12)


def test_theorem_is_the_gradient_of_the_solver(game):
    """Along π' − π, with a softmax whose parameters are log π."""
    process = decision(game)
    seen = np.repeat(np.arange(S), O)
    phi = np.log(game["agent"])
    by_theorem = policy_gradient(process, phi, seen).gradient
    assert by_theorem == pytest.approx(implicit_gradient(process, phi, seen), abs=1e-12)
    assert by_theorem == pytest.approx(finite_differences(process, phi, seen), abs=1e-8)
    rng = np.random.default_rng(0)
    turn = rng.normal(size=phi.shape)
    pi = game["agent"]
    direction = pi * (turn - (pi * turn).sum(axis=1, keepdims=True))
    given = {name: part for name, part in game.items() if name != "agent"}
    found = further_gradient.theorem(FLOAT, pi, pi + direction, **given)
    assert found.left == pytest.approx((by_theorem * turn).sum(), abs=1e-12)
    assert found.right == pytest.approx((by_theorem * turn).sum(), abs=1e-12)


def test_missing_term_is_the_solvers_transient_term():
    moves = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    reward = np.array([[0.0, 1.0], [2.0, -1.0], [0.5, 3.0]])
    agent = np.array([[0.4, 0.6], [0.3, 0.7], [0.5, 0.5]])
    phi = np.log(agent)
    turn = np.random.default_rng(1).normal(size=phi.shape)
    direction = agent * (turn - (agent * turn).sum(axis=1, keepdims=True))
    transition = np.zeros((3, 2, 3))
    transition[0] = moves
    transition[1, :, 1] = transition[2, :, 2] = 1
    found = policy_gradient(DecisionProcess(reward, transition), phi, initial=[1, 0, 0])
    other = agent + direction
    total, first, second = further_gradient_classes.two_ends(moves, reward, agent, other)
    assert (found.gradient * turn).sum() == pytest.approx(total)
    assert (found.stationary_term * turn).sum() == pytest.approx(first)
    assert (found.transient_term * turn).sum() == pytest.approx(second)


@pytest.mark.parametrize("instance", [uniqueness.IN_STEP, uniqueness.PARITY])
def test_counterexamples_to_prop_1_have_two_classes(instance):
    parts = {k: FLOAT.array(instance[k]) for k in ("transition", "agent", "opponent", "update")}
    chain = MarkovChain(Joint(FLOAT, **parts).chain())
    assert [members.tolist() for members in chain.recurrent_classes] == [[0, 3], [1, 2]]
    assert MarkovChain(parts["transition"][:, 0, 0]).is_unichain


def test_noise_that_ignores_the_transition_gives_one_class():
    parts = {
        k: FLOAT.array(uniqueness.PARITY[k]) for k in ("transition", "agent", "opponent", "update")
    }
    parts["update"] = 0.99 * parts["update"] + 0.01 * 0.5
    assert MarkovChain(Joint(FLOAT, **parts).chain()).is_unichain


def test_oscillating_noise_has_two_limits():
    """c = 1 and c = 2: the stable distributions of the two subsequences."""
    for up, expected in ((1, [1 / 2, 1 / 2]), (2, [1 / 3, 2 / 3])):
        chain = PerturbedChain([[1, up], [1, 1]], [[0, 1], [1, 0]])
        assert stable_distribution(chain).distribution == pytest.approx(expected)
        assert uniqueness.coefficient_law(FLOAT, 0.125, float(up)) == pytest.approx(expected)


def test_phase_laws_are_the_periodic_distributions():
    rng = np.random.default_rng(2)
    forward, back = rng.dirichlet(np.ones(2), (2, 2))
    chain = blown_up_cycle(forward, back)
    found = phase_laws(FLOAT, forward, back)
    assert found.left == pytest.approx(found.right, abs=1e-14)
    laws = periodic_distributions(MarkovChain(chain), 2)
    assert laws[::-1, 0] == pytest.approx(found.right, abs=1e-13)


def test_soft_backup_brackets_the_soft_gain(game):
    process = decision(game)
    beta = 1.3
    solved = average_reward(process, beta=beta)
    transition = process.transition.toarray().reshape(S * O, A, S * O)
    lift = soft.backup(FLOAT, process.reward, transition, beta, solved.bias) - solved.bias
    assert lift == pytest.approx(solved.gain, abs=1e-8)
    gain, law, paid, bonus = further_soft_policy.learned_gain(
        FLOAT, process.reward, transition, solved.policy, 1 / beta
    )
    assert gain == pytest.approx(solved.gain[0] + np.log(A) / beta, abs=1e-8)
    assert gain == pytest.approx(law @ (paid + bonus / beta), abs=1e-12)


def test_bound_at_the_best_encoder_that_does_not_see_the_last_action():
    decoder = np.array([[0.25, 0.75], [0.75, 0.25]])
    half = np.array([0.5, 0.5])

    def gap(weight):
        encoder = np.array([1, np.exp(weight[0])]) / (1 + np.exp(weight[0]))
        return further_elbo.bound(FLOAT, half, decoder, half, encoder)

    least = minimize(gap, [1.0])
    assert least.fun == pytest.approx(np.log(2 / np.sqrt(3)), abs=1e-9)


def test_bound_is_the_sum_over_latents():
    rng = np.random.default_rng(4)
    prior, encoder = rng.dirichlet(np.ones(3), 2)
    decoder, data = rng.dirichlet(np.ones(2), 3), rng.dirichlet(np.ones(2))
    expected = 0.0
    for a in range(2):
        joint = prior * decoder[:, a]
        expected += data[a] * np.sum(encoder * np.log(encoder * joint.sum() / joint))
    assert further_elbo.bound(FLOAT, prior, decoder, data, encoder) == pytest.approx(expected)


@pytest.mark.parametrize("start", list(itertools.product([-4, -3, -2, -1], repeat=2)))
def test_plateaus_are_the_solvers(start):
    learner = QLearning(initial=start, step_size=1, discount=0, epsilon=0, tie="first")
    process = explore(prisoners_dilemma(), {1: learner})
    found = average_reward(process.decision).gain[process.starts[0]]
    assert found == pytest.approx(float(further_learner.best_average(start)), abs=1e-12)
    assert found == pytest.approx(further_learner.plateau(start), abs=1e-12)


@pytest.mark.parametrize("epsilon", [0.3, 0.01])
def test_exploring_learner_is_worth_the_same_from_everywhere(epsilon):
    starts = list(itertools.product([-4, -3, -2, -1], repeat=2))
    learner = QLearning(initial=starts, step_size=1, discount=0, epsilon=epsilon, tie="first")
    process = explore(prisoners_dilemma(), {1: learner})
    gain = average_reward(process.decision).gain
    assert np.ptp(gain) < 1e-12
    assert -1 - 2.5 * epsilon <= gain[0] <= -1 + epsilon
