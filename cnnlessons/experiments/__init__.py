"""Many trainings, compared: settings × seeds, one row a run, and intervals for the differences.

A *run* is one training: a setting and a seed. The same seed gives every setting the same images in the same order, the
same noise and the same start of all that is not the setting itself, so two settings are compared seed by seed: runs are
*paired*. Rows are kept in a CSV file at once, so that an experiment that is stopped, by whatever, goes on where it was.

Rooms: *running* (a grid, in several processes), *rows* (the file), *intervals* (what the seeds resolve), and the
experiments of the course, *handcrafted* and *first_layers* (lesson 09), *blocks* (lesson 10), *bakeoff* (lesson 11),
*robust* (lesson 13) and *cue* (lesson 14), which share *classification*, *tuning* and *kept* and are listed in
*catalogue*. Those rows that are recorded are in data/evidence; ``cnnlessons experiment`` makes them. *weights* trains
the networks of `recorded`.

Taught in lessons 09, 11, 13 and 14.
"""

from cnnlessons.experiments.bakeoff import train_contestant
from cnnlessons.experiments.catalogue import EXPERIMENTS, SEEDS, Experiment, evidence, experiment, grid, read, verify
from cnnlessons.experiments.handcrafted import train_stem
from cnnlessons.experiments.intervals import MARKS, compare, holm, interval
from cnnlessons.experiments.running import run
