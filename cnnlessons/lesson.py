"""What a lesson prints and checks in one line: that two ways give the same numbers, that a sentence is true.

Used in every lesson.
"""

import os
import reprlib
from collections.abc import Iterable, Mapping
from importlib.util import find_spec

import numpy as np

ENOUGH_FOR_TENSORFLOW = 2 * 2**30  # bytes


def same(what, first, second, digits=None):
    """Print that two arrays hold the same numbers, or raise. Taught in lesson 01.

    Parameters
    ----------
    what : str
        What the two are, for the sentence: "loops and one matrix product".
    first, second : array_like
        Of one shape, and one number at least.
    digits : int, optional
        How many digits of the largest number must agree; without it every number must be equal.

    Raises
    ------
    AssertionError
        If the shapes differ, or a number does; it says which. If there is none.

    Examples
    --------
    >>> same("a sum and its terms", 0.1 + 0.2, 0.3, digits=15)
    a sum and its terms: the same to 15 digits
    >>> same("rows and columns", np.eye(2), np.eye(2).T)
    rows and columns: equal in all 4 numbers
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape:
        raise AssertionError(f"{what}: shapes {first.shape} and {second.shape} differ")
    if not first.size:
        raise AssertionError(f"{what}: nothing is compared, both are empty, of shape {first.shape}")
    if digits is None:
        wrong, said = first != second, "equal" if first.size == 1 else f"equal in all {first.size:,} numbers"
    else:
        largest = max(np.abs(each[np.isfinite(each)]).max(initial=0) for each in (first, second))
        wrong = ~np.isclose(first, second, rtol=0, atol=largest * 10.0**-digits)
        said = f"the same to {digits} digits" + (f", all {first.size:,}" if first.size > 1 else "")
    if np.any(wrong):
        place = tuple(int(index) for index in np.argwhere(np.atleast_1d(wrong))[0])
        at = f" at {place}" if first.ndim else ""
        raise AssertionError(
            f"{what}: {np.count_nonzero(wrong):,} of {first.size:,} numbers differ, the first{at}: "
            f"{np.atleast_1d(first)[place]} and {np.atleast_1d(second)[place]}"
        )
    print(f"{what}: {said}")


def claim(sentence, condition):
    """Print a sentence if it is true, or raise: what a lesson says of its numbers is checked where it is said.

    Taught in lesson 01.

    Parameters
    ----------
    sentence : str
    condition : bool, array of bool, or iterable of them
        All must be true, one at least.

    Raises
    ------
    AssertionError
        If it is not.
    TypeError
        If something else is handed over, which Python may take for true.
    """
    truths = _truths(condition)
    if not any(each.size for each in truths) or not all(each.all() for each in truths):
        raise AssertionError(f"these numbers do not show it: {sentence}")
    print(sentence)


def _truths(condition):
    """Return what is claimed as arrays of bool, and refuse what is no comparison; a masked entry proves nothing."""
    several = isinstance(condition, Iterable) and not isinstance(condition, Mapping | str)
    if several and not hasattr(condition, "__array__"):
        return [truth for part in condition for truth in _truths(part)]
    truths = np.ma.filled(condition, False)
    if truths.dtype != bool and (truths.size or not several):
        raise TypeError(
            f"condition must be True or False, or several of them, got {' '.join(reprlib.repr(condition).split())}: "
            "hand over a comparison, such as loss < 0.1; of a dict its .values()"
        )
    return [truths]


def room_for_tensorflow():
    """Tell whether a lesson can compare with TensorFlow, and print why if it cannot. Taught in lesson 01.

    It can where TensorFlow is installed and, in a JupyterHub, each user may have 2 GiB of memory. A hub writes what a
    user may have into the variable MEM_LIMIT, in bytes.
    """
    limit = float(os.environ.get("MEM_LIMIT") or "inf")
    if not find_spec("tensorflow"):
        print("TensorFlow is not installed here, so nothing is compared with it")
    elif limit < ENOUGH_FOR_TENSORFLOW:
        print(f"nothing is compared with TensorFlow, which needs 2 GiB: this server gives you {limit / 2**30:.1f} GiB")
    else:
        return True
    return False
