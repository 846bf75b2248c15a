"""From a trained network to a verified artefact: FPGAs, analogue arrays, microcontrollers.

A quantised network is tables and exact sums (`integer`); every artefact is compared with that golden model.
"""
