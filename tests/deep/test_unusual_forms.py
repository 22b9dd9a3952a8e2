"""Right programs in forms that the authors of the losses would not have chosen: none is accused."""

import numpy as np
import pytest
import torch

import tabular_marl as tm
from tabular_marl.deep.crosscheck import Bench, crosscheck
from tabular_marl.deep.systems import System

S, A, B, GAMMA, BETA, ALPHA = 4, 3, 2, 0.9, 2.3, 0.6
RNG = np.random.default_rng(11)
PRIOR, OTHER_PRIOR = RNG.dirichlet(np.ones(A)), RNG.dirichlet(np.ones(B))
OTHERS = RNG.dirichlet(np.ones(B), S)
GAME = tm.StochasticGame(
    RNG.dirichlet(np.ones(S), (S, A, B)),
    RNG.normal(size=(S, A, B)),
    opponent_reward=RNG.normal(size=(S, A, B)),
    discount=GAMMA,
)
P, R, LAW = (torch.from_numpy(x) for x in (np.log(PRIOR), np.log(OTHER_PRIOR), OTHERS))
P, R = P.view(1, A, 1), R.view(1, 1, B)
PRIORS = {"agent_prior": PRIOR, "opponent_prior": OTHER_PRIOR}


def free(x, log_prior, beta, dim):
    return torch.logsumexp(beta * x + log_prior, dim, keepdim=True) / beta


def program(**methods):
    """An implementation of plain functions."""
    return type("Program", (), {name: staticmethod(f) for name, f in methods.items()})()


def all_pass(found):
    assert all(f.passed for f in found), [f.says for f in found if not f.passed]


# -- targets --------------------------------------------------------------------------------------


def entropic(tables, q=None):
    """V(s') against others whose policy the code knows: the learner's, not the decoder's."""
    log_policy = tables.log_agent[:, :, 0]
    worth = (LAW[:, None] * (tables.q if q is None else q)).sum(2)
    return (log_policy.exp() * (worth - ALPHA * log_policy)).sum(1)


def charged(tables, q):
    ratio = (tables.log_agent - P) / BETA + (tables.log_opponent - R) / BETA
    return ((tables.log_agent + tables.log_opponent).exp() * (q - ratio)).sum((1, 2))


def soft(q):
    """ROMMEO's V."""
    return free(free(q, P, BETA, 1), R, BETA, 2).flatten()


def tilted(tables):
    """Double learning: the tilts of one critic, valued by the other."""
    agent = torch.log_softmax(BETA * tables.q + P, 1)
    other = torch.log_softmax(BETA * free(tables.q, P, BETA, 1) + R, 2)
    ratio = (agent - P + other - R) / BETA
    return ((agent + other).exp() * (tables.twin - ratio)).sum((1, 2))


def inner_by_policy(tables):
    """The agent's charged mean, and the opponent's free energy of that."""
    mean = (tables.log_agent.exp() * (tables.q - (tables.log_agent - P) / BETA)).sum(1, True)
    return free(mean, R, BETA, 2).flatten()


SOFT = {
    "the minimum of the twins' values": lambda t: torch.minimum(soft(t.q), soft(t.twin)),
    "each critic's target from the other": lambda t: soft(t.twin),
    "the tilts of one critic, valued by the other": tilted,
    "the agent by its policy, the opponent by its free energy": inner_by_policy,
    "half the value table, half the free energy": lambda t: (t.value + soft(t.q)) / 2,
    "charged, of the smaller twin": lambda t: charged(t, torch.minimum(t.q, t.twin)),
}


@pytest.mark.parametrize("form", SOFT)
def test_a_value_in_another_form_is_right(form):
    system = System.of(GAME, "rommeo", beta=BETA, **PRIORS)
    held = program(target=lambda t, b: b.reward + GAMMA * SOFT[form](t)[b.next_state])
    finding = Bench(held, system).target()
    assert finding.passed, finding.says
    twice = program(target=lambda t, b: b.reward + 1.1 * GAMMA * SOFT[form](t)[b.next_state])
    assert not Bench(twice, system).target().passed


@pytest.mark.parametrize("model", ["lili", "masac"])
def test_a_target_may_know_the_policy_of_the_others(model):
    system = System.of(GAME, model, temperature=ALPHA, others=OTHERS)
    held = program(target=lambda t, b: b.reward + GAMMA * entropic(t)[b.next_state])
    assert Bench(held, system).target().passed
    held = program(target=lambda t, b: b.reward + GAMMA * (entropic(t) - 0.1)[b.next_state])
    assert Bench(held, system).target().mistake == "a constant -0.09 at every s'"


REFERENCES = {
    "q at a reference": lambda t: t.q[0, 1, 0],
    "the value at a reference": lambda t: entropic(t)[2],
    "the value table at a reference": lambda t: t.value[1],
    "the mean of q": lambda t: t.q.mean(),
    "the largest q": lambda t: t.q.max(),
}


def relative(reference, scale=1.0):
    """Relative value iteration: the gain is read off q, and there is no table of it."""

    def target(tables, batch):
        return (
            batch.reward
            - scale * REFERENCES[reference](tables)
            + entropic(tables)[batch.next_state]
        )

    def loss(tables, batch):
        off = tables.q[batch.taken] - target(tables, batch).detach()
        log_policy = tables.log_agent[batch.state, :, 0]
        worth = tables.q[batch.state, :, batch.opponent_action].detach()
        actor = (log_policy.exp() * (ALPHA * log_policy - worth)).sum(1)
        at = tables.value - entropic(tables).detach()
        return (batch.weight * (off**2 + actor + at[batch.state] ** 2)).sum()

    return program(target=target, loss=loss)


FURTHER = System.of(GAME, "further", temperature=ALPHA, others=OTHERS)


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_gain_may_be_read_off_q(reference):
    found = crosscheck(relative(reference), FURTHER, steps=0).findings
    all_pass(found)
    assert found[0].says.startswith("is R - f(q) + V(s'), the gain read off q")


def test_a_gain_may_be_read_off_q_where_rewards_are_large():
    held = tm.StochasticGame(GAME.transition, 1e4 * GAME.reward, discount=GAMMA)
    system = System.of(held, "further", temperature=ALPHA, others=OTHERS)
    all_pass(crosscheck(relative("q at a reference"), system, steps=0).findings)


def test_a_gain_read_off_q_is_learned():
    all_pass(crosscheck(relative("q at a reference"), FURTHER).findings)


@pytest.mark.parametrize("scale", [2.0, 0.5, -1.0])
def test_what_stands_for_the_gain_must_rise_with_q(scale):
    """With any u > 0 in f(q + c) = f(q) + u c the fixed point has f(q) = g, and q goes there."""
    bench = Bench(relative("the mean of q", scale), FURTHER)
    found = [bench.target(), bench.gradient()]
    assert [f.passed for f in found] == [scale > 0] * 2
    if scale < 0:
        told = "what stands for the gain moves by -1 where q moves by 1, and must rise with it"
        assert [f.mistake for f in found] == [told, "the gain is moved the wrong way"]


def test_an_advantage_is_no_gain():
    def off(t):
        return t.q[0, 0, 0] - t.q[1, 0, 0]

    held = program(target=lambda t, b: b.reward - off(t) + entropic(t)[b.next_state])
    assert "moves by 0 where q" in Bench(held, FURTHER).target().mistake


# -- losses of policies ---------------------------------------------------------------------------


def joint_divergence(tables, batch):
    """Both policies by one divergence from the joint tilt, the bound of (7)."""
    ratio = tables.log_agent - P + tables.log_opponent - R
    joint = (tables.log_agent + tables.log_opponent).exp()
    off = (joint * (ratio - BETA * tables.q.detach())).sum((1, 2))
    return (batch.weight * off[batch.state]).sum()


@pytest.mark.parametrize("model", ["rommeo", "pr2"])
def test_one_divergence_may_train_both_policies(model):
    system = System.of(GAME, model, beta=BETA, **PRIORS)
    bench = Bench(program(loss=joint_divergence), system)
    all_pass([bench.gradient(), *bench.actors(), *bench.objective()])

    def cold(tables, batch):
        more = (tables.log_agent.exp() * (tables.log_agent - P)).sum(1).mean(1)
        return joint_divergence(tables, batch) + (batch.weight * more[batch.state]).sum()

    assert not all(f.passed for f in Bench(program(loss=cold), system).actors())


def path_consistency(sign=1.0):
    """(V(s) + (log π − log p)/β − R − γ V(s'))², V(s') held; there is no q in it."""

    def loss(tables, batch):
        ratio = ((tables.log_agent - P) / BETA)[batch.state, batch.agent_action, 0]
        after = batch.reward + GAMMA * tables.value.detach()[batch.next_state]
        off = tables.value[batch.state] + ratio - after
        return sign * (batch.weight * off**2).sum()

    return program(loss=loss)


def test_path_consistency_is_right_and_its_opposite_is_not():
    alone = tm.StochasticGame(GAME.transition[:, :, :1], GAME.reward[:, :, :1], discount=GAMMA)
    system = System.of(alone, "soft-q", beta=BETA, agent_prior=PRIOR)
    all_pass(crosscheck(path_consistency(), system).findings)
    assert not all(f.passed for f in Bench(path_consistency(-1.0), system).actors())


def test_a_policy_may_be_an_array_after_learning():
    alone = tm.StochasticGame(GAME.transition[:, :, :1], GAME.reward[:, :, :1], discount=GAMMA)
    system = System.of(alone, "soft-q", beta=BETA, agent_prior=PRIOR)
    held = path_consistency()
    held.agent_policy = lambda tables: tables.log_agent.exp().numpy()
    assert crosscheck(held, system, steps=10).findings[-1].check == "policy"
