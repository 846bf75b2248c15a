"""The same answers on every processor: the numerical tests under each path that a library or the kernels can take."""
