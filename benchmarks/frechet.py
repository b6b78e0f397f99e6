"""The Fréchet distance against the formula that FID codes share.

  python -m benchmarks.frechet

The peer is |m1 - m2|^2 + tr(C1 + C2 - 2 sqrtm(C1 C2)) on means and covariances
with `scipy.linalg.sqrtm`, tried again with 1e-6 on both diagonals where that
is not finite. Both sides compute in float64 with one BLAS thread (by way of
threadpoolctl; without it, set OPENBLAS_NUM_THREADS=1): on a machine that
others use as well, two waiting OpenBLAS threads turned half a second of
`eigvalsh` into fifteen. Two to three minutes.

Goals at d = 2048: 8 times faster at full rank, from the same covariances,
ill-conditioned or not; 50 times faster for 500 samples, from features. Errors
are relative to mean term plus traces, against our other route: what starts from
covariances against the route on the data, and the other way round.
"""

import contextlib
import os
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import scipy.linalg

from benchmarks import timing
from common.stats import frechet

try:
  import threadpoolctl

  THREADS = 1
except ImportError:  # Then the environment decides, for both sides alike.
  threadpoolctl = None
  THREADS = os.environ.get("OPENBLAS_NUM_THREADS", "as many as cores")


def peer_distance(mean1, cov1, mean2, cov2) -> float:
  """Returns the distance by a square root of the product, as FID codes do."""
  with warnings.catch_warnings(), np.errstate(all="ignore"):
    warnings.simplefilter("ignore")  # It warns where the product is singular.
    root = scipy.linalg.sqrtm(cov1 @ cov2)
    if not np.isfinite(root).all():
      shift = 1e-6 * np.eye(len(cov1))
      root = scipy.linalg.sqrtm((cov1 + shift) @ (cov2 + shift))
  delta = mean1 - mean2
  traces = np.trace(cov1) + np.trace(cov2) - 2 * np.trace(root).real
  return float(delta @ delta + traces)


def run(quick: bool = False) -> list[dict]:
  """Returns one row (a dict) per comparison; `quick` takes a small d."""
  d, many, few = (128, 600, 40) if quick else (2048, 10_000, 500)
  rows = []
  with _one_blas_thread():
    for name, decay in (("full rank", 1), ("full rank, ill-conditioned", 3)):
      x1, x2 = _features(many, d, decay, 0), _features(many, d, decay, 1)
      a, b = _mean_and_covariance(x1), _mean_and_covariance(x2)
      rows.append(
        _row(
          f"d={d}, n={many}, {name}",
          lambda a=a, b=b: float(frechet.distance(a, b)),
          lambda a=a, b=b: peer_distance(*a, *b),
          lambda x1=x1, x2=x2: frechet.distance_from_features(x1, x2).value,
          _scale(a, b),
          8,
        )
      )
    x1, x2 = _features(few, d, 1, 2), _features(few, d, 1, 3)
    a, b = _mean_and_covariance(x1), _mean_and_covariance(x2)
    exact = lambda: (
      frechet.distance(frechet.moments(x1), frechet.moments(x2)).value
    )
    rows.append(
      _row(
        f"d={d}, n={few}, from features",
        lambda: float(frechet.distance_from_features(x1, x2)),
        lambda: peer_distance(
          *_mean_and_covariance(x1), *_mean_and_covariance(x2)
        ),
        exact,
        _scale(a, b),
        50,
      )
    )
    rows.append(
      _row(
        f"d={d}, n={few}, from covariances",
        lambda: float(frechet.distance(a, b)),
        lambda: peer_distance(*a, *b),
        lambda: frechet.distance_from_features(x1, x2).value,
        _scale(a, b),
      )
    )
  return rows


def _one_blas_thread() -> contextlib.AbstractContextManager:
  if threadpoolctl is None:
    return contextlib.nullcontext()
  return threadpoolctl.threadpool_limits(THREADS)


def _features(n: int, d: int, decay: float, seed: int) -> np.ndarray:
  """Correlated float32 features [n, d] of variances k^-decay, in new axes."""
  rng = np.random.default_rng(seed)
  axes = np.linalg.qr(np.eye(d) + 0.3 * rng.normal(size=(d, d)) / d**0.5)[0]
  deviations = np.arange(1, d + 1) ** (-decay / 2)
  x = (rng.normal(size=(n, d)) * deviations) @ axes + 0.05 * rng.normal(size=d)
  return x.astype(np.float32)


def _mean_and_covariance(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  x = x.astype(np.float64)
  return x.mean(axis=0), np.cov(x, rowvar=False)


def _scale(a, b) -> float:
  return float(np.sum((a[0] - b[0]) ** 2) + np.trace(a[1]) + np.trace(b[1]))


def _row(
  what: str,
  ours: Callable[[], float],
  peer: Callable[[], float],
  exact: Callable[[], float],
  scale: float,
  goal: float | None = None,
) -> dict:
  """Times the peer once, and ours three times before it and twice after."""
  before = [_timed(ours) for _ in range(3)]
  if timing.alone():
    seconds = statistics.median(seconds for seconds, _ in before)
    return timing.row(what, seconds)
  peer_s, peer_value = _timed(peer)
  after = [_timed(ours) for _ in range(2)]
  ours_s = statistics.median(seconds for seconds, _ in before + after)
  right = exact()
  return timing.row(
    what,
    ours_s,
    "scipy.linalg.sqrtm(C1 C2)",
    peer_s,
    goal=goal,
    error=abs(before[0][1] - right) / scale,
    peer_error=abs(peer_value - right) / scale,
    blas_threads=THREADS,
  )


def _timed(function: Callable[[], float]) -> tuple[float, float]:
  start = time.perf_counter()
  value = function()
  return time.perf_counter() - start, value


if __name__ == "__main__":
  print(
    f"{'what':43} {'ours':>8} {'sqrtm':>8} {'ratio':>6} {'error':>8} sqrtm's"
  )
  for row in run():
    print(
      f"{row['what']:43} {row['ours_s']:6.2f} s {row['peer_s']:6.2f} s"
      f" {row['ratio']:6.1f} {row['error']:8.0e} {row['peer_error']:7.0e}"
    )
  print(f"BLAS threads on both sides: {THREADS}")
