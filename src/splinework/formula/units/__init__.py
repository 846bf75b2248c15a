"""Physical dimensions as rational vectors over base units: parsing, and Buckingham's dimensionless groups."""
