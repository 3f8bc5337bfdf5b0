"""What several launchers share: tables of their words, shell scripts, YAML, what a plan says."""
