"""Formulas straight from data: what its symmetries, powers and sums give away before any network is fitted."""
