"""The cross-check passes what is right, catches what is wrong, and names it."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import tabular_marl as tm
from tabular_marl.deep.crosscheck import Bench, crosscheck
from tabular_marl.deep.crosscheck.tabular import TabularActorCritic
from tabular_marl.deep.systems import MODELS, System
from tabular_marl.deep.systems.enumeration import enumerate_game
from tabular_marl.deep.systems.value_gap import value_gap
from tabular_marl.validation import InputError

S, A, B, GAMMA = 4, 3, 2, 0.9
SYSTEMS = {
    "soft-q": ("soft-q", {"beta": 1.5}),
    "rommeo": ("rommeo", {"beta": 2.0}),
    "pr2": ("pr2", {"beta": -1.0}),
    "agent": ("balancing-q", {"beta_agent": 2.0, "beta_opponent": -1.0}),
    "opponent": ("balancing-q", {"beta_agent": 2.0, "beta_opponent": -1.0, "view": "opponent"}),
}


def make(sparse=False):
    rng = np.random.default_rng(1)
    transition = rng.dirichlet(np.ones(S), (S, A, B))
    if sparse:
        from scipy.sparse import csr_array

        transition = csr_array(transition.reshape(-1, S))
    return tm.StochasticGame(transition, rng.normal(size=(S, A, B)), discount=GAMMA)


@pytest.fixture(params=SYSTEMS, scope="module")
def system(request):
    model, parameters = SYSTEMS[request.param]
    prior = np.random.default_rng(3).dirichlet(np.ones(A))
    return System.of(make(), model, agent_prior=prior, **parameters)


class Target:
    def __init__(self, function):
        self.target = function


def test_exact_tables_are_the_model_s_solution():
    for name, parameters in SYSTEMS.values():
        system = System.of(make(), name, **parameters)
        solved = getattr(tm, name.replace("-", "_"))(make(), **parameters)
        np.testing.assert_allclose(system.exact.value, solved.value, atol=1e-9)
        policy = system.exact.log_agent.exp()
        if name != "soft-q":  # its policy is the marginal of a joint one
            answers = policy.shape[2] > 1 and name == "balancing-q"
            held = solved.conditional_policy if answers else solved.agent_policy
            wanted = held.reshape(policy.shape)
            np.testing.assert_allclose(policy, wanted, atol=1e-9)


def test_log_policies_have_the_shapes_of_the_docs():
    """docs/crosscheck.md: a table of both players' shapes by --model."""
    docs = Path(__file__).parents[2] / "docs" / "crosscheck.md"
    rows = [line.split("|") for line in docs.read_text().splitlines() if "| [S, " in line]
    sizes = {"S": S, "A": A, "B": B, "1": 1}
    others = np.full((S, B), 1 / B)
    held = make()
    game = tm.StochasticGame(
        held.transition, held.reward, opponent_reward=held.reward, discount=GAMMA
    )
    given = {"temperature": 0.5, "others": others}
    betas = {"beta_agent": 2.0, "beta_opponent": 1.0}
    seen = set()
    for _, names, *shapes, _ in rows:
        wanted = [tuple(sizes[k] for k in text.strip(" []").split(", ")) for text in shapes]
        said = re.findall(r"`([^`]+)`", names)
        view = {"view": "opponent"} if said[-1].startswith("--view") else {}
        for name in [name for name in said if name in MODELS]:
            two = name in ("balancing-q", "fictitious-play", "perfect-model")
            parameters = given if name in ("further", "lili", "masac") else {"beta": 2.0}
            parameters = (betas if two else parameters) | (view if name == "balancing-q" else {})
            exact = System.of(game, name, **parameters).exact
            assert [exact.log_agent.shape, exact.log_opponent.shape] == wanted, name
            seen.add(name)
    assert seen == set(MODELS) - {"options"}


def test_the_package_s_own_losses_pass_everything(system):
    found = crosscheck(TabularActorCritic(system), system)
    checks = ["target", "gradient", "critic", "critic", "actor", "objective", "learning", "policy"]
    assert [f.check for f in found.findings] == checks
    assert found.passed, [f.says for f in found.findings]
    assert "does not train" not in found.findings[1].says
    errors = next(f for f in found.findings if f.check == "learning").series["q"]
    assert errors[-1] < 1e-4 < errors[0]


def test_sparse_and_dense_games_are_one():
    name, parameters = SYSTEMS["agent"]
    dense, sparse = (System.of(make(kind), name, **parameters) for kind in (False, True))
    policy = torch.softmax(dense.random(0).agent, 1)
    np.testing.assert_allclose(value_gap(dense, policy), value_gap(sparse, policy), atol=1e-12)
    one, two = enumerate_game(dense.game), enumerate_game(sparse.game)
    torch.testing.assert_close(one.weight, two.weight)
    torch.testing.assert_close(one.reward, two.reward)


WRONG = {
    "sign of γ, as (66) prints it": (
        lambda s, t, b: b.reward - GAMMA * s.value(t.q)[b.next_state],
        "is 1·R + -0.9·V(s') aggregated from q",
    ),
    "no γ, as (58) prints it": (
        lambda s, t, b: b.reward + t.value[b.next_state],
        "is 1·R + 1·V(s') from the value table",
    ),
    "β R for R": (
        lambda s, t, b: 2 * b.reward + GAMMA * t.value[b.next_state],
        "is 2·R + 0.9·V(s') from the value table",
    ),
    "hard maximum": (
        lambda s, t, b: b.reward + GAMMA * t.q.amax((1, 2))[b.next_state],
        "is 1·R + 0.9·max q(s')",
    ),
    "entropies left out": (
        lambda s, t, b: (
            b.reward
            + GAMMA * ((t.log_agent + t.log_opponent).exp() * t.q).sum((1, 2))[b.next_state]
        ),
        "is 1·R + 0.9·E[q(s')] without log ratios",
    ),
    "a bonus at every step": (
        lambda s, t, b: b.reward + GAMMA * t.value[b.next_state] + 0.25,
        "is 1·R + 0.9·V(s') from the value table + 0.25·1 at s'",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_target_is_caught_and_named(system, kind):
    function, said = WRONG[kind]
    wrong = Target(lambda t, b: function(system, t, b))
    finding = crosscheck(wrong, system).findings[0]
    assert not finding.passed
    assert finding.says.startswith(said), finding.says


@pytest.mark.parametrize("name", ["agent", "opponent"])
def test_the_exchanged_order_is_named(name):
    model, parameters = SYSTEMS[name]
    game = make()
    system = System.of(game, model, **parameters)
    view = "opponent" if name == "agent" else "agent"
    other = System.of(game, model, **{**parameters, "view": view})
    finding = Bench(TabularActorCritic(other), system).target()
    assert not finding.passed
    assert "players' order exchanged" in finding.says


def test_what_is_no_known_term_is_said_to_be_none(system):
    odd = Target(lambda t, b: b.reward + GAMMA * (t.q**2).mean((1, 2))[b.next_state])
    finding = crosscheck(odd, system).findings[0]
    assert not finding.passed
    assert "no combination of known terms" in finding.says


def test_a_loss_that_differentiates_its_target_is_caught(system):
    class Residual:
        def loss(self, tables, batch):
            after = system.value(tables.q)[batch.next_state]
            error = tables.q[batch.taken] - batch.reward - GAMMA * after
            return 0.5 * (batch.weight * error**2).sum()

    found = crosscheck(Residual(), system, steps=50)
    assert not found.findings[0].passed
    assert "does not vanish at the exact solution: q" in found.findings[0].says


def test_value_gap_is_the_discounted_divergence():
    """β (V* − V^π) = E Σ γ^t KL(π‖exact), where the agent leads and the answer is exact."""
    name, parameters = SYSTEMS["agent"]
    system = System.of(make(), name, **parameters)
    policy = torch.softmax(system.random(4).agent, 1)
    joint = (policy * system.exact.log_opponent.exp()).numpy()
    flow = np.einsum("sab,sabt->st", joint, system.game.transition)
    step = (policy * (policy.log() - system.exact.log_agent)).sum((1, 2)).numpy()
    wanted = np.linalg.solve(np.eye(S) - GAMMA * flow, step) / parameters["beta_agent"]
    np.testing.assert_allclose(value_gap(system, policy), wanted, atol=1e-9)


def test_a_policy_is_judged_by_state(system):
    class Uniform:
        def agent_policy(self, tables):
            return torch.full(tables.agent.shape, 1 / A, dtype=torch.float64)

    (finding,) = crosscheck(Uniform(), system).findings
    assert not finding.passed
    assert len(finding.series["kl"]) == S
    assert finding.measured == max(finding.series["kl"]) > 0


class Loose:
    def agent_policy(self, tables):
        return torch.ones_like(tables.agent)


def test_bad_input_is_named():
    game = make()
    system = System.of(game, "rommeo", beta=1.0)
    with pytest.raises(InputError, match="implementation must have target, loss, agent_policy"):
        crosscheck(object(), system)
    with pytest.raises(InputError, match=r"target must have shape \(96,\)"):
        crosscheck(Target(lambda t, b: b.reward[:3]), system)
    with pytest.raises(InputError, match="target must be finite; sample 0 was nan"):
        crosscheck(Target(lambda t, b: b.reward * float("nan")), system)
    with pytest.raises(InputError, match="agent_policy must be probabilities"):
        crosscheck(Loose(), system)

    class Odd:
        def __init__(self, returned):
            self.returned = returned

        def loss(self, tables, batch):
            return self.returned(tables)

    for returned, said in (
        (lambda t: t.q.detach().sum(), "loss must be differentiable in the tables"),
        (lambda t: 1.0, "loss must be a tensor; it was 1.0"),
        (lambda t: t.q.sum(0), "loss must be a scalar; it had shape"),
        (lambda t: t.q.sum() * float("nan"), "loss must be finite; it was nan"),
        (lambda t: t.critic.sum(), r"(?s)loss must run on tables.*no 'critic'"),
    ):
        with pytest.raises(InputError, match=said):
            crosscheck(Odd(returned), system)
    with pytest.raises(InputError, match="target must be a tensor of 96"):
        crosscheck(Target(lambda t, b: "none"), system)
    with pytest.raises(InputError, match="steps must be an integer >= 0"):
        crosscheck(TabularActorCritic(system), system, steps=-1)
    for beta in (0.0, float("inf")):
        with pytest.raises(InputError, match="beta must be finite and not 0"):
            System.of(game, "rommeo", beta=beta)
    with pytest.raises(InputError, match="did you mean 'rommeo'"):
        System.of(game, "romeo", beta=1.0)
    with pytest.raises(InputError, match="sampling must have shape"):
        enumerate_game(game, np.ones(3))
    assert {"soft-q", "rommeo", "pr2", "balancing-q", "options", "further"} <= set(MODELS)


def test_the_example_of_a_stranger_s_agent():
    example = Path(__file__).parents[2] / "examples" / "crosscheck_sac.py"
    done = subprocess.run(
        [sys.executable, example], capture_output=True, text=True, check=True, cwd=example.parent
    )
    right, wrong = done.stdout.split("HastySAC")
    assert "FAIL" not in right
    assert right.count("pass") == 7
    assert "FAIL  target: is 2·R" in wrong
    assert "0.45·E[log π at s']" in wrong  # the entropy's sign: +0.225 for −0.225
