"""Every system: its exact tables, its own updates, and the exact gradient of its objective."""

import numpy as np
import pytest
import torch

import tabular_marl as tm
from tabular_marl.active.decision import DecisionProcess
from tabular_marl.active.gradient import policy_gradient
from tabular_marl.active.influence import influence
from tabular_marl.active.learners import best_response
from tabular_marl.active.learners.grid import Grid
from tabular_marl.active.learners.q_learning import QLearning
from tabular_marl.deep.crosscheck import Bench, crosscheck
from tabular_marl.deep.crosscheck.tabular import own
from tabular_marl.deep.systems import MODELS, OptionSystem, System
from tabular_marl.deep.systems.active_game import active_game
from tabular_marl.deep.systems.enumeration import terminal_states
from tabular_marl.deep.systems.policy import evaluate
from tabular_marl.validation import InputError

S, A, B, GAMMA, ALPHA = 4, 3, 2, 0.9, 0.4
RNG = np.random.default_rng(1)
TRANSITION, REWARDS = RNG.dirichlet(np.ones(S), (S, A, B)), RNG.normal(size=(2, S, A, B))
PRIOR, OTHERS = RNG.dirichlet(np.ones(A)), RNG.dirichlet(np.ones(B), S)
LOW = RNG.dirichlet(np.ones(A), 2).T
PARAMETERS = {
    "soft-q": {"beta": 1.5, "agent_prior": PRIOR},
    "rommeo": {"beta": 2.0, "agent_prior": PRIOR},
    "pr2": {"beta": -1.0},
    "balancing-q": {"beta_agent": 2.0, "beta_opponent": -1.0, "agent_prior": PRIOR},
    "fictitious-play": {"beta_agent": 2.0, "beta_opponent": -1.0},
    "perfect-model": {"beta_agent": 2.0, "beta_opponent": 1.0},
    "rommeo-em": {"beta": 1.0, "agent_prior": PRIOR},
    "options": {"beta": 1.5, "prior": LOW, "termination_prior": [0.3, 0.6]},
    "further": {"temperature": ALPHA, "others": OTHERS},
    "lili": {"temperature": ALPHA, "others": OTHERS},
    "masac": {"temperature": ALPHA, "others": OTHERS},
}


def game(columns=B):
    return tm.StochasticGame(
        TRANSITION[:, :, :columns],
        REWARDS[0][:, :, :columns],
        opponent_reward=REWARDS[1][:, :, :columns],
        discount=GAMMA,
    )


@pytest.fixture(params=MODELS, scope="module")
def system(request):
    columns = 1 if request.param == "options" else B
    return System.of(game(columns), request.param, **PARAMETERS[request.param])


def test_the_package_s_own_losses_pass_everything(system):
    found = crosscheck(own(system), system, steps=1200)
    assert found.passed, [f.says for f in found.findings if not f.passed]
    assert not found.mistakes
    names = [f.check for f in found.findings]
    checks = {"target", "gradient", "critic", "actor", "objective", "learning", "policy"}
    assert checks <= set(names)


def test_the_exact_tables_are_a_fixed_point_of_the_target(system):
    """E[target] at the exact tables is the exact q, whatever the losses say."""
    batch, exact = system.enumerate(), system.exact
    target = own(system).target(exact, batch)
    total = torch.zeros_like(exact.q).index_put_(batch.taken, batch.weight * target, True)
    weight = torch.zeros_like(exact.q).index_put_(batch.taken, batch.weight, True)
    torch.testing.assert_close(total / weight, exact.q, atol=1e-8, rtol=0)


def test_the_exact_policy_is_the_model_s():
    for name, model in (("fictitious-play", tm.fictitious_play), ("rommeo-em", tm.rommeo_em)):
        kind = {"prior_update": "kept"}
        found = model(game(), **PARAMETERS[name], **kind)
        held = System.of(game(), name, **PARAMETERS[name])
        np.testing.assert_allclose(held.exact.policy("agent"), found.agent_policy, atol=1e-7)
        np.testing.assert_allclose(
            held.exact.policy("opponent")[:, 0], found.opponent_policy, atol=1e-7
        )
    found = tm.perfect_model(game(), **PARAMETERS["perfect-model"])
    held = System.of(game(), "perfect-model", **PARAMETERS["perfect-model"])
    np.testing.assert_allclose(held.exact.value, found.value, atol=1e-8)
    found = tm.options(game(1), **PARAMETERS["options"])
    held = System.of(game(1), "options", **PARAMETERS["options"])
    np.testing.assert_allclose(held.exact.value, found.value, atol=1e-9)
    np.testing.assert_allclose(held.exact.policy("master"), found.master_policy, atol=1e-9)


def test_the_gradient_of_the_objective_is_that_of_finite_differences(system):
    logits = system.random(3).agent
    found = system.evaluate(logits)
    if system.name == "rommeo-em":  # its bound holds Q: the next test
        return
    way = torch.randn(logits.shape, generator=torch.Generator().manual_seed(0), dtype=logits.dtype)
    step = 1e-5
    high, low = (system.evaluate(logits + sign * step * way).value for sign in (1, -1))
    slope = (high - low) / (2 * step)
    assert float(slope) == pytest.approx(float((found.gradient * way).sum()), rel=1e-6)


def test_at_the_exact_policy_the_gradient_vanishes(system):
    found = system.evaluate(system.exact.agent)
    assert found.gradient.abs().max() < 1e-8
    torch.testing.assert_close(
        found.tables.q.subtract(found.tables.q.mean()),
        system.exact.q.subtract(system.exact.q.mean()),
        atol=1e-7,
        rtol=0,
    )


def test_the_bound_of_em_and_its_likelihood_have_these_gradients():
    """Finite differences of (91) and (92) at the plain Q of the policy, which is held."""
    system = System.of(game(1), "rommeo-em", **PARAMETERS["rommeo-em"])
    logits = system.random(3).agent
    found = system.evaluate(logits)
    q, rho = found.tables.q, system.exact.policy("opponent")
    value = (torch.softmax(logits, 1) * rho * q).sum((1, 2))
    after = torch.from_numpy(np.array(system.game.transition)) @ value
    torch.testing.assert_close(q, torch.from_numpy(np.array(system.game.reward)) + GAMMA * after)
    log_prior = torch.from_numpy(PRIOR).log().view(1, A, 1)
    tilt = torch.softmax(q + log_prior, 1)

    def bound(z):
        log_policy = torch.log_softmax(z, 1)
        return (rho * log_policy.exp() * (q - log_policy + log_prior)).sum() / S

    def likelihood(z):
        return (rho * tilt * torch.log_softmax(z, 1)).sum() / S

    assert float(bound(logits)) == pytest.approx(float(found.value))
    way = torch.randn(logits.shape, generator=torch.Generator().manual_seed(0), dtype=logits.dtype)
    for function, gradient in ((bound, found.gradient), (likelihood, found.likelihood)):
        slope = (function(logits + 1e-5 * way) - function(logits - 1e-5 * way)) / 2e-5
        assert float(slope) == pytest.approx(float((gradient * way).sum()), rel=1e-6)


def test_the_average_reward_s_gradient_is_the_theorem_s():
    """FURTHER Prop. 3 by another module: implicit differentiation against μ Σ ∇π q."""
    reward = torch.from_numpy(np.einsum("xab,xb->xa", REWARDS[0], OTHERS))
    flow = torch.from_numpy(np.einsum("xabt,xb->xat", TRANSITION, OTHERS))
    logits = torch.from_numpy(RNG.normal(size=(S, A)))

    def sweep(value, held):
        return (torch.softmax(held, 1) * (reward + flow @ value)).sum(1)

    found = evaluate(sweep, logits, torch.ones(S, dtype=torch.bool), average=True)
    theorem = policy_gradient(DecisionProcess(reward.numpy(), flow.numpy()), logits.numpy())
    assert float(found.gain) == pytest.approx(theorem.gain, abs=1e-12)
    np.testing.assert_allclose(found.gradient, theorem.gradient, atol=1e-12)


def test_an_active_game_has_the_joint_process_s_optimum():
    """Against a Q-learner on a small grid: hard optimum by influence, and as soft α → 0."""
    learner = QLearning([1, 2], 0.5, 0.5, 0.1, grid=Grid(0, 4, 5))
    base = tm.games.bach_or_stravinsky()
    joint, others = active_game(base, learner)
    best = influence(base, {1: learner})
    assert joint.num_states == best.process.num_states
    rows = joint.transition.toarray().reshape(*joint.reward.shape, -1)
    np.testing.assert_allclose(
        np.einsum("xab,xb->xa", joint.reward, others), best.process.reward, atol=1e-12
    )
    np.testing.assert_allclose(
        np.einsum("xabt,xb->xat", rows, others).reshape(-1, joint.num_states),
        best.process.transition.toarray(),
        atol=1e-12,
    )
    held = System.of(joint, "further", temperature=0.01, others=others)
    low = float(held.gain) - 0.01 * np.log(2)
    assert low <= best.gain[0] + 1e-9
    assert low == pytest.approx(best.gain[0], abs=0.03)
    bench = Bench(own(held), held)
    for finding in (bench.target(), bench.gradient(), *bench.actors(), *bench.objective()):
        assert finding.passed, finding.says


def test_pennies_against_a_best_response():
    joint, others = active_game(tm.games.matching_pennies(), best_response())
    held = System.of(joint, "further", temperature=0.3, others=others)
    # each own action is matched forever: gain 1 and no entropy to be had beside it, or less
    assert float(held.gain) > 0.3 * np.log(2)
    assert Bench(own(held), held).gradient().passed


def test_states_that_end_an_episode():
    transition, reward = TRANSITION.copy(), REWARDS[0].copy()
    transition[2], reward[2] = np.eye(S)[2], 0.0
    ended = tm.StochasticGame(transition, reward, discount=GAMMA)
    assert terminal_states(ended).tolist() == [False, False, True, False]
    assert not terminal_states(tm.StochasticGame(transition, REWARDS[0], discount=GAMMA)).any()
    held = System.of(ended, "rommeo", beta=2.0)
    batch = held.enumerate()
    assert not (batch.state == 2).any()
    assert (batch.terminated == (batch.next_state == 2)).all()
    assert crosscheck(own(held), held, steps=1200).passed


def test_bad_input_is_named():
    with pytest.raises(InputError, match="game must have an opponent of one action; it has 2"):
        System.of(game(), "options", beta=1.0)
    with pytest.raises(InputError, match="temperature must be"):
        System.of(game(), "further", temperature=0.0)
    bare = tm.StochasticGame(TRANSITION, REWARDS[0], discount=GAMMA)
    with pytest.raises(InputError, match="game must have an opponent_reward"):
        System.of(bare, "perfect-model", beta_agent=1.0, beta_opponent=1.0)
    with pytest.raises(AttributeError, match="tables have q, value, agent, opponent"):
        System.of(game(), "pr2", beta=1.0).exact.critic  # noqa: B018
    assert isinstance(System.of(game(1), "options", beta=1.0), OptionSystem)
