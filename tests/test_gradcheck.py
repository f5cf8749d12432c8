"""Central differences must find right gradients right and wrong ones wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlessons.gradcheck import numerical_gradient, relative_error


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=5))
def test_the_gradient_of_a_cubic_is_three_times_the_square(values):
    values = np.array(values)
    np.testing.assert_allclose(numerical_gradient(lambda x: x**3, values), 3 * values**2, atol=1e-8)


def test_the_error_shrinks_with_the_square_of_the_step():
    coarse, fine = (abs(numerical_gradient(np.exp, np.zeros(1), step=step)[0] - 1) for step in (0.2, 0.1))
    assert coarse / fine == pytest.approx(4, rel=0.02)


def test_float32_is_moved_in_float64():
    grad = numerical_gradient(np.square, np.array([1.0], np.float32))
    assert grad.dtype == np.float64
    assert relative_error(grad, [2.0]) < 1e-9


def test_the_difference_is_divided_by_the_way_that_was_really_gone():
    assert numerical_gradient(np.copy, np.array([1e6]), step=1e-9) == 1  # 1e6 ± 1e-9 are rounded, and 4 % too far apart


def test_whole_numbers_that_come_back_are_subtracted_without_wrapping():
    def falling(x):
        return (200 - 100 * x).astype(np.uint8)

    np.testing.assert_array_equal(numerical_gradient(falling, np.array([1.0]), step=0.5), [-100])


def test_grad_output_weighs_the_outputs():
    grad = numerical_gradient(lambda x: np.array([x.sum(), 10 * x.sum()]), np.zeros(2), grad_output=[1.0, 2.0])
    np.testing.assert_allclose(grad, [21, 21])


def test_a_wrong_gradient_is_caught():
    right = numerical_gradient(np.sin, np.array([0.5]))
    assert relative_error(right, np.cos([0.5])) < 1e-9
    assert relative_error(right, np.sin([0.5])) > 0.1


def test_the_array_is_left_as_it_was_even_by_a_function_that_writes_into_its_argument():
    array = np.array([1.0, 2.0])

    def careless(x):
        x *= 2
        return x

    np.testing.assert_allclose(numerical_gradient(careless, array), [2, 2])
    np.testing.assert_array_equal(array, [1, 2])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: numerical_gradient(np.square, [1, 2]),
            TypeError,
            r"array must hold floats.*int64; use array.astype\(float\)",
        ),
        (lambda: numerical_gradient(np.square, [1.0], step=0), ValueError, "step must be a positive number, got 0"),
        (
            lambda: numerical_gradient(np.square, [1.0], step=np.inf),
            ValueError,
            "step must be a positive number, got inf",
        ),
        (lambda: numerical_gradient(np.square, [1.0], step=None), ValueError, "a positive number, got None"),
        (lambda: numerical_gradient(np.square, [1e12]), ValueError, "step must move every number.*give a larger step"),
        (
            lambda: numerical_gradient(np.square, [1.0], grad_output=[1.0, 2.0]),
            ValueError,
            r"shape of the output, \(1,\), got \(2,\)",
        ),
        (lambda: numerical_gradient(lambda x: x * np.nan, [1.0]), ValueError, "function must return finite numbers"),
        (lambda: relative_error([1.0], [1.0, 2.0]), ValueError, r"one shape, got \(1,\) and \(2,\)"),
        (lambda: relative_error([1.0], [np.nan]), ValueError, "must hold finite numbers, got NaN or inf in b"),
        (lambda: relative_error([np.inf], [1.0]), ValueError, "must hold finite numbers, got NaN or inf in a"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_equal_arrays_have_no_relative_error_even_all_zero_ones():
    assert relative_error(np.zeros(3), np.zeros(3)) == 0
    assert relative_error([1.0, -2.0], [1.0, -2.0]) == 0


def test_the_larger_of_the_two_is_the_measure_so_the_order_does_not_matter():
    assert relative_error([1.0], [4.0]) == relative_error([4.0], [1.0]) == 0.75
    assert relative_error([1.0], [-1.0]) == 2


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1.7e308, 1e-308, 5e-324])
def test_the_largest_and_the_smallest_numbers_differ_by_a_number(size):
    assert relative_error([size], [-size]) == 2
    assert relative_error([size], [0.0]) == 1
    assert relative_error([size], [size]) == 0
