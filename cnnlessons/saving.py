"""A network in a file: what it is made of, its weights, and the training so far.

Everything is in one npz file: the arrays by name, and a description of the rest as JSON.
"""

import json
import os
import zipfile
from pathlib import Path

import numpy as np

from cnnlessons import atomic, layers, optimizers
from cnnlessons.epochs import Training

_DESCRIPTION = "cnnlessons network"  # its presence says whose file it is
_FORMAT = 1  # goes up when a file can no longer be read by what is out


def save(network, path):
    """Write a network to a file, whole or not at all."""
    arrays = {"parameters": network.parameters(), "state": network.state()}
    if network.optimizer is not None:
        arrays["optimizer"] = network.optimizer.state()
    named = {f"{kind}/{name}": array for kind, group in arrays.items() for name, array in group.items()}
    for name, array in named.items():
        if not np.isfinite(array).all():
            raise FloatingPointError(f"{name} holds NaN or infinity, so training has diverged; nothing is saved")
    description = json.dumps(_description(network), default=_plain)
    _write(path, {_DESCRIPTION: np.array(description), **named})


def load(make, path, custom_layers, custom_optimizers):
    """Read a network from a file; `make` makes it from its layers, input shape, seed and dtype."""
    own_layers, own_optimizers = _kinds(custom_layers, "layers"), _kinds(custom_optimizers, "optimizers")
    arrays = _read(path)
    try:
        description = json.loads(str(arrays.pop(_DESCRIPTION)))
        if (written := description["format"]) > _FORMAT:
            raise ValueError(f"it has format {written}, newer than {_FORMAT}; update cnnlessons")
        made = [_make_layer(entry, own_layers) for entry in description["layers"]]
        network = make(made, description["input_shape"], description["seed"], description["dtype"])
        _restore(network, description, _grouped(arrays), own_optimizers)
    except Exception as error:  # a file that someone else made may hold anything
        said = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"{path} is not a network that this version of cnnlessons can read: {said}") from error
    return network


def _description(network):
    """Return all but the arrays, as JSON can hold it."""
    return {
        "format": _FORMAT,
        "layers": [
            {"name": type(layer).__name__, "settings": layer.settings(), "trainable": layer.trainable}
            for layer in network.layers
        ],
        "input_shape": network.input_shape,
        "seed": network.seed,
        "dtype": network.dtype.name,
        "training": network.training and network.training.description(),
        "optimizer": network.optimizer
        and {
            "settings": network.optimizer.settings(),
            "steps": network.optimizer.steps,
            "arrays": list(network.optimizer.state()),
        },
    }


def _restore(network, description, arrays, own_optimizers):
    network.set_parameters(arrays["parameters"])
    copy_into(network.state(), arrays["state"], "state")
    if description["training"]:
        network.training = Training.described_by(description["training"])
    if entry := description["optimizer"]:
        network.optimizer = _make_optimizer(entry["settings"], own_optimizers)
        of = {name: network.parameters()[name.partition("/")[2]] for name in entry["arrays"]}
        state = {name: np.zeros(array.shape, optimizers.kept_in(array.dtype)) for name, array in of.items()}
        copy_into(state, arrays["optimizer"], "optimizer")
        network.optimizer.restore(entry["steps"], state)


def _write(path, arrays):
    """Write an npz file, so that nothing is lost if this fails midway."""
    path = Path(os.path.realpath(path))  # the folder that counts is that of the file a link points to
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to save {path.name} in; make it first")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file in it")
    with atomic.writing(path) as file:
        np.savez_compressed(file, **arrays)


def _read(path):
    """Return the arrays of a file that `_write` wrote."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give the name of a file that Sequential.save wrote")
    with path.open("rb") as file:
        try:
            arrays = _unpacked(file)
        except Exception:  # zipfile and NumPy say in a dozen ways that a file is damaged, and some say: trust it
            raise ValueError(
                f"{path} is damaged, or not a file that Sequential.save wrote; take another copy of it"
            ) from None
    if _DESCRIPTION not in arrays:
        raise ValueError(f"{path} holds arrays, but not a network; it was not written by Sequential.save")
    return arrays


def _unpacked(file):
    with zipfile.ZipFile(file) as archive:
        changed = archive.testzip()  # np.load does not look at the checksum of what it reads only in part
    if changed is not None:
        raise zipfile.BadZipFile(f"the checksum of {changed} is wrong")
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _grouped(arrays):
    """Return {"kind/name": array} as {"kind": {"name": array}}."""
    groups = {"parameters": {}, "state": {}, "optimizer": {}}
    for name, array in arrays.items():
        kind, _, rest = name.partition("/")
        if kind not in groups:
            raise ValueError(f"its array {name!r} belongs to no network")
        groups[kind][rest] = array
    return groups


def _kinds(kinds, name):
    if isinstance(kinds, (list, tuple)) and all(isinstance(kind, type) for kind in kinds):
        return tuple(kinds)
    raise TypeError(f"custom_{name} must be a list of classes, got {kinds!r}")


def _make_layer(entry, own_layers):
    name, settings = entry["name"], entry["settings"]
    known = {kind.__name__: kind for kind in (*layers.KINDS, *own_layers)}
    if name not in known:
        raise ValueError(f"it has a layer {name!r}; give its class in custom_layers")
    try:
        layer = known[name](**settings)
    except TypeError as error:
        raise ValueError(f"{name} cannot be made from its settings {settings} ({error})") from error
    layer.trainable = entry["trainable"]
    return layer


def _make_optimizer(settings, own_optimizers):
    name = settings["name"]
    try:
        return optimizers.make(settings, own_optimizers)
    except TypeError as error:
        raise ValueError(f"{name} cannot be made from its settings {settings} ({error})") from error
    except ValueError as error:
        raise ValueError(f"its {error}; give the class of an optimizer of your own in custom_optimizers") from error


def _plain(value):
    """Return a NumPy number or array as JSON can write it."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"settings() of a layer must return numbers, words and lists of them to be saved, got {value!r}")


def copy_into(arrays, values, name):
    """Copy values into the arrays of the same names, all of them or, if one does not fit, none."""
    if set(values) != set(arrays):
        differing = ", ".join(sorted(set(values) ^ set(arrays)))
        raise ValueError(f"{name} must have exactly the network's names; {differing} is only on one side")
    fitting = {key: _fitting(values[key], array, f"{name} {key}") for key, array in arrays.items()}
    for key, array in arrays.items():
        array[...] = fitting[key]


def _fitting(value, array, name):
    """Return a value in the type of an array, whose shape it must have."""
    value = np.asarray(value)
    if value.dtype.kind not in "fiu" or value.shape != array.shape:
        raise ValueError(f"{name} must be numbers of shape {array.shape}, got {value.dtype} of shape {value.shape}")
    with np.errstate(over="ignore"):  # what becomes infinite is refused
        value = value.astype(array.dtype)
    if not np.isfinite(value).all():
        raise ValueError(f"{name} must be finite in {array.dtype}, got NaN, infinity or a number too large")
    return value
