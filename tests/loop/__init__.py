"""What `make test PART=…`, `make check` and `make test-all` run: choosing tests, bounding them, going on after a stop."""
