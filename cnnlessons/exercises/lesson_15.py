"""Exercises of lesson 15: the standard error of tries that share images, how many exam images it takes."""

import numpy as np

from cnnlessons.exercises.feedback import FunctionExercise

# --------------------------------------------------------------------------- 15.standard_error


def standard_error(differences, judged, learned):
    spread = np.std(differences, ddof=1)  # of the sample: divided by one less than their number
    return spread * np.sqrt(1 / len(differences) + judged / learned)


STANDARD_ERROR = FunctionExercise(
    name="15.standard_error",
    solution=standard_error,
    probes=(
        (np.array([4.0, 9.0, 6.0, 1.0, 7.0, 3.0]), 30, 90),
        (np.array([4.0, 9.0, 6.0, 1.0, 7.0, 3.0]), 10, 90),
        (np.array([-12.0, -9.0, -14.0, -8.0]), 40, 60),
        (np.array([2.0, -2.5, 1.0, 0.5, -1.0, 3.0, 0.0, 1.5]), 5, 95),
    ),
    draw=lambda rng, probe: (rng.normal(2, 6, len(probe[0])), *map(int, rng.integers((5, 60), (60, 200)))),
    wrong={
        "images forgotten": "1 / len(differences) + judged / learned → 1 / len(differences)",
        "tries forgotten": "1 / len(differences) + judged / learned → judged / learned",
        "upside down": "judged / learned → learned / judged",
        "share of all": "judged / learned → judged / (judged + learned)",
        "twice": "return spread → return 2 * spread",
        "divided by n": "ddof=1 → ddof=0",
        "roots added": "(1 / len(differences) + judged / learned) → ([1 / len(differences), judged / learned]).sum()",
        "no root": "np.sqrt(1 → (1",
    },
    astray=("upside down", "twice"),
    said="""
        images forgotten: That is the standard error of tries with nothing in common. These share images:
            judged / learned comes under the root, too.
        tries forgotten: The number of tries is missing: 1/n stands under the root, beside judged / learned.
        upside down: You divide the wrong way round. It is judged / learned.
        share of all: You divide by all images. Divide the judged ones by those that were learned from.
        twice: That is two standard errors; asked for is one.
        divided by n: `np.std` divides by n. The sample's standard deviation divides by n − 1: `ddof=1`.
        roots added: Add 1/n and judged / learned first, then take one root.
        no root: The root is missing: 1/n and judged / learned are parts of a squared length.
        hint: First the standard deviation s of the differences, with `ddof=1`; then what stands under the root.
        hint: It is s·√(1/n + judged/learned), and n is the number of tries.
        hint: `len(differences)` is n, and `np.sqrt` takes the root of the sum.
        verified: four, six and eight tries; few and many judged images
    """,
)

# --------------------------------------------------------------------------- 15.exam_images


def exam_images(accuracy, reach):
    # two standard errors, 2·√(p(1 − p)/n), may be at most `reach`
    return int(np.ceil(accuracy * (1 - accuracy) * (2 / reach) ** 2))


EXAM_IMAGES = FunctionExercise(
    name="15.exam_images",
    solution=exam_images,
    probes=((0.8, 0.081), (0.5, 0.032), (0.95, 0.021), (0.7, 0.11), (0.66, 0.043)),
    draw=lambda rng, probe: (rng.uniform(0.5, 0.97), rng.uniform(0.02, 0.12)),
    wrong={
        "without the two": "2 / reach → 1 / reach",
        "not squared": "(2 / reach) ** 2 → 2 / reach",
        "mistakes forgotten": "accuracy * (1 - accuracy) → accuracy",
        "rounded down": "np.ceil( → (",
        "whole length": "2 / reach → 4 / reach",
        "always one half": "accuracy * (1 - accuracy) → 0.25",
    },
    said="""
        without the two: That reaches one standard error. The interval reaches two of them to each side.
        not squared: 2·√(p(1 − p)/n) ≤ reach gives √n, not n: half the reach takes four times as many images.
        mistakes forgotten: The standard error is √(p(1 − p)/n): right answers times mistakes.
        rounded down: Rounded down, the interval is still a little too long. Images come whole: round up.
        whole length: `reach` is to *each* side; you let the whole interval be so long.
        always one half: That is the worst case, an accuracy of one half. Use the one that is given.
        hint: Of n images a share p is right. The standard error of that share is √(p(1 − p)/n).
        hint: Two of them may be at most `reach`. Solve for n.
        hint: n ≥ p(1 − p)·(2/reach)², rounded up.
        verified: accuracies from one half to 95 %, reaches from 2 to 11 points
    """,
)
