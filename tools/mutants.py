"""Changes that a test must notice: mutants of the equations, one at a time.

    python -m tools.mutants [--only=WORD] [--list]

Each mutant of `MUTANTS` replaces one piece of code by a wrong one, in a copy of
the tree, and runs the tests nearest to it. Caught: they fail. Survived: they
pass, and a test is missing. The list grows with each paper; it is no part of
`make test`, since it takes some ten minutes.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

ROOT = pathlib.Path(__file__).parent.parent
FOLDERS = ("common", "projects", "configs", "tests", "tools", "benchmarks")


class Mutant(NamedTuple):
  """One change.

  Attributes:
    file: below the root.
    right: the piece of code, which stands exactly once in the file.
    wrong: what replaces it.
    tests: files or folders below the root.
  """

  file: str
  right: str
  wrong: str
  tests: str


def of(file: str, tests: str, *changes: tuple[str, str]) -> tuple[Mutant, ...]:
  """Mutants of one file."""
  return tuple(Mutant(file, right, wrong, tests) for right, wrong in changes)


COULOMB = "tests/projects/coulomb_gan/"
SLOTS = "tests/projects/slot_attention/"
MUTANTS = (
  *of(
    "projects/coulomb_gan/train.py",
    f"{COULOMB}test_step.py {COULOMB}test_train.py",
    (
      "return value + l2(params), value\n\n    grads, value = jax.grad(loss, "
      "has_aux=True)(state.discriminator)",
      "return -value + l2(params), value\n\n    grads, value = jax.grad(loss, "
      "has_aux=True)(state.discriminator)",
    ),
    ("        flat(a_x),\n        flat(a_y),\n", ""),
    ("D(a_x), D(a_y), scale", "D(x), D(y), scale"),
    ("scale * phi_x, scale * phi_y", "scale * phi_y, scale * phi_x"),
    ("scale * phi_x, scale", "phi_x, scale"),
    ("config.gradient_penalty * penalty", "penalty"),
    ("wasserstein + config", "-wasserstein + config"),
    (
      "adam(config.generator_learning_rate),\n    adam(",
      "adam(config.discriminator_learning_rate),\n    adam(",
    ),
    ('noise("y", y)', 'noise("x", y)'),
    ("config.l2_penalty * regularizers", "0 * regularizers"),
    (
      "state, g_loss = move_generator(state, latent[:, -1])",
      "state, g_loss = move_generator(state, latent[:, 0])",
    ),
    (
      "latent[:, i])\n        state, d_loss",
      "latent[:, 0])\n        state, d_loss",
    ),
    (
      '"energy_u": losses.energy(flat(x), flat(real), *kernel, "drop")',
      '"energy_u": losses.energy(flat(x), flat(real), *kernel, "keep")',
    ),
    (
      "within = jnp.min(r2, axis=1) <= (3 *",
      "within = jnp.min(r2, axis=1) <= (2 *",
    ),
    ("0.5 * jnp.sum(jnp.abs(shares", "jnp.sum(jnp.abs(shares"),
  ),
  *of(
    "projects/coulomb_gan/losses.py",
    f"{COULOMB}test_losses.py {COULOMB}test_step.py",
    ("return attraction - repulsion", "return repulsion - attraction"),
    ("phi_x -= mean_without_own", "phi_x += mean_without_own"),
    (
      "phi_y -= jnp.mean(plummer_kernel(a_y, x",
      "phi_y -= jnp.mean(plummer_kernel(a_y, y",
    ),
    ("return jax.lax.stop_gradient((phi_x, phi_y))", "return phi_x, phi_y"),
    ("return 0.5 * mixture", "return mixture"),
    ("return -0.5 * jnp.mean(d_x)", "return 0.5 * jnp.mean(d_x)"),
    ("return real + fake", "return real - fake"),
    (
      "log_sigmoid(d_x))\n\n\ndef wgan_critic",
      "log_sigmoid(-d_x))\n\n\ndef wgan_critic",
    ),
    ("jnp.mean(d_x) - jnp.mean(d_y)", "jnp.mean(d_y) - jnp.mean(d_x)"),
    ("between = t * y + (1 - t) * x", "between = (1 - t) * y + t * x"),
    ("(norm - 1.0) ** 2", "norm ** 2"),
    (
      "0.5 * (within(x) + within(y)) - across",
      "0.5 * (within(x) + within(y)) + across",
    ),
    ("/ (n - 1)", "/ n"),
    ("rsqrt(r2 + epsilon**2)", "rsqrt(r2 + epsilon)"),
  ),
  *of(
    "projects/slot_attention/train.py",
    f"{SLOTS}test_step.py {SLOTS}test_train.py",
    ("jax.random.fold_in(state.key, state.step)", "state.key"),
    (
      "value, grads = jax.value_and_grad(loss)(state.params, batch, noise)",
      "value, grads = jax.value_and_grad(lambda *a: -loss(*a))"
      "(state.params, batch, noise)",
    ),
    ('"gradient": optax.tree.norm(grads)', '"gradient": value'),
    ("config.decay_rate ** (step", "config.decay_rate ** (0 * step"),
    ("jnp.minimum(1.0, step", "jnp.maximum(1.0, step"),
    (
      "noise, config.iterations)\n    return losses",
      "0 * noise, config.iterations)\n    return losses",
    ),
  ),
)


def survives(mutant: Mutant, root: pathlib.Path) -> bool:
  """Whether the tests pass in the copy `root` with the mutant in it.

  Raises:
    ValueError: the piece of code does not stand once in its file.
  """
  path = root / mutant.file
  text = path.read_text()
  if text.count(mutant.right) != 1:
    raise ValueError(
      f"{mutant.file} has {mutant.right!r} {text.count(mutant.right)} times: "
      "bring tools/mutants.py up to date"
    )
  path.write_text(text.replace(mutant.right, mutant.wrong))
  command = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
  try:
    done = subprocess.run(
      [sys.executable, *command, *mutant.tests.split()],
      cwd=root,
      capture_output=True,
      text=True,
      env={**os.environ, "PYTHONPATH": ""},
    )
  finally:
    path.write_text(text)
  if done.returncode not in (0, 1):
    raise ValueError(f"pytest on {mutant.tests} ended with:\n{done.stdout}")
  return done.returncode == 0


def main() -> None:
  """The command."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--only", default="", help="a word in the file's path")
  parser.add_argument("--list", action="store_true", help="run nothing")
  arguments = parser.parse_args()
  chosen = [m for m in MUTANTS if arguments.only in m.file]
  with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    for name in FOLDERS:
      shutil.copytree(
        ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__")
      )
    shutil.copy(ROOT / "pyproject.toml", root)
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".jax_cache"))
    survivors = 0
    for mutant in chosen:
      verdict = "listed"
      if not arguments.list:
        alive = survives(mutant, root)
        survivors += alive
        verdict = "SURVIVED" if alive else "caught"
      change = f"{mutant.right!r} -> {mutant.wrong!r}"
      print(f"{verdict:9} {mutant.file}: {change}", flush=True)
  if not arguments.list:
    print(f"{len(chosen) - survivors} of {len(chosen)} caught")
    sys.exit(bool(survivors))


if __name__ == "__main__":
  main()
