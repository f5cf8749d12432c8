"""Exercise of lesson 00: a warm-up that shows how exercises answer back."""

import numpy as np

from cnnlessons.exercises.feedback import FunctionExercise


def window_sum(image, row, column):
    window = image[row : row + 3, column : column + 3]  # a slice stops before its end: rows row, row + 1, row + 2
    return window.sum()


def _centred(image, row, column):
    if row == 0 or column == 0:
        raise IndexError("such a window leaves the image")
    return image[row - 1 : row + 2, column - 1 : column + 2].sum()


WINDOW_SUM = FunctionExercise(
    name="00.warm_up",
    solution=window_sum,
    probes=(
        (np.array([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [0, 1, 0, 2]]), 0, 1),
        (np.array([[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 5, 8], [9, 7, 9, 3, 2, 3], [8, 4, 6, 2, 6, 4]]), 1, 2),
        (np.array([[90, 80, 70, 60], [50, 40, 30, 20], [95, 85, 75, 65], [55, 45, 35, 25]]), 1, 0),
    ),
    wrong={
        "window centred": _centred,
        "window too small": "row + 3, column : column + 3 → row + 2, column : column + 2",
        "end not moved": "row : row + 3, column : column + 3 → row:3, column:3",
        "row and column swapped": "row : row + 3, column : column + 3 → column : column + 3, row : row + 3",
        "mean": "window.sum → window.mean",
    },
    astray=("window too small", "mean"),
    said="""
        window centred: Your window has (row, column) in its centre. Here (row, column) is its top-left corner, so the
            window goes down and to the right from there.
        window too small: Your window is 2×2. A slice stops before its end: `image[row : row + 2]` holds the rows row
            and row + 1.
        end not moved: Your window always ends before row 3 and column 3. The number after the colon is where the slice
            stops, not how long it is: it has to move along with row and column.
        row and column swapped: Row and column have changed places. An array is indexed by row first, `image[row,
            column]`: down, then right.
        mean: This is the mean of the window. The sum is asked: nine times as much.
        hint: Take a 4×4 image on paper and draw the window for row 0 and column 1. Which rows does it hold, and which
            columns?
        hint: A slice `image[a:b, c:d]` holds rows a to b - 1 and columns c to d - 1, and an array has a method `sum`.
        hint: Three rows from row on: they are `image[row : row + 3]`. The columns go after a comma.
        verified: nine pixels from the top-left corner on, non-square images, row and column in their places
    """,
)
