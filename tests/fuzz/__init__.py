"""Fuzzing by structure: valid files and valid texts, changed a little, must be read or refused by a sentence.

A failure is an exception that is no `SplineworkError`, a message beyond its length, more than 5 seconds, or 500 MB more memory.
`changes.py` changes values, texts and bytes; `subjects.py`, `tables.py` and `documents.py` have a target for each thing that is
read, listed in `targets.py`; `cases.py` runs them. A case is made of the target, the seed and its number alone, so that a
failure can be repeated.
"""
