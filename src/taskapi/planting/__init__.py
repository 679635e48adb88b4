"""Tasks written many at a time past the endpoints: by the same rules, and with their histories."""
