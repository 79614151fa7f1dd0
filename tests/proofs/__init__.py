"""What takes longer to prove than a test may."""
