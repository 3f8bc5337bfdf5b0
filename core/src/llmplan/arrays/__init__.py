"""Numbers and arrays of them: what lets one formula price a plan and a million plans."""
