"""What a network does with an image, and whether the picture of it can be trusted.

Four rooms: *networks* (layers by name, of either network, and the window that a number sees), *units* (what excites
one), *maps* (which pixels an answer came from) and *controls* (the same network without what it learned, and with a
filter less). Each takes a `network.Sequential` or a `keras.Model`; Keras is imported for the latter only.

Taught in lesson 12.
"""

from cnnlessons.introspection.controls import Probe, ablation, agreement, probe, randomised
from cnnlessons.introspection.maps import RULES, grad_cam, gradient, occlusion
from cnnlessons.introspection.networks import Unit, activations, window
from cnnlessons.introspection.units import Maximised, TopPatches, maximise, top_patches
