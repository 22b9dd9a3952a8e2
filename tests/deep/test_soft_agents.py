"""Soft agents: trained from scratch they reach the exact answer, by a wrong loss another."""

import io

import numpy as np
import pytest
import torch

import tabular_marl as tm
from tabular_marl.deep import losses
from tabular_marl.deep.agents.balancing_q import BalancingQ
from tabular_marl.deep.agents.exact import facing, gaps
from tabular_marl.deep.agents.options import Options
from tabular_marl.deep.agents.pr2 import Pr2
from tabular_marl.deep.agents.rommeo import Rommeo
from tabular_marl.deep.agents.sac import Sac
from tabular_marl.deep.environments.stochastic import Stationary, StochasticEnvironment
from tabular_marl.deep.training import Run, Session
from tabular_marl.deep.training.statistics import iqm
from tabular_marl.validation import InputError

GAME = tm.iterated(tm.games.bach_or_stravinsky())
TIT_FOR_TAT = torch.eye(2)[[0, 0, 0, 1, 1]]  # what the agent did last
EVEN = torch.full((5, 2), 0.5)
QUICK = dict(
    hidden=0, critic_rate=0.05, actor_rate=0.05, target_rate=0.1, discount=0.7, window=64, beta=0.5
)
#: Of every entry of every table: q spans 9 reward units here, and policies are probabilities.
TOLERANCE = 0.02

#: The opponent is tit for tat where the exact answer depends on how it plays.
CASES = {
    "sac": (Sac, TIT_FOR_TAT, {}),
    "sac, β < 0": (Sac, TIT_FOR_TAT, {"beta": -0.5}),
    "rommeo": (Rommeo, EVEN, {}),
    "pr2": (Pr2, EVEN, {"beta": 1.5}),
    "pr2, β < 0": (Pr2, EVEN, {"beta": -0.5}),
    "balancing-q, competitive": (BalancingQ, EVEN, {"beta_opponent": -1.0}),
    "balancing-q, cooperative": (BalancingQ, EVEN, {"beta_opponent": 0.3}),
    "balancing-q, opponent's view": (
        BalancingQ,
        EVEN,
        {"beta_opponent": -1.0, "agent_view": False},
    ),
    "options": (Options, TIT_FOR_TAT, {"options": 2, "habit": 0.8}),
}


def fresh(kind, seeds=6, game=GAME, seed=0, **settings):
    generator = torch.Generator().manual_seed(seed)
    env = StochasticEnvironment(game, seeds, generator, episode=5)
    config = kind.settings(**(QUICK | settings))
    return env, kind(config, seeds, env.width, *env.actions, generator)


def play(env, agent, opponent, steps):
    other = Stationary(opponent, agent.generator)
    for _ in range(steps):
        obs = env.observation
        a, b = agent.act(obs), other.act(obs)
        reward = env.step(a, b)[0]
        agent.observe(obs, a, b, reward, env.arrival)


def trained(kind, opponent, settings, steps=600, seeds=6, game=GAME):
    """The IQM over seeds of each table's gap."""
    env, agent = fresh(kind, seeds, game, **settings)
    play(env, agent, opponent, steps)
    return {name: float(iqm(gap)) for name, gap in gaps(agent, game, opponent).items()}


@pytest.mark.parametrize("case", [case for case in CASES if case != "rommeo"])  # see below
def test_trained_on_its_own_play_it_reaches_the_exact_answer(case):
    found = trained(*CASES[case])
    assert max(found.values()) < TOLERANCE, found


def test_rommeo_learns_how_the_other_plays_and_the_exact_answer_about_that():
    env, agent = fresh(Rommeo, seeds=4, batch=512, actor_rate=0.01)
    opponent = torch.tensor([0.3, 0.7]).expand(5, -1)
    play(env, agent, opponent, 900)
    # 900 observations of five states: a frequency is off by 0.04 to 0.1, and the largest of ten is
    assert iqm(gaps(agent, GAME, opponent)["prior"]) < 0.2
    learned = agent.tables(torch.eye(5).expand(4, -1, -1))["prior"][:, :, 0].detach()
    about = [gaps(agent, GAME, prior) for prior in learned]
    found = {name: iqm([gap[name][n] for n, gap in enumerate(about)]) for name in about[0]}
    # the prior never rests, and q follows it
    assert found["policy"] < TOLERANCE, found
    assert found["opponent"] < 2 * TOLERANCE, found
    assert found["q"] < 0.1, found


def test_against_a_mixing_opponent_the_error_is_one_of_sampling():
    settings = dict(critic_rate=0.01, actor_rate=0.02, batch=256)
    found = trained(Sac, EVEN, settings, steps=1200)
    assert found["policy"] < 0.05, found
    assert found["value"] < 0.3, found  # rewards differ by 3 with what the other does


# -- the exact answer is where every loss rests ---------------------------------------------------


class Table(torch.nn.Module):
    """A network of one seed that looks up its answer."""

    def __init__(self, table, trains=True):
        super().__init__()
        held = torch.as_tensor(np.array(table)).float()
        self.table = torch.nn.Parameter(held.flatten(1), requires_grad=trains)

    def forward(self, obs):
        return obs @ self.table


def at_the_exact_answer(kind, opponent, settings):
    """An agent of one seed whose networks are the exact tables."""
    _, agent = fresh(kind, 1, **settings)
    exact = agent.exact(GAME, opponent.double())
    with np.errstate(divide="ignore"):
        logits = {name: np.maximum(np.log(np.abs(table)), -50) for name, table in exact.items()}
    agent.actor = Table(logits["policy"])
    if kind is Sac:
        agent.critics = torch.nn.ModuleList(Table(exact["q"]) for _ in range(2))
        agent.value = Table(exact["value"][:, None])
        agent.target = Table(exact["value"][:, None], trains=False)
        return agent
    agent.critic = Table(exact["q"])
    if kind is Options:
        agent.arrival, agent.target = Table(exact["arrival"]), Table(exact["arrival"], False)
        agent.master = Table(logits["master"])
        ends = exact["termination"]
        agent.termination = Table(np.log(np.stack([1 - ends, ends], -1)))
        return agent
    agent.target = Table(exact["q"], trains=False)
    agent.model = Table(logits["opponent"])
    if kind is Rommeo:
        agent.prior = Table(logits["prior"])
    return agent


def slope(agent, opponent):
    """The largest entry of the losses' gradient on every transition, uniformly."""
    every = [
        (s, a, b) for s, a, b in np.ndindex(GAME.reward.shape) if opponent[s, b] > 0
    ]  # of equal chance where the opponent is deterministic, or even
    state, action, other = torch.tensor(every).T
    reward = torch.tensor([GAME.reward[k] for k in every]).float()
    after = torch.tensor([GAME.transition[k].argmax() for k in every])
    obs, arrival = torch.eye(5)[state], torch.eye(5)[after]
    found = agent.losses(*(t[None] for t in (obs, action, other, reward, arrival)))
    networks = torch.nn.ModuleList(getattr(agent, name) for name in agent.modules)
    parts = [p for p in networks.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(sum(found.values()), parts)
    return float(max(g.abs().max() for g in gradients))


@pytest.mark.parametrize("case", CASES)
def test_at_the_exact_answer_every_gradient_is_zero(case):
    kind, opponent, settings = CASES[case]
    assert slope(at_the_exact_answer(kind, opponent, settings), opponent) < 1e-5


def minus_the_next_value(reward, next_value, discount):
    """(66) as printed."""
    return (reward - discount * next_value).detach()


def no_cost(q, log_policy, log_prior, beta, dim=-1):
    """E_π[Q], without the log ratio: (74) as printed."""
    return (log_policy.exp() * q).sum(dim)


def temperature_for_its_inverse(log_policy, q, log_prior, beta, weights=None, dim=-1):
    """The policy of 1/β."""
    return right["policy_loss"](log_policy, q, log_prior, 1 / beta, weights, dim)


def expected(q, log_prior, beta, over):
    """The other's action averaged by its prior, not by its free energy."""
    return right["partial_q"](q, log_prior, 0, over)


def other_order(*values):
    """The first mover exchanged with the one who answers."""
    *rest, first = values
    return right["value"](*rest, losses.joint.AGENT + losses.joint.OPPONENT - first)


def flipped(value, chosen):
    """Kept and dropped exchanged."""
    return right["choices"](value, chosen).flip(-1)


right = {
    "policy_loss": losses.soft.policy_loss,
    "partial_q": losses.joint.partial_q,
    "value": losses.joint.value,
    "choices": losses.options.choices,
}
WRONG = [
    ("sac", losses.soft, "q_target", minus_the_next_value),
    ("sac", losses.soft, "policy_loss", temperature_for_its_inverse),
    ("sac", losses.soft, "regularised", no_cost),
    ("rommeo", losses.soft, "regularised", no_cost),
    ("pr2", losses.joint, "partial_q", expected),
    ("balancing-q, competitive", losses.soft, "q_target", minus_the_next_value),
    ("balancing-q, competitive", losses.joint, "value", other_order),
    ("options", losses.soft, "regularised", no_cost),
    ("options", losses.options, "choices", flipped),
]


@pytest.mark.parametrize(("case", "module", "name", "wrong"), WRONG)
def test_a_wrong_loss_does_not_rest_there(monkeypatch, case, module, name, wrong):
    kind, opponent, settings = CASES[case]
    agent = at_the_exact_answer(kind, opponent, settings)
    monkeypatch.setattr(module, name, wrong)
    assert slope(agent, opponent) > 1e-3


@pytest.mark.parametrize(("case", "module", "name", "wrong"), [WRONG[k] for k in (0, 4, 6, 7)])
def test_trained_by_a_wrong_loss_it_ends_elsewhere(monkeypatch, case, module, name, wrong):
    monkeypatch.setattr(module, name, wrong)
    found = trained(*CASES[case], steps=400)
    assert max(found.values()) > 5 * TOLERANCE, found


# -- acting, looking, keeping ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Sac, Rommeo, Pr2, BalancingQ, Options])
def test_it_plays_its_policy(kind):
    env, agent = fresh(kind, seeds=4000, replay=1)
    with torch.no_grad():  # all seeds alike
        for name in agent.modules[1:]:
            for p in getattr(agent, name).parameters():
                p.copy_(p[:1].expand_as(p))
    policy = agent.policy(env.observation)
    torch.testing.assert_close(policy.sum(1), torch.ones(4000))
    played = agent.act(env.observation).float().mean()
    assert abs(played - policy[0, 1]) < 4 * 0.5 / 4000**0.5


def test_options_keep_what_they_do_not_drop():
    env, agent = fresh(Options, seeds=4000, replay=1, options=3)
    agent.option = torch.randint(3, (4000,), generator=agent.generator)
    before = agent.option
    ends = agent._of_option(agent.log_termination(env.observation[:, None])[..., 1].exp())[:, 0]
    master = agent.log_master(env.observation[:, None]).exp()[:, 0]
    stays = 1 - ends + ends * master.gather(1, before[:, None])[:, 0]
    agent.act(env.observation)
    kept = (agent.option == before).float().mean()
    assert abs(kept - stays.mean()) < 4 * 0.5 / 4000**0.5


@pytest.mark.parametrize("kind", [Sac, Rommeo, Pr2, BalancingQ, Options])
def test_resumed_it_goes_on_bit_for_bit(kind):
    def run(steps, env, agent):
        play(env, agent, EVEN, steps)
        return {"agent": agent.state_dict(), "env": env.state_dict()}

    settings = dict(seeds=3, replay=40, window=20)  # the ring is full and turns
    whole = run(90, *fresh(kind, **settings))
    env, agent = fresh(kind, **settings)
    file = io.BytesIO()
    torch.save({**run(60, env, agent), "generator": agent.generator.get_state()}, file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    env, agent = fresh(kind, seed=9, **settings)
    agent.load_state_dict(state["agent"])
    env.load_state_dict(state["env"])
    agent.generator.set_state(state["generator"])
    again = run(30, env, agent)
    one, two = (dict(leaves(k)) for k in (whole, again))
    assert one.keys() == two.keys()
    assert any(key.startswith(".agent.modules.replay") for key in one)
    for key, value in one.items():
        same = torch.equal if isinstance(value, torch.Tensor) else (lambda p, q: p == q)
        assert same(value, two[key]), key


def leaves(tree, path=""):
    """Every leaf of nested dicts and lists, by its path."""
    if not isinstance(tree, dict | list | tuple):
        yield path, tree
        return
    for key, below in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield from leaves(below, f"{path}.{key}")


def test_seeds_do_not_mix():
    """One seed's gradients do not depend on what the others saw."""
    _, agent = fresh(Sac, seeds=2)
    drawn = torch.Generator().manual_seed(1)

    def gradient(reward):
        obs = torch.eye(5)[:4].expand(2, -1, -1)
        pair = torch.randint(2, (2, 2, 4), generator=torch.Generator().manual_seed(2))
        found = agent.losses(obs, *pair, reward, obs.flip(1))
        parts = list(agent.critics.parameters())
        return torch.autograd.grad(found["critic"], parts)

    one = torch.randn(2, 4, generator=drawn)
    two = torch.stack([one[0], one[1] + 1])
    for p, q in zip(gradient(one), gradient(two), strict=True):
        assert torch.equal(p[0], q[0])
        assert not torch.equal(p[1], q[1])


def test_facing_an_opponent_the_soft_values_are_those_of_the_recipe():
    """The opponent as part of the game, or as an average inside the backup: two ways."""
    rng = np.random.default_rng(0)
    transition = rng.dirichlet(np.ones(4), (4, 3, 2))
    game = tm.StochasticGame(transition, rng.normal(size=(4, 3, 2)), discount=0.8)
    opponent = rng.dirichlet(np.ones(2), 4)
    recipe = (tm.Aggregation(1, 0.0, opponent), tm.Aggregation(0, 1.5))
    alone = tm.soft_q(facing(game, torch.from_numpy(opponent)), 1.5)
    np.testing.assert_allclose(alone.value, tm.solve(game, recipe).value, atol=1e-9)
    soccer = tm.games.soccer()
    even = torch.full((760, 5), 0.2)
    assert facing(soccer, even).is_sparse == soccer.is_sparse


@pytest.mark.parametrize("game", ["chicken", "grid-game-1", "meeting"])
def test_a_game_of_the_library_is_an_experiment(game):
    run = Run(game, "sac", seeds=2, steps=200, interval=100, settings=(("window", 64),))
    session = Session(run)
    session.advance()
    session.advance()
    assert session.curve.isfinite().all()
    held = tm.games.named(game)
    discount = tm.iterated(held).discount if game == "chicken" else held.discount
    assert run.config.discount == discount
    assert run.plan.source == held.source


@pytest.mark.deep
@pytest.mark.parametrize("case", [case for case in CASES if case != "rommeo"])
def test_networks_with_hidden_layers_reach_it_too(case):
    kind, opponent, settings = CASES[case]
    settings = settings | dict(hidden=32, critic_rate=0.003, actor_rate=0.003, target_rate=0.05)
    found = trained(kind, opponent, settings, steps=2000)
    assert max(found.values()) < TOLERANCE, found


@pytest.mark.deep
@pytest.mark.parametrize("kind", [Sac, BalancingQ])
def test_in_a_noisy_game_the_error_shrinks(kind):
    game, even = tm.games.meeting(2), torch.full((16, 5), 0.2)
    settings = dict(hidden=32, critic_rate=0.003, actor_rate=0.003, target_rate=0.02, batch=128)
    env, agent = fresh(kind, 10, game, **settings, discount=0.8, beta=3.0)
    found = []
    for steps in (500, 3500):
        play(env, agent, even, steps)
        found.append({name: iqm(gap) for name, gap in gaps(agent, game, even).items()})
    for name in found[0]:
        assert found[1][name] < 0.6 * found[0][name], (name, found)


def test_mistakes_are_told():
    with pytest.raises(InputError, match="beta must be finite and not 0; it was 0"):
        Sac.settings(beta=0.0)
    with pytest.raises(InputError, match="beta_opponent must be finite and not 0; it was inf"):
        BalancingQ.settings(beta_opponent=float("inf"))
    with pytest.raises(InputError, match="habit must be between 0 and 1"):
        Options.settings(habit=1.0)
    with pytest.raises(InputError, match="did you mean 'stag-hunt'"):
        Run("stag-hut", "sac")
    with pytest.raises(InputError, match="environment must be of two players"):
        Session(Run("three-player-pennies", "sac"))
