"""Optimisers, held against Keras's step by step, examples worked out by hand, and the papers' formulas."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlessons import optimizers
from cnnlessons.optimizers import SGD, Adam, Optimizer

OPTIMIZERS = (
    lambda: SGD(0.125),
    lambda: SGD(0.125, momentum=0.75),
    lambda: SGD(0.125, momentum=0.75, weight_decay=0.5),
    lambda: Adam(0.125),
    lambda: Adam(0.125, beta_1=0.5, beta_2=0.75, epsilon=0.01, weight_decay=0.5),
)
every = pytest.mark.parametrize("make", OPTIMIZERS, ids=lambda make: repr(make()))


def start(dtype=np.float64):
    return {"dense_0.weights": np.array([[1, -2], [3, 4]], dtype), "dense_0.bias": np.array([5, -6], dtype)}


def gradients(steps, dtype=np.float64, seed=0):
    """Gradients of the parameters of `start`, one dict a step."""
    generator = np.random.default_rng(seed)
    return [
        {name: generator.standard_normal(array.shape).astype(dtype) for name, array in start().items()}
        for _ in range(steps)
    ]


def run(optimizer, steps, parameters=None):
    parameters = start() if parameters is None else parameters
    for step in steps:
        optimizer.update(parameters, step)
    return parameters


def assert_equal(arrays, others):
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, others[name])


# --------------------------------------------------------------------------- by hand


def one(optimizer, *gradients, weight=1.0):
    """Return where a single weight is after each gradient."""
    parameters, seen = {"w": np.array([weight])}, []
    for gradient in gradients:
        optimizer.update(parameters, {"w": np.array([gradient])})
        seen.append(float(parameters["w"][0]))
    return seen


def test_sgd_subtracts_rate_times_gradient():
    assert one(SGD(0.25), 2, -4) == [0.5, 1.5]


def test_momentum_keeps_its_share_of_the_last_step():
    assert one(SGD(0.25, momentum=0.5), 4, 4, 0) == [0, -1.5, -2.25]  # velocity 4, 6, 3


@pytest.mark.parametrize("make", [lambda: Adam(0.001), lambda: SGD(0.5, momentum=0.9)])
@pytest.mark.parametrize("gradient", [1e-4, -300.0])
def test_float16_weights_move_as_far_as_float32_weights(make, gradient):
    moved = []
    for dtype in (np.float16, np.float32):
        weights, optimizer = {"w": np.zeros(3, dtype)}, make()
        for _ in range(3):
            optimizer.update(weights, {"w": np.full(3, gradient, dtype)})
        moved.append(weights["w"])
    assert moved[0].dtype == np.float16
    np.testing.assert_allclose(*moved, rtol=3e-3)


def test_where_gradients_agree_momentum_lengthens_the_step_up_to_one_over_one_minus_itself():
    path = one(SGD(0.01, momentum=0.9), *[1] * 200)
    assert path[-2] - path[-1] == pytest.approx(0.01 * 10)


def test_adams_first_step_is_the_learning_rate_whatever_the_size_of_the_gradient():
    for gradient in (1e-3, 1, 1e3):
        assert one(Adam(0.1), gradient)[0] == pytest.approx(0.9, abs=1e-4)
        assert one(Adam(0.1), -gradient)[0] == pytest.approx(1.1, abs=1e-4)


def test_adam_is_the_papers_formula():
    rate, beta_1, beta_2, epsilon = 0.1, 0.8, 0.9, 0.5  # an epsilon that shows where it is added
    mean = square = 0.0
    weight, expected, gradients = 1.0, [], [3, -1, 0, 2, 2]
    for step, gradient in enumerate(gradients, start=1):
        mean = beta_1 * mean + (1 - beta_1) * gradient
        square = beta_2 * square + (1 - beta_2) * gradient**2
        corrected_mean, corrected_square = mean / (1 - beta_1**step), square / (1 - beta_2**step)
        weight -= rate * corrected_mean / (corrected_square**0.5 + epsilon)
        expected.append(weight)
    assert one(Adam(rate, beta_1, beta_2, epsilon), *gradients) == pytest.approx(expected, rel=1e-12)


@given(st.lists(st.floats(-1, 1).filter(lambda x: abs(x) > 0.01), min_size=1, max_size=9), st.integers(1, 6))
def test_adam_does_not_mind_the_unit_of_the_loss(steps, power):
    scaled = [step * 10.0**power for step in steps]
    assert one(Adam(0.1, epsilon=1e-15), *scaled) == pytest.approx(one(Adam(0.1, epsilon=1e-15), *steps), abs=1e-9)


# --------------------------------------------------------------------------- weight decay


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_without_a_gradient_weights_shrink_by_rate_times_decay_and_nothing_else_does(kind):
    parameters = run(kind(0.25, weight_decay=0.5), [{name: 0 * array for name, array in start().items()}] * 3)
    np.testing.assert_allclose(parameters["dense_0.weights"], start()["dense_0.weights"] * 0.875**3)
    np.testing.assert_array_equal(parameters["dense_0.bias"], start()["dense_0.bias"])


@pytest.mark.parametrize("shape", [(2, 2), (1, 1, 1, 2)])
def test_decay_comes_first_and_stays_out_of_the_gradient(shape):
    for kind in (SGD, Adam):
        plain, decayed = {"w": np.full(shape, 8.0)}, {"w": np.full(shape, 8.0)}
        kind(0.25).update(plain, {"w": np.ones(shape)})
        kind(0.25, weight_decay=0.5).update(decayed, {"w": np.ones(shape)})
        np.testing.assert_allclose(plain["w"] - decayed["w"], 8 * 0.125)


# --------------------------------------------------------------------------- Keras


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras", reason="Keras is the oracle here and is not installed")


def kerass_path(keras, optimizer, steps):
    variables = {name: keras.Variable(array, dtype="float64") for name, array in start().items()}
    optimizer.exclude_from_weight_decay([variables["dense_0.bias"]])
    for step in steps:
        optimizer.apply(list(step.values()), list(variables.values()))
        yield {name: variable.numpy() for name, variable in variables.items()}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("SGD", {"learning_rate": 0.125}),
        ("SGD", {"learning_rate": 0.125, "momentum": 0.875}),
        ("SGD", {"learning_rate": 0.125, "momentum": 0.875, "weight_decay": 0.5}),
        # Keras rounds settings to float32. Epsilon is so small that it does not matter where it is added.
        ("Adam", {"learning_rate": 0.125, "beta_1": 0.875, "beta_2": 1 - 2**-10, "epsilon": 1e-12}),
        ("Adam", {"learning_rate": 0.125, "beta_1": 0.5, "beta_2": 0.75, "weight_decay": 0.5, "epsilon": 1e-12}),
    ],
)
def test_twenty_steps_are_kerass(keras, name, settings):
    ours, parameters = getattr(optimizers, name)(**settings), start()
    steps = gradients(20)
    theirs = kerass_path(keras, getattr(keras.optimizers, name)(**settings), steps)
    for step, expected in zip(steps, theirs, strict=True):
        ours.update(parameters, step)
        for key, array in parameters.items():
            np.testing.assert_allclose(array, expected[key], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_defaults_are_kerass(keras, name):
    theirs = getattr(keras.optimizers, name)().get_config()
    ours = getattr(optimizers, name)().settings()
    del ours["name"], ours["weight_decay"]  # None there is 0 here
    assert ours == pytest.approx({key: theirs[key] for key in ours})


# --------------------------------------------------------------------------- in place, by name


@every
def test_parameters_are_changed_in_place_and_keep_their_type(make):
    for dtype in (np.float16, np.float32, np.float64):
        parameters = start(dtype)
        arrays = dict(parameters)
        run(make(), gradients(3), parameters)  # float64 gradients
        for name, array in parameters.items():
            assert array is arrays[name]
            assert array.dtype == dtype
            assert not np.array_equal(array, start(dtype)[name])


@every
def test_what_is_remembered_has_the_parameters_type_and_shape(make):
    optimizer, parameters = make(), start(np.float32)
    run(optimizer, gradients(2), parameters)
    for name, array in optimizer.state().items():
        like = parameters[name.split("/", 1)[1]]
        assert (array.dtype, array.shape) == (np.float32, like.shape)


@every
def test_only_parameters_with_a_gradient_move(make):
    steps = [{"dense_0.bias": step["dense_0.bias"]} for step in gradients(3)]
    parameters = run(make(), steps)
    np.testing.assert_array_equal(parameters["dense_0.weights"], start()["dense_0.weights"])
    assert not np.array_equal(parameters["dense_0.bias"], start()["dense_0.bias"])


@every
def test_gradients_are_left_as_they_were(make):
    steps = gradients(3)
    run(make(), steps)
    for step, untouched in zip(steps, gradients(3), strict=True):
        assert_equal(step, untouched)


@every
def test_each_parameter_has_a_memory_of_its_own(make):
    both = run(make(), gradients(5))
    for name in both:
        alone = run(make(), [{name: step[name]} for step in gradients(5)], {name: start()[name]})
        np.testing.assert_array_equal(alone[name], both[name])


@every
def test_numpys_own_numbers_make_the_same_steps(make):
    settings = {key: value if key == "name" else np.float64(value) for key, value in make().settings().items()}
    parameters, expected = start(np.float32), start(np.float32)
    assert_equal(run(optimizers.make(settings), gradients(4), parameters), run(make(), gradients(4), expected))
    assert json.loads(json.dumps(optimizers.make(settings).settings())) == make().settings()


# --------------------------------------------------------------------------- saved and made again


@every
@pytest.mark.parametrize("stop", range(5))
def test_one_that_is_restored_goes_on_with_the_same_numbers(make, stop):
    steps = gradients(5)
    expected = run(make(), steps)
    first, second = make(), make()
    parameters = run(first, steps[:stop])
    second.restore(first.steps, first.state())
    assert_equal(run(second, steps[stop:], parameters), expected)
    assert second.steps == 5


def test_a_restored_one_has_copies():
    first, second = SGD(momentum=0.5), SGD(momentum=0.5)
    run(first, gradients(1))
    second.restore(first.steps, first.state())
    before = {name: array.copy() for name, array in second.state().items()}
    run(first, gradients(1))
    assert_equal(second.state(), before)


def test_state_holds_the_arrays_themselves_by_kind_and_parameter():
    optimizer = Adam()
    assert optimizer.state() == {}
    run(optimizer, gradients(1))
    assert {*optimizer.state()} == {f"{kind}/{name}" for kind in ("mean", "square") for name in start()}
    first = optimizer.state()["mean/dense_0.bias"]
    run(optimizer, gradients(1))
    assert optimizer.state()["mean/dense_0.bias"] is first


def test_without_momentum_nothing_is_remembered_but_the_count():
    optimizer = SGD()
    run(optimizer, gradients(3))
    assert (optimizer.state(), optimizer.steps) == ({}, 3)


@every
def test_settings_through_json_make_another_one_of_the_same_kind(make):
    first = make()
    run(first, gradients(3))
    second = optimizers.make(json.loads(json.dumps(first.settings())))
    assert type(second) is type(first)
    assert second.settings() == first.settings()
    assert (second.steps, second.state()) == (0, {})


def test_make_takes_a_name_in_any_case_and_an_optimizer_as_it_is():
    assert isinstance(optimizers.make("sgd"), SGD)
    assert isinstance(optimizers.make("Adam"), Adam)
    one = Adam(0.5)
    assert optimizers.make(one) is one
    settings = {"name": "SGD", "momentum": 0.5}
    assert optimizers.make(settings).momentum == 0.5
    assert settings == {"name": "SGD", "momentum": 0.5}


@dataclass(eq=False)
class Signs(Optimizer):
    """The sign of the gradient, whatever its size."""

    learning_rate: float = 0.5

    def _step(self, name, gradient):
        return self.learning_rate * np.sign(gradient)


def test_one_of_the_readers_own_is_found_among_the_classes_that_are_given():
    assert one(Signs(), 7, -0.1) == [0.5, 1]
    made = optimizers.make(Signs(0.25).settings(), custom=[Signs])
    assert (type(made), made.learning_rate) == (Signs, 0.25)
    with pytest.raises(ValueError, match=r"'sgd' or 'adam', .*got 'Signs'"):
        optimizers.make(Signs().settings())


# --------------------------------------------------------------------------- errors


ABOVE_ZERO, FROM_ZERO, BELOW_ONE = "a number above 0", "a finite number from 0 up", "a number from 0 to below 1"


@pytest.mark.parametrize(
    ("kind", "name", "rule", "values"),
    [
        (SGD, "learning_rate", ABOVE_ZERO, (0, -0.1, np.inf, np.nan, "0.1", None, True)),
        (Adam, "learning_rate", ABOVE_ZERO, (0, -0.1, np.inf, np.nan, "0.1", None, True)),
        (Adam, "epsilon", ABOVE_ZERO, (0, -1e-7, np.inf, np.nan, "0", None, True)),
        (SGD, "weight_decay", FROM_ZERO, (-0.1, np.inf, np.nan, "0.1", None, True)),
        (SGD, "momentum", BELOW_ONE, (1, -0.1, np.nan, "0.5", None, False)),
        (Adam, "beta_1", BELOW_ONE, (1, -0.1, np.nan, "0.5", None, False)),
        (Adam, "beta_2", BELOW_ONE, (1, -0.1, np.nan, "0.5", None, False)),
    ],
)
def test_a_setting_out_of_range_is_named_with_its_range(kind, name, rule, values):
    for value in values:
        with pytest.raises(ValueError, match=f"^{name} must be {rule}, got {value!r}"):
            kind(**{name: value})


@pytest.mark.parametrize("wrong", ["rmsprop", None, SGD, 7, {"learning_rate": 0.1}])
def test_make_names_what_there_is(wrong):
    with pytest.raises(ValueError, match=r"optimizer must be 'sgd' or 'adam', SGD\(...\) or Adam\(...\), got "):
        optimizers.make(wrong)


def test_zero_is_a_momentum_a_beta_and_a_decay():
    assert one(SGD(0.5, momentum=0, weight_decay=0), 1) == [0.5]
    assert one(Adam(0.5, beta_1=0, beta_2=0, epsilon=1e-12), 7, -7) == pytest.approx([0.5, 1])


@every
@pytest.mark.parametrize(
    ("parameters", "gradient", "error", "words"),
    [
        ({}, np.ones(2), ValueError, "gradients has 'b', which parameters has not"),
        ({"b": np.ones(2)}, np.ones(1), ValueError, r"gradients 'b' must have the shape .*\(2,\), got \(1,\)"),
        ({"b": np.ones(2)}, 1.0, ValueError, r"gradients 'b' must have the shape .*\(2,\), got \(\)"),
        ({"b": np.ones(2, int)}, np.ones(2), TypeError, "'b' must be an array of floats, .*got int64"),
        ({"b": [1.0, 2.0]}, np.ones(2), TypeError, "'b' must be an array of floats, .*got list"),
    ],
)
def test_an_update_that_does_not_fit_is_refused_before_anything_moves(make, parameters, gradient, error, words):
    optimizer, a = make(), np.ones((2, 2))
    with pytest.raises(error, match=words):
        optimizer.update({"a": a, **parameters}, {"a": np.ones((2, 2)), "b": gradient})
    assert (a == 1).all()
    assert (optimizer.steps, optimizer.state()) == (0, {})


def test_a_step_may_take_all_of_a_weight_and_no_more():
    assert SGD(0.5, weight_decay=2).weight_decay == 2
    with pytest.raises(ValueError, match=r"at most 1 / learning_rate.* got 3.0 with learning_rate 0.5; lower one"):
        SGD(0.5, weight_decay=3)
