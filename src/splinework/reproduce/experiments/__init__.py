"""The experiments: one module is one, and its recipe is called EXPERIMENT."""
