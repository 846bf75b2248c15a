"""Frequencies of a curve at scattered inputs: the least-squares periodogram with a floating mean.

The share of variance that `A sin + B cos + d` explains at every frequency (Zechmeister & Kürster, A&A 496, 577, 2009); its
sums over the inputs come from two Fourier transforms of the inputs' histogram (Press & Rybicki, ApJ 338, 277, 1989).
"""

import numpy as np
from scipy.fft import rfft

from splinework.interpret.symbolic.function import Array

CELLS = 2048
"""Cells of the histogram: a frequency of f cycles over the span is weakened by sinc(f/CELLS)."""
OVERSAMPLING = 4
"""Frequencies per resolvable one: a peak is about one cycle over the span wide."""
PEAKS = 2


def periodogram(t: Array, y: Array, weights: Array) -> tuple[Array, Array, Array]:
    """The share of variance that a sine of each frequency explains, and the phase of the best one.

    Args:
        t: Inputs between 0 and 1, `(N,)`.
        y: Values, `(N,)`.
        weights: Sum to 1, `(N,)`.

    Returns:
        Frequencies in cycles over the span, from 1/4 in steps of 1/4 to a quarter of the inputs' number, at most `CELLS/16`;
        shares; and phases b of `sin(2π f t + b)`; each `(K,)`.
    """
    residual = y - weights @ y
    index = np.minimum((t * CELLS).astype(np.int64), CELLS - 1)
    size = CELLS * OVERSAMPLING
    mass = rfft(np.bincount(index, weights, CELLS), size)
    drawn = rfft(np.bincount(index, weights * residual, CELLS), size)
    top = int(np.clip(len(t) / 4, 2, CELLS / 16) * OVERSAMPLING)
    k = np.arange(1, top + 1)
    # a cell stands for its middle: the clock runs half a cell late
    c, s, yc, ys = mass[k].real, -mass[k].imag, drawn[k].real, -drawn[k].imag
    cc = (1 + mass[2 * k].real) / 2 - c**2
    ss = (1 - mass[2 * k].real) / 2 - s**2
    cs = -mass[2 * k].imag / 2 - c * s
    determinant = cc * ss - cs**2
    total = float(weights @ residual**2)
    with np.errstate(all="ignore"):
        cosine, sine = (ss * yc - cs * ys) / determinant, (cc * ys - cs * yc) / determinant
        share = (cosine * yc + sine * ys) / total
    share = np.where((determinant > 1e-9) & np.isfinite(share), np.clip(share, 0, 1), 0.0)
    return k / OVERSAMPLING, share, np.arctan2(cosine, sine) - np.pi * k / (OVERSAMPLING * CELLS)


def sines(t: Array, y: Array, weights: Array) -> list[tuple[float, float, float]]:
    """For the highest peaks: rate a and phase b of `sin(a t + b)`, and the share of variance left, least first."""
    frequency, share, phase = periodogram(t, y, weights)
    padded = np.concatenate([[-1.0], share, [-1.0]])
    peaks = np.flatnonzero((share >= padded[:-2]) & (share >= padded[2:]) & (share > 0))
    highest = peaks[np.argsort(-share[peaks])][:PEAKS]
    return [(2 * np.pi * float(frequency[n]), float(phase[n]), 1 - float(share[n])) for n in highest]
