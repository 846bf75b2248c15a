"""Floating-gate cells as a memory, and analogue circuits in ngspice and over temperature: parts of the analogue benchmarks."""
