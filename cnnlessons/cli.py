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

from cnnlessons import __version__, notebooks
from cnnlessons.machine import Table, machine_table

BENCHMARKS = Path(__file__).parents[1] / "tests" / "benchmarks"
COMMANDS = {}  # a function to what argparse is told of its arguments


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
    for run, arguments in COMMANDS.items():
        said = run.__doc__.removesuffix(".")
        parsed = commands.add_parser(run.__name__.replace("_", "-"), help=said[0].lower() + said[1:])
        parsed.set_defaults(run=run)
        for names, settings in arguments:
            parsed.add_argument(*names, **settings)
    return parser


def command(*arguments):
    """Make a function of the parsed options a command, called by its name and described by its docstring."""

    def register(run):
        COMMANDS[run] = arguments
        return run

    return register


def argument(*names, **settings):
    return names, settings


# --------------------------------------------------------------------------- how fast it is


@command()
def machine(options):
    """Say what this machine has: cores, GPU, versions, data sets."""
    print(machine_table(gpu=True))


@command(argument("--quick", action="store_true", help="few repetitions and no browser (about two minutes)"))
def bench(options):
    """Measure how fast the course runs here (about nine minutes)."""
    scripts = ["imports.py", "convolution.py", "training.py", "experiments.py"]
    if not BENCHMARKS.is_dir():
        raise Problem(
            "the benchmarks are part of the course's folder, not of the installed package; "
            "get the course and run there: python3 course.py run cnnlessons bench"
        )
    print(machine_table(), flush=True)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0
    if load > 0.5:
        print(f"\nOther programs are running (load {load:.1f}): NumPy's matrix products can take many times as long.")
    for script in scripts if options.quick else [*scripts, "slider.py"]:
        print(flush=True)  # before the script prints to the same place
        call = [sys.executable, str(BENCHMARKS / script), *(["--quick"] if options.quick else [])]
        ended = subprocess.run(call, stderr=subprocess.PIPE, text=True)  # stderr: libraries log there
        if ended.returncode != 0:
            raise Problem(f"{script} failed:\n{ended.stderr}")


# --------------------------------------------------------------------------- notebooks


@command(
    argument("lesson", metavar="LESSON", help="its number, such as 01, or a notebook's path"),
    argument("options", nargs=argparse.REMAINDER, help="for JupyterLab, such as --no-browser"),
)
def present(options):
    """Open a lesson in JupyterLab as slides, its cells run, panels alive."""
    path = (notebooks.lesson(options.lesson) or Path(options.lesson).expanduser()).resolve()
    course = notebooks.COURSE.resolve()  # it may be reached through a link
    if not path.is_file() or not path.is_relative_to(course):
        raise Problem(f"there is no lesson {options.lesson!r}: name a number, such as 01, or a notebook of this course")
    # By the workspace's name the course's extension (lab/share) knows what to do; what is open in the others stays so.
    place = f"/lab/workspaces/presenting/tree/{path.relative_to(course).as_posix()}"
    call = [sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1", "--allow-root", f"--LabApp.default_url={place}"]
    subprocess.run([*call, f"--ServerApp.root_dir={course}", *options.options])


@command(argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK"))
def store(options):
    """Run notebooks from top to bottom and save them with their outputs."""
    failures = []
    for path in options.notebooks:
        try:
            notebooks.store(path)
            print(f"stored {path}")
        except notebooks.NotebookError as error:
            failures.append(str(error))
        except (OSError, ValueError) as error:  # no such file, or not a notebook
            failures.append(f"{path}: {getattr(error, 'strerror', None) or error}")
    if failures:
        raise Problem("\n".join(failures))


@command(argument("notebook", type=Path, metavar="NOTEBOOK"))
def show(options):
    """Print a notebook's words, code and text outputs, for git's diff."""
    try:
        sys.stdout.buffer.write(notebooks.as_text(options.notebook).encode())  # in UTF-8, as git expects it
    except (ValueError, LookupError) as error:
        raise Problem(f"{options.notebook}: no notebook ({error!r})") from error


@command()
def index(options):
    """Write the links of the index of questions from the lessons' tags."""
    print(f"wrote {notebooks.write_index()}")


@command(argument("number", type=int, metavar="NUMBER"), argument("title", metavar="TITLE"))
def new_lesson(options):
    """Begin a lesson: a notebook, an exercise, rows in the tables."""
    lesson, exercise = notebooks.new_lesson(options.number, options.title)
    notebooks.store(lesson)
    print(
        f"wrote {lesson} and {exercise}, with a row each in README.md and lesson 00\n"
        "next: fill them as CONTRIBUTING.md says; then\n"
        f"  python3 course.py run cnnlessons store notebooks/{lesson.name}\n"
        f"  python3 course.py test notebooks/{lesson.name} tests/notebooks tests/test_exercises.py"
    )


# --------------------------------------------------------------------------- coming back


@command(
    argument("--off", action="store_true", help="note nothing down from now on"),
    argument("--on", action="store_true", help="note down again"),
)
def progress(options):
    """What you have solved and answered, as noted on this machine only."""
    from cnnlessons import exercises
    from cnnlessons.exercises import notes, retrieval

    try:
        if options.on or options.off:
            notes.switch(options.on)
    except RuntimeError as error:  # a user without a home
        raise Problem(str(error)) from error
    print(Table(retrieval.progress(exercises.names())), notes.where(), sep="\n")


@command(argument("file", type=Path, metavar="FILE", help="a text file, to import into Anki"))
def anki(options):
    """Write the questions of `exercises.recall` as cards for Anki."""
    from cnnlessons.exercises import retrieval

    with options.file.expanduser().open("x", encoding="utf-8", newline="\n") as file:
        file.write(retrieval.anki())
    print(f"wrote {options.file}, {len(retrieval.QUESTIONS)} cards; in Anki: File, Import")


# --------------------------------------------------------------------------- teaching


@command(
    argument("folder", type=Path, metavar="FOLDER", help="a notebook or a folder for each student"),
    argument("--out", type=Path, default=Path("marks.csv"), metavar="FILE", help="(marks.csv)"),
    argument(
        "--lesson",
        action="append",
        default=[],
        dest="lessons",
        metavar="NN",
        help="whose exercises are asked for, such as 01; may be repeated (those that half of the class handed in)",
    ),
    argument("--seed", type=int, metavar="N", help="from which test inputs are drawn (another one each time)"),
    argument(
        "--isolation",
        default="auto",
        metavar="WAY",
        help="wasm or bwrap, or process, which is no wall (auto: the first of the two that is there)",
    ),
    argument("--seconds", type=float, default=10, metavar="S", help="that one answer may take, once it is made (10)"),
    argument("--jobs", type=int, metavar="N", help="answers run at once (as many as cores)"),
)
def grade(options):
    """Grade a folder of notebooks: marks, feedback, a page for the class."""
    from cnnlessons.teaching import grading

    chosen = {name: getattr(options, name) for name in ("seed", "lessons", "seconds", "jobs")}
    grading.grade(options.folder, options.out, isolated=options.isolation, **chosen)


@command(
    argument("lesson", metavar="NN", help="the lesson's number, such as 01, or all"),
    argument("--out", type=Path, default=Path(), metavar="FOLDER", help="(the present one)"),
    argument("--markdown", action="store_true", help="in the place of HTML"),
)
def teach(options):
    """Write the teacher's edition of a lesson, and a handout of its exercises."""
    from cnnlessons.teaching import edition

    print("wrote", *edition.write(options.lesson, options.out, options.markdown))


@command(
    argument("--out", type=Path, default=Path("site"), metavar="FOLDER", help="(site)"),
    argument("--lite", action="store_true", help="link the lessons that hosting/lite.py puts beside them"),
)
def site(options):
    """Write the lessons as pages to read, which need no network and no Python."""
    from cnnlessons.teaching import site, tools

    try:
        warnings = site.build(options.out, lite=options.lite)
    except ImportError as error:
        raise Problem(f"to make the site {error.name} is needed; install it with: {tools.install('site')}") from error
    if warnings:
        raise Problem("\n".join([f"wrote {options.out}, but:", *warnings]))
    print(f"wrote {options.out}: open {options.out / 'index.html'}")


# --------------------------------------------------------------------------- recorded networks and experiments


@command(
    argument("--task", action="append", dest="tasks", metavar="TASK", help="only this one; may be repeated"),
    argument("--jobs", type=int, default=2, help="networks trained at once, one core each"),
)
def record_weights(options):
    """Train the networks that lesson 08 reads (an hour; goes on)."""
    from cnnlessons.experiments import weights

    weights.record(tasks=options.tasks, jobs=options.jobs)


@command(
    argument("name", metavar="NAME", help="first_layers, bakeoff, long, blocks, robust, cue or stems"),
    argument("--seeds", type=int, metavar="N", help="how many (those of the experiment)"),
    argument("--jobs", type=int, metavar="N", help="runs at once (as many as cores)"),
    argument("--epochs", type=int, metavar="N", help="instead of those of the experiment; needs --store"),
    argument("--dataset", metavar="NAME", help="only the runs on this data set"),
    argument("--verify", type=int, metavar="K", help="run K recorded runs again, drawn at random, and compare"),
    argument("--store", type=Path, metavar="FILE", help="a CSV file (data/evidence/NAME.csv)"),
    argument("--scheduler", metavar="ADDRESS", help="of a Dask scheduler whose workers make the runs"),
)
def experiment(options):
    """Train what the evidence of the lessons rests on, or go on with it."""
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
            function = experiments.experiment(options.name).function
            _verify(experiments.verify(store, options.verify, options.jobs, None, options.scheduler, function))
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
        settings = [each for each in known.tried() if options.dataset in (None, each.get("dataset"))]
        for seeds, group in itertools.groupby(settings, tuning.seeds):
            rows = run(list(group), seeds, options.jobs, place, known.function, options.scheduler)
            for error, count in _failed(rows).items():
                print(f"{count} runs failed on which rates are chosen: {error}", file=sys.stderr)
        tuning.read_anew()


def _tell(rows, store):
    """Say how many runs there are, and which failed."""
    print(f"{len(rows)} runs in {store}")
    if len(failed := _failed(rows)):
        reasons = "\n".join(f"{count} × {error}" for error, count in failed.items())
        raise Problem(f"{failed.sum()} runs failed; the same command tries them again\n{reasons}")


def _failed(rows):
    """How many runs ended with each error."""
    return rows["error"][rows["error"] != ""].value_counts()


def _verify(rows):
    """Print the recorded and the new accuracy of each run, and the mean difference: on another processor runs part."""
    from cnnlessons.experiments import interval

    for _, row in rows.iterrows():
        told = {"setting": "{}", "dataset": "{}", "per_class": "{} a class", "seed": "seed {}"}
        what = ", ".join(words.format(row[name]) for name, words in told.items() if name in row)
        print(f"{what}: recorded {row['recorded']:.1%}, again {row['again']:.1%} {row['error']}".rstrip())
    differences = 100 * rows["difference"].dropna()
    if len(differences) > 2:
        mean, low, high = interval(differences)
        print(f"mean difference {mean:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f}")
    if not (rows["difference"].abs() <= 0.02).all():
        raise Problem("not every run came out within 2 points of the recorded accuracy")


if __name__ == "__main__":
    sys.exit(main())
