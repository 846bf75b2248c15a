"""The network: layers, nodes, scaling, derivatives in the inputs, formulas around it, one file that holds it."""
