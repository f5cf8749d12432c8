"""Exercises of lesson 09: what chance does to paired differences, two layers folded into one, signal over noise."""

from itertools import product

import numpy as np

from cnnlessons.exercises.feedback import FunctionExercise, shuffled

# --------------------------------------------------------------------------- 09.sign_flips


def sign_flips(differences):
    signs = np.stack(np.meshgrid(*[[-1, 1]] * len(differences)), axis=-1).reshape(-1, len(differences))  # (2ⁿ, n)
    sums = signs @ differences
    return np.mean(np.abs(sums) >= abs(np.sum(differences)) - 1e-9)  # equal sums may differ in the last digit


def _only_signs(differences):
    signs = np.array(list(product([-1, 1], repeat=len(differences)))).sum(axis=1)
    return np.mean(np.abs(signs) >= abs(np.sign(differences).sum()))


SIGN_FLIPS = FunctionExercise(
    name="09.sign_flips",
    solution=sign_flips,
    probes=(
        (np.array([3.0, 1.0, 2.0]),),
        (np.array([2.0, 2.0, -1.0, 4.0, 1.0]),),
        (np.array([-5.0, -1.0, 2.0, -3.0]),),
        (np.array([1.0, 6.0, -1.0, -2.0]),),
    ),
    draw=lambda rng, probe: (rng.integers(-6, 7, len(probe[0])).astype(float),),
    wrong={
        "one side only": "np.abs(sums) >= abs(np.sum(differences)) → sums >= np.sum(differences)",
        "strictly further": "- 1e-9 → + 1e-9",
        "the other ones": "np.abs(sums) >= → np.abs(sums) <",
        "half of it": lambda differences: sign_flips(differences) / 2,
        "a count": "np.mean( → np.sum(",
        "signs without sizes": _only_signs,
        "only all of one sign": lambda differences: 2 / 2 ** len(differences),
    },
    astray=("one side only", "a count"),
    said="""
        one side only: You count the means that are as large as the one found. As far from zero on the other side
            counts, too: compare absolute values.
        strictly further: You leave out the ways that are exactly as far from zero. What was found is one of them, so
            the share can never be 0.
        the other ones: That is the share of means that are nearer to zero. The question is how many are as far, or
            further.
        half of it: That is half of it. Both signs of a mean count, the positive and the negative one.
        a count: That is how many ways there are. Divide by all 2ⁿ of them.
        signs without sizes: You count signs and forget the sizes. Two large differences can outweigh three small ones:
            it is the mean that is compared.
        only all of one sign: That is how likely all signs agree. Here they need not: count every way with a mean as far
            from zero.
        hint: `np.meshgrid(*[[-1, 1]] * n)` or `itertools.product([-1, 1], repeat=n)` gives all ways to set n signs.
        hint: The mean is as far from zero as another if the sum is. Which of the 2ⁿ sums have an absolute value at
            least as large as that of the sum that was found?
        hint: `np.mean(np.abs(signs @ differences) >= abs(differences.sum()))`, with signs of shape (2ⁿ, n); take off a
            little on the right, since equal sums may differ in the last digit.
        verified: one sign and mixed signs, ties, sizes that outweigh signs
    """,
)

# --------------------------------------------------------------------------- 09.folded


def folded(bank, mixing):
    by_channel = mixing.reshape(-1, bank.shape[2], mixing.shape[1])  # (C, n, filters)
    return np.einsum("hwn,cnf->hwcf", bank, by_channel)


_rng = np.random.default_rng(0)

FOLDED = FunctionExercise(
    name="09.folded",
    solution=folded,
    probes=(
        (np.arange(6).reshape(1, 2, 3), np.array([[1], [0], [-1]])),
        (_rng.integers(-9, 10, (3, 3, 2)), _rng.integers(-9, 10, (6, 4))),
        (_rng.integers(-9, 10, (2, 3, 4)), _rng.integers(-9, 10, (8, 3))),
        (_rng.integers(-9, 10, (3, 3, 3)), _rng.integers(-9, 10, (9, 3))),
    ),
    wrong={
        "filter by filter": (
            "(-1, bank.shape[2], mixing.shape[1]) → (bank.shape[2], -1, mixing.shape[1]).swapaxes(0, 1)"
        ),
        "everything with everything": ",cnf → ,cmf",
        "all channels alike": "bank, by_channel → bank, np.broadcast_to(by_channel.sum(0), by_channel.shape)",
        "flipped": ", bank, → , bank[::-1, ::-1],",
        "rows and columns swapped": "->hwcf → ->whcf",
        "filters before channels": "->hwcf → ->hwfc",
    },
    astray=("flipped", "rows and columns swapped"),
    said="""
        filter by filter: You read the maps filter by filter: the first filter of red, green and blue, then the second.
            They come channel by channel.
        everything with everything: You add up the filters and the weights each by themselves, then multiply. Each
            weight belongs to one filter of the bank: multiply first.
        all channels alike: You have added up the channels. Each channel of the kernel gets what is mixed from *its*
            maps.
        flipped: The kernel is turned by 180°. A layer cross-correlates; nothing is flipped.
        rows and columns swapped: Rows and columns are swapped. The bank is (KH, KW, n).
        filters before channels: The numbers are right and the last two axes swapped: a kernel is (KH, KW, C, filters).
        hint: For one filter and one channel the kernel is a sum: weight times filter of the bank, over the bank.
        hint: `mixing.reshape(-1, n, filters)` parts the weights by channel, because maps come channel by channel.
        hint: `np.einsum("hwn,cnf->hwcf", bank, mixing.reshape(-1, bank.shape[2], mixing.shape[1]))`
        verified: one channel and several, banks that are not square, as many filters as channels
    """,
)

# --------------------------------------------------------------------------- 09.clearness


def clearness(kernel, covariance, noise):
    weights = kernel.reshape(-1, kernel.shape[-1])  # (KH · KW · C, filters)
    signal = np.sqrt(np.sum(weights * (covariance @ weights), axis=0))
    return signal / (noise * np.sqrt(np.sum(weights**2, axis=0)))


def _covariance(length):
    mixing = _rng.standard_normal((length, length))
    return mixing @ mixing.T


CLEARNESS = FunctionExercise(
    name="09.clearness",
    solution=clearness,
    probes=(
        (np.array([1.0, 2.0, 1.0]).reshape(1, 3, 1, 1), np.array([[4.0, 2, 1], [2, 4, 2], [1, 2, 4]]), 0.5),
        (_rng.standard_normal((3, 3, 1, 4)), _covariance(9), 0.3),
        (_rng.standard_normal((2, 2, 3, 2)), _covariance(12), 2.0),
    ),
    draw=lambda rng, probe: (*shuffled(rng, probe[:1]), *probe[1:]),  # a covariance would not be one any more
    wrong={
        "variances": "signal / (noise * np.sqrt( → signal**2 / (noise * (",
        "neighbours as strangers": "covariance @ weights → np.diag(np.diag(covariance)) @ weights",
        "the sum of the weights": "np.sqrt(np.sum(weights**2, axis=0)) → np.maximum(np.abs(weights.sum(axis=0)), 1e-3)",
        "length one": "(noise * np.sqrt(np.sum(weights**2, axis=0))) → noise",
        "noise forgotten": "(noise * np.sqrt( → (np.sqrt(",
        "noise as a variance": "(noise * → (np.sqrt(noise) *",
        "filters mixed up": "kernel.reshape(-1, kernel.shape[-1]) → kernel.reshape(kernel.shape[-1], -1).T",
    },
    astray=("noise forgotten", "neighbours as strangers"),
    said="""
        variances: You divide variances. The spread is a standard deviation: take the square root of both.
        neighbours as strangers: You use only the variances of the pixels. Neighbours vary together: the variance of a
            sum needs all of the covariance.
        the sum of the weights: You let the noise of all pixels add up as if it were the same. It is drawn for each
            pixel by itself: its variances add up, weight squared times noise squared.
        length one: You leave out the filter's length. Noise grows with it, √(sum of squared weights) times.
        noise forgotten: You leave out how strong the noise is on each pixel.
        noise as a variance: `noise` is a standard deviation already. Take no square root of it.
        filters mixed up: Each filter must become a *column*: `kernel.reshape(-1, filters)`. You have put the axis of
            the filters first by reshaping, which mixes their weights.
        hint: What a filter answers is a weighted sum of the numbers of a patch. What is the variance of a weighted sum?
        hint: `weights @ covariance @ weights` for one filter, with its weights as a row of KH · KW · C numbers. For
            noise the covariance is noise² times the identity.
        hint: With `weights = kernel.reshape(-1, filters)`: `np.sqrt((weights * (covariance @ weights)).sum(axis=0))`
            over `noise * np.sqrt((weights**2).sum(axis=0))`
        verified: one filter and several, one channel and three, filters of any length
    """,
)
