"""Networks as analogue circuits: floating-gate transistors, their imperfections, calibration and noise-aware training.

`ekv` models the transistor, `circuits` the elements built from it, `network` a network of these; `convert` makes one from a KAN.
"""
