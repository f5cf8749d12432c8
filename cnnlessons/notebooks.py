"""Notebooks as source: run one and store it, show it as text, begin a new one; find which question is answered where.

The lessons are kept with their outputs: whoever changes one calls `store` (``cnnlessons store`` in a terminal) before
committing.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbclient import NotebookClient
    from nbformat import NotebookNode

CELL_TIMEOUT = 600  # seconds; only what hangs takes so long, on a busy machine too

QUESTION_IDS = tuple(
    f"{letter}{number}"
    for letter, count in {"A": 10, "B": 14, "C": 6, "D": 10, "E": 7, "F": 11, "G": 10, "H": 22}.items()
    for number in range(1, count + 1)
)

# What JupyterLab writes into a notebook that it opens: the kernel, and what that says of its language. In this course's
# environment the version is "3" whatever the Python, so that a lesson that was only looked at is the same file.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
        "version": "3",
    },
}

COURSE = Path(__file__).parents[1]
LESSONS = COURSE / "notebooks"
INDEX = "index_of_questions.ipynb"
SKELETON = COURSE / "data" / "new_lesson"  # lesson 99, whole but for its contents, and its exercise

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class NotebookError(ValueError):
    """A notebook that cannot be stored or begun, and why."""


def store(path: str | Path) -> None:
    """Run a notebook from top to bottom in a fresh kernel and save it with its outputs.

    What is saved does not depend on the machine: no timings, no versions, no widget state (a panel leaves its plain
    text). The kernel starts in the notebook's folder, from this Python, with no personal IPython settings. Cell
    metadata such as tags and hidden outputs stay as they are. So does the whole file where a cell fails, ends the
    kernel or takes longer than `CELL_TIMEOUT`: a NotebookError.
    """
    try:
        import nbclient  # noqa: F401  (here, so that the package stays light)
        import nbformat
    except ImportError as error:
        raise NotebookError(
            f"to run notebooks the package {error.name!r} is needed, which is not installed; "
            "install the course's requirements"
        ) from error
    path = Path(path).expanduser()
    notebook = nbformat.read(path, as_version=4)
    run(notebook, path)
    tidy(notebook)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def run(notebook: NotebookNode, path: Path) -> None:
    """Execute every cell of `notebook`, the contents of the file `path`, and put the outputs in their places."""
    from nbclient.exceptions import CellControlSignal, DeadKernelError

    with in_kernel(notebook, path) as client:
        for index, cell in enumerate(notebook.cells):
            try:
                client.execute_cell(cell, index)
            except (CellControlSignal, DeadKernelError) as error:
                raise NotebookError(f"{path}: cell {index} failed, nothing was stored.\n{error}") from None


@contextlib.contextmanager
def in_kernel(notebook: NotebookNode, path: Path) -> Iterator[NotebookClient]:
    """Start a kernel that can execute the cells of `notebook` as those of the file `path`."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    # Without kernel folders only this Python's own kernel is left, whatever else is registered on the machine.
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=CELL_TIMEOUT,
        coalesce_streams=True,  # in which pieces a text arrives is chance
        resources={"metadata": {"path": str(path.parent)}},
        # Lines that compiled libraries log past Python's sys.stderr are no part of a lesson.
        extra_arguments=["--IPKernelApp.capture_fd_output=False"],
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        environment = os.environ | {"IPYTHONDIR": profile, "TF_CPP_MIN_LOG_LEVEL": "3"}
        with client.setup_kernel(env=environment, stderr=subprocess.DEVNULL, cleanup_kc=True):
            yield client


def tidy(notebook: NotebookNode) -> None:
    """Remove from an executed notebook what differs from one run or machine to the next."""
    notebook.metadata = METADATA
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.metadata.get("jupyter", {}).get("outputs_hidden"):
            cell.metadata.collapsed = True  # as JupyterLab writes it beside the other
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)


def headings(cell: NotebookNode) -> list[str]:
    """The headings in a Markdown cell, without their marks for code and emphasis."""
    if cell.cell_type != "markdown":
        return []
    prose = re.sub(r"^```.*?^```", "", cell.source, flags=re.MULTILINE | re.DOTALL)
    return [re.sub(r"[`*]", "", found).strip() for found in re.findall(r"^#{1,6} +(.+)", prose, re.MULTILINE)]


def heading(cell: NotebookNode) -> str | None:
    """The heading that opens a Markdown cell."""
    return headings(cell)[0] if cell.source.startswith("#") and headings(cell) else None


def sections(notebook: NotebookNode) -> list[str]:
    """For every cell, the nearest heading: the one that opens it, or else the last above it; "" above the first."""
    names, above = [], ""
    for cell in notebook.cells:
        names.append(heading(cell) or above)
        above = (headings(cell) or [above])[-1]
    return names


def anchor(section: str) -> str:
    """What stands behind "#" in a link to `section`, as JupyterLab makes it."""
    return section.replace(" ", "-")


def questions(notebook: NotebookNode) -> dict[str, list[str]]:
    """Question id to the headings under which cells are tagged with it, in reading order."""
    answered: dict[str, list[str]] = {}
    for cell, section in zip(notebook.cells, sections(notebook), strict=True):
        for tag in cell.metadata.get("tags", []):
            if tag.startswith("Q-"):
                places = answered.setdefault(tag.removeprefix("Q-"), [])
                if section not in places:
                    places.append(section)
    return answered


# --------------------------------------------------------------------------- the index of questions


def lesson(number: str) -> Path | None:
    """Return the notebook of a lesson by its number, such as "01"; None if there is none."""
    return next(iter(LESSONS.glob(f"{number:0>2}_*.ipynb")), None) if re.fullmatch(r"\d\d?", number) else None


def in_order(folder: Path = LESSONS) -> list[Path]:
    """The notebooks of the course: each lesson, and after it what goes deeper."""
    found = [path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts]
    return sorted(found, key=lambda path: (path.name[:2], path.parent != folder, path.name))


def answers(folder: Path = LESSONS) -> dict[str, list[tuple[str, str]]]:
    """Question id to (notebook, as a link in `folder` names it; section) for each section with a cell tagged so."""
    import nbformat

    places: dict[str, list[tuple[str, str]]] = {}
    for path in in_order(folder):
        file = path.relative_to(folder).as_posix()
        for question, sections_ in questions(nbformat.read(path, as_version=4)).items():
            places.setdefault(question, []).extend((file, section) for section in sections_)
    return places


def write_index(folder: Path = LESSONS) -> Path:
    """Write into the index of questions the links that the tags of all lessons call for, and return its path.

    A row is ``| A1 | its question | the answer in a sentence, with a link |``; the links to the other sections are
    folded below the answer.
    """
    import nbformat

    path, found = folder / INDEX, answers(folder)
    index = nbformat.read(path, as_version=4)
    for cell in index.cells:
        if "index" in cell.metadata.get("tags", []):
            cell.source = ROW.sub(lambda row: f"{row[1]}{_links(found.pop(row[2], []), row[3])} |", cell.source)
    if found:
        raise NotebookError(f"{path.name} has no row for {', '.join(sorted(found))}: write its question there first")
    nbformat.write(index, path)
    return path


ROW = re.compile(r"^(\| *([A-H]\d+) *\|[^|\n]+\|([^|\n]+?))(?: <details>.*</details>)? *\|$", re.MULTILINE)


def _links(places, answer):
    """Return links to those places that the answer does not link, folded."""
    links = []
    for file, section in places:
        name, target = "deeper " * file.startswith("deeper/") + Path(file).name[:2], f"({file}#{anchor(section)})"
        links += [] if target in answer else [f"[{name}, {section}]{target}"]
    return f" <details><summary>{len(links)} more</summary>{', '.join(links)}</details>" if links else ""


# --------------------------------------------------------------------------- as text, for whoever reads a change


def as_text(path: str | Path) -> str:
    """Return the words, the code and what the outputs say; of a picture, its words, how large it is, a checksum."""
    lines = []
    for cell in json.loads(Path(path).expanduser().read_text(encoding="utf-8"))["cells"]:
        metadata = json.dumps(cell["metadata"], ensure_ascii=False, sort_keys=True)
        lines += [f"--- {cell['cell_type']} {cell.get('id', '')} {metadata}", *"".join(cell["source"]).splitlines(), ""]
        for output in cell.get("outputs", []):
            lines += [f"  | {line}" for line in _said(output)]
    return "\n".join(lines) + "\n"


def _said(output):
    data = output.get("data", {})
    text = "".join(output.get("text") or data.get("text/plain") or output.get("traceback") or "").splitlines()
    if "image/png" not in data:
        return text
    png = base64.b64decode("".join(data["image/png"]))
    width, height = struct.unpack(">II", png[16:24])  # where PNG's first chunk holds them
    words = output.get("metadata", {}).get("image/png", {}).get("alt", "").splitlines()
    return [*text, *words, f"picture, {width} × {height} pixels, checksum {zlib.crc32(png):08x}"]


# --------------------------------------------------------------------------- a new lesson


def new_lesson(number: int, title: str) -> list[Path]:
    """Write a lesson of the course's shape and its exercise, list it in README.md and lesson 00; return both files."""
    import nbformat

    notebook, exercise = _room_for(number, title)
    for place, source in ((notebook, "lesson.ipynb"), (exercise, "lesson.py")):
        text = (SKELETON / source).read_text(encoding="utf-8").replace("99", f"{number:02}")
        text = text.replace("Skeleton", json.dumps(title, ensure_ascii=False)[1:-1])
        place.write_text(text, encoding="utf-8", newline="\n")
    readme, row = COURSE / "README.md", f"| [{number:02} {title}]({{}}{notebook.name}) |"
    asked = notebook.read_text(encoding="utf-8")
    question = re.search(r"\*\*(.+?)\*\*", asked)[1]
    text = _listed(readme.read_text(encoding="utf-8"), f"{row.format('notebooks/')} {question} | 50 + 30 |")
    readme.write_text(text, encoding="utf-8", newline="\n")
    start = notebook.with_name("00_start_here.ipynb")
    contents = nbformat.read(start, as_version=4)
    for cell in contents.cells:
        if cell.source.startswith("## The lessons"):
            told = f"{row.format('')} what it is about | its picture, map/{number:02}.png |"
            cell.source = _listed(cell.source, told)
    nbformat.write(contents, start)
    return [notebook, exercise]


def _room_for(number, title):
    """Return the paths of a lesson and of its exercises, where nothing is yet."""
    words = "_".join(re.findall(r"\w+", title.lower()))
    if not 1 <= number <= 98 or not words or re.search(r"[|\[\]\n]", title):
        raise NotebookError(f"a lesson has a number from 1 to 98 and a title without | [ ], got {number} and {title!r}")
    if not SKELETON.is_dir():
        raise NotebookError(f"{SKELETON} is not there: get the course's folder, and begin the lesson in it")
    exercise = COURSE / "cnnlessons" / "exercises" / f"lesson_{number:02}.py"
    taken = [*(COURSE / "notebooks").glob(f"{number:02}_*"), *filter(Path.exists, [exercise])]
    if taken:
        raise NotebookError(f"lesson {number:02} is there already ({taken[0]}): choose another number")
    return COURSE / "notebooks" / f"{number:02}_{words}.ipynb", exercise


def _listed(text, row):
    """Return a text with a row more in its table of lessons, in the order of their numbers."""
    before = [found for found in re.finditer(r"^\| \[\d\d .*", text, re.MULTILINE) if found[0] < row]
    return text[: before[-1].end()] + "\n" + row + text[before[-1].end() :]
