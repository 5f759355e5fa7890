"""Programs as Argo Workflows: one pod for each statement."""
