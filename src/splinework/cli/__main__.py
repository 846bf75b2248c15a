"""`python -m splinework.cli`: the command line without its entry point."""

from splinework.cli import main

if __name__ == "__main__":
    main(prog_name="splinework")
