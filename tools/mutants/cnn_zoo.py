"""Mutants of the CNN zoo."""

from tools.mutants.mutant import of

TRAIN = "tests/projects/cnn_zoo/test_train.py"
RULES = "tests/projects/cnn_zoo/test_rules.py"
PREDICTORS = "tests/projects/cnn_zoo/test_predictors.py"
COLLECTION = "tests/projects/cnn_zoo/test_collection.py"
STUDIES = "tests/projects/cnn_zoo/test_studies.py"
PREDICT = "tests/projects/cnn_zoo/test_predict.py"
DATA = "tests/projects/cnn_zoo/test_data.py"

MUTANTS = (
  *of(
    "projects/cnn_zoo/optimizers.py",
    RULES,
    ("EPSILON = 1e-7", "EPSILON = 1e-8"),
    ("RHO = 0.9 ", "RHO = 0.99 "),
    ("(jnp.sqrt(square) + EPSILON)", "jnp.sqrt(square + EPSILON)"),
    ("t = step + 1.0", "t = step + 2.0"),
    ("jnp.where(sgd, gradient, scaled)", "scaled"),
  ),
  *of(
    "projects/cnn_zoo/data.py",
    DATA,
    ("side, 3).transpose(0, 2, 1, 3, 4)", "side, 3).swapaxes(1, 2)[::-1]"),
    (".startswith(split)})", ".startswith(split)}, reverse=True)"),
    ("if sheet.shape[1] % 40 or", "if"),
    ("sheet.shape[0] % side", "False"),
    ("(255 * pixels.shape[-1])", "255"),
  ),
  *of(
    "projects/cnn_zoo/losses.py",
    RULES,
    ("l2 * jnp.sum(mask * weights**2)", "l2 * jnp.sum(weights**2)"),
    ("return -jnp.sum(", "return jnp.sum("),
  ),
  *of(
    "projects/cnn_zoo/programs.py",
    TRAIN,
    ("xla_options.wide_vectors()", "{}"),
  ),
  *of(
    "projects/cnn_zoo/networks.py",
    TRAIN,
    ('"test": (zoo.test, len(zoo.test', '"test": (zoo.train, len(zoo.test'),
    ("data.order(key, epoch - 1,", "data.order(key, 0,"),
    ("np.int32((epoch - 1) * many)", "np.int32(0)"),
    ("np.diff([0, *config.checkpoints]).max()", "config.checkpoints[-1]"),
  ),
  *of(
    "projects/cnn_zoo/data.py",
    TRAIN,
    ("int(n * fraction)", "int(n)"),
  ),
  *of(
    "projects/cnn_zoo/files.py",
    TRAIN,
    ("left.difference_update(here)", "pass"),
    ("except foreign.BROKEN as error", "except OSError as error"),
    ("      shutil.rmtree(other)", "      pass"),
    ("== len(here):", ">= 0:"),
  ),
  *of(
    "projects/cnn_zoo/predictors.py",
    PREDICTORS,
    ("x / (1 - dropout), 0.0)", "x, 0.0)"),
    ("forward(params, x[rows], dropout, key)", "forward(params, x[rows])"),
  ),
  *of(
    "common/xla_options.py",
    "tests/common/test_xla_options.py",
    ('"avx512f" in line.split()', '"avx" in line'),
    ('vector_width": "512"', 'vector_width": "256"'),
  ),
  *of(
    "projects/cnn_zoo/train.py",
    RULES,
    ("1 / (1 - rate)", "1.0"),
    ("loss / examples, model", "loss, model"),
    ("slope += jax.grad", "slope -= jax.grad"),
  ),
  *of(
    "projects/cnn_zoo/features.py",
    "tests/projects/cnn_zoo/test_features.py",
    ("values.std(axis=1)", "values.var(axis=1)"),
    ("QUANTILES = (0, 25,", "QUANTILES = (0, 20,"),
  ),
  *of(
    "projects/cnn_zoo/features.py",
    COLLECTION,
    ("2 * (len(QUANTILES) + 2)", "(len(QUANTILES) + 2)"),
    ("values == option for", "values != option for"),
  ),
  *of(
    "projects/cnn_zoo/collection.py",
    COLLECTION,
    ("made[bad] = np.nan", "made[bad] = 0"),
    (
      "features.of_layers(every, (0, -1))",
      "features.of_layers(every, (-1, 0))",
    ),
    ('if (row["modeldir"], step) in seen:', "if False:"),
    ("if sound < config.fewest:", "if sound < 1:"),
    ('text or "nan"', "text"),
    ("for i in first.values()", "for i in rows.max(axis=1)"),
    ("if n not in here or bare(n)]", "if n not in here]"),
    ("one = _those(one, ~twice)", "pass"),
    ("more = _those(more, ~again)", "one = _those(one, ~twice)"),
    ("x[a], getattr(more, field)[name][b]", "x, getattr(more, field)[name]"),
    ("if not _same(_those(one, twice), _those(more, again)):", "if False:"),
  ),
  *of(
    "projects/cnn_zoo/reproduce.py",
    STUDIES,
    ("(name in zoos.given or not zoos.given)", "True"),
    ("or not zoos.given", ""),
    ("one = collection.join(found[name(one)], one)", "pass"),
    ("if len(lost):", "if False:"),
    ("lost, mend = old.networks, f", "mend = f"),
    ("context.fresh or bool(lacks)", "context.fresh"),
    ("{name: kept[name] for name in now}, now", "now, now"),
  ),
  *of(
    "projects/cnn_zoo/scores.py",
    PREDICTORS,
    ("1 - mse / variance", "1 - mse / variance / 2"),
    ("np.mean(np.abs(error))", "np.mean(error)"),
    ("stats.kendalltau(", "stats.spearmanr("),
    ("(other[i] - truth[i]) ** 2 - (one", "(one[i] - truth[i]) ** 2 - (other"),
  ),
  *of(
    "projects/cnn_zoo/predictors.py",
    PREDICTORS,
    ("(x - centre) / scale", "x - centre"),
    ("leaf - rate * c", "leaf + rate * c"),
    ("+ penalty * sum(", "+ 0 * penalty * sum("),
    ("jnp.where(places < n, drawn, 2.0)", "drawn"),
    ("jnp.where(real, error, 0.0)", "error"),
    ("jnp.where(better, 0, t.waited + 1)", "t.waited + 1"),
    ("(t.waited < patience)", "(t.waited <= patience)"),
    ("return jax.nn.sigmoid(x[:, 0])", "return x[:, 0]"),
  ),
  *of(
    "projects/cnn_zoo/losses.py",
    PREDICTORS,
    (
      "jnp.mean((predicted - accuracy) ** 2)",
      "jnp.sum((predicted - accuracy))",
    ),
  ),
  *of(
    "projects/cnn_zoo/boosting.py",
    PREDICTORS,
    ("np.argmin(errors)", "0 * np.argmin(errors)"),
  ),
  *of(
    "projects/cnn_zoo/protocols.py",
    STUDIES,
    ("learn, of(parts.test), False)", "learn, of(parts.validation), False)"),
    ("learn, stop, True)", "stop, learn, True)"),
    ("order[learned:])", "order)"),
  ),
  *of(
    "projects/cnn_zoo/studies.py",
    STUDIES,
    ("weighed, others, truth = _", "weighed, others, _ = _"),
    ("if drawn(other, i) not in known", "if True"),
    ("one.columns.keys() & other.columns.keys()", "one.columns"),
    ("for i in seen} if both else set()", "for i in seen}"),
    ("if len(found) < 2:", "if False:"),
    ("np.log(1 - r2), 1)", "np.log(r2), 1)"),
    ("whole - scores.scores", "-whole + scores.scores"),
    ('":0,1,2,3-" in name and', '":0,3-" in name and'),
    ("shapes(found) != shapes(other)", "here != there"),
  ),
  *of(
    "projects/cnn_zoo/result_tables.py",
    STUDIES,
    ("if low > above:", "if value > above:"),
    ("if high < above and", "if high > above and"),
  ),
  *of(
    "projects/cnn_zoo/predict.py",
    PREDICT,
    (
      "(len(residuals) + 1) * config.coverage",
      "len(residuals) * config.coverage",
    ),
    ("residuals[k - 1]", "residuals[0]"),
    ("(p, p - judge.margin, p + judge.margin)", "(p, p, p)"),
    ("(weights[fine])", "(np.nan_to_num(weights))"),
  ),
  *of(
    "projects/cnn_zoo/network_files.py",
    PREDICT,
    ("(p.isdigit(), int(p) if p.isdigit() else p)", "(False, p)"),
    ("by_shape[tuple(sorted(tensor.shape))]", "pairs[layer][0]"),
    ("layers = sorted(layers, key=_natural)", "layers = sorted(layers)"),
    (
      '.strip("./_-") for name in layers}) > 1',
      '.strip("./_-") for name in layers}) > 9',
    ),
    ("whole[8 + length :]", "whole[length:]"),
    ("if not np.isfinite(found).all(axis=1).any():", "if False:"),
    ("if not len(found):", "if False:"),
  ),
)
