"""Kernels in signal terms: which frequencies pass, which are stopped, and in which directions.

A frequency is a pair, along rows (downwards) and along columns (to the right), in cycles per pixel. The *frequency
response* of a kernel is the factor by which **cross-correlation** multiplies a wave: if the image is
``exp(2πi·(f_row·row + f_column·column))``, the feature map is the response at (f_row, f_column) times that wave. Its
magnitude is the *gain*, its angle the phase. Convolution flips the kernel first, and its response is the complex
conjugate: same gain, opposite phase (with an even kernel and padding "same", but for a shift by one pixel).

`signal_terms` (lesson 01) names kernels whose weights were chosen and sum to exactly what they should; `describe`
(lesson 08) names learned ones, by fitting derivatives of a Gaussian and Gabor functions, and says how much they leave.
"""

from cnnlessons.spectra.descriptions import KernelDescription, describe
from cnnlessons.spectra.names import DerivativeFit, GaborFit
from cnnlessons.spectra.response import SignalTerms, frequencies, frequency_response, response_at, signal_terms
