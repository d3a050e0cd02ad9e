"""Parts of stacks that are too long for one file."""
