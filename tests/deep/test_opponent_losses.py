"""ROMMEO's opponent model, and imitation: optima by enumeration, against the exact solvers."""

import itertools

import numpy as np
import pytest
import torch
from torch.autograd import grad

import tabular_marl as tm
from tabular_marl.deep.losses import em, imitation, opponent, soft

S, A, B = 3, 3, 4
rng = np.random.default_rng(11)


def normal(*shape):
    return torch.from_numpy(rng.normal(size=shape))


def simplex(*shape):
    return torch.from_numpy(rng.dirichlet(np.ones(shape[-1]), shape[:-1]))


@pytest.fixture(scope="module")
def game():
    transition = rng.dirichlet(np.ones(S), (S, A, B))
    return tm.StochasticGame(transition, rng.normal(size=(S, A, B)), discount=0.8)


@pytest.mark.parametrize("beta", [1.5, -0.8])
def test_the_sampled_pair_is_the_bound_and_rommeo_its_optimum(game, beta):
    solved = tm.rommeo(game, beta)
    q = torch.from_numpy(solved.q.copy())
    uniform = tuple(torch.full((), 1.0 / k, dtype=q.dtype).log() for k in (A, B))
    logits = [k.clone().requires_grad_() for k in em.e_step(q, *uniform, beta)]
    agent, model = torch.log_softmax(logits[0], 1), torch.log_softmax(logits[1], 2)
    weights = ((agent + model).exp() / S).flatten()
    terms = (q, agent, uniform[0].expand_as(q), model.expand_as(q), uniform[1].expand_as(q))
    # enumerated, the law of (a, b) is a weight, and its derivative the score function's
    loss = opponent.sampled_pair_loss(*(t.flatten() for t in terms), beta, weights)
    assert loss.item() == pytest.approx(-beta * solved.value.mean(), abs=1e-8)
    for slope in grad(loss, logits):
        assert slope.abs().max() < 1e-9


def test_the_opponent_s_prior_is_its_frequency():
    seen, logits = simplex(B), normal(B).requires_grad_()
    best = seen.log().requires_grad_()
    assert grad(opponent.prior_loss(torch.log_softmax(best, 0), seen), best)[0].abs().max() < 1e-12
    assert grad(opponent.prior_loss(torch.log_softmax(logits, 0), seen), logits)[0].norm() > 0.1
    actions, weights = normal(50, 2), simplex(50)
    for held in (None, weights):
        centre, spread = (k.requires_grad_() for k in opponent.gaussian_prior(actions, held))
        log_prob = torch.distributions.Normal(centre, spread).log_prob(actions).sum(1)
        for slope in grad(opponent.prior_loss(log_prob, held), [centre, spread]):
            assert slope.abs().max() < 1e-12


def test_balance_imitation_finds_the_opponent_s_temperature(game):
    """(132): the likelihood of the exact opponent's play peaks at its own β^-i."""
    beta, true = 1.5, -0.9
    play = tm.balancing_q(game, beta_agent=beta, beta_opponent=true, view="opponent")
    data = torch.from_numpy(play.opponent_policy.copy())
    uniform = tuple(torch.full((), 1.0 / k, dtype=data.dtype).log() for k in (A, B))

    def fitted(value):
        q = tm.balancing_q(game, beta_agent=beta, beta_opponent=value, view="opponent").q
        return torch.from_numpy(q.copy())

    def loss(q, value):
        log_expert = imitation.balance_log_opponent(q, *uniform, beta, value)
        return imitation.likelihood_loss(log_expert.flatten(), data.flatten() / S)

    found = imitation.balance_log_opponent(fitted(true), *uniform, beta, true).exp()
    np.testing.assert_allclose(found, data, atol=1e-9)
    least = loss(fitted(true), true)
    assert all(loss(fitted(other), other) > least for other in (-1.0, -0.8, 0.5))
    value = torch.tensor(true, dtype=data.dtype, requires_grad=True)
    assert grad(loss(fitted(true), value), value)[0].abs() < 1e-9


def losses_at(expert, data, generated):
    """The discriminator's loss over all of [S, B], states uniform."""
    logit = imitation.discriminator_logit(expert, generated.log()).flatten()
    weights = data.flatten(), generated.flatten()
    return imitation.discriminator_loss(logit, logit, *weights)


def test_the_best_discriminator_is_the_ratio_and_the_expert_the_data():
    data, generated = simplex(S, B), simplex(S, B)
    logits = data.log().requires_grad_()
    least = losses_at(torch.log_softmax(logits, 1), data, generated)
    assert grad(least, logits)[0].abs().max() < 1e-12
    mixed = (data + generated) / 2
    divergence = (torch.xlogy(data, data / mixed) + torch.xlogy(generated, generated / mixed)).sum()
    assert least.item() == pytest.approx(np.log(4) - divergence.item() / S)
    other = torch.log_softmax(logits + normal(S, B), 1)
    assert losses_at(other, data, generated) > least + 1e-3
    ratio = torch.sigmoid(imitation.discriminator_logit(data.log(), generated.log()))
    torch.testing.assert_close(ratio, data / (data + generated))


def test_the_generator_is_the_regularised_policy():
    q, prior, beta = normal(S, B), simplex(S, B).log(), 1.3
    expert = torch.log_softmax(beta * q + prior, 1)
    logits = normal(S, B).requires_grad_()
    loss = imitation.generator_loss(torch.log_softmax(logits, 1), expert)
    known = soft.policy_loss(torch.log_softmax(logits, 1), q, prior, beta)
    constant = beta * soft.value(q, prior, beta).mean()
    assert loss.item() == pytest.approx((known + constant).item())
    torch.testing.assert_close(*(grad(k, logits)[0] for k in (loss, known)))
    assert imitation.generator_loss(expert, expert).abs() < 1e-14


@pytest.mark.parametrize("count", [1, 3])
def test_the_discriminator_s_gradient_is_the_likelihood_s(count):
    """(138), (140): with 2 E_μ, not 4, and −log Ẑ; Z and μ̃ are held fixed."""
    q = normal(B).requires_grad_()
    prior, data, generated = simplex(B), simplex(B), simplex(B)
    for partition in (0.3, 1.7):
        tilted = prior.log() + q
        logit = tilted - np.log(partition) - generated.log()
        loss = imitation.discriminator_loss(logit, logit, data, generated)
        (slope,) = grad(loss, q)
        mixture = (data + generated) / 2
        estimate = (tilted.exp() / partition / 2 + generated / 2).detach()
        wanted = mixture * prior * q.exp() / partition / estimate - data
        torch.testing.assert_close(slope, wanted.detach())
    # and (137), corrected, in its own right: Ẑ from samples is Z in expectation of exp
    uniform = torch.full((B,), 1 / B, dtype=q.dtype).log()
    whole = imitation.sampled_likelihood_loss(
        q, prior.log(), q.expand(B, B), prior.log().expand(B, B), uniform, 1.0, data
    )
    known = imitation.likelihood_loss(torch.log_softmax(prior.log() + q, 0), data)
    assert whole.item() == pytest.approx(known.item())
    drawn = torch.tensor(list(itertools.product(range(B), repeat=count)))
    chance, mixture = data[drawn].prod(1), data.log()
    one = torch.zeros(1, dtype=q.dtype)
    total = sum(
        c * imitation.sampled_likelihood_loss(one, one, q[k], prior.log()[k], mixture[k], 1.0).exp()
        for c, k in zip(chance, drawn, strict=True)
    )
    assert total.item() == pytest.approx((prior * q.exp()).sum().item())


def test_the_posterior_of_a_discriminator():
    logit, data, generated = normal(2, 5), normal(3, 5, 4), normal(3, 5, 4)
    found = imitation.discriminator_log_posterior(logit[0, 0], data[0, 0], generated[0, 0])
    both = torch.sigmoid(data[0, 0]).log().sum() + (1 - torch.sigmoid(generated[0, 0])).log().sum()
    assert found.item() == pytest.approx((logit[0, 0] + both).item())
    assert imitation.discriminator_log_posterior(logit[0], data, generated).shape == (3, 5)


def test_importance_weights_of_the_generator_are_the_density_ratio():
    """(150), (151): w_k = q^(r)(y|x_k) p(x_k)/p(x_k|y), with the best D."""
    data, generated = simplex(B), simplex(B)
    best = data / (data + generated)
    weight = best * (data + generated) / 2 / generated
    logit = (data.log() - generated.log()).requires_grad_()
    torch.testing.assert_close(torch.softmax(logit, 0), weight / weight.sum())
    loss = imitation.importance_weighted_generator_loss(logit[None])
    share = torch.softmax(logit.detach(), 0)
    torch.testing.assert_close(grad(loss, logit)[0], -share * (1 - best))
    single = imitation.importance_weighted_generator_loss(logit[:, None], generated)
    assert single.item() == pytest.approx(-(generated * best.log()).sum().item())


CONJUGATES = {
    "kl": (lambda u: u * torch.log(u), lambda t: torch.exp(t - 1)),
    "gan": (
        lambda u: u * torch.log(u) - (u + 1) * torch.log(u + 1),
        lambda t: -torch.log(1 - torch.exp(t)),
    ),
    "pearson": (lambda u: (u - 1) ** 2, lambda t: t**2 / 4 + t),
}


@pytest.mark.parametrize("kind", CONJUGATES)
def test_the_best_critic_of_a_divergence_is_its_slope(kind):
    f, conjugate = CONJUGATES[kind]
    data, generated = simplex(B), simplex(B)
    ratio = (data / generated).requires_grad_()
    critic = grad(f(ratio).sum(), ratio)[0].requires_grad_()
    loss = imitation.divergence_loss(critic, conjugate(critic), data, generated)
    assert loss.item() == pytest.approx(-(generated * f(ratio)).sum().item())
    assert grad(loss, critic)[0].abs().max() < 1e-12
    if kind == "gan":
        logit = data.log() - generated.log()
        known = imitation.discriminator_loss(logit, logit, data, generated)
        assert loss.item() == pytest.approx(known.item())


def test_as_printed_the_divergence_has_no_maximum():
    """(152): max_T E_data[f*(T)] + E_ρ[T] grows without end."""
    data, generated = simplex(B), simplex(B)
    values = [(data * np.exp(t - 1) + generated * t).sum() for t in (1.0, 5.0, 20.0)]
    assert values[0] < values[1] < 1e-6 * values[2]
