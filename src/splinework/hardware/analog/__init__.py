"""Networks as analogue circuits: transistors with floating gates, the memory in them, what goes wrong and what is done about it.

`ekv` is the transistor, `circuits` the elements made of it, `network` a network of them; `convert` makes one from a trained KAN.
"""
