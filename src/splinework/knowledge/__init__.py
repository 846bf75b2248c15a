"""What is known beforehand: axioms, their proofs, and training under them."""
