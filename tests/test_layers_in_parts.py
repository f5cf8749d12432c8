"""A layer that shares a batch out among workers gives what it gives alone."""

import multiprocessing
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cnnlessons import layers
from cnnlessons.network import Sequential
from cnnlessons.optimizers import SGD

LAYERS = [
    layers.Conv2D(4, 3, padding="same"),
    layers.Conv2D(3, (2, 3), stride=2, padding=((1, 0), (2, 1)), dilation=(1, 2), use_bias=False),
    layers.MaxPool2D(2),
    layers.MaxPool2D(3, stride=2, padding="same"),
]


@pytest.fixture
def share_out(monkeypatch):
    """Set how many workers there are, for however little work."""

    def share_out(workers):
        monkeypatch.setattr(layers, "_WORKERS", workers)
        monkeypatch.setattr(layers, "_WORTH_A_PART", 1)
        layers._workers.cache_clear()

    yield share_out
    layers._workers.cache_clear()


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("workers", [2, 3, 16])
def test_parts_together_are_the_batch(layer, workers, share_out):
    images = np.random.default_rng(0).integers(-2, 3, (7, 6, 8, 2)).astype(float)  # with ties; 7 is not divisible
    layer.build(images.shape[1:], np.random.default_rng(1), np.float64)
    share_out(1)
    out = layer.forward(images)
    grad_output = np.cos(np.arange(out.size)).reshape(out.shape)
    grad_images, gradients = layer.backward(grad_output), layer.gradients()
    share_out(workers)
    np.testing.assert_array_equal(layer.forward(images), out)
    np.testing.assert_allclose(layer.backward(grad_output), grad_images, atol=1e-13)
    for name, gradient in layer.gradients().items():
        np.testing.assert_allclose(gradient, gradients[name], atol=1e-12)
    assert layer.gradients().keys() == gradients.keys()


def test_work_is_shared_out_only_where_there_is_enough(monkeypatch):
    seen = []
    monkeypatch.setattr(layers, "_WORKERS", 4)
    for images in (1, 2, 3, 100):
        batch = np.zeros((images, layers._WORTH_A_PART))
        layers._in_parts(lambda part: seen.append(len(part)), batch)
        assert sum(seen) == images
        assert len(seen) == min(images, 4)
        seen.clear()
    layers._in_parts(lambda part: seen.append(len(part)), np.zeros((100, 100)))
    assert seen == [100]


def test_the_librarys_own_threads_are_put_aside_and_come_back(share_out):
    def threads(*_):
        return [library["num_threads"] for library in layers._matrix_threads.info()]

    share_out(2)
    before = threads()
    during = layers._in_parts(threads, np.zeros((2, 1)))
    assert during == [[1] * len(before)] * 2
    assert threads() == before


def test_an_error_in_a_part_is_the_layers_error(share_out):
    layer = layers.Conv2D(1)
    layer.build((5, 5, 1), np.random.default_rng(0))
    share_out(2)
    with pytest.raises(ValueError, match=r"have 2, kernel .* takes 1"):
        layer.forward(np.ones((4, 5, 5, 2)))


def network():
    return Sequential([layers.Conv2D(2), layers.MaxPool2D(2), layers.Flatten(), layers.Dense(2)], (6, 6, 1))


def trained(_=None):
    images, labels = np.random.default_rng(0).random((8, 6, 6, 1)), np.arange(8) % 2
    one = network()
    one.fit(images, labels, epochs=2, batch_size=4, optimizer=SGD(0.1), progress=False)
    return one.predict(images)


def test_trainings_in_several_threads_share_the_workers(share_out):
    share_out(2)
    alone = trained()
    with ThreadPoolExecutor(4) as threads:
        for logits in threads.map(trained, range(8)):
            np.testing.assert_allclose(logits, alone, rtol=1e-5)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, processes are not forked by default")
def test_a_forked_process_has_workers_of_its_own(share_out):
    share_out(2)
    here = trained()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        there = pool.apply_async(trained).get(timeout=60)
    np.testing.assert_array_equal(there, here)


def test_two_trainings_at_once_leave_the_library_s_threads_as_they_were():
    before = [library["num_threads"] for library in layers._matrix_threads.info()]
    first, second = threading.Event(), threading.Event()

    def come_and_go(mine, other):
        with layers.one_matrix_thread:
            mine.set()
            other.wait(10)

    threads = [threading.Thread(target=come_and_go, args=pair) for pair in ((first, second), (second, first))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert first.is_set()
    assert second.is_set()
    assert [library["num_threads"] for library in layers._matrix_threads.info()] == before
