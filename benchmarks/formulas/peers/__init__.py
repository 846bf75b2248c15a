"""One contender, one file. A file is run by path, in the environment where its package lies; only ours knows splinework.

Each has `answer(x, y, fresh, wide, names, budget, seed, threads, say)`, which passes to `say` every formula that it would give
if it were stopped now: Python arithmetic over `names`, or over `columns`, which it then names in the same order.
"""
