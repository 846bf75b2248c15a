"""Units as rational vectors over base units: reading them, and Buckingham's dimensionless products."""
