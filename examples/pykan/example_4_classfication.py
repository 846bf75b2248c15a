"""Two moons: a classifier, and a formula that classifies.

pykan's Example_4_classfication: test accuracy 0.998, that of its formula 0.997 (by regression) and 0.881 (by classes)
"""

import numpy as np
from sklearn.datasets import make_moons

import splinework as sw

x, y = make_moons(1000, noise=0.1, random_state=0)
test_x, test_y = make_moons(1000, noise=0.1, random_state=1)
accuracy = sw.KANClassifier().fit(x, y).score(test_x, test_y)
table = sw.discover_classes(x, y, budget=60, progress=False)
print(table.best)
by_formula = np.mean((table.best.numpy()(test_x) > 0.5) == test_y)
print(f"test accuracy {accuracy:.3f}, by the formula {by_formula:.3f}")
assert accuracy >= 0.998
assert by_formula >= 0.997
