"""Machine learning behind the clauses."""
