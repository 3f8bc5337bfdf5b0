"""What there is to choose from: ``llmplan list`` and ``llmplan show``."""
