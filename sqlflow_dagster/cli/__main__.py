"""``python -m sqlflow_dagster.cli``."""

from sqlflow_dagster.cli import main

# The processes of a run's steps import this module too, under another name.
if __name__ == "__main__":
    main(prog_name="sqlflow")
