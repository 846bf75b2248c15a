"""Prints what splinework requires, with the packages of the extras that are named, for `pip install --requirement`.

Run: python .ci/requirements.py [EXTRA,EXTRA]
"""

import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = [name for argument in sys.argv[1:] for name in argument.split(",")]
print(*project["dependencies"], *(line for name in extras for line in project["optional-dependencies"][name]), sep="\n")
