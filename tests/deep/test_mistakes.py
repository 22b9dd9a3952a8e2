"""Every mistake of the catalogue, planted: it is caught, and called by its name."""

import numpy as np
import pytest
import torch

import tabular_marl as tm
from tabular_marl.deep.crosscheck import Bench
from tabular_marl.deep.crosscheck.tabular import TabularActorCritic, own
from tabular_marl.deep.systems import System
from tabular_marl.validation import InputError

S, A, B, GAMMA, BETA = 5, 3, 2, 0.9, 4.0
RNG = np.random.default_rng(5)
PRIOR = RNG.dirichlet(np.ones(A))
OTHERS = RNG.dirichlet(np.ones(B), S)
TRANSITION, REWARD = RNG.dirichlet(np.ones(S), (S, A, B)), RNG.normal(size=(S, A, B))


def single(prior=PRIOR, ends=False):
    """One agent, soft Q-learning; its last state may end the episode."""
    transition, reward = TRANSITION[:, :, :1].copy(), REWARD[:, :, :1].copy()
    if ends:
        transition[-1], reward[-1] = np.eye(S)[-1], 0.0
    game = tm.StochasticGame(transition, reward, discount=GAMMA)
    return System.of(game, "soft-q", beta=BETA, agent_prior=prior)


class Soft:
    """A soft actor-critic of its own, with places for mistakes; α = 1/β, prior p."""

    def __init__(self, system, **wrong):
        self.prior = system.of_player(0).log_prior[0, :, 0]
        for name, value in wrong.items():
            setattr(self, name, value)

    alpha = actor_alpha = 1 / BETA
    gamma = GAMMA
    mask = True

    def next_value(self, q, log_policy, tables, batch):
        return (log_policy.exp() * (q - self.alpha * (log_policy - self.prior))).sum(-1)

    def critic(self, tables):
        return tables.q

    def target(self, tables, batch):
        at = batch.next_state
        q, log_policy = self.critic(tables)[at, :, 0], tables.log_agent[at, :, 0]
        value = self.next_value(q, log_policy, tables, batch)
        if self.mask:
            value = torch.where(batch.terminated, 0.0, value)
        return batch.reward + self.gamma * value

    def actor(self, q, log_policy):
        return (log_policy.exp() * (self.actor_alpha * (log_policy - self.prior) - q)).sum(-1)

    def loss(self, tables, batch):
        error = tables.q[batch.taken] - self.target(tables, batch).detach()
        log_policy = tables.log_agent[batch.state, :, 0]
        q = self.critic(tables)[batch.state, :, 0].detach()
        return (batch.weight * (error**2 + self.actor(q, log_policy))).sum()


def value(function):
    return {"next_value": lambda q, log_policy, tables, batch: function(q, log_policy, batch)}


def lse(q, prior, beta=BETA):
    return torch.logsumexp(beta * q + prior, -1) / beta


LOG = torch.from_numpy(PRIOR).log()
TARGETS = {
    "entropy missing": (value(lambda q, p, b: (p.exp() * q).sum(-1)), "the entropy is missing"),
    "sign of alpha": ({"alpha": -1 / BETA}, "the sign of the agent's temperature"),
    "half of alpha": ({"alpha": 0.5 / BETA}, "the agent's temperature is multiplied by 0.5"),
    "another discount": ({"gamma": 0.99}, "the discount is 0.99 and not 0.9"),
    "no discount": ({"gamma": 1.0}, "the discount is missing"),
    "sign of the value": ({"gamma": -GAMMA}, "the sign of the value at s'"),
    "maximum": (value(lambda q, p, b: q.amax(-1)), "a hard maximum for the soft value"),
    "no prior in the value": (
        value(lambda q, p, b: lse(q, torch.zeros(A))),
        "the priors are missing (sums for means)",
    ),
    "entropy for divergence": (
        value(lambda q, p, b: (p.exp() * (q - p / BETA)).sum(-1)),
        "the prior is missing (an entropy for a divergence)",
    ),
    "no importance weights, uniform proposals": (
        value(lambda q, p, b: lse(q, torch.full((A,), -np.log(A)))),
        "uniform priors for the given ones, or importance weights of uniform proposals missing",
    ),
    "no importance weights, proposals from the policy": (
        value(lambda q, p, b: lse(q, p)),
        "the policies for the priors, or importance weights of proposals from the policy, missing",
    ),
    "temperature for its inverse": (
        value(lambda q, p, b: lse(q, LOG, 1 / BETA)),
        "the temperature for its inverse",
    ),
    "replayed action": (
        value(lambda q, p, b: q.gather(1, b.agent_action[:, None])[:, 0]),
        "actions at s' are the replayed ones, not the policy's",
    ),
    "mean of twins": (
        {"critic": lambda tables: (tables.q + tables.twin) / 2},
        "the twins' mean for their minimum",
    ),
    "maximum of twins": (
        {"critic": lambda tables: torch.maximum(tables.q, tables.twin)},
        "the twins' maximum for their minimum",
    ),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_a_mistake_in_the_target_has_its_name(kind):
    wrong, name = TARGETS[kind]
    finding = Bench(Soft(single(), **wrong), single()).target()
    assert not finding.passed
    assert finding.mistake == name, finding.says


@pytest.mark.parametrize("twins", [False, True])
def test_what_is_right_has_none(twins):
    system = single()
    held = {"critic": lambda t: torch.minimum(t.q, t.twin)} if twins else {}
    bench = Bench(Soft(system, **held), system)
    for finding in (bench.target(), bench.gradient(), *bench.actors(), *bench.objective()):
        assert finding.passed, finding.says
        assert not finding.mistake


def test_with_a_uniform_prior_an_entropy_is_a_harmless_constant():
    system = single(prior=None)
    sac = value(lambda q, p, b: (p.exp() * (q - p / BETA)).sum(-1))
    finding = Bench(Soft(system, **sac), system).target()
    assert not finding.passed
    assert "entropy for the divergence from a uniform prior" in finding.mistake


def test_a_missing_mask_has_its_name():
    system = single(ends=True)
    assert bool(system.enumerate().terminated.any())
    assert not bool(system.live[-1])
    assert Bench(Soft(system), system).target().passed
    finding = Bench(Soft(system, mask=False), system).target()
    assert finding.mistake == "the mask where s' ends the episode is missing"


def policy(function):
    return {"actor": lambda q, p: (p.exp() * function(q, p)).sum(-1)}


ACTORS = {
    "half the temperature": ({"actor_alpha": 0.5 / BETA}, "the temperature is multiplied by 0.5"),
    "no entropy": ({"actor_alpha": 0.0}, "the entropy is missing"),
    "sign of the entropy": ({"actor_alpha": -1 / BETA}, "the sign of the temperature, or of x"),
    "no prior": (policy(lambda q, p: p / BETA - q), "the prior is missing"),
    "sign of the loss": (
        policy(lambda q, p: q - (p - LOG) / BETA),
        "it is maximised where it must be minimised",
    ),
    "mean of twins": (
        {"critic": lambda tables: (tables.q + tables.twin) / 2},
        "the twins' mean for their minimum",
    ),
}


@pytest.mark.parametrize("kind", ACTORS)
def test_a_mistake_in_the_policy_loss_has_its_name(kind):
    wrong, name = ACTORS[kind]
    system = single()
    (finding,) = Bench(Soft(system, **wrong), system).actors()
    assert not finding.passed
    assert finding.mistake == f"agent: {name}", finding.says


def test_a_wrong_direction_fails_the_objective_too():
    system = single()
    (right,) = Bench(Soft(system), system).objective()
    (wrong,) = Bench(Soft(system, **ACTORS["no prior"][0]), system).objective()
    assert right.passed
    assert not wrong.passed
    assert wrong.measured > 1e-3


def test_ignored_weights_have_their_name():
    system = single()

    class Unweighted(Soft):
        def loss(self, tables, batch):
            error = tables.q[batch.taken] - self.target(tables, batch).detach()
            return (error**2).mean()

    finding = Bench(Unweighted(system), system).gradient()
    assert not finding.passed
    assert finding.mistake == "the samples' weights are ignored"


def test_an_online_network_for_the_target_network_is_invisible():
    """Tables are one network: held or not, what it says is the same."""
    system = single()

    class Online(Soft):
        def loss(self, tables, batch):
            target = batch.reward + GAMMA * self.next_value(
                tables.q.detach()[batch.next_state, :, 0],
                tables.log_agent.detach()[batch.next_state, :, 0],
                tables,
                batch,
            )
            log_policy = tables.log_agent[batch.state, :, 0]
            actor = self.actor(tables.q[batch.state, :, 0].detach(), log_policy)
            return (batch.weight * ((tables.q[batch.taken] - target) ** 2 + actor)).sum()

    bench = Bench(Online(system), system)
    assert all(f.passed for f in (bench.target(), bench.gradient(), *bench.actors()))


# -- two players ----------------------------------------------------------------------------------


def two(model="balancing-q", **parameters):
    game = tm.StochasticGame(TRANSITION, REWARD, opponent_reward=-REWARD, discount=GAMMA)
    return System.of(game, model, **parameters)


BALANCING = {"beta_agent": 2.0, "beta_opponent": -1.0, "agent_prior": PRIOR}


def leading(worth):
    """The package's losses, but the agent's policy follows ``worth`` [S, A, 1]."""

    class Wrong(TabularActorCritic):
        def loss(self, tables, batch):
            log_policy = tables.log_agent
            step = self.system.of_player(0)
            x = worth(tables).detach()
            y = log_policy - step.log_prior - step.beta * x
            return (batch.weight * (log_policy.exp() * y).sum((1, 2))[batch.state]).sum()

    return Wrong


FOLLOWED = {
    "an expectation under the opponent's policy for its free energy": lambda t: (
        t.policy("opponent") * t.q
    ).sum(2, keepdim=True),
    "the mean over the opponent's replayed actions for its free energy": lambda t: t.q.mean(
        2, keepdim=True
    ),
    "a hard extremum over the opponent's actions for its free energy": lambda t: t.q.amin(
        2, keepdim=True
    ),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_what_an_agent_follows_is_named(name):
    system = two(**BALANCING)
    (finding,) = Bench(leading(FOLLOWED[name])(system), system).actors()
    assert finding.mistake == f"agent: {name}", finding.says


class AsPrinted:
    """Options with (74) as printed, in its value or in its average."""

    def __init__(self, system, kind):
        self.system, self.kind = system, kind

    def target(self, tables, batch):
        system = self.system
        value, chosen, _, _ = system.values(tables.q)
        if self.kind == "outside":
            chosen = torch.logsumexp(system.beta * value, 1) / value.shape[1] / system.beta
        arrival = {"never ends": value, "always ends": chosen[:, None].expand_as(value)}.get(
            self.kind
        )
        if arrival is None:
            stacked = torch.stack([value, chosen[:, None].expand_as(value)], -1)
            arrival = torch.logsumexp(system.beta * stacked + system.log_priors[2], -1)
            arrival = arrival / system.beta
        return batch.reward + GAMMA * arrival[batch.next_state, batch.option]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("right", ""),
        ("outside", "1/m outside the logarithm, as (74) is printed"),
        ("never ends", "the termination is missing"),
        ("always ends", "the option is dropped in every step"),
    ],
)
def test_mistakes_of_options_have_their_names(kind, name):
    game = tm.StochasticGame(TRANSITION[:, :, :1], REWARD[:, :, :1], discount=GAMMA)
    prior = np.random.default_rng(0).dirichlet(np.ones(A), 2).T
    system = System.of(game, "options", beta=1.5, prior=prior)
    finding = Bench(AsPrinted(system, kind), system).target()
    assert finding.mistake == name, finding.says
    assert finding.passed == (kind == "right")


GAINS = {
    "right": (lambda r, g, v: r - g + v, ""),
    "no gain": (lambda r, g, v: r + v, "the gain is missing"),
    "its sign": (lambda r, g, v: r + g + v, "the sign of the gain"),
    "a discount": (lambda r, g, v: r - g + 0.99 * v, "a discount 0.99 under an average reward"),
}


@pytest.mark.parametrize("kind", GAINS)
def test_mistakes_of_an_average_reward_have_their_names(kind):
    system = two("further", temperature=0.4, others=OTHERS)
    function, name = GAINS[kind]

    class Critic:
        def target(self, tables, batch):
            after = own(system)._soft(tables, batch)
            return function(batch.reward, tables.gain, after)

    finding = Bench(Critic(), system).target()
    assert finding.mistake == name, finding.says
    assert finding.passed == (kind == "right")


class Whole(Soft):
    """All of it in one loss, and no target to be asked for."""

    target = property()  # hasattr says no

    def loss(self, tables, batch):
        off = tables.q[batch.taken] - Soft.target(self, tables, batch).detach()
        return (batch.weight * off**2).sum()


@pytest.mark.parametrize("kind", ["maximum", "entropy missing", "no discount"])
def test_a_mistake_that_only_the_loss_shows_has_the_target_s_name(kind):
    wrong, name = TARGETS[kind]
    system = single()
    found = list(Bench(Whole(system, **wrong), system).critic())
    assert [f.mistake for f in found] == [name]
    assert found[0].says.startswith("what q is moved to is")


class Turned(Whole):
    """The squared error made larger: its gradient vanishes at the exact solution too."""

    def loss(self, tables, batch):
        return -super().loss(tables, batch)


class Residual(Whole):
    """The target is differentiated."""

    def loss(self, tables, batch):
        off = tables.q[batch.taken] - Soft.target(self, tables, batch)
        return (batch.weight * off**2).sum()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Turned, "the error is made larger, not smaller"),
        (Residual, "the target is differentiated: a stop-gradient is missing"),
    ],
)
def test_a_critic_that_runs_the_wrong_way_is_caught(kind, name):
    system = single()
    (finding,) = Bench(kind(system), system).critic()
    assert not finding.passed
    assert finding.mistake == name


def unpaid():
    """A game that pays nothing."""
    game = single().game
    held = tm.StochasticGame(game.transition, 0 * game.reward, discount=game.discount)
    return System.of(held, "soft-q", beta=BETA, agent_prior=PRIOR)


@pytest.mark.parametrize(
    "told", [lambda y: y, lambda y: y.numpy(), lambda y: y.tolist(), lambda y: y.float()]
)
@pytest.mark.parametrize("system", [single(), unpaid()])
def test_a_right_target_in_any_dress_passes(told, system):
    right = Soft(system)

    class Dressed:
        def target(self, tables, batch):
            return told(right.target(tables, batch))

    finding = Bench(Dressed(), system).target()
    assert finding.passed, finding.says


def paid(scale):
    """The same game for other money."""
    game = single().game
    held = tm.StochasticGame(game.transition, scale * game.reward, discount=game.discount)
    return System.of(held, "soft-q", beta=BETA, agent_prior=PRIOR)


@pytest.mark.parametrize("scale", [1e-3, 1e3, 1e5])
def test_large_rewards_hide_no_mistake(scale):
    """And make none, in single precision either."""
    system = paid(scale)
    right = Soft(system)
    assert Bench(right, system).target().passed
    single = type("Single", (), {"target": lambda self, t, b: right.target(t, b).float()})()
    assert Bench(single, system).target().passed
    for kind in ("maximum", "half of alpha", "mean of twins"):
        wrong, name = TARGETS[kind]
        finding = Bench(Soft(system, **wrong), system).target()
        assert finding.mistake == name, finding.says
    unweighted = type("Unweighted", (Whole,), {})
    unweighted.loss = lambda self, t, b: (
        (t.q[b.taken] - Soft.target(self, t, b).detach()).abs().mean()
    )
    assert not Bench(unweighted(system), system).gradient().passed
    cubed = value(lambda q, p, b: (q**3).mean(-1))
    finding = Bench(Soft(system, **cubed), system).target()
    assert "no combination of known terms" in finding.says


def test_half_precision_does_not_pass():
    right = Soft(single())

    class Half:
        def target(self, tables, batch):
            return right.target(tables, batch).half()

    assert not Bench(Half(), single()).target().passed


def to_the_tilt(distance):
    def loss(tables, batch):
        q = tables.q[..., 0].detach()
        tilt = torch.log_softmax(BETA * q + LOG, 1)
        off = distance(tables.log_agent[..., 0], tilt).sum(1)
        return (batch.weight * off[batch.state]).sum()

    return type("Distilled", (), {"loss": staticmethod(loss)})()


@pytest.mark.parametrize(
    "distance",
    [
        lambda p, t: (p - t) ** 2,
        lambda p, t: (p.exp() - t.exp()) ** 2,
        lambda p, t: p.exp() * (p - t) + t.exp() * (t - p),
    ],
)
def test_a_policy_loss_of_another_form_with_the_same_minimum_passes(distance):
    (finding,) = Bench(to_the_tilt(distance), single()).actors()
    assert finding.passed, finding.says
    assert "least at the tilt of" in finding.says

    def hot(p, t):
        return distance(p, torch.log_softmax(t / 2, 1))

    (wrong,) = Bench(to_the_tilt(hot), single()).actors()
    assert not wrong.passed
    assert not wrong.mistake


class Meddler:
    def target(self, tables, batch):
        batch.reward.mul_(1.0)
        return batch.reward


class Broken:
    def target(self, tables, batch):
        print("noise")
        return {}["nothing"]


def test_what_code_does_wrong_is_told_in_one_line(capsys):
    with pytest.raises(InputError, match="it changed batch"):
        Bench(Meddler(), single()).target()
    with pytest.raises(
        InputError, match=r"it raised KeyError: 'nothing' \(test_mistakes.py"
    ) as told:
        Bench(Broken(), single()).target()
    assert "\n" not in str(told.value)
    assert "noise" not in capsys.readouterr().out
    hollow = type("Hollow", (), {"loss": lambda self, t, b: (t.q - t.q).sqrt().sum()})()
    with pytest.raises(InputError, match="loss must have finite gradients; that of q is not"):
        Bench(hollow, single()).gradient()
