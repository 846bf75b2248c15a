"""The one language of formulas: reading, evaluating, differentiating, enclosing and writing them; units."""
