"""What is said on stderr beside what went wrong: what would do, and a command that works."""
