"""Convolutional networks, one question and one running cell at a time.

Each module is what one or two lessons build: ``from cnnlessons import ops`` and read along.
Importing the package itself loads neither TensorFlow nor matplotlib.
"""

import os

__version__ = "0.1.0"

# The course's own folder in Keras's: the keras.json beside it may ask for another backend, data format or float type.
_keras_home = os.path.expanduser(os.environ.get("KERAS_HOME") or os.path.join("~", ".keras"))
if os.path.basename(_keras_home) != "cnnlessons":
    os.environ["KERAS_HOME"] = os.path.join(_keras_home, "cnnlessons")
