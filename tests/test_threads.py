"""Work that is shared out among threads gives what it gives alone, to the last bit."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from cnnlessons import layers, ops, threads
from cnnlessons.network import Sequential
from cnnlessons.optimizers import SGD

LAYERS = [
    layers.Conv2D(4, 3, padding="same"),
    layers.Conv2D(3, (2, 3), stride=2, padding=((1, 0), (2, 1)), dilation=(1, 2), use_bias=False),
    layers.MaxPool2D(2),
    layers.MaxPool2D(3, stride=2, padding="same"),
]


def numbers_of_threads():
    return [library["num_threads"] for library in ThreadpoolController().info()]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("channels", [2, 9])
@pytest.mark.parametrize("count", [2, 3, 16])
def test_parts_together_are_the_batch(layer, channels, count, share_out):
    images = np.random.default_rng(0).integers(-2, 3, (7, 6, 8, channels)).astype(np.float32)  # with ties
    layer.build(images.shape[1:], np.random.default_rng(1))
    share_out(1)
    out = layer.forward(images)
    grad_output = np.cos(np.arange(out.size, dtype=np.float32)).reshape(out.shape)
    grad_images, gradients = layer.backward(grad_output), layer.gradients()
    share_out(count)
    np.testing.assert_array_equal(layer.forward(images), out)
    np.testing.assert_array_equal(layer.backward(grad_output), grad_images)
    for name, gradient in layer.gradients().items():
        np.testing.assert_array_equal(gradient, gradients[name])
    assert layer.gradients().keys() == gradients.keys()


TRAINING = """
import hashlib, numpy as np
from cnnlessons import layers, network
chain = [layers.Conv2D(9), layers.ReLU(), layers.MaxPool2D(), layers.Conv2D(20), layers.BatchNorm(), layers.Flatten(),
         layers.Dense(300), layers.Dense(10)]
net = network.Sequential(chain, (32, 32, 2))
rng = np.random.default_rng(0)
net.fit(rng.random((96, 32, 32, 2), np.float32), rng.integers(0, 10, 96), batch_size=64, progress=False)
logits = net.forward(rng.random((64, 32, 32, 2), np.float32))
all = [logits, net.backward(np.cos(logits)), *net.parameters().values(), *net.state().values()]
print(hashlib.sha256(b"".join(array.tobytes() for array in all)).hexdigest())
"""


def test_a_training_and_loops_of_ones_own_give_the_same_bits_on_any_number_of_threads():
    def digest(count):
        return subprocess.check_output(
            [sys.executable, "-c", TRAINING], env=os.environ | {"OPENBLAS_NUM_THREADS": count}
        )

    assert digest("1") == digest("2") == digest("5")


def test_the_strips_of_a_layer_of_the_course_are_shared_out():
    windows = ops._windows((32, 32), (3, 3), 1, "valid", 1)
    many, one = (len(list(ops._strips(np.zeros((images, 32, 32, 16), "f"), windows))) for images in (32, 1))
    assert many >= 8
    assert one == 1


def test_each_thread_takes_a_piece_and_the_results_keep_their_order(share_out):
    share_out(3)
    together = threading.Barrier(3)

    def operation(number):
        together.wait(60)
        return number, threading.get_ident()

    results = threads.share_out(operation, zip(range(3)))
    assert [number for number, _ in results] == [0, 1, 2]
    assert len({thread for _, thread in results}) == 3


def test_no_one_waits_for_a_thread_that_has_not_begun(share_out):
    share_out(3)
    end, pool = threading.Event(), threads._pool()
    busy = [pool.submit(end.wait, 60) for _ in range(pool._max_workers)]
    try:
        assert threads.share_out(abs, zip(range(-5, 0))) == [5, 4, 3, 2, 1]
        assert not end.is_set()
    finally:
        end.set()
    assert all(each.result() for each in busy)


def test_work_is_shared_out_only_where_there_is_enough(share_out, monkeypatch):
    worth, seen = threads._WORTH_A_PART, []
    share_out(4)
    monkeypatch.setattr(threads, "_WORTH_A_PART", worth)

    def note(part):
        seen.append(len(part))
        return part

    for images in (1, 2, 3, 100):
        threads.in_parts(note, np.zeros((images, worth)))
        assert sum(seen) == images
        assert len(seen) == min(images, 4)
        seen.clear()
    threads.in_parts(note, np.zeros((100, 100)))
    assert seen == [100]


def test_the_librarys_own_threads_are_put_aside_and_come_back():
    before = numbers_of_threads()
    during = threads.share_out(lambda _: [library.num_threads for library in threads._LIBRARIES], zip(range(2)))
    assert during == [[1] * len(threads._LIBRARIES)] * 2
    assert numbers_of_threads() == before


def test_who_allows_the_library_one_thread_gets_one():
    with ThreadpoolController().limit(limits=1):
        assert set(threads.share_out(lambda _: threading.get_ident(), zip(range(9)))) == {threading.get_ident()}


@pytest.mark.parametrize("who", ["the one that asks", "another"])
def test_an_error_in_a_strip_is_the_operations_error(who, share_out):
    share_out(2)
    together, here = threading.Barrier(2), threading.get_ident()

    def operation(_):
        together.wait(60)
        if (threading.get_ident() == here) == (who == "the one that asks"):
            raise ValueError(who)

    with pytest.raises(ValueError, match=who):
        threads.share_out(operation, zip(range(2)))


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
    with ThreadPoolExecutor(4) as several:
        for logits in several.map(trained, range(8)):
            np.testing.assert_array_equal(logits, alone)


FORKED = """
import os, sys
from types import SimpleNamespace
import numpy as np
from cnnlessons import ops, threads
import test_threads
library = SimpleNamespace(num_threads=2)
library.set_num_threads = lambda number: setattr(library, "num_threads", number)
threads._LIBRARIES, threads._WORTH_A_PART, ops._STRIP_BYTES = [library], 1, 500
here = test_threads.trained()
if os.fork() == 0:
    os._exit(not np.array_equal(test_threads.trained(), here))
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, processes are not forked by default")
def test_a_forked_process_has_workers_of_its_own():
    # In a fresh Python: here other tests have started threads, and whoever forks beside those may wait for ever.
    subprocess.run([sys.executable, "-c", FORKED], cwd=Path(__file__).parent, check=True, timeout=600)


def test_two_trainings_at_once_leave_the_library_s_threads_as_they_were():
    before = numbers_of_threads()
    first, second = threading.Event(), threading.Event()

    def come_and_go(mine, other):
        with threads.one_a_product:
            mine.set()
            other.wait(10)

    both = [threading.Thread(target=come_and_go, args=pair) for pair in ((first, second), (second, first))]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert first.is_set()
    assert second.is_set()
    assert numbers_of_threads() == before
