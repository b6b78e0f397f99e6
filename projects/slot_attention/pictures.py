"""What slots see: reconstructions, masks, and attention by iteration."""

import pathlib
from collections.abc import Callable, Mapping

import jax
import numpy as np
from PIL import Image, ImageDraw

from common import experiment
from common.tables import figures
from common.tables.figures import to_pixels

from . import model

# Of slots; after Okabe and Ito, whose colours the colour-blind tell apart.
PALETTE = np.array(
  [
    (0, 0, 0),
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
    (153, 153, 153),
    (255, 255, 255),
    (120, 60, 20),
  ],
  np.uint8,
)


_TITLE_HEIGHT = 14  # of Pillow's own font, in pixels


def make_snapshot(
  run: experiment.Run, test: Mapping[str, jax.Array]
) -> Callable:
  """Returns `snapshot(state, step)`, which shows the first test pictures.

  It writes `slots.png` and `attention.png` into the workdir, and both into
  TensorBoard. The slots' noise is the same at every step. Set prediction has
  the attention alone.
  """
  config = run.config
  network = model.network(config)
  images = test["image"][: config.picture_images]
  noise = jax.random.normal(
    run.key("pictures"), (len(images), config.eval_slots, config.slot_dim)
  )
  outputs = jax.jit(
    lambda params: network.apply(params, images, noise, config.eval_iterations)
  )

  def snapshot(state, step):
    out = jax.device_get(outputs(state.params))
    shown = {}
    if "masks" in out:
      shown["slots"] = slots_sheet(images, out, test.get("masks"))
    if len(out["attention"]):
      shown["attention"] = attention_sheet(images, out["attention"])
    for name, sheet in shown.items():
      Image.fromarray(sheet).save(run.workdir / f"{name}.png")
      run.image(step, name, sheet)

  return snapshot


def slots_sheet(images, out, masks) -> np.ndarray:
  """A row a picture: itself, reconstruction, objects, slots, their parts.

  Args:
    images: `[n, h, w, 3]` in [-1, 1].
    out: of `model.AutoEncoder`, on the host.
    masks: `[m, objects, h, w]`, the true ones, m >= n; None: without them.

  Returns:
    uint8 `[height, width, 3]`.
  """
  rows = []
  for i, image in enumerate(np.asarray(images)):
    mask = out["masks"][i][..., None]  # [k, h, w, 1]
    # On white: a slot's own black is then not its absence.
    parts = mask * np.clip(out["pictures"][i], -1, 1) + (1 - mask)
    panels = [to_pixels(image), to_pixels(out["reconstruction"][i])]
    if masks is not None:
      panels.append(segments(np.asarray(masks[i])))
    rows.append([*panels, segments(out["masks"][i]), *to_pixels(parts)])
  objects = [] if masks is None else ["objects"]
  slots = [f"slot {k}" for k in range(out["masks"].shape[1])]
  return sheet(rows, ["picture", "rebuilt", *objects, "segments", *slots])


def segments(masks: np.ndarray) -> np.ndarray:
  """A colour where a mask is the largest, `[k, h, w] -> uint8 [h, w, 3]`."""
  return PALETTE[np.argmax(masks, axis=0) % len(PALETTE)]


def attention_sheet(images, attention) -> np.ndarray:
  """Two pictures: of each a row per iteration, and a column per slot.

  Attention `[iterations, n, places, k]` is white where a slot has a place for
  itself; a place is a pixel, or several where the encoder has strides.
  """
  side = int(np.sqrt(attention.shape[2]))
  rows = []
  for i, image in enumerate(np.asarray(images)[:2]):
    # A stride need not divide the size: each pixel has the place that it is in.
    places = np.arange(image.shape[0]) * side // image.shape[0]
    for iteration in attention[:, i]:
      maps = iteration.T.reshape(-1, side, side)
      maps = maps[:, places][:, :, places]
      gray = np.round(255 * maps).astype(np.uint8)
      rows.append([to_pixels(image), *np.repeat(gray[..., None], 3, -1)])
  slots = [f"slot {k}" for k in range(attention.shape[3])]
  return sheet(rows, ["picture", *slots])


def contact_sheet(sets, height: int = 128) -> np.ndarray:
  """Two rows a set: its pictures, and below them their objects.

  Args:
    sets: pairs of images `[n, h, w, 3]` in [-1, 1] and masks
      `[n, objects, h, w]`, with the same n.
    height: of a panel; a picture is repeated as often as fits.

  Returns:
    uint8 `[height, width, 3]`.
  """
  rows = []
  for images, masks in sets:
    times = height // images.shape[1]
    large = lambda a, times=times: a.repeat(times, 1).repeat(times, 2)
    blank = np.full((len(images), height, height, 3), 128, np.uint8)
    for panels in (to_pixels(images), PALETTE[np.argmax(masks, axis=1)]):
      panels, full = large(panels), blank.copy()
      edge = (height - panels.shape[1]) // 2
      inside = slice(edge, edge + panels.shape[1])
      full[:, inside, inside] = panels
      rows.append(full)
  return sheet(rows)


def sheet(rows, titles=()) -> np.ndarray:
  """Panels `[h, w, 3]` in rows, with gaps, enlarged to 64 pixels or more.

  Above the columns stand their titles, if there are any.
  """
  times = -(-64 // rows[0][0].shape[0])

  def panel(a):
    a = np.repeat(np.repeat(a, times, 0), times, 1)
    return np.pad(a, ((0, 4), (0, 4), (0, 0)), constant_values=128)

  lines = [np.concatenate([panel(a) for a in row], 1) for row in rows]
  if titles:
    width = lines[0].shape[1]
    head = Image.new("RGB", (width, _TITLE_HEIGHT), "white")
    draw = ImageDraw.Draw(head)
    for i, title in enumerate(titles):
      draw.text((i * width // len(titles) + 2, 1), title, fill="black")
    lines.insert(0, np.asarray(head))
  return np.concatenate(lines)


def curves(
  path: pathlib.Path, records: Mapping[str, list[list[dict]]], common: int
) -> None:
  """Foreground ARI over training: one line a seed, one colour a label.

  On the left until the step `common`, that all have been at; on the right those
  that went on.
  """
  colors = PALETTE[[*range(1, 9), 10, 0]] / 255  # White is left out.
  figure = figures.figure(9, 3.8)
  start, whole = figure.subplots(1, 2, sharey=True)
  for i, (label, seeds) in enumerate(records.items()):
    for j, rows in enumerate(seeds):
      steps = np.array([r["step"] for r in rows])
      ari = np.array([r["foreground_ari"] for r in rows])
      color = colors[i % len(colors)]
      named = None if j else label
      early = steps <= common
      start.plot(steps[early], ari[early], color=color, label=named)
      if not early.all():
        whole.plot(steps, ari, color=color)
  start.set(xlabel="step", ylabel="foreground ARI", ylim=(-0.05, 1.02))
  whole.set(xlabel="step")
  for axes in (start, whole):
    axes.grid(alpha=0.3)
    axes.locator_params(axis="x", nbins=4)
  figure.legend(loc="outside right center", fontsize=8)
  figures.save(figure, path, 120)
