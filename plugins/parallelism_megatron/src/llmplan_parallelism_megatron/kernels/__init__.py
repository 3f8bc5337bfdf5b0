"""Seconds of kernels on one rank."""
