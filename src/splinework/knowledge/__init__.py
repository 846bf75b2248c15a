"""Prior knowledge: axioms, their verification, and training under them."""
