"""Mutants of what finds and opens files, of commands and of tables."""

from tools.mutants.mutant import of

TESTS = "tests/common/test_"

MUTANTS = (
  *of(
    "common/cli.py",
    f"{TESTS}cli.py",
    ("    if not given.config:", "    if given.config is None:"),
    ("  if place.is_dir():", "  if False:"),
    ("    place = place.parent  # Then", "    pass  # Then"),
  ),
  *of(
    "common/flags.py",
    f"{TESTS}sentences.py",
    ('    print(end="", flush=True)', "    pass"),
    ("except BrokenPipeError:", "except KeyError:"),
    ("    if not poll.poll(0):", "    if False:"),
  ),
  *of(
    "common/tables/cells.py",
    f"{TESTS}tables.py",
    ('found |= {"minutes": old.get("minutes"), "trained": trained}', "pass"),
    ('if _alike(old.get("scores"), found.get("scores")):', "if True:"),
    ("rtol=1e-3, atol=0,", "rtol=0, atol=0,"),
    ('old.get("trained") or old["provenance"]', 'old["provenance"]'),
    ('cell.get("trained", cell["provenance"])', 'cell["provenance"]'),
    ("  if not found:", "  if False:"),
  ),
  *of(
    "common/tables/image_table.py",
    f"{TESTS}image_table.py",
    ('if key in found["scores"] else "-"', 'if True else "-"'),
    ('("step", *cell["scores"])} for r', '("step",)} for r'),
    ("curves[title] = curve", "curves[method] = curve"),
  ),
  *of(
    "common/tables/reproduce.py",
    f"{TESTS}tables.py",
    ("shutil.rmtree(_quick_runs(context), ignore_errors=True)", "pass"),
  ),
  *of(
    "common/data/image_files.py",
    f"{TESTS}image_files.py",
    ('is_deep(image) and not image.mode.startswith("I")', "False"),
  ),
  *of(
    "common/data/folders.py",
    f"{TESTS}folders.py",
    (
      'not any(part[:1] == "." for part in name.split("/"))',
      'name[:1] != "."',
    ),
    ('not name.startswith("__MACOSX/")', "True"),
    ("sorted(opened.namelist())", "opened.namelist()"),
    ("if with_folders or not one.is_dir()]", "]"),
    ("if last and last in packed else", "if last else"),
    (" or path.exists():\n    return None", ":\n    return None"),
    ("yield from _walk(path / name, {*above, real})", "continue"),
    ("{*map(str, pathlib.Path(real).parents)}", "set()"),
    ("for folder, _ in _walk(top)", "for folder in [top]"),
  ),
  *of(
    "common/data/sources.py",
    f"{TESTS}sources.py tests/projects/fvd/test_clip_sources.py",
    ("if len(names) == 1:", "if not names:"),
    ("if len(names) > _NAMED:", "if False:"),
    ('with_folders="**" not in str(path)', "with_folders=True"),
    ("      ignored.update(found.ignored)", "      pass"),
    ("suffix in alone or ", ""),
    ('if (line := each.rstrip("\\r\\n"))', ""),
  ),
  *of(
    "common/data/tfrecord.py",
    f"{TESTS}foreign.py tests/projects/slot_attention/test_files.py",
    ("crc != masked_crc(head[:8]) or ", ""),
    ("except (OSError, zlib.error) as", "except OSError as"),
    (
      "except (IndexError, KeyError, TypeError, ValueError) as",
      "except IndexError as",
    ),
  ),
  *of(
    "common/data/torch_files.py",
    f"{TESTS}foreign.py",
    ("except foreign.BROKEN as", "except ValueError as"),
  ),
  *of(
    "projects/ttur/inception_score.py",
    "tests/projects/ttur/test_inception_score.py",
    ('"logits_unbiased", resize)', '"logits_unbiased", "tf1")'),
    ("given.images if more else one", "one"),
    ('if resize != "tf1":', "if False:"),
  ),
)
