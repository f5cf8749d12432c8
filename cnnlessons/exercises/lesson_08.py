"""Exercises of lesson 08: which way an edge runs, a Gabor that ignores flat images, how grey a filter is."""

import numpy as np

from cnnlessons.exercises.feedback import FunctionExercise

# --------------------------------------------------------------------------- 08.edge_orientation


def edge_orientation(kernel):
    row, column = (np.arange(length) - (length - 1) / 2 for length in kernel.shape)
    right = (kernel * column).sum()
    down = (kernel * row[:, np.newaxis]).sum()
    return (90 - np.degrees(np.arctan2(down, right))) % 180  # the edge runs across the direction of growth


_RAMP_UP = np.array([[0.0, 1, 2], [-1, 0, 1], [-2, -1, 0]])  # an edge like \, brighter at the upper right
_STEEP = np.array([[-2.0, 0, 3, 4], [-3, -1, 2, 3], [-4, -1, 1, 3]])
_BRIGHT = np.array([[1.0, 2, 4], [1, 2, 5], [1, 3, 5]])  # weights that do not sum to zero


def _drawn_edge(rng, probe):
    kernel = rng.integers(-4, 5, probe[0].shape).astype(float)
    kernel[0] -= 20  # brighter below, more or less: else it might have no edge
    return (np.rot90(kernel, rng.integers(4)),)


EDGE_ORIENTATION = FunctionExercise(
    name="08.edge_orientation",
    solution=edge_orientation,
    probes=(
        (np.array([[-1.0, -1, -1], [0, 0, 0], [1, 1, 1]]),),
        (np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]),),
        (_RAMP_UP,),
        (-_STEEP,),
        (_BRIGHT,),
    ),
    draw=_drawn_edge,
    wrong={
        "direction of growth": "(90 - np → (0 - np",
        "clockwise": "(90 - np → (90 + np",
        "full turn": "% 180 → % 360",
        "from the corner": "(length - 1) / 2 → 0",
        "rows and columns swapped": "arctan2(down, right) → arctan2(right, down)",
        "radians": lambda kernel: np.radians(edge_orientation(kernel)),
        "signs lost": "(kernel * → (abs(kernel) *",
    },
    astray=("from the corner", "(90 - np → (np", "rows and columns swapped"),
    said="""
        direction of growth: This is the direction in which the weights grow. The edge runs across it: 90° further.
        clockwise: Your angle grows clockwise: rows count downwards, so a positive moment over rows points down the
            screen. An edge like / is 45 here, and \\ is 135.
        full turn: Your angle goes up to 360. Half a turn brings an edge onto itself, so its orientation ends at 180.
        from the corner: You count places from the upper left corner. If the weights do not sum to zero, that adds their
            sum to both moments: count from the middle, such as −1, 0, 1.
        rows and columns swapped: Rows and columns have changed places: `arctan2(down, right)` is the angle of the
            direction, from the horizontal.
        radians: This is in radians. Degrees are asked: `np.degrees`.
        signs lost: You take the absolute weights, so that dark and bright pull the same way. It is the sign that says
            which side is bright.
        hint: Places over columns are −1, 0, 1 for three columns: `np.arange(width) - (width - 1) / 2`. The moment is
            the sum of weight times place.
        hint: `np.degrees(np.arctan2(down, right))` is the direction of growth, clockwise on the screen, for rows count
            downwards.
        hint: The edge runs across it, counted counter-clockwise: (90 − that angle) % 180.
        verified: edges along and across, slanted, of three by four weights, and a kernel that does not sum to zero
    """,
)

# --------------------------------------------------------------------------- 08.balanced


def balanced(kernel, window):
    amount = kernel.sum() / window.sum()  # so much of the window has the kernel's sum
    return kernel - amount * window


_WINDOW = np.outer([1.0, 2, 1], [1, 2, 1]) / 4
_WIDE = np.outer([1.0, 4, 6, 4, 1], [1, 3, 1])
_WAVE = np.array([-1.0, 1, 3, 1, -1])[:, np.newaxis]

BALANCED = FunctionExercise(
    name="08.balanced",
    solution=balanced,
    probes=(
        (np.array([[0.0, 0, 0], [1, 3, 1], [0, 0, 0]]), _WINDOW),
        (_WIDE * _WAVE / 10, _WIDE),
        (np.array([[1.0, -2, 0.5]]), np.array([[0.5, 1, 0.5]])),
        (np.array([[-1.0, 0, 1]]), np.array([[0.5, 1, 0.5]])),
    ),
    wrong={
        "mean taken off": "amount * window → kernel.mean()",
        "sum times window": "kernel.sum() / window.sum() → kernel.sum()",
        "mean times window": "/ window.sum() → / window.size",
        "multiplied": "kernel - amount * window → (kernel - amount) * window",
        "window added": "- amount → + amount",
        "least squares": "kernel.sum() / window.sum() → (kernel * window).sum() / (window**2).sum()",
    },
    astray=("mean times window", "window added"),
    said="""
        mean taken off: You take the mean off every weight. The sum is zero then, but the border, where the window has
            nearly nothing, gets as much as the middle.
        sum times window: You take off the window times the kernel's sum. The window's own weights do not sum to 1, so
            the result does not sum to zero: divide by the window's sum.
        mean times window: You take off the window times the kernel's mean. What has to vanish is the sum: how much of
            the window has the same sum as the kernel?
        multiplied: You multiply by the window once more. The kernel has its window already: subtract a multiple of it.
        window added: You add the window, so that the sum doubles. It has to be subtracted.
        least squares: You take off the window's best fit, so the result is at right angles to the window. It should sum
            to zero, and that is another condition.
        hint: The result is kernel − amount · window. Which sum must it have?
        hint: kernel.sum() − amount · window.sum() = 0.
        hint: `kernel - window * kernel.sum() / window.sum()`
        verified: a kernel with a positive sum, a negative one and none; windows whose weights do not sum to 1
    """,
)

# --------------------------------------------------------------------------- 08.grey_share


def grey_share(kernel):
    channels = kernel.shape[2]
    along_grey = kernel.sum(axis=2) / np.sqrt(channels)  # each place's weights times a grey of length 1
    return (along_grey**2).sum() / (kernel**2).sum()


def _grey_of_leading(kernel):
    _, _, colours = np.linalg.svd(kernel.reshape(-1, kernel.shape[2]), full_matrices=False)
    return colours[0].sum() ** 2 / kernel.shape[2]


_rng = np.random.default_rng(0)
_EDGE = np.array([[-1.0, 0, 1]])

GREY_SHARE = FunctionExercise(
    name="08.grey_share",
    solution=grey_share,
    probes=(
        (np.multiply.outer(_EDGE, [1.0, 1, 1]),),
        (np.multiply.outer(_EDGE, [1.0, -1, 0]),),
        (np.multiply.outer(_EDGE, [2.0, 1, 0]),),
        (_rng.integers(-3, 4, (3, 2, 3)).astype(float),),
        (_rng.integers(-3, 4, (2, 2, 4)).astype(float),),
    ),
    wrong={
        "grey too long": "np.sqrt(channels) → 1",
        "grey too short": "np.sqrt(channels) → channels",
        "length of three channels": "np.sqrt(channels) → np.sqrt(3)",
        "what is left": "(along_grey**2).sum() / → 1 - (along_grey**2).sum() /",
        "leading colour only": _grey_of_leading,
        "summed over places first": "kernel.sum(axis=2) → kernel.sum()",
        "root of the share": lambda kernel: np.sqrt(grey_share(kernel)),
    },
    astray=("grey too short", "what is left"),
    said="""
        grey too long: Your grey is (1, 1, 1), whose length is √3, so three equal channels give 3. Divide by that length
            before squaring.
        grey too short: You take the mean over the channels, so three equal channels give 1/3. A direction has length 1:
            divide the sum by √3, not by 3.
        length of three channels: You divide by 3, whatever the number of channels. Here is a filter with four.
        what is left: That is the share that is not grey.
        leading colour only: That is how grey the leading colour is. A filter has more than one pattern, and each may be
            partly grey: project all of its weights.
        summed over places first: You add over all places before squaring, so an edge, whose weights sum to zero, has no
            grey at all. Square place by place, then add.
        root of the share: That is the root of the share, a cosine. Energy is the sum of squares.
        hint: At every place there are as many weights as channels. How much of them points along (1, 1, 1)?
        hint: A vector's part along a direction of length 1 is the sum of their products. Grey of length 1 is (1, 1, 1)
            / √3.
        hint: `((kernel.sum(axis=2) / np.sqrt(kernel.shape[2])) ** 2).sum() / (kernel ** 2).sum()`
        verified: grey, opponent and mixed filters, with three channels and with four
    """,
)
