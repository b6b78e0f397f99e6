"""Scores of predicted videos against the videos that came to be."""

from typing import Any

import numpy as np

from common.stats import frechet

from . import frames, score


def judge(
  truth: np.ndarray,
  draws: np.ndarray,
  network: score.Network,
  frame_size: int,
  batch_size: int,
) -> dict[str, Any]:
  """All scores of one model on one set of clips; plain data.

  Args:
    truth: uint8 [n, t, h, w, 3], what followed the context; the context itself
      is no part of what is judged.
    draws: uint8 [s, n, t, h, w, 3], s predictions for each. Distances are of
      the first; so are "psnr" and "ssim", beside those of the best of s.
    network: of clips.
    frame_size: means of pixels a side, of the distance of single frames.
    batch_size: clips at a time.

  Returns:
    "clips": the network's distance with error, extrapolation and kernel
    distance; "frames": that of single frames; "psnr", "ssim": means over clips;
    "best_psnr", "best_ssim": of each clip's best draw by that score.
  """
  made = draws[0]
  found = score.score(
    truth,
    made,
    features=network,
    batch_size=batch_size,
    frames=truth.shape[1],
  )
  single = [
    frechet.moments(frames.features(side, frame_size)) for side in (truth, made)
  ]
  psnr, ssim = (
    np.stack([measure(truth, draw) for draw in draws])
    for measure in (frames.psnr_of_each, frames.ssim_of_each)
  )
  infinite = found["at_infinity"]
  kernel = found["kernel_distance"]
  return {
    "distance": found["distance"],
    "standard_error": found["standard_error"],
    "at_infinity": infinite and infinite["value"],
    "kernel": kernel and kernel["value"],
    "protocol": found["protocol"],
    "frames": float(frechet.distance(*single)),
    "psnr": float(psnr[0].mean()),
    "ssim": float(ssim[0].mean()),
    "best_psnr": float(psnr.max(0).mean()),
    "best_ssim": float(ssim.max(0).mean()),
    "n": len(truth),
    "draws": len(draws),
  }
