"""Exercises: the solution passes, each mistake gets its own hint, and no answer can hurt the check."""

import contextlib
import dataclasses
import getpass
import importlib
import inspect
import json
import re
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from scipy import signal
from skimage.feature import match_template

from cnnlessons import exercises, gradcheck, ops, shapes
from cnnlessons.exercises import lesson_00, lesson_01, lesson_02, lesson_03
from cnnlessons.exercises.feedback import ArrayExercise, FunctionExercise

ALL = [exercises._find(name) for name in exercises.names()]
FUNCTIONS = [exercise for exercise in ALL if isinstance(exercise, FunctionExercise)]
ARRAYS = [exercise for exercise in ALL if isinstance(exercise, ArrayExercise)]
MISTAKES = [  # an exercise, a wrong answer, what it is called and what is said of it
    (exercise, answer, name, hint)
    for exercise in ALL
    for name, (*answers, hint) in exercise.mistakes.items()
    for answer in (answers if isinstance(exercise, FunctionExercise) else answers[:1])
]


def by_name(value):
    return getattr(value, "name", value if isinstance(value, str) and len(value) < 50 else "")


every_exercise = pytest.mark.parametrize("exercise", ALL, ids=by_name)
every_function = pytest.mark.parametrize("exercise", FUNCTIONS, ids=by_name)
every_array = pytest.mark.parametrize("exercise", ARRAYS, ids=by_name)


def good_answer(exercise):
    return exercise.solution() if isinstance(exercise, ArrayExercise) else exercise.solution


# --------------------------------------------------------------------------- every exercise


@every_exercise
def test_a_stub_is_not_attempted_yet(exercise):
    def stub(*arguments):
        raise NotImplementedError

    stubs = [..., None] + [stub, lambda *arguments: ..., lambda *arguments: None] * (exercise in FUNCTIONS)
    for answer in stubs:
        result = exercises.check(exercise.name, answer)
        assert (result.status, result.score) == ("not attempted", 0)
        assert "Not attempted yet" in result.message


@every_exercise
def test_the_solution_passes_and_says_what_was_verified(exercise):
    result = exercises.check(exercise.name, good_answer(exercise))
    assert (result.status, result.score, result.out_of) == ("passed", 1, 1)
    assert exercise.verified in result.message


@pytest.mark.parametrize(("exercise", "answer", "name", "hint"), MISTAKES, ids=by_name)
def test_a_known_mistake_gets_its_own_hint(exercise, answer, name, hint):
    result = exercises.check(exercise.name, answer)
    assert (result.status, result.score, result.diagnosis) == ("not yet", 0, name)
    assert result.message.startswith(hint)


@every_exercise
def test_an_exercise_knows_four_mistakes_or_more_and_no_two_hints_agree(exercise):
    assert len(exercise.mistakes) >= 4
    for texts in ([hint for *_, hint in exercise.mistakes.values()], exercise.hints):
        assert len(set(texts)) == len(texts)


@every_exercise
def test_hints_come_one_after_another(exercise, monkeypatch):
    monkeypatch.setattr(exercises, "_hints_given", {})
    given = [exercises.hint(exercise.name) for _ in range(len(exercise.hints) + 1)]
    assert "hint 1 of 3" in repr(given[0])
    assert [hint.text for hint in given] == [*exercise.hints, exercise.hints[-1]]
    assert [exercises.hint(exercise.name, number) for number in (1, 2, 1, 99)] == [given[k] for k in (0, 1, 0, -1)]


@every_exercise
def test_the_solution_is_shown_on_half_a_screen_and_runs(exercise):
    source = exercises.solution(exercise.name)
    assert source.count("\n") <= 20
    assert "#" in source  # the reason for a step
    names = {"np": np, "ops": ops}
    exec(source, names)
    shown = names[exercise.solution.__name__]
    assert exercises.check(exercise.name, shown() if exercise in ARRAYS else shown).status == "passed"


@every_exercise
def test_a_result_reads_the_same_on_every_run(exercise):
    for answer in (good_answer(exercise), ..., *(mistake[0] for mistake in exercise.mistakes.values())):
        first, second = (exercises.check(exercise.name, answer)._repr_mimebundle_() for _ in range(2))
        assert first == second
        assert "0x" not in json.dumps(first)


# --------------------------------------------------------------------------- answers that misbehave


@every_function
def test_an_error_is_reported_with_its_line(exercise):
    def broken(*arguments):
        values = [1, 2, 3]
        return values[7]

    result = exercises.check(exercise.name, broken)
    assert (result.status, result.diagnosis) == ("not yet", "raises")
    assert "`IndexError: list index out of range`" in result.message
    assert f"line {inspect.getsourcelines(broken)[1] + 2}, `return values[7]`" in result.message


def endless(*arguments):
    while True:
        pass


def endless_and_deaf(*arguments):
    while True:
        try:
            raise ValueError
        except Exception:
            pass


def endless_and_stone_deaf(*arguments):
    while True:
        try:
            raise ValueError
        except:  # noqa: E722
            pass


def endless_and_twice_deaf(*arguments):
    while True:
        try:
            while True:
                counted.append(0)
                counted.clear()
        except:  # noqa: E722
            pass


def appending(*arguments):
    while True:
        counted.append(0)


def appending_arrays(*arguments):
    while True:
        counted.append(np.ones(30))


counted = []
three_exercises = pytest.mark.parametrize("name", ["00.warm_up", "04.softmax", "11.widest"])


@three_exercises
@pytest.mark.parametrize("answer", [endless, endless_and_deaf, endless_and_stone_deaf])
def test_an_answer_that_never_ends_is_stopped(name, answer):
    before = set(threading.enumerate())
    result = exercises.check(name, answer, seconds=0.3)
    assert (result.status, result.diagnosis) == ("not yet", "never ends")
    assert "after 0.3 s" in result.message
    if answer is not endless_and_stone_deaf:  # that one may wait on, as a daemon
        for thread in set(threading.enumerate()) - before:
            thread.join()


def test_an_answer_that_catches_everything_is_left_waiting_and_does_nothing_more(monkeypatch):
    appended = Counting()
    monkeypatch.setitem(globals(), "counted", appended)
    assert exercises.check("00.warm_up", endless_and_twice_deaf, seconds=0.1).diagnosis == "never ends"
    before = -1
    while before != appended.times:
        before = appended.times
        threading.Event().wait(0.1)


class Counting(list):
    times = 0

    def append(self, value):
        self.times += 1


@three_exercises
@pytest.mark.parametrize("answer", [appending, appending_arrays])
def test_an_answer_that_takes_ever_more_memory_is_stopped_before_200_mb(name, answer):
    counted.clear()
    result = exercises.check(name, answer, seconds=60)
    taken = sys.getsizeof(counted) + sum(sys.getsizeof(each) for each in counted if each is not counted[0])
    counted.clear()
    assert (result.diagnosis, "40 MB of memory" in result.message) == ("never ends", True)
    assert taken < 200e6


def test_what_an_import_takes_is_not_counted(monkeypatch, tmp_path):
    def imports(image, row, column):
        importlib.import_module("large_library")
        return lesson_00.window_sum(image, row, column)

    takes_100_mb = "held_{0} = b'{0}' * 100_000_000\nthreading.Event().wait(0.05)\n"
    source = "import threading\n" + takes_100_mb.format(1) + takes_100_mb.format(2)
    (tmp_path / "large_library.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert exercises.check("00.warm_up", imports, seconds=60).status == "passed"
    finally:
        sys.modules.pop("large_library", None)


@every_function
@pytest.mark.parametrize(
    ("answer", "diagnosis", "words"),
    [
        (lambda *arguments: "three", "not numbers", "of type str"),
        (lambda *arguments: np.array(1j), "not numbers", "complex128"),
        (lambda *arguments: [[1, 2], [3]], "not numbers", "of type list"),
        (lambda: 3, "cannot be called", "takes 0 positional arguments"),
        (3.0, "not a function", "without parentheses"),
        (np.ones((2, 2)), "not a function", "an array of shape (2, 2), float64"),
        (lambda *arguments: np.zeros((9, 9, 9)), "shape", "an array of shape (9, 9, 9), float64"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(exercise, answer, diagnosis, words):
    result = exercises.check(exercise.name, answer)
    assert (result.status, result.diagnosis) == ("not yet", diagnosis)
    assert words in result.message


@pytest.mark.parametrize("exercise", [one for one in FUNCTIONS if np.ndim(one.probes[0][0])], ids=by_name)
def test_arguments_must_stay_as_they_were(exercise):
    def scribbles(*arguments):
        result = exercise.solution(*arguments)
        arguments[0][:] = arguments[0][:1] * 0  # zeros in an array, nothing in a list
        return result

    result = exercises.check(exercise.name, scribbles)
    assert result.status == "not yet"
    assert re.fullmatch("argument changed|writes into the .*", result.diagnosis)
    assert exercises.check(exercise.name, exercise.solution).status == "passed"  # the probes are unharmed


@every_function
def test_a_nan_is_called_a_nan(exercise):
    def nan(*arguments):
        return np.zeros(()) / np.zeros(()) + exercise.solution(*arguments)

    result = exercises.check(exercise.name, nan)
    assert result.diagnosis == "not a number"
    assert "NumPy warned on the way: invalid value encountered in divide." in result.message


@every_function
def test_an_unknown_mistake_gets_the_smallest_counterexample(exercise):
    result = exercises.check(exercise.name, lambda *arguments: np.asarray(exercise.solution(*arguments)) + 0.125)
    assert (result.status, result.diagnosis) == ("not yet", "values")
    pasted = {"np": np}
    exec("\n".join(re.findall(r"^    (.* = .*)$", result.message, re.MULTILINE)), pasted)
    right = np.asarray(
        exercise.solution(**{name: pasted[name] for name in inspect.signature(exercise.solution).parameters})
    )
    expected, received = (
        float(number) for number in re.findall(r"(-?[\d.]+) was expected, and yours is (-?[\d.]+)\.", result.message)[0]
    )
    assert expected == pytest.approx(right.flat[0], abs=1e-5)
    assert received == pytest.approx(right.flat[0] + 0.125, abs=1e-5)


@every_function
def test_float32_is_good_enough(exercise):
    answer = exercises.check(exercise.name, lambda *arguments: np.float32(exercise.solution(*arguments)))
    assert answer.status == "passed"


class Unfriendly(Exception):
    """An error, and a value, that fails when it is looked at."""

    def __str__(self):
        raise RuntimeError

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError


@every_function
def test_whatever_an_answer_does_ends_up_in_the_result(exercise):
    def raises(*arguments):
        raise Unfriendly

    for answer, diagnosis, words in (
        (lambda *arguments: exit(), "raises", "SystemExit"),
        (raises, "raises", "`Unfriendly` in line"),
        (lambda *arguments: Unfriendly(), "not numbers", "of type Unfriendly"),
        (lambda *arguments: np.ma.masked_equal(exercise.solution(*arguments), 0), "not numbers", "of type MaskedArray"),
    ):
        result = exercises.check(exercise.name, answer)
        assert (result.status, result.diagnosis) == ("not yet", diagnosis)
        assert words in result.message


def test_writing_into_the_kernel_is_not_called_writing_into_the_image():
    def writes(image, kernel):
        out = lesson_01.cross_correlate(image, kernel)
        kernel[:] = 0
        return out

    assert exercises.check("01.cross_correlate", writes).diagnosis == "argument changed"


def test_checks_at_the_same_time_leave_the_warnings_filters_as_they_were():
    before = list(warnings.filters)
    first_began, second_began, first_ended = (threading.Event() for _ in range(3))

    def first(image, row, column):
        first_began.set()
        second_began.wait(0.05)  # in vain, as it should be: one check at a time
        return 0

    def second(image, row, column):
        second_began.set()
        first_ended.wait()  # if they ran side by side, the one that came first would leave first
        return 0

    checks = [threading.Thread(target=exercises.check, args=("00.warm_up", answer)) for answer in (first, second)]
    checks[0].start()
    first_began.wait()
    checks[1].start()
    checks[0].join()
    first_ended.set()
    checks[1].join()
    assert warnings.filters == before


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), "x", None])
def test_the_time_for_an_answer_is_a_positive_number(seconds):
    with pytest.raises(ValueError, match=f"seconds must be a positive number, got {seconds!r}"):
        exercises.check("00.warm_up", lesson_00.window_sum, seconds)


@pytest.mark.parametrize(
    ("prediction", "answer", "same"),
    [
        *[(0.3, 0.1 + 0.2, True), (1 / 3, np.float32(1 / 3), True), (0, 1e-17, True), ("3", 3, True), (3, " 3", True)],
        *[((2, 3), np.array([2, 3]), True), (["a"], ["a"], True), ("Wide", "wide ", True), (True, 1, True)],
        *[(0.33, 1 / 3, False), (786_432, 786_431, False), ([1], 1, False), ([[1], [1, 2]], [1], False)],
        *[("three", 3, False), (["a"], ["b"], False)],
        *[("a, b", {"a, b"}, True), (["A, B "], {"a, b"}, True), ("none", set(), True), ([], set(), True)],
        *[([4, 2, 3], {2, 3, 4}, True), ((2.0,), {2}, True), (2, {2}, True), ({"a", "b"}, {"b", "a"}, True)],
        *[
            ("both", {"a", "b"}, True),
            ("both", {"a"}, False),
            ("none", {"none of it"}, False),
            ("a", {"a", "b"}, False),
        ],
        *[(..., {2}, False), (print, {"a"}, False), (np.array(2), {2}, True)],
        *[([2, 3, 3], {2, 3, 4}, False), ([2, 3], {2, 3, 4}, False), ("", set(), False), ([[1], [1, 2]], {1}, False)],
    ],
)
def test_a_prediction_is_right_if_a_reader_would_call_it_the_same(capsys, prediction, answer, same):
    exercises.compare(prediction, answer)
    assert ("That is the answer." in capsys.readouterr().out) == same


def test_a_list_is_not_an_array_and_a_number_is_no_feature_map():
    solution = lesson_01.cross_correlate
    as_list = exercises.check("01.cross_correlate", lambda image, kernel: solution(image, kernel).tolist())
    assert (as_list.diagnosis, "np.array" in as_list.message) == ("not an array", True)
    number = exercises.check("01.cross_correlate", lambda image, kernel: solution(image, kernel)[0, 0])
    assert (number.diagnosis, "`return`" in number.message) == ("one number", True)
    swapped = exercises.check("01.cross_correlate", lambda image, kernel: solution(image, kernel).T.copy() * 7)
    assert (swapped.diagnosis, "`reshape` moves no number" in swapped.message) == ("shape swapped", True)


@pytest.mark.parametrize("kind", [tuple, list, np.array])
def test_two_numbers_may_come_in_any_container(kind):
    def padding(*arguments):
        return kind(lesson_02.same_padding(*arguments))

    assert exercises.check("02.same_padding", padding).status == "passed"
    three = exercises.check("02.same_padding", lambda *arguments: (*padding(*arguments), 0))
    assert (three.diagnosis, "Expected 2 numbers; yours is of type tuple, with 3" in three.message) == ("shape", True)


def test_a_sum_in_uint8_is_recognised_without_being_listed():
    def window_sum(image, row, column):
        total = 0
        for pixel in image[row : row + 3, column : column + 3].ravel():
            total = total + pixel  # 0 + uint8 is uint8
        return total

    assert exercises.check("00.warm_up", window_sum).status == "passed"  # that trap belongs to lesson 01
    photo = np.full((3, 3), 100, np.uint8)
    result = dataclasses.replace(lesson_00.WINDOW_SUM, probes=((photo, 0, 0),)).check(window_sum, seconds=5)
    assert result.diagnosis == "overflow"
    assert "overflow encountered in scalar add" in result.message


def test_a_second_mistake_does_not_hide_the_first():
    def scaled_and_nan_on_flat_patches(image, template):
        patches = np.lib.stride_tricks.sliding_window_view(image, template.shape)
        centred = patches - patches.mean((2, 3), keepdims=True)
        norms = np.sqrt((centred**2).sum((2, 3)) * ((template - template.mean()) ** 2).sum())
        return (centred * template).sum((2, 3)) / norms * template.size

    assert exercises.check("01.normalised_match", scaled_and_nan_on_flat_patches).diagnosis == "not divided by n"


@pytest.mark.parametrize(
    "answer",
    [
        lambda image, kernel: np.fft.ifft2(np.fft.fft2(lesson_01.cross_correlate(image, kernel))),
        lambda image, kernel: lesson_01.cross_correlate(image, kernel) + 0j,
    ],
)
def test_a_complex_result_is_told_to_take_its_real_part(answer):
    result = exercises.check("01.cross_correlate", answer)
    assert (result.diagnosis, "complex128. An inverse FFT" in result.message) == ("not numbers", True)
    assert "`.real`" in result.message
    sizes = exercises.check("01.cross_correlate", lambda image, kernel: np.abs(answer(image, kernel)))
    assert (sizes.diagnosis, "`.real`" in sizes.message) == ("sign lost", True)


@pytest.mark.parametrize(
    "test", [lambda array: not array, lambda array: 1 if array > 0 else 0, lambda array: array and 1]
)
def test_an_array_as_a_truth_value_is_not_called_a_matter_of_shapes(test):
    result = exercises.check("04.leaky_relu_backward", lambda grad_output, inputs, slope: test(inputs))
    assert (result.diagnosis, "one truth value, not an array" in result.message) == ("raises", True)
    assert "shapes" not in result.message


@pytest.mark.parametrize(
    "kernel", [[[-1, 2, -1]] * 3, [[0, 0, 0], [1, -2, 1], [0, 0, 0]], [[-1, 0, 1]] * 3, [[1, 0, -1]] * 3]
)
def test_a_kernel_that_is_blind_to_horizontal_edges_is_not_said_to_see_them(kernel):
    assert exercises.check("01.blind_kernel", np.array(kernel)).diagnosis == "transposed"


@pytest.mark.parametrize("taken", [np.min, np.mean, np.median, lambda row: row[0], lambda row: row[-1]])
def test_a_softmax_that_overflows_does_not_pass(taken):
    def softmax(scores):
        powers = np.exp(scores - np.array([[taken(row)] for row in scores]))
        return powers / powers.sum(axis=1, keepdims=True)

    assert exercises.check("04.softmax", softmax).diagnosis == "not the largest"


def test_either_slope_at_zero_is_right_and_a_gate_beside_zero_is_not():
    def gated(condition):
        return lambda grad_output, x, weights: (grad_output * condition(x @ weights)) @ weights.T + grad_output

    for condition in (lambda before: before >= 0, lambda before: np.heaviside(before, 0.5)):
        assert exercises.check("07.skip_backward", gated(condition)).status == "passed"
    beside = exercises.check("04.leaky_relu_backward", lambda grad, x, slope: np.where(x > slope, grad, slope * grad))
    assert beside.diagnosis == "compared with the slope"


@pytest.mark.parametrize(
    ("name", "answer", "not_said"),
    [
        ("02.output_size", lambda n, k, s, p, d: (n + 2 * p - k) // (s * d) + 1, "one added before the division"),
        ("05.dead_filters", lambda maps: int(((maps == 0).mean((0, 1, 2)) > 0.5).sum()), "silent somewhere"),
        ("02.same_padding", lambda n, k, s: (k // 2, k - 1 - k // 2), "half the kernel at both ends"),
    ],
)
def test_a_mistake_is_not_taken_for_another(name, answer, not_said):
    result = exercises.check(name, answer)
    assert (result.status, result.diagnosis != not_said) == ("not yet", True)


def test_one_number_in_place_of_two_is_not_asked_for_its_loop():
    result = exercises.check("06.middle_products", lambda pixels, weights: pixels[1])
    assert (result.diagnosis, "return all of them" in result.message) == ("one number", True)


def test_known_mistakes_that_divide_by_zero_warn_nobody(recwarn):
    exercises.check("04.softmax", lambda scores: scores)
    assert not recwarn.list


def test_a_flood_of_prints_is_cut_to_a_screenful(capsys):
    def talkative(image, row, column):
        for line in range(10_000):
            print("line", line)
            print("x" * 1000, end="", file=sys.stderr)
        return lesson_00.window_sum(image, row, column)

    def printing(*arguments):
        while True:
            print("." * 10_000, end="")

    for answer, diagnosis in ((talkative, "correct"), (printing, "never ends")):
        assert exercises.check("00.warm_up", answer, seconds=0.3 if answer is printing else 60).diagnosis == diagnosis
        shown = "".join(capsys.readouterr())
        assert shown.count("left out") == 1
        assert shown.count("\n") <= 35
        assert len(shown) < 3_500
    print("everything")
    assert capsys.readouterr().out == "everything\n"


def test_others_print_as_much_as_they_like_meanwhile(capsys):
    def starts_another(image, row, column):
        other = threading.Thread(target=lambda: [print("other", line) for line in range(200)])
        other.start()
        other.join()
        return lesson_00.window_sum(image, row, column)

    assert exercises.check("00.warm_up", starts_another, seconds=60).status == "passed"
    assert capsys.readouterr().out.count("other") == 3 * 200


def asks(image, row, column):
    return int(input("How many rows? "))


def asks_until_it_is_told(image, row, column):
    while True:
        try:
            return int(input())
        except:  # noqa: E722
            print("Once more")


def asks_for_a_secret(image, row, column):
    return getpass.getpass()


@pytest.mark.parametrize("answer", [asks, asks_until_it_is_told, asks_for_a_secret])
def test_an_answer_that_asks_is_told_to_take_its_arguments(answer, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda prompt="": pytest.fail("somebody was asked"))
    monkeypatch.setattr("getpass.getpass", input)
    before = input
    result = exercises.check("00.warm_up", answer, seconds=60)
    assert (result.status, result.diagnosis) == ("not yet", "asks for input")
    assert "its arguments: image, row, column." in result.message
    assert (input, getpass.getpass) == (before, before)


def checks(*arguments):
    return exercises.check("04.softmax", checks)


def checks_and_hides_it(image, row, column):
    with contextlib.suppress(BaseException):
        exercises.check("00.warm_up", checks_and_hides_it)
    return lesson_00.window_sum(image, row, column)


def puts_in_order(image, row, column):
    return exercises.puzzle("00.warm_up", [1])


def checks_elsewhere(image, row, column):
    with ThreadPoolExecutor() as pool:
        return pool.submit(checks).result()


def checks_further_off(image, row, column):
    other = threading.Thread(target=checks_and_hides_it, args=(image, row, column))
    other.start()
    other.join()
    return lesson_00.window_sum(image, row, column)


@pytest.mark.parametrize(
    "answer",
    [checks, checks_and_hides_it, puts_in_order, checks_elsewhere, checks_further_off],
    ids=lambda a: a.__name__,
)
def test_a_check_inside_an_answer_is_told_to_move_out_and_locks_nothing(answer):
    results, start = [], threading.Thread.start

    def in_turn():
        for each in (answer, lesson_00.window_sum):
            results.append(exercises.check("00.warm_up", each, seconds=60))

    checking = threading.Thread(target=in_turn, daemon=True)  # or, if it hangs, so would the test
    checking.start()
    checking.join(150)
    assert [result.diagnosis for result in results] == ["asks for its own check", "correct"]
    assert "at the left margin" in results[0].message
    assert threading.Thread.start is start


def test_what_locks_nothing_may_be_asked_for_inside_an_answer(capsys):
    def asks_for_help(image, row, column):
        exercises.hint("00.warm_up", 1)
        exercises.compare(1, 1)
        exercises.solution("00.warm_up")
        return lesson_00.window_sum(image, row, column)

    assert exercises.check("00.warm_up", asks_for_help, seconds=60).status == "passed"


def test_an_import_that_takes_longer_than_the_answer_may_is_there_for_others(monkeypatch, tmp_path):
    def imports(image, row, column):
        importlib.import_module("slow_library")

    (tmp_path / "slow_library.py").write_text("import time\ntime.sleep(1)\nREADY = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert exercises.check("00.warm_up", imports, seconds=0.1).diagnosis == "never ends"
        found = []
        other = threading.Thread(target=lambda: found.append(importlib.import_module("slow_library")), daemon=True)
        other.start()
        other.join(60)
        assert [module.READY for module in found] == [True]
    finally:
        sys.modules.pop("slow_library", None)


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        (lambda: exercises.hint("00.warm_up", "2"), TypeError, "number must be a whole number, got '2'"),
        (lambda: exercises.hint("00.warm_up", 1.5), TypeError, "number must be a whole number, got 1.5"),
        (lambda: exercises.hint("00.warm_up", 0), ValueError, "number must be at least 1, got 0"),
        *[
            (lambda lines=lines: exercises.puzzle("01.convolve", lines), ValueError, f"from 1 to 5, got {got}")
            for lines, got in ((3, 3), ("12", "'1'"), ([1.5], 1.5), ([None], None), (np.array(3), r"array\(3\)"))
        ],
        (lambda: exercises.recall(np.inf, lesson=5), TypeError, "count must be a whole number, got inf"),
        (lambda: exercises.recall(0, lesson=5), ValueError, "count must be at least 1, got 0"),
        (lambda: exercises.recall(lesson=np.inf), TypeError, "lesson must be a whole number, got inf"),
        (lambda: exercises.recall(lesson="5"), TypeError, "lesson must be a whole number, got '5'"),
        (lambda: exercises.recall(answers=[3]), TypeError, r"answers must be a dict .* got \[3\]"),
        (
            lambda: exercises.recall(answers={"01.places": "1" + "0" * 400 + "/1"}, lesson=3),
            ValueError,
            "asks for a number",
        ),
    ],
)
def test_what_cannot_be_asked_is_told_in_the_house_s_words(asked, error, said):
    with pytest.raises(error, match=said):
        asked()


def test_what_an_answer_prints_is_left_alone(capsys):
    def talkative(image, row, column):
        print("row", row)
        return lesson_00.window_sum(image, row, column)

    assert exercises.check("00.warm_up", talkative).status == "passed"
    assert capsys.readouterr().out.startswith("row 0\n")


# --------------------------------------------------------------------------- array answers


@every_array
@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (np.ones((4, 7)), "shape"),
        (np.ones(()), "one number"),
        (3, "one number"),
        ([[1.0, 2.0, 3.0]] * 3, "not an array"),
        ("kernel", "not numbers"),
        (lambda: np.ones((3, 3)), "not numbers"),
        (np.array([[1j] * 3] * 3), "not numbers"),
        (np.full((3, 3), np.nan), "not finite"),
        (np.full((3, 3), np.inf), "not finite"),
    ],
)
def test_an_array_of_the_wrong_kind_is_named(exercise, answer, diagnosis):
    result = exercises.check(exercise.name, answer)
    assert (result.status, result.score, result.diagnosis) == ("not yet", 0, diagnosis)


@pytest.mark.parametrize(
    "kernel",
    [
        [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
        [[0, 0, 0], [0, -1, 0], [0, 1, 0]],
        [[-0.1, -0.2, 0.3], [-0.2, -0.1, -0.1], [0.3, 0.3, -0.2]],
        [[-1e6, 0, -1e-6], [0, 0, 0], [1e6, 0, 1e-6]],
    ],
)
def test_every_kernel_with_the_asked_properties_passes(kernel):
    assert exercises.check("01.blind_kernel", np.array(kernel)).status == "passed"


@pytest.mark.parametrize(
    "kernel",
    [
        np.array([[-1, -1, -1], [0, 0, 0], [1, 1, 1.001]]),
        np.ma.masked_equal([[-1, -1, 7], [0, 0, 7], [1, 1, 7]], 7),
    ],
)
def test_a_kernel_that_is_only_almost_blind_does_not_pass(kernel):
    assert exercises.check("01.blind_kernel", kernel).status == "not yet"


# --------------------------------------------------------------------------- oracles, and loops as students write them


@pytest.mark.parametrize(
    ("image_shape", "kernel_shape"), [((5, 7), (3, 3)), ((7, 5), (2, 3)), ((4, 4), (1, 4)), ((3, 3), (3, 3))]
)
def test_solutions_agree_with_scipy_and_scikit_image(image_shape, kernel_shape):
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=image_shape), rng.normal(size=kernel_shape)
    np.testing.assert_allclose(lesson_01.cross_correlate(image, kernel), signal.correlate2d(image, kernel, "valid"))
    np.testing.assert_allclose(lesson_01.convolve(image, kernel), signal.convolve2d(image, kernel, "valid"))
    np.testing.assert_allclose(lesson_01.normalised_match(image, kernel), match_template(image, kernel), atol=1e-9)


def test_a_flat_patch_matches_nothing():
    image = np.pad(np.ones((3, 3)), ((0, 0), (0, 2)))
    np.testing.assert_allclose(lesson_01.normalised_match(image, np.eye(3))[0, 0], 0)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 7])
def test_sizes_and_paddings_are_those_of_shapes(kernel_size, stride):
    for size in range(kernel_size, 20):
        for padding, dilation in [(0, 1), (2, 1), (kernel_size, 2)]:
            expected = shapes.output_size(size, kernel_size, stride, padding, dilation)
            assert lesson_02.output_size(size, kernel_size, stride, padding, dilation) == expected
        expected = shapes.padding_amounts(size, kernel_size, stride, "same")
        assert tuple(lesson_02.same_padding(size, kernel_size, stride)) == expected


def test_a_receptive_field_is_that_of_shapes():
    for (layers,) in lesson_02.RECEPTIVE_FIELD.probes:
        assert lesson_02.receptive_field(layers) == shapes.receptive_field(layers).size


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_layer_by_loops_is_that_of_ops(stride):
    rng = np.random.default_rng(0)
    image, kernel, bias = rng.normal(size=(7, 6, 3)), rng.normal(size=(3, 2, 3, 4)), rng.normal(size=4)
    expected = ops.conv2d(image[None], kernel, bias, stride=stride)[0]
    np.testing.assert_allclose(lesson_02.conv2d(image, kernel, bias, stride), expected)


@pytest.mark.parametrize(("image_shape", "kernel_shape"), [((4, 4), (3, 3)), ((3, 6), (2, 3)), ((5, 3), (4, 1))])
def test_gradients_agree_with_central_differences(image_shape, kernel_shape):
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=image_shape), rng.normal(size=kernel_shape)
    grad_output = rng.normal(size=ops.cross_correlate(image, kernel).shape)
    by_kernel = gradcheck.numerical_gradient(lambda kernel: ops.cross_correlate(image, kernel), kernel, grad_output)
    by_image = gradcheck.numerical_gradient(lambda image: ops.cross_correlate(image, kernel), image, grad_output)
    np.testing.assert_allclose(lesson_03.grad_kernel(grad_output, image), by_kernel, atol=1e-8)
    np.testing.assert_allclose(lesson_03.grad_image(grad_output, kernel), by_image, atol=1e-8)


@pytest.mark.parametrize("padding", [0, 1, 3])
def test_cropping_undoes_padding(padding):
    image = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(lesson_03.crop(np.pad(image, padding), padding), image)


def test_a_step_of_descent_follows_the_numerical_gradient_and_many_find_the_kernel():
    rng = np.random.default_rng(0)
    image, kernel, start = rng.normal(size=(12, 12)), rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    wanted = ops.cross_correlate(image, kernel)

    def loss(kernel):
        return ((ops.cross_correlate(image, kernel) - wanted) ** 2).mean() / 2

    downhill = start - 0.1 * gradcheck.numerical_gradient(loss, start)
    np.testing.assert_allclose(lesson_03.descend(image, wanted, start, 0.1, 1), downhill, atol=1e-8)
    np.testing.assert_allclose(lesson_03.descend(image, wanted, start, 0.5, 200), kernel, atol=1e-6)


LOOPS = """
def cross_correlate(image, kernel):
    H, W = image.shape
    KH, KW = kernel.shape
    out = np.zeros((H - KH + 1, W - KW + 1))
    for row in range(H - KH + 1):
        for column in range(W - KW + 1):
            total = 0
            for i in range(KH):
                for j in range(KW):
                    total += kernel[i, j] * image[row + i, column + j]
            out[row, column] = total
    return out
"""


@pytest.mark.parametrize(
    ("right", "slip", "diagnosis"),
    [
        ("", "", "correct"),
        ("kernel[i, j]", "kernel[KH - 1 - i, KW - 1 - j]", "kernel flipped"),
        ("kernel[i, j]", "kernel[-i - 1, -j - 1]", "kernel flipped"),
        ("kernel[i, j]", "kernel[j, i]", "kernel transposed"),
        ("image[row + i, column + j]", "image[column + j, row + i]", "image transposed"),
        (" + 1", "", "last row and column missing"),
        (" + 1):", "):", "last row and column zero"),
        ("H, W = image.shape", "H = W = image.shape[0]", "square images only"),
        ("+ 1))", "+ 1), dtype=image.dtype)", "sum in uint8"),
        ("+ 1))", "+ 1), dtype=int)", "integers only"),
        ("out[row, column] = total", "out[row, column] = total / kernel.size", "mean"),
        ("out[row, column] = total", "image[row, column] = out[row, column] = total", "writes into the image"),
        ("            total = 0\n", "", "raises"),
        ("KW = kernel.shape\n", "KW = kernel.shape\n    total = 0\n", "correct"),
        ("            out[row, column] = total\n    return out", "            return total", "one number"),
        ("return out", "pass", "returns nothing"),
        ("total = 0", "total = image.sum()", "values"),
    ],
)  # fmt: skip
def test_loops_with_one_slip_are_diagnosed(right, slip, diagnosis):
    names = {"np": np}
    exec(LOOPS.replace(right, slip) if right else LOOPS, names)
    assert exercises.check("01.cross_correlate", names["cross_correlate"]).diagnosis == diagnosis


@pytest.mark.parametrize(
    "wrong",
    [
        lambda image, kernel: ops.cross_correlate(image, kernel.astype(image.dtype)),
        lambda image, kernel: ops.cross_correlate(image, kernel).astype(int),
        lambda image, kernel: np.round(ops.cross_correlate(image, kernel)),
        lambda image, kernel: np.round(ops.cross_correlate(image, kernel), 1),
        lambda image, kernel: np.maximum(ops.cross_correlate(image, kernel), 0 if image.dtype == np.uint8 else -np.inf),
        lambda image, kernel: ops.cross_correlate(image, kernel) * (kernel.shape[0] <= kernel.shape[1]),
    ],
    ids=["kernel in the image's type", "cut to integers", "rounded", "to one decimal", "uint8 clipped", "tall kernels"],
)
def test_an_answer_that_is_right_on_most_images_does_not_pass(wrong):
    assert exercises.check("01.cross_correlate", wrong).status == "not yet"


def test_a_sum_that_is_never_set_back_is_diagnosed():
    names = {"np": np}
    exec(LOOPS.replace("            total = 0\n", "").replace("    for row", "    total = 0\n    for row"), names)
    assert exercises.check("01.cross_correlate", names["cross_correlate"]).diagnosis == "sum carried over"


SCATTER = """
def grad_image(grad_output, kernel):
    H, W = grad_output.shape
    KH, KW = kernel.shape
    grad = np.zeros((H + KH - 1, W + KW - 1))
    for row in range(H):
        for column in range(W):
            for i in range(KH):
                for j in range(KW):
                    grad[row + i, column + j] += grad_output[row, column] * kernel[i, j]
    return grad
"""


@pytest.mark.parametrize(
    ("right", "slip", "diagnosis"),
    [
        ("", "", "correct"),
        ("+= ", "= ", "overwritten"),
        ("kernel[i, j]", "kernel[-1 - i, -1 - j]", "kernel not turned"),  # scattering turns by itself
        ("kernel[i, j]", "kernel[-1 - i, j]", "columns turned only"),
        ("grad_output[row, column] * ", "", "gradient of the output ignored"),
        ("grad_output[row, column]", "grad_output[-1 - row, -1 - column]", "gradient of the output turned"),
        ("+ KH - 1, W + KW - 1", ", W", "raises"),
        ("return grad", "pass", "returns nothing"),
    ],
)
def test_gradients_that_are_scattered_are_diagnosed(right, slip, diagnosis):
    names = {"np": np}
    exec(SCATTER.replace(right, slip) if right else SCATTER, names)
    assert exercises.check("03.grad_image", names["grad_image"]).diagnosis == diagnosis


# --------------------------------------------------------------------------- results and names


def test_names_follow_the_lessons():
    assert exercises.names() == [exercise.name for exercise in ALL]
    assert exercises.names() == sorted(exercises.names(), key=lambda name: name[:2])
    assert {"00.warm_up", "01.cross_correlate", "01.convolve"} <= set(exercises.names())


@pytest.mark.parametrize("function", [exercises.hint, exercises.solution, lambda name: exercises.check(name, None)])
def test_an_unknown_name_gets_the_nearest(function):
    with pytest.raises(ValueError, match=r"no exercise '01\.crosscorelate'; did you mean '01\.cross_correlate'"):
        function("01.crosscorelate")
    with pytest.raises(ValueError, match=r"no exercise \['01\.convolve'\]"):
        function(["01.convolve"])


def test_a_result_is_plain_data_for_graders_and_cannot_be_edited():
    result = exercises.check("01.convolve", lesson_01.ops.cross_correlate)
    assert json.loads(json.dumps(result.as_dict())) == {
        "exercise": "01.convolve",
        "status": "not yet",
        "diagnosis": "not flipped",
        "message": result.message,
        "score": 0,
        "out_of": 1,
    }
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.score = 1


def test_a_result_follows_the_theme_and_does_not_rely_on_colour():
    html = exercises.check("01.cross_correlate", lambda image, kernel: "<b>")._repr_mimebundle_()["text/html"]
    assert "✗ 01.cross_correlate: not yet (0/1)" in html
    assert "var(--jp-" in html
    assert "background" not in html
    assert not re.search(r"[; \"]color:", html)


def test_below_an_answer_that_is_not_right_one_hint_is_folded_into_the_other_and_the_solution_into_the_last():
    def page(answer):
        return exercises.check("01.cross_correlate", answer)._repr_mimebundle_()["text/html"]

    hints = lesson_01.CROSS_CORRELATE.hints
    titles = re.findall(r"<details.*?><summary.*?>(.*?)</summary>", page(lambda image, kernel: 0))
    assert titles == [f"Hint {number} of {len(hints)}" for number in range(1, len(hints) + 1)] + ["Solution"]
    assert page(lambda image, kernel: 0).endswith("</details>" * len(titles) + "</div>")
    for answer in (None, lesson_01.ops.cross_correlate):
        assert "<details" not in page(answer)


def test_what_a_student_wrote_cannot_become_markup():
    def raises(image, row, column):
        raise ValueError("<img src=x>")

    html = exercises.check("00.warm_up", raises)._repr_mimebundle_()["text/html"]
    assert "<img" not in html
    assert "&lt;img" in html


def test_a_mistake_that_gives_no_value_matches_nothing():
    exercise = dataclasses.replace(
        lesson_00.WINDOW_SUM, wrong={"raises everywhere": lambda: 0}, said="raises everywhere: …"
    )
    assert exercise.check(lambda image, row, column: -1, seconds=5).diagnosis == "values"


# --------------------------------------------------------------------------- in a live kernel


def run(*cells, **options):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=None, allow_errors=True, **options).execute()
    return [cell.outputs for cell in notebook.cells]


def test_in_a_kernel_answers_print_under_their_cell_and_ctrl_c_works():
    setup = "from cnnlessons import exercises"
    stub = "def window_sum(image, row, column):\n    print('here')\n    return image[row, column, 0]"
    loop = "def forever(image, row, column):\n    while True:\n        pass"
    grows = "rows = []\ndef grows(image, row, column):\n    while True:\n        rows.append({row: image})"
    floods = "def floods(image, row, column):\n    while True:\n        print(image)\n        display(image)"
    asks = "def asks(image, row, column):\n    return int(input('how many? '))"
    press = (  # _thread.interrupt_main does not wake the main thread: the harder case, as on Windows
        "import _thread\n"
        "def pressed(image, row, column):\n    _thread.interrupt_main()\n    forever(image, row, column)\n"
        "exercises.check('00.warm_up', pressed, seconds=50)"
    )
    outputs = run(
        setup,
        stub,
        "exercises.check('00.warm_up', window_sum)",
        loop,
        "exercises.check('00.warm_up', forever, seconds=0.3)",
        press,
        "exercises.solution('00.warm_up')",
        grows + "\nexercises.check('00.warm_up', grows, seconds=50)",
        floods + "\nexercises.check('00.warm_up', floods, seconds=0.3)",
        asks + "\nexercises.check('00.warm_up', asks)",
        "print(1 + 1)",
    )
    *printed, error = outputs[2]
    assert "".join(stream["text"] for stream in printed) == "here\n" * 3
    assert "in line 3, `return image[row, column, 0]`" in error["data"]["text/plain"]
    assert error["data"]["application/vnd.cnnlessons.result+json"]["diagnosis"] == "raises"
    assert "Stopped after 0.3 s" in outputs[4][0]["data"]["text/plain"]
    assert outputs[5][0]["ename"] == "KeyboardInterrupt"
    assert outputs[6][0]["data"]["text/markdown"].startswith("```python\ndef window_sum(")
    (grown,) = outputs[7]  # the result, and no traceback above it
    assert "40 MB of memory" in grown["data"]["text/plain"]
    *shown, flooded = outputs[8]
    assert len(shown) < 15
    assert len("".join(each.get("text", "") for each in shown)) < 3_500
    assert "Stopped after 0.3 s" in flooded["data"]["text/plain"]
    (asked,) = outputs[9]
    assert "Your function asks for input." in asked["data"]["text/plain"]
    assert outputs[10][0]["text"] == "2\n"


def test_a_slip_names_a_piece_of_the_solution():
    with pytest.raises(ValueError, match=r"must name a piece of the solution of 00.warm_up, got 'prod'"):
        exercises._find("00.warm_up").slip("prod → sum")
