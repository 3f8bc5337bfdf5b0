"""What NVIDIA accelerators reach of their peaks, from a folder of timings: ``python -m calibration FOLDER``."""
