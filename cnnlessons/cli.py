"""The command ``cnnlessons``: how fast the course runs here, its experiments, and notebooks as source.

Taught in lesson 00.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
from pathlib import Path

from cnnlessons import __version__
from cnnlessons.machine import Table, machine_table

BENCHMARKS = Path(__file__).parents[1] / "tests" / "benchmarks"


class Problem(Exception):
    """What went wrong, in a sentence for the reader."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (Problem, OSError, ValueError) as problem:  # a folder that is not there, an option that cannot be taken
        told = f"{problem.filename}: {problem.strerror}" if getattr(problem, "filename", None) else problem
        print(f"cnnlessons: {told}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "cnnlessons",
        description="Convolutional networks, one question and one running cell at a time.",
        epilog="To open the lessons: python3 course.py",
    )
    parser.add_argument("--version", action="version", version=f"cnnlessons {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    command = commands.add_parser("machine", help="say what this machine has: cores, GPU, versions, data sets")
    command.set_defaults(run=lambda options: print(machine_table(gpu=True)))

    command = commands.add_parser("bench", help="measure how fast the course runs here (about nine minutes)")
    command.add_argument("--quick", action="store_true", help="few repetitions and no browser (about two minutes)")
    command.set_defaults(run=lambda options: bench(options.quick))

    command = commands.add_parser("present", help="open a lesson in JupyterLab as slides, its cells run, panels alive")
    command.add_argument("lesson", metavar="LESSON", help="its number, such as 01, or a notebook's path")
    command.add_argument("options", nargs=argparse.REMAINDER, help="for JupyterLab, such as --no-browser")
    command.set_defaults(run=lambda options: present(options.lesson, options.options))

    command = commands.add_parser("store", help="run notebooks from top to bottom and save them with their outputs")
    command.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK")
    command.set_defaults(run=lambda options: store(options.notebooks))

    command = commands.add_parser("show", help="print a notebook's words, code and text outputs, for git's diff")
    command.add_argument("notebook", type=Path, metavar="NOTEBOOK")
    command.set_defaults(run=lambda options: show(options.notebook))

    command = commands.add_parser("index", help="write the links of the index of questions from the lessons' tags")
    command.set_defaults(run=lambda options: index())

    command = commands.add_parser("new-lesson", help="begin a lesson: a notebook, an exercise, rows in the tables")
    command.add_argument("number", type=int, metavar="NUMBER")
    command.add_argument("title", metavar="TITLE")
    command.set_defaults(run=lambda options: new_lesson(options.number, options.title))

    command = commands.add_parser("progress", help="what you have solved and answered, as noted on this machine only")
    command.add_argument("--off", action="store_true", help="note nothing down from now on")
    command.add_argument("--on", action="store_true", help="note down again")
    command.set_defaults(run=lambda options: progress(options.on, options.off))

    command = commands.add_parser("anki", help="write the questions of `exercises.recall` as cards for Anki")
    command.add_argument("file", type=Path, metavar="FILE", help="a text file, to import into Anki")
    command.set_defaults(run=lambda options: anki(options.file))

    command = commands.add_parser("grade", help="grade a folder of notebooks: marks, feedback, a page for the class")
    command.add_argument("folder", type=Path, metavar="FOLDER", help="a notebook or a folder for each student")
    command.add_argument("--out", type=Path, default=Path("marks.csv"), metavar="FILE", help="(marks.csv)")
    command.add_argument("--lesson", action="append", default=[], dest="lessons", metavar="NN", help="may be repeated")
    command.add_argument("--seed", type=int, metavar="N", help="from which probes are drawn (another one each time)")
    command.add_argument("--isolation", default="auto", metavar="WAY", help="wasm, bwrap, process, or auto: the first")
    command.add_argument("--seconds", type=float, default=10, metavar="S", help="that one answer may take (10)")
    command.add_argument("--jobs", type=int, metavar="N", help="answers run at once (as many as cores)")
    command.set_defaults(run=grade)

    command = commands.add_parser(
        "teach", help="write the teacher's edition of a lesson, and a handout of its exercises"
    )
    command.add_argument("lesson", metavar="NN", help="the lesson's number, such as 01")
    command.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="(the present one)")
    command.add_argument("--markdown", action="store_true", help="in the place of HTML")
    command.set_defaults(run=lambda options: teach(options.lesson, options.out, options.markdown))

    command = commands.add_parser(
        "site", help="write the lessons as pages to read, which need no network and no Python"
    )
    command.add_argument("--out", type=Path, default=Path("site"), metavar="FOLDER", help="(site)")
    command.add_argument("--lite", action="store_true", help="link the lessons that hosting/lite.py puts beside them")
    command.set_defaults(run=lambda options: site(options.out, options.lite))

    command = commands.add_parser("record-weights", help="train the networks that lesson 08 reads (an hour; goes on)")
    command.add_argument("--task", action="append", dest="tasks", metavar="TASK", help="only this one; may be repeated")
    command.add_argument("--jobs", type=int, default=2, help="networks trained at once, one core each")
    command.set_defaults(run=lambda options: record_weights(options.tasks, options.jobs))
    _add_experiment(commands)
    return parser


def _add_experiment(commands) -> None:
    command = commands.add_parser(
        "experiment", help="train what the evidence of the lessons rests on, or go on with it"
    )
    command.add_argument("name", metavar="NAME", help="first_layers, bakeoff, long, blocks, robust, cue or stems")
    command.add_argument("--seeds", type=int, metavar="N", help="how many (those of the experiment)")
    command.add_argument("--jobs", type=int, metavar="N", help="runs at once (as many as cores)")
    command.add_argument("--epochs", type=int, metavar="N", help="instead of those of the experiment; needs --store")
    command.add_argument("--dataset", metavar="NAME", help="only the runs on this data set")
    command.add_argument(
        "--verify", type=int, metavar="K", help="run K recorded runs again, drawn at random, and compare"
    )
    command.add_argument("--store", type=Path, metavar="FILE", help="a CSV file (data/evidence/NAME.csv)")
    command.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask scheduler whose workers make the runs")
    command.set_defaults(run=experiment)


# --------------------------------------------------------------------------- how fast it is


def bench(quick: bool = False) -> None:
    """Print this machine's description and the tables that the scripts in tests/benchmarks measure.

    Raises
    ------
    Problem
        If the scripts are not there, or one fails.
    """
    scripts = ["imports.py", "convolution.py", "training.py", "experiments.py", *([] if quick else ["slider.py"])]
    if not BENCHMARKS.is_dir():
        raise Problem(
            "the benchmarks are part of the course's folder, not of the installed package; "
            "get the course and run there: python3 course.py run cnnlessons bench"
        )
    print(machine_table(), flush=True)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0
    if load > 0.5:
        print(f"\nOther programs are running (load {load:.1f}): NumPy's matrix products can take many times as long.")
    for script in scripts:
        print(flush=True)  # before the script prints to the same place
        command = [sys.executable, str(BENCHMARKS / script), *(["--quick"] if quick else [])]
        ended = subprocess.run(command, stderr=subprocess.PIPE, text=True)  # stderr: libraries log there
        if ended.returncode != 0:
            raise Problem(f"{script} failed:\n{ended.stderr}")


# --------------------------------------------------------------------------- coming back


def progress(on: bool, off: bool) -> None:
    """Print what is noted of the reader's exercises and questions, lesson by lesson, and where it lies.

    Raises
    ------
    Problem
        If the reader's folder cannot be written.
    """
    from cnnlessons import exercises
    from cnnlessons.exercises import notes, retrieval

    try:
        if on or off:
            notes.switch(on)
    except RuntimeError as error:
        raise Problem(str(error)) from error
    print(Table(retrieval.progress(exercises.names())), notes.where(), sep="\n")


def anki(path: Path) -> None:
    """Write the questions for Anki into a file that is not there yet."""
    from cnnlessons.exercises import retrieval

    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(retrieval.anki())
    print(f"wrote {path}, {len(retrieval.QUESTIONS)} cards; in Anki: File, Import")


# --------------------------------------------------------------------------- teaching


def grade(options: argparse.Namespace) -> None:
    """Grade a folder of notebooks."""
    from cnnlessons.teaching import grading

    chosen = {name: getattr(options, name) for name in ("seed", "lessons", "seconds", "jobs")}
    grading.grade(options.folder, options.out, isolated=options.isolation, **chosen)


def teach(lesson: str, folder: Path, markdown: bool) -> None:
    """Write what a teacher needs for a lesson, and say where."""
    from cnnlessons.teaching import edition

    print("wrote", *edition.write(lesson, folder, markdown))


def site(folder: Path, lite: bool) -> None:
    """Write the site of the course, and say where.

    Raises
    ------
    Problem
        If a tool is missing, or Sphinx warns, such as of a link that leads nowhere.
    """
    from cnnlessons.teaching import site

    try:
        warnings = site.build(folder, lite=lite)
    except ImportError as error:
        needed = 'python3 course.py run python -m pip install --no-build-isolation -e ".[site]"'
        raise Problem(f"to make the site {error.name} is needed; in the course's folder: {needed}") from error
    if warnings:
        raise Problem("\n".join([f"wrote {folder}, but:", *warnings]))
    print(f"wrote {folder}: open {folder / 'index.html'}")


# --------------------------------------------------------------------------- recorded networks


def record_weights(tasks: list[str] | None, jobs: int) -> None:
    """Train the networks of `recorded` that are missing and write them to data/weights."""
    from cnnlessons.experiments import weights

    weights.record(tasks=tasks, jobs=jobs)


# --------------------------------------------------------------------------- experiments


def experiment(options: argparse.Namespace) -> None:
    """Make the runs of an experiment that its store does not hold yet, or some that it holds again.

    Raises
    ------
    Problem
        If there is no such experiment, an option cannot be taken, runs failed, or a verified run came out otherwise.
    """
    from cnnlessons import experiments

    try:
        evidence = experiments.evidence(options.name)
        if options.epochs is not None and not options.store and options.verify is None:
            raise Problem("runs with other epochs are another experiment: name a file for them with --store FILE")
        store = options.store or evidence
        if options.verify is not None:
            for name in ("dataset", "seeds", "epochs"):
                if getattr(options, name) is not None:
                    raise Problem(f"--verify draws from all recorded runs: leave out --{name}")
            _verify(experiments.verify(store, options.verify, options.jobs, scheduler=options.scheduler))
        else:
            _tell(_run(options, store), store)
    except (TypeError, ImportError) as error:
        raise Problem(str(error)) from error


def _run(options, store):
    """Make the runs, one group of settings after the other, and return their rows."""
    import pandas as pd

    from cnnlessons import experiments

    known, rows = experiments.experiment(options.name), []
    if known.tried:
        _choose_rates(options, known)
    settings = experiments.grid(options.name, options.dataset, options.epochs)
    for _, group in itertools.groupby(settings, lambda each: (each.get("group"), list(known.seeds_of(each)))):
        group = list(group)
        seeds = known.seeds_of(group[0]) if options.seeds is None else options.seeds
        rows.append(experiments.run(group, seeds, options.jobs, store, known.function, options.scheduler))
    return pd.concat(rows)


def _choose_rates(options, known):
    """Make the runs on which the rates of an experiment are chosen, in the course's own evidence."""
    from cnnlessons.experiments import run, tuning

    place = tuning.file(options.name)
    for _ in range(2):  # the second time those that the first one calls for
        settings = [each for each in known.tried() if options.dataset in (None, each["dataset"])]
        for seeds, group in itertools.groupby(settings, tuning.seeds):
            rows = run(list(group), seeds, options.jobs, place, known.function, options.scheduler)
            failed = rows[rows["error"] != ""]
            for error, count in failed["error"].value_counts().items():
                print(f"{count} runs failed on which rates are chosen: {error}", file=sys.stderr)
        tuning.read_anew()


def _tell(rows, store) -> None:
    """Say how many runs there are, and which failed."""
    print(f"{len(rows)} runs in {store}")
    failed = rows[rows["error"] != ""]
    if len(failed):
        reasons = "\n".join(f"{count} × {error}" for error, count in failed["error"].value_counts().items())
        raise Problem(f"{len(failed)} runs failed; the same command tries them again\n{reasons}")


def _verify(rows) -> None:
    """Print the recorded and the new accuracy of each run."""
    for _, row in rows.iterrows():
        what = f"{row['setting']}, {row['dataset']}, {row['per_class']} a class, seed {row['seed']}"
        print(f"{what}: recorded {row['recorded']:.1%}, again {row['again']:.1%} {row['error']}".rstrip())
    if not (rows["difference"].abs() <= 0.02).all():
        raise Problem("not every run came out within 2 points of the recorded accuracy")


# --------------------------------------------------------------------------- notebooks


def present(lesson: str, options: list[str]) -> None:
    """Start JupyterLab on a lesson, which the course's extension there (lab/share) runs and shows as slides.

    Raises
    ------
    Problem
        If there is no such lesson.
    """
    from cnnlessons import notebooks

    path = (notebooks.lesson(lesson) or Path(lesson)).resolve()
    if not path.is_file() or not path.is_relative_to(notebooks.COURSE):
        raise Problem(f"there is no lesson {lesson!r}: name a number, such as 01, or a notebook of this course")
    # By the name of the workspace the extension knows what to do; what is open in the others stays so.
    place = f"/lab/workspaces/presenting/tree/{path.relative_to(notebooks.COURSE).as_posix()}"
    command = [sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1", "--allow-root", f"--LabApp.default_url={place}"]
    subprocess.run([*command, f"--ServerApp.root_dir={notebooks.COURSE}", *options])


def store(paths: list[Path]) -> None:
    """Run notebooks and save them with their outputs; those that fail stay as they were.

    Raises
    ------
    Problem
        If a notebook failed, once all have been tried.
    """
    from cnnlessons import notebooks

    failures = []
    for path in paths:
        try:
            notebooks.store(path)
            print(f"stored {path}")
        except notebooks.NotebookError as error:
            failures.append(str(error))
        except (OSError, ValueError) as error:  # no such file, or not a notebook
            failures.append(f"{path}: {getattr(error, 'strerror', None) or error}")
    if failures:
        raise Problem("\n".join(failures))


def show(path: Path) -> None:
    """Print a notebook as text, in UTF-8, as git expects it."""
    from cnnlessons import notebooks

    try:
        sys.stdout.buffer.write(notebooks.as_text(path).encode())
    except (OSError, ValueError, LookupError) as error:  # no such file, or not a notebook
        raise Problem(f"{path}: {getattr(error, 'strerror', None) or f'no notebook ({error!r})'}") from error


def index() -> None:
    """Write the index of questions anew."""
    from cnnlessons import notebooks

    print(f"wrote {notebooks.write_index()}")


def new_lesson(number: int, title: str) -> None:
    """Begin a lesson, store it and say what to do next."""
    from cnnlessons import notebooks

    lesson, exercise = notebooks.new_lesson(number, title)
    notebooks.store(lesson)
    print(
        f"wrote {lesson} and {exercise}, with a row each in README.md and lesson 00\n"
        "next: fill them as CONTRIBUTING.md says; then\n"
        f"  python3 course.py run cnnlessons store notebooks/{lesson.name}\n"
        f"  python3 course.py test notebooks/{lesson.name} tests/notebooks tests/test_exercises.py"
    )


if __name__ == "__main__":
    sys.exit(main())
