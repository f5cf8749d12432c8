"""Exercises of lesson 12: what guided backprop lets through a ReLU, and how alike two maps are."""

import numpy as np

from cnnlessons.exercises.feedback import FunctionExercise

# --------------------------------------------------------------------------- 12.guided_relu


def guided_relu(grad_output, inputs):
    return np.where((inputs > 0) & (grad_output > 0), grad_output, 0)  # both gates must be open


GUIDED_RELU = FunctionExercise(
    name="12.guided_relu",
    solution=guided_relu,
    probes=(
        (np.array([[2.0, -3, 4, -5]]), np.array([[1.0, 1, -1, -1]])),
        (np.array([[0.5, -2], [3, 1], [-4, 7]]), np.array([[0.0, 3], [-2, 5], [6, 0.1]])),
    ),
    wrong={
        "plain gradient": "(inputs > 0) & (grad_output > 0) → inputs > 0",
        "deconvnet": "(inputs > 0) & (grad_output > 0) → grad_output > 0",
        "forward again": lambda grad_output, inputs: np.maximum(inputs, 0),
        "signs multiplied": lambda grad_output, inputs: np.maximum(grad_output * inputs, 0),
        "either of the two": "(inputs > 0) & (grad_output > 0) → (inputs > 0) | (grad_output > 0)",
        "open at 0": "inputs > 0 → inputs >= 0",
    },
    said="""
        plain gradient: That is the gradient. Guided backprop also stops what is negative.
        deconvnet: That is the deconvnet's rule: it stops what is negative, and forgets where the ReLU was closed.
        forward again: You apply the ReLU to its inputs. What comes back is made of `grad_output`.
        signs multiplied: You multiply the two and keep what is positive. The size of the inputs does not matter, and
            two negative numbers must not pass either.
        either of the two: One condition is enough for you. Both must hold.
        open at 0: A ReLU is closed at 0: what comes out there does not grow when the input shrinks, and this course
            takes the slope 0.
        hint: There are two gates. Which one do you know from lesson 04, and which one looks at what comes back?
        hint: Write each gate as an array of True and False. `&` says where both are open.
        hint: `np.where((inputs > 0) & (grad_output > 0), grad_output, 0)`
        verified: positive and negative gradients, open and closed ReLUs, an input of 0
    """,
)

# --------------------------------------------------------------------------- 12.rank_agreement


def rank_agreement(one, other):
    ranks = [np.abs(each).ravel().argsort().argsort() for each in (one, other)]  # 0 for the smallest size
    return np.corrcoef(*ranks)[0, 1]


RANK_AGREEMENT = FunctionExercise(
    name="12.rank_agreement",
    solution=rank_agreement,
    probes=(
        (np.array([[1.0, -5, 3], [0.5, 8, -2]]), np.array([[2.0, 9, -4], [-1, 7, 0.3]])),
        (np.array([[4.0, -1], [9, 2.5]]), np.array([[-30.0, 1], [2, 0.1]])),
    ),
    wrong={
        "values, not ranks": "np.abs(each).ravel().argsort().argsort() → np.abs(each).ravel()",
        "signs kept": "np.abs(each) → each",
        "both": "np.abs(each).ravel().argsort().argsort() → each.ravel()",
        "sorted once": ".argsort().argsort() → .argsort()",
        "sorted": "np.abs(each).ravel().argsort().argsort() → np.sort(np.abs(each).ravel())",
        "share in the same place": "np.corrcoef(*ranks)[0, 1] → np.mean(np.equal(*ranks))",
    },
    astray=("signs kept", "sorted once"),
    said="""
        values, not ranks: You correlate the sizes themselves, so one very bright pixel decides. Their ranks are asked.
        signs kept: You rank with the sign, so that −5 comes before 1. A map says *how much* a pixel matters: take the
            sizes first.
        both: You correlate the numbers as they are. Sizes first, then ranks, then the correlation.
        sorted once: `argsort` says which pixel comes first, not what the rank of each pixel is. Sort that once more.
        sorted: You sort each map by itself, and lose which pixel is which: two sorted maps always agree.
        share in the same place: You count the pixels with equal ranks. A rank that is off by one is nearly right.
        hint: Three steps: sizes, ranks, correlation. What does rank 0 mean?
        hint: `values.argsort()` says where the smallest lies; `values.argsort().argsort()` says which place each one
            has.
        hint: `np.corrcoef(ranks_of_one, ranks_of_other)[0, 1]`, with `np.abs(one).ravel().argsort().argsort()`
        verified: maps with signs, and with one pixel that is far larger than the others
    """,
)
