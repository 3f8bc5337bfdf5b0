"""The accounting behind the published LLaMA tables, for llmplan."""
