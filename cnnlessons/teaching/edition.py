"""The teacher's edition of a lesson, made from the lesson: timetables, what to ask, mistakes and hints; and a handout.

A teacher's note is the metadata ``{"cnnlessons": {"teacher": {…}}}`` of the cell with which a part of the lesson
begins: `goal`; `minutes`, for each length of a class; `ask`; `wrong`, by the id of a prediction's cell the answers that
many give, with the reason; and `board`, what to draw.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

from cnnlessons import exercises, notebooks
from cnnlessons.teaching import reports

FRAME = {45: (3, 4), 90: (5, 8)}  # minutes for the opening and for the answer, by the minutes of a class
MINUTES = re.compile(r"(\d+) minutes")
PREDICT = re.compile(r"\*\*Predict[.*,]+\s+(.+?)(?:\n\n|\n```|\Z)", re.DOTALL)
ANSWER = re.compile(r"(?m)^Answer: (.+?)(?:\. What did you .*)?$|^You predicted (.+)\.\nThat is the answer\.$")
FOLDED = re.compile(r"<details><summary>(.+?)</summary>\n*(.+?)\n*</details>", re.DOTALL)
UNFOLDED = r"**\1.** \2"
TASK = re.compile(r"(?m)^(?=\*\*\d\.?\*\*|\*\*\d\. |## Exercise \d)")
LICENCE = f"---\n\n{reports.LICENCE} {reports.PHOTOGRAPHS.format('data/README.md of the course')}"


class Question(NamedTuple):
    """A prediction: what is asked, what its cell found, and what many will say instead, with the reason."""

    cell: str
    text: str
    answer: str
    wrong: dict


class Part(NamedTuple):
    """A part of a lesson that has a teacher's note."""

    title: str
    note: dict
    questions: list
    panels: list  # (heading, what to do with it)


class Task(NamedTuple):
    """An exercise of the lesson, with its cells; one without a check has no name, and the answer to its prediction."""

    text: str
    minutes: int
    name: str
    stub: str
    answer: str

    @property
    def goal(self):
        return f"`{self.name}`" if self.name else (re.findall(r"\*[^*\n]+\*", self.text) or ["without a check"])[0]


class Lesson(NamedTuple):
    number: str
    title: str
    question: str
    parts: list
    tasks: list
    slow: list  # (heading, first line) of each cell that takes a while


def read(number: str) -> Lesson:
    """A lesson by its number, such as "01", with its teacher's notes."""
    path = notebooks.lesson(number)
    if path is None:
        raise ValueError(f"lesson: there is no lesson {number!r}; write its number as in 01")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    words = [cell["cell_type"] == "markdown" for cell in cells]
    first = next(i for i, text in enumerate(texts) if words[i] and re.search(r"(?m)^## Exercise", text))
    parts = _parts(path, cells[:first], texts)
    if not parts:
        with_notes = ", ".join(number for number in numbers() if number != path.name[:2])
        raise ValueError(f"lesson: {path.name} has no teacher's notes to make an edition of; take {with_notes}")
    last = next(i for i, text in enumerate(texts) if i > first and words[i] and text.startswith("## The answer"))
    title, question = texts[0].split("\n\n")[:2]
    tasks = _tasks(path, cells[first:last], texts[first:last])
    return Lesson(path.name[:2], title.lstrip("# "), question.strip("*"), parts, tasks, _slow(cells, texts))


def numbers() -> list[str]:
    """The numbers of the lessons that have teacher's notes."""
    paths = sorted(notebooks.LESSONS.glob("[0-9][0-9]_*.ipynb"))
    return [path.name[:2] for path in paths if '"teacher"' in path.read_text(encoding="utf-8")]


def _parts(path, cells, texts):
    parts, heading, said = [], "", ""
    for i, cell in enumerate(cells):
        if cell["cell_type"] != "markdown":
            if parts and "panel" in cell["metadata"].get("tags", ()):
                parts[-1].panels.append((heading, said))
            continue
        *_, heading = heading, *re.findall(r"(?m)^## (.+)", texts[i])
        said = re.split(r"(?m)^## .+\n+", texts[i])[-1].strip()
        if note := cell["metadata"].get("cnnlessons", {}).get("teacher"):
            parts.append(Part(heading, note, [], []))
        asked = PREDICT.findall(texts[i])
        if parts and asked:
            question, found = " ".join(asked[-1].split()), next(filter(_predicts, cells[i + 1 :]))
            wrong = parts[-1].note["wrong"].get(found["id"], {})
            parts[-1].questions.append(
                Question(found["id"], question[0].upper() + question[1:], _answer(path, found), wrong)
            )
    return parts


def _slow(cells, texts):
    found, heading = [], ""
    for cell, text in zip(cells, texts, strict=True):
        if cell["cell_type"] == "markdown":
            *_, heading = heading, *re.findall(r"(?m)^## (.+)", text)
        elif "slow" in cell["metadata"].get("tags", ()):
            found.append((heading, re.search(r"(?m)^(?!prediction\b).*\S.*", text)[0]))
    return found


def _predicts(cell):
    return "predict" in cell["metadata"].get("tags", ())


def _answer(path, cell):
    """What a prediction's cell has printed as its answer."""
    printed = "".join("".join(output.get("text", "")) for output in cell["outputs"])
    if not (found := ANSWER.search(printed)):
        raise ValueError(
            f"lesson: cell {cell['id']} of {path.name} holds no answer to its prediction; run cnnlessons store {path}"
        )
    return found[1] or found[2]


def _tasks(path, cells, texts):
    """The exercises: a cell with a check belongs to the first one just asked that has none, others to the last one."""
    tasks, asked = [], []
    for cell, text in zip(cells, texts, strict=True):
        if cell["cell_type"] == "markdown":
            rest, *new = TASK.split(text)
            if tasks:
                tasks[-1][0] += f"\n\n{rest}"
            asked = [[said, []] for said in new] or asked
            tasks += asked if new else []
            continue
        open_ = [own for _, own in asked if not any(map(_checks, own))]
        for own in open_[:1] if _checks(cell) else open_[-1:]:
            own.append(cell)
    return [_task(path, *task) for task in tasks]


def _checks(cell):
    return "exercises.check(" in "".join(cell["source"])


def _task(path, text, cells):
    stub = "\n\n".join("".join(cell["source"]) for cell in cells)
    name = re.search(r'check\("(.+?)"', stub)
    text = re.sub(r"^## Exercise \d · (.+)\n", r"**\1**\n", text.strip())
    text = re.sub(r"^\*\*\d\. ", "**", re.sub(r"^\*\*\d\.?\*\* ", "", text))  # its number stands above it
    answers = [] if name else [_answer(path, cell) for cell in filter(_predicts, cells)]
    return Task(text, int(MINUTES.search(text)[1]), name[1] if name else "", stub, ", ".join(answers))


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
            rows.append((task.minutes, f"Exercise {number}", task.goal))
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
    if lesson.slow:
        cells = "\n".join(f"- {heading}: `{line}`" for heading, line in lesson.slow)
        lines += ["## Cells that take a while", "Run them before the class begins.", cells]
    for part in lesson.parts:
        lines += [f"## {part.title}", *_of_part(part)]
    lines += ["## Exercises"]
    for number, task in enumerate(lesson.tasks, start=1):
        lines += [f"### Exercise {number}", FOLDED.sub(UNFOLDED, task.text)]
        lines += _of_exercise(task.name) if task.name else [f"**Answer: {task.answer}**"] * bool(task.answer)
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
    for question in part.questions:
        lines += [f"**Predict.** {question.text} **Answer: {question.answer}**"]
        wrong = [f"- *{answer}*: {why}" for answer, why in question.wrong.items()]
        lines += ["**Many will say**", "\n".join(wrong)] if wrong else []
    lines += [f"**Panel.** {heading}. {FOLDED.sub(UNFOLDED, said)}" for heading, said in part.panels]
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
        lines += [
            f"## Exercise {number}",
            FOLDED.sub("", task.text).strip(),
            *([f"```python\n{task.stub}\n```"] if task.stub else []),
        ]
    return "\n\n".join([*lines, LICENCE]) + "\n"


def write(number: str, folder, markdown: bool = False) -> list[Path]:
    """Write the teacher's edition and the handout of a lesson, or of "all", into a folder, and return the files."""
    folder = Path(folder).expanduser()
    if number == "all":
        return _write_all(folder, markdown)
    lesson, files = read(number), []
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("teacher", teachers_page(lesson)), ("handout", handout(lesson))):
        files.append(folder / f"{lesson.number}_{name}.{'md' if markdown else 'html'}")
        files[-1].write_text(text if markdown else _html(text), encoding="utf-8")
    return files


def _write_all(folder, markdown):
    """As `write`; what stops one lesson is told when the others are written."""
    files, failures = [], []
    for number in numbers():
        try:
            files += write(number, folder, markdown)
        except ValueError as error:
            failures.append(str(error))
    if failures:
        raise ValueError("\n".join([*failures, f"the others are written: {len(files)} files in {folder}"]))
    return files


def _html(text):
    import mistune  # nbconvert's

    made = mistune.create_markdown(plugins=["table"])(text)
    return reports.page(text.partition("\n")[0].lstrip("# "), made)
