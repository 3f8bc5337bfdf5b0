"""The page of ``llmplan serve``: the same questions and answers as the command line, in a browser on this machine."""
