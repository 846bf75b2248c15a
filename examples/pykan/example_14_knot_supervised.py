"""The signature of knots as a class, from 17 invariants by one hidden node; which of them carry it.

The knots of the notebook are not in a package; here are the 2945 with up to 12 crossings of KnotInfo (the extra `knots`).

pykan's Example_14_knot_supervised: no output is kept; in the paper accuracy 0.816 on other knots, and three inputs that carry it
"""

from splinework.reproduce import recipe

knots = recipe("knots")
every, three = (knots.run({"model": model, "seed": 0, "steps": 150}) for model in ("all", "three"))
assert "missing" not in every, every["missing"]
scores = sorted(zip(every["scores"], every["names"], strict=True), reverse=True)
print("inputs:", ", ".join(f"{name} {score:.2f}" for score, name in scores[:5]))
print(
    f"accuracy {every['accuracy']:.3f} by 17 invariants, {three['accuracy']:.3f} by three; most knots' class {0.46:.2f}"
)
assert every["accuracy"] > three["accuracy"]
