"""Exercises of lesson 04: softmax, the backward of leaky ReLU, batch normalisation at prediction time."""

import numpy as np

from cnnlessons.exercises.feedback import FunctionExercise

SCORES = np.array([[1.0, -2, 0, 0.5], [3, 3, -1, 0]])  # (2, 4)
NUMBERS = np.array([[2.0, -1, 0.5], [-3, 4, -0.25]])  # (2, 3), no zero: there both slopes would be right

# --------------------------------------------------------------------------- 04.softmax


def softmax(scores):
    # e^(z - c) = e^z / e^c: the same factor above and below, and with the largest score as c nothing exceeds e^0.
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


SOFTMAX = FunctionExercise(
    name="04.softmax",
    solution=softmax,
    probes=(
        (np.log([[1.0, 2, 5]]),),
        (SCORES,),
        (np.array([[0.0, 1], [2, -1]]),),
        (np.array([[1000.0, 1001], [-1000, -1002], [0, 1]]),),
        (np.array([[0.0, 1000, -1000], [1000, 0, 0]]),),
    ),
    wrong={
        "overflow": "scores - scores.max(axis=1, keepdims=True) → scores",
        "largest of all rows": "scores.max(axis=1, keepdims=True) → scores.max()",
        "not the largest": (
            "scores.max( → scores.min(",
            "scores.max( → scores.mean(",
            "scores.max( → np.median(scores, ",
            "scores.max(axis=1, keepdims=True) → scores[:, :1]",
            "scores.max(axis=1, keepdims=True) → scores[:, -1:]",
        ),
        "largest of a column": "scores.max(axis=1, keepdims=True) → scores.max(axis=0)",
        "over the batch": lambda scores: softmax(scores.T).T,
        "over everything": lambda scores: softmax(scores.reshape(1, -1)).reshape(scores.shape),
        "sums along the wrong axis": (
            "powers.sum(axis=1 → powers.sum(axis=0",
            "powers.sum(axis=1, keepdims=True) → powers.sum(axis=1)",
            "scores.max(axis=1, keepdims=True) → scores.max(axis=1)",
            "(axis=1, keepdims=True) → (axis=1)",
        ),
        "no powers": lambda scores: scores / scores.sum(axis=1, keepdims=True),
        "logarithm": lambda scores: np.log(softmax(scores)),
        "powers only": "powers / powers.sum(axis=1, keepdims=True) → powers",
    },
    astray=("overflow", "sums along the wrong axis"),
    said="""
        overflow: Right for small scores. But `np.exp(1000)` is infinity, and infinity over infinity is NaN; so is 0/0,
            since `np.exp(-1000)` is 0. Subtract a number from all scores of a row first: which one, so that the largest
            power is 1?
        largest of all rows: You subtract the largest score of the whole array. A row that lies far below it becomes
            0/0. Each row has its own largest: `scores.max(axis=1, keepdims=True)`.
        not the largest: You subtract one number from all scores of a row, which is the trick; but it is not the largest
            of them, and a score far above it overflows still. After `scores.max(axis=1, keepdims=True)` no power
            exceeds 1.
        largest of a column: You subtract the largest score of each *column*, so that the scores of a row lose different
            numbers, and its probabilities change. The largest of each row is asked: `axis=1`.
        over the batch: Your columns sum to 1, not your rows: you sum over the images. The classes of one image share
            its probability: `axis=1`.
        over everything: All your numbers together sum to 1. Each row is an image of its own and has to sum to 1: give
            `sum` and `max` an axis.
        sums along the wrong axis: Without `keepdims=True` sums and maxima have shape (N,), and NumPy takes them column
            by column; it even raises no error where N = K. Keep the axis: (N, 1).
        no powers: You divide the scores by their sum. Scores may be negative, probabilities may not: take `np.exp`
            first.
        logarithm: These are the logarithms of the probabilities. They are what the loss needs; here the probabilities
            themselves are asked.
        powers only: Your rows do not sum to 1. Divide each row by its sum.
        hint: First without regard to overflow: `np.exp`, then divide every row by its sum. Which axis do you sum over,
            and which shape does the sum need to have?
        hint: Add the same number c to all scores of a row: what happens to numerator and denominator?
        hint: `scores - scores.max(axis=1, keepdims=True)` makes the largest score of every row 0 and changes no
            probability.
        verified: rows that sum to 1, one row and several, as many rows as columns, scores of 1000 and −1000
    """,
)

# --------------------------------------------------------------------------- 04.leaky_relu_backward


def leaky_relu_backward(grad_output, inputs, slope):
    return np.where(inputs > 0, grad_output, slope * grad_output)  # the input decides, not the gradient


LEAKY_RELU_BACKWARD = FunctionExercise(
    name="04.leaky_relu_backward",
    solution=leaky_relu_backward,
    probes=(
        (np.array([3.0, 5, 7]), np.array([2.0, -1, 0.05]), 0.1),
        (np.array([[1.0, -2, 4], [-5, -1, 3]]), NUMBERS, 0.2),
        (np.array([[1.0, -2, 4], [-5, -1, 3]]), NUMBERS, 0.0),
        (np.array([[[-1.0, 2], [3, -4]]]), np.array([[[0.5, 6], [-7, -0.125]]]), 0.01),
    ),
    wrong={
        "gated by the gradient": "inputs > 0 → grad_output > 0",
        "forward": "grad_output, slope * grad_output) → inputs, slope * inputs)",
        "slope without the gradient": "slope * grad_output → slope",
        "compared with the slope": "inputs > 0 → inputs > slope",
        "slope only": "grad_output, slope * grad_output) → 1.0, slope)",
        "ReLU": "slope * grad_output → 0.0",
        "gate turned round": "inputs > 0 → inputs <= 0",
        "slope everywhere": "np.where(inputs > 0, grad_output, slope * grad_output) → slope * grad_output",
        "input times gradient": "return np.where → return inputs * np.where",
        "slope divided": "slope * grad_output → 1 / slope * grad_output",
    },
    said="""
        gated by the gradient: You look at the sign of `grad_output`. Which way the number went through the layer was
            decided forward, by the sign of the *input*; a negative gradient passes through an open gate as it is.
        forward: This is the layer's forward. Backward, the slope (1 or `slope`) is multiplied by `grad_output`.
        slope without the gradient: Where the input was negative you return `slope` itself. By the chain rule it is
            multiplied by the gradient that comes in: `slope * grad_output`.
        compared with the slope: You compare the input with `slope`. The bend of the leaky ReLU is at 0, however steep
            it is below.
        slope only: This is the layer's own slope. By the chain rule it is multiplied by the gradient that comes in,
            `grad_output`.
        ReLU: This is the backward of the plain ReLU: where the input was negative nothing comes back. The leaky one
            lets `slope` times the gradient through there.
        gate turned round: Your gate is the wrong way round: positive inputs passed unchanged, so their gradient does
            too, and the small slope belongs to the negative ones.
        slope everywhere: You multiply everything by `slope`. Where the input was positive, the layer's slope is 1.
        input times gradient: You multiply by the output of the layer. The derivative of `x` by `x` is 1, and that of
            `slope * x` is `slope`: the size of the input does not matter, only its sign.
        slope divided: You divide by `slope`. Forward the number was made smaller by that factor, so it matters less for
            the loss, not more: multiply.
        hint: What is the layer's output for an input of 2, and for one of −2? How much does each of them grow per unit
            of the input?
        hint: The gradient of the input is `grad_output` times the layer's slope at that input: 1 where the input was
            positive, `slope` elsewhere.
        hint: `np.where(condition, a, b)` takes `a` where the condition holds. What is the condition about: input or
            gradient?
        verified: gradients and inputs of both signs in all combinations, one to three axes, slopes from 0 to 0.2
    """,
)


# --------------------------------------------------------------------------- 04.batch_norm_predict


def batch_norm_predict(inputs, scale, shift, moving_mean, moving_variance, epsilon):
    normal = (inputs - moving_mean) / np.sqrt(moving_variance + epsilon)  # constants: the batch has no say
    return normal * scale + shift


_MOMENTS = {
    "scale": np.array([1.0, 2, -1]),
    "shift": np.array([0.0, 1, 0.5]),
    "moving_mean": np.array([0.5, -1, 2]),
    "moving_variance": np.array([4.0, 0.25, 9]),
}

BATCH_NORM_PREDICT = FunctionExercise(
    name="04.batch_norm_predict",
    solution=batch_norm_predict,
    probes=(
        (np.array([[5.0], [1]]), np.array([2.0]), np.array([1.0]), np.array([3.0]), np.array([4.0]), 0.0),
        (NUMBERS, *_MOMENTS.values(), 0.0),
        (NUMBERS, *_MOMENTS.values(), 0.75),
        (NUMBERS[:1], *_MOMENTS.values(), 0.1),
        (NUMBERS, *(values + 0.5 for values in _MOMENTS.values()), 0.001),
    ),
    wrong={
        "moments of the batch": "moving_mean) / np.sqrt(moving_variance → inputs.mean(0)) / np.sqrt(inputs.var(0)",
        "mean of the batch": "inputs - moving_mean → inputs - inputs.mean(axis=0)",
        "divided by the variance": "np.sqrt(moving_variance + epsilon) → (moving_variance + epsilon)",
        "epsilon outside the root": "np.sqrt(moving_variance + epsilon) → (np.sqrt(moving_variance) + epsilon)",
        "epsilon forgotten": "moving_variance + epsilon → moving_variance",
        "shift scaled too": "normal * scale + shift → (normal + shift) * scale",
        "scale and shift exchanged": "normal * scale + shift → normal * shift + scale",
        "no scale and shift": "normal * scale + shift → normal",
        "mean not subtracted": "(inputs - moving_mean) → inputs",
    },
    astray=("divided by the variance", "mean of the batch", "shift scaled too"),
    said="""
        moments of the batch: You take mean and variance from the batch, as in training. At prediction time an image's
            answer must not depend on which other images are asked about; a single image would become `shift`, whatever
            it shows.
        mean of the batch: You subtract the batch's own mean. Use `moving_mean`, as you use `moving_variance`.
        divided by the variance: You divide by the variance. Its root, the standard deviation, has the unit of the
            inputs.
        epsilon outside the root: You add epsilon to the standard deviation. Here, as in the paper and in Keras, it
            belongs to the variance, inside the root; there it also keeps the root's slope finite where the variance is
            0.
        epsilon forgotten: Epsilon is missing: a channel that was constant in training has variance 0, and you would
            divide by 0.
        shift scaled too: You add the shift before you scale. First times `scale`, then plus `shift`.
        scale and shift exchanged: Scale and shift have changed places: multiply by `scale`, add `shift`.
        no scale and shift: The numbers are normal now, but the learned `scale` and `shift` are missing.
        mean not subtracted: You divide by the standard deviation, but you do not subtract `moving_mean` first.
        hint: In training the layer subtracts the batch's mean and divides by the batch's standard deviation. Which two
            arguments take their places now?
        hint: The standard deviation is `np.sqrt(moving_variance + epsilon)`, one number a channel; NumPy fits (C,) to
            (N, C) by itself.
        hint: Subtract, divide, times `scale`, plus `shift`: in this order.
        verified: one image and several give the same, epsilon inside the root, scale and shift in order, one channel
            and three
    """,
)
