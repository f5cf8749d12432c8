"""Panels to explore with: widgets around plain functions, which a lesson or a test can call without any widget.

``panels.stepper()`` and ``panels.kernel_editor()`` make a panel; everything it shows comes from the functions beside
it, such as ``from cnnlessons.panels.stepper import step``.
"""

from cnnlessons.panels.kernel_editor import kernel_editor
from cnnlessons.panels.stepper import stepper

__all__ = ["kernel_editor", "stepper"]
