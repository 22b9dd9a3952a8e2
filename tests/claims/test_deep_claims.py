"""The rows about the losses in training: their formulas against torch, solvers and training."""

from __future__ import annotations

import numpy as np
import pytest

import tabular_marl as tm
from tabular_marl.active.chains import MarkovChain
from tabular_marl.verification import FLOAT
from tabular_marl.verification.claims import _deep as deep
from tabular_marl.verification.claims import deep_equilibrium as equilibrium
from tabular_marl.verification.claims import deep_equilibrium_several as several
from tabular_marl.verification.claims import deep_gauge as gauge
from tabular_marl.verification.claims import further_experiments as experiments

S, A, B = 3, 2, 2


@pytest.fixture(scope="module")
def game():
    rng = np.random.default_rng(11)
    return {
        "reward": rng.normal(size=(S, A, B)),
        "transition": rng.dirichlet(np.ones(S), (S, A, B)),
        "policy": rng.dirichlet(np.ones(A), S),
        "decoder": rng.dirichlet(np.ones(B), S),
        "alpha": 0.7,
    }


@pytest.fixture(scope="module")
def memory():
    """Weights of somebody else's play."""
    return np.random.default_rng(12).dirichlet(np.ones(S * A * B)).reshape(S, A, B)


def test_gain_is_the_chains(game):
    weights = deep.played(game["policy"], game["decoder"])
    entropy = -(game["policy"] * np.log(game["policy"])).sum(axis=1)
    paid = deep.mean(weights, game["reward"]) + game["alpha"] * entropy
    chain = MarkovChain(deep.chain_under(weights, game["transition"]))
    assert deep.gain_of(FLOAT, **game) == pytest.approx(chain.gain_and_bias(paid)[0][0], abs=1e-13)


def test_pushes_are_the_gradients_of_the_critic_loss(game, memory):
    torch = pytest.importorskip("torch")
    from tabular_marl.deep.losses.further import critic_loss, soft_value

    rng = np.random.default_rng(1)
    table = rng.normal(size=(S, A, B))
    q = torch.tensor(table, requires_grad=True)
    gain = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    policy, decoder = (torch.tensor(game[name]) for name in ("policy", "decoder"))
    value = soft_value(q.detach(), policy.log(), decoder, game["alpha"])
    states = np.arange(S * A * B * S)
    *pair, after = np.unravel_index(states, (S, A, B, S))
    weights = (memory[:, :, :, None] * game["transition"]).reshape(-1)
    loss = critic_loss(
        q[tuple(pair)],
        torch.tensor(game["reward"][tuple(pair)]),
        gain,
        value[after],
        torch.tensor(weights),
    )
    loss.backward()
    found = gauge.trained(FLOAT, table, table, 0.3, memory, 1.0, 1.0, 1.0, **game)
    assert found[0] - table == pytest.approx(-q.grad.numpy(), abs=1e-12)
    assert found[2] - 0.3 == pytest.approx(-float(gain.grad), abs=1e-12)


@pytest.mark.parametrize("start", [-3.0, 0.0, 5.0])
def test_training_on_a_foreign_memory_ends_at_the_gain_and_level_of_the_rows(game, memory, start):
    q, slow, gain = np.zeros((S, A, B)), np.zeros((S, A, B)), start
    rate, gain_rate = 1.0, 0.5
    for _ in range(20_000):
        q, slow, gain = gauge.trained(FLOAT, q, slow, gain, memory, rate, gain_rate, 0.2, **game)
    assert gain == pytest.approx(deep.gain_of(FLOAT, **game), abs=1e-8)
    assert q.sum() == pytest.approx(rate / gain_rate * (gain - start), abs=1e-8)


def test_single_samples_do_not_move_the_level_either(game):
    rng = np.random.default_rng(2)
    q, gain = np.zeros((S, A, B)), 1.0
    for _ in range(200):
        one = np.zeros((S, A, B))
        one[tuple(rng.integers((S, A, B)))] = 1
        q, _, gain = gauge.trained(FLOAT, q, q, gain, one, 0.1, 0.02, 1.0, **game)
    assert q.sum() / 0.1 - gain / 0.02 == pytest.approx(-1 / 0.02, abs=1e-9)


@pytest.mark.parametrize("instance", [several.COORDINATION, several.BETTER])
def test_joint_fixed_points_are_the_logit_equilibria(instance):
    payoff = np.log(3) * np.array([[float(FLOAT.number(k)) for k in r] for r in instance["payoff"]])
    proved = tm.all_logit_equilibria(tm.MatrixGame(payoff), 1.0)
    assert len(proved) == 3
    for exponents in (instance["first"], instance["second"]):
        policy = 3.0 ** np.array(exponents) / (3.0 ** np.array(exponents)).sum()
        assert any(e.agent[0] - 1e-12 <= policy[1] <= e.agent[1] + 1e-12 for e in proved)


def learn_together(rewards, starts, alpha=1.0, steps=4000):
    """Two agents of one state, each with its own q, ρ and actor; decoders that are right."""
    transition = [np.ones((1, *r.shape, 1)) for r in rewards]
    logits = [np.array(s, dtype=float) for s in starts]
    tables = [(np.zeros((1, *r.shape)), 0.0) for r in rewards]
    for _ in range(steps):
        policies = [np.exp(x) / np.exp(x).sum() for x in logits]
        for i, reward in enumerate(rewards):
            own, others = policies[i], policies[1 - i]
            game = {
                "reward": reward[None],
                "transition": transition[i],
                "policy": own[None],
                "decoder": others[None],
                "alpha": alpha,
            }
            q, gain = tables[i]
            present = own[:, None] * others
            q, _, gain = gauge.trained(FLOAT, q, q, gain, present[None], 0.4, 0.4, 1.0, **game)
            tables[i] = (q, gain)
            logits[i] = logits[i] + 0.3 * equilibrium.actor_push(
                FLOAT, q[0] @ others, own, 1 / alpha
            )
    return [np.exp(x) / np.exp(x).sum() for x in logits]


def test_where_decentralised_training_ends_depends_on_where_it_starts():
    common = 2 * np.log(3) * np.eye(2)
    for favourite in (0, 1):
        start = np.eye(2)[favourite]
        ends = learn_together([common, common.T], [start, start])
        expected = np.where(np.arange(2) == favourite, 0.75, 0.25)
        assert ends[0] == pytest.approx(expected, abs=1e-6)
        assert ends[1] == pytest.approx(expected, abs=1e-6)


def test_zero_sum_training_ends_at_the_one_equilibrium():
    pennies = np.array([[1.0, -1.0], [-1.0, 1.0]])
    ends = learn_together([pennies, -pennies.T], [[1.0, 0.0], [0.0, 0.5]])
    assert np.array(ends) == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize(("step", "switch"), [(0.5, 14), (1.0, 7)])
def test_discount_at_which_committing_pays(step, switch):
    """The q-learner of IBS played out, greedy, from (10, 20)."""

    def returns(discount, action):
        values, total = np.array([10.0, 20.0]), 0.0
        for t in range(6000):
            other = int(values[1] > values[0])
            matched = float(action == other)
            total += discount**t * matched * (2 if action == 0 else 1)
            paid = matched * (1 if other == 0 else 2)
            values[other] += step * (paid + 0.9 * values.max() - values[other])
        return total

    threshold = 2 ** (-1 / switch)
    for discount in (threshold - 2e-3, threshold + 2e-3):
        assert (returns(discount, 0) > returns(discount, 1)) == (discount > threshold)
        found = experiments.comply_or_commit(FLOAT, step, discount)
        assert found.left == pytest.approx(returns(discount, 1), abs=1e-9)
        assert found.right == pytest.approx(returns(discount, 0), abs=1e-9)


@pytest.mark.parametrize("step", [0.5, 1.0])
def test_committing_to_an_exploring_learner_earns_what_is_claimed(step):
    rng = np.random.default_rng(3)
    values, epsilon, total, times = np.array([10.0, 20.0]), 0.05, 0.0, 40_000
    for t in range(times + 2000):
        explores = rng.random() < epsilon
        other = int(rng.integers(2)) if explores else int(values[1] > values[0])
        total += 2.0 * (other == 0) * (t >= 2000)
        values[other] += step * ((other == 0) + 0.9 * values.max() - values[other])
    assert values[0] >= 10 > values[1]
    assert total / times == pytest.approx(2 - epsilon, abs=5 * np.sqrt(0.1 / times))
