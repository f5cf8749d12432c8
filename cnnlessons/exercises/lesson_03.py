"""Exercises of lesson 03: the gradients of kernel and image, the border that padding added, gradient descent."""

import numpy as np

from cnnlessons import ops
from cnnlessons.exercises.feedback import FunctionExercise
from cnnlessons.exercises.lesson_01 import same_size

PAPER = np.array([[3, 1, 0, 2], [1, 2, 3, 0], [0, 1, 2, 4], [2, 0, 1, 1]])  # (4, 4), finished on paper in lesson 01
WIDE = np.array([[1, 0, 2, 5, -3], [3, 1, 0, 4, 2], [2, 6, 1, 7, 0]])  # (3, 5)
TALL = np.array([[2, 7, 1, 0], [8, 2, 8, 3], [1, 8, 2, 5], [8, 4, 5, 1], [9, 0, 4, 6]]) / 2  # (5, 4)

# --------------------------------------------------------------------------- 03.grad_kernel


def grad_kernel(grad_output, image):
    height, width = grad_output.shape
    grad = np.zeros((image.shape[0] - height + 1, image.shape[1] - width + 1))
    for i in range(grad.shape[0]):
        for j in range(grad.shape[1]):
            met = image[i : i + height, j : j + width]  # the pixels that the weight (i, j) meets, place by place
            grad[i, j] = np.sum(grad_output * met)  # one weight serves every place: a sum over all of them
    return grad


GRAD_KERNEL = FunctionExercise(
    name="03.grad_kernel",
    solution=grad_kernel,
    probes=(
        (np.array([[1, 2], [-1, 3]]), PAPER),
        (np.array([[1, -2, 4], [0, 3, 1]]), WIDE),
        (np.array([[2, 1, 0], [-1, 4, 1], [0.5, 0, 3]]), TALL),
        (np.array([[5]]), WIDE),
    ),
    wrong={
        "result turned": "return grad → return grad[::-1, ::-1]",
        "convolved": "grad_output * met → grad_output[::-1, ::-1] * met",
        "transposed": "return grad → return grad.T",
        "mean": "np.sum(grad_output * met) → np.mean(grad_output * met)",
        "negated": "return grad → return -grad",
        "gradient of the output ignored": "grad_output * met → met",
        "last place only": "np.sum(grad_output * met) → grad_output[-1, -1] * met[-1, -1]",
        "last row and column missing": "return grad → return grad[:-1, :-1]",
        "as large as the image": lambda grad_output, image: same_size(image, grad_output),
    },
    astray=("mean", "gradient of the output ignored"),
    said="""
        result turned: The values are right, but turned by 180°. The weight (i, j) met the pixel (row + i, column + j):
            as i grows, so does the row of the pixel. The turn belongs to the gradient of the image, not to this one.
        convolved: You turn `grad_output` by 180° before you lay it on the image. Here nothing is turned: the gradient
            at (row, column) belongs to the pixel (row + i, column + j).
        transposed: The values are right, but rows and columns of your result have changed places: `grad[i, j]` belongs
            to `kernel[i, j]`, i downwards.
        mean: You take the mean over the places; the sum is asked. The loss changes through every place at once. If it
            is a mean itself, its 1/n is in `grad_output` already.
        negated: Every sign is wrong. The gradient is asked, which points uphill; the minus comes later, when a step
            goes downhill.
        gradient of the output ignored: You add up the pixels that the weight meets, as if the loss were the sum of the
            outputs. Each pixel counts as much as its output counts in the loss: multiply by `grad_output[row, column]`
            first.
        last place only: Only the last place is in your result: each place overwrites the one before. A weight is used
            at every place, so its gradients add up: `+=` in the place of `=`.
        last row and column missing: The values are right, but the last row and the last column are missing. An image of
            4 rows and an output of 2 rows belong to a kernel of 4 - 2 + 1 = 3 rows.
        as large as the image: Your result is as large as the image. A gradient has the shape of what it is the gradient
            of: one number for each weight of the kernel.
        hint: Take a 4×4 image and a 3×3 kernel: there are 4 outputs. Which 4 pixels does the weight (0, 0) meet? And
            which does the weight (2, 2)?
        hint: An output (row, column) is a sum, and one of its terms is `kernel[i, j] * image[row + i, column + j]`. By
            how much does the loss change when this weight grows a little?
        hint: For each weight: sum over all places of `grad_output[row, column] * image[row + i, column + j]`. That is a
            cross-correlation: of what, with what?
        verified: a sum over all places, weighted by the gradient of the output, nothing turned, non-square images and
            kernels, negative numbers and fractions
    """,
)

# --------------------------------------------------------------------------- 03.grad_image


def grad_image(grad_output, kernel):
    rows, columns = kernel.shape[0] - 1, kernel.shape[1] - 1
    padded = np.pad(grad_output, ((rows, rows), (columns, columns)))  # "full": even a corner pixel was in one window
    # A window that begins further down meets the pixel with a weight further up: hence the turn by 180°.
    return ops.cross_correlate(padded, kernel[::-1, ::-1])


def _transposed(grad_output, kernel):
    if kernel.shape[0] != kernel.shape[1]:
        raise ValueError("the transposed kernel has another shape")
    return grad_image(grad_output, kernel.T[::-1, ::-1])


def convolve_same(grad_output, kernel):
    """Convolve with padding "same", a mistake where "full" is asked; lesson 06 knows it, too."""
    return same_size(grad_output, kernel, ops.convolve)


def _overwritten(grad_output, kernel):
    grad = np.zeros(np.add(grad_output.shape, kernel.shape) - 1)
    for row, column in np.ndindex(grad_output.shape):
        grad[row : row + kernel.shape[0], column : column + kernel.shape[1]] = grad_output[row, column] * kernel
    return grad


GRAD_IMAGE = FunctionExercise(
    name="03.grad_image",
    solution=grad_image,
    probes=(
        (np.array([[1, 2], [-1, 3]]), np.array([[1, 0, -1], [2, 5, -2], [4, 0, 3]])),
        (WIDE, np.array([[1, -2, 3], [0, 4, 1]])),
        (TALL, np.array([[1, 2, 4], [3, 1, 0], [2, 0, 5]])),
        (np.array([[2, 7]]), np.array([[1], [3], [-2]])),
        (WIDE, np.array([[4]])),
    ),
    wrong={
        "kernel not turned": "kernel[::-1, ::-1] → kernel",
        "rows turned only": "kernel[::-1, ::-1] → kernel[::-1]",
        "columns turned only": "kernel[::-1, ::-1] → kernel[:, ::-1]",
        "kernel transposed": _transposed,
        "gradient of the output turned": lambda grad_output, kernel: grad_image(grad_output[::-1, ::-1], kernel),
        "result turned": lambda grad_output, kernel: grad_image(grad_output, kernel)[::-1, ::-1],
        'padding "valid"': ops.convolve,
        'padding "same"': convolve_same,
        "padded by the kernel size": lambda grad_output, kernel: np.pad(grad_image(grad_output, kernel), 1),
        "overwritten": _overwritten,
        "gradient of the output ignored": lambda grad_output, kernel: grad_image(np.ones_like(grad_output), kernel),
    },
    astray=("kernel not turned", "rows turned only"),
    said="""
        kernel not turned: Your kernel is not turned. The output one row further up met this pixel with a weight one row
            further down: forward and backward run in opposite directions, so the kernel is turned by 180°.
        rows turned only: Only the order of the kernel's rows is reversed. A turn by 180° reverses the columns, too:
            `kernel[::-1, ::-1]`.
        columns turned only: Only the order of the kernel's columns is reversed. A turn by 180° reverses the rows, too:
            `kernel[::-1, ::-1]`.
        kernel transposed: Your kernel is transposed. It is the large matrix of the layer that is transposed on the way
            back; for the kernel inside, that means a turn by 180°.
        gradient of the output turned: You turned `grad_output`. It keeps its order, as the image does; only the kernel
            is turned.
        result turned: The values are right, but they stand in reverse order: your result is turned by 180°. Only the
            kernel is turned, before it slides.
        padding "valid": Your kernel stays inside `grad_output`, so that the result is smaller still. The way back leads
            to the larger image: let the kernel overlap by a single row or column, with zeros around (padding "full").
        padding "same": Your result is as large as the output. The image had kernel_size - 1 rows and columns more, and
            each of its pixels gets a gradient: pad by kernel_size - 1 on every side ("full"), not by half of it.
        padded by the kernel size: You pad by the size of the kernel; there the windows at the rim hold nothing but
            zeros. kernel_size - 1 is enough for an overlap of one.
        overwritten: Each place overwrites what the place before has given to the pixels that both see. A pixel is used
            by many windows, so its gradients add up: `+=` in the place of `=`.
        gradient of the output ignored: Every output counts the same in your result, as if the loss were their sum. Each
            weight is multiplied by the gradient of the output that it went into.
        hint: Take a 4×4 image and a 3×3 kernel. In which windows does the corner pixel lie, and with which weight? And
            a pixel in the middle?
        hint: Each output sends back to the pixels of its window: its gradient times the kernel. Two loops over the
            outputs and a `+=` on a slice are a good answer; the shape is that of the image.
        hint: In one step: pad `grad_output` by kernel_size - 1 zeros on every side, and cross-correlate with the kernel
            turned by 180°.
        verified: the shape of the image, the kernel turned in both axes, overlapping windows added up, kernels larger
            than the output, 1×1, 2×3, 3×1 and 3×3 kernels
    """,
)

# --------------------------------------------------------------------------- 03.crop


def crop(grad_padded, padding):
    height, width = grad_padded.shape
    # The end is counted from the start: -padding would be -0, that is 0, where there is no padding.
    return grad_padded[padding : height - padding, padding : width - padding]


def _unless_zero(cut):
    """A slice up to -padding is empty where padding is 0; one up to size - padding is not: both are this mistake."""

    def answer(grad_padded, padding):
        if padding == 0:
            raise ValueError("empty or whole")
        return cut(grad_padded, padding)

    return answer


CROP = FunctionExercise(
    name="03.crop",
    solution=crop,
    probes=(
        (np.arange(1, 21).reshape(4, 5), 1),
        (np.array([[1, 2, 3], [4, 5, 6]]), 0),
        (np.arange(35).reshape(7, 5) / 2, 2),
        (np.arange(40).reshape(5, 8), 1),
    ),
    wrong={
        "empty without padding": (
            "padding : height - padding, padding : width - padding → padding:-padding, padding:-padding"
        ),
        "top and left only": "padding : height - padding, padding : width - padding → padding:, padding:",
        "bottom and right only": _unless_zero(lambda grad_padded, padding: grad_padded[:-padding, :-padding]),
        "rows only": _unless_zero(lambda grad_padded, padding: grad_padded[padding:-padding]),
        "columns only": _unless_zero(lambda grad_padded, padding: grad_padded[:, padding:-padding]),
        "twice the padding": _unless_zero(lambda grad_padded, padding: crop(grad_padded, 2 * padding)),
        "always one pixel": lambda grad_padded, padding: crop(grad_padded, 1),
        "length taken for the end": "- padding → - 2 * padding",
        "square arrays only": "height, width = grad_padded.shape → height = width = len(grad_padded)",
        "border set to zero": lambda grad_padded, padding: np.pad(crop(grad_padded, padding), padding),
    },
    astray=("empty without padding", "top and left only"),
    said="""
        empty without padding: With padding 0 nothing is left: `[0:-0]` is `[0:0]`, an empty slice, since -0 is 0. Count
            the end from the start, `height - padding`. This slip is a classic: it waits for the first layer without
            padding.
        top and left only: The border is still there at the bottom and on the right. Padding adds rows and columns on
            all four sides: give both slices an end, too.
        bottom and right only: The border is still there at the top and on the left. Padding adds rows and columns on
            all four sides: give both slices a start, too.
        rows only: You cut off rows, but no columns. An array with two axes takes two slices: `[rows, columns]`.
        columns only: You cut off columns, but no rows. An array with two axes takes two slices: `[rows, columns]`.
        twice the padding: You cut off twice too much. The image has grown by 2 * padding in all: by `padding` on each
            side.
        always one pixel: You always cut off one pixel on each side. It has to be `padding` pixels, which may be 0 or 2.
        length taken for the end: Your slices end too soon. height - 2 * padding is how many rows are left; the number
            after the colon is where the slice stops, and it starts at `padding`.
        square arrays only: This only works for square arrays: you count rows and columns by the same side. Rows go with
            `shape[0]`, columns with `shape[1]`.
        border set to zero: You set the border to 0 and keep it. The image never had these pixels: cut them off, so that
            the gradient has the shape of the image.
        hint: A 2×3 image with padding 1 becomes 4×5. Which of the 4 rows were in the image, and which of the 5 columns?
        hint: Two slices in one pair of brackets. They start at `padding`; where do they stop? Try your formula with
            padding 0, and print the shape.
        hint: `height, width = grad_padded.shape`; the rows of the image begin at `padding` and stop before `height -
            padding`.
        verified: padding 0, 1 and 2, all four sides, wide and tall arrays
    """,
)

# --------------------------------------------------------------------------- 03.descend


def descend(image, wanted, start, rate, steps):
    kernel = start.copy()  # the caller keeps the start
    for _ in range(steps):
        error = ops.cross_correlate(image, kernel) - wanted
        grad_output = error / error.size  # of half the mean squared error: the half takes away the square's 2
        kernel -= rate * ops.cross_correlate(image, grad_output)  # downhill: against the gradient
    return kernel


_PATTERN = np.array([[1, 0, 2, 1, 0], [0, 1, 1, -1, 2], [2, -1, 0, 1, 1], [1, 1, -2, 0, 1]])  # (4, 5)
_SOBEL = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])

DESCEND = FunctionExercise(
    name="03.descend",
    solution=descend,
    probes=(
        (np.array([[1, 2, 0], [0, 1, 3]]), np.array([[4, 2]]), np.array([[0.5, 0], [0, 0.5]]), 0.1, 1),
        (np.array([[1, 2, 0], [0, 1, 3]]), np.array([[4, 2]]), np.array([[0.5, 0], [0, 0.5]]), 0.1, 2),
        (_PATTERN, ops.cross_correlate(_PATTERN, _SOBEL), np.zeros((3, 3)), 0.2, 4),
        (_PATTERN, np.ones((3, 3)), np.array([[1.0, 0, -1], [2, 1, 0]]), 0.05, 3),
    ),
    wrong={
        "uphill": "kernel -= rate → kernel += rate",
        "rate forgotten": "kernel -= rate * ops → kernel -= ops",
        "rate twice": "kernel -= rate → kernel -= rate**2",
        "factor 2": "error / error.size → 2 * error / error.size",
        "half too much": "error / error.size → error / error.size / 2",
        "sum in place of the mean": "error / error.size → error",
        "gradient of the start": "(image, kernel) → (image, start)",
        "always from the start": "kernel -= rate → kernel = start - rate",
        "gradient turned": "(image, grad_output) → (image, grad_output)[::-1, ::-1]",
        "one step too many": "range(steps) → range(steps + 1)",
        "one step too few": "range(steps) → range(1, steps)",
        "one step only": "range(steps) → range(min(steps, 1))",
        "writes into the start": "start.copy() → start",
    },
    astray=("uphill", "factor 2"),
    said="""
        uphill: You climb: the loss grows with every step. The gradient points uphill, so it is subtracted. (Or is your
            error wanted minus output? It is output minus wanted.)
        rate forgotten: Your result does not depend on the rate. Each step is the rate times the gradient.
        rate twice: You multiply by the rate twice, perhaps once in the gradient and once in the step: 0.1 becomes 0.01,
            and the descent is ten times as slow.
        factor 2: Your gradient is twice too large: it is that of the mean squared error. Of *half* of it is asked, and
            the half takes away the 2 that the square brings down.
        half too much: Your gradient is half of what it should be. The derivative of the square brings down a 2, and the
            half of the loss takes it away: what is left is error / n.
        sum in place of the mean: Your gradient is that of a sum of squares. The loss is a mean over the n outputs:
            divide the error by `error.size`, or larger images would take larger steps.
        gradient of the start: The first step is right, and all the others repeat it. The gradient changes with the
            kernel: compute output, error and gradient anew in every step, inside the loop, from `kernel`, not from
            `start`.
        always from the start: Each of your steps begins at `start` again, so that only the last one counts. Go on from
            where the last step ended: `kernel = kernel - ...`.
        gradient turned: Your gradient is turned by 180°. The turn belongs to the gradient of the image; the gradient of
            the kernel is `ops.cross_correlate(image, grad_output)`, nothing turned.
        one step too many: You take one step too many: `range(steps)` counts 0 to steps - 1, and that is `steps` times
            already.
        one step too few: You take one step too few. `range(1, steps)` counts steps - 1 times; `range(steps)` is enough.
            Or do you return the kernel of before the last step?
        one step only: You take one step, however many are asked: does the `return` stand inside the loop?
        writes into the start: The values are right, but `start` has been changed: `kernel = start` is a second name for
            the same array, and `-=` writes into it. Whoever called you wants to start there again: `start.copy()`.
        hint: One step has four lines: the output, the error, the gradient of the loss for the output, the gradient for
            the kernel. Then the kernel moves against it.
        hint: The loss is the mean of error² / 2 over n outputs, so its gradient for each output is error / n. From
            there to the kernel is exercise 1: `ops.cross_correlate(image, grad_output)`.
        hint: Start with `kernel = start.copy()`. In the loop: `error = ops.cross_correlate(image, kernel) - wanted`,
            then `kernel -= rate * ops.cross_correlate(image, error / error.size)`.
        verified: one step and several, downhill, the mean over the outputs, a gradient anew in each step, kernels that
            are not square, a start left as it was
    """,
)
