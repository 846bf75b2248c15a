"""`python -m tests.attack --seed 0 --models 1000`: exit code 1 where a verdict is false or a forged certificate is accepted."""

import argparse
import sys
import warnings

from tests.attack.campaign import Report, attack


def main() -> int:
    """Runs the campaign and prints what it found."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--models", type=int, default=1000, help="seeds, of three models each")
    parser.add_argument("--budget", type=float, default=1.0, help="units of work for the claims of a model")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    report = Report()
    for seed in range(given.seed, given.seed + given.models):
        before = len(report.failures)
        attack(range(seed, seed + 1), budget=given.budget, report=report)
        for failure in report.failures[before:]:
            print(failure, flush=True)
        if seed % 25 == 24:
            print(f"seed {seed}: {sum(report.verdicts.values())} claims, {len(report.failures)} failures", flush=True)
    print(report)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
