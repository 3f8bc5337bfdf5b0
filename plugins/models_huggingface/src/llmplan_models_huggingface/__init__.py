"""Models from the configuration and weight files of Hugging Face checkpoints."""
