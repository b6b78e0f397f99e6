"""Peers of benchmarks/rudder.py in plain PyTorch: the LSTM's step, and PPO.

Eager, as they are written everywhere; PyTorch may use all of its threads. Each
function returns `advance(calls)`.
"""

from collections.abc import Callable
from typing import Any

import ml_collections
import numpy as np
import torch

Advance = Callable[[int], None]


def lstm_step(
  kind: str, inputs: int, features: int, length: int, batch: int
) -> Advance:
  """A training step of the return model, on the same random batch each time.

  Args:
    kind: "nn.LSTM", with all gates, in PyTorch's own kernels; or "cell", the
      paper's cell (no forget and output gate, the cell input from forward, the
      gate from recurrent connections) in a loop over time.
    inputs: of a step.
    features: cells.
    length: of the sequences.
    batch: how many of them.
  """
  torch.manual_seed(0)
  x = torch.randn(length, batch, inputs)
  returns = torch.randn(batch)
  network = (
    torch.nn.LSTM(inputs, features)
    if kind == "nn.LSTM"
    else Cell(inputs, features)
  )
  read_out = torch.nn.Linear(features, 1)
  parameters = [*network.parameters(), *read_out.parameters()]
  adam = torch.optim.Adam(parameters, lr=1e-2, weight_decay=1e-6)

  def advance(calls):
    for _ in range(calls):
      g = read_out(network(x)[0])[..., 0]
      error = (g - returns) ** 2
      loss = error[-1].mean() + 0.5 * error.mean()
      adam.zero_grad(set_to_none=True)
      loss.backward()
      torch.nn.utils.clip_grad_norm_(parameters, 0.5)
      adam.step()

  return advance


class Cell(torch.nn.Module):
  """c_t = c_{t-1} + sigmoid(R h_{t-1} + b) tanh(W x_t + b),  h_t = c_t."""

  def __init__(self, inputs: int, features: int):
    super().__init__()
    normal = lambda std, *shape: torch.nn.Parameter(std * torch.randn(*shape))
    self.forward_weight = normal(0.1, inputs, features)
    self.recurrent_weight = normal(0.1, features, features)
    self.input_bias = normal(1.0, features)
    self.gate_bias = torch.nn.Parameter(torch.randn(features) - 3.0)

  def forward(self, x: Any) -> tuple[Any, Any]:
    """`[time, batch, inputs]` to h `[time, batch, features]`, and the last."""
    # Before the loop, as ours: one product for all steps.
    z = torch.tanh(x @ self.forward_weight + self.input_bias)
    c = torch.zeros_like(z[0])
    h = []
    for t in range(len(x)):
      gate = torch.sigmoid(c @ self.recurrent_weight + self.gate_bias)
      c = c + gate * z[t]
      h.append(c)
    return torch.stack(h), c


def ppo(config: ml_collections.ConfigDict) -> Advance:
  """PPO on CartPole, as `projects.rudder.ppo.ppo` with the same config.

  Environments are gymnasium's, side by side in one process. A call is an
  update: `batch_size * rollout_steps` environment steps.
  """
  import gymnasium

  torch.manual_seed(config.seed)
  n, time = config.batch_size, config.rollout_steps
  make = lambda: gymnasium.make("CartPole-v1")
  envs = gymnasium.vector.SyncVectorEnv([make] * n)
  actor, critic = (_tower(config, outputs) for outputs in (2, 1))
  parameters = [*actor.parameters(), *critic.parameters()]
  adam = torch.optim.Adam(
    parameters, lr=config.learning_rate, eps=config.adam_eps
  )
  now = torch.as_tensor(envs.reset(seed=config.seed)[0])

  def rollout():
    nonlocal now
    seen = torch.zeros(time, n, 4)
    action = torch.zeros(time, n, dtype=torch.int64)
    log_prob, value, reward, end = torch.zeros(4, time, n)
    with torch.no_grad():
      for t in range(time):
        policy = torch.distributions.Categorical(logits=actor(now))
        seen[t], action[t] = now, policy.sample()
        log_prob[t] = policy.log_prob(action[t])
        value[t] = critic(now)[:, 0]
        after, paid, died, cut, _ = envs.step(action[t].numpy())
        reward[t] = torch.as_tensor(paid * config.reward_scale)
        end[t] = torch.as_tensor(np.logical_or(died, cut))
        now = torch.as_tensor(after)
      later, advantage = critic(now)[:, 0], torch.zeros(time, n)
      total = torch.zeros(n)
      for t in reversed(range(time)):
        on = 1.0 - end[t]
        delta = reward[t] + config.gamma * on * later - value[t]
        total = delta + config.gamma * config.gae_lambda * on * total
        advantage[t], later = total, value[t]
    target = advantage + value
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    return [
      leaf.flatten(0, 1) for leaf in (seen, action, log_prob, advantage, target)
    ]

  def advance(calls):
    for _ in range(calls):
      batch = rollout()
      for _ in range(config.epochs):
        for which in torch.randperm(n * time).chunk(config.minibatches):
          seen, action, old, advantage, target = (b[which] for b in batch)
          policy = torch.distributions.Categorical(logits=actor(seen))
          ratio = torch.exp(policy.log_prob(action) - old)
          clipped = ratio.clamp(1 - config.clip, 1 + config.clip)
          gain = torch.minimum(ratio * advantage, clipped * advantage).mean()
          error = 0.5 * ((critic(seen)[:, 0] - target) ** 2).mean()
          entropy = policy.entropy().mean()
          loss = config.value_coefficient * error - gain
          loss = loss - config.entropy_coefficient * entropy
          adam.zero_grad(set_to_none=True)
          loss.backward()
          torch.nn.utils.clip_grad_norm_(parameters, config.max_grad_norm)
          adam.step()

  return advance


def _tower(config, outputs) -> Any:
  """A perceptron as `model.ActorCritic` has two of."""
  activation = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}
  layers, width = [], 4
  for wide in config.widths:
    layers += [torch.nn.Linear(width, wide), activation[config.activation]()]
    width = wide
  return torch.nn.Sequential(*layers, torch.nn.Linear(width, outputs))
