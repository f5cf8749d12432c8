"""Panels to explore with: widgets around plain functions, which a lesson or a test can call without any widget.

``panels.stepper()`` makes a panel, an ipywidgets box, and so do the other functions listed here; everything it shows
comes from the functions beside it, such as ``from cnnlessons.panels.stepper import step``. What a panel cannot show is
refused with a ValueError or TypeError that says why.
"""

from cnnlessons.panels.attack_lab import attack_lab
from cnnlessons.panels.bakeoff_browser import bakeoff_browser
from cnnlessons.panels.columns_stepper import columns_stepper
from cnnlessons.panels.digit_pad import digit_pad
from cnnlessons.panels.gabor_explorer import gabor_explorer
from cnnlessons.panels.gradient_stepper import gradient_stepper
from cnnlessons.panels.initialisation_explorer import initialisation_explorer
from cnnlessons.panels.kernel_editor import kernel_editor
from cnnlessons.panels.kernel_reader import kernel_reader
from cnnlessons.panels.shape_explorer import shape_explorer
from cnnlessons.panels.sleeping_cue import sleeping_cue
from cnnlessons.panels.stem_builder import stem_builder
from cnnlessons.panels.stem_explorer import stem_explorer
from cnnlessons.panels.stepper import stepper
from cnnlessons.panels.training_dashboard import training_dashboard
from cnnlessons.panels.two_networks import two_networks
from cnnlessons.panels.unit_browser import unit_browser
