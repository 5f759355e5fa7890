"""TO MAXIMIZE and TO MINIMIZE: coefficients from the SQL engine, a sparse problem, solvers."""
