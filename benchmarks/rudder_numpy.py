"""Watch repair as one would write it without JAX: the peer of `rudder.py`.

One environment and one table in NumPy, and the reward model in PyTorch, its
cell a loop over time. Task, learner and settings
are those of the authors' demonstration (see `configs/rudder/watch_repair.py`);
the code is ours. PyTorch is needed for RUDDER only.

    environment_steps_per_second(episodes=200)   random play
    episode_loop("q_learning", episodes=1000)
    episode_loop("rudder", episodes=5000)   stops when it has solved
"""

import time
from typing import Any

import numpy as np

try:
  import torch
except ImportError:  # Then RUDDER's loop cannot run.
  torch = None

HOW_TO_ADD_PEER = "no PyTorch to compare with: pip install torch (CPU build)"
METHODS = ("q_learning", "rudder")
STEPS, BRANDS = 50, 4
REPAIR, REPAIR_STD = np.array([1, 4, 5, 24.5]), np.array([2, 2, 2, 1.0])
DELIVERY, DELIVERY_STD = np.array([0.5, 2.5, 4.5, 18]), 1.5
PRICE = np.array([18, 28, 31, 59.0])
EVENTS, COSTS = np.array([0.1, 0.05]), np.array([0.1, 7.0])
OPTIMAL = np.array([1, 0, 0, 1])
RATE, EPSILON, START = 0.1, 0.1, 10.0
WINDOW, SHARE = 750, 0.95
LESSONS, WARMUP, ROUND, BATCH, SCALE = 2048, 256, 25, 8, 10.0


class Watches:
  """The task: `reset() -> state`, `step(action) -> state, reward, done`.

  A state is (repaired, jams, flat tyres, brand, time).
  """

  def __init__(self, random: np.random.Generator):
    self.random = random

  def reset(self) -> np.ndarray:
    """A watch of any brand."""
    self.state = np.array([0, 0, 0, self.random.integers(BRANDS), 0])
    return self.state.copy()

  def step(self, action: int) -> tuple[np.ndarray, float, bool]:
    """Repairs (0) or declines (1) at time 0; one step of the way."""
    random, state, reward = self.random, self.state, 0.0
    brand = state[3]
    if state[4] == 0 and action == 0:
      state[0] = 1
      reward -= random.normal(REPAIR[brand], REPAIR_STD[brand])
    state[1:3] += random.random(2) < EVENTS
    state[4] += 1
    done = state[4] == STEPS
    if done and state[0]:
      delivery = random.normal(DELIVERY[brand], DELIVERY_STD)
      reward += PRICE[brand] - delivery - state[1:3] @ COSTS
    return state.copy(), float(reward), done


def environment_steps_per_second(episodes: int) -> float:
  """Random play."""
  random = np.random.default_rng(0)
  env = Watches(random)
  begin = time.perf_counter()
  for _ in range(episodes):
    env.reset()
    done = False
    while not done:
      _, _, done = env.step(int(random.integers(2)))
  return episodes * STEPS / (time.perf_counter() - begin)


def episode_loop(method: str, episodes: int) -> dict[str, Any]:
  """Learns until 95% of the last 750 decisions were optimal, or to the budget.

  Args:
    method: of `METHODS`.
    episodes: the budget.

  Returns:
    `episodes` played, `solved`, `seconds`, `steps_per_s` of the environment.

  Raises:
    ImportError: RUDDER without PyTorch.
  """
  if method not in METHODS:
    raise ValueError(f"no method {method!r}: {', '.join(METHODS)}")
  if method == "rudder" and torch is None:
    raise ImportError(HOW_TO_ADD_PEER)
  random = np.random.default_rng(0)
  env = Watches(random)
  # repaired, jams, flats, brand, time, action; terminal values are zero.
  q = np.full((2, STEPS + 1, STEPS + 1, BRANDS, STEPS + 1, 2), START)
  q[..., STEPS, :] = 0
  reward_model = Model() if method == "rudder" else None
  good = []
  begin, count = time.perf_counter(), 0
  while count < episodes:
    states, actions, rewards = play(env, q, random)
    count += 1
    good.append(actions[0] == OPTIMAL[states[0, 3]])
    if reward_model is None:
      target = backups(q, states, rewards)
    else:
      reward_model.add(states, actions, rewards)
      if count % ROUND == 0 and reward_model.ready():
        reward_model.train()
      target = reward_model.redistribute(states, actions, rewards)
    places = (*states[:-1].T, actions)
    q[places] += RATE * (target - q[places])
    if len(good) >= WINDOW and np.mean(good[-WINDOW:]) >= SHARE:
      break
  seconds = time.perf_counter() - begin
  solved = len(good) >= WINDOW and bool(np.mean(good[-WINDOW:]) >= SHARE)
  return {
    "episodes": count,
    "solved": solved,
    "seconds": seconds,
    "steps_per_s": count * STEPS / seconds,
  }


def play(
  env: Watches, q: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """One epsilon-greedy episode: states `[51, 5]`, actions, rewards `[50]`."""
  state, done = env.reset(), False
  states, actions, rewards = [state], [], []
  while not done:
    action = 1  # Nothing can be chosen on the way.
    if state[4] == 0:
      values = q[tuple(state)]
      if random.random() < EPSILON or values[0] == values[1]:
        action = int(random.integers(2))
      else:
        action = int(values.argmax())
    state, reward, done = env.step(action)
    states.append(state)
    actions.append(action)
    rewards.append(reward)
  return np.stack(states), np.array(actions), np.array(rewards)


def backups(q, states, rewards) -> np.ndarray:
  """Targets `[50]` of Q-learning."""
  after = q[tuple(states[1:].T)]
  return rewards + after[:, 1]  # The one action that there is on the way.


class Model:
  """RUDDER's LSTM, its lessons and its training, in PyTorch."""

  def __init__(self, units: int = 16):
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=generator)
    parts = {
      "w": 0.1 * draw(10, units),
      "b": draw(units),
      "r": 0.1 * draw(units, units),
      "c": draw(units) - 3,
      "out": draw(units) / units**0.5,
      "bias": torch.zeros(()),
    }
    self.parts = {n: p.requires_grad_() for n, p in parts.items()}
    self.optimizer = torch.optim.Adam(
      self.parts.values(), lr=1e-2, weight_decay=1e-6
    )
    self.random = np.random.default_rng(0)
    self.inputs = np.zeros((LESSONS, STEPS + 1, 10), np.float32)
    self.returns = np.zeros(LESSONS, np.float32)
    self.count, self.trained = 0, False

  def features(self, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Delta states, the brand as four numbers, and actions: `[51, 10]`."""
    known = np.concatenate(
      [
        states[:, :3],
        np.eye(BRANDS)[states[:, 3]],
        states[:, 4:] / STEPS,
      ],
      1,
    )
    delta = np.diff(known, axis=0, prepend=np.zeros((1, 8)))
    taken = np.zeros((STEPS + 1, 2))
    taken[:STEPS] = np.eye(2)[actions]
    return np.concatenate([delta, taken], 1).astype(np.float32)

  def predict(self, inputs: Any) -> Any:
    """Predicted returns over `SCALE`, of tensors `[batch, 51, 10]`."""
    p = self.parts
    cell = inputs.new_zeros(len(inputs), len(p["b"]))
    out = []
    for x in inputs.unbind(1):
      z = torch.tanh(x @ p["w"] + p["b"])
      cell = cell + torch.sigmoid(cell @ p["r"] + p["c"]) * z
      out.append(cell @ p["out"] + p["bias"])
    return torch.stack(out, 1)

  def add(self, states, actions, rewards) -> None:
    """Keeps an episode as a lesson."""
    place = self.count % LESSONS
    self.inputs[place] = self.features(states, actions)
    self.returns[place] = rewards.sum()
    self.count += 1

  def ready(self) -> bool:
    """Enough lessons, not all of the same return."""
    known = self.returns[: self.count]
    return self.count > WARMUP and bool(np.ptp(known) > 0)

  def train(self) -> None:
    """Until the running mean of the main loss is at most 0.15."""
    mean = 0.3
    while mean > 0.15:
      which = self.random.integers(0, min(self.count, LESSONS), BATCH)
      g = self.predict(torch.from_numpy(self.inputs[which]))
      target = torch.from_numpy(self.returns[which] / SCALE)[:, None]
      errors = (g - target) ** 2
      main = errors[:, -1].mean()
      loss = main + 0.5 * errors.mean()
      self.optimizer.zero_grad()
      loss.backward()
      self.optimizer.step()
      mean += 0.01 * (main.item() - mean)
      if main.item() > 2 * mean:
        mean = loss.item()
    self.trained = True

  def redistribute(self, states, actions, rewards) -> np.ndarray:
    """Differences of predictions `[50]`, which sum to the return."""
    if not self.trained:
      return rewards
    with torch.no_grad():
      inputs = torch.from_numpy(self.features(states, actions))[None]
      g = SCALE * self.predict(inputs)[0].numpy()
    h = np.diff(g, prepend=0.0)
    h[-2] += h[-1]  # Where the last action has led.
    h = h[:-1]
    return h + (rewards.sum() - h.sum()) / STEPS
