"""Many requests in one file, answered by workers: OpenAI's files and batches."""
