"""Targets drawn by written rules, cases of rows and noise, models beside each other: the parts of bench_panel.py."""
