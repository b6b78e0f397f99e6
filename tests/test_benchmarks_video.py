"""The video models' peers compute what ours do, gradients and all."""

import jax
import numpy as np
import pytest
from flax import traverse_util

from benchmarks import fvd_models
from common import keys
from projects.fvd.models import choice, savp

torch = pytest.importorskip("torch")

from benchmarks import fvd_models_torch, fvd_savp_torch  # noqa: E402

LATE = 10_000  # Steps: then frames are the models' own, and KL counts fully.
NAMES = {"kernel": "weight", "scale": "weight", "shift": "bias"}
GATES = "ifgo"


def to_torch(tree):
  """Our parameters, or gradients, by the names that the peer gives them."""
  flat, found = traverse_util.flatten_dict(tree), {}
  for (*path, last), leaf in flat.items():
    where, leaf = ".".join(path), np.asarray(leaf)
    if leaf.ndim > 1:  # [..., c, f] -> [f, c, ...]
      leaf = np.moveaxis(leaf, (-1, -2), (0, 1))
    if last.startswith("bias_"):  # Of a discriminator.
      layer = last.removeprefix("bias_")
      layer = layer if layer == "out" else f"conv_{layer}"
      found[f"{where}.{layer}.bias"] = leaf
    elif path[-1] in [side + gate for side in "ih" for gate in GATES]:
      # One of an LSTM's eight products: those of four gates are one.
      *path, product = path
      name = f"{'.'.join(path)}.{NAMES.get(last, last)}_{product[0]}h"
      # All biases of ours are the hidden state's; the peer's its input's.
      name = name.replace("bias_hh", "bias_ih")
      rows = found.setdefault(name, [None] * 4)
      rows[GATES.index(product[1])] = leaf
    else:
      found[f"{where}.{NAMES.get(last, last)}".lstrip(".")] = leaf
  join = lambda a: np.concatenate(a) if isinstance(a, list) else a
  return {name: join(a) for name, a in found.items()}


def give(net, tree):
  """Sets all parameters of a peer."""
  named = {n: p for n, p in net.named_parameters() if p.requires_grad}
  ours = to_torch(tree)
  assert {n: tuple(p.shape) for n, p in named.items()} == {
    n: a.shape for n, a in ours.items()
  }
  with torch.no_grad():
    for name, p in named.items():
      p.copy_(torch.tensor(ours[name]))


def same_gradients(net, grads):
  """Compares them with those of the peer's last `backward`."""
  grads = to_torch(grads)
  most = max(np.abs(a).max() for a in grads.values())
  assert most > 0
  for name, p in net.named_parameters():
    if p.requires_grad:
      scale = max(np.abs(grads[name]).max(), 1e-3 * most)
      error = np.abs(p.grad.numpy() - grads[name]).max() / scale
      assert error < 1e-3, (name, error)


def noise_of(config, key):
  """What our loss draws, in the order in which the peer asks for it."""
  t, b = config.frames - 1, config.batch_size
  normal = jax.random.normal
  if config.model == "cdna":
    return []
  if config.model == "sv2p":
    side = config.image_size // 8
    drawn = normal(keys.named(key, "latent"), (1, side, side, b))
    return [drawn.transpose(3, 0, 1, 2)]
  if config.model == "svp_fp":
    return list(normal(key, (t, b, config.latent_dim)))
  shape = t, config.latent_dim, b
  parts = [keys.named(key, part) for part in ("posterior", "prior")]
  return [normal(part, shape).transpose(0, 2, 1) for part in parts]


@pytest.fixture
def lazily():
  """Compiles hastily, and asks for one thread, which cannot spin."""
  with fvd_models.timing.conditions(quick=True):
    yield


@pytest.mark.parametrize("name", fvd_models.MODELS)
def test_the_peer_is_the_same_network(name, lazily, monkeypatch):
  config = fvd_models.config_of(name, "smoke")
  model, key = choice.model_of(config), jax.random.key(3)
  variables = jax.jit(model.init)(jax.random.key(0))
  rng = np.random.default_rng(0)
  blur = lambda a: a + 0.1 * rng.normal(size=a.shape).astype(np.float32)
  variables["params"] = jax.tree.map(blur, variables["params"])
  shape = config.batch_size, config.frames, *(config.image_size,) * 2, 3
  video = rng.random(shape, np.float32)
  noise = iter([torch.tensor(np.array(a)) for a in noise_of(config, key)])
  monkeypatch.setattr(torch, "randn_like", lambda _: next(noise))

  def ours(player):
    def loss(own):
      params = {**variables["params"], player: own}
      known = {"params": params, "stats": variables["stats"]}
      made = model.make(params[model.players[-1]], video, key, LATE)
      return model.loss(known, video, key, LATE, player, made)

    grad = jax.jit(jax.value_and_grad(loss, has_aux=True))
    (value, (_, stats)), grads = grad(variables["params"][player])
    return value, stats, grads

  frames = torch.tensor(video.transpose(1, 0, 4, 2, 3).copy())
  if name != "savp":
    (player,) = model.players
    peers = fvd_models_torch
    net = {"cdna": peers.Cell, "sv2p": peers.SV2P, "svp_fp": peers.SVP}[name]
    net = net(config)
    give(net, variables["params"][player])
    loss = net(frames)
    loss.backward()
    value, _, grads = ours(player)
    np.testing.assert_allclose(loss.item(), value, rtol=1e-5)
    same_gradients(net, grads)
    return

  peer = fvd_savp_torch
  generator, judges = peer.Generator(config), peer.Judges(config)
  give(generator, variables["params"][savp.GENERATOR])
  give(judges, variables["params"][savp.DISCRIMINATORS])
  kept = to_torch(variables["stats"][savp.DISCRIMINATORS])
  judges.load_state_dict({**judges.state_dict(), **tensors(kept)})
  made, error = generator(frames)
  cut = peer.a_cut(config)  # One clip alone is long enough.
  total = error + judges.fooled([cut(m) for m in made])
  total.backward()
  value, _, grads = ours(savp.GENERATOR)
  np.testing.assert_allclose(total.item(), value, rtol=1e-5)
  same_gradients(generator, grads)
  judges.zero_grad()
  loss = judges([cut(frames[1:])] * 2, [cut(m).detach() for m in made])
  loss.backward()
  value, stats, grads = ours(savp.DISCRIMINATORS)
  np.testing.assert_allclose(loss.item(), value, rtol=1e-5)
  same_gradients(judges, grads)
  state = judges.state_dict()
  for name, u in to_torch(stats[savp.DISCRIMINATORS]).items():
    np.testing.assert_allclose(state[name].numpy(), u, rtol=1e-4, atol=1e-5)


def tensors(tree):
  return {name: torch.tensor(a) for name, a in tree.items()}
