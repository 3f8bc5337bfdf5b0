"""Apple silicon, with the programs that run on it, for llmplan."""
