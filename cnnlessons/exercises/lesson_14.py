"""Exercises of lesson 14: who follows a mark, and how many images a help is worth."""

import numpy as np

from cnnlessons.exercises.feedback import FunctionExercise

# --------------------------------------------------------------------------- 14.follows


def follows(answers, marks, labels):
    told = marks != labels  # only there does the mark say something else than the image
    return np.mean(answers[told] == marks[told])


FOLLOWS = FunctionExercise(
    name="14.follows",
    solution=follows,
    probes=(
        (np.array([3, 1, 4, 1, 5, 0]), np.array([3, 1, 2, 1, 5, 2]), np.array([1, 1, 4, 0, 2, 7])),
        (np.array([0, 1, 2, 2]), np.array([1, 1, 1, 2]), np.array([0, 0, 2, 2])),
    ),
    wrong={
        "all counted": "answers[told] == marks[told] → answers == marks",
        "divided by all": "answers[told] == marks[told] → (answers == marks) & told",
        "accuracy": "answers[told] == marks[told] → answers == labels",
        "wrong answers": "== marks[told] → != labels[told]",
        "how many": "np.mean( → np.sum(",
        "those that do not": "== marks[told] → != marks[told]",
    },
    astray=("all counted",),
    said="""
        all counted: You count images whose mark is of their own class, too. There nobody can tell what was followed.
        divided by all: You divide by all images. Only those count whose mark is of another class.
        accuracy: This is the accuracy: answers equal to the labels. Compare them with the marks.
        wrong answers: An answer may be wrong in another way than the mark says. Compare with the marks.
        how many: This is how many images follow. Divide by how many count.
        those that do not: This is the share that does not follow.
        hint: Which images count? Those in which mark and label differ. A comparison of two arrays is an array of bool.
        hint: An array of bool picks: `answers[told]` and `marks[told]`.
        hint: `told = marks != labels`, then `np.mean(answers[told] == marks[told])`
        verified: marks of the image's own class and of others, answers that are wrong in another way
    """,
)

# --------------------------------------------------------------------------- 14.worth


def worth(sizes, accuracies, count, reached):
    needed = np.exp(np.interp(reached, accuracies, np.log(sizes)))  # along the curve, read from its other axis
    return needed / count


_SIZES, _CURVE = np.array([20, 50, 100, 400]), np.array([70.0, 85.0, 90.0, 96.0])

WORTH = FunctionExercise(
    name="14.worth",
    solution=worth,
    probes=((_SIZES, _CURVE, 50, 88.0), (_SIZES, _CURVE, 20, 85.0), (_SIZES, _CURVE, 100, 93.0)),
    wrong={
        "no logarithm": "np.exp(np.interp(reached, accuracies, np.log(sizes))) → np.interp(reached, accuracies, sizes)",
        "images": "needed / count → needed",
        "upside down": "needed / count → count / needed",
        "more images": "needed / count → needed - count",
        "a logarithm": (
            "np.exp(np.interp(reached, accuracies, np.log(sizes))) → np.interp(reached, accuracies, np.log(sizes))"
        ),
        "next size": (
            "np.exp(np.interp(reached, accuracies, np.log(sizes))) → sizes[np.searchsorted(accuracies, reached)]"
        ),
        "points": "needed / count → reached - np.interp(count, sizes, accuracies)",
    },
    astray=("no logarithm",),
    said="""
        no logarithm: Between two points you read the number of images itself; read its logarithm, as on the chart.
        images: This is how many images would be needed. Divide by those that the help had.
        upside down: This is the inverse: images needed without help over images with it, not the other way round.
        more images: This is how many images more. Asked is how many times as many.
        a logarithm: What you read is a logarithm still. Take `np.exp` of it before you divide.
        next size: You take the next size of the curve. Read between its points.
        points: This is the gain in accuracy. Asked is a number of images: read the curve from its other axis.
        hint: Go from `reached` on the vertical axis to the curve, then down to the images.
        hint: `np.interp(x, xs, ys)` reads a curve; here the accuracies are its xs, and the logarithms of the sizes its
            ys.
        hint: `np.exp(np.interp(reached, accuracies, np.log(sizes))) / count`
        verified: between two points of the curve and on one, with several numbers of images
    """,
    draw=lambda rng, probe: (*probe[:3], rng.uniform(72, 95)),  # sizes and accuracies have to rise
)
