"""Two moons: a classifier, and a formula that classifies.

pykan's Example_4_classfication: test accuracy 0.998, that of its formula 0.997 (by regression) and 0.881 (by classes)
"""

from splinework.reproduce import recipe

classes = recipe("decision-boundaries")
network = classes.run({"task": "moons", "method": "ours", "seed": 0})
read = classes.run({"task": "formula", "method": "ours", "budget": 60, "seed": 0})
print(f"{read['formula']}\ntest accuracy {network['right']:.3f}, by the formula {read['right']:.3f}")
assert network["right"] >= 0.998
assert read["right"] >= 0.997
