"""Trainers: each library or family of estimators is the module of its name, beside what it is made of."""
