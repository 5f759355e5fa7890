"""Feature specifications: derived once at training, stored with the model, reused ever after."""
