"""Convolutional networks, one question and one running cell at a time.

Each module is what one or two lessons build: ``from cnnlessons import ops`` and read along.
Importing the package itself loads neither TensorFlow nor matplotlib.
"""

__version__ = "0.1.0"
