"""Integer dtypes, w4a4e16 to w16a16e32, for llmplan."""
