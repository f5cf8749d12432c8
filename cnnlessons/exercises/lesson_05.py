"""Exercises of lesson 05: Glorot's limit, filters that never fire, the barrier between two solutions, a merger."""

import numpy as np

from cnnlessons.exercises.feedback import FunctionExercise, shuffled

# --------------------------------------------------------------------------- 05.glorot_limit


def glorot_limit(kernel):
    shape = kernel.shape
    places = np.prod(shape[:-2])  # KH · KW, and 1 for a dense layer
    fan_in, fan_out = places * shape[-2], places * shape[-1]
    variance = 2 / (fan_in + fan_out)
    return np.sqrt(3 * variance)  # numbers drawn evenly from -limit to limit have the variance limit² / 3


GLOROT_LIMIT = FunctionExercise(
    name="05.glorot_limit",
    solution=glorot_limit,
    probes=tuple((np.ones(shape),) for shape in ((1, 1, 2, 4), (3, 3, 16, 32), (5, 3, 4, 1), (784, 10))),
    draw=lambda rng, probe: (np.ones(rng.integers(1, 20, probe[0].ndim)),),  # only the shape counts
    wrong={
        "standard deviation": "np.sqrt(3 * variance) → np.sqrt(variance)",
        "variance": "np.sqrt(3 * variance) → variance",
        "root forgotten": "np.sqrt(3 * variance) → 3 * variance",
        "places forgotten": "np.prod(shape[:-2]) → 1",
        "fan_in only": "2 / (fan_in + fan_out) → 1 / fan_in",
        "He": "2 / (fan_in + fan_out) → 2 / fan_in",
        "fans multiplied": "fan_in + fan_out → fan_in * fan_out",
        "output side once": "places * shape[-1] → shape[-1]",
        "twice the limit": "return np.sqrt → return 2 * np.sqrt",
        "root of the 6 only": "np.sqrt(3 * variance) → np.sqrt(6) / (fan_in + fan_out)",
        "factor 2 lost": "2 / (fan_in + fan_out) → 1 / (fan_in + fan_out)",
    },
    astray=("standard deviation", "places forgotten"),
    said="""
        standard deviation: This is the standard deviation, the root of the variance. Numbers drawn evenly from −limit
            to limit lie mostly well inside: their variance is limit² / 3, so the limit is √3 times as large.
        variance: This is the variance. The limit is asked: the variance is limit² / 3.
        root forgotten: This is the square of the limit: the root is missing.
        places forgotten: You count channels only. Each output of a convolution adds up KH · KW · C_in products, and
            each input goes into KH · KW · C_out of them.
        fan_in only: You use fan_in only, as if just the way forward counted (LeCun's rule). Glorot takes the mean of
            both fans: 2 / (fan_in + fan_out).
        He: This is He's limit: fan_in only, twice the variance because a ReLU follows. Glorot's variance is 2 / (fan_in
            + fan_out).
        fans multiplied: You multiply the two fans. They are added: 2 / (fan_in + fan_out).
        output side once: Your fan_out is the number of filters. An input lies under every weight of a filter once, as
            the kernel slides: fan_out is KH · KW · C_out.
        twice the limit: This is twice the limit, the width of the interval from −limit to limit. How far it reaches to
            one side is asked.
        root of the 6 only: You take the root of 6 and divide by the sum of the fans. The root is of the whole fraction,
            `np.sqrt(6 / (fan_in + fan_out))`.
        factor 2 lost: Your limit is √2 times too small. The variance is 2 over the *sum* of the fans, that is, 1 over
            their mean.
        hint: How many products does one output of this layer add up? That is fan_in. Into how many sums does one input
            go? That is fan_out. Take (3, 3, 16, 32): both have a factor 9.
        hint: Glorot's variance is 2 / (fan_in + fan_out). What is the variance of numbers drawn evenly from −a to a?
            (Integrate x² from −a to a and divide by 2a.)
        hint: limit² / 3 = 2 / (fan_in + fan_out). `np.prod(kernel.shape[:-2])` is KH · KW, and 1 for a dense layer.
        verified: fans of 1×1, square and oblong kernels and of a dense layer, limit² / 3 = 2 / (fan_in + fan_out)
    """,
)

# --------------------------------------------------------------------------- 05.dead_filters


def dead_filters(maps):
    fires = (maps > 0).any(axis=(0, 1, 2))  # (C,): one place of one image is enough to be alive
    return int(np.sum(~fires))


_MAPS = np.zeros((2, 2, 3, 4))  # channel 0 fires in the second image only, 1 and 3 never, 2 everywhere
_MAPS[1, 1, 2, 0] = 0.5
_MAPS[..., 2] = np.arange(1, 13).reshape(2, 2, 3)
_FAINT = np.zeros((3, 2, 2, 5))  # channel 1 is faint, 2 fires once in each image, 4 in the first image only
_FAINT[0, 0, 0, 1] = 1e-4
_FAINT[:, 1, 1, 2] = 7
_FAINT[0, 0, 1, 4] = 2
_ALIVE = np.ones((1, 2, 2, 3))
_ALIVE[0, 0, 1, 0] = 0  # silent at one place only


def _drawn_maps(rng, probe):
    shape = probe[0].shape
    return (rng.random(shape) * (rng.random(shape) < 0.5) * (rng.random(shape[-1]) < 0.6),)  # a channel may stay 0


DEAD_FILTERS = FunctionExercise(
    name="05.dead_filters",
    solution=dead_filters,
    probes=((_ALIVE,), (_MAPS,), (_FAINT,), (np.zeros((2, 1, 1, 6)),)),
    draw=_drawn_maps,
    wrong={
        "living ones": "~fires → fires",
        "share": "int(np.sum(~fires)) → np.mean(~fires)",
        "silent somewhere": ".any( → .all(",
        "silent in some image": "(maps > 0).any(axis=(0, 1, 2)) → (maps > 0).any(axis=(1, 2)).all(axis=0)",
        "first image only": "(maps > 0) → (maps[:1] > 0)",
        "faint taken for dead": "(maps > 0).any( → 0.01 <= maps.mean(",
        "zeros counted": "(maps > 0).any(axis=(0, 1, 2)) → maps > 0",
        "images counted": "axis=(0, 1, 2) → axis=(1, 2, 3)",
        "one an image": "axis=(0, 1, 2) → axis=(1, 2)",
    },
    astray=("one an image", "living ones", "silent somewhere"),
    said="""
        living ones: You count the filters that are alive. The dead ones are asked.
        share: This is the share of the filters that are dead; how many there are is asked.
        silent somewhere: You count a filter as soon as it is 0 at a single place. Nearly every filter is silent
            somewhere, that is what ReLU is for; a dead one is silent *everywhere*.
        silent in some image: You count a filter that is silent in one of the images. It may be made for another image:
            dead is who fires in none of them.
        first image only: You look at the first image only. A filter that is silent there may fire in the next.
        faint taken for dead: You count faint filters, too. However little a filter fires, a gradient flows through it
            at that place; only at exactly 0 everywhere is there none.
        zeros counted: You count zeros, place by place. A filter is one channel: first ask each channel whether it ever
            fires, over images, rows and columns.
        images counted: You count images in which nothing fires. Take the largest value over images, rows and columns,
            and leave the last axis, the channels.
        one an image: You count each filter once for every image in which it is silent. Take the largest value over the
            images, too, before you count.
        hint: Maps have shape (N, H, W, C), and a filter is one channel. Over which axes do you look before you can say
            that it never fires?
        hint: Behind a ReLU nothing is negative: a filter that never fires has 0 as its largest value.
        hint: `maps.max(axis=(0, 1, 2))` has one number for each filter.
        verified: filters that fire in one image, at one place, or faintly are alive; all dead, none dead
    """,
)

# --------------------------------------------------------------------------- 05.barrier


def barrier(losses):
    share = np.linspace(0, 1, len(losses))  # how far along the line: 0 at its start, 1 at its end
    straight = (1 - share) * losses[0] + share * losses[-1]
    return np.max(losses - straight)  # not below 0: at both ends the difference is 0


BARRIER = FunctionExercise(
    name="05.barrier",
    solution=barrier,
    probes=(
        (np.array([0.0, 3.0, 0.0]),),
        (np.array([2.0, 1.0, 0.0]),),
        (np.array([1.0, 2.0, 4.0, 3.5, 2.0]),),
        (np.array([0.5, 0.25, 3.0, 0.5, 1.25, 2.5, 0.75]),),
        (np.array([4.0, 1.0, 0.5, 1.5, 3.0]),),
    ),
    wrong={
        "highest point": "losses - straight → losses",
        "above the lowest point": "losses - straight → losses - losses.min()",
        "above the start": "losses - straight → losses - losses[0]",
        "above the higher end": "losses - straight → losses - max(losses[0], losses[-1])",
        "above the mean of the ends": "losses - straight → losses - (losses[0] + losses[-1]) / 2",
        "middle only": "np.max(losses - straight) → (losses - straight)[len(losses) // 2]",
        "line that does not reach the end": "np.linspace(0, 1, len(losses)) → np.arange(len(losses)) / len(losses)",
        "line turned round": "(1 - share) * losses[0] + share → share * losses[0] + (1 - share)",
        "absolute value": "losses - straight → np.abs(losses - straight)",
    },
    astray=("highest point", "line turned round"),
    said="""
        highest point: This is the largest loss. The barrier is how far the path rises *above* the straight line between
            the losses at its ends.
        above the lowest point: You measure from the lowest point of the path. Even a path that only falls would have a
            barrier then. Measure from the straight line between the losses at the ends.
        above the start: You measure from the loss at the start. The ends may lie at different heights; the line between
            them rises or falls with the path.
        above the higher end: You measure from the higher end. A loss that is convex may come as high as the straight
            line between the ends, at each place: measure from that line.
        above the mean of the ends: You measure from the mean of the two ends, everywhere. The straight line has that
            height in the middle only: let it go from the loss at the start to the loss at the end.
        middle only: You look at the middle of the path only. The highest rise may be elsewhere.
        line that does not reach the end: Your straight line does not arrive at the last loss: with P points there are P
            − 1 steps.
        line turned round: Your straight line runs the wrong way: it begins at the last loss and ends at the first.
        absolute value: You take the absolute value, so that a valley counts as a barrier. Only what lies above the line
            counts.
        hint: Draw losses 2, 1, 0: the path falls straight to its end. There is no barrier. And 0, 3, 0?
        hint: At a share s of the way, the straight line is at `(1 - s) * losses[0] + s * losses[-1]`. What is s for the
            first point, and for the last?
        hint: `np.linspace(losses[0], losses[-1], len(losses))` is that line. The barrier is the largest difference.
        verified: measured from the straight line between the ends, at every point, and 0 where the path stays below it
    """,
)

# --------------------------------------------------------------------------- 05.merge


def merge(kernel, outgoing, first, second):
    # The whole filter gives the factor: a single weight, or their sum, may be 0.
    factor = np.linalg.norm(kernel[..., second]) / np.linalg.norm(kernel[..., first])
    merged = outgoing.astype(float)  # a copy
    merged[first] += factor * outgoing[second]
    return np.delete(merged, second, axis=0)


_PLAIN = np.array([[[[1, 4, 2]], [[2, 1, 4]]], [[[0, 3, 0]], [[5, 1, 10]]]])  # (2, 2, 1, 3), the last twice the first
_EDGE = np.zeros((3, 3, 1, 4))  # filter 3 is half of filter 1, whose sum is 0
_EDGE[..., 0, 0], _EDGE[..., 0, 2] = 1, [[3, 1, 0], [0, 2, 0], [1, 0, 1]]
_EDGE[..., 0, 1] = [[1, 1, 0], [2, 0, -1], [0, -2, -1]]
_EDGE[..., 3] = _EDGE[..., 1] / 2
_CORNER = np.array([[[[0, 2, 0]], [[2, 2, 6]]], [[[-1, 3, -3]], [[4, 1, 12]]]])  # 0 in the first weight


def _drawn_merger(rng, probe):
    kernel, *others, first, second = shuffled(rng, probe)
    kernel = kernel.astype(float)
    kernel[0, 0, 0, first] = 3
    kernel[..., second] = rng.choice([0.5, 2.0, 3.0]) * kernel[..., first]
    return kernel, *others, first, second


MERGE = FunctionExercise(
    name="05.merge",
    solution=merge,
    probes=(
        (_PLAIN, np.array([[1.0, 0], [5, 7], [3, -1]]), 0, 2),
        (_PLAIN, np.array([[1.0, 0], [5, 7], [3, -1]]), 2, 0),
        (_EDGE, np.array([[1.0, 2, 0], [3, -1, 5], [0, 1, 1], [10, 5, -5]]), 1, 3),
        (_EDGE, np.array([[1.0, 2, 0], [3, -1, 5], [0, 1, 1], [10, 5, -5]]), 3, 1),
        (_CORNER, np.array([[2.0], [1], [3]]), 0, 2),
    ),
    draw=_drawn_merger,
    wrong={
        "factor forgotten": "np.linalg.norm(kernel[..., second]) / np.linalg.norm(kernel[..., first]) → 1",
        "factor upside down": "+= factor → += 1 / factor",
        "factor squared": "+= factor → += factor**2",
        "factor from one weight": "np.linalg.norm(kernel[..., → float(kernel[0, 0, 0,",
        "factor from the sum": "np.linalg.norm(kernel[..., → float(kernel.sum((0, 1, 2))[",
        "second dropped": "merged[first] += factor * outgoing[second] → pass",
        "mean of both": "+= factor * outgoing[second] → = (outgoing[first] + outgoing[second]) / 2",
        "second kept": "np.delete(merged, second, axis=0) → merged",
        "second set to zero": "return np.delete(merged, second, axis=0) → merged[second] = 0; return merged",
        "first removed": "merged, second → merged, first",
    },
    astray=("factor forgotten", "first removed"),
    said="""
        factor forgotten: You add the outgoing weights as they are (or times the filters' cosine, which is 1). The
            second filter's map is a multiple of the first's: what is added has to be multiplied by the same factor.
        factor upside down: Your factor is upside down. If the second filter is twice the first, it fed the next layer
            twice the first's map: its outgoing weights count twice.
        factor squared: You take the ratio of the squared lengths. A filter that is twice as long makes a map twice as
            large, not four times.
        factor from one weight: You read the factor off a single weight, and here that weight is 0. Compare the lengths
            of the whole filters: `np.linalg.norm(kernel[..., first])`.
        factor from the sum: You read the factor off the sums of the weights, and an edge detector's sum is 0. Compare
            the lengths of the whole filters: `np.linalg.norm(kernel[..., first])`.
        second dropped: You only remove the second filter. The next layer misses what it contributed: the first filter
            has to make up for it, through larger outgoing weights.
        mean of both: You take the mean of the two rows. The next layer *added* what both sent: the rows are added, the
            second times the factor.
        second kept: The second filter's row is still there. It is gone from the layer, so the next layer has one row
            less.
        second set to zero: You set the second filter's row to 0 and keep it. The outputs are right, but nothing is
            saved: delete the row, `np.delete(outgoing, second, axis=0)`.
        first removed: You delete the row of the first filter, into which you have just added. The *second* filter goes.
        hint: Let the second filter be s times the first. Then, behind a ReLU, its map is s times the first's. What did
            both together send to one output of the next layer, written with the first's map alone?
        hint: v₁·map + v₂·(s·map) = (v₁ + s·v₂)·map. So which row changes, and which goes?
        hint: `s = np.linalg.norm(kernel[..., second]) / np.linalg.norm(kernel[..., first])`, and `np.delete(...,
            second, axis=0)` removes a row.
        verified: the factor of the whole filter, also where a weight or the sum is 0, either filter first, one row less
    """,
)
