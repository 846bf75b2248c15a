"""The network: layers, nodes, scaling, derivatives in the inputs, formulas around it, and its file."""
