"""AMD Instinct accelerators, MI210 to MI355X, with the programs that run on them, for llmplan."""
