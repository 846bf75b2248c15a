"""FPGAs: a quantised network as Verilog, its simulation, proofs and synthesis."""
