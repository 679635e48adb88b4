"""What is old, put away for good: the audit and the log, compressed, each with its checksum."""
