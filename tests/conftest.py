"""Settings for every test."""

from hypothesis import settings

# A shared machine can pause for longer than any deadline that would still mean something.
settings.register_profile("course", deadline=None)
settings.load_profile("course")
