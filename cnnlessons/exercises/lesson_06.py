"""Exercises of lesson 06: im2col with a stride, its gradient, a full convolution by FFT, Winograd's two products."""

import numpy as np

from cnnlessons import ops
from cnnlessons.exercises.feedback import FunctionExercise
from cnnlessons.exercises.lesson_03 import convolve_same

PAPER = np.array([[3, 1, 0, 2], [1, 2, 3, 0], [0, 1, 2, 4], [2, 0, 1, 1]])  # (4, 4), finished on paper in the lesson
WIDE = np.array([[1, 0, 2, 5, -3, 6, 4], [3, 1, 0, 4, 2, 8, 9], [2, 6, 1, 7, 0, 5, -1]])  # (3, 7)
TALL = np.array([[2, 7, 1], [8, 2, 3], [1, 8, 5], [8, 4, -2], [9, 0, 6], [5, 3, 4]]) / 2  # (6, 3)

# --------------------------------------------------------------------------- 06.columns


def columns(image, size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(image, (size, size))  # (H', W', size, size), stride 1
    kept = windows[::stride, ::stride]  # the first window is always among them
    return kept.reshape(-1, size * size)  # this copies: neighbouring windows share their pixels


def _dilated(image, size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(image, ((size - 1) * stride + 1,) * 2)
    return windows[:, :, ::stride, ::stride].reshape(-1, size * size)


COLUMNS = FunctionExercise(
    name="06.columns",
    solution=columns,
    probes=((PAPER, 3, 1), (PAPER, 2, 2), (WIDE, 3, 2), (TALL, 2, 3), (WIDE, 1, 2), (TALL, 3, 1)),
    wrong={
        "stride ignored": "windows[::stride, ::stride] → windows",
        "stride along one axis": ("[::stride, ::stride] → [::stride]", "[::stride, ::stride] → [:, ::stride]"),
        "every so many places": lambda image, size, stride: columns(image, size, 1)[::stride],
        "dilation": _dilated,
        "windows read column by column": "kept.reshape → kept.swapaxes(2, 3).reshape",
        "places read column by column": "kept.reshape → kept.swapaxes(0, 1).reshape",
        "a row for each weight": "kept.reshape(-1, size * size) → kept.reshape(-1, size * size).T",
        "windows turned": "kept.reshape(-1, size * size) → kept.reshape(-1, size * size)[:, ::-1]",
        "windows not flattened": "kept.reshape(-1, size * size) → kept",
    },
    astray=("stride along one axis", "stride ignored"),
    said="""
        stride ignored: These are the windows of stride 1, all of them. Keep every `stride`-th in both directions: a
            slice with a step, `[::stride, ::stride]`, on the first two axes of the view.
        stride along one axis: Along one axis you step by `stride`, along the other by 1. Both take the step:
            `[::stride, ::stride]`.
        every so many places: You keep every `stride`-th row of the finished matrix. There the windows of all lines
            follow one another, so that a line may begin with the wrong one, and no line is left out. Take the step
            before `reshape`, on both axes.
        dilation: The step is inside your windows: neighbouring weights meet pixels that lie apart. That is dilation. A
            stride moves the *windows* apart: the step belongs to the view's first two axes, not to its last two.
        windows read column by column: Each row holds the right pixels, but column by column. Reading order is row by
            row, as `kernel.ravel()` has the weights: do not transpose the last two axes.
        places read column by column: The rows of your matrix are right, and in the wrong order: the places run down the
            image first. The output is read row by row, so the window to the right comes next.
        a row for each weight: Your matrix is transposed: a row for each weight, a column for each place. (Many programs
            have it so, and it is where the name im2col comes from.) Here a window is a row.
        windows turned: Your windows are turned by 180°: each row runs backwards. That would be convolution; here
            nothing is turned.
        windows not flattened: These are the right windows, still with four axes, (H', W', size, size). A matrix has
            two: `reshape(-1, size * size)` makes each window a row.
        hint: `sliding_window_view` gives shape (H', W', size, size): which place, then which pixel in the window. Which
            two axes does the stride concern?
        hint: A slice takes a step: `[::2]` keeps every second. Two axes, two slices.
        hint: `windows[::stride, ::stride].reshape(-1, size * size)`.
        verified: strides of 1, 2 and 3 in both directions, windows of 1 to 3 pixels in reading order, oblong images
    """,
)

# --------------------------------------------------------------------------- 06.add_columns


def add_columns(grad_columns, height, width, size):
    grad_image = np.zeros((height, width))
    places = np.ndindex(height - size + 1, width - size + 1)  # in reading order, as the rows are
    for (row, column), window in zip(places, grad_columns, strict=True):
        # A pixel was copied into several rows, so what comes back from them adds up.
        grad_image[row : row + size, column : column + size] += window.reshape(size, size)
    return grad_image


ADD_COLUMNS = FunctionExercise(
    name="06.add_columns",
    solution=add_columns,
    probes=(
        (np.array([[1, 2, 3, 4], [5, 6, 7, 9]]), 2, 3, 2),
        (np.arange(36).reshape(4, 9) - 12, 4, 4, 3),
        (np.arange(40).reshape(10, 4)[::-1] / 4, 6, 3, 2),
        (np.array([[3], [1], [4], [1], [5], [9]]), 2, 3, 1),
    ),
    wrong={
        "overwritten": "] += window → ] = window",
        "mean of the copies": lambda rows, *sizes: add_columns(rows, *sizes) / add_columns(np.ones_like(rows), *sizes),
        "windows transposed": "window.reshape(size, size) → window.reshape(size, size).T",
        "windows turned": "window.reshape → window[::-1].reshape",
        "places run down first": "zip(places → zip(sorted(places, key=lambda place: place[1])",
        "places in reverse": "grad_columns, strict → grad_columns[::-1], strict",
        "all in the window's first pixel": (
            "row : row + size, column : column + size] += window.reshape(size, size) → row, column] += window.sum()"
        ),
        "squared": "window.reshape → (window**2).reshape",
    },
    astray=("overwritten", "windows transposed"),
    said="""
        overwritten: Each window overwrites what an earlier one has given to the pixels that both saw. A pixel was
            copied into several rows, and each copy had a part in the loss: `+=` in the place of `=`. (With an array of
            indices even `+=` counts a repeated pixel once: `np.add.at`, or a loop.)
        mean of the copies: You take the mean over a pixel's copies. When the pixel grows, all its copies grow at once,
            so their gradients are added, not averaged.
        windows transposed: Each window is laid down with rows and columns exchanged. The matrix holds a window row by
            row: `reshape(size, size)` is enough.
        windows turned: Each window is laid down turned by 180°. The way back of a copy goes to the pixel it was copied
            from: nothing is turned here. (The turn in lesson 03 came from collecting what this exercise hands out.)
        places run down first: You go down the image first, but the rows of the matrix follow the output row by row:
            after the window at (0, 0) comes (0, 1).
        places in reverse: The windows are right, but the last row of the matrix lands in the first place. Count the
            places from the upper left corner.
        all in the window's first pixel: Everything that a window brings ends up in its upper left pixel. Each of its
            size² numbers goes to a pixel of its own: `grad_image[row : row + size, column : column + size] += …`.
        squared: You add the squares of the gradients. Copying has the derivative 1: what came in for a copy goes on as
            it is.
        hint: The pixel (0, 1) of a 2×3 image with 2×2 windows was copied into two rows of the matrix. In which columns?
            What does it get back?
        hint: Go through the places in reading order, with the rows of the matrix beside them, and lay each row down as
            a window.
        hint: `grad_image[row : row + size, column : column + size] += grad_columns[place].reshape(size, size)`, in two
            loops over the places.
        verified: overlapping windows added up, each number back at the pixel it was copied from, oblong images, windows
            of 1 to 3 pixels
    """,
)

# --------------------------------------------------------------------------- 06.full_convolution


def full_convolution(grad_output, kernel):
    # Room for every place where the two overlap: in a smaller one the end would wrap around to the beginning.
    size = np.add(grad_output.shape, kernel.shape) - 1
    product = np.fft.rfft2(grad_output, size) * np.fft.rfft2(kernel, size)
    return np.fft.irfft2(product, size)  # rfft2 keeps half the spectrum: the size says whether it was even or odd


def _circular(grad_output, kernel):
    if min(np.subtract(grad_output.shape, kernel.shape)) < 0:
        raise ValueError("the kernel is larger")
    return np.fft.irfft2(np.fft.rfft2(grad_output) * np.fft.rfft2(kernel, grad_output.shape), grad_output.shape)


FULL_CONVOLUTION = FunctionExercise(
    name="06.full_convolution",
    solution=full_convolution,
    probes=(
        (np.array([[1, 2], [-1, 3]]), np.array([[1, 0, -1], [2, 5, -2], [4, 0, 3]])),
        (PAPER, np.array([[1, 2, 4], [3, 1, 0], [2, 0, 5]])),
        (WIDE, np.array([[1, -2, 3], [0, 4, 1]])),
        (TALL, np.array([[2, 1], [-3, 4]])),
        (np.array([[4]]), np.array([[1, 2, 3]])),
    ),
    wrong={
        "wrapped around": _circular,
        "cross-correlated": "rfft2(kernel, size) → rfft2(kernel[::-1, ::-1], size)",
        "conjugated": "np.fft.rfft2(kernel, size) → np.fft.rfft2(kernel, size).conj()",
        "a column lost": "irfft2(product, size) → irfft2(product)",
        "valid part only": ops.convolve,
        "as large as the input": convolve_same,
        "one row and column too many": "kernel.shape) - 1 → kernel.shape)",
    },
    astray=("np.add(grad_output.shape, kernel.shape) - 1 → grad_output.shape", "conjugated", "a column lost"),
    said="""
        wrapped around: Your transforms have the size of `grad_output`. For the FFT what leaves on the right comes in on
            the left, so your border is mixed up with the opposite one. Give both transforms the size of the *result*,
            H' + KH - 1 by W' + KW - 1: they fill up with zeros.
        cross-correlated: You cross-correlate: the kernel is turned by 180°. Asked is the convolution, and there the
            product of the two spectra is all: turn nothing.
        conjugated: You take the complex conjugate of one spectrum, as the lesson did. That is cross-correlation, and
            moreover it wraps around to negative positions. For the convolution, multiply the spectra as they are.
        a column lost: Your result is one column short where its width is odd. `rfft2` keeps half of the spectrum, and
            `irfft2` cannot know whether the width was even or odd: it takes it for even. Tell it:
            `np.fft.irfft2(product, size)`.
        valid part only: This is the part where the kernel lies fully inside, "valid". The gradient of an image is as
            large as the image was: keep all places where the two overlap at all.
        as large as the input: Your result is as large as `grad_output` ("same"). The image had KH - 1 rows and KW - 1
            columns more: cut nothing off.
        one row and column too many: You transform with H' + KH rows. The last row and column of your result are always
            0: the first overlap counts for both, so H' + KH - 1 are enough.
        hint: How large is the result, and how large have the spectra to be, so that nothing of it wraps around?
        hint: `np.fft.rfft2(array, size)` fills the array up with zeros before it transforms. Both spectra need the same
            size, or they cannot be multiplied number by number.
        hint: With `size = np.add(grad_output.shape, kernel.shape) - 1`: transform both with it, multiply, and transform
            back with `np.fft.irfft2(product, size)`.
        verified: the whole overlap and nothing wrapped around, nothing turned, even and odd sizes, kernels larger than
            the input
    """,
)

# --------------------------------------------------------------------------- 06.middle_products


def middle_products(pixels, weights):
    _, d1, d2, _ = pixels
    g0, g1, g2 = weights
    # y0 - m1 = m2 + m3 and y1 + m4 = m2 - m3: half their sum is m2, half their difference m3.
    return (d1 + d2) * (g0 + g1 + g2) / 2, (d2 - d1) * (g0 - g1 + g2) / 2


MIDDLE_PRODUCTS = FunctionExercise(
    name="06.middle_products",
    solution=middle_products,
    probes=(
        (np.array([1, 2, 4, 8]), np.array([1, 3, 2])),
        (np.array([3, 1, 0, 2]), np.array([1, 2, 3])),
        (np.array([5, -2, 7, 1]) / 4, np.array([2, -1, 5])),
        (np.array([1, 0, 1, 0]), np.array([1, -1, 1])),
    ),
    wrong={
        "halves forgotten": "/ 2 → / 1",
        "sign of m3": "(d2 - d1) → (d1 - d2)",
        "exchanged": lambda pixels, weights: middle_products(pixels, weights)[::-1],
        "the outputs": lambda pixels, weights: np.correlate(pixels, weights, "valid"),
        "m1 and m4": lambda d, g: ((d[0] - d[2]) * g[0], (d[1] - d[3]) * g[2]),
        "middle weight with the same sign": "(g0 - g1 + g2) → (g0 + g1 + g2)",
        "pixels added in both": "(d2 - d1) → (d1 + d2)",
        "outer pixels": "_, d1, d2, _ → d1, _, _, d2",
        "sum and difference": lambda *given: np.array([[1, 1], [1, -1]]) @ middle_products(*given),
    },
    astray=("sign of m3", "middle weight with the same sign"),
    said="""
        halves forgotten: Both are twice too large: y0 - m1 = m2 + m3 and y1 + m4 = m2 - m3, so m2 is *half* the sum of
            these two, and m3 half the difference.
        sign of m3: m3 has the wrong sign. m2 + m3 is y0 - m1, and m2 - m3 is y1 + m4; so m3 is half of the first minus
            the second, and d2 counts positive in it.
        exchanged: You return m3 first. In the order asked, m2 is the one that has a plus in both outputs.
        the outputs: These are the outputs y0 and y1, with all their six products. Asked are m2 and m3, the two products
            that both outputs share.
        m1 and m4: These are m1 and m4, which are given. m2 and m3 are what is left of the outputs when these are taken
            out.
        middle weight with the same sign: m2 is right. In m3 the middle weight is subtracted: (d2 - d1)(g0 - g1 + g2) /
            2. Multiply it out, and see what m2 + m3 leaves of d1·g0.
        pixels added in both: m2 is right. In m3 the pixels are subtracted, d2 - d1: otherwise m2 - m3 could not give d1
            and d2 different weights.
        outer pixels: You use d0 and d3. Those are used up: y0 - m1 holds no d0 any more, and y1 + m4 no d3. Multiply
            both out; only d1 and d2 are left.
        sum and difference: These are m2 + m3 and m2 - m3. One step is missing: half of their sum is m2, half of their
            difference m3.
        hint: Two equations, two unknowns: y0 - m1 = m2 + m3 and y1 + m4 = m2 - m3. Multiply out what stands on the
            left.
        hint: On the left, d0 and d3 cancel: y0 - m1 = d1·g1 + d2·(g0 + g2), and y1 + m4 = d1·(g0 + g2) + d2·g1.
        hint: Half the sum is (d1 + d2)(g0 + g1 + g2) / 2. Half the difference has (d2 - d1) in front.
        verified: both products, their signs and their halves: with m1 and m4 they make both outputs, from four
            multiplications in the place of six
    """,
)
