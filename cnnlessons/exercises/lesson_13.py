"""Exercises of lesson 13: one step of an attack, what may be believed of a defence, and the defence clinic."""

import numpy as np

from cnnlessons.exercises.feedback import FunctionExercise
from cnnlessons.layers import Layer

# --------------------------------------------------------------------------- 13.attack_step


def attack_step(changed, image, gradient, rate, epsilon):
    moved = changed + rate * np.sign(gradient)
    return np.clip(np.clip(moved, image - epsilon, image + epsilon), 0, 1)  # near the image, and an image


_IMAGE = np.array([[0.5, 0.05], [0.9, 0.4]])
_GRADIENT = np.array([[2.0, -0.3], [0.1, -5.0]])


def _drawn_attack(rng, probe):
    image, *_, rate, epsilon = probe
    image, gradient = rng.random(image.shape), rng.standard_normal(image.shape)
    image[0, 0] = 0.5  # far from both ends: else `np.vectorize` may take the whole result for integers
    return np.clip(image + rng.uniform(-epsilon, epsilon, image.shape), 0, 1), image, gradient, rate, epsilon


ATTACK_STEP = FunctionExercise(
    name="13.attack_step",
    solution=attack_step,
    probes=(
        (_IMAGE, _IMAGE, _GRADIENT, 0.05, 0.2),
        (_IMAGE + np.array([[0.1, 0.02], [0.0, -0.1]]), _IMAGE, _GRADIENT, 0.15, 0.2),
        (_IMAGE, _IMAGE, np.array([[0.0, 1.0], [3.0, -1.0]]), 0.3, 0.25),
    ),
    draw=_drawn_attack,
    wrong={
        "downhill": "changed + rate → changed - rate",
        "no sign": "np.sign(gradient) → gradient",
        "from the image": "changed + rate → image + rate",
        "a step of epsilon": "changed + rate → changed + epsilon",
        "around the changed image": "image - epsilon, image → changed - epsilon, changed",
        "epsilon forgotten": "np.clip(moved, image - epsilon, image + epsilon) → moved",
        "range forgotten": "0, 1) → -np.inf, np.inf)",
        "the change alone": "0, 1) → 0, 1) - image",
    },
    astray=("no sign", "around the changed image"),
    said="""
        downhill: You go against the gradient, as training does with the weights. The attacker wants the loss to *grow*.
        no sign: You step by the gradient itself. With the largest change as the measure, every pixel may go its whole
            step: only the gradient's sign counts.
        from the image: You start at the image again. Each step begins where the last one ended, at `changed`.
        a step of epsilon: You step by `epsilon`. That is how far a pixel may be in the end; a step is `rate`.
        around the changed image: You hold the result near `changed`. What must stay near is the *image*, or forty
            steps end forty steps away.
        epsilon forgotten: Nothing holds the result near the image: clip to `image - epsilon` and `image + epsilon`.
        range forgotten: A pixel can leave the range from 0 to 1 here, and then it is no image.
        the change alone: You return the change. The next step needs the changed image.
        hint: Three things in this order: a step uphill, back to within epsilon of the image, back to between 0 and 1.
        hint: `np.sign(gradient)` times `rate` is the step. `np.clip` takes arrays as its ends.
        hint: `np.clip(np.clip(changed + rate * np.sign(gradient), image - epsilon, image + epsilon), 0, 1)`
        verified: pixels at the ends of the range, changes at the end of epsilon, a gradient of 0
    """,
)

# --------------------------------------------------------------------------- 13.believed


def believed(zero_gradients, large, accuracies):
    if zero_gradients > 0.01 or large > 0.2:
        return -1
    return min(accuracies)  # an attacker takes what works best


def _drawn_findings(rng, probe):
    return float(rng.choice([0, 0.005, 0.3])), float(rng.choice([0, 0.1, 0.9])), rng.random(3).round(2).tolist()


BELIEVED = FunctionExercise(
    name="13.believed",
    solution=believed,
    probes=(
        (0.0, 0.0, [0.77, 0.66, 0.65]),
        (0.99, 0.98, [0.99, 0.99, 0.01]),
        (0.0, 0.9, [0.9, 0.9, 0.9]),
        (0.005, 0.1, [0.5, 0.05, 0.6]),
        (0.4, 0.0, [0.6, 0.5]),
    ),
    draw=_drawn_findings,
    wrong={
        "the mean": "min(accuracies) → np.mean(accuracies)",
        "the best": "min(accuracies) → max(accuracies)",
        "the first": "min(accuracies) → accuracies[0]",
        "the last": "min(accuracies) → accuracies[-1]",
        "checks forgotten": "return -1 → pass",
        "only the gradients": "zero_gradients > 0.01 or large > 0.2 → zero_gradients > 0.01",
        "only the large epsilon": "zero_gradients > 0.01 or large > 0.2 → large > 0.2",
        "both needed": "0.01 or large → 0.01 and large",
        "0 for nothing": "return -1 → return 0.0",
    },
    astray=("the best", "both needed"),
    said="""
        the mean: An attacker does not take the average of attacks, but the one that works best.
        the best: That is the attack that failed most. A network is as safe as the attack that works best leaves it.
        the first: You take the first attack, whatever the others found. The one that works best counts.
        the last: You take the last attack, whatever the others found. The one that works best counts.
        checks forgotten: Where the gradients are 0, or a large epsilon does not win, the attacks were broken, and their
            numbers say nothing: -1.
        only the gradients: An attack may fail with gradients that are not 0. If half the range is not enough, something
            is wrong with it.
        only the large epsilon: The share of zero gradients counts, too: where they are 0 the attack never started.
        both needed: One of the two signs is enough to doubt an attack.
        0 for nothing: 0 would say that the network resists nothing. We do not know: -1.
        hint: Two signs say that the attacks were broken. If either is there, nothing may be believed.
        hint: If nothing is broken: which of the accuracies would an attacker reach?
        hint: `-1 if zero_gradients > 0.01 or large > 0.2 else min(accuracies)`
        verified: broken attacks of both kinds, attacks of different strength in any order
    """,
)

# --------------------------------------------------------------------------- the defence clinic


class _Sharper(Layer):
    def forward(self, images, training=False):
        return 100 * images

    def backward(self, grad_output):
        return 100 * grad_output


class _Rounded(Layer):
    def forward(self, images, training=False):
        return np.rint(4 * images) / 4

    def backward(self, grad_output):
        return 0 * grad_output


def clinic(plain, single_step, many_steps):
    """Return four networks by the letters A to D that look robust; one of them is. Do not read on.

    Taught in lesson 13. They are made of a plain network and of two that were trained against one step and many.
    """
    rounded, sharper = plain.copy(), plain.copy()
    rounded.layers, sharper.layers = [_Rounded(), *rounded.layers], [*sharper.layers, _Sharper()]
    return dict(zip("ABCD", (single_step, rounded, many_steps, sharper), strict=True))
