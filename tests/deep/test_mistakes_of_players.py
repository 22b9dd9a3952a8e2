"""Mistakes of two players, options, averages and value tables: each is called by its name."""

import numpy as np
import pytest
import torch

import tabular_marl as tm
from tabular_marl.deep.crosscheck import Bench
from tabular_marl.deep.systems import System

S, A, B, GAMMA = 4, 3, 3, 0.9
RNG = np.random.default_rng(21)
PRIOR, OTHER_PRIOR = RNG.dirichlet(np.ones(A)), RNG.dirichlet(np.ones(B))
OTHERS = RNG.dirichlet(np.ones(B), S)
TRANSITION, REWARD = RNG.dirichlet(np.ones(S), (S, A, B)), RNG.normal(size=(S, A, B))
THEIRS = RNG.normal(size=(S, A, B))
PRIORS = {"agent_prior": PRIOR, "opponent_prior": OTHER_PRIOR}
P, R = torch.from_numpy(np.log(PRIOR)).view(1, A, 1), torch.from_numpy(np.log(OTHER_PRIOR))
LAW = torch.from_numpy(OTHERS)[:, None]


def game(ends=False):
    transition, reward = TRANSITION.copy(), REWARD.copy()
    if ends:
        transition[-1], reward[-1] = np.eye(S)[-1], 0.0
    return tm.StochasticGame(transition, reward, opponent_reward=THEIRS, discount=GAMMA)


def balancing(ends=False):
    return System.of(game(ends), "balancing-q", beta_agent=2.0, beta_opponent=-1.2, **PRIORS)


def alone(ends=False):
    held = game(ends)
    held = tm.StochasticGame(held.transition[:, :, :1], held.reward[:, :, :1], discount=GAMMA)
    return System.of(held, "soft-q", beta=3.0, agent_prior=PRIOR)


def free(x, log_prior, beta, dim):
    return torch.logsumexp(beta * x + log_prior, dim, keepdim=True) / beta


def value(q, agent=2.0, opponent=-1.2):
    """Balancing-Q's V in the agent's view; β = ±inf are extrema, 0 the mean."""
    inner = {np.inf: q.amax(2, True), -np.inf: q.amin(2, True), 0.0: q.mean(2, keepdim=True)}
    held = inner[opponent] if opponent in inner else free(q, R, opponent, 2)
    return held.amax(1).flatten() if agent == np.inf else free(held, P, agent, 1).flatten()


def one(q, beta=3.0):
    return free(q, P, beta, 1).flatten()


def after(function):
    return lambda t, b: b.reward + GAMMA * function(t)[b.next_state]


def asked(system, target):
    held = type("Program", (), {"target": staticmethod(target)})()
    return Bench(held, system).target()


def shifted(system, more):
    """The right target and ``more``."""
    return lambda t, b: after(lambda t: system.value(t.q))(t, b) + more(t, b)


def charged_ahead(t, beta):
    """The agent's charged worths in Balancing-Q's agent's view, [S, A]."""
    return (free(t.q, R, -1.2, 2) - (t.log_agent - P) / beta)[..., 0]


def led(t, beta):
    """E of the agent's policy on the opponent's free energy, charged with 1/β."""
    return (t.log_agent.exp()[..., 0] * charged_ahead(t, beta)).sum(1)


BALANCING = {
    "a hard maximum over the agent's choices": after(lambda t: value(t.q, agent=np.inf)),
    "a hard minimum over the opponent's choices": after(lambda t: value(t.q, opponent=-np.inf)),
    "the mean over the opponent's choices, as of a uniform policy or a replay": after(
        lambda t: value(t.q, opponent=0.0)
    ),
    "the opponent's β squared": after(lambda t: value(t.q, opponent=1.44)),
    "the two actions exchanged, q(s', b, a)": after(lambda t: value(t.q.transpose(1, 2))),
    "the opponent's action at s' replayed": lambda t, b: (
        b.reward + GAMMA * free(t.q, P, 2.0, 1)[b.next_state, 0, b.opponent_action]
    ),
    "the sign of the agent's temperature": after(lambda t: led(t, -2.0)),
    "the agent's temperature is multiplied by 2": after(lambda t: led(t, 1.0)),
    "the agent's action at s' replayed, and charged": lambda t, b: (
        b.reward + GAMMA * charged_ahead(t, 2.0)[b.next_state, b.agent_action]
    ),
    "the opponent's reward for the reward": lambda t, b: shifted(
        balancing(), lambda t, b: torch.from_numpy(THEIRS)[b.taken] - b.reward
    )(t, b),
    "the opponent's reward is in it too": lambda t, b: shifted(
        balancing(), lambda t, b: torch.from_numpy(THEIRS)[b.taken]
    )(t, b),
    "the agent's log ratio at (s, a, b) is in it too": lambda t, b: shifted(
        balancing(), lambda t, b: (t.log_agent - P)[b.state, b.agent_action, 0]
    )(t, b),
    "the value at s is in it too": lambda t, b: shifted(
        balancing(), lambda t, b: -value(t.q)[b.state]
    )(t, b),
    "the value at s' is multiplied by 2, as not divided by the agent's β": after(
        lambda t: 2 * value(t.q)
    ),
    "the discount is 0.81 and not 0.9, as γ taken twice": after(lambda t: GAMMA * value(t.q)),
}


@pytest.mark.parametrize("name", BALANCING)
def test_a_mistake_between_two_players_has_its_name(name):
    finding = asked(balancing(), BALANCING[name])
    assert finding.mistake == name, finding.says


def boltzmann(t):
    return (torch.softmax(3.0 * t.q + P, 1) * t.q).sum((1, 2))


ALONE = {
    "the sign of the agent's log prior": after(lambda t: free(t.q, -P, 3.0, 1).flatten()),
    "the agent's prior counted twice": after(lambda t: free(t.q, 2 * P, 3.0, 1).flatten()),
    "the agent's prior for its logarithm": after(lambda t: free(t.q, P.exp(), 3.0, 1).flatten()),
    "the agent's log prior multiplied by β": after(lambda t: free(t.q + P, 0.0, 3.0, 1).flatten()),
    "the agent's β missing": after(lambda t: one(t.q, 1.0)),
    "the entropy missing, q's own tilts for the policies": after(boltzmann),
    "a hard maximum, at the action that the twin prefers": after(
        lambda t: t.q[..., 0].gather(1, t.twin[..., 0].argmax(1, True))[:, 0]
    ),
    "the agent's policy at s for that at s'": lambda t, b: (
        b.reward
        + GAMMA
        * (t.log_agent.exp()[b.state] * (t.q[b.next_state] - (t.log_agent - P)[b.state] / 3.0)).sum(
            (1, 2)
        )
    ),
    "the agent's entropy is in V(s') already": after(
        lambda t: one(t.q) - (t.log_agent.exp() * (t.log_agent - P)).sum((1, 2)) / 3.0
    ),
    "the reward's sign for the reward": lambda t, b: (
        b.reward.sign() + GAMMA * one(t.q)[b.next_state]
    ),
    "a mean for a sum: log 3/β less at every s', which moves values and no policy": after(
        lambda t: one(t.q) - np.log(A) / 3.0
    ),
    "the value at s' is multiplied by 1.4427, as a logarithm to base 2": after(
        lambda t: one(t.q) / np.log(2)
    ),
}


@pytest.mark.parametrize("name", ALONE)
def test_a_mistake_of_one_player_has_its_name(name):
    finding = asked(alone(), ALONE[name])
    assert finding.mistake == name, finding.says


@pytest.mark.parametrize("of_state", [False, True])
@pytest.mark.parametrize("uniform", [False, True])
@pytest.mark.parametrize("model", ["soft-q", "pr2"])
def test_a_log_policy_beside_the_value_has_its_name(model, uniform, of_state):
    """Soft actor-critic's − log π/β at (s, a), or its mean at s, which belongs to s'."""
    held = game() if model == "pr2" else alone().game
    priors = {} if uniform else PRIORS if model == "pr2" else {"agent_prior": PRIOR}
    system = System.of(held, model, beta=3.0, **priors)

    def bonus(t, b):
        log_policy = t.log_agent[..., 0]
        if of_state:
            return -(log_policy.exp() * log_policy).sum(1)[b.state] / 3.0
        return -log_policy[b.state, b.agent_action] / 3.0

    finding = asked(system, shifted(system, bonus))
    wanted = "entropy at s" if of_state else "log policy at (s, a, b)"
    assert finding.mistake == f"the agent's {wanted} is in it too", finding.says


def test_a_mask_on_the_reward_has_its_name():
    def masked(t, b):
        return torch.where(b.terminated, 0.0, b.reward + GAMMA * one(t.q)[b.next_state])

    finding = asked(alone(ends=True), masked)
    assert finding.mistake == "the reward where s' ends is in it too", finding.says
    assert "-1·R where s' ends" in finding.says


@pytest.mark.parametrize("model", ["further", "masac"])
def test_the_entropy_of_a_given_policy_is_no_missing_prior(model):
    """It was called one: (π, ρ) charged with log ρ is a mistake of ρ, and π has no prior."""
    system = System.of(game(), model, temperature=0.5, others=OTHERS)
    average = model == "further"

    def target(t, b):
        joint = (t.log_agent + LAW.log()).exp()
        charged = (joint * (t.q - 0.5 * t.log_agent - 0.5 * LAW.log())).sum((1, 2))
        return b.reward - (t.gain if average else 0) + system.discount * charged[b.next_state]

    finding = asked(system, target)
    assert finding.mistake == "the opponent's entropy is charged, whose policy is given"


# -- options --------------------------------------------------------------------------------------

OPTIONS = System.of(
    tm.StochasticGame(TRANSITION[:, :, :1], REWARD[:, :, :1], discount=GAMMA),
    "options",
    beta=1.5,
    num_options=3,
    prior=RNG.dirichlet(np.ones(A), 3).T,
    master_prior=RNG.dirichlet(np.ones(3)),
    termination_prior=0.3,
)
LOW, OVER, ENDS = OPTIONS.log_priors


def arrival(q, low=LOW, over=OVER, ends=ENDS, master=1.5, last=1.5):
    kept = free(q, low, 1.5, 1)[:, 0]
    dropped = free(kept, over, master, 1).expand_as(kept)
    return free(torch.stack([kept, dropped], 2), ends, last, 2)[..., 0]


ARRIVALS = {
    "the master's prior missing (a sum for a mean)": lambda t: arrival(t.q, over=0 * OVER),
    "the master's β multiplied by 2": lambda t: arrival(t.q, master=3.0),
    "the sign of the termination's β": lambda t: arrival(t.q, last=-1.5),
    "kept and dropped exchanged in the termination's prior": lambda t: arrival(
        t.q, ends=ENDS.flip(2)
    ),
    "the mean over the options in force": lambda t: arrival(t.q).mean(1, True).expand(-1, 3),
    "a mean for a sum: log 3/β less at every s', which moves values and no policy": lambda t: (
        arrival(t.q, low=LOW - np.log(A))
    ),
}


@pytest.mark.parametrize("name", ARRIVALS)
def test_a_mistake_of_options_has_its_name(name):
    def target(t, b):
        return b.reward + GAMMA * ARRIVALS[name](t)[b.next_state, b.option]

    finding = asked(OPTIONS, target)
    assert finding.mistake == name, finding.says


# -- losses ---------------------------------------------------------------------------------------


def bench(system, loss):
    return Bench(type("Program", (), {"loss": staticmethod(loss)})(), system)


def weighed(b, x):
    return (b.weight * x).sum()


def regressed(x):
    """A critic on the value table, and the table on ``x``."""

    def loss(t, b):
        off = t.q[b.taken] - b.reward - GAMMA * t.value.detach()[b.next_state]
        return weighed(b, off**2 + (t.value - x(t).detach())[b.state] ** 2)

    return loss


VALUES = {
    "": lambda t: one(t.q),
    "a hard maximum for the soft value": lambda t: t.q.amax((1, 2)),
    "a uniform policy at s": lambda t: t.q.mean((1, 2)),
    "the entropy is missing": lambda t: (t.log_agent.exp() * t.q).sum((1, 2)),
    "the value at s is multiplied by 0.9": lambda t: 0.9 * one(t.q),
    "the twins' maximum for their minimum": lambda t: one(torch.maximum(t.q, t.twin)),
    "the value at s is multiplied by 3, as not divided by the agent's β": lambda t: 3 * one(t.q),
}


@pytest.mark.parametrize("name", VALUES)
def test_what_a_value_table_is_moved_to_is_named(name):
    told = [f for f in bench(alone(), regressed(VALUES[name])).critic() if " value is" in f.says]
    assert [f.mistake for f in told] == [name]
    assert told[0].passed == (not name)


def test_a_value_table_moved_the_wrong_way_is_named():
    right = regressed(VALUES[""])

    def worse(t, b):
        off = (t.value - one(t.q).detach())[b.state]
        return right(t, b) - 2 * weighed(b, off**2)

    mistakes = [f.mistake for f in bench(alone(), worse).critic()]
    assert mistakes == ["", "the error is made larger, not smaller"]


def test_a_table_that_is_read_and_never_trained_is_told():
    def held(t, b):
        y = b.reward + GAMMA * t.value.detach()[b.next_state]
        return weighed(b, (t.q[b.taken] - y) ** 2)

    says = bench(alone(), held).gradient().says
    assert says.endswith("it does not train agent, opponent, value, but reads value")


def critic(t, b):
    return weighed(b, (t.q[b.taken] - b.reward - GAMMA * one(t.q).detach()[b.next_state]) ** 2)


def divergence(log_policy, x, beta=3.0):
    return (log_policy.exp() * (log_policy - P - beta * x)).sum((1, 2))


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        (
            lambda t, b: critic(t, b) + weighed(b, divergence(t.log_agent, t.q)[b.state]),
            "the worth in a policy's loss is differentiated: a stop-gradient is missing",
        ),
        (
            lambda t, b: weighed(
                b, (t.q.detach()[b.taken] - b.reward - GAMMA * one(t.q)[b.next_state]) ** 2
            ),
            "q is held, and the target is differentiated",
        ),
    ],
)
def test_a_missing_stop_gradient_has_its_name(loss, name):
    (finding,) = bench(alone(), loss).critic()
    assert not finding.passed
    assert finding.mistake == name


def imitates(logits):
    return lambda t, b: (
        -weighed(b, (torch.softmax(logits(t).detach(), 1) * t.log_agent).sum((1, 2))[b.state])
    )


def scored(y):
    """A score function at the replayed action, without importance weights."""
    return lambda t, b: weighed(
        b, (t.log_agent * y(t).detach())[b.state, b.agent_action, b.opponent_action]
    )


POLICIES = {
    "the temperature for its inverse": imitates(lambda t: t.q / 3.0 + P),
    "the prior is missing": imitates(lambda t: 3.0 * t.q),
    "the policy itself stands for the prior": imitates(lambda t: 3.0 * t.q + t.log_agent),
    "a hard extremum for the tilt": imitates(lambda t: 1e9 * (t.q - t.q.amax(1, True))),
    "x and the prior are missing: replayed actions are imitated": imitates(lambda t: 0 * t.q),
    "the actions are replayed ones, without importance weights": scored(
        lambda t: t.log_agent - P - 3.0 * t.q
    ),
    "the actions are replayed ones, without importance weights; the entropy is missing": scored(
        lambda t: -t.q
    ),
    "the prior's factor is 2": lambda t, b: weighed(
        b, (t.log_agent.exp() * (t.log_agent - 2 * P - 3.0 * t.q.detach())).sum((1, 2))[b.state]
    ),
}


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_s_mistake_has_its_name(name):
    (finding,) = bench(alone(), POLICIES[name]).actors()
    assert not finding.passed
    assert finding.mistake == f"agent: {name}", finding.says


FOLLOWED = {
    "the opponent's prior missing (a sum for a mean)": lambda t: free(t.q, 0.0, -1.2, 2),
    "the sign of the opponent's β": lambda t: free(t.q, R, 1.2, 2),
    "the agent's β for the opponent's": lambda t: free(t.q, R, 2.0, 2),
    "the sign of the opponent's log ratio": lambda t: (
        t.log_opponent.exp() * (t.q + (t.log_opponent - R) / -1.2)
    ).sum(2, True),
    "the two actions are exchanged": lambda t: free(t.q.transpose(1, 2), R, -1.2, 2),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_what_the_first_mover_follows_is_named(name):
    def loss(t, b):
        return weighed(b, divergence(t.log_agent, FOLLOWED[name](t).detach(), 2.0)[b.state])

    (finding,) = bench(balancing(), loss).actors()
    assert finding.mistake == f"agent: {name}", finding.says


def test_a_model_that_is_made_less_likely_is_named():
    system = System.of(game(), "fictitious-play", beta_agent=2.0, beta_opponent=1.0)

    def likelihood(t, b):
        return weighed(b, t.log_opponent[b.state, 0, b.opponent_action])

    (finding,) = bench(system, likelihood).actors()
    assert finding.mistake == "opponent: it is maximised where it must be minimised"


def test_a_gain_that_is_moved_the_wrong_way_is_named():
    """At the exact solution its gradient is 0 either way."""
    system = System.of(game(), "further", temperature=0.5, others=OTHERS)

    def off(t, b):
        log_policy = t.log_agent[:, :, 0]
        after = (log_policy.exp() * ((LAW * t.q).sum(2) - 0.5 * log_policy)).sum(1)
        return b.reward - t.gain + after.detach()[b.next_state] - t.q[b.taken]

    right = bench(system, lambda t, b: weighed(b, off(t, b) ** 2)).gradient()
    assert right.passed, right.says
    turned = bench(system, lambda t, b: -weighed(b, off(t, b) ** 2)).gradient()
    assert not turned.passed
    assert turned.mistake == "the gain is moved the wrong way"
