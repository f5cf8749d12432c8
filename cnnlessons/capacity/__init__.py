"""How much a layer holds, counted: what comes out for what goes in, what can be had back, and what is there twice.

Five rooms: *counting* (one patch, one image), *operator* (the first layer as one matrix on whole images, and its
singular values), *reconstruction* (images from activations, and images that a layer cannot tell apart), *activations*
and *redundancy* (what the activations and the filters repeat).

Taught in lessons 05 (filters that do the same job), 10 and 13.
"""

from cnnlessons.capacity.activations import (
    NeighbourCorrelation,
    components_that_carry,
    effective_rank,
    neighbour_correlation,
    variance_shares,
    zero_shares,
)
from cnnlessons.capacity.counting import StemCounts, patch_matrix, stem_counts
from cnnlessons.capacity.operator import (
    OperatorSpectrum,
    operator_matrix,
    operator_spectrum,
    periodic_conv2d,
    periodic_conv2d_backward,
)
from cnnlessons.capacity.reconstruction import (
    NullSpaceImages,
    Reconstruction,
    invert,
    null_space_image,
    null_space_part,
    reconstruct,
)
from cnnlessons.capacity.redundancy import duplicates, merge, similarities
