"""An attack on certificates: random models, claims near the truth, forged certificates; `python -m tests.attack`."""
