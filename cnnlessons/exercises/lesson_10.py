"""Exercises of lesson 10: how many filters a stem needs, what its blocks lose, a patch matrix from another layout."""

import numpy as np

from cnnlessons.exercises.feedback import FunctionExercise

# --------------------------------------------------------------------------- 10.fewest_filters


def fewest_filters(channels, stride):
    down, right = stride
    return 2 * down * right * channels  # as many as there are new numbers at each position, and their opposites


FEWEST_FILTERS = FunctionExercise(
    name="10.fewest_filters",
    solution=fewest_filters,
    probes=((1, (2, 2)), (3, (2, 2)), (3, (1, 2)), (4, (3, 1)), (16, (1, 1)), (3, (4, 4))),
    draw=lambda rng, probe: (int(rng.integers(1, 33)), tuple(map(int, rng.integers(1, 5, 2)))),
    wrong={
        "without the opposites": "2 * down → down",
        "one stride only": "down * right → down",
        "strides added": "down * right → (down + right)",
        "row stride squared": "down * right → down * down",
        "channels forgotten": "right * channels → right",
        "a 3×3 patch": "down * right → 9",
        "one more": "right * channels → right * channels + 1",
    },
    astray=("without the opposites", "strides added"),
    said="""
        without the opposites: That is enough for a layer without ReLU. Here each filter stands with its opposite, and
            both count.
        one stride only: A stride has two directions: with (2, 2) a position brings 2 · 2 new pixels, not 2.
        strides added: The strides of rows and columns multiply: a position stands for a rectangle of pixels.
        row stride squared: You take the same stride in both directions. `stride` is (rows, columns), and the two may
            differ.
        channels forgotten: Each new pixel brings a number for each of its channels.
        a 3×3 patch: You count the numbers under a 3×3 kernel. Neighbouring windows share most of them: count those that
            are new at each position.
        one more: As many numbers as there are unknowns will do: the matrix may be square.
        hint: First without ReLU: how many numbers of the image does a position bring that its neighbours do not?
        hint: Rows of stride times columns of stride, each with all channels: that rank takes as many filters.
        hint: `2 * stride[0] * stride[1] * channels`: each filter and its opposite give back one linear number.
        verified: one channel and many, strides that differ, no stride at all
    """,
)

# --------------------------------------------------------------------------- 10.nullity


def nullity(blocks, tolerance):
    values = np.linalg.svd(blocks, compute_uv=False)  # (waves, the smaller of filters and phases)
    rank = np.count_nonzero(values > tolerance * values.max())
    return blocks.shape[0] * blocks.shape[2] - rank


_Z = np.exp(2j * np.pi * np.arange(4) / 4)  # four waves
_ONES = np.ones(4, complex)


def _blocks(*filters):
    """Blocks (4, filters, 2) of filters of three weights with stride 2, on 8 samples."""
    return np.array([[w0 + w2 * _Z, w1 * _ONES] for w0, w1, w2 in filters]).transpose(2, 0, 1)


_WEAK = _blocks((1, 2, 1), (-1, 1, 0)) * np.array([1, 1e-4, 1, 1])[:, None, None]  # one wave hardly passes


def _drawn_blocks(rng, probe):
    passing = np.append(True, rng.random(3) < 0.6)  # which of the waves
    blocks = _blocks((1, 2, 1), *rng.integers(-2, 3, (rng.integers(3), 3)))
    return blocks * passing[:, None, None], probe[1]


NULLITY = FunctionExercise(
    name="10.nullity",
    solution=nullity,
    probes=(
        (_blocks((1, 2, 1)), 1e-9),
        (_blocks((1, 2, 1), (1, 0, -1)), 1e-9),
        (_blocks((1, 2, 1), (-1, 1, 0), (0, 1, 0)), 1e-9),
        (100 * _WEAK, 1e-3),
        (1e-6 * _blocks((0, 0, 1), (0, 1, 0)), 1e-3),
    ),
    draw=_drawn_blocks,
    wrong={
        "rank": "blocks.shape[0] * blocks.shape[2] - rank → rank",
        "outputs, not inputs": "blocks.shape[2] - rank → blocks.shape[1] - rank",
        "zeros counted": "blocks.shape[0] * blocks.shape[2] - rank → values.size - rank",
        "one wave": "blocks.shape[0] * blocks.shape[2] - rank → blocks.shape[2] - rank",
        "tolerance block by block": "values.max() → values.max(axis=1, keepdims=True)",
        "tolerance as it is": "tolerance * values.max() → tolerance",
        "real part only": "svd(blocks → svd(blocks.real",
    },
    astray=("outputs, not inputs", "tolerance as it is"),
    said="""
        rank: That is the rank: what survives. What is lost is the rest of the image's dimensions.
        outputs, not inputs: You subtract the rank from the number of outputs, blocks · filters. Dimensions of the
            *image* are lost: blocks · numbers in.
        zeros counted: You count the singular values that are zero. A block with fewer filters than numbers in has as
            many singular values as filters only; the numbers beyond them are lost, too.
        one wave: Each block takes its own numbers in: the image has blocks · numbers in dimensions.
        tolerance block by block: You compare each block with its own largest singular value. A block that hardly lets
            anything pass has small ones: compare with the largest of all blocks.
        tolerance as it is: You compare with `tolerance` itself. It is relative: multiply it by the largest singular
            value, or another unit for the pixels would give another answer.
        real part only: The blocks are complex, and you use their real part. `np.linalg.svd` takes them as they are.
        hint: `np.linalg.svd(blocks, compute_uv=False)` takes all blocks at once. Which of the values count as not zero?
        hint: Dimensions of the image: blocks times numbers in. Lost is what is left of them after the rank, of all
            blocks.
        hint: `blocks.shape[0] * blocks.shape[2] - np.count_nonzero(values > tolerance * values.max())`
        verified: fewer filters than phases, as many and more, waves that hardly pass, other units
    """,
)

# --------------------------------------------------------------------------- 10.patch_matrix_elsewhere


def patch_matrix_elsewhere(kernel):
    flipped = kernel[:, :, ::-1, ::-1]  # what a true convolution lays on the patch
    return flipped.reshape(len(kernel), -1).T  # (channels · rows · columns, filters)


_rng = np.random.default_rng(0)

PATCH_MATRIX_ELSEWHERE = FunctionExercise(
    name="10.patch_matrix_elsewhere",
    solution=patch_matrix_elsewhere,
    probes=(
        (np.arange(12).reshape(1, 2, 2, 3),),
        (_rng.integers(-9, 10, (4, 3, 2, 3)),),
        (_rng.integers(-9, 10, (2, 1, 3, 3)),),
        (_rng.integers(-9, 10, (5, 2, 1, 4)),),
    ),
    wrong={
        "not flipped": "kernel[:, :, ::-1, ::-1] → kernel",
        "channels flipped, too": "[:, :, ::-1, ::-1] → [:, ::-1, ::-1, ::-1]",
        "one axis flipped": "::-1, ::-1 → :, ::-1",
        "rows flipped only": "::-1, ::-1 → ::-1, :",
        "channels last": "flipped.reshape → flipped.transpose(0, 2, 3, 1).reshape",
        "rows and columns swapped": "flipped.reshape → flipped.swapaxes(2, 3).reshape",
        "filters first": ", -1).T → , -1)",
        "reshaped only": "(len(kernel), -1).T → (-1, len(kernel))",
    },
    astray=("rows flipped only", "filters first", "not flipped"),
    said="""
        not flipped: That is the matrix of a cross-correlation. This library flips the kernel first, as a convolution in
            mathematics does.
        channels flipped, too: Everything is turned round, the channels as well. Only rows and columns are flipped: red
            stays red.
        one axis flipped: You flip the columns and leave the rows. A kernel is flipped along both: turned by 180°.
        rows flipped only: You flip the rows and leave the columns. A kernel is flipped along both: turned by 180°.
        channels last: You write the patch pixel by pixel, all channels of a pixel together, as this course does. The
            other library writes it channel by channel.
        rows and columns swapped: Within a channel you go column by column. Patches are written row by row.
        filters first: The numbers are right, one row for each filter. The patch is a row and stands on the left, so
            each filter is a *column*.
        reshaped only: You reshape to the right shape without moving an axis, so the filters are mixed up. First a row
            for each filter, then `.T`.
        hint: Make a row of each filter first. Which two of the four axes are flipped before?
        hint: `kernel[:, :, ::-1, ::-1]` flips rows and columns. The axes stand in the patch's order already.
        hint: `kernel[:, :, ::-1, ::-1].reshape(len(kernel), -1).T`
        verified: one filter and several, one channel and several, kernels that are not square
    """,
)
