"""Mutants of the interpretable networks for drug discovery."""

from tools.mutants.mutant import of

ROOT = "projects/interpretable_drugs/"
TESTS = "tests/projects/interpretable_drugs/"

MUTANTS = (
  *of(
    f"{ROOT}train.py",
    f"{TESTS}test_train.py",
    ("jax.random.fold_in(state.key, state.step)", "state.key"),
    ("train=True", "train=False"),
    ("run.claim_data(config.data_dir, inputs.arrays(config, data))", "pass"),
    ("better = score > state.best_score", "better = score < state.best_score"),
    (
      "value, grads = jax.value_and_grad(loss)(state.params)",
      "value, grads = jax.value_and_grad(lambda p: -loss(p))(state.params)",
    ),
  ),
  *of(
    f"{ROOT}losses.py",
    f"{TESTS}test_train.py",
    ("total / jnp.maximum(jnp.sum(known), 1)", "total / known.size"),
    ("jnp.where(known, each, 0.0)", "each"),
  ),
  *of(
    f"{ROOT}model.py",
    f"{TESTS}test_graphs.py",
    ("jnp.split(kernel, 2)", "jnp.split(kernel, 2)[::-1]"),
    ("/ (self.atom_slots or 1)", ""),
    ("self.head(total / count, train)", "self.head(total, train)"),
    ("*arriving) / count", "*arriving)"),
  ),
  *of(
    f"{ROOT}model.py",
    f"{TESTS}test_model.py",
    ("if train and self.rate:", "if train and self.rate and i:"),
    ("if train and self.rate:", "if train and self.rate and not i:"),
    ("if train and self.rate:", "if False:"),
    (
      "    for i, width in enumerate(self.widths):\n      x = nn.Dense",
      (
        "    x = nn.Dropout(0.2, deterministic=not train)(x)\n"
        "    for i, width in enumerate(self.widths):\n      x = nn.Dense"
      ),
    ),
    ("self.out(self.dropout(x, deterministic=not train))", "self.out(x)"),
    ("nn.Dropout(self.rate)", "nn.Dropout(self.rate / 2)"),
    (
      "_he_normal = nn.initializers.he_normal()",
      "_he_normal = nn.initializers.lecun_normal()",
    ),
    (
      "_lecun_normal = initializers.lecun_normal()",
      "_lecun_normal = nn.initializers.glorot_normal()",
    ),
    ("nn.Dense(width, kernel_init=_lecun", "nn.Dense(width, kernel_init=_he"),
    (
      "nn.Dense(self.hidden, kernel_init=_he_normal)",
      "nn.Dense(self.hidden)",
    ),
    (
      "self.out = nn.Dense(self.tasks, kernel_init=_lecun_normal)",
      "self.out = nn.Dense(self.tasks, kernel_init=_he_normal)",
    ),
  ),
  *of(
    f"{ROOT}graphs.py",
    f"{TESTS}test_graphs.py",
    (
      "lambda kept, g: (collect(g, *kept), None",
      "lambda kept, g: (0 * collect(g, *kept), None",
    ),
    ('2 if graph.bond_code == "repeated" else 1', "1"),
    ("int(sizes.sum()) + 1) // _ATOMS", "int(sizes.sum())) // _ATOMS"),
    ("for known in (name, name[:-1])", "for known in (name,)"),
  ),
  *of(
    f"{ROOT}attribution.py",
    f"{TESTS}test_attribution.py",
    ("jnp.arange(1, steps + 1,", "jnp.arange(0, steps,"),
    ("return (x - baseline) * total / steps", "return x * total / steps"),
    ("back = slopes[i - 1] *", "back ="),
    ("jnp.arange(1, pieces + 1,", "jnp.arange(0, pieces,"),
    ("add, derivative(b)) / points", "add, derivative(a)) / points"),
    ("pull(total)[0] / pieces", "pull(total)[0]"),
    ("activation(b) - activation(a)", "activation(a) - activation(b)"),
    ("set(whole - f(without))", "set(f(without) - whole)"),
    ("x + noise * away", "x"),
  ),
  *of(
    f"{ROOT}fingerprints.py",
    f"{TESTS}test_attribution.py",
    ("distances[centre] <= size", "distances[centre] < size"),
    ("found[atoms] += scores[bit]", "found[atoms] = scores[bit]"),
  ),
  *of(
    f"{ROOT}rank_tests.py",
    f"{TESTS}test_rank_tests.py",
    ("np.roll(new, -1, axis=1)", "new"),
    ("first + last - (n - 1)", "2 * first - (n - 1)"),
    ("length**2 - 1", "length - 1"),
    ("(jnp.abs(sums) - 0.5)", "jnp.abs(sums)"),
    ("(n + 1 - ties / (n * (n - 1)))", "(n + 1 - 0 * ties)"),
    ("jnp.abs(sums)", "sums"),
    ("np.log(alpha) - np.log(max(log_p.size, 1))", "np.log(alpha)"),
    ("np.flatnonzero(below)[-1]", "np.flatnonzero(below)[0]"),
  ),
  *of(
    f"{ROOT}neurons.py",
    f"{TESTS}test_neurons.py",
    ("len(layers)).min(axis=0)", "-1).max(axis=0)"),
    ("np.where(auc > 0.5, log_p", "np.where(auc < 0.5, log_p"),
  ),
  *of(
    f"{ROOT}substructures.py",
    f"{TESTS}test_substructures.py",
    ("np.argsort(-values, kind", "np.argsort(values, kind"),
    ("if vector in seen:", "if False:"),
    ("int(toxic[has].sum())", "int(toxic.sum())"),
  ),
  *of(
    f"{ROOT}alerts.py",
    f"{TESTS}test_substructures.py",
    ("all(map(within, alert.accept))", "any(map(within, alert.accept))"),
    ("not any(map(rejected, alert.reject))", "True"),
  ),
  *of(
    f"{ROOT}datasets.py",
    f"{TESTS}test_train.py",
    ("if cut(key) not in known", "if key"),
    ("keys.append(key or Chem.", "keys.append(key) if True else (Chem."),
    ('column("smiles_rdkit", "smiles")', 'column("smiles", "smiles_rdkit")'),
    ("y[known] = data.y[generator.permutation(known)]", "y = y"),
  ),
  *of(
    f"{ROOT}explain.py",
    f"{TESTS}test_explain.py",
    ("np.argsort(-found.prob", "np.argsort(found.prob"),
    ("invalid.append((line, one))", "invalid.append((1, one))"),
    ("scale = max((np.abs(s).max", "scale = max((s.max"),
    ("len(Chem.GetMolFrags(molecule)) > 1", '"." in one'),
    ("html.escape(caption)", "caption"),
    ("read.names.append(name)", 'read.names.append("")'),
    ("if path.exists():", "if False:"),
    ("state.best_score < 0", "False"),
  ),
  *of(
    f"{ROOT}studies.py",
    f"{TESTS}test_reproduce.py",
    (
      "float(np.abs(missing).mean()) / scale",
      "float(np.abs(missing).mean())",
    ),
    ("logit(params, bits)[:, 0] - zero", "logit(params, bits)[:, 0]"),
    ("steps = n or 1", "steps = 1"),
  ),
)
