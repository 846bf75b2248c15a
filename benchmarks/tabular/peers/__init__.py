"""A contender a file: each has `answer`, and runs where its package is."""
