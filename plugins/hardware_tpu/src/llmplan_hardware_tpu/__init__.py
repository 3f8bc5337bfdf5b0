"""Google TPUs, v4 to v7, with the programs that run on them, for llmplan."""
