"""Real servers that stand for AWS's services in tests, each started by the suite and stopped with it; a file for each."""
