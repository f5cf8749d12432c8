"""What grading writes: a table of marks, a page of feedback for each student, and a page for the class.

Whatever came from a submission is made harmless: control characters, HTML, and what spreadsheets take for formulas.
"""

import csv
import hashlib
import html
import os
import re
from collections import Counter, defaultdict
from pathlib import Path

from cnnlessons import exercises
from cnnlessons.exercises.cards import card

LICENCE = "© 2026 the cnnlessons authors. Text and pictures CC BY 4.0, code BSD-3-Clause."
PHOTOGRAPHS = "Photographs: licences and authors in {}."
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a;
  background: #fff; overflow-wrap: anywhere }}
table {{ border-collapse: collapse; width: 100%; margin: 0.5rem 0 1.5rem }}
th, td {{ text-align: left; padding: 0.25rem 0.6rem; border-bottom: 1px solid #ccc; vertical-align: top }}
td.number, th.number {{ text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }}
th {{ white-space: nowrap }} h2 {{ margin-top: 2rem }} h2, h3 {{ break-after: avoid }}
p:has(+ pre) {{ break-after: avoid }} section, pre, tr, li, details {{ break-inside: avoid }}
code {{ background: #f2f2f2 }} pre {{ background: #f2f2f2; padding: 0.6rem; white-space: pre-wrap }}
.bar {{ display: inline-block; height: 0.8em; background: #0072B2; margin-right: 0.5em }} .quiet {{ color: #595959 }}
@page {{ margin: 15mm }} @media print {{ body {{ font-size: 11pt; margin: 0; max-width: none }} }}
</style></head><body><main>
{body}
</main></body></html>
"""


def clean(text: str) -> str:
    """Text without control characters, such as those that move a terminal's cursor or turn the writing direction."""
    return "".join(letter if letter.isprintable() else "·" for letter in text)


def safe(text: str) -> str:
    """Text from a submission, cleaned and escaped for HTML."""
    return html.escape(clean(text))


def cell(text: str) -> str:
    """Text for a cell of a spreadsheet, which is never taken for a formula."""
    text = clean(text)
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@", "|", "%") else text


def page(title: str, body: str) -> str:
    """A page that needs nothing else; `title` is plain text and `body` is HTML."""
    return PAGE.format(title=safe(title), body=body)


def table(heads, rows, numbers=()) -> str:
    """A table of HTML; the columns `numbers` stand at the right."""
    looks = [' class="number"' if i in numbers else "" for i in range(len(heads))]
    head = "".join(f"<th{look}>{each}</th>" for look, each in zip(looks, heads, strict=True))
    lines = ("".join(f"<td{look}>{each}</td>" for look, each in zip(looks, row, strict=True)) for row in rows)
    return f"<table><tr>{head}</tr>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


# --------------------------------------------------------------------------- the marks of a class


def feedback_folder(out: Path) -> Path:
    """The folder of the pages that belong to a table of marks."""
    return out.with_name(f"{out.stem}_feedback")


def write(marks, out: Path, about: str) -> Path:
    """Write the marks and the pages, and return where the page for the class is."""
    folder = feedback_folder(out)
    folder.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["student", "exercise", "score", "found", "seconds"])
        for mark in marks:
            score = f"{mark.result.score:.2f}"
            rows.writerow([cell(mark.student), mark.result.exercise, score, cell(mark.result.diagnosis), mark.seconds])
    students = defaultdict(list)
    for mark in marks:
        students[mark.student].append(mark)
    links = {student: _file(student) for student in students}
    for old in folder.glob("*.html"):  # of those who are no longer there
        if re.fullmatch(r".*-[0-9a-f]{10}", old.stem):
            old.unlink()
    for student, theirs in students.items():
        (folder / links[student]).write_text(_feedback(student, theirs), encoding="utf-8")
    place = folder / "class.html"
    place.write_text(_class(marks, students, links, about), encoding="utf-8")
    return place


def _file(student):
    """A name for a file that holds nothing of a path, and that no two students share."""
    short = re.sub(r"[^A-Za-z0-9-]+", "_", student)[:40]
    return f"{short}-{hashlib.sha256(os.fsencode(student)).hexdigest()[:10]}.html"


def _feedback(student, marks):
    cards = []
    for mark in marks:
        text = "\n".join(map(clean, mark.result.message.split("\n")))
        if mark.result.status != "passed":
            text += f"\n\nTo begin with: {exercises.hint(mark.result.exercise, 1).text}"
        heading = f"{mark.result.exercise}: {mark.result.status}, {mark.result.score:.0%}"
        cards.append(f"<section><p>{card(mark.result.status, heading, text)}</p></section>")
    total = sum(mark.result.score for mark in marks)
    return page(student, f"<h1>{safe(student)}</h1><p>{total:.2f} of {len(marks)} points.</p>" + "".join(cards))


def _class(marks, students, links, about):
    by_exercise = defaultdict(list)
    for mark in marks:
        by_exercise[mark.result.exercise].append(mark)
    parts = [f"<h1>The class: {len(students)} students</h1><p class='quiet'>{safe(about)}</p>"]
    rows = []
    for name, all_marks in by_exercise.items():
        statuses = Counter(mark.result.status for mark in all_marks)
        mean = sum(mark.result.score for mark in all_marks) / len(all_marks)
        rows.append([name, statuses["passed"], statuses["not yet"], statuses["not attempted"], f"{mean:.0%}"])
    parts.append(table(["exercise", "right", "not yet", "not attempted", "mean score"], rows, numbers=(1, 2, 3, 4)))
    for name, all_marks in by_exercise.items():
        found = Counter(mark.result.diagnosis for mark in all_marks)
        rows = []
        for diagnosis, count in found.most_common():
            who = [mark.student for mark in all_marks if mark.result.diagnosis == diagnosis]
            names = ", ".join(f'<a href="{links[one]}">{safe(one)}</a>' for one in who)
            bar = f'<span class="bar" style="width: {10 * count / len(all_marks):.2f}em"></span>{count}'
            rows.append([safe(diagnosis), bar, f"<details><summary>names</summary>{names}</details>"])
        parts.append(f"<h2>{name}</h2>" + table(["what was found", "how many", "who"], rows))
    rows = [[f'<a href="{links[one]}">{safe(one)}</a>', *_points(theirs)] for one, theirs in students.items()]
    heads = ["student", *by_exercise, "points"]
    parts.append("<h2>Everybody</h2>" + table(heads, rows, numbers=range(1, len(heads))))
    return page("The class", "\n".join(parts))


def _points(marks):
    return [*(f"{mark.result.score:.2f}" for mark in marks), f"{sum(mark.result.score for mark in marks):.2f}"]
