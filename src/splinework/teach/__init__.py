"""Teaching: what is known beforehand, simulators and other models make a network better than its rows alone would."""
