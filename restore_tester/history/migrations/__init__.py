"""How the tables came to be what they are, step by step. Each step in `versions/` stays as it was released."""
