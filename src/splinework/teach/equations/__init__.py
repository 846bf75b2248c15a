"""Differential equations: read, built into an ansatz, and solved; `splinework.teach.pde` is the door."""
