"""What explains or proves, and no call needs."""
