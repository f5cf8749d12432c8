"""Run the code cells of the lessons again and again, and tell which of them then fail or say something else.

Each cell is run three times in a row; when the whole is done, all of them once more from top to bottom, and once more
from bottom to top, so that whoever changes what an earlier cell relies on is found. Cells tagged "clock" may say
something else, and nothing more. Run it with ``python3 course.py run python tests/rerun.py [NOTEBOOK ...]``.
"""

import configparser
import contextlib
import json
import re
import sys
from pathlib import Path

import nbformat
from nbclient.exceptions import CellControlSignal

from cnnlessons import notebooks

ROOT = Path(__file__).parents[1]


def replacements():
    """What the strict tests take to be the same in every run, too: memory addresses and the like."""
    rules = configparser.RawConfigParser()
    rules.read(ROOT / "tests" / "notebooks" / "nbval_sanitize.cfg", encoding="utf-8")
    return [(re.compile(rules[name]["regex"]), rules[name]["replace"]) for name in rules.sections()]


RULES = replacements()


def sanitised(text):
    text = re.sub(r"[^\n]*\r(?!\n)", "", text)  # of a line that was written over, its last state
    for rule, replacement in RULES:
        text = rule.sub(replacement, text)
    return text


def said(cell):
    """What a cell shows, a pair of kind and content each; an error is one of the kinds."""
    shown = []
    for output in cell.outputs:
        if output.output_type == "error":
            shown.append(("error", f"{output.ename}: {output.evalue}"))
        elif output.output_type == "stream":
            shown.append((output.name, sanitised(output.text)))
        else:
            for kind, content in output.data.items():
                text = content if isinstance(content, str) else json.dumps(content, sort_keys=True)
                if kind != notebooks.WIDGET_VIEW:
                    shown.append((kind, sanitised(text) if kind.startswith("text/") else text))
    return shown


def complaint(first, now, clock=False):
    """Say in a line what is wrong with a cell's second output; None if nothing is."""
    errors = [content for kind, content in now if kind == "error"]
    if errors:
        return f"fails: {errors[0]}"
    if clock or now == first:
        return None
    for (kind, before), (_, after) in zip(first, now, strict=False):
        if before != after and kind.startswith("image/"):
            return "shows another picture"
        for old, new in zip(before.splitlines(), after.splitlines(), strict=False):
            if old != new:
                return f"says {new.strip()!r} where it was {old.strip()!r}"
    return "shows more or less than before"


def rerun(path):
    """Return the number of a notebook's code cells, and a list of complaints: when, which cell, and what is wrong."""
    notebook = nbformat.read(path, as_version=4)
    order = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    first, found = {}, []
    with notebooks.in_kernel(notebook, path) as client:

        def run(index, when):
            cell = notebook.cells[index]
            with contextlib.suppress(CellControlSignal):  # an error is among the outputs
                client.execute_cell(cell, index)
            now = said(cell)
            what = complaint(first.setdefault(index, now), now, "clock" in cell.metadata.get("tags", []))
            if what:
                found.append(f"cell {index}, {when}: {what}")

        for index in order:
            for when in ("the first time", "the second time in a row", "the third time in a row"):
                run(index, when)
        for when, cells in (("again after the whole", order), ("again, from the last cell up", order[::-1])):
            for index in cells:
                run(index, when)
    return len(order), found


def main(paths):
    cells, complaints = 0, 0
    for path in map(Path, paths) if paths else sorted((ROOT / "notebooks").glob("**/*.ipynb")):
        number, found = rerun(path)
        cells, complaints = cells + number, complaints + len(found)
        print(f"{path.name}: {number} code cells, {len(found)} complaints", *found, sep="\n    ", flush=True)
    print(f"{cells} code cells, {complaints} complaints")
    return int(complaints > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
