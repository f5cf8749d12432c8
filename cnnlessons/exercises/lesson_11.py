"""Exercises of lesson 11: as wide as a budget allows, how many pairs it takes, patches back into an image."""

import numpy as np

from cnnlessons.exercises.feedback import FunctionExercise

# --------------------------------------------------------------------------- 11.widest


def widest(budget, depth, channels, positions):
    filters = 0
    # the first convolution reads the channels, each other one as many maps as there are filters
    while 9 * positions * (filters + 1) * (channels + (depth - 1) * (filters + 1)) <= budget:
        filters += 1
    return filters


WIDEST = FunctionExercise(
    name="11.widest",
    solution=widest,
    probes=(
        (360, 1, 1, 4),  # exactly 10
        (100, 2, 3, 4),  # not even one
        (9 * 16 * 5 * 8, 2, 3, 16),  # exactly 5
        (9 * 16 * 5 * 8 - 1, 2, 3, 16),
        (614_400, 1, 3, 256),
        (614_400, 2, 3, 256),
        (614_400, 3, 3, 256),
        (100_000, 4, 1, 49),
    ),
    draw=lambda rng, probe: tuple(map(int, rng.integers((100, 1, 1, 4), (100_000, 5, 4, 65)))),
    wrong={
        "every layer reads the image": "channels + (depth - 1) * (filters + 1) → channels * depth",
        "first layer only": "channels + (depth - 1) * (filters + 1) → channels",
        "later layers only": "channels + (depth - 1) * (filters + 1) → depth * (filters + 1)",
        "one layer too many": "(depth - 1) → depth",
        "places forgotten": "9 * positions → 9",
        "kernel of three weights": "9 * positions → 3 * positions",
        "below the budget": "<= budget → < budget",
        "first that is too many": "return filters → return filters + 1",
        "at least one": "filters = 0 → filters = 1",
    },
    astray=("at least one", "below the budget"),
    said="""
        every layer reads the image: You let every convolution read the image's channels. Only the first does; each
            later one reads as many maps as there are filters.
        first layer only: That is the first convolution alone. The later ones are dearer, since they read `filters`
            maps.
        later layers only: You let every convolution read `filters` maps. The first one reads the image's channels.
        one layer too many: There are `depth` convolutions in all: the first, and depth − 1 behind it.
        places forgotten: Those are the weights. Each weight is used once at each of the `positions`.
        kernel of three weights: A 3×3 kernel has nine weights for each channel, not three.
        below the budget: You stop below the budget. To spend all of it is allowed: at most, `<=`.
        first that is too many: That is the first number of filters that costs too much. The one before it is wanted.
        at least one: If even one filter is beyond the budget, the answer is 0.
        hint: Write down the multiply-adds of the first convolution, and of one that follows. Which maps does each read?
        hint: First: 9 · positions · channels · filters; each of the depth − 1 others: 9 · positions · filters ·
            filters.
        hint: Count filters up from 0 while the cost of one more is at most the budget.
        verified: budgets that are met exactly, one less, none for a single filter; one to four convolutions
    """,
)

# --------------------------------------------------------------------------- 11.pairs_needed


def pairs_needed(differences, reach):
    spread = np.std(differences, ddof=1)  # of the sample: divided by one less than their number
    return int(max(6, np.ceil((2 * spread / reach) ** 2)))


PAIRS_NEEDED = FunctionExercise(
    name="11.pairs_needed",
    solution=pairs_needed,
    probes=(
        (np.array([0.3, 1.1, -0.4, 0.9]), 0.5),
        (np.array([1.0, 1.2, 0.9]), 1.0),
        (np.array([-2.1, 0.4, 1.7, 0.2, -0.8]), 0.25),
        (np.array([5.2, 4.1, 6.3, 5.5, 4.4, 5.9]), 0.4),
        (np.array([0.031, -0.012, 0.008, 0.022]), 0.005),
    ),
    draw=lambda rng, probe: (rng.standard_normal(len(probe[0])) * np.std(probe[0]), probe[1]),
    wrong={
        "divided by n": "ddof=1 → ddof=0",
        "no six": "max(6, np.ceil((2 * spread / reach) ** 2)) → np.ceil((2 * spread / reach) ** 2)",
        "whole length": "2 * spread → 4 * spread",
        "without the two": "2 * spread → spread",
        "not squared": "(2 * spread / reach) ** 2 → 2 * spread / reach",
        "rounded down": "np.ceil( → int(",
        "standard error": "2 * spread → 2 * spread / np.sqrt(len(differences))",
        "mean distance from zero": "np.std(differences, ddof=1) → np.sqrt(np.mean(differences**2))",
    },
    astray=("divided by n", "no six"),
    said="""
        divided by n: `np.std` divides by n. The sample's standard deviation divides by n − 1: `ddof=1`.
        no six: The rule is right. But fewer than six pairs settle nothing, however close together they lie.
        whole length: `reach` is to *each* side; you let the whole interval be so long.
        without the two: s/√n is one standard error. The interval reaches two of them to each side.
        not squared: 2·s/√n ≤ reach gives √n, not n: half the reach takes four times as many pairs.
        rounded down: Rounded down, the interval is still a little too long. Pairs come whole: round up.
        standard error: You start from the standard error of the pairs you have. The spread of single pairs is wanted;
            √n comes in once.
        mean distance from zero: You measure how far the differences are from zero. What scatters is their distance from
            their *mean*.
        hint: Solve 2·s/√n ≤ reach for n.
        hint: n ≥ (2·s/reach)², with `s = np.std(differences, ddof=1)`, rounded up.
        hint: `int(max(6, np.ceil((2 * s / reach) ** 2)))`
        verified: wide and narrow scatter, mean far from zero, cases in which six are enough
    """,
)

# --------------------------------------------------------------------------- 11.depth_to_space


def depth_to_space(places, size):
    rows, columns, numbers = places.shape
    channels = numbers // size**2
    patches = places.reshape(rows, columns, size, size, channels)
    # an image's row is a row of patches and a row within them, and so is its column
    return patches.transpose(0, 2, 1, 3, 4).reshape(rows * size, columns * size, channels)


def _channel_by_channel(places, size):
    rows, columns, _ = places.shape
    patches = places.reshape(rows, columns, -1, size, size)
    return patches.transpose(0, 3, 1, 4, 2).reshape(rows * size, columns * size, -1)


_rng = np.random.default_rng(0)

DEPTH_TO_SPACE = FunctionExercise(
    name="11.depth_to_space",
    solution=depth_to_space,
    probes=(
        (np.arange(16).reshape(2, 2, 4), 2),
        (_rng.integers(0, 99, (1, 3, 12)), 2),
        (_rng.integers(0, 99, (2, 3, 18)), 3),
        (_rng.integers(0, 99, (3, 2, 12)), 2),
    ),
    wrong={
        "reshaped only": "(0, 2, 1, 3, 4) → (0, 1, 2, 3, 4)",
        "patches turned over": "(0, 2, 1, 3, 4) → (0, 3, 1, 2, 4)",
        "channel by channel": _channel_by_channel,
        "columns inside out": "(0, 2, 1, 3, 4) → (0, 2, 3, 1, 4)",
        "rows inside out": "(0, 2, 1, 3, 4) → (2, 0, 1, 3, 4)",
        "channels in front": lambda places, size: np.moveaxis(depth_to_space(places, size), -1, 0),
        "without the channel axis": lambda places, size: depth_to_space(places, size).squeeze(),
    },
    astray=("reshaped only", "patches turned over"),
    said="""
        reshaped only: You reshape without moving an axis, so a patch becomes a piece of one long row. The rows *within*
            a patch have to come before the columns of patches.
        patches turned over: Each patch is mirrored at its diagonal: within a place the numbers are written row by row.
        channel by channel: You read a place channel by channel. It was written pixel by pixel, all channels of a pixel
            together.
        columns inside out: The rows are right; the columns are not: the column of the patch comes first, then the
            column within it.
        rows inside out: The columns are right; the rows are not: the row of the patch comes first, then the row within
            it.
        channels in front: The image is right, with its channels as the first axis. Here they are the last.
        without the channel axis: An image of one channel keeps its axis: (rows, columns, 1).
        hint: Give each place its five axes first: (rows, columns, size, size, C). Which two of them make an image's
            row?
        hint: An image's row is (row of patches, row within the patch); so bring these two side by side, and the columns
            likewise.
        hint: `.reshape(rows, columns, size, size, -1).transpose(0, 2, 1, 3, 4)`, and one more reshape.
        verified: one channel and three, patches of two and three, images that are not square
    """,
)
