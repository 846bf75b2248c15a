"""`python -m splinework`: the command line."""

from splinework.cli import main

if __name__ == "__main__":
    main(prog_name="splinework")
