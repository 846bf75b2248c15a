"""Conserved quantities found from trajectories alone: energies, angular momentum, and how many are independent.

The first two are those of KAN 2.0 (Liu et al. 2024b, arXiv 2408.10205, §5: harmonic oscillators in one and two dimensions);
then a pendulum with 1 % noise, Lotka and Volterra's populations, and Kepler's orbits. Neither time nor masses nor equations are
given. `splinework reproduce conserved-quantities` compares the same systems with the paper.

pykan's Physics_2A_conservation_law: x² + p²
pykan's Physics_2B_conservation_law_2D: one of three quantities for each of three seeds

Run: python examples/conserved_quantities.py (ten seconds)
"""

from splinework.discover import discover_conserved
from splinework.reproduce.experiments.conserved_quantities import SYSTEMS, is_known, trajectories

for system in SYSTEMS.values():
    table = discover_conserved(trajectories(system), names=list(system.names))
    print(system.title, *table.rows, table.notes[0], sep="\n    ")
    for formula in system.expected:
        assert is_known(system, formula, [row.expression for row in table.rows]), formula
    assert len(table.rows) >= system.count
print("every known quantity was found")
