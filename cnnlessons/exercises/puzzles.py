"""Between hint and solution: the solution's lines, shuffled, and among them lines that known mistakes would write.

What is put together is run and checked like any answer, so every order that works counts.
"""

import inspect
import io
import linecache
import random
import tokenize

from cnnlessons.exercises.cards import Result
from cnnlessons.exercises.feedback import ArrayExercise, Exercise, error_of
from cnnlessons.exercises.sandbox import outcome


def first_line(exercise: Exercise) -> str:
    """The line that stands above the lines of a puzzle."""
    return _statements(exercise.solution)[0]


def lines(exercise: Exercise) -> list[str]:
    """The solution's lines below its first one and those that lead astray, indented, in a mixed order."""
    right = _statements(exercise.solution)[1:]
    if len(right) < 2:
        raise ValueError(
            f"name: the solution of {exercise.name} has one line only, so there is nothing to put in order"
        )
    mixed = right + [line.replace(this, that) for this, that in slips(exercise) for line in right if this in line]
    return [mixed[place] for place in random.Random(exercise.name).sample(range(len(mixed)), len(mixed))]


def slips(exercise: Exercise) -> list[list[str]]:
    """What stands in a line of the solution, and what stands there in one that leads astray, for each such line."""
    found = [exercise.wrong.get(each, each) for each in exercise.astray]
    return [(each[0] if isinstance(each, tuple) else each).split(" → ") for each in found]


def as_text(exercise: Exercise) -> str:
    """The lines with their numbers, and how to answer without a mouse."""
    numbered = "\n".join(
        f"{number:2} {line.replace(chr(10), chr(10) + '   ')}" for number, line in enumerate(lines(exercise), start=1)
    )
    how = f'Put them in order, without those that do not belong: exercises.puzzle("{exercise.name}", lines=[1, 2])'
    return f"   {first_line(exercise)}\n{numbered}\n{how}"


def _statements(function) -> list[str]:
    """The statements of a function, headers such as `for` by themselves, without comments."""
    source = inspect.getsource(function)
    rows, found, start = source.splitlines(), [], None
    blank = (tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            rows[row - 1] = rows[row - 1][:column].rstrip()
        elif token.type == tokenize.NEWLINE:
            found.append("\n".join(rows[start - 1 : token.end[0]]))
            start = None
        elif start is None and token.type not in blank:
            start = token.start[0]
    return found


def judge(exercise: Exercise, chosen: list[str], seconds: float = 5) -> Result:
    """Put lines together, run what they make, and check it as any answer."""
    if not chosen:
        return exercise.result(("stub", "No line is in its place yet."))
    source = "\n".join([first_line(exercise), *chosen, ""])
    file = f"<puzzle {exercise.name}>"
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file  # for messages that quote a line
    names = dict(exercise.solution.__globals__)
    try:
        exec(compile(source, file, "exec"), names)
    except SyntaxError as error:
        return exercise.result(("cannot be read", _unreadable(error)))
    answer = names[exercise.solution.__name__]
    if isinstance(exercise, ArrayExercise):
        made = outcome(answer, ())
        return exercise.result(error_of(made.error)) if made.error else exercise.check(made.value, seconds)
    return exercise.check(answer, seconds)


def _unreadable(error):
    line = (error.text or "").strip()
    return (
        f"Python cannot read line {error.lineno}, `{line}`: {error.msg}. Below a line that ends with a colon, and only "
        "there, the next line stands further to the right."
    )
