"""Optimisers: how a gradient becomes a step of the weights.

An optimiser changes the arrays that it is given in place. What it remembers from step to step is in ``state()``, so
that a training can be saved and resumed.

Taught in lesson 04; weight decay in lesson 05.
"""

from dataclasses import dataclass, field, fields

import numpy as np

from cnnlessons import shapes


@dataclass(eq=False)
class Optimizer:
    """What the optimisers share.

    Parameters
    ----------
    learning_rate : float
        More than 0.
    weight_decay : float
        Before each step, weights (arrays of two axes or more, so neither biases nor batch normalisation's scale and
        shift) shrink by the share ``learning_rate * weight_decay``, apart from the gradient. I. Loshchilov and
        F. Hutter, "Decoupled weight decay regularization" (2019).
    """

    learning_rate: float
    weight_decay: float = field(default=0.0, kw_only=True)
    steps: int = field(default=0, init=False)  #: made so far
    _moments: dict = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self):
        self.learning_rate = _above_zero(self.learning_rate, "learning_rate", "try 0.001")
        self.weight_decay = _from_zero(self.weight_decay, "weight_decay")
        if self.learning_rate * self.weight_decay > 1:
            raise ValueError(
                f"weight_decay must be at most 1 / learning_rate, or a step shrinks the weights through 0, got "
                f"{self.weight_decay} with learning_rate {self.learning_rate}; lower one of them"
            )

    def update(self, parameters, gradients):
        """Make one step: change the parameters that have a gradient, both ndarrays by name, in place.

        If a gradient fits no parameter, nothing is changed.
        """
        for name, gradient in gradients.items():
            _check_fit(name, parameters.get(name), gradient)
        self.steps += 1
        for name, gradient in gradients.items():
            array = parameters[name]
            if self.weight_decay and array.ndim > 1:
                array *= 1 - self.learning_rate * self.weight_decay
            array -= self._step(name, np.asarray(gradient, kept_in(array.dtype)))

    def _step(self, name, gradient):
        """Return what is subtracted from the parameter `name`."""
        raise NotImplementedError

    def _moment(self, kind, name, like):
        """Return a running quantity of one parameter, zeros at first. It is changed in place."""
        key = f"{kind}/{name}"
        if key not in self._moments:
            self._moments[key] = np.zeros_like(like)
        return self._moments[key]

    def state(self):
        """Return the running quantities of all parameters, by "kind/parameter": the arrays themselves."""
        return dict(self._moments)

    def restore(self, steps, state):
        """Go on from where another optimiser stood after so many steps; the arrays of its `state` are copied."""
        self.steps = steps
        self._moments = {name: array.copy() for name, array in state.items()}

    def settings(self):
        """Return the name and the arguments to make another one of this kind."""
        return {
            "name": type(self).__name__,
            **{each.name: getattr(self, each.name) for each in fields(self) if each.init},
        }


@dataclass(eq=False)
class SGD(Optimizer):
    """Stochastic gradient descent: subtract the gradient of one batch, times the learning rate.

    Taught in lesson 04. B. Polyak, "Some methods of speeding up the convergence of iteration methods" (1964). Keras
    puts the learning rate into the velocity, which is the same as long as the rate does not change.

    Parameters
    ----------
    learning_rate, weight_decay : float
    momentum : float, from 0 to below 1
        Share of the last step that is kept: ``velocity = momentum * velocity + gradient``, and the step is
        ``learning_rate * velocity``. 0.9 makes the steps ten times as long where gradients agree.
    """

    learning_rate: float = 0.01
    momentum: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        self.momentum = _from_zero(self.momentum, "momentum", 1)

    def _step(self, name, gradient):
        if not self.momentum:
            return self.learning_rate * gradient
        velocity = self._moment("velocity", name, gradient)
        velocity *= self.momentum
        velocity += gradient
        return self.learning_rate * velocity


@dataclass(eq=False)
class Adam(Optimizer):
    """Steps of about the learning rate, whatever the size of the gradient: its mean over the root of its mean square.

    Taught in lesson 04. D. Kingma and J. Ba, "Adam" (2015). Both running means start at zero, hence the division by
    ``1 - beta ** steps``. Keras adds epsilon before it makes that correction, here it is added after, as in the paper.

    Parameters
    ----------
    learning_rate, weight_decay : float
    beta_1, beta_2 : float, from 0 to below 1
        How much of the running mean, and of the running mean square, is kept at each step.
    epsilon : float
        Added to the root of the mean square. More than 0.
    """

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def __post_init__(self):
        super().__post_init__()
        self.beta_1, self.beta_2 = _from_zero(self.beta_1, "beta_1", 1), _from_zero(self.beta_2, "beta_2", 1)
        self.epsilon = _above_zero(self.epsilon, "epsilon", "1e-7 is Keras's")

    def _step(self, name, gradient):
        mean, square = self._moment("mean", name, gradient), self._moment("square", name, gradient)
        mean += (1 - self.beta_1) * (gradient - mean)
        square += (1 - self.beta_2) * (gradient * gradient - square)
        rate = self.learning_rate / (1 - self.beta_1**self.steps)
        return rate * mean / (np.sqrt(square / (1 - self.beta_2**self.steps)) + self.epsilon)


def kept_in(dtype):
    """Return the type in which an optimiser computes: in float16 the square of a gradient of 1e-4 would be 0."""
    return np.result_type(dtype, np.float32)


def make(optimizer, custom=()):
    """Return an optimiser from its name, "sgd" or "adam", or from another's `settings`; an optimiser as it is.

    `custom` are classes of your own that the name may mean.
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    arguments = dict(optimizer) if isinstance(optimizer, dict) else {"name": optimizer}
    name, known = arguments.pop("name", None), {kind.__name__.lower(): kind for kind in (SGD, Adam, *custom)}
    if not isinstance(name, str) or name.lower() not in known:
        raise ValueError(f"optimizer must be {' or '.join(map(repr, known))}, SGD(...) or Adam(...), got {name!r}")
    return known[name.lower()](**arguments)


# --------------------------------------------------------------------------- checks


def _above_zero(value, name, remedy):
    return shapes.number(value, name, "a number above 0", lambda value: value > 0, remedy)


def _from_zero(value, name, end=np.inf):
    rule = "a finite number from 0 up" if end == np.inf else f"a number from 0 to below {end:g}"
    return shapes.number(value, name, rule, lambda value: 0 <= value < end)


def _check_fit(name, array, gradient):
    """Say what is wrong unless a gradient can be subtracted from the array that is there for it."""
    if array is None:
        raise ValueError(f"gradients has {name!r}, which parameters has not; give both the same names")
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        kind = getattr(array, "dtype", type(array).__name__)
        raise TypeError(f"parameters {name!r} must be an array of floats, which can move by small steps, got {kind}")
    if np.shape(gradient) != array.shape:
        raise ValueError(
            f"gradients {name!r} must have the shape of its parameter, {array.shape}, got {np.shape(gradient)}"
        )
