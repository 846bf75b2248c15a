"""Optuna with two objectives: a small error and few edges. What comes out is a front to choose from, not one winner.

Trials draw a shape, a grid and a threshold; `prune` drops the edges below it, and what is left is fitted again.

Run: python examples/interoperation/optuna_search.py (about a minute on one core; needs the package optuna)
"""

import argparse
import warnings

import optuna
import torch
from torch import Tensor

import splinework as sw

NAMES = ["a", "b", "c", "d"]


def rows(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Four columns of which one plays no part, and some noise."""
    x = 2 * torch.rand(count, 4, generator=generator, dtype=torch.float64) - 1
    y = torch.exp(torch.sin(torch.pi * x[:, 0]) + x[:, 1] ** 2) + 0.3 * x[:, 2]
    return x, y[:, None] + 0.02 * torch.randn(count, 1, generator=generator, dtype=torch.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three trials")
    trials = 3 if parser.parse_args().quick else 16
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    generator = torch.Generator().manual_seed(0)
    (x, y), (test_x, test_y) = rows(400, generator), rows(1000, generator)

    def objective(trial: optuna.Trial) -> tuple[float, int]:
        hidden = trial.suggest_int("hidden", 0, 4)
        shape = [4, hidden, 1] if hidden else [4, 1]
        grid = trial.suggest_int("grid", 2, 8)
        model = sw.KAN(shape, grid=grid, names=NAMES, generator=generator, dtype=torch.float64)
        fitted = sw.fit(model, x, y, grids=None, degree="keep", steps=60, starts=2, progress=False).model
        small = sw.prune(fitted, x, edges=trial.suggest_float("threshold", 1e-3, 0.2, log=True))
        if 0 < small.active_edges() < fitted.active_edges():
            small = sw.fit(small, x, y, grids=None, degree="keep", steps=30, progress=False).model
        with torch.no_grad():
            error = float((small(test_x) - test_y).square().mean().sqrt())
        trial.set_user_attr("columns", ", ".join(small.active_inputs()))
        return error, small.active_edges()

    study = optuna.create_study(directions=["minimize", "minimize"], sampler=optuna.samplers.TPESampler(seed=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sw.FitWarning)  # a trial may be too small for the data: that is the question
        study.optimize(objective, n_trials=trials)
    front = sorted(study.best_trials, key=lambda trial: trial.values[1])
    print(f"{len(front)} of {trials} trials are best for their number of edges (noise 0.02):")
    print(f"{'edges':>5s} {'RMSE':>8s} {'hidden':>6s} {'grid':>4s}  columns in use")
    for trial in front:
        error, edges = trial.values
        print(
            f"{edges:5.0f} {error:8.4f} {trial.params['hidden']:6d} {trial.params['grid']:4d}  {trial.user_attrs['columns']}"
        )


if __name__ == "__main__":
    main()
