"""Intel Gaudi accelerators, with the programs that run on them, for llmplan."""
