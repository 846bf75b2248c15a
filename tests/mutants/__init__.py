"""Faults planted in the files where a lost margin costs a user most, one at a time, and the share of them that the tests find."""
