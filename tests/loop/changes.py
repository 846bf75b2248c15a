"""Which files differ from a commit, those that git does not know yet among them."""

import subprocess

from tests.loop.parts import ROOT


def base(named: str = "") -> str:
    """The commit to compare with: the one named, else where this branch left main, else the commit before the last.

    On main with changes that are not committed it is the last commit.
    """
    if named:
        return _git("rev-parse", "--verify", "--quiet", f"{named}^{{commit}}") or _unknown(named)
    head = _git("rev-parse", "HEAD")
    for trunk in ("origin/main", "main"):
        if (fork := _git("merge-base", "HEAD", trunk)) and (fork != head or changed(head)):
            return fork
    return head if changed(head) else _git("rev-parse", "HEAD~1") or head


def changed(commit: str) -> list[str]:
    """Files that were added, changed or deleted since the commit, relative to the root."""
    known = _git("diff", "--name-only", "--no-renames", commit, "--").splitlines()
    new = _git("ls-files", "--others", "--exclude-standard").splitlines()
    return sorted({*known, *new})


def describe(commit: str) -> str:
    """The commit's short number and first line."""
    return _git("log", "-1", "--format=%h %s", commit)


def _unknown(named: str) -> str:
    raise SystemExit(f"There is no commit {named!r} here: BASE is a branch, a tag or a commit's number.")


def _git(*words: str) -> str:
    """What git prints, and nothing where it fails."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
