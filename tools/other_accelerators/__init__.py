"""Curves of AMD, Google, Intel and Apple accelerators, from timings; see ``__main__``."""
