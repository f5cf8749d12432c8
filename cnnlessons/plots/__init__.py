"""Arrays or a network in, Figure out; no arithmetic on what is shown.

One style for the whole course: photographs in grey, magnitudes in viridis (perceptually even), signed values in a
diverging map whose white is zero, kernels always with their numbers, labels readable from the back of a room, colours
that colour-blind readers can tell apart. Every function returns a `Picture`, a matplotlib figure outside pyplot's
state, so that a notebook shows it exactly once, as the value of its cell, with words for those who do not see it.

Three rooms: *paper* (the style and the words), *charts* (numbers) and *diagrams* (how a network is built).

Used from lesson 01 on.
"""

from cnnlessons.plots.charts import (
    answers,
    bars,
    confusion,
    curves,
    descents,
    grids,
    images,
    intervals,
    log_curves,
    mosaic,
    points,
    responses,
)
from cnnlessons.plots.diagrams import (
    filter_over_channels,
    graph,
    kinds,
    layer_in_colour,
    stack_of_maps,
    there_and_back,
    windows_on_pixel,
)
from cnnlessons.plots.paper import (
    BLUE,
    GREEN,
    GREY,
    MAGNITUDE,
    ORANGE,
    PHOTOGRAPH,
    PURPLE,
    SIGNED,
    SKY,
    STYLE,
    VERMILLION,
    Picture,
    colour_table,
    number_text,
)
