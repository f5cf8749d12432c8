"""The teacher's edition of a lesson, made from the lesson: timetables, what to ask, mistakes and hints; and a handout.

A teacher's note is the metadata ``{"cnnlessons": {"teacher": {…}}}`` of the cell with which a part of the lesson
begins: `goal`; `minutes`, for each length of a class; `ask`; `wrong`, the answers that many give, with the reason; and
`board`, what to draw.
"""

import json
import re
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from cnnlessons import exercises, notebooks
from cnnlessons.teaching import reports

FRAME = {45: (3, 4), 90: (5, 8)}  # minutes for the opening and for the answer, by the minutes of a class
MINUTES = re.compile(r"(\d+) minutes")
LICENCE = f"---\n\n{reports.LICENCE} {reports.PHOTOGRAPHS.format('data/README.md of the course')}"


class Part(NamedTuple):
    """A part of a lesson that has a teacher's note."""

    title: str
    note: dict
    questions: list  # (question, answer) of each prediction


class Task(NamedTuple):
    """An exercise of the lesson; one without a check has no name."""

    text: str
    minutes: int
    name: str
    stub: str


class Lesson(NamedTuple):
    number: str
    title: str
    question: str
    parts: list
    tasks: list


def read(number: str) -> Lesson:
    """A lesson by its number, such as "01", with its teacher's notes."""
    path = notebooks.lesson(number)
    if path is None:
        raise ValueError(f"lesson: there is no lesson {number!r}; write its number as in 01")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    words = [cell["cell_type"] == "markdown" for cell in cells]
    first = next(i for i, text in enumerate(texts) if words[i] and re.search(r"(?m)^## Exercise", text))
    parts = _parts(cells[:first], texts)
    if not parts:
        with_notes = ", ".join(number for number in numbers() if number != path.name[:2])
        raise ValueError(f"lesson: {path.name} has no teacher's notes to make an edition of; take {with_notes}")
    last = next(i for i, text in enumerate(texts) if i > first and words[i] and text.startswith("## The answer"))
    title, question = texts[0].split("\n\n")[:2]
    tasks = _tasks(texts[first:last], words[first:last])
    return Lesson(path.name[:2], title.lstrip("# "), question.strip("*"), parts, tasks)


def numbers() -> list[str]:
    """The numbers of the lessons that have teacher's notes."""
    paths = sorted(notebooks.LESSONS.glob("[0-9][0-9]_*.ipynb"))
    return [path.name[:2] for path in paths if '"teacher"' in path.read_text(encoding="utf-8")]


def _parts(cells, texts):
    parts, heading = [], ""
    for i, cell in enumerate(cells):
        if cell["cell_type"] != "markdown":
            continue
        *_, heading = heading, *re.findall(r"(?m)^## (.+)", texts[i])
        if note := cell["metadata"].get("cnnlessons", {}).get("teacher"):
            parts.append(Part(heading, note, []))
        asked = re.findall(r"\*\*Predict[.*,]+\s+(.+?)(?:\n\n|\n```|\Z)", texts[i], re.DOTALL)
        if parts and asked:
            question = " ".join(asked[-1].split())
            parts[-1].questions.append((question[0].upper() + question[1:], _answer(cells[i + 1 :])))
    return parts


def _answer(cells):
    """What the next prediction's cell prints as its answer."""
    cell = next(cell for cell in cells if "predict" in cell["metadata"].get("tags", ()))
    printed = "".join("".join(output.get("text", "")) for output in cell["outputs"])
    return re.search(r"Answer: (.+)", printed)[1]


def _tasks(texts, words):
    said = "\n\n".join(text for text, is_word in zip(texts, words, strict=True) if is_word)
    asked = re.split(r"(?m)^(?=\*\*\d\.?\*\*|\*\*\d\. |## Exercise \d)", said)[1:]
    stubs = [text for text, is_word in zip(texts, words, strict=True) if not is_word and "exercises.check(" in text]
    tasks = []
    for text, stub in zip_longest(asked, stubs, fillvalue=""):
        name = re.search(r'check\("(.+?)"', stub)
        text = re.sub(r"^## Exercise \d · (.+)\n", r"**\1**\n", text.strip())
        text = re.sub(r"^\*\*\d\. ", "**", re.sub(r"^\*\*\d\.?\*\* ", "", text))  # its number stands above it
        tasks.append(Task(text, int(MINUTES.search(text)[1]), name[1] if name else "", stub))
    return tasks


def timetable(lesson: Lesson, minutes: int) -> list[tuple[int, str, str]]:
    """The rows (minutes, what, goal) of a class of 45 or 90 minutes; their minutes add up to these.

    Exercises are taken in order as long as there is time; what is left over is kept for questions.
    """
    opening, closing = FRAME[minutes]
    earlier = ", and the questions from earlier lessons" * (lesson.number > "01")
    rows = [(opening, "Opening", f"the driving question{earlier}")]
    rows += [(part.note["minutes"][str(minutes)], part.title, part.note["goal"]) for part in lesson.parts]
    left = minutes - closing - sum(row[0] for row in rows)
    for number, task in enumerate(lesson.tasks, start=1):
        if task.minutes <= left:
            rows.append((task.minutes, f"Exercise {number}", f"`{task.name}`" if task.name else ""))
            left -= task.minutes
    rows += [(left, "In reserve", "for questions")] if left else []
    return [
        *(row for row in rows if row[0]),
        (closing, "The answer", "everybody says it in one sentence; then read it"),
    ]


# --------------------------------------------------------------------------- the pages, as Markdown


def teachers_page(lesson: Lesson) -> str:
    """The teacher's edition, in Markdown."""
    lines = [f"# {lesson.title}: teacher's edition", f"**{lesson.question}**"]
    for minutes in FRAME:
        lines += [f"## {minutes} minutes", *_plan(lesson, minutes)]
    for part in lesson.parts:
        lines += [f"## {part.title}", *_of_part(part)]
    lines += ["## Exercises"]
    for number, task in enumerate(lesson.tasks, start=1):
        lines += [f"### Exercise {number}", task.text, *(_of_exercise(task.name) if task.name else [])]
    deeper = [
        name for name in exercises.names() if name[:2] == lesson.number and name not in {t.name for t in lesson.tasks}
    ]
    for name in deeper:
        lines += [f"### `{name}`, in a deeper notebook", *_of_exercise(name)]
    return "\n\n".join([*lines, LICENCE]) + "\n"


def _plan(lesson, minutes):
    """A timetable as a table, and what is left for home."""
    rows, begins, plan = [], 0, timetable(lesson, minutes)
    for length, what, goal in plan:
        rows.append(f"| {begins}–{begins + length} | {length} | {what} | {goal} |")
        begins += length
    done = {what for _, what, _ in plan}
    every = [*(part.title for part in lesson.parts), *(f"Exercise {n}" for n, _ in enumerate(lesson.tasks, start=1))]
    home = [what for what in every if what not in done]
    table = ["| from–to | minutes | what | goal |", "|---|---|---|---|", *rows]
    return ["\n".join(table), *([f"For home: {', '.join(home)}."] if home else [])]


def _of_part(part):
    note = part.note
    spans = ", ".join(f"{length} of {whole}" for whole, length in note["minutes"].items() if length)
    lines = [f"**Goal.** {note['goal']} (Minutes: {spans}.)", f"**Ask.** {note['ask']}"]
    lines += [f"**Predict.** {question} **Answer: {answer}**" for question, answer in part.questions]
    lines += ["**Many will say**", "\n".join(f"- *{answer}*: {why}" for answer, why in note["wrong"].items())]
    return [*lines, f"**Board.** {note['board']}"]


def _of_exercise(name):
    exercise = exercises._find(name)
    hints = "\n".join(f"{number}. {hint}" for number, hint in enumerate(exercise.hints, start=1))
    mistakes = "\n".join(f"- **{mistake}.** {said}" for mistake, (*_, said) in exercise.mistakes.items())
    code = f"```python\n{exercises.solution(name).rstrip()}\n```"
    return ["**Hints**", hints, "**Mistakes, and what to say**", mistakes, "**One solution**", code]


def handout(lesson: Lesson) -> str:
    """The exercises alone, without hints and solutions, in Markdown."""
    lines = [f"# {lesson.title}: exercises", f"**{lesson.question}**", "Name:"]
    for number, task in enumerate(lesson.tasks, start=1):
        lines += [f"## Exercise {number}", task.text, *([f"```python\n{task.stub}\n```"] if task.stub else [])]
    return "\n\n".join([*lines, LICENCE]) + "\n"


def write(number: str, folder, markdown: bool = False) -> list[Path]:
    """Write the teacher's edition and the handout of a lesson, or of "all", into a folder, and return the files."""
    if number == "all":
        return [file for each in numbers() for file in write(each, folder, markdown)]
    lesson, folder, files = read(number), Path(folder), []
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("teacher", teachers_page(lesson)), ("handout", handout(lesson))):
        files.append(folder / f"{lesson.number}_{name}.{'md' if markdown else 'html'}")
        files[-1].write_text(text if markdown else _html(text), encoding="utf-8")
    return files


def _html(text):
    import mistune  # nbconvert's

    made = mistune.create_markdown(plugins=["table"])(text)
    return reports.page(text.partition("\n")[0].lstrip("# "), made)
