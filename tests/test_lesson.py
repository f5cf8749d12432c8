"""What a lesson prints is true, or stops it."""

import doctest

import numpy as np
import pandas as pd
import pytest

from cnnlessons import lesson


def test_the_examples_are_true():
    assert doctest.testmod(lesson).failed == 0


def test_same_numbers_are_told_and_others_are_named(capsys):
    lesson.same("rows and sums", np.arange(2000).reshape(2, 1000), np.arange(2000.0).reshape(2, 1000))
    lesson.same("loops and arrays", [1000.0, 1e-9], [1000.0000001, 0], digits=9)
    assert capsys.readouterr().out.splitlines() == [
        "rows and sums: equal in all 2,000 numbers",
        "loops and arrays: the same to 9 digits, all 2",
    ]
    with pytest.raises(AssertionError, match=r"a and b: 1 of 4 numbers differ, the first at \(1, 0\): 3.0 and 3.5"):
        lesson.same("a and b", [[1, 2], [3.0, 4]], [[1, 2], [3.5, 4]])
    with pytest.raises(AssertionError, match=r"a and b: 1 of 1 numbers differ, the first: 1\.0 and 1\.1"):
        lesson.same("a and b", 1.0, 1.1, digits=2)


@pytest.mark.parametrize("digits", [None, 3])
@pytest.mark.parametrize("nothing", [[], np.empty((2, 0))])
def test_where_there_is_nothing_nothing_is_the_same(nothing, digits, capsys):
    with pytest.raises(AssertionError, match="nothing and nothing: nothing is compared"):
        lesson.same("nothing and nothing", nothing, nothing, digits)
    assert not capsys.readouterr().out


def test_an_infinite_number_hides_no_difference():
    with pytest.raises(AssertionError, match="1 of 2 numbers differ, the first at"):
        lesson.same("a and b", [np.inf, 1.0], [np.inf, 2.0], digits=3)


@pytest.mark.parametrize("digits", [None, 3])
def test_numbers_that_are_none_and_other_shapes_are_not_the_same(digits):
    with pytest.raises(AssertionError, match="nan"):
        lesson.same("a and b", [1.0, np.nan], [1.0, np.nan], digits)
    with pytest.raises(AssertionError, match=r"a and b: shapes \(2,\) and \(2, 1\) differ"):
        lesson.same("a and b", [1, 2], [[1], [2]], digits)


@pytest.mark.parametrize("nothing", [[], (number > 0 for number in (-1, -2)), {"a": False}.values(), np.empty(0, bool)])
def test_a_claim_of_nothing_and_one_that_is_read_only_once_are_no_proof(nothing):
    with pytest.raises(AssertionError, match="do not show it"):
        lesson.claim("all are positive", nothing)


@pytest.mark.parametrize(
    "given",
    [
        *[
            {"a": False},
            {True: False},
            [{"a": True}],
            "False",
            ["True"],
            b"no",
            None,
            [None],
            1,
            0.0,
            [1, 2],
            [True, 1],
        ],
        *[
            np.nan,
            [np.nan],
            np.array([np.nan]),
            np.ones(2),
            np.array(["yes"]),
            np.array([True, None]),
            bool,
            [np.bool_],
        ],
        *[(number for number in (1, 2)), pd.Series([1.0, 2.0]), pd.DataFrame({"a": [1]}), [np.array([1]), True]],
    ],
)
def test_what_is_no_comparison_proves_nothing(given, capsys):
    with pytest.raises(TypeError, match=r"condition must be True or False, .* hand over a comparison"):
        lesson.claim("all are positive", given)
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    "shape_of",
    [
        *[lambda one: one, lambda one: np.bool_(one), lambda one: np.array(one), lambda one: [[True], [one, True]]],
        *[lambda one: [np.array([True, one]), True], lambda one: {"a": True, "b": one}.values(), lambda one: {one}],
        *[lambda one: pd.Series([True, one]), lambda one: pd.DataFrame({"a": [True], "b": [one]})],
        *[lambda one: (each for each in (True, one)), lambda one: np.ma.array([True, True], mask=[False, not one])],
    ],
)
def test_a_claim_may_come_in_any_container(shape_of, capsys):
    lesson.claim("All are positive.", shape_of(True))
    assert capsys.readouterr().out == "All are positive.\n"
    with pytest.raises(AssertionError, match="do not show it"):
        lesson.claim("All are positive.", shape_of(False))


def test_a_claim_is_printed_only_if_all_of_it_is_true(capsys):
    lesson.claim("ReLU helps on both.", np.array([True, True]))
    assert capsys.readouterr().out == "ReLU helps on both.\n"
    with pytest.raises(AssertionError, match=r"these numbers do not show it: ReLU helps on both\."):
        lesson.claim("ReLU helps on both.", np.array([True, False]))


@pytest.mark.parametrize(("limit", "compares"), [("", True), (str(2 * 2**30), True), (str(2**30), False)])
def test_a_server_that_gives_little_memory_goes_without_tensorflow_and_says_so(monkeypatch, capsys, limit, compares):
    monkeypatch.setattr(lesson, "find_spec", lambda name: True)
    monkeypatch.setenv("MEM_LIMIT", limit)
    assert lesson.room_for_tensorflow() == compares
    assert ("this server gives you 1.0 GiB" in capsys.readouterr().out) == (not compares)


def test_a_lesson_without_tensorflow_says_that_nothing_is_compared_with_it(monkeypatch, capsys):
    monkeypatch.setattr(lesson, "find_spec", lambda name: None)
    assert not lesson.room_for_tensorflow()
    assert "not installed" in capsys.readouterr().out
