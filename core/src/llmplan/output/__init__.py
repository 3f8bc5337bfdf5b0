"""From estimates to text: the JSON contract, the report for people, and files."""
