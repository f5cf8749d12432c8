"""Exercise of lesson 99: the mean of every row."""

import numpy as np

from cnnlessons.exercises.feedback import FunctionExercise


def row_means(image):
    return image.mean(axis=1)  # axis 1 runs along a row, so it is the one that goes


ROW_MEANS = FunctionExercise(
    name="99.row_means",
    solution=row_means,
    probes=(  # on which each mistake gives other numbers
        (np.array([[1, 2, 6], [4, 8, 3]]),),
        (np.array([[5, 0], [1, 2], [7, 4]]),),
    ),
    wrong={  # done to the solution; or functions
        "columns": "axis=1 → axis=0",
        "sums": "image.mean → image.sum",
        "one number": "image.mean(axis=1) → image.mean()",
        "largest": "image.mean → image.max",
    },
    said="""
        columns: These are the means of the columns. The axis that you name is the one that goes: 0 runs down.
        sums: These are the sums of the rows. Divide by how many pixels a row has.
        one number: This is the mean of the whole image. One number a row is asked: name an axis.
        largest: This is the largest pixel of each row, not their mean.
        hint: How many numbers does the result have, for an image of 2 rows and 3 columns?
        hint: An array's method `mean` takes the axis along which to add.
        hint: `image.mean(axis=1)`
        verified: two images, of more columns than rows and of more rows than columns
    """,
)
