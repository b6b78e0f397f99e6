"""Training steps of Coulomb GANs against the same steps in PyTorch.

  python -m benchmarks coulomb_gan

Measured are whole steps as training runs them: batches drawn, both players'
gradients at the same parameters, both Adams; ours through `Run.compile` and
`Run.steps`, and so with the Python between two calls. The peer is plain eager
PyTorch (CPU build, no `torch.compile`) with the same networks, batch size,
data, noise, potentials and schedules, written to its advantage: generated
samples, and the discriminator's outputs for them where no noise is added, are
computed once for both players; gradients are asked for only where they are
used; the L2 penalty is Adam's `weight_decay`; batch norm keeps no averages.
Float32 and as many threads as cores on both sides.

The sides take turns, in one process, after a warm-up; seconds are medians of
the rounds. Programs are compiled anew, without the persistent cache. Measure on
an idle machine: PyTorch's OpenMP threads wait for each other by spinning, and
beside other work a step can take ten times as long. Goals: 5 times the peer's
speed on the plane, once its speed on images.
"""

import contextlib
import io
import itertools
import math
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import ml_collections
import numpy as np

from common import experiment
from configs.coulomb_gan import fashion_mnist, gaussian_grid
from projects.coulomb_gan import data, losses, model, train

try:
  import torch
except ImportError:  # Then the peer's cells stay empty.
  torch = None

PEER = "PyTorch, eager" if torch else None
HOW_TO_ADD_PEER = "no PyTorch to compare with: pip install torch (CPU build)"


def settings() -> dict[str, Any]:
  """Returns what the times depend on: threads and versions."""
  all_cores = lambda pid: range(os.cpu_count() or 1)  # But for Linux.
  return {
    "jax_threads": len(getattr(os, "sched_getaffinity", all_cores)(0)),
    "torch_threads": torch.get_num_threads() if torch else None,
    "torch": torch.__version__ if torch else None,
  }


def run(quick: bool = False) -> list[dict]:
  """Returns one row (a dict) per measurement; `quick` takes smoke configs."""
  variant = "smoke" if quick else ""
  rounds = 2 if quick else 7
  toy = gaussian_grid.get_config(variant)
  images = fashion_mnist.get_config(variant)
  images.unlock()
  images.dataset = "discs"  # Generated: no data is needed.
  size = images.image_size
  pixels = size**2 * images.image_channels
  sizes = (16, 32) if quick else (128, 256, 512, 1024, 2048, 4096)
  # Steps of a round: long enough for a clock, and about as long on both sides.
  many = toy.steps_per_call
  calls = {many: 1, 1: 2} if quick else {many: 5, 1: 200}
  peer, few = (2, 1) if quick else (200, 5)
  with _conditions(quick):
    rows = _steps("toy step", toy, calls, peer, rounds, goal=5)
    rows += _steps(f"{size}x{size} step", images, {1: few}, few, rounds, goal=1)
    rows += [
      _row(f"compiling the {row['what']}", row.pop("compile_s"))
      for row in list(rows)
    ]
    rows += _potentials(toy, toy.data_dim, sizes, rounds)
    rows += _potentials(images, pixels, sizes, rounds)
  return rows


def _row(what: str, ours_s: float, peer_s: float | None = None, **more) -> dict:
  return {
    "what": what,
    "ours_s": ours_s,
    "peer": PEER if peer_s else None,
    "peer_s": peer_s,
    "ratio": peer_s / ours_s if peer_s else None,
    "error": None,
    **more,
  }


def _steps(
  name: str,
  config: ml_collections.ConfigDict,
  ours: dict[int, int],
  peer: int,
  rounds: int,
  goal: float,
) -> list[dict]:
  """One row for each number of steps in a call.

  Args:
    name: what the rows are called.
    config: of the step.
    ours: steps in a call -> calls in a round.
    peer: the peer's steps in a round.
    rounds: how many.
    goal: how many times the peer's speed ours is to have.
  """
  contenders, compile_s, parameters, theirs = {}, {}, None, None
  with contextlib.ExitStack() as stack:
    for count, calls in ours.items():
      one = _ours(config, count)
      advance, compile_s[count], parameters = stack.enter_context(one)
      contenders[count] = (advance, calls, count)
    if torch:
      advance, theirs = torch_step(config)
      contenders["peer"] = (advance, peer, 1)
    seconds = _interleaved(contenders, rounds)
  return [
    _row(
      f"{name}, batch {config.batch_size}, steps a call: {count}",
      seconds[count],
      seconds.get("peer"),
      goal=goal,
      steps_per_s=1 / seconds[count],
      peer_steps_per_s=1 / seconds["peer"] if torch else None,
      parameters=parameters,
      peer_parameters=theirs,
      compile_s=compile_s[count],
    )
    for count in ours
  ]


@contextlib.contextmanager
def _ours(
  config: ml_collections.ConfigDict, steps_per_call: int
) -> Iterator[tuple[Callable[[int], None], float, int]]:
  """Yields `advance(calls)`, seconds to compile the step, parameters."""
  config = config.copy_and_resolve_references()
  config.unlock()
  config.total_steps = 10**9
  config.steps_per_call = steps_per_call
  with (
    tempfile.TemporaryDirectory() as workdir,
    experiment.Run(config, workdir) as run,
  ):
    # Run would finish a step and save first; here Ctrl-C means at once.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    state = run.restore_or(lambda key: train.init(key, config))
    leaves = jax.tree.leaves((state.generator, state.discriminator))
    update = run.compile(train.make_train_step(config))
    steps = run.steps(state, data.batches(config, run.key("data")))
    with contextlib.redirect_stderr(io.StringIO()):  # The progress bar.
      _, batch = next(steps)
    start = time.perf_counter()
    update.lower(state, batch).compile()
    compile_s = time.perf_counter() - start

    def advance(calls):
      nonlocal state
      for _, batch in itertools.islice(steps, calls):
        state, _ = update(state, batch)
      jax.block_until_ready(state)

    yield advance, compile_s, sum(leaf.size for leaf in leaves)


@contextlib.contextmanager
def _conditions(quick: bool) -> Iterator[None]:
  """No persistent cache; if quick, one thread of PyTorch, which cannot spin."""
  cache = jax.config.jax_enable_compilation_cache
  threads = torch.get_num_threads() if torch else 0
  if not quick:
    jax.config.update("jax_enable_compilation_cache", False)
  elif torch:
    torch.set_num_threads(1)
  try:
    yield
  finally:
    jax.config.update("jax_enable_compilation_cache", cache)
    if torch:
      torch.set_num_threads(threads)


def _interleaved(contenders: dict, rounds: int) -> dict[Any, float]:
  """Returns the median seconds of a step for each contender.

  Args:
    contenders: name -> `advance(calls)`, calls in a round, steps in a call.
    rounds: how many times all of them take their turn.
  """
  for advance, calls, _ in contenders.values():
    advance(calls)
  seconds = {name: [] for name in contenders}
  for _ in range(rounds):
    for name, (advance, calls, steps) in contenders.items():
      start = time.perf_counter()
      advance(calls)
      elapsed = time.perf_counter() - start
      seconds[name].append(elapsed / (calls * steps))
  return {name: statistics.median(s) for name, s in seconds.items()}


def _potentials(
  config: ml_collections.ConfigDict,
  dim: int,
  sizes: tuple[int, ...],
  rounds: int,
) -> list[dict]:
  """How the cost of both players' potentials grows with the batch."""

  @jax.jit
  def potentials(x, y):
    return losses.batch_potentials(
      x,
      y,
      config.kernel_exponent,
      config.kernel_epsilon,
      config.self_interaction,
    )

  rows = []
  for n in sizes:
    x, y = np.random.default_rng(n).normal(size=(2, n, dim)).astype(np.float32)
    x, y = jax.device_put((x, y))

    def advance(calls, x=x, y=y):
      for _ in range(calls):
        jax.block_until_ready(potentials(x, y))

    calls = 1 if n > 1024 else 10
    ours_s = _interleaved({"ours": (advance, calls, 1)}, rounds)["ours"]
    growth = ours_s / rows[-1]["ours_s"] if rows else None
    rows.append(_row(f"potentials, {dim}-D, batch {n}", ours_s, growth=growth))
  return rows


def torch_potentials(
  x: Any,
  y: Any,
  exponent: float,
  epsilon: float,
  self_interaction: str,
  a_x: Any,
  a_y: Any,
) -> tuple[Any, Any]:
  """`losses.batch_potentials` on tensors, by the same route."""

  def squared_distances(a, b):
    if a.shape[1] <= 16:
      return ((a[:, None] - b[None]) ** 2).sum(-1)
    centre = b.mean(0)
    a, b = a - centre, b - centre
    norms = (a**2).sum(1)[:, None] + (b**2).sum(1)[None]
    return torch.addmm(norms, a, b.T, alpha=-2).clamp_(min=0)

  def mean_kernel(a, b, own):
    r2 = squared_distances(a, b)
    if own:
      r2.diagonal().copy_(((a - b) ** 2).sum(1))
    k = (r2 + epsilon**2).rsqrt_().pow_(exponent)
    if own and self_interaction == "drop":
      return k.fill_diagonal_(0).sum(1) / (len(b) - 1)
    return k.mean(1)

  with torch.no_grad():
    return (
      mean_kernel(a_x, y, False) - mean_kernel(a_x, x, True),
      mean_kernel(a_y, y, True) - mean_kernel(a_y, x, False),
    )


def torch_step(
  config: ml_collections.ConfigDict,
) -> tuple[Callable[[int], None], int]:
  """Returns the peer's `advance(steps)` and its number of parameters."""
  if config.method != "coulomb" or config.update_order != "simultaneous":
    raise NotImplementedError("the peer is a simultaneous Coulomb GAN only")
  G, D = _torch_networks(config)
  real = _torch_data(config)
  players = (
    (list(G.parameters()), config.generator_learning_rate),
    (list(D.parameters()), config.discriminator_learning_rate),
  )
  adams = [_torch_adam(p, rate, config) for p, rate in players]
  std, t = config.smoothing_std, 0

  def step():
    y = real(config.batch_size)
    x = G(torch.randn(config.batch_size, config.latent_dim))
    d_x = D(x)[:, 0]
    a_x, a_y, at_x = x.detach(), y, d_x
    if std:
      a_x = a_x + std * torch.randn_like(a_x)
      a_y = y + std * torch.randn_like(y)
      at_x = D(a_x)[:, 0]
    phi_x, phi_y = torch_potentials(
      x.detach().flatten(1),
      y.flatten(1),
      config.kernel_exponent,
      config.kernel_epsilon,
      config.self_interaction,
      a_x.flatten(1),
      a_y.flatten(1),
    )
    d_loss = 0.25 * ((at_x - phi_x) ** 2).mean()
    d_loss = d_loss + 0.25 * ((D(a_y)[:, 0] - phi_y) ** 2).mean()
    g_loss = -0.5 * d_x.mean()
    grads = (
      torch.autograd.grad(g_loss, players[0][0], retain_graph=True),
      torch.autograd.grad(d_loss, players[1][0]),
    )
    for adam, (parameters, rate), gs in zip(adams, players, grads, strict=True):
      for p, g in zip(parameters, gs, strict=True):
        p.grad = g
      for group in adam.param_groups:
        group["lr"] = rate * _decay(t, config)
      adam.step()

  def advance(steps):
    nonlocal t
    for _ in range(steps):
      step()
      t += 1

  return advance, sum(p.numel() for ps, _ in players for p in ps)


def _decay(t: int, config: ml_collections.ConfigDict) -> float:
  if not config.decay_steps:
    return 1.0
  if t < config.warmup_steps:
    return t / config.warmup_steps
  part = (t - config.warmup_steps) / (config.decay_steps - config.warmup_steps)
  return 0.5 * (1 + math.cos(math.pi * min(part, 1.0)))


def _torch_adam(parameters, rate, config):
  """Adam, with L2 on convolution kernels, the only 4-D parameters."""
  betas = (config.adam_b1, config.adam_b2)
  kernels = [p for p in parameters if p.ndim == 4]
  others = [p for p in parameters if p.ndim != 4]
  groups = [{"params": others}]
  if kernels:
    groups.append({"params": kernels, "weight_decay": config.l2_penalty})
  return torch.optim.Adam(groups, lr=rate, betas=betas)


def _torch_data(config) -> Callable[[int], Any]:
  """Draws real samples, as data.gaussian_grid and data.discs do."""
  if config.dataset == "gaussian_grid":
    centres = torch.tensor(np.asarray(data.mode_centres(config)))
    weights = torch.tensor(np.asarray(data.mode_weights(config)))

    def grid(n):
      which = torch.multinomial(weights, n, replacement=True)
      return centres[which] + config.mode_std * torch.randn(n, 2)

    return grid
  size, channels = config.image_size, config.image_channels
  ticks = (torch.arange(size) + 0.5) / size

  def discs(n):
    place = 0.25 + 0.5 * torch.rand(n, 2, 1, 1)
    radius = 0.1 + 0.1 * torch.rand(n, 1, 1)
    across = (ticks[None, :] - place[:, 0]) ** 2
    down = (ticks[:, None] - place[:, 1]) ** 2
    disc = torch.tanh(size * (radius - torch.sqrt(across + down)))
    return disc[:, None].expand(n, channels, size, size)

  return discs


def _torch_networks(config) -> tuple[Any, Any]:
  """Returns generator and discriminator, as model.networks makes them."""
  nn = torch.nn
  if config.network == "mlp":
    return (
      _torch_mlp(
        config, "generator", config.latent_dim, config.data_dim, skip=True
      ),
      _torch_mlp(config, "discriminator", config.data_dim, 1, skip=False),
    )
  if config.discriminator_norm != "batch":
    raise NotImplementedError("the peer has batch normalisation only")
  norm = lambda c: nn.BatchNorm2d(c, eps=1e-3, track_running_stats=False)
  up = lambda c, f: nn.ConvTranspose2d(c, f, 5, 2, padding=2, output_padding=1)
  squash = nn.Module()
  squash.forward = lambda a: 1.7159 * torch.tanh(2 / 3 * a)
  c = config.generator_features
  depth = int(math.log2(config.image_size // 4))
  layers = [
    nn.Linear(config.latent_dim, 16 * c),
    nn.ReLU(),
    nn.Unflatten(1, (c, 4, 4)),
  ]
  for _ in range(1, depth):
    layers += [up(c, c // 2), norm(c // 2), nn.ReLU()]
    c //= 2
  generator = nn.Sequential(*layers, up(c, config.image_channels), squash)
  layers, c = [], config.image_channels
  for i in range(model.discriminator_depth(config)):
    f = config.discriminator_features << i
    layers += [
      nn.Conv2d(c, f, 5, 2, padding=2, bias=False),
      norm(f),
      nn.LeakyReLU(0.2),
    ]
    c = f
  side = config.image_size >> model.discriminator_depth(config)
  layers += [nn.Flatten(), nn.Linear(c * side**2, 1)]
  return generator, nn.Sequential(*layers)


def _torch_mlp(config, player, inputs, outputs, skip) -> Any:
  """Returns the network that model.MLP is, with the settings of `player`."""
  nn = torch.nn
  activation = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "silu": nn.SiLU,
    "gelu": lambda: nn.GELU("tanh"),
    "tanh": nn.Tanh,
  }[config[f"{player}_activation"]]
  frequencies = config[f"{player}_frequencies"]
  bandwidth = config[f"{player}_bandwidth"]

  class MLP(nn.Module):
    def __init__(self):
      super().__init__()
      self.register_buffer("waves", torch.randn(inputs, frequencies))
      layers, width = [], inputs + 2 * frequencies
      for wide in config[f"{player}_widths"]:
        layers += [nn.Linear(width, wide), activation()]
        width = wide
      self.layers = nn.Sequential(*layers, nn.Linear(width, outputs))
      self.skip = nn.Linear(inputs, outputs) if skip else None

    def forward(self, a):
      features = a
      if frequencies:
        phase = bandwidth * a @ self.waves
        features = torch.cat([a, torch.sin(phase), torch.cos(phase)], dim=-1)
      out = self.layers(features)
      return out if self.skip is None else out + self.skip(a)

  return MLP()
