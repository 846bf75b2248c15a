"""An attack on certificates: random models and claims near the truth, and certificates that are forged; `python -m tests.attack`."""
