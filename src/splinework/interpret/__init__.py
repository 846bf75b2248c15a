"""Model -> new model, and model -> reading: editing, scores, symbolic edges."""
