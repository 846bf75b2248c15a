"""Differential equations: read, built into an ansatz, and solved; `splinework.knowledge.teach.pde` is the entry point."""
