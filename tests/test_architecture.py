"""What every project has, and who may know whom."""

import ast
import importlib
import inspect
import pathlib

import flax.struct
import jax
import ml_collections
import pytest

from configs import variants

ROOT = pathlib.Path(__file__).parent.parent
PROJECTS = sorted(
  p.name for p in (ROOT / "projects").iterdir() if (p / "train.py").exists()
)
# Configs know their siblings, common knows nobody, a project knows common.
MAY_IMPORT = {"common": {"common"}, "configs": {"configs"}}
# Inside common, what each room may know besides the files above it and itself.
ROOMS = {
  "nn": set(),
  "stats": set(),
  "data": set(),
  "chem": {"data"},
  "tables": {"metrics"},
  "metrics": {"nn", "stats", "data"},
  "gan": {"nn", "stats", "data"},
}
# Of common/metrics and common/gan, written in Linen.
NETWORKS = ("inception", "squeezenet", "dcgan", "language", "mlp", "resnet")


def imports(path):
  """Yields the absolute module names that a file imports."""
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module == "configs":
      yield from (f"configs.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.level == 0:
      yield node.module or ""


@pytest.mark.parametrize("folder", ["common", "configs", "projects"])
def test_dependencies_point_one_way(folder):
  wrong = []
  ours = {"common", "configs", "projects", "tests", "benchmarks", "tools"}
  for path in (ROOT / folder).rglob("*.py"):
    allowed = MAY_IMPORT.get(folder, {"common"})
    for name in imports(path):
      top = name.split(".")[0]
      if top in ours and top not in allowed:
        wrong.append(f"{path.relative_to(ROOT)} imports {name}")
      # A fork must not reach back into the project that it came from.
      if folder == "configs" and top == "configs":
        if name.split(".")[1] not in (path.parent.name, "variants"):
          wrong.append(f"{path.relative_to(ROOT)} imports {name}")
  assert not wrong, "\n".join(wrong)


def test_a_projects_tests_know_no_other_project():
  # A fork's tests run where the original is gone.
  wrong = []
  for path in (ROOT / "tests" / "projects").rglob("*.py"):
    for name in imports(path):
      top, _, project = name.partition(".")
      if top in ("configs", "projects") and project:
        own = path.relative_to(ROOT / "tests" / "projects").parts[0]
        if project.split(".")[0] != own:
          wrong.append(f"{path.relative_to(ROOT)} imports {name}")
  assert not wrong, "\n".join(wrong)


def test_rooms_of_common_point_one_way():
  wrong = []
  for path in (ROOT / "common").rglob("*.py"):
    parts = path.relative_to(ROOT / "common").parts
    room = parts[0] if len(parts) > 1 else ""
    # A run or a command line knows nothing of metrics or molecules, either.
    known = ROOMS[room] | {room} if room else {"nn", "stats", "data"}
    for level, module in relative_and_absolute(path):
      target = module.split(".")[0]
      if level == 1 and room:  # A sibling.
        continue
      if target in ROOMS and target not in known:
        wrong.append(f"{path.relative_to(ROOT)} imports {target}")
  assert not wrong, "\n".join(wrong)


def relative_and_absolute(path):
  """(level, module below common) of all that a file of common imports."""
  for node in ast.walk(ast.parse(path.read_text())):
    if not isinstance(node, ast.ImportFrom):
      continue
    if node.level:
      yield from (
        (node.level, ".".join(filter(None, (node.module, alias.name))))
        for alias in node.names
      )
    elif (node.module or "").split(".")[0] == "common":
      below = node.module.removeprefix("common").removeprefix(".")
      yield from (
        (0, ".".join(filter(None, (below, alias.name)))) for alias in node.names
      )


def test_all_modules_live_in_one_process():
  # A flag of the same name in two of them, say, would be an error here.
  for folder in ("common", "projects"):
    for path in sorted((ROOT / folder).rglob("*.py")):
      if "__main__" not in path.name:
        parts = path.relative_to(ROOT).with_suffix("").parts
        importlib.import_module(".".join(parts).removesuffix(".__init__"))


def test_files_are_short_and_none_is_called_utils():
  # No others: a user's environment may lie here, too, and what they try.
  tops = ("common", "projects", "configs", "tests", "benchmarks", "tools")
  for path in (path for top in tops for path in (ROOT / top).rglob("*.py")):
    assert path.read_text().count("\n") <= 400, f"split {path}"
    assert path.stem not in ("utils", "util", "helpers", "misc"), path


def test_configs_import_nothing_else():
  for path in (ROOT / "configs").glob("*/*.py"):
    tops = {name.split(".")[0] for name in imports(path)}
    assert tops <= {"ml_collections", "configs"}, path


def test_linen_stays_in_models():
  for folder in ("common", "projects"):
    for path in (ROOT / folder).rglob("*.py"):
      networks = {"nn", "models"} & set(path.parent.parts)
      networks = networks or path.stem in NETWORKS
      if path.name == "model.py" or networks:
        continue
      found = [n for n in imports(path) if n.startswith("flax.linen")]
      tree = ast.parse(path.read_text())
      found += [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "flax"
        for alias in node.names
        if alias.name == "linen"
      ]
      assert not found, path


@pytest.mark.parametrize("project", PROJECTS)
def test_the_four_functions(project):
  train = importlib.import_module(f"projects.{project}.train")
  signatures = {
    "init": ["key", "config"],
    "make_train_step": ["config"],
    "make_evaluate": ["config"],
    "train": ["config", "workdir"],
  }
  for name, arguments in signatures.items():
    got = list(inspect.signature(getattr(train, name)).parameters)
    assert got[: len(arguments)] == arguments, f"{project}.train.{name}"


@pytest.mark.parametrize("project", PROJECTS)
def test_the_state_is_arrays_and_vmaps_over_the_key(project):
  train = importlib.import_module(f"projects.{project}.train")
  config = first_config(project)
  state = jax.eval_shape(lambda k: train.init(k, config), jax.random.key(0))
  assert flax.struct.dataclasses.is_dataclass(state)
  assert state.step.shape == ()
  many = jax.eval_shape(
    jax.vmap(lambda k: train.init(k, config)),
    jax.random.split(jax.random.key(0), 3),
  )
  for one, three in zip(
    jax.tree.leaves(state), jax.tree.leaves(many), strict=True
  ):
    assert three.shape == (3, *one.shape)


def first_config(project):
  path = sorted((ROOT / "configs" / project).glob("*.py"))[0]
  module = importlib.import_module(f"configs.{project}.{path.stem}")
  return module.get_config("smoke")


@pytest.mark.parametrize("project", PROJECTS)
def test_files_of_a_project(project):
  folder = ROOT / "projects" / project
  readme = (folder / "README.md").read_text()
  for title in (
    "Idea",
    "Run",
    "Results",
    "Paper to code",
    "Deviations",
    "Change this",
  ):
    assert f"\n## {title}\n" in readme, f"{project}/README.md lacks {title}"


def test_variants_change_a_config_in_their_order():
  def config():
    return ml_collections.ConfigDict({"rate": 1.0, "net": {"width": 8, "n": 1}})

  def halve(config):
    config.rate /= 2

  changes = dict(slow=dict(rate=0.5, net=dict(width=4)), halved=halve)
  of = lambda variant: variants.apply(config(), variant, **changes)
  assert of("").to_dict() == config().to_dict()
  assert of("slow,halved").to_dict() == {
    "rate": 0.25,
    "net": {"width": 4, "n": 1},
  }
  assert of(",halved,slow").rate == 0.5
  assert of("slow").is_locked
  with pytest.raises(ValueError, match="'slo'; did you mean 'slow'"):
    of("halved,slo")
  with pytest.raises(KeyError, match="nobody"):
    variants.apply(config().lock(), "x", x=dict(nobody=1))


def test_every_config_says_what_it_reproduces_and_has_a_smoke_variant():
  for path in (ROOT / "configs").glob("*/*.py"):
    module = importlib.import_module(f"configs.{path.parent.name}.{path.stem}")
    full, smoke = module.get_config(), module.get_config("smoke")
    assert full.keys() == smoke.keys()
    assert full.is_locked and smoke.is_locked
    project, name = path.parent.name, path.name
    if "total_steps" in full:
      assert f"--config=configs/{project}/{name}" in module.__doc__
      assert smoke.total_steps < full.total_steps
    else:  # Of a study, without a training.
      assert f"python -m projects.{project}.reproduce" in module.__doc__
    with pytest.raises(ValueError, match="no variant 'smok'"):
      module.get_config("smok")
