"""FURTHER for one seed with torch.nn as anybody would write it: what the batched one is against.

One transition and one update of every network a step, an optimiser a network, a target copied
parameter by parameter. The mathematics is that of tabular_marl.deep.agents.further.
"""

import copy

import torch
from torch import nn
from torch.distributions import Categorical, Normal, kl_divergence
from torch.nn.functional import one_hot, softmax


def mlp(inputs, outputs, hidden=32):
    layers = [nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden, outputs))


class PlainFurther:
    """One agent in one game with O observations, A own and B other actions."""

    def __init__(self, config, observations, actions, others):
        self.config, self.actions, self.others = config, actions, others
        z = config.latent
        self.actor = mlp(observations + z, actions)
        self.critics = [mlp(observations + z + others, actions) for _ in range(2)]
        self.targets = copy.deepcopy(self.critics)
        self.encoder = mlp(2 * observations + actions + others + 1 + z, 2 * z)
        self.decoder = mlp(observations + z, others)
        self.gain = nn.Parameter(torch.zeros(()))
        self.latent, self.past = torch.zeros(z), []
        self.adams = {
            "actor": torch.optim.Adam(self.actor.parameters(), config.actor_rate),
            "one": torch.optim.Adam(self.critics[0].parameters(), config.critic_rate),
            "two": torch.optim.Adam(self.critics[1].parameters(), config.critic_rate),
            "gain": torch.optim.Adam([self.gain], config.gain_rate),
            "inference": torch.optim.Adam(
                [*self.encoder.parameters(), *self.decoder.parameters()], config.inference_rate
            ),
        }

    def act(self, obs):
        with torch.no_grad():
            return Categorical(logits=self.actor(torch.cat([obs, self.latent]))).sample()

    def posterior(self, tau, latent):
        mean, log_variance = self.encoder(torch.cat([tau, latent], -1)).chunk(2, -1)
        return Normal(mean, (log_variance.clamp(-20, 2) / 2).exp())

    def observe(self, obs, action, other, reward, after):
        played = one_hot(other, self.others).float()
        taken = one_hot(action, self.actions).float()
        tau = torch.cat([obs, after, taken, played, reward.view(1)])
        before = self.latent
        with torch.no_grad():
            self.latent = self.posterior(tau, before).sample()
        self.past = [*self.past[-self.config.window + 1 :], (tau, before, after, other)]
        if len(self.past) < self.config.window:
            return
        self.train_critics(obs, before, action, played, reward, after)
        self.train_actor(obs, before, played)
        self.train_inference()

    def train_critics(self, obs, before, action, played, reward, after):
        with torch.no_grad():
            here = torch.cat([after, self.latent])
            log_policy = torch.log_softmax(self.actor(here), -1)
            law = softmax(self.decoder(here), -1)
            value = 0.0
            for b in range(self.others):
                peer = one_hot(torch.tensor(b), self.others).float()
                inputs = torch.cat([here, peer])
                q = torch.min(self.targets[0](inputs), self.targets[1](inputs))
                value = value + law[b] * (log_policy.exp() * q).sum()
            value = value - self.config.temperature * (log_policy.exp() * log_policy).sum()
        inputs = torch.cat([obs, before, played])
        target = reward - self.gain + value
        loss = sum((target - critic(inputs)[action]) ** 2 for critic in self.critics)
        self.step(loss, "one", "two", "gain")
        rate = self.config.target_rate
        for target_net, net in zip(self.targets, self.critics, strict=True):
            for held, wanted in zip(target_net.parameters(), net.parameters(), strict=True):
                held.data.copy_(rate * wanted.data + (1 - rate) * held.data)

    def train_actor(self, obs, before, played):
        log_policy = torch.log_softmax(self.actor(torch.cat([obs, before])), -1)
        inputs = torch.cat([obs, before, played])
        q = torch.min(self.critics[0](inputs), self.critics[1](inputs)).detach()
        loss = (log_policy.exp() * (self.config.temperature * log_policy - q)).sum()
        self.step(loss, "actor")

    def train_inference(self):
        tau, latent, after, other = (torch.stack(part) for part in zip(*self.past, strict=True))
        law = self.posterior(tau, latent)
        drawn = law.rsample()[:-1]
        logits = self.decoder(torch.cat([after[:-1], drawn], -1))
        loss = -Categorical(logits=logits).log_prob(other[1:]).mean()
        now, then = (Normal(law.loc[k], law.scale[k]) for k in (slice(1, None), slice(None, -1)))
        loss = loss + self.config.kl_weight * kl_divergence(now, then).sum(-1).mean()
        self.step(loss, "inference")

    def step(self, loss, *names):
        for name in names:
            self.adams[name].zero_grad()
        loss.backward()
        for name in names:
            held = self.adams[name].param_groups[0]["params"]
            nn.utils.clip_grad_norm_(held, self.config.clip)
            self.adams[name].step()
