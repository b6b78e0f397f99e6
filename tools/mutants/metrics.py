"""Mutants of the metrics: FID, FVD, FCD and what they share."""

from tools.mutants.mutant import of

TESTS = "tests/common/test_"

MUTANTS = (
  *of(
    "common/stats/frechet.py",
    f"{TESTS}frechet.py",
    (
      "factor2)\n  return _result(mean1 - mean2, traces - 2 * root",
      "factor2)\n  return _result(mean1 - mean2, traces - root",
    ),
    (
      "factor2)\n  return _result(mean1 - mean2",
      "factor2)\n  return _result(mean1 + mean2",
    ),
    ("np.float64) / (int(stats.n) - 1)", "np.float64) / int(stats.n)"),
    ("(a.n * b.n / n)", "(a.n * b.n / n / n)"),
    (
      "scatter.astype(float if eps == EPS",
      "scatter.astype(float if eps",
    ),
  ),
  *of(
    "common/stats/kid.py",
    f"{TESTS}kid.py",
    ("xx = sums(x, x)[0] - own(x)", "xx = sums(x, x)[0]"),
    ("- 2 * xy.sum()", "- xy.sum()"),
    ("degree: int = 3", "degree: int = 2"),
    ("gamma = 1.0 / x.shape[1]", "gamma = 1.0"),
    ("(n - 1) / n * np.sum(", "np.sum("),
  ),
  *of(
    "common/stats/precision_recall.py",
    f"{TESTS}precision_recall.py",
    ("block <= radius_b[None]", "block <= radius_a[rows, None]"),
    ("precision=float(np.mean(balls > 0))", "precision=float(in_b.mean())"),
    ("balls.mean() / k", "balls.mean()"),
    ("block, k, axis=1)[:, k]", "block, k - 1, axis=1)[:, k - 1]"),
  ),
  *of(
    "common/stats/jackknife.py",
    f"{TESTS}jackknife.py",
    ("(groups - 1) * np.var(found)", "np.var(found) / (groups - 1)"),
    ("(groups - 1) * np.var(found)", "groups * np.var(found)"),
    ("if i % groups != k", "if i % groups == k"),
    ("1 / np.asarray(sizes)", "1 / np.asarray(sizes) ** 2"),
    ("len(n) / sum(1 / m for m in n)", "sum(n) / len(n)"),
    ("slope, value = np.polyfit", "value, slope = np.polyfit"),
  ),
  *of(
    "common/stats/inception_score.py",
    f"{TESTS}inception_score.py",
    ("- np.log(len(part))", ""),
    ("np.std(scores)", "np.std(scores, ddof=1)"),
    ("np.exp(divergence.mean())", "divergence.mean()"),
  ),
  *of(
    "common/metrics/resize.py",
    f"{TESTS}resize.py",
    ("shift: float = 0.0", "shift: float = 0.5"),
    ("height, width, np, shift=0.5", "height, width, np"),
    ("- np.float32(shift)", ""),
    ("Resampling.BICUBIC", "Resampling.BILINEAR"),
    ("np.minimum(k + 1, n - 1), s - low", "k, s - low"),
  ),
  *of(
    "common/metrics/inception.py",
    f"{TESTS}inception.py",
    ("count_include_pad=False", "count_include_pad=True"),
    (
      '_MixedSplit(_maximum, name="Mixed_7c")',
      '_MixedSplit(_average, name="Mixed_7c")',
    ),
    ("x = (x - 128) / 128", "x = (x - 127.5) / 127.5"),
    ("EPSILON = 1e-3", "EPSILON = 1e-5"),
    ("beta - gain * mean", "beta + gain * mean"),
  ),
  *of(
    "common/metrics/running.py",
    f"{TESTS}feature_distance.py",
    ("kept[best], priority[best]", "kept[best], priority[:KEEP]"),
    ("np.argpartition(priority, KEEP)[:KEEP]", "np.arange(KEEP)"),
    ("copy.deepcopy(draws)", "draws"),
  ),
  *of(
    "common/metrics/feature_distance.py",
    f"{TESTS}feature_distance.py",
    ("kid.polynomial_mmd(a.rows, b.rows", "kid.polynomial_mmd(a.rows, a.rows"),
    ("manifold(a.rows, b.rows)", "manifold(b.rows, a.rows)"),
    ("if len(names) == 1 and is_statistics", "if is_statistics"),
    ("folders.pattern(name) or [pathlib", "[pathlib"),
    ("2 if n is None else n", "n or 2"),
  ),
  *of(
    "common/metrics/image_sources.py",
    f"{TESTS}image_sources.py {TESTS}sources.py",
    ("(gray + 128) // 257", "gray // 256"),
    ("[*wanted, *more]", "wanted"),
    ("for i in spare or () if i < end", "for i in spare or ()"),
    ("- start for i in drawn if start <= i <", "- start for i in drawn if i <"),
    ("start, end = end, end + rows.shape[0]", "start, end = 0, rows.shape[0]"),
    ("max(1, len(wanted) // _GLANCE)", "1"),
    ("scale.end(title)", "pass"),
  ),
  *of(
    "common/metrics/command.py",
    f"{TESTS}feature_distance.py",
    (' and "-" not in sides[name]', ""),
    ('sum("-" in side for', 'sum("-" in str(side) for'),
    ("os.path.expanduser(path) for", "path for"),
  ),
  *of(
    "common/metrics/streaming.py",
    f"{TESTS}fid.py",
    ("np.asarray(result)[:count]", "np.asarray(result)"),
  ),
  *of(
    "common/metrics/fid.py",
    f"{TESTS}fid.py",
    ("np.float32(128 / 127.5)", "np.float32(1)"),
    ("pictures.notes, network.stretch", "pictures.notes"),
    ("if len(sizes) == 1 else {}", "if sizes else {}"),
  ),
  *of(
    "common/metrics/command.py",
    f"{TESTS}fid.py",
    ("saved.whole[-2].size != features", "False"),
    ("{**other, **one}, {**one, **other}", "one, other"),
  ),
  *of(
    "projects/ttur/disturbances.py",
    "tests/projects/ttur/test_disturbances.py",
    ("(radius * np.log(2) / 5)", "(radius * np.log(2) / 10)"),
    ("RECTANGLES = 5", "RECTANGLES = 4"),
  ),
)
