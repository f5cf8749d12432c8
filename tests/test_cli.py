"""The command says what is true of this machine, and says in a sentence what is wrong."""

import re
import runpy
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import cnnlessons
from cnnlessons import cli, machine, notebooks

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "cnnlessons"
BENCHMARKS = ROOT / "tests" / "benchmarks"


@pytest.fixture
def run(capfd):
    """Run the command in this process: its exit status, what it printed, and its complaints."""

    def run(*arguments):
        status = cli.main(list(arguments))
        return status, *capfd.readouterr()

    return run


# --------------------------------------------------------------------------- the command


def test_the_installed_command_tells_its_version_without_loading_anything_heavy():
    code = "import sys; from cnnlessons import cli; print({'numpy', 'matplotlib', 'tensorflow'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
    (command,) = metadata.entry_points(group="console_scripts", name="cnnlessons")
    assert command.load() is cli.main


def test_version_and_help(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"cnnlessons {cnnlessons.__version__}\n"
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--help"])
    printed = capsys.readouterr().out
    assert all(command in printed for command in ("machine", "bench", "store"))


def test_an_unknown_command_lists_the_known_ones(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["fly"])
    assert "invalid choice: 'fly'" in capsys.readouterr().err


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_the_commands_and_files_that_a_document_names_are_there(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    commands = set(re.findall(r"course\.py run cnnlessons ([\w-]+)", text))
    assert commands
    for command in commands:
        with pytest.raises(SystemExit, match="0"):
            cli.main([command, "--help"])
    named = re.findall(r"`(?:python3 |bash )?([\w/.]+\.(?:py|md|toml|yml|ipynb))`", text)
    placeholders = re.compile(r"16_|lesson_16|NAME")
    assert [
        name
        for name in named
        if not placeholders.search(name) and not (ROOT / name).is_file() and not [*PACKAGE.rglob(name)]
    ] == []


# --------------------------------------------------------------------------- what this machine has


def test_the_command_machine_prints_the_table(run, monkeypatch):
    monkeypatch.setattr(machine, "machine", lambda gpu: {"GPU": "asked" if gpu else "not asked"})
    assert run("machine") == (0, "GPU  asked\n", "")


# --------------------------------------------------------------------------- benchmarks


@pytest.fixture
def scripts(monkeypatch, tmp_path):
    """A folder in the place of tests/benchmarks whose scripts only tell their name and options."""
    for name in ("imports.py", "convolution.py", "training.py", "experiments.py", "slider.py"):
        (tmp_path / name).write_text("import os, sys; print(os.path.basename(sys.argv[0]), sys.argv[1:])")
    monkeypatch.setattr(cli, "BENCHMARKS", tmp_path)
    return tmp_path


def test_bench_describes_the_machine_and_then_measures(run, scripts):
    status, out, _ = run("bench")
    assert status == 0
    names = (
        "usable cores",
        *(f"{name}.py []" for name in ("imports", "convolution", "training", "experiments", "slider")),
    )
    places = [out.index(name) for name in names]
    assert places == sorted(places)


def test_a_quick_bench_starts_no_browser(run, scripts):
    status, out, _ = run("bench", "--quick")
    assert status == 0
    assert "convolution.py ['--quick']" in out
    assert "training.py ['--quick']" in out
    assert "experiments.py ['--quick']" in out
    assert "slider" not in out


def test_a_benchmark_that_fails_is_named(run, scripts):
    (scripts / "convolution.py").write_text("import sys; sys.exit('results differ')")
    status, _, complaint = run("bench", "--quick")
    assert (status, complaint) == (1, "cnnlessons: convolution.py failed:\nresults differ\n\n")


def test_bench_outside_of_the_courses_folder_says_where_to_run_it(run, monkeypatch, tmp_path):
    monkeypatch.setattr(cli, "BENCHMARKS", tmp_path / "none")
    status, _, complaint = run("bench")
    assert status == 1
    assert "get the course and run there: python3 course.py run cnnlessons bench" in complaint


@pytest.fixture(scope="module")
def convolution():
    return runpy.run_path(str(BENCHMARKS / "convolution.py"))


def test_every_contestant_takes_the_same_step_and_each_gets_a_time(convolution, capsys):
    case = convolution["Case"]((2, 6, 6, 2), (3, 3, 2, 4), 2)
    ratios = convolution["compare"]([case], rounds=3, seconds=0)
    assert ratios.shape == (1, 3 if convolution["tf"] else 1)
    assert (ratios > 0).all()
    assert "2×6×6×2" in capsys.readouterr().out


def test_a_contestant_that_computes_something_else_is_not_timed(convolution):
    case = convolution["Case"]((1, 6, 6, 1), (3, 3, 1, 1), 1)
    steps = convolution["contestants"](case)
    steps = {"NumPy": steps["NumPy"], "wrong": lambda: [-array for array in steps["NumPy"]()]}
    with pytest.raises(AssertionError, match="wrong"):
        convolution["require_agreement"](steps)


def test_the_loops_compute_what_conv2d_computes(convolution):
    loops, conv2d, ratio = convolution["loops_ratio"]((5, 4, 2), (3, 2, 2, 3), rounds=1)
    assert ratio == pytest.approx(loops / conv2d)


@pytest.fixture(scope="module")
def training():
    return runpy.run_path(str(BENCHMARKS / "training.py"))


def test_networks_that_compute_the_same_take_turns_at_training(training, capsys):
    case = training["Case"]("small", (4, 4, 1), (2, 3), training["CASES"][-1].layers, images=64)
    ratios = training["compare"]([case], rounds=3)
    assert ratios.shape == (1 if training["keras"] else 0,)
    assert (ratios > 0).all()
    assert "4×4×1" in capsys.readouterr().out


def test_networks_that_differ_are_not_timed(training):
    training["require_agreement"]({"outputs": 1e-6})
    with pytest.raises(AssertionError, match=r"differ in conv2d_0\.kernel by 2\.0e-03"):
        training["require_agreement"]({"outputs": 1e-6, "conv2d_0.kernel": 2e-3})


def test_without_keras_numpys_speed_is_told_alone(training, capsys, monkeypatch):
    monkeypatch.setitem(training["main"].__globals__, "keras", None)
    monkeypatch.setitem(training["main"].__globals__, "CASES", training["CASES"][:1])
    training["main"](quick=True)
    out = capsys.readouterr().out
    assert "÷" not in out
    assert "Keras or its backend is not installed" in out


def test_the_grid_is_timed_against_a_loop_over_the_same_runs(capsys, monkeypatch):
    script = runpy.run_path(str(BENCHMARKS / "experiments.py"))
    grid = script["settings"](6)
    assert tuple(setting["setting"] for setting in grid) == script["STEMS"]
    assert {setting["epochs"] for setting in grid} == {6}
    trained = []
    for name in ("loop", "in_two_processes"):
        monkeypatch.setitem(script["compare"].__globals__, name, lambda *runs: trained.append(runs))
    assert script["compare"](epochs=6, seeds=4) > 0
    warm_up = (script["settings"](1), [4])
    assert trained == [warm_up, (grid, range(4)), warm_up, (grid, range(4))]
    out = capsys.readouterr().out
    assert "grid ÷ loop (needs 1.7)" in out
    assert re.search(r"the loop took \d+\.\d\d cores; 2, as busy, come to \d+\.\d\d", out)


# --------------------------------------------------------------------------- notebooks


NOTEBOOK = "notebooks/01_convolution_by_hand.ipynb"


@pytest.mark.parametrize("lesson", ["1", "01", NOTEBOOK, str(ROOT / NOTEBOOK)])
def test_present_opens_jupyterlab_on_the_lesson_as_slides(run, monkeypatch, lesson):
    commands = []
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(subprocess, "run", commands.append)
    assert run("present", lesson, "--no-browser")[0] == 0
    (command,) = commands
    (address,) = [word for word in command if "default_url" in word]
    assert address.endswith("/lab/workspaces/presenting/tree/notebooks/01_convolution_by_hand.ipynb")
    assert command[-2:] == [f"--ServerApp.root_dir={ROOT}", "--no-browser"]


def test_present_finds_the_course_through_a_link(run, monkeypatch, tmp_path):
    (tmp_path / "link").symlink_to(ROOT)
    commands = []
    monkeypatch.setattr(notebooks, "COURSE", tmp_path / "link")
    monkeypatch.setattr(notebooks, "LESSONS", tmp_path / "link" / "notebooks")
    monkeypatch.setattr(subprocess, "run", commands.append)
    assert run("present", "01")[0] == 0
    assert any(word.endswith(f"presenting/tree/{NOTEBOOK}") for word in commands[0])


def test_paths_of_the_command_may_begin_in_the_home_folder(run, monkeypatch, tmp_path):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    nbformat.write(new_notebook(cells=[new_code_cell("6 * 7")]), tmp_path / "home" / "right.ipynb")
    assert run("store", "~/right.ipynb")[0] == 0
    assert "| 42" in notebooks.as_text("~/right.ipynb")
    assert run("anki", "~/cards.txt")[0] == 0
    assert run("teach", "01", "--markdown", "--out=~/edition")[0] == 0
    assert {path.name for path in (tmp_path / "home").iterdir()} >= {"cards.txt", "edition"}
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_present_without_such_a_lesson_is_told(run):
    status, _, complaint = run("present", "99")
    assert status == 1
    assert complaint.startswith("cnnlessons: there is no lesson '99': name a number")


def test_store_runs_every_notebook_and_saves_its_outputs(run, tmp_path):
    path = tmp_path / "right.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("6 * 7")]), path)
    assert run("store", str(path))[:2] == (0, f"stored {path}\n")
    assert nbformat.read(path, 4).cells[0].outputs[0].data["text/plain"] == "42"


def test_store_names_each_notebook_that_fails_and_leaves_it_as_it_was(run, tmp_path):
    broken, missing, text = (tmp_path / name for name in ("broken.ipynb", "missing.ipynb", "text.ipynb"))
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Title"), new_code_cell("1 / 0")]), broken)
    text.write_text("no notebook")
    before = broken.read_bytes()
    status, out, complaint = run("store", str(broken), str(missing), str(text))
    assert (status, out) == (1, "")
    assert f"{broken}: cell 1 failed, nothing was stored" in complaint
    assert "ZeroDivisionError" in complaint
    assert f"{missing}: No such file or directory" in complaint
    assert f"{text}: Notebook does not appear to be JSON" in complaint
    assert broken.read_bytes() == before


def test_show_prints_a_notebook_as_text_and_says_what_is_none(run, tmp_path):
    path, text = tmp_path / "right.ipynb", tmp_path / "text.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("3 × 3 → 9", id="one")]), path)
    text.write_text("no notebook")
    assert run("show", str(path)) == (0, "--- markdown one {}\n3 × 3 → 9\n\n", "")
    for wrong, why in ((text, "no notebook"), (tmp_path / "missing.ipynb", "No such file or directory")):
        status, out, complaint = run("show", str(wrong))
        assert (status, out) == (1, "")
        assert complaint.startswith(f"cnnlessons: {wrong}: {why}")


def test_an_index_that_lacks_a_question_is_told(run, monkeypatch):
    def lacks():
        raise notebooks.NotebookError("index_of_questions.ipynb has no row for A1: write its question there first")

    monkeypatch.setattr(notebooks, "write_index", lacks)
    status, _, complaint = run("index")
    assert (status, complaint) == (
        1,
        "cnnlessons: index_of_questions.ipynb has no row for A1: write its question there first\n",
    )


def test_a_new_lesson_whose_number_is_taken_is_told(run):
    status, _, complaint = run("new-lesson", "1", "Any")
    assert status == 1
    assert complaint.startswith("cnnlessons: lesson 01 is there already")
