"""Exercises of lesson 01: cross-correlation, convolution, a kernel blind to one direction, template matching."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cnnlessons import ops
from cnnlessons.exercises.feedback import ArrayExercise, FunctionExercise

SMALL = np.array([[1, 0, 2, 5], [3, 1, 0, 4], [2, 6, 1, 7]])  # (3, 4): paper-sized, and every mistake shows
TALL = np.array([[2, 7, 1], [8, 2, 8], [1, 8, 2], [8, 4, 5], [9, 0, 4]])  # (5, 3)
SIGNED = np.array([[0.5, -2, 4, 1, 3], [-1, 0, 2.5, 3, -6], [7, 2, -3, 1, 1.5], [4, -8, 2, 6, 0]])  # (4, 5)
PHOTO = np.array([[250, 240, 20, 30], [245, 255, 10, 25], [230, 235, 15, 5], [200, 90, 80, 70]], np.uint8)

# --------------------------------------------------------------------------- 01.cross_correlate


def cross_correlate(image, kernel):
    height, width = image.shape
    kernel_height, kernel_width = kernel.shape
    # The kernel must lie inside the image, so it has this many positions; the + 1 is the first of them.
    out = np.zeros((height - kernel_height + 1, width - kernel_width + 1))  # floats: a photograph's uint8 ends at 255
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            window = image[row : row + kernel_height, column : column + kernel_width]
            out[row, column] = np.sum(window * kernel)  # weight times pixel, then the sum
    return out


def same_size(image, kernel, slide=ops.cross_correlate):
    """Pad with zeros until the result is as large as the image; a mistake in lessons 03 and 06, too."""
    if kernel.shape[0] % 2 == 0 or kernel.shape[1] % 2 == 0:
        raise ValueError("the odd pixel of an even kernel may go to either side")
    return slide(image, kernel, padding="same")


def _transposed_image(image, kernel):
    if image.shape[0] != image.shape[1]:
        raise IndexError("image[column, row] leaves an image that is not square")
    return ops.cross_correlate(image.T, kernel)


def _integer_steps(image, kernel):
    out = np.zeros(ops.cross_correlate(image, kernel).shape, int)
    for i, j in np.ndindex(kernel.shape):  # every addition cuts off what an integer cannot hold
        out[:] = out + kernel[i, j] * image[i : i + out.shape[0], j : j + out.shape[1]]
    return out


CROSS_CORRELATE = FunctionExercise(
    name="01.cross_correlate",
    solution=cross_correlate,
    probes=(
        (SMALL, np.array([[1, 2], [3, 5]])),
        (SMALL, np.array([[2]])),
        (TALL, np.array([[1, -2, 3], [0, 4, 1]])),
        (SIGNED, np.array([[1, 0, -1], [2, 5, -2], [0.5, 0, 3]])),
        (PHOTO, np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]])),
        (TALL, np.array([[1, 2, 4], [3, 1, 0], [2, 0, 5]])),
        (PHOTO, np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])),
        (SMALL, np.array([[0.25, -0.5], [0, 1.125]])),
        (TALL, np.array([[1, 2], [0, -3], [4, 1]])),
    ),
    wrong={
        "kernel flipped": "np.sum(window * kernel) → np.sum(window * kernel[::-1, ::-1])",
        "last row and column missing": (
            "height - kernel_height + 1, width - kernel_width + 1 → height - kernel_height, width - kernel_width"
        ),
        "last row and column zero": "range(out.shape[ → range(-1 + out.shape[",
        "first row and column zero": "range(out.shape[ → range(1, out.shape[",
        "result transposed": "return out → return out.T",
        "kernel transposed": "window * kernel → window * kernel.T",
        "image transposed": _transposed_image,
        "border of zeros": same_size,
        "mean": "np.sum( → np.mean(",
        "square images only": "height, width = image.shape → height = width = len(image)",
        "product of sums": "np.sum(window * kernel) → window.sum() * kernel.sum()",
        "matrix product": "window * kernel → window @ kernel",
        "sum carried over": "return out → return np.cumsum(out).reshape(out.shape)",
        "last product only": "np.sum(window * kernel) → window[-1, -1] * kernel[-1, -1]",
        "sum in uint8": "return out → return out.astype(image.dtype)",
        "integers only": "return out → return np.trunc(out)",
        "integers at every step": _integer_steps,
        "clipped": "return out → return np.clip(out, 0, 255)",
        "writes into the image": "return out → image[: out.shape[0], : out.shape[1]] = out; return out",
    },
    astray=("kernel flipped", "last row and column missing"),
    said="""
        kernel flipped: These are the numbers of convolution: your kernel is turned by 180°. Cross-correlation lays it
            on the image as it is, so that `kernel[0, 0]` meets the pixel in the top-left corner of the window.
        last row and column missing: The values are right, but the last row and the last column are missing. A kernel of
            3 rows fits into an image of 3 rows once, not 3 - 3 = 0 times: there are H - KH + 1 positions.
        last row and column zero: The last row and the last column of your result are still 0: the loops end one
            position early. `range(n)` stops before n, so let it count all H - KH + 1 rows and W - KW + 1 columns.
        first row and column zero: The first row and the first column of your result are still 0: the loops begin at 1.
            `range(n)` begins at 0, which is the first place.
        result transposed: The values are right, but rows and columns of your result have changed places. Write to
            `out[row, column]`, and let `out` have H - KH + 1 rows and W - KW + 1 columns.
        kernel transposed: Row and column of the kernel have changed places. The weight `kernel[i, j]` belongs to the
            pixel i rows below and j columns to the right of the window's corner: `image[row + i, column + j]`.
        image transposed: Row and column of the image have changed places; where the image is not square, the index even
            leaves it. An array is indexed by row first, `image[row + i, column + j]`: down, then right.
        border of zeros: Your result is as large as the image, with zeros assumed around it: this is padding "same".
            Here the kernel stays inside the image, so the result is smaller: H - KH + 1 rows, W - KW + 1 columns.
        mean: You take the mean of the products; their sum is asked. Every value is too small by the number of weights
            in the kernel. Whoever wants a mean puts it into the weights.
        square images only: This only works for square images: you count rows and columns by the same side. Rows go with
            `image.shape[0]`, columns with `image.shape[1]`.
        product of sums: You multiply the sum of the window by the sum of the kernel. Each pixel has its own weight:
            multiply first, pair by pair, then add the products.
        matrix product: `window @ kernel`, or `np.dot`, is the product of matrices: rows times columns. Here each weight
            meets the one pixel that lies under it: `window * kernel`.
        sum carried over: The first value is right, and then each holds all the values before it: the sum is never set
            back to 0. Start it inside the loop over the columns.
        last product only: Only the last product of each window is left: every product overwrites the one before it. Add
            them up, with `+=` in the place of `=`.
        sum in uint8: Small numbers come out right, but a photograph's do not: the result has the type of the image.
            uint8 ends at 255 and goes on at 0, so that 300 becomes 44. Let `out` hold floats, as `np.zeros((rows,
            columns))` does.
        integers only: What stands behind the point is lost: your result is an array of integers. Let `out` hold floats,
            as `np.zeros((rows, columns))` does.
        integers at every step: What stands behind the point is lost at every addition: you add into an array of
            integers. Let `out` hold floats, as `np.zeros((rows, columns))` does.
        clipped: Your values are cut off at 0 and at 255, as on a screen. A feature map is no picture yet: its negative
            values say that there is the opposite of the kernel, and have to stay.
        writes into the image: The values are right, but they have been written into the image, which is lost for
            whoever called you. Make a new array for the result.
        hint: Put a 2×2 kernel on a 3×4 image on paper. How many positions does it have downwards, and how many to the
            right?
        hint: Two loops, over `row` and `column` of the result. At each position cut the window `image[row : row + KH,
            column : column + KW]`: it has the shape of the kernel.
        hint: At each position: `out[row, column] = np.sum(window * kernel)`, with `out` of zeros, H - KH + 1 rows and W
            - KW + 1 columns.
        verified: 1×1, 2×2, 2×3 and 3×3 kernels, laid on unflipped, wide and tall images, negative numbers and
            fractions, uint8 without overflow, an image left as it was
    """,
)

# --------------------------------------------------------------------------- 01.convolve


def convolve(image, kernel):
    turned = kernel[::-1, ::-1]  # both axes reversed: a turn by 180°
    return ops.cross_correlate(image, turned)


CONVOLVE = FunctionExercise(
    name="01.convolve",
    solution=convolve,
    probes=(
        (SMALL, np.array([[1, 2], [3, 5]])),
        (TALL, np.array([[1, -2, 3], [0, 4, 1]])),
        (SIGNED, np.array([[1, 0, -1], [2, 5, -2], [0.5, 0, 3]])),
        (np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]]), np.array([[1, 2], [3, 4]])),
    ),
    wrong={
        "not flipped": "image, turned → image, kernel",
        "rows flipped only": "[::-1, ::-1] → [::-1]",
        "columns flipped only": "[::-1, ::-1] → [:, ::-1]",
        "transposed": "[::-1, ::-1] → .T",
        "turned by 90°": ("kernel[::-1, ::-1] → np.rot90(kernel)", "kernel[::-1, ::-1] → np.rot90(kernel, -1)"),
        "image flipped": "image, turned → image[::-1, ::-1], kernel",
        "negated": "kernel[::-1, ::-1] → -kernel",
        "result flipped": "image, turned) → image, kernel)[::-1, ::-1]",
    },
    astray=("rows flipped only", "transposed", "not flipped"),
    said="""
        not flipped: These are the numbers of cross-correlation: the kernel lies on the image as it is. Convolution
            turns it by 180° first.
        rows flipped only: Only the order of the kernel's rows is reversed: `kernel[::-1]` turns it upside down, a
            mirror image. A turn by 180° reverses the columns, too.
        columns flipped only: Only the order of the kernel's columns is reversed: left and right have changed places, a
            mirror image. A turn by 180° reverses the rows, too.
        transposed: Your kernel is transposed: `kernel.T` mirrors it in its diagonal, and a 2×3 kernel becomes 3×2. A
            turn by 180° keeps the shape and puts the first weight last.
        turned by 90°: Your kernel is turned by 90°: `np.rot90` makes a quarter turn. Convolution needs half a turn.
        image flipped: The values are right, but they stand in reverse order: you turned the image instead of the
            kernel, and so the whole result is turned by 180°.
        negated: You changed the sign of the weights. For a kernel such as [-1, 0, 1] this looks like a turn; in general
            a turn moves the weights and leaves each as it is.
        result flipped: This is the result of cross-correlation, turned: you turned it, or the image as well as the
            kernel. Only the kernel is to be turned, before it slides; the result then keeps the image's order.
        hint: Convolve an image that is black but for one pixel of 1: the result is the kernel itself. What does
            cross-correlation make of it?
        hint: A turn by 180° reverses both axes: the last row comes first, and the last column comes first.
        hint: A step of -1 reverses an axis: `kernel[::-1]` reverses the rows. The columns go after a comma.
        verified: a single bright pixel becomes the kernel itself, 2×2, 2×3 and 3×3 kernels, non-square images, negative
            numbers
    """,
)

# --------------------------------------------------------------------------- 01.blind_kernel


def blind_kernel():
    below_minus_above = np.array([[-1], [0], [1]])  # (3, 1): positive where the lower side is brighter
    # Three equal columns: each sums to zero, so an image that does not change downwards gives exactly 0.
    return below_minus_above * np.ones((1, 3))  # (3, 3)


_HORIZONTAL = np.repeat([0.0, 0.0, 0.0, 1.0, 1.0, 1.0], 6).reshape(6, 6)  # "-": dark above, bright below
_VERTICAL = _HORIZONTAL.T  # "|"


def _response(kernel, image):
    response = ops.cross_correlate(image, kernel)
    return np.where(np.abs(response) > 1e-9 * np.abs(kernel).sum(), response, 0)  # 0.1 + 0.2 - 0.3 counts as zero


def _answers_horizontal(kernel):
    response = _response(kernel, _HORIZONTAL)
    return bool(response.any() and (response >= 0).all())


def _blind_to_vertical(kernel):
    return not _response(kernel, _VERTICAL).any()


def _blind_to_flat(kernel):
    return not _response(kernel, np.ones((6, 6))).any()


def _right(kernel):
    return _answers_horizontal(kernel) and _blind_to_vertical(kernel) and _blind_to_flat(kernel)


def _both_signs(kernel):
    response = _response(kernel, _HORIZONTAL)
    return bool(response.min() < 0 < response.max())


BLIND_KERNEL = ArrayExercise(
    name="01.blind_kernel",
    solution=blind_kernel,
    shape=(3, 3),
    requirements={
        "exactly 0 on a flat image": _blind_to_flat,
        'exactly 0 on every "|" edge': _blind_to_vertical,
        'positive on a "-" edge whose lower side is brighter, and nowhere negative there': _answers_horizontal,
    },
    wrong={
        "all zeros": ("np.ones( → np.zeros(", lambda kernel: not kernel.any()),
        "transposed": (
            np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
            lambda kernel: _blind_to_vertical(kernel.T) and not _blind_to_vertical(kernel),
        ),
        "sign reversed": ("[[-1], [0], [1]] → [[1], [0], [-1]]", lambda kernel: _right(-kernel)),
        "sum not zero": (np.array([[-1, -1, -1], [0, 0, 0], [1, 1, 2]]), lambda kernel: not _blind_to_flat(kernel)),
        "sees both edges": (
            np.array([[-2, -1, 0], [-1, 0, 1], [0, 1, 2]]),
            lambda kernel: not _blind_to_vertical(kernel),
        ),
        "answers lines": (np.array([[-1, -1, -1], [2, 2, 2], [-1, -1, -1]]), _both_signs),
    },
    astray=("all zeros", "sign reversed"),
    said="""
        all zeros: A kernel of zeros is blind to everything. It has to give a positive number on a "-" edge.
        transposed: Your kernel answers the other edge: it sees "|" (or a line that runs so) and is blind to "-". It
            compares pixels side by side; compare above with below.
        sign reversed: The right edges, with the wrong sign: your kernel is positive where the upper side is brighter.
            The weights that lie on the lower pixels have to be the positive ones.
        sum not zero: Brightness fools your kernel: on a flat image it gives the brightness times the sum of its
            weights. For the answer 0 the nine weights have to sum to 0.
        sees both edges: Your kernel sees "-" and "|" edges. On a "|" edge a column of weights lies on equal pixels; for
            the answer 0 each column has to sum to 0.
        answers lines: This kernel looks for lines: it compares the middle row with both its neighbours, and so answers
            an edge twice, once negative and once positive. Compare one side with the other.
        hint: Draw a "-" edge, dark above and bright below. What is the lower row of a window minus its upper row? And
            on a "|" edge?
        hint: On a flat image each weight meets the same brightness, so the nine sum to 0. On a "|" edge the pixels of
            one column are equal, so each column sums to 0.
        hint: Take one column, top to bottom, that is below minus above, and write it three times side by side.
        verified: positive on a "-" edge that is brighter below, exactly 0 on "|" edges at every position and on a flat
            image, 3×3 ordinary numbers
    """,
)

# --------------------------------------------------------------------------- 01.normalised_match


def normalised_match(image, template):
    centred_template = template - template.mean()  # brightness no longer counts
    template_norm = np.linalg.norm(centred_template)
    height, width = template.shape
    out = np.zeros((image.shape[0] - height + 1, image.shape[1] - width + 1))
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            patch = image[row : row + height, column : column + width]
            if patch.min() == patch.max():
                continue  # a flat patch has no pattern to compare: it stays 0
            centred = patch - patch.mean()
            norms = np.linalg.norm(centred) * template_norm  # contrast no longer counts
            out[row, column] = np.sum(centred * centred_template) / norms  # between -1 and 1
    return out


def _no_mean_removed(image, template):
    patches = sliding_window_view(image, template.shape).astype(float)  # (H', W', KH, KW)
    return (patches * template).sum((2, 3)) / np.sqrt((patches**2).sum((2, 3)) * np.sum(template.astype(float) ** 2))


NORMALISED_MATCH = FunctionExercise(
    name="01.normalised_match",
    solution=normalised_match,
    probes=(
        (SMALL, np.array([[1, 2], [3, 5]])),
        (TALL, np.array([[1, -2, 3], [0, 4, 1]])),
        (PHOTO, np.array([[10, 200, 30], [20, 255, 40]], np.uint8)),
        (np.array([[7, 7, 7, 1], [7, 7, 7, 4], [2, 9, 3, 8]]), np.array([[1, 2, 1], [5, 3, 0]])),
    ),
    wrong={
        "no mean removed": _no_mean_removed,
        "mean of the whole image": "patch - patch.mean() → patch - image.mean()",
        "template not centred": "template - template.mean() → template",
        "patch not centred": "np.linalg.norm(centred) * template_norm → np.linalg.norm(patch) * template_norm",
        "not divided by the norms": "centred_template) / norms → centred_template)",
        "divided by squared norms": "/ norms → / norms**2",
        "flat patch": "continue → out[row, column] = np.nan; continue",
        "divided by n - 1": "/ norms → / norms * template.size / (template.size - 1)",
        "not divided by n": "/ norms → / norms * template.size",
        "sign lost": "return out → return np.abs(out)",
    },
    astray=("mean of the whole image", "patch not centred"),
    said="""
        no mean removed: You divide by both norms, but no mean is removed, so that a bright patch resembles every bright
            template. Subtract its own mean from the patch and from the template first.
        mean of the whole image: You remove the mean of the whole image. A patch in the shade is then still dark: each
            patch needs its own mean removed, inside the loop.
        template not centred: The template's mean is still in it. The sum of products does not notice (a patch without
            its mean cannot see a constant), but the template's norm does: all your values are too small by one factor.
        patch not centred: The patch's mean is still in it. The sum of products does not notice (a template without its
            mean cannot see a constant), but the patch's norm does: the brighter the patch, the smaller your value.
        not divided by the norms: The means are removed, but nothing is divided: a patch with more contrast wins. Divide
            by the norm of the patch and by the norm of the template.
        divided by squared norms: You divide by the squares of the norms: the square root is missing. The norm is the
            root of the sum of squares.
        flat patch: All is right but on flat patches: there the norm is 0, and 0/0 is NaN. A flat patch has no pattern,
            so the answer is to be 0: ask before you divide.
        divided by n - 1: Every value is too large by the factor n/(n - 1), so a perfect match gets more than 1: the
            products are divided by n - 1, as in a sample's covariance, but the standard deviations by n. Divide both by
            the same count.
        not divided by n: Every value is too large by n, the number of pixels in the template: a standard deviation is a
            norm divided by the root of n. Take the mean of the products, or divide their sum by the norms.
        sign lost: The size is right, but the sign is lost. -1 is a match with the negative: dark where the template is
            bright.
        hint: Brightness is the mean and contrast is the norm of what is left. Take both out of a patch, and of the
            template.
        hint: For a patch p and a template t: subtract the mean of each, then divide the sum of their products by the
            norm of p times the norm of t. `np.linalg.norm(p)` is the root of the sum of squares.
        hint: At each position: `p = patch - patch.mean()`, then `np.sum(p * t) / (np.linalg.norm(p) *
            np.linalg.norm(t))` where the norm of p is not 0, else 0.
        verified: values between -1 and 1 with their sign, brightness and contrast without influence, 0 on flat patches,
            non-square images and templates, uint8 without overflow
    """,
)
