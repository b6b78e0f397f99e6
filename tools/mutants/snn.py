"""Mutants of self-normalizing networks."""

from tools.mutants.mutant import of

TESTS = "tests/projects/snn/"

MUTANTS = (
  *of(
    "projects/snn/train.py",
    f"{TESTS}test_step.py {TESTS}test_train.py",
    ("penalty = weight_decay * reg", "penalty = 0 * weight_decay * reg"),
    ("regularizers.l2(params, regularizers.is_kernel)", "0.0"),
    ("return value + penalty", "return value - penalty"),
    ("regularizers.is_kernel", "lambda path: True"),
    ("optax.sgd(learning_rate)", "optax.sgd(-learning_rate)"),
    ("jax.random.fold_in(state.key, state.step)", "state.key"),
    ("config.dropout or None", "None"),
    (
      "for name, p in parts.items()\n    }",
      'for name in parts\n      for p in [parts["test"]]\n    }',
    ),
    ('dataset.parts["train"], config', 'dataset.parts["test"], config'),
  ),
  *of(
    "projects/snn/model.py",
    f"{TESTS}test_step.py {TESTS}test_model.py",
    ("return nn.relu(x + h)", "return nn.relu(h)"),
    ("return t * h + (1 - t) * x", "return t * h"),
    ("(1 - t) * x", "t * x"),
    ('nn.relu(nn.LayerNorm(name=f"norm_{i}")(x))', "nn.relu(x)"),
    ('nn.relu(_norm(f"norm_{i}", train)(x))', "nn.relu(x)"),
    ("direction * (kernel", "direction + 0 * (kernel"),
    ("return jax.nn.selu(x)", "return jax.nn.elu(x)"),
    (
      "_lecun_normal = initializers.lecun_normal()",
      "_lecun_normal = nn.initializers.he_normal()",
    ),
    (
      'regularizers.alpha_dropout if self.method == "selu" else dropout',
      "dropout",
    ),
    ("x / (1 - rate), 0.0)", "x, 0.0)"),
    ("first * jax.lax.rsqrt(share)", "first"),
  ),
  *of(
    "projects/snn/losses.py",
    f"{TESTS}test_train.py",
    (
      "logits = without_padding(logits, classes)\n  return jnp.mean",
      "return jnp.mean",
    ),
    ("jnp.where(known, each, 0.0)", "each"),
    ("0.5 * (below + upto)", "below"),
    ("right = (chosen == y) & mask", "right = chosen == y"),
  ),
  *of(
    "projects/snn/sweep.py",
    f"{TESTS}test_train.py",
    ("int(np.nanargmax(average[i]))", "int(np.nanargmin(average[i]))"),
    ("np.nanargmax(average[i])", "np.nanargmax(curves['test'][i])"),
    ("is_validation = at < n_validation", "is_validation = at >= n_validation"),
    ("is_test = (at >= n_validation) & ", "is_test = "),
    ('-member["learning_rate"],', 'member["learning_rate"],'),
    ('member["dropout"] if group', "None if group"),
    ('          member["weight_decay"],', "          0.0,"),
    ("held_out.y, is_validation)", "held_out.y, is_test)"),
  ),
  *of(
    "projects/snn/result_tables.py",
    f"{TESTS}test_step.py {TESTS}test_reproduce.py",
    (
      "ranks.one_sided_wilcoxon(snn, theirs)",
      "ranks.one_sided_wilcoxon(theirs, snn)",
    ),
    (
      'np.array(out[leader]["values"]), np.array(out[method]["values"])',
      'np.array(out[method]["values"]), np.array(out[leader]["values"])',
    ),
    (
      'leader = max(finite, key=lambda m: out[m]["mean"], default=None)',
      "leader = next(iter(out))",
    ),
    ('if np.isfinite(out[m]["mean"])]', "]"),
  ),
  *of(
    "projects/snn/tox21_tables.py",
    f"{TESTS}test_tox21_tables.py",
    (
      'validation <= at_depth["validation"]',
      'validation >= at_depth["validation"]',
    ),
    (
      'out[name][method]["validation"]',
      'out[name][method]["test"]',
    ),
    ('"std": ours["std"]', '"std": 0.0'),
  ),
  *of(
    "projects/snn/baselines.py",
    f"{TESTS}test_tox21_tables.py",
    ("1 / (whole.shape[1] * whole.var())", "1 / whole.shape[1]"),
    ("SVC(C=model.C,", "SVC("),
    ("np.isnan(labels[:, task])", "np.isnan(labels[:, 0])"),
    ("np.isnan(outcomes[:, task])", "np.isnan(outcomes[:, 0])"),
    ("if len(np.unique(truth)) == 2", "if True"),
    ('found["validation"] > best', 'found["test"] > best'),
    ("others[np.ix_(known, columns)]", "others[np.ix_(known[::-1], columns)]"),
  ),
  *of(
    "projects/snn/reproduce.py",
    f"{TESTS}test_tox21_tables.py",
    (
      '"fingerprints": tuple(families',
      '"fingerprints": ("ecfp",) or tuple(families',
    ),
    ('"fingerprint_share": share', '"fingerprint_share": 0.025'),
    ('"name": f"{families} in {share:.1%}",', ""),
  ),
  *of(
    "projects/snn/datasets/tables.py",
    f"{TESTS}test_datasets.py",
    (
      "(fold != m) & (fold != (m - 1) % folds)",
      "(fold != m)",
    ),
    ("np.flatnonzero(fold == (m - 1) % folds)", "np.flatnonzero(fold == m)"),
    (
      "np.sort(shuffled[~chosen]), np.sort(shuffled[chosen])",
      "np.sort(shuffled), np.sort(shuffled[chosen])",
    ),
  ),
  *of(
    "common/nn/initializers.py",
    "tests/common/test_nn.py",
    ("ALPHA = 1.67", "ALPHA = 1.66"),
    ("LAMBDA = 1.05", "LAMBDA = 1.04"),
    ("SATURATION = -LAMBDA * ALPHA", "SATURATION = -ALPHA"),
    ("initializers.lecun_normal", "initializers.glorot_normal"),
  ),
  *of(
    "common/nn/regularizers.py",
    "tests/common/test_nn.py",
    ("a = jnp.sqrt(variance", "a = 1.1 * jnp.sqrt(variance"),
    ("return a, mean - a * (q", "return a, mean + a * (q"),
    ("0.5 * jnp.sum(jnp.square(w)", "jnp.sum(jnp.square(w)"),
  ),
  *of(
    "common/stats/ranks.py",
    "tests/common/test_ranks.py",
    ("factors * raw[order]", "raw[order]"),
    ("stats.rankdata(-x, axis=1)", "stats.rankdata(x, axis=1)"),
    ('alternative="greater"', 'alternative="less"'),
    ("np.where(gaps, -np.inf, x)", "np.where(gaps, np.inf, x)"),
    ("n_methods * (n_methods + 1)", "n_methods * (n_methods - 1)"),
  ),
  *of(
    "common/data/standardise.py",
    f"tests/common/test_standardise.py {TESTS}test_predict.py",
    ("np.where(constant(seen), 0, std)", "std"),
    ("(x - to.mean) /", "x /"),
    ("moments(x[train])", "moments(x)"),
    ("np.where(known, seen, 0).sum(0) / count", "np.nanmedian(seen, 0)"),
  ),
  *of(
    "projects/snn/datasets/csv_table.py",
    f"{TESTS}test_csv_table.py {TESTS}test_predict.py",
    ("if cell not in levels and not _missing(cell):", "if False:"),
    ("place = names.index(column.name)", "place = columns.index(column)"),
  ),
  *of(
    "projects/snn/datasets/new_rows.py",
    f"{TESTS}test_predict.py",
    (
      "scaled(x, known.moments)",
      "x.astype(np.float32)",
    ),
    ('"" if cell in data.missing else cell', "cell"),
    ("if not data.header and len(names) != known.width:", "if False:"),
    ('"mean": moments.mean', '"mean": moments.scale'),
  ),
  *of(
    "projects/snn/predict.py",
    f"{TESTS}test_predict.py",
    ("losses.without_padding(logits, data.classes)", "logits"),
    ("int(np.argmax(row))", "int(np.argmin(row))"),
    ('if data.kind == "tasks":', "if False:"),
    ("[: len(x) - pad, : data.classes]", "[:, : data.classes]"),
  ),
  *of(
    "projects/snn/datasets/padded.py",
    f"{TESTS}test_train.py",
    (
      "min(per_epoch * config.epochs, config.total_steps)",
      "per_epoch * config.epochs",
    ),
  ),
)
